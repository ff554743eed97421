//! The connector: looks up a name and calls, both of which can take long.

use super::event::{ConsoleEvent, Event, ToMain};
use crate::designs::connect::{Attempts, Call, RETRY_AFTER};
use crate::rules::failure::Failure;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::convert::Infallible;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// Calls until somebody answers, the time is up, or the sender of `stop` is dropped. An error is a sentence for the
/// user.
pub(super) fn run(
    call: Call,
    stop: &Receiver<Infallible>,
    to_main: &ToMain<Event>,
) -> Result<(TcpStream, SocketAddr), Failure> {
    let mut attempts = Attempts::new(call, Instant::now());
    loop {
        if let Some(connected) = attempts.try_once() {
            return Ok(connected);
        }
        if let Some(notice) = attempts.next(Instant::now())? {
            to_main.send(ConsoleEvent::Report(notice));
        }
        if stop.recv_timeout(RETRY_AFTER) == Err(RecvTimeoutError::Disconnected) {
            return Err("not connected".into());
        }
    }
}
