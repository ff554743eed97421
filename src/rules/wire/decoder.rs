//! Turns bytes into messages.

use super::foreign::Foreign;
use super::framer::Framer;
use super::protocol::{GOODBYE, QUIET_TIME};
use super::stamp::Stamp;
use std::time::Instant;

/// What a peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A message without its line end.
    Text(&'a [u8]),
    /// `88`: the conversation is over.
    Goodbye,
    /// The last bytes of a peer that never sent a newline, ending in `88`. They may be a message and the goodbye after it, read
    /// together, or just `born in 1988`. So show all of it, and end the conversation cleanly.
    LastWords(&'a [u8]),
    /// The caller is no chat, and nothing of the stream is a message: send [`Foreign::answer`] and end the connection. Only of
    /// a decoder [for a caller](Decoder::for_caller), and before anything else.
    Foreign(Foreign),
}

/// Turns what arrives into messages, for every kind of peer.
///
/// A message ends at a newline. Until the peer has sent its first newline, bytes without one become a message after
/// [`QUIET_TIME`]: the tutorial's programs never send a newline.
#[derive(Debug)]
pub struct Decoder {
    framer: Framer,
    /// The peer has sent a newline.
    framed: bool,
    /// The first line of the peer began with a stamp, as all of ours do. So none of them begins with `88`.
    stamps: bool,
    last_arrival: Option<Instant>,
}

impl Decoder {
    /// `max_line` is the longest message in bytes, without its line end; a longer one is split.
    #[must_use]
    pub fn new(max_line: usize) -> Self {
        Self { framer: Framer::new(max_line), framed: false, stamps: false, last_arrival: None }
    }

    /// The same for a peer that called us, which may be no chat at all.
    #[must_use]
    pub fn for_caller(max_line: usize) -> Self {
        Self::new(max_line)
    }

    /// What to send to a telnet peer at once, exactly as it is, if there is something: it is no message. Ask after what a read
    /// returned has been decoded.
    pub fn take_reply(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Whether the peer sends what a terminal sends: it speaks telnet, or it sends each key. A line for it ends in `\r\n`.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        false
    }

    /// Whether the peer has shown that it speaks telnet. A byte 255 for it is doubled.
    #[must_use]
    pub fn speaks_telnet(&self) -> bool {
        false
    }

    /// Whether something has arrived that cannot become a [`Heard::Foreign`]: there is reason to believe in this peer.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        self.last_arrival.is_some()
    }

    /// Removes the next message from the front of `bytes`, which arrived at `now`. `None` when only the beginning of a message
    /// is left, which the decoder keeps.
    pub fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8], now: Instant) -> Option<Heard<'a>> {
        self.last_arrival = Some(now);
        let frame = self.framer.next(bytes)?;
        if frame.ends_line && !self.framed {
            (self.framed, self.stamps) = (true, frame.starts_line && Stamp::parse(frame.text).is_some());
        }
        let is_goodbye = frame.starts_line && frame.ends_line && frame.text == GOODBYE;
        Some(if is_goodbye { Heard::Goodbye } else { Heard::Text(frame.text) })
    }

    /// Removes all lines from the front of `bytes` that are plain texts, to be shown exactly as they came. There may be none;
    /// call [`next`](Self::next) for what follows.
    pub fn next_lines<'b>(&mut self, bytes: &mut &'b [u8], now: Instant) -> &'b [u8] {
        let lines = self.framer.next_lines(bytes);
        if !lines.is_empty() {
            self.last_arrival = Some(now);
            if !self.framed {
                (self.framed, self.stamps) = (true, Stamp::parse(lines).is_some());
            }
        }
        lines
    }

    /// When to call [`quiet`](Self::quiet), unless more arrives before.
    #[must_use]
    pub fn quiet_at(&self) -> Option<Instant> {
        let partial = self.framer.partial();
        let is_goodbye = self.stamps && partial == GOODBYE && !self.framer.is_within_line();
        let waiting = !self.framed && !partial.is_empty() || is_goodbye;
        self.last_arrival.filter(|_| waiting).map(|last| last + QUIET_TIME)
    }

    /// Nothing has arrived for [`QUIET_TIME`]: what is left is a message. Call it until it returns `None`.
    pub fn quiet(&mut self) -> Option<Heard<'_>> {
        let frame = self.framer.finish()?;
        let is_goodbye = frame.starts_line && frame.text == GOODBYE;
        Some(if is_goodbye { Heard::Goodbye } else { Heard::Text(frame.text) })
    }

    /// The stream has ended: what is left is the last message. Call it until it returns `None`.
    pub fn end(&mut self) -> Option<Heard<'_>> {
        let framed = self.framed;
        Some(match self.quiet()? {
            Heard::Text(text) if !framed && text.ends_with(GOODBYE) => Heard::LastWords(text),
            heard => heard,
        })
    }

    /// Whether the next message is the remainder of one that was split.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.framer.is_within_line()
    }

    /// Whether the peer has sent a newline.
    #[must_use]
    pub fn is_framed(&self) -> bool {
        self.framed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a stream that arrives in these pieces, with no time between them, and then ends.
    fn hear(max_line: usize, pieces: &[&[u8]]) -> Vec<String> {
        let (mut decoder, now) = (Decoder::new(max_line), Instant::now());
        let mut heard = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(one) = decoder.next(&mut piece, now) {
                heard.push(describe(one));
            }
        }
        while let Some(one) = decoder.end() {
            heard.push(describe(one));
        }
        heard
    }

    fn describe(heard: Heard<'_>) -> String {
        match heard {
            Heard::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Heard::Goodbye => "goodbye".to_owned(),
            Heard::LastWords(text) => format!("{}, goodbye", String::from_utf8_lossy(text)),
            Heard::Foreign(foreign) => format!("{foreign:?}"),
        }
    }

    #[test]
    fn only_a_message_that_is_88_is_a_goodbye() {
        assert_eq!(hear(99, &[b"88\n"]), ["goodbye"]);
        assert_eq!(hear(99, &[b"8", b"8\r", b"\n"]), ["goodbye"]);
        assert_eq!(
            hear(99, &[b" 88\n88 \n[x] 88\nborn in 1988\n"]),
            [" 88", "88 ", "[x] 88", "born in 1988"]
        );
    }

    #[test]
    fn the_last_bytes_may_be_the_goodbye() {
        assert_eq!(hear(99, &[b"88"]), ["goodbye"]);
        assert_eq!(hear(99, &[b"hello\n88"]), ["hello", "goodbye"]);
    }

    #[test]
    fn a_goodbye_glued_to_a_message_still_ends_the_chat() {
        assert_eq!(hear(99, &[b"hello88"]), ["hello88, goodbye"]);
        // A peer that sends newlines would have sent one.
        assert_eq!(hear(99, &[b"hello\nhello88"]), ["hello", "hello88"]);
    }

    #[test]
    fn the_remainder_of_a_split_message_is_never_a_goodbye() {
        assert_eq!(hear(4, &[b"123488\n88\n"]), ["1234", "88", "goodbye"]);
        assert_eq!(hear(4, &[b"123488"]), ["1234", "88, goodbye"]);
    }

    #[test]
    fn bytes_without_a_newline_become_a_message_when_it_is_quiet() {
        let (mut decoder, now) = (Decoder::new(99), Instant::now());
        assert_eq!(decoder.quiet_at(), None);
        assert_eq!(decoder.next(&mut &b"88"[..], now), None);
        assert_eq!(decoder.quiet_at(), Some(now + QUIET_TIME));
        assert_eq!(decoder.quiet(), Some(Heard::Goodbye));
        assert_eq!(decoder.quiet(), None);
        assert_eq!(decoder.quiet_at(), None);
    }

    #[test]
    fn a_peer_that_stamps_its_lines_says_goodbye_with_a_pause_after_88() {
        for (line, is_goodbye) in [(&b"[Mon Nov  9 06:18:34 2026] hello\n"[..], true), (b"hello\n", false)] {
            for by_line in [true, false] {
                let (mut decoder, now) = (Decoder::new(99), Instant::now());
                let mut bytes = &[line, b"88"].concat()[..];
                if by_line {
                    assert!(!decoder.next_lines(&mut bytes, now).is_empty());
                } else {
                    assert!(decoder.next(&mut bytes, now).is_some());
                }
                assert_eq!(decoder.next(&mut bytes, now), None);
                assert_eq!(decoder.quiet_at(), is_goodbye.then(|| now + QUIET_TIME));
                assert!(!is_goodbye || decoder.quiet() == Some(Heard::Goodbye));
            }
        }
    }

    #[test]
    fn a_peer_that_has_sent_a_newline_may_pause_within_a_line() {
        let (mut decoder, now) = (Decoder::new(99), Instant::now());
        let mut bytes: &[u8] = b"hello\nwor";
        assert_eq!(decoder.next(&mut bytes, now), Some(Heard::Text(b"hello")));
        assert_eq!(decoder.next(&mut bytes, now), None);
        assert_eq!(decoder.quiet_at(), None);
    }
}
