//! What an endpoint is given.

use crate::designs::transcript::Sink;
use crate::observe::Observer;
use crate::platform::Signals;
use crate::rules::settings::Verbosity;
use std::os::fd::OwnedFd;

/// The world around an endpoint: what [`Environment`](crate::designs::environment::Environment) is for the threads, in descriptors, because
/// only those can be waited for.
pub struct Environment {
    /// Where lines are typed, if they are.
    pub keyboard: Option<OwnedFd>,
    /// A person types there, not a pipe or a file.
    pub keyboard_is_terminal: bool,
    /// Where received messages are shown.
    pub screen: OwnedFd,
    /// Where notices and errors are shown; `None` if on the screen, where their order matters.
    pub notices: Option<OwnedFd>,
    /// Lines are marked by what they are, in colour or not.
    pub marked: Option<bool>,
    /// Where it is recorded what happened, if it is.
    pub transcript: Option<Sink>,
    /// How much is told.
    pub verbosity: Verbosity,
    /// Whoever watches what the thread does.
    pub observer: Observer,
    /// Requests from outside to end.
    pub signals: Signals,
}
