//! SIGINT, SIGTERM and SIGHUP.

use crate::rules::signal::Signal;
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};
use std::io::{self, Read};
#[cfg(poll)]
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The signals that end the program.
///
/// One that was ignored when the program started, as `nohup` does it, stays ignored.
pub struct Signals(Option<SignalDelivery<UnixStream, SignalOnly>>);

impl Signals {
    /// From here on the signals do not end the program by themselves.
    ///
    /// # Errors
    /// What the system said.
    pub fn catch() -> io::Result<Self> {
        let wanted = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
        let caught = wanted.into_iter().filter(|signal| !is_ignored(*signal));
        let (read, write) = UnixStream::pair()?;
        Ok(Self(Some(SignalDelivery::with_pipe(read, write, SignalOnly, caught)?)))
    }

    /// No signals.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Ends the [waiting](Self::for_each) from another thread.
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        let handle = self.0.as_ref().map(SignalDelivery::handle);
        move || {
            if let Some(handle) = handle {
                handle.close();
            }
        }
    }

    /// Waits for signals, until it is closed or `came` returns false.
    pub fn for_each(self, mut came: impl FnMut(Signal) -> bool) {
        let Some(mut delivery) = self.0 else { return };
        let mut wait = |pipe: &mut UnixStream| loop {
            match pipe.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|bytes| bytes > 0),
            }
        };
        while let Ok(Some(mut signals)) = delivery.poll_pending(&mut wait) {
            if !signals.all(|number| came(Signal::from(number))) {
                break;
            }
        }
    }

    /// What becomes readable when a signal comes, for those who wait for several things at once.
    #[cfg(poll)]
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|delivery| delivery.get_read().as_fd())
    }

    /// A signal that has come, if one has. Does not wait.
    #[cfg(poll)]
    pub fn take(&mut self) -> Option<Signal> {
        self.0.as_mut()?.pending().next().map(Signal::from)
    }
}

impl From<libc::c_int> for Signal {
    fn from(number: libc::c_int) -> Self {
        let (name, number) = match number {
            libc::SIGINT => ("SIGINT", 2),
            libc::SIGHUP => ("SIGHUP", 1),
            _ => ("SIGTERM", 15),
        };
        Self { name, number }
    }
}

#[allow(unsafe_code, reason = "signal-hook can set what a signal does, but not ask")]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with a null second argument nothing is changed, and `action` is written to if the call
    // succeeds; all zeros is a valid value of it otherwise.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
