//! What a thread does, for whoever watches: `-v`, a trace, a test or the demo. No I/O.
//!
//! Each thread of an endpoint says at each [`Step`] what it does from now on, so that its life is a row of steps without
//! gaps, whichever the design. The endpoint gets its [`Observer`] with the rest of its [`World`](crate::world::World).
//! When nobody watches, nothing is paid but a look whether somebody does.

use crate::wire::GOODBYE;
use std::cell::OnceCell;
use std::fmt::{self, Display, Formatter};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

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

/// Some messages of a stream that follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Messages {
    /// Which stream.
    pub stream: Stream,
    /// The number of the first, counted from 1 in its stream.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// All messages that go one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Stream(pub u32);

/// The two streams of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streams {
    /// From us.
    pub sent: Stream,
    /// To us.
    pub received: Stream,
}

impl Stream {
    /// The lines that are typed at an endpoint.
    pub const KEYBOARD: Self = Self(0);

    /// From one end of a connection to the other: the same number on either side, because each knows both addresses.
    #[must_use]
    pub fn between(from: SocketAddr, to: SocketAddr) -> Self {
        // A listener for both kinds of addresses knows a caller by the newer one.
        let text = |end: SocketAddr| format!("{} {} ", end.ip().to_canonical(), end.port());
        // FNV-1a, whose parameters are part of the format: docs/trace.md.
        let hash = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self((text(from) + &text(to)).bytes().fold(0x811c_9dc5, hash).max(1))
    }
}

impl Streams {
    /// Those of the connection between us and them.
    #[must_use]
    pub fn of(local: SocketAddr, peer: SocketAddr) -> Self {
        Self { sent: Stream::between(local, peer), received: Stream::between(peer, local) }
    }
}

impl Messages {
    /// None.
    pub const NONE: Self = Self { stream: Stream::KEYBOARD, first: 0, count: 0 };
}

/// Numbers the messages of a stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    stream: Stream,
    counted: u64,
    framed: bool,
}

impl Counter {
    /// Starts with 1.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { stream, counted: 0, framed: false }
    }

    /// The next so many.
    pub fn next(&mut self, count: u64) -> Messages {
        let first = self.counted + 1;
        self.counted += count;
        Messages { stream: self.stream, first, count }
    }

    /// Those that end in what a read has returned: each ends with its newline. While there has never been one, what a
    /// read returns is a message, as in the programs of the article, unless it is the goodbye.
    pub fn read(&mut self, bytes: &[u8]) -> Messages {
        let newlines = bytecount::count(bytes, b'\n') as u64;
        if newlines > 0 && !std::mem::replace(&mut self.framed, true) {
            self.counted = 0;
        }
        self.next(if self.framed || bytes == GOODBYE { newlines } else { 1 })
    }
}

/// Sees what threads do.
pub trait Observe: Send + Sync {
    /// The current thread does this from now on. It goes on when this returns: an observer that takes its time slows it
    /// down, and one that blocks pauses it.
    fn sees(&self, step: &Step);
}

/// Whoever watches an endpoint.
#[derive(Clone, Default)]
pub struct Observer(Vec<Arc<dyn Observe>>);

impl Observer {
    /// This one watches, too.
    #[must_use]
    pub fn and(mut self, other: Arc<dyn Observe>) -> Self {
        self.0.push(other);
        self
    }

    /// Whether anybody watches.
    #[must_use]
    pub fn watches(&self) -> bool {
        !self.0.is_empty()
    }

    /// The current thread does this from now on.
    pub fn sees(&self, step: impl FnOnce() -> Step) {
        if self.watches() {
            let step = step();
            self.0.iter().for_each(|observe| observe.sees(&step));
        }
    }

    /// The whole life of the current thread.
    pub fn watch<T>(&self, life: impl FnOnce() -> T) -> T {
        self.sees(|| Step::Starts);
        let outcome = life();
        self.sees(|| Step::Ends);
        outcome
    }

    /// A conversation begins over this connection.
    pub fn begins(&self, socket: &TcpStream) -> Streams {
        let ends = || socket.local_addr().ok().zip(socket.peer_addr().ok());
        let Some((local, peer)) = self.watches().then(ends).flatten() else { return Streams::default() };
        let streams = Streams::of(local, peer);
        self.sees(|| Step::Begins { streams, local, peer });
        streams
    }

    /// Numbers the messages that a read has returned, if anybody watches.
    pub fn count(&self, counter: &mut Counter, bytes: &[u8]) -> Messages {
        if self.watches() { counter.read(bytes) } else { Messages::NONE }
    }
}

/// The number of the current thread, which no other thread of this process has or will have.
#[must_use]
pub fn current_thread() -> u32 {
    static NUMBERS: AtomicU32 = AtomicU32::new(1);
    thread_local!(static NUMBER: OnceCell<u32> = const { OnceCell::new() });
    NUMBER.with(|number| *number.get_or_init(|| NUMBERS.fetch_add(1, Ordering::Relaxed)))
}

/// Its name.
#[must_use]
pub fn current_thread_name() -> String {
    thread::current().name().unwrap_or("?").to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_give_a_stream_the_same_number() {
        let (one, other) = (([127, 0, 0, 1], 21567).into(), ([127, 0, 0, 1], 40000).into());
        let (ours, theirs) = (Streams::of(one, other), Streams::of(other, one));
        assert_eq!((ours.sent, ours.received), (theirs.received, theirs.sent));
        assert_ne!(ours.sent, ours.received);
    }

    #[test]
    fn messages_are_numbered_by_their_newlines() {
        let mut counter = Counter::new(Stream(7));
        let read = |counter: &mut Counter, bytes: &[u8]| {
            let messages = counter.read(bytes);
            (messages.first, messages.count)
        };
        assert_eq!(read(&mut counter, b"one\ntwo\nthr"), (1, 2));
        assert_eq!(read(&mut counter, b"ee\n"), (3, 1));
        assert_eq!(read(&mut counter, b"88"), (4, 0));
    }

    #[test]
    fn without_newlines_a_read_is_a_message_until_there_is_one() {
        let mut counter = Counter::new(Stream(7));
        assert_eq!(counter.read(b"one").first, 1);
        assert_eq!(counter.read(b"two").first, 2);
        assert_eq!(counter.read(b"88").count, 0);
        let mut counter = Counter::new(Stream(7));
        counter.read(b"the first li");
        assert_eq!(counter.read(b"ne\nthe second\n"), Messages { stream: Stream(7), first: 1, count: 2 });
    }
}
