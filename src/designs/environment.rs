//! What an endpoint is given.

use crate::designs::transcript::Sink;
use crate::observe::Observer;
use crate::platform::Signals;
use crate::rules::secure::Security;
use crate::rules::settings::Verbosity;
use crate::terminal::{Input, Output, Terminal};
use std::io::{self, Read};

/// Appends a text to the file of known peers.
pub(crate) type Remember = Box<dyn FnMut(&str) -> io::Result<()> + Send>;

/// Everything an endpoint reads from and writes to, except its socket. The program gives it the process's own keyboard,
/// screen and signals; the demo gives each of two endpoints its own.
pub struct Environment {
    /// Where lines are typed, if anywhere.
    pub keyboard: Option<Box<dyn Input>>,
    /// A person types there, not a pipe or a file.
    pub keyboard_is_terminal: bool,
    /// Ends the reading from the keyboard, if something can. True if it succeeds.
    pub close_keyboard: Option<Box<dyn FnOnce() -> bool + Send>>,
    /// Where received messages are shown.
    pub screen: Box<dyn Output>,
    /// What the screen shows, and what the keys mean, if a person sits there. Otherwise messages are shown as they come.
    pub terminal: Option<Terminal>,
    /// Where notices and errors are shown. `None` if on the screen, where they stay in order with messages.
    pub notices: Option<Box<dyn Output>>,
    /// Where to record what happens, if anywhere.
    pub transcript: Option<Sink>,
    /// Goes on with the trace in the file that has its name then, if there is a trace.
    pub reopen_trace: Option<Box<dyn Fn() + Send>>,
    /// How to encrypt. `None` to talk in clear text.
    pub security: Option<Security>,
    /// Appends to the file of known peers, if there is one.
    pub remember: Option<Remember>,
    /// How much the user is shown.
    pub verbosity: Verbosity,
    /// Who watches what the threads do.
    pub observer: Observer,
    /// Requests from outside to end.
    pub signals: Signals,
}

impl Environment {
    /// The keyboard for a thread that blocks in reading.
    pub(crate) fn take_keyboard(&mut self) -> Box<dyn Read + Send> {
        match self.keyboard.take() {
            Some(keyboard) => keyboard,
            None => Box::new(io::empty()),
        }
    }

    /// Writes to the screen without blocking, where the platform can and no terminal is to be looked after.
    pub(crate) fn nonblocking_screen(&self) -> Option<Box<dyn io::Write>> {
        #[cfg(nonblocking_send)]
        if self.terminal.is_none() {
            let screen = self.screen.as_fd().try_clone_to_owned().ok()?;
            return Some(Box::new(crate::platform::Out::new(Box::new(screen))));
        }
        None
    }
}
