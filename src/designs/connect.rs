//! Calling somebody: whom, how patiently, and what to report when nobody answers.

use crate::designs::net;
use crate::rules::address::Address;
use crate::rules::errors;
use crate::rules::failure::Failure;
use crate::rules::notice::Notice;
use crate::rules::settings::Caller;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long to wait before the next attempt.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Whom to call, and how patiently.
#[derive(Debug, Clone)]
pub struct Call {
    /// Whom to call: each address of its host, in turn.
    pub address: Address,
    /// How long each of these addresses may take to answer.
    pub timeout: Duration,
    /// How long to retry until somebody listens.
    pub wait: Option<Duration>,
    /// Who calls, and whether to call again when the connection breaks.
    pub caller: Caller,
}

/// Attempts to reach somebody. Each tries all addresses.
pub(crate) struct Attempts {
    pub(crate) call: Call,
    until: Option<Instant>,
    /// The rules decide when to call again.
    is_repeated: bool,
    /// The user knows that we retry.
    reported: bool,
    /// Why this attempt could not use the addresses.
    reasons: Vec<String>,
    /// An address was tried, so that somebody may listen there later.
    found: bool,
}

impl Attempts {
    pub(crate) fn new(call: Call, now: Instant) -> Self {
        Self {
            until: call.wait.map(|wait| now + wait),
            call,
            is_repeated: false,
            reported: false,
            reasons: Vec::new(),
            found: false,
        }
    }

    /// One attempt, because the connection broke that an earlier call led to.
    pub(crate) fn again(call: Call, now: Instant) -> Self {
        Self { is_repeated: true, ..Self::new(Call { wait: None, ..call }, now) }
    }

    /// Nobody answered at this address.
    pub(crate) fn refused(&mut self, address: SocketAddr, error: &io::Error) {
        self.found = true;
        self.reasons.push(format!("cannot connect to {address}: {error}{}", errors::hint_at(address, error)));
    }

    /// Makes a whole attempt: tries one address after the other, each until it answers or its time is up.
    pub(crate) fn try_once(&mut self) -> Option<(TcpStream, SocketAddr)> {
        for address in self.look_up() {
            match connect(address, self.call.timeout) {
                Ok(socket) => return Some((socket, address)),
                Err(error) => self.refused(address, &error),
            }
        }
        None
    }

    /// The addresses to try. The system sets no limit to how long the look-up of a name takes.
    pub(crate) fn look_up(&mut self) -> Vec<SocketAddr> {
        net::resolve(&self.call.address).unwrap_or_else(|reason| {
            self.reasons.push(reason.to_string());
            Vec::new()
        })
    }

    /// No address answered. Make the next attempt after [`RETRY_AFTER`], and show the user the notice, if there is one.
    ///
    /// # Errors
    /// There is no next attempt: sentences for the user.
    pub(crate) fn next(&mut self, now: Instant) -> Result<Option<Notice>, Failure> {
        let reason = std::mem::take(&mut self.reasons).join("\n");
        let (Some(wait), Some(until)) = (self.call.wait, self.until) else {
            let hint = "\nTo keep trying until somebody listens, add --wait SECONDS.";
            return Err((reason + if self.found && !self.is_repeated { hint } else { "" }).into());
        };
        if now + RETRY_AFTER >= until {
            return Err(format!("{reason} (tried for {} s)", wait.as_secs_f64()).into());
        }
        let first = !std::mem::replace(&mut self.reported, true);
        Ok(first.then(|| Notice::KeepTrying { address: self.call.address.to_string(), wait }))
    }
}

fn connect(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, timeout)?;
    not_oneself(socket.local_addr()?, socket.peer_addr()?)?;
    Ok(socket)
}

/// Fails if both ends have the same address. If nobody listens on a port of this machine, the system may choose that very
/// port for our end, and TCP then connects the socket to itself.
pub(crate) fn not_oneself(ours: SocketAddr, theirs: SocketAddr) -> io::Result<()> {
    if ours == theirs { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}
