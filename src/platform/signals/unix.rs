//! SIGINT, SIGTERM and SIGHUP, and what a terminal has to say.

use super::{Caught, TerminalChange};
use crate::rules::signal::Signal;
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};
use std::io::{self, Read};
#[cfg(poll)]
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The signals that end the program, except those that were ignored when it started, as `nohup` does.
pub struct Signals(Option<SignalDelivery<UnixStream, SignalOnly>>);

impl Signals {
    /// Catches the signals: from here on they do not end the program by themselves. Nor does SIGXFSZ, so that writing to a file
    /// that may not grow any more (`ulimit -f`) fails and is reported.
    pub fn catch() -> io::Result<Self> {
        signal_hook::flag::register(libc::SIGXFSZ, Arc::default())?;
        let wanted = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
        let caught = wanted.into_iter().filter(|signal| !is_ignored(*signal));
        let (read, write) = UnixStream::pair()?;
        Ok(Self(Some(SignalDelivery::with_pipe(read, write, SignalOnly, caught)?)))
    }

    /// Also catches what a program that edits lines at a terminal has to know: SIGWINCH, SIGCONT, and SIGTSTP unless it was
    /// ignored when the program started. From here on SIGTSTP does not stop the program by itself: see
    /// [`stop`].
    pub fn watch_terminal(&self) -> io::Result<()> {
        let Some(delivery) = &self.0 else { return Ok(()) };
        let suspends = Some(libc::SIGTSTP).filter(|signal| !is_ignored(*signal));
        let mut wanted = [libc::SIGWINCH, libc::SIGCONT].into_iter().chain(suspends);
        wanted.try_for_each(|signal| delivery.handle().add_signal(signal))
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

    /// Waits for signals and passes what each says to `handle`, until that returns false or the [`closer`](Self::closer) is called.
    pub fn for_each(self, mut handle: impl FnMut(Caught) -> bool) {
        let Some(mut delivery) = self.0 else { return };
        let mut wait = |pipe: &mut UnixStream| loop {
            match pipe.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|bytes| bytes > 0),
            }
        };
        while let Ok(Some(mut signals)) = delivery.poll_pending(&mut wait) {
            if !signals.all(|number| handle(Caught::from(number))) {
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

    /// What a signal says that has come, without waiting. Call it until there is none: only then does the
    /// [`descriptor`](Self::descriptor) become readable again.
    #[cfg(poll)]
    pub fn take(&mut self) -> Option<Caught> {
        self.0.as_mut()?.pending().next().map(Caught::from)
    }
}

impl From<libc::c_int> for Caught {
    fn from(number: libc::c_int) -> Self {
        let (name, number) = match number {
            libc::SIGWINCH => return Self::Terminal(TerminalChange::Resized),
            libc::SIGCONT => return Self::Terminal(TerminalChange::Continued),
            libc::SIGTSTP => return Self::Terminal(TerminalChange::Suspend),
            libc::SIGINT => ("SIGINT", 2),
            libc::SIGHUP => ("SIGHUP", 1),
            _ => ("SIGTERM", 15),
        };
        Self::Signal(Signal { name, number })
    }
}

/// Stops this process as the suspend key does, and returns when it has been continued, or at once where nobody could
/// continue it.
#[allow(unsafe_code, reason = "std and signal-hook have no such call")]
pub fn stop() {
    // SIGSTOP would also stop a process that no shell looks after.
    let Some(caught) = action(libc::SIGTSTP).filter(|action| action.sa_sigaction != libc::SIG_IGN) else {
        return;
    };
    // SAFETY: all zeros is the default action, without flags. `raise` stops the process before it returns, so that the
    // handler is back only after that. It gets the action that the system reported.
    unsafe {
        libc::sigaction(libc::SIGTSTP, &std::mem::zeroed(), std::ptr::null_mut());
        libc::raise(libc::SIGTSTP);
        libc::sigaction(libc::SIGTSTP, &raw const caught, std::ptr::null_mut());
    }
}

fn is_ignored(signal: libc::c_int) -> bool {
    action(signal).is_some_and(|action| action.sa_sigaction == libc::SIG_IGN)
}

/// What a signal does now. None if there is no such signal.
#[allow(unsafe_code, reason = "signal-hook can set the handler of a signal, but not query it")]
pub(super) fn action(signal: libc::c_int) -> Option<libc::sigaction> {
    // SAFETY: `sigaction` is plain integers, for which zero is valid. With a null second argument nothing changes.
    unsafe {
        let mut action = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0).then_some(action)
    }
}
