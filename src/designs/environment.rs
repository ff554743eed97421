//! What an endpoint is given.

use crate::designs::transcript::Sink;
use crate::observe::Observer;
use crate::platform::Signals;
use crate::rules::settings::Verbosity;
use crate::terminal::Display;
use std::io::{Read, Write};

/// The world around an endpoint. Only `main.rs` knows that these are the process's own; a test or a demo
/// gives others.
pub struct Environment {
    /// Where lines are typed.
    pub keyboard: Box<dyn Read + Send>,
    /// A person types there, not a pipe or a file.
    pub keyboard_is_terminal: bool,
    /// Ends the reading from the keyboard, if something can. True if it does.
    pub close_keyboard: Option<Box<dyn FnOnce() -> bool + Send>>,
    /// Where received messages are shown.
    pub screen: Box<dyn Display>,
    /// The same for lines that are shown as they are, where it can be written to without blocking.
    pub screen_direct: Option<Box<dyn Write>>,
    /// Where notices and errors are shown; `None` if on the screen, where their order matters.
    pub notices: Option<Box<dyn Display>>,
    /// Where it is recorded what happened, if it is.
    pub transcript: Option<Sink>,
    /// How much is told.
    pub verbosity: Verbosity,
    /// Whoever watches what the threads do.
    pub observer: Observer,
    /// Requests from outside to end.
    pub signals: Signals,
}
