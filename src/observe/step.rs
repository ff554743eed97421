//! What a thread can do, and how traces name it. The names are a file format: `docs/trace.md` lists them.

use crate::rules::action::Outgoing;
use crate::rules::messages::{Messages, Streams};
use std::borrow::Cow;
use std::net::SocketAddr;

/// What a thread does until its next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The first step of a thread.
    Starts,
    /// It is blocked until this happens.
    Waits(For),
    /// A read has returned.
    Read {
        /// The source.
        from: Place,
        /// How many bytes.
        bytes: usize,
        /// The messages that ended in it, as far as the reader can tell.
        messages: Messages,
    },
    /// It puts an event into the channel.
    Sends {
        /// The name of the event.
        event: Cow<'static, str>,
        /// How many events were in the channel before.
        waiting: usize,
    },
    /// Main has taken an event out of the channel.
    Takes {
        /// The name of the event.
        event: Cow<'static, str>,
        /// How many events are left in the channel.
        waiting: usize,
        /// The messages in the event.
        messages: Messages,
    },
    /// A conversation begins, or a client of a hub has joined.
    Begins {
        /// The streams of messages from us and to us.
        streams: Streams,
        /// Our end of the connection.
        local: SocketAddr,
        /// The peer's end of the connection.
        peer: SocketAddr,
    },
    /// The rules have decided what happens with messages.
    Decides {
        /// What happens.
        decision: Decision,
        /// The lines from the keyboard that this deals with.
        typed: Messages,
        /// The messages sent, shown or relayed.
        messages: Messages,
    },
    /// It reports this to the user.
    Reports(String),
    /// A moment of the goodbye.
    Goodbye(Goodbye),
    /// Main hands messages to a thread that writes.
    HandsOut {
        /// Where they are to be written.
        to: Place,
        /// The messages.
        messages: Messages,
    },
    /// It writes, and is blocked while the destination is busy.
    Writes {
        /// The destination.
        to: Place,
        /// How many bytes.
        bytes: usize,
    },
    /// A write has returned.
    Wrote {
        /// The destination.
        to: Place,
        /// How many bytes it has accepted.
        bytes: usize,
        /// The messages whose last byte was among them.
        messages: Messages,
    },
    /// The last step of a thread.
    Ends,
}

/// What a thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A reader, all of whose buffers are in use: backpressure.
    Buffer,
    /// A reader: bytes from this source.
    Input(Place),
    /// Main: the next event.
    Event,
    /// A writer: something to write.
    Work,
    /// The listener: a caller.
    Caller,
    /// The connector: the connection it is making.
    Connection,
    /// The socket-reader and the socket-writer: the next conversation.
    Session,
    /// The signal thread.
    Signal,
    /// The one thread of the select design: whatever becomes possible first.
    Anything,
}

/// Where bytes come from or go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The user's input.
    Keyboard,
    /// The socket of a chat.
    Peer,
    /// The socket of one of a hub's clients.
    Client,
    /// The output for messages.
    Screen,
    /// The output for notices, if it is another one.
    Notices,
    /// The record of the conversation.
    Transcript,
    /// The log that several hubs share.
    Log,
}

/// What happens with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They are sent to the peer.
    Send,
    /// They are shown to the user.
    Show,
    /// They go to everybody in the room, or are commands.
    Relay,
    /// There are no more: we say `88`.
    Leave,
    /// There are no more: we close our half without `88`.
    Finish,
}

impl From<&Outgoing> for Decision {
    fn from(outgoing: &Outgoing) -> Self {
        match outgoing {
            Outgoing::Messages(_) => Self::Send,
            Outgoing::Goodbye { .. } => Self::Leave,
            Outgoing::HalfClose { .. } => Self::Finish,
        }
    }
}

/// The moments of a goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// We have written `88`.
    Written,
    /// The peer has said `88`.
    Heard,
}

impl Step {
    /// The name of this kind of step in traces.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Starts => "starts",
            Self::Waits(_) => "waits",
            Self::Read { .. } => "read",
            Self::Sends { .. } => "sends",
            Self::Takes { .. } => "takes",
            Self::Begins { .. } => "begins",
            Self::Decides { .. } => "decides",
            Self::Reports(_) => "tells",
            Self::Goodbye(_) => "goodbye",
            Self::HandsOut { .. } => "hands out",
            Self::Writes { .. } => "writes",
            Self::Wrote { .. } => "wrote",
            Self::Ends => "ends",
        }
    }
}

/// Gives the values of an enum their names in traces, in both directions. One variant may wrap another such enum.
macro_rules! names {
    ($type:ident { $($value:ident: $name:literal),* $(,)? } $(or $wrapper:ident($inner:ident))?) => {
        impl $type {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)*
                    $(Self::$wrapper(inner) => inner.name(),)?
                }
            }

            #[cfg(feature = "lab")]
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$value),)*
                    _ => None$(.or_else(|| $inner::named(name).map(Self::$wrapper)))?,
                }
            }
        }
    };
}

names!(For {
    Buffer: "buffer",
    Event: "event",
    Work: "work",
    Caller: "caller",
    Connection: "connection",
    Session: "session",
    Signal: "signal",
    Anything: "anything",
} or Input(Place));

names!(Place {
    Keyboard: "keyboard",
    Peer: "socket",
    Client: "client",
    Screen: "screen",
    Notices: "notices",
    Transcript: "transcript",
    Log: "log",
});

names!(Decision { Send: "send", Show: "show", Relay: "relay", Leave: "leave", Finish: "finish" });

names!(Goodbye { Written: "written", Heard: "heard" });
