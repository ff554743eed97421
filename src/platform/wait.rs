//! Waiting for several sockets at once, for a thread that has no others to do so.

#[cfg(can_poll)]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;
use std::net::TcpListener;
#[cfg(can_poll)]
use std::os::fd::AsFd;
use std::time::Instant;

/// Where the system does not wait for several sockets with one call, how often to look whether one of them is ready.
#[cfg(not(can_poll))]
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(20);

/// Waits until somebody calls one of these, and maybe a little less.
pub(crate) fn wait_for_caller(listeners: &[TcpListener]) {
    #[cfg(can_poll)]
    wait(listeners, PollFlags::IN, None);
    #[cfg(not(can_poll))]
    wait(listeners, None);
}

/// Waits until one of these has connected or failed, or until the deadline, and maybe a little less.
pub(crate) fn wait_for_answer(sockets: &[&Socket], deadline: Option<Instant>) {
    #[cfg(can_poll)]
    wait(sockets, PollFlags::OUT, deadline);
    #[cfg(not(can_poll))]
    wait(sockets, deadline);
}

#[cfg(can_poll)]
fn wait(sockets: &[impl AsFd], flags: PollFlags, deadline: Option<Instant>) {
    let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut descriptors: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, flags)).collect();
    // An error is an interruption: the caller looks, and waits again.
    let _ = poll(&mut descriptors, timeout.as_ref());
}

#[cfg(not(can_poll))]
fn wait<T>(_: &[T], deadline: Option<Instant>) {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    std::thread::sleep(left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY));
}
