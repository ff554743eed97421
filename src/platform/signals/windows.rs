//! Ctrl-C, Ctrl-Break, and the end of the console, of the session and of the system.

use crate::rules::signal::Signal;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;
use std::sync::OnceLock;
use std::thread;
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, SetConsoleCtrlHandler,
};
use windows_sys::core::BOOL;

/// The way from the handler, which the system calls in a thread of its own. None is the end of the waiting.
static CAME: OnceLock<Sender<Option<Signal>>> = OnceLock::new();

/// What Windows tells the programs of a console, as signals. Ctrl-C that was switched off when the program started stays so.
#[derive(Debug)]
pub struct Signals(Option<Receiver<Option<Signal>>>);

impl Signals {
    /// From here on they do not end the program by themselves. To be called once.
    ///
    /// # Errors
    /// What the system said.
    #[allow(unsafe_code, reason = "std has no call for it")]
    pub fn catch() -> io::Result<Self> {
        // It holds as many as a person presses.
        let (to_main, came) = unbounded();
        if CAME.set(to_main).is_err() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // SAFETY: the handler is a function, and so there for as long as the program runs.
        match unsafe { SetConsoleCtrlHandler(Some(handler), 1) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(Self(Some(came))),
        }
    }

    /// No signals.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Ends the [waiting](Self::for_each) from another thread.
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        // The handler is there once in a process, so that who has no signals must not close it for who has.
        let to_main = self.0.as_ref().and_then(|_| CAME.get());
        move || {
            if let Some(to_main) = to_main {
                // Refused only if nobody waits any more.
                let _ = to_main.send(None);
            }
        }
    }

    /// Waits for signals, until it is closed or `came` returns false.
    pub fn for_each(self, mut came: impl FnMut(Signal) -> bool) {
        while let Some(Ok(Some(signal))) = self.0.as_ref().map(Receiver::recv) {
            if !came(signal) {
                return;
            }
        }
    }
}

/// Runs in a thread that the system starts for it.
#[allow(unsafe_code, reason = "the system calls it")]
unsafe extern "system" fn handler(event: u32) -> BOOL {
    let (name, number, is_final) = match event {
        CTRL_C_EVENT => ("Ctrl-C", 2, false),
        CTRL_BREAK_EVENT => ("Ctrl-Break", 2, false),
        CTRL_CLOSE_EVENT => ("the closing of the console", 1, true),
        // CTRL_LOGOFF_EVENT and CTRL_SHUTDOWN_EVENT.
        _ => ("the end of the session", 15, true),
    };
    let is_heard = CAME.get().is_some_and(|to_main| to_main.send(Some(Signal { name, number })).is_ok());
    // When this returns the system ends the program, which is to say goodbye before: it does, and then ends by itself. The
    // system waits for 5 s, more than that takes.
    while is_final && is_heard {
        thread::park();
    }
    is_heard.into()
}
