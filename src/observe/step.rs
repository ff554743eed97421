//! What a thread does, in words.

use crate::rules::messages::{Messages, Stream, Streams};
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

/// What a thread does from now on, until its next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It has been started. Its first.
    Starts,
    /// It has nothing to do before this happens.
    Waits(For),
    /// A read has returned.
    Read {
        /// From where.
        from: Place,
        /// How much.
        bytes: usize,
        /// The messages that ended in it, as far as the reader can tell.
        messages: Messages,
    },
    /// It puts an event into the channel.
    Sends {
        /// Which one.
        event: &'static str,
        /// How many are in the channel before it.
        waiting: usize,
    },
    /// Main has taken an event out of the channel.
    Takes {
        /// Which one.
        event: &'static str,
        /// How many are left in the channel.
        waiting: usize,
        /// The messages in it.
        messages: Messages,
    },
    /// A conversation begins, or a client of a hub has joined.
    Begins {
        /// The streams of messages from us and to us.
        streams: Streams,
        /// Our end of the connection.
        local: SocketAddr,
        /// Theirs.
        peer: SocketAddr,
    },
    /// It has been decided what becomes of messages.
    Decides {
        /// What.
        decision: Decision,
        /// The lines from the keyboard that are dealt with by this.
        typed: Messages,
        /// The messages.
        messages: Messages,
    },
    /// The user is told this.
    Tells(String),
    /// The goodbye.
    Goodbye(Goodbye),
    /// Messages are handed to a thread that writes.
    HandsOut {
        /// To whom they go.
        to: Place,
        /// The messages.
        messages: Messages,
    },
    /// It writes, which lasts as long as whoever is to take it is busy.
    Writes {
        /// To where.
        to: Place,
        /// How much.
        bytes: usize,
    },
    /// So much has been taken.
    Wrote {
        /// By whom.
        to: Place,
        /// How much.
        bytes: usize,
        /// The messages of which the last byte was in it.
        messages: Messages,
    },
    /// Its last.
    Ends,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A reader: one of its buffers, all of which are under way. This is backpressure.
    Buffer,
    /// Something that can be read.
    Input(Place),
    /// Main: the next event.
    Event,
    /// Whoever writes: something to write.
    Work,
    /// Somebody who calls.
    Caller,
    /// The other side, which is being called.
    Connection,
    /// A signal.
    Signal,
    /// The select design: whatever becomes possible first.
    Anything,
}

/// Where something comes from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What the user types on.
    Keyboard,
    /// The other side of the connection.
    Peer,
    /// A client of the hub.
    Client,
    /// What the user sees.
    Screen,
    /// Where notices are shown, if not on the screen.
    Notices,
    /// What records the conversation.
    Transcript,
}

/// What is decided about messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They are sent to the other side.
    Send,
    /// They are shown to the user.
    Show,
    /// They are said to everybody in the room, or are commands.
    Relay,
    /// There are no more: we say `88`.
    Leave,
    /// There are no more: we close our half without `88`.
    Finish,
}

/// The moments of a goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// `88` has been written.
    Written,
    /// The other side has said it.
    Heard,
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starts => f.write_str("starts"),
            Self::Waits(what) => write!(f, "waits for {what}"),
            Self::Read { from, bytes, messages } => {
                write!(f, "read {}{} from {from}", Bytes(*bytes), InBrackets(*messages))
            }
            Self::Sends { event, waiting } => write!(f, "sends {event} into the channel, behind {waiting}"),
            Self::Takes { event, waiting, .. } => {
                write!(f, "takes {event} out of the channel, {waiting} left")
            }
            Self::Begins { peer, .. } => write!(f, "begins to talk with {peer}"),
            Self::Decides { decision, typed, messages } => {
                write!(f, "decides to {decision}{}", InBrackets(*messages))?;
                match decision {
                    // What is sent is what was typed.
                    Decision::Send => Ok(()),
                    _ => write!(f, "{}", InBrackets(*typed)),
                }
            }
            Self::Tells(notice) => write!(f, "tells the user: {notice}"),
            Self::Goodbye(Goodbye::Written) => f.write_str("wrote 88"),
            Self::Goodbye(Goodbye::Heard) => f.write_str("heard 88"),
            Self::HandsOut { to, messages } => write!(f, "hands out {messages} for {to}"),
            Self::Writes { to, bytes } => write!(f, "writes {} to {to}", Bytes(*bytes)),
            Self::Wrote { to, bytes, messages } => {
                write!(f, "wrote {}{} to {to}", Bytes(*bytes), InBrackets(*messages))
            }
            Self::Ends => f.write_str("ends"),
        }
    }
}

struct Bytes(usize);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// With a space in front, or nothing if there are none.
struct InBrackets(Messages);

impl Display for InBrackets {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.count > 0 { write!(f, " ({})", self.0) } else { Ok(()) }
    }
}

impl Display for Messages {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (one, several) = match self.stream {
            Stream::KEYBOARD => ("line", "lines"),
            _ => ("message", "messages"),
        };
        match self.count {
            0 => f.write_str("none"),
            1 => write!(f, "{one} {}", self.first),
            count => write!(f, "{several} {} to {}", self.first, self.first + count - 1),
        }
    }
}

impl Display for For {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buffer => f.write_str("a buffer"),
            Self::Input(place) => write!(f, "{place}"),
            Self::Event => f.write_str("an event"),
            Self::Work => f.write_str("something to write"),
            Self::Caller => f.write_str("a caller"),
            Self::Connection => f.write_str("a connection"),
            Self::Signal => f.write_str("a signal"),
            Self::Anything => f.write_str("anything"),
        }
    }
}

impl Place {
    /// In one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Keyboard => "keyboard",
            Self::Peer => "socket",
            Self::Client => "client",
            Self::Screen => "screen",
            Self::Notices => "notices",
            Self::Transcript => "transcript",
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "the {}", self.word())
    }
}

impl Display for Decision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "send",
            Self::Show => "show",
            Self::Relay => "relay",
            Self::Leave => "say 88",
            Self::Finish => "close its half",
        })
    }
}
