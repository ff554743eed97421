//! What a manager of services, such as systemd, passes to a service and wants to know of it.

use crate::rules::failure::{Context, Failure};
use sd_notify::NotifyState;
use socket2::SockRef;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// Behind the last descriptor of a socket that was passed. 0 if they have not been taken.
static END: AtomicI32 = AtomicI32::new(0);

/// The listening sockets that were passed to this process, in its environment as `LISTEN_FDS`. Only the first call gets them.
///
/// # Errors
/// Something else was passed.
pub(crate) fn passed_listeners() -> Result<Vec<TcpListener>, Failure> {
    take().context("cannot use the sockets that were passed to this service (LISTEN_FDS)")
}

fn take() -> io::Result<Vec<TcpListener>> {
    let descriptors: Vec<_> = sd_notify::listen_fds()?.collect();
    let end = descriptors.last().map_or(0, |last| last + 1);
    match END.swap(end, Ordering::Relaxed) {
        0 => descriptors.into_iter().map(listener).collect(),
        _ => Ok(Vec::new()),
    }
}

#[allow(unsafe_code, reason = "the environment says which descriptors were passed, as numbers")]
fn listener(descriptor: RawFd) -> io::Result<TcpListener> {
    // SAFETY: the descriptor is open, because `listen_fds` has set a flag of it. It was passed to this process for this purpose,
    // so nothing else here owns it; and it is taken once.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    if !SockRef::from(&socket).is_listener()? {
        return Err(io::Error::other("one of them does not listen"));
    }
    let listener = TcpListener::from(socket);
    listener.local_addr().map_err(|_| io::Error::other("one of them is not of TCP"))?;
    listener.set_nonblocking(false)?;
    Ok(listener)
}

/// Whether this socket was passed: then the manager has it, too.
pub(super) fn is_passed(listener: &TcpListener) -> bool {
    listener.as_raw_fd() < END.load(Ordering::Relaxed)
}

/// Tells the manager, if there is one that wants to know, that callers are accepted: they wait in the system's queue already.
pub fn report_ready() {
    // If this fails, the manager says so.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}
