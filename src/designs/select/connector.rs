//! Calling: waits for no address. Only the look-up of a name blocks: while it lasts, this design does nothing.

use crate::designs::connect::{Calls, Progress, look_up};
use crate::rules::calling::{Call, Calling};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// A call that nobody has answered yet.
pub(super) struct Connector {
    call: Call,
    calls: Calls,
    /// The addresses, as they were looked up last.
    found: Vec<SocketAddr>,
    /// Whether these are used again. A look-up for each further call, while the network is gone, would keep the user from leaving.
    uses_found: bool,
}

impl Connector {
    /// Nothing happens before [`go_on`](Self::go_on).
    pub(super) fn new(call: Call, now: Instant) -> Self {
        let calls = Calls::new(Calling::new(call.clone(), now));
        Self { call, calls, found: Vec::new(), uses_found: false }
    }

    /// Calls once more, when the last call is over.
    pub(super) fn call_again(&mut self, now: Instant) {
        self.calls = Calls::new(Calling::again(self.call.clone(), now));
        self.uses_found = !self.found.is_empty();
    }

    /// What becomes writable when an address has answered or refused.
    pub(super) fn to_connect(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.calls.sockets().map(AsFd::as_fd)
    }

    /// When to [go on](Self::go_on) although nothing has become writable.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.calls.deadline()
    }

    /// A socket has become writable, or time has passed.
    pub(super) fn go_on(&mut self) -> Progress {
        let (found, uses_found) = (&mut self.found, self.uses_found);
        self.calls.go_on(|call| {
            if !uses_found {
                *found = look_up(call)?;
            }
            Ok(found.clone())
        })
    }
}
