//! What the rules of a chat ask for.

use super::buffer::Buffer;
use super::event::ConnectionId;
use super::exit::Exit;
use super::messages::{Messages, Stream};
use super::notice::Notice;
use super::signal::Signal;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the goodbye may take after a signal, and how long notices may take at the end.
pub const GRACE: Duration = Duration::from_secs(2);

/// The part of [`GRACE`] that is left to report and record a conversation that had to be ended by force.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What to do next.
#[derive(Debug)]
pub enum Action {
    /// Report this to the user, and record it as far as a transcript has it.
    Report(Notice),
    /// Show in the prompt whom the user talks to, or what the program waits for.
    Prompt(String),
    /// Call again whom the program called first, once, and answer [`Connected`](super::event::Event::Connected).
    Call,
    /// A session begins over this connection: start what it needs, or answer
    /// [`CannotStart`](super::event::Event::CannotStart).
    Start {
        /// The connection.
        id: ConnectionId,
        /// Who is at its other end.
        peer: SocketAddr,
        /// Unless it ends cleanly, reset the connection when it is closed, so that the other side does not take that for the end of
        /// a file.
        resets: bool,
    },
    /// Hand something to the peer's outbox.
    Send {
        /// What.
        outgoing: Outgoing,
        /// The typed lines that are dealt with by this, for an observer.
        typed: Messages,
    },
    /// Show these messages and record them. Never empty.
    Show(Buffer),
    /// End both halves of the connection by force, and answer [`Disconnected`](super::event::Event::Disconnected).
    Disconnect,
    /// The session is over: let go of everything that ran for it.
    Close {
        /// The conversation ended cleanly.
        cleanly: bool,
    },
    /// Append this text to the file of known peers, and report a failure.
    Remember(String),
    /// Tell this caller that the [line is busy](super::endpoint::Endpoint::busy), and answer [`TurnedAway`](super::event::Event::TurnedAway).
    TurnAway {
        /// Its connection.
        id: ConnectionId,
        /// Who called.
        peer: SocketAddr,
    },
    /// Close the connection of this caller without a word.
    Drop(ConnectionId),
    /// End the program. What is to be shown still is.
    End(Ending),
}

/// What goes to the peer, each after the one before it was written.
#[derive(Debug)]
pub enum Outgoing {
    /// Messages, or [what is none](Buffer::is_control). Never empty.
    Messages(Buffer),
    /// `88`.
    Goodbye {
        /// How it is written.
        bytes: Vec<u8>,
        /// How long to wait before it, where the peer might not tell it from the message before.
        pause: Option<Duration>,
        /// Whether our half ends with it. If not, answer [`GoodbyeWritten`](super::event::Event::GoodbyeWritten).
        is_last: bool,
    },
    /// The end of our half.
    HalfClose {
        /// What is written before it, if anything.
        bytes: Vec<u8>,
    },
}

impl Outgoing {
    /// How many of its messages are not written to their end.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        match self {
            Self::Messages(buffer) => buffer.messages_after(buffer.written),
            Self::Goodbye { .. } | Self::HalfClose { .. } => 0,
        }
    }
}

impl Outgoing {
    /// The messages in it, which go this way.
    pub fn messages_in(&mut self, stream: Stream) -> Messages {
        match self {
            Self::Messages(buffer) if !buffer.is_control => {
                buffer.messages.stream = stream;
                buffer.messages
            }
            _ => Messages::NONE,
        }
    }
}

/// How the program is to end.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// Its outcome.
    pub exit: Exit,
    /// When to stop waiting for anything. Set by a signal.
    pub by_force: Option<Instant>,
}

impl Ending {
    /// A signal came. True if it is not the first: then nothing is waited for.
    pub fn signalled(&mut self, signal: Signal, now: Instant) -> bool {
        let is_second = self.by_force.is_some();
        *self = Self { exit: Exit::Signal(signal), by_force: Some(now + GRACE) };
        is_second
    }

    /// Something failed. A signal is the more important outcome.
    pub fn fail(&mut self) {
        if !matches!(self.exit, Exit::Signal(_)) {
            self.exit = Exit::Failed;
        }
    }

    /// When to end a conversation by force that has not ended by itself.
    pub(super) fn disconnect_at(self) -> Option<Instant> {
        self.by_force.map(|by_force| by_force - LAST_WORDS)
    }
}
