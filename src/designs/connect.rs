//! Calling somebody: whom, how patiently, and what is said when nobody answers.

use crate::designs::net::Address;
use crate::rules::errors;
use crate::rules::notice::Notice;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long to wait before the next attempt.
pub const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Whom to call, and how patiently.
#[derive(Debug, Clone)]
pub struct Call {
    /// Every address the name has is tried.
    pub address: Address,
    /// How long each of them may take.
    pub timeout: Duration,
    /// For how long to keep trying until somebody listens.
    pub wait: Option<Duration>,
}

/// Attempts to reach somebody. Each tries all addresses.
#[derive(Debug)]
pub struct Attempts {
    /// Whom to call, and how patiently.
    pub call: Call,
    until: Option<Instant>,
    /// The user has been told that it takes more than one.
    told: bool,
    /// Why the addresses of this attempt cannot be used.
    reasons: Vec<String>,
}

impl Attempts {
    /// The first begins now.
    #[must_use]
    pub fn new(call: Call, now: Instant) -> Self {
        Self { until: call.wait.map(|wait| now + wait), call, told: false, reasons: Vec::new() }
    }

    /// Nobody was reached at this address.
    pub fn refused(&mut self, address: SocketAddr, error: &io::Error) {
        self.reasons.push(format!("cannot connect to {address}: {error}{}", errors::hint(error)));
    }

    /// Tries all addresses, one after the other, each for as long as it may take: a whole attempt.
    pub fn try_once(&mut self) -> Option<(TcpStream, SocketAddr)> {
        for address in self.look_up() {
            match connect(address, self.call.timeout) {
                Ok(socket) => return Some((socket, address)),
                Err(error) => self.refused(address, &error),
            }
        }
        None
    }

    /// The addresses to try. The look-up of a name takes as long as the system likes.
    pub fn look_up(&mut self) -> Vec<SocketAddr> {
        self.call.address.resolve().unwrap_or_else(|reason| {
            self.reasons.push(reason);
            Vec::new()
        })
    }

    /// All addresses have been tried in vain. The next attempt is due after [`RETRY_AFTER`]; the first time the user
    /// is to be told.
    ///
    /// # Errors
    /// It was the last one: sentences for the user.
    pub fn next(&mut self, now: Instant) -> Result<Option<Notice>, String> {
        let reason = std::mem::take(&mut self.reasons).join("\n");
        let (Some(wait), Some(until)) = (self.call.wait, self.until) else {
            return Err(reason + "\nTo keep trying until somebody listens, add --wait SECONDS.");
        };
        if now + RETRY_AFTER >= until {
            return Err(format!("{reason} (tried for {} s)", wait.as_secs_f64()));
        }
        let first = !std::mem::replace(&mut self.told, true);
        Ok(first.then(|| Notice::KeepTrying { address: self.call.address.to_string(), wait }))
    }
}

fn connect(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, timeout)?;
    not_oneself(socket.local_addr()?, socket.peer_addr()?)?;
    Ok(socket)
}

/// Where nobody listens on a port of this machine, the system may choose that very port for our end; TCP then
/// connects the socket with itself. Nobody is there, and whoever wants to listen finds the port in use.
///
/// # Errors
/// `ConnectionRefused`, if both ends have the same address.
pub fn not_oneself(ours: SocketAddr, theirs: SocketAddr) -> io::Result<()> {
    if ours == theirs { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}
