//! What the user has chosen.

use super::wire::Wire;
use std::time::Duration;

/// What to do when standard input ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnEof {
    /// Say `88` and leave.
    #[default]
    Bye,
    /// Close the sending half, and listen until the peer finishes.
    Wait,
}

/// How to hold a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How messages are sent.
    pub wire: Wire,
    /// The longest message on the wire, in bytes, including its stamp.
    pub max_line: usize,
    /// What to do when standard input ends.
    pub on_eof: OnEof,
    /// Received text goes to a terminal, so it is [sanitized](crate::rules::sanitize::sanitize).
    pub to_terminal: bool,
    /// A line `88` of the input is a message like any other. Only the end of the input says goodbye.
    pub literal: bool,
    /// There is a transcript: it gets received text as it came, also where a terminal gets it altered.
    pub transcribed: bool,
    /// How long a caller may keep silent before we believe that it wants to chat: usually [`PROBE_TIME`].
    pub probe_time: Duration,
    /// How long to wait without progress while a conversation ends. The demo, which slows the threads down, waits
    /// longer than [`PATIENCE`].
    pub patience: Duration,
}

impl Settings {
    /// Whether bytes are sent and received as they are.
    pub(super) fn is_raw(&self) -> bool {
        self.wire == Wire::Raw
    }
}

/// What a side that calls does beyond one conversation.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The name to take in a hub: the first line over each connection says `/name` with it.
    pub name: Option<String>,
    /// Whether to call again when the connection breaks.
    pub reconnect: Reconnect,
}

/// When to call again after a connection broke, that is, ended without `88`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reconnect {
    /// The program ends.
    #[default]
    Never,
    /// If the peer is a hub and a person sits at a terminal.
    Hub,
    /// In any case.
    Always,
}

/// A connection that is closed within this time without a byte is no caller, but a probe: somebody has looked whether the port
/// is open.
pub const PROBE_TIME: Duration = Duration::from_secs(1);

/// How long a conversation may end without any progress on the socket.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How much the user is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: messages and errors.
    Quiet,
    /// Notices, too.
    Normal,
    /// `-v`: what each thread does, too.
    Verbose,
}
