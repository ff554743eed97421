//! The one place that waits: for everything at once.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// What has become possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    Signal,
    /// To read what was typed.
    Keyboard,
    /// To read what the peer sent.
    Received,
    /// To write more to the peer.
    Peer,
    Caller,
    /// To continue with a caller who is being turned away.
    TurnedAway,
    Connected,
    /// To read from clients of the hub, or to write more to them.
    #[cfg(feature = "hub")]
    Clients,
    /// To read from the log that several hubs share, to connect to it, or to write more to it.
    #[cfg(feature = "link")]
    LogReader,
    #[cfg(feature = "link")]
    LogWriter,
    /// To write more to these outputs.
    Messages,
    Notices,
    Transcript,
}

/// The descriptors to wait for, and what each of them makes possible.
#[derive(Default)]
pub(super) struct Interests<'a> {
    descriptors: Vec<PollFd<'a>>,
    ready: Vec<Ready>,
}

impl<'a> Interests<'a> {
    /// Adds a descriptor, if there is one.
    pub(super) fn add(
        &mut self,
        descriptor: impl Into<Option<BorrowedFd<'a>>>,
        flags: PollFlags,
        ready: Ready,
    ) {
        if let Some(descriptor) = descriptor.into() {
            self.descriptors.push(PollFd::from_borrowed_fd(descriptor, flags));
            self.ready.push(ready);
        }
    }

    /// Waits until something is ready, or until the deadline.
    pub(super) fn wait(mut self, deadline: Option<Instant>) -> Vec<Ready> {
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // An error is an interruption: nothing is ready, and the caller waits again.
        if poll(&mut self.descriptors, timeout.as_ref()).is_err() {
            return Vec::new();
        }
        // Reading or writing finds out about an error or an end.
        let mut is_ready = self.descriptors.iter().map(|descriptor| !descriptor.revents().is_empty());
        self.ready.retain(|_| is_ready.next().unwrap_or(false));
        self.ready
    }
}
