//! SIGINT, SIGTERM and SIGHUP.

use crate::rules::signal::Signal;
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};
use std::io::{self, Read};
#[cfg(poll)]
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The signals that end the program, except those that were ignored when it started, as `nohup` does.
pub struct Signals(Option<SignalDelivery<UnixStream, SignalOnly>>);

impl Signals {
    /// Catches the signals: from here on they do not end the program by themselves.
    pub fn catch() -> io::Result<Self> {
        let wanted = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
        let caught = wanted.into_iter().filter(|signal| !is_ignored(*signal));
        let (read, write) = UnixStream::pair()?;
        Ok(Self(Some(SignalDelivery::with_pipe(read, write, SignalOnly, caught)?)))
    }

    /// Catches nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Ends [`for_each`](Self::for_each) from another thread.
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        let delivery = self.0.as_ref().map(SignalDelivery::handle);
        move || {
            if let Some(delivery) = delivery {
                delivery.close();
            }
        }
    }

    /// Waits for signals and passes each to `handle`, until that returns false or the [`closer`](Self::closer) is called.
    pub fn for_each(self, mut handle: impl FnMut(Signal) -> bool) {
        let Some(mut delivery) = self.0 else { return };
        let mut wait = |pipe: &mut UnixStream| loop {
            match pipe.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|bytes| bytes > 0),
            }
        };
        while let Ok(Some(mut signals)) = delivery.poll_pending(&mut wait) {
            if !signals.all(|number| handle(Signal::from(number))) {
                break;
            }
        }
    }

    /// Becomes readable when a signal comes.
    #[cfg(poll)]
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|delivery| delivery.get_read().as_fd())
    }

    /// A signal that has come, without waiting.
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

#[allow(unsafe_code, reason = "signal-hook can set the handler of a signal, but not query it")]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with a null second argument nothing changes. The call writes to `action` if it succeeds; otherwise all zeros is
    // valid.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
