//! Ctrl-C, Ctrl-Break, and the end of the console, the session or the system.

use super::Caught;
use crate::rules::signal::Signal;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;
use std::sync::OnceLock;
use std::thread;
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, SetConsoleCtrlHandler,
};
use windows_sys::core::BOOL;

/// The channel from the handler, which the system calls in a thread of its own. None ends [`Signals::for_each`].
static CAME: OnceLock<Sender<Option<Signal>>> = OnceLock::new();

/// The console events of Windows as signals. Ctrl-C stays off if it was off when the program started.
#[derive(Debug)]
pub struct Signals(Option<Receiver<Option<Signal>>>);

impl Signals {
    /// Catches the events: from here on they do not end the program by themselves. Call it once.
    #[allow(unsafe_code, reason = "std has no such call")]
    pub fn catch() -> io::Result<Self> {
        // A person presses few keys.
        let (to_main, came) = unbounded();
        if CAME.set(to_main).is_err() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // SAFETY: the handler is a function, which exists as long as the program runs.
        match unsafe { SetConsoleCtrlHandler(Some(handler), 1) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(Self(Some(came))),
        }
    }

    /// Changes nothing: the console reports its size among the keys, and nothing stops a program.
    pub fn watch_terminal(&self) -> io::Result<()> {
        Ok(())
    }

    /// Catches nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Ends [`for_each`](Self::for_each) from another thread.
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        // There is one handler in a process: signals that catch nothing must not close it for those that do.
        let to_main = self.0.as_ref().and_then(|_| CAME.get());
        move || {
            if let Some(to_main) = to_main {
                // Fails only if nobody waits any more.
                let _ = to_main.send(None);
            }
        }
    }

    /// Waits for signals and passes what each says to `handle`, until that returns false or the [`closer`](Self::closer) is called.
    pub fn for_each(self, mut handle: impl FnMut(Caught) -> bool) {
        while let Some(Ok(Some(signal))) = self.0.as_ref().map(Receiver::recv) {
            if !handle(Caught::Signal(signal)) {
                return;
            }
        }
    }
}

/// The system calls this in a thread of its own.
#[allow(unsafe_code, reason = "the system calls it")]
unsafe extern "system" fn handler(event: u32) -> BOOL {
    let (name, number, is_final) = match event {
        CTRL_C_EVENT => ("Ctrl-C", 2, false),
        CTRL_BREAK_EVENT => ("Ctrl-Break", 2, false),
        CTRL_CLOSE_EVENT => ("the closing of the console", 1, true),
        // CTRL_LOGOFF_EVENT and CTRL_SHUTDOWN_EVENT.
        _ => ("the end of the session", 15, true),
    };
    let is_handled = CAME.get().is_some_and(|to_main| to_main.send(Some(Signal { name, number })).is_ok());
    // When this returns, the system ends the program. So it does not return, and the program says goodbye and then ends by
    // itself. The system waits for 5 s, which is longer than that takes.
    while is_final && is_handled {
        thread::park();
    }
    is_handled.into()
}
