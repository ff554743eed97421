//! Numbers messages, so that an observer recognizes a sent message where it is received.

use super::wire::GOODBYE;
use std::net::SocketAddr;

/// Successive messages of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Messages {
    /// The stream.
    pub stream: Stream,
    /// The number of the first, counted from 1.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// All messages in one direction of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Stream(pub u32);

/// The two streams of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streams {
    /// From us to the peer.
    pub sent: Stream,
    /// From the peer to us.
    pub received: Stream,
    /// What is received is in frames, whose messages only the rules find: each read counts as one.
    pub in_frames: bool,
}

impl Stream {
    /// The lines typed at an endpoint.
    pub const KEYBOARD: Self = Self(0);

    /// The stream from one end of a connection to the other. Both sides know both addresses and get the same number.
    #[must_use]
    pub fn between(from: SocketAddr, to: SocketAddr) -> Self {
        // A listener for IPv6 and IPv4 sees an IPv4 caller with a mapped address.
        let text = |end: SocketAddr| format!("{} {} ", end.ip().to_canonical(), end.port());
        // FNV-1a, whose parameters are part of the format: docs/trace.md.
        let hash = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self((text(from) + &text(to)).bytes().fold(0x811c_9dc5, hash).max(1))
    }
}

impl Streams {
    /// The streams of a connection.
    #[must_use]
    pub fn of(local: SocketAddr, peer: SocketAddr) -> Self {
        let (sent, received) = (Stream::between(local, peer), Stream::between(peer, local));
        Self { sent, received, in_frames: false }
    }

    /// Numbers what is received.
    #[must_use]
    pub fn receiver(self) -> Counter {
        Counter { in_frames: self.in_frames, ..Counter::new(self.received) }
    }
}

impl Messages {
    /// No messages.
    pub const NONE: Self = Self { stream: Stream::KEYBOARD, first: 0, count: 0 };

    /// The number of the last.
    #[must_use]
    pub fn last(self) -> u64 {
        // Numbers that come from a file may be absurd.
        self.first.saturating_add(self.count).saturating_sub(1)
    }
}

/// Numbers the messages of a stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    stream: Stream,
    counted: u64,
    framed: bool,
    in_frames: bool,
}

impl Counter {
    /// The first message will have the number 1.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { stream, ..Self::default() }
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> Stream {
        self.stream
    }

    /// How many messages have a number.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counted
    }

    /// Numbers the next `count` messages.
    pub fn next(&mut self, count: u64) -> Messages {
        let first = self.counted + 1;
        self.counted += count;
        Messages { stream: self.stream, first, count }
    }

    /// Numbers the messages that end in what a read returned: each ends with a newline. Until the first newline, each read is a
    /// message, as in the tutorial's programs, unless it is the goodbye.
    pub fn read(&mut self, bytes: &[u8]) -> Messages {
        if self.in_frames {
            return self.next(1);
        }
        let newlines = bytecount::count(bytes, b'\n') as u64;
        if newlines > 0 && !std::mem::replace(&mut self.framed, true) {
            self.counted = 0;
        }
        self.next(if self.framed || bytes == GOODBYE { newlines } else { 1 })
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
