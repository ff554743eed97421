//! What the user has chosen.

use super::wire::Wire;
use std::time::Duration;

/// What to do when standard input ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnEof {
    /// Say `88` and leave.
    #[default]
    Bye,
    /// Close the writing half, and listen until the peer is done.
    Wait,
}

/// How the conversation is to be held.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How messages are sent.
    pub wire: Wire,
    /// The longest message on the wire, in bytes, with its stamp.
    pub max_line: usize,
    /// What to do when standard input ends.
    pub on_eof: OnEof,
    /// Received text goes to a terminal: make it [`harmless`].
    pub to_terminal: bool,
    /// There is a transcript: what a terminal shows altered is kept as it came, too.
    pub transcribed: bool,
    /// How long an end may take during which nothing moves: [`PATIENCE`], unless the threads are being slowed down.
    pub patience: Duration,
}

/// How long nothing may move on the socket once somebody has said goodbye.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How much the user is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: errors only.
    Quiet,
    /// Notices, too.
    Normal,
    /// `-v`: what each thread does, too.
    Verbose,
}
