//! The connector: looks up a name and calls, both of which can take long.

use super::event::Event;
use crate::net::{self, Address};
use crate::notice::Notice;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long to wait before the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(200);

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

impl Call {
    /// Calls until it succeeds or the time is up, or the sender of `stop` is dropped. An error is a sentence
    /// for the user.
    pub(super) fn run(
        &self,
        stop: &Receiver<Infallible>,
        to_main: &Sender<Event>,
    ) -> Result<(TcpStream, SocketAddr), String> {
        let until = self.wait.map(|wait| Instant::now() + wait);
        let mut said = false;
        loop {
            let reason = match self.try_once() {
                Ok(connected) => return Ok(connected),
                Err(reason) => reason,
            };
            let (Some(wait), Some(until)) = (self.wait, until) else {
                return Err(reason + "\nTo keep trying until somebody listens, add --wait SECONDS.");
            };
            if Instant::now() + RETRY_AFTER >= until {
                return Err(format!("{reason} (tried for {} s)", wait.as_secs_f64()));
            }
            if !std::mem::replace(&mut said, true) {
                let _ = to_main.send(Event::Tell(Notice::KeepTrying { address: self.address.clone(), wait }));
            }
            if stop.recv_timeout(RETRY_AFTER) == Err(RecvTimeoutError::Disconnected) {
                return Err(reason);
            }
        }
    }

    fn try_once(&self) -> Result<(TcpStream, SocketAddr), String> {
        let mut reasons = Vec::new();
        for address in self.address.resolve()? {
            match TcpStream::connect_timeout(&address, self.timeout).and_then(not_oneself) {
                Ok(socket) => return Ok((socket, address)),
                Err(error) => {
                    reasons.push(format!("cannot connect to {address}: {error}{}", net::remedy(&error)));
                }
            }
        }
        Err(reasons.join("\n"))
    }
}

/// Where nobody listens on a port of this machine, the system may choose that very port for our end; TCP then
/// connects the socket with itself. Nobody is there, and whoever wants to listen finds the port in use.
fn not_oneself(socket: TcpStream) -> io::Result<TcpStream> {
    if socket.local_addr()? == socket.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(socket)
}
