//! Turns bytes into messages.

use super::foreign::{Beginning, Foreign, classify, is_long_request, is_request};
use super::framer::{Frame, Framer};
use super::protocol::{GOODBYE, QUIET_TIME};
use super::stamp::{STAMP_LEN, Stamp};
use super::telnet::{Edit, IAC, Telnet};
use memchr::{memchr, memchr2, memmem};
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

impl Heard<'_> {
    /// The same, or if `all` is text, the text.
    pub(in crate::rules) fn or_text(self, all: bool) -> Self {
        match self {
            Self::Goodbye if all => Self::Text(GOODBYE),
            Self::LastWords(text) if all => Self::Text(text),
            heard => heard,
        }
    }
}

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// It may be anything.
    Unknown,
    /// A chat program: it sends stamps. What else it sends is text, whatever it looks like.
    Program,
    /// Our own keyboard, or a pipe in its place.
    Keyboard,
    /// A page in a browser: what it sends are lines, and what has no end is none.
    #[cfg(feature = "web")]
    Browser,
    /// What it sends is typed by a person: it speaks telnet, or sends each key by itself.
    Terminal,
}

/// What a peer has shown so far.
#[derive(Debug)]
struct Shown {
    peer: Peer,
    /// Whether the stream can be that of a foreign caller, as far as its first bytes tell.
    beginning: Beginning,
    /// The peer called us, and has not sent a line yet.
    is_first: bool,
    /// The peer has ended a line.
    framed: bool,
}

/// How many bytes of a stream tell that it does not begin with one of the usual methods of HTTP: as many as the longest has.
const FIRST_BYTES: usize = 8;

/// Our goodbye, and our goodbye said again, if the peer reads them together.
const TWICE: &[u8] = b"8888";

impl Shown {
    /// Whether an unfinished line is a goodbye already, because all else that this peer sends begins with a stamp.
    fn is_goodbye(&self, line: &[u8]) -> bool {
        self.peer == Peer::Program && (line == GOODBYE || line == TWICE)
    }

    /// Learns from a frame. `is_whole` unless more of its line will come.
    fn judge(&mut self, frame: &Frame<'_>, is_whole: bool) {
        self.framed |= frame.ends_line;
        if self.is_first && !matches!(self.beginning, Beginning::Foreign(_)) {
            self.beginning = match is_whole {
                true if is_request(frame.text) => Beginning::Foreign(Foreign::Http),
                false if is_long_request(frame.text) => Beginning::Foreign(Foreign::Http),
                _ => Beginning::Messages,
            };
            // A server is to skip empty lines in front of a request (RFC 9112, section 2.2).
            self.is_first = is_whole && frame.text.is_empty();
        }
        if self.peer == Peer::Unknown && frame.starts_line && Stamp::parse(frame.text).is_some() {
            self.peer = Peer::Program;
        }
    }
}

/// Turns what arrives into messages, for every kind of peer.
///
/// A message ends at a newline. Until the peer has ended its first line, bytes without an end become a message after
/// [`QUIET_TIME`], because the tutorial's programs never send a newline; unless these bytes come key by key.
/// `docs/protocol.md` has all the rules.
#[derive(Debug)]
pub struct Decoder {
    framer: Framer,
    shown: Shown,
    telnet: Telnet,
    /// The last byte is a `\r`, whose meaning depends on what follows, if anything does.
    holds_return: bool,
    /// The `\r` of a terminal has ended a line: a `\n` or a NUL after it belongs to it.
    after_return: bool,
    /// The first bytes of a caller, as many as may be needed to tell that it is no foreign one.
    first: Vec<u8>,
    last_arrival: Option<Instant>,
}

impl Decoder {
    /// `max_line` is the longest message in bytes, without its line end; a longer one is split.
    #[must_use]
    pub fn new(max_line: usize) -> Self {
        Self::with(Peer::Unknown, Beginning::Messages, max_line)
    }

    /// The same for a peer that called us, which may be no chat at all.
    #[must_use]
    pub fn for_caller(max_line: usize) -> Self {
        Self::with(Peer::Unknown, Beginning::Open, max_line)
    }

    /// The same for our own keyboard, or a pipe in its place: all that comes is text.
    #[must_use]
    pub fn for_keyboard(max_line: usize) -> Self {
        Self::with(Peer::Keyboard, Beginning::Messages, max_line)
    }

    /// The same for a page in a browser, whose messages have become lines.
    #[cfg(feature = "web")]
    #[must_use]
    pub fn for_browser(max_line: usize) -> Self {
        let mut decoder = Self::with(Peer::Browser, Beginning::Messages, max_line);
        decoder.shown.framed = true;
        decoder
    }

    fn with(peer: Peer, beginning: Beginning, max_line: usize) -> Self {
        Self {
            framer: Framer::new(max_line),
            shown: Shown { peer, beginning, is_first: beginning == Beginning::Open, framed: false },
            telnet: Telnet::default(),
            holds_return: false,
            after_return: false,
            first: Vec::new(),
            last_arrival: None,
        }
    }

    /// Removes the next message from the front of `bytes`, which are what is left of a read that returned at `now`. `None` when
    /// only the beginning of a message is left, which the decoder keeps.
    pub fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8], now: Instant) -> Option<Heard<'a>> {
        self.last_arrival = Some(now);
        if self.shown.beginning != Beginning::Messages {
            self.begin(bytes);
        }
        if let Beginning::Foreign(foreign) = self.shown.beginning {
            return (!std::mem::take(bytes).is_empty()).then_some(Heard::Foreign(foreign));
        }
        let plain = if self.shown.peer == Peer::Unknown { self.find_out(bytes) } else { bytes.len() };
        if self.shown.peer == Peer::Terminal && !self.shown.framed && self.begins_with_stamp(bytes) {
            self.shown.peer = Peer::Program;
        }
        let frame = match self.shown.peer {
            Peer::Terminal if self.framer.is_full() => self.framer.finish()?,
            Peer::Terminal => {
                let mut end = self.type_keys(bytes)?;
                self.framer.next(&mut end)?
            }
            _ => {
                let mut part = &bytes[..plain];
                let frame = self.framer.next(&mut part);
                *bytes = &bytes[plain - part.len()..];
                frame?
            }
        };
        self.shown.judge(&frame, frame.ends_line);
        Some(match self.shown.beginning {
            Beginning::Foreign(foreign) => {
                *bytes = &[];
                Heard::Foreign(foreign)
            }
            _ if frame.starts_line && frame.ends_line && frame.text == GOODBYE => Heard::Goodbye,
            _ => Heard::Text(frame.text),
        })
    }

    /// Removes all lines from the front of `bytes` that are plain texts, to be shown exactly as they came. There may be none;
    /// call [`next`](Self::next) for what follows.
    pub fn next_lines<'b>(&mut self, bytes: &mut &'b [u8], now: Instant) -> &'b [u8] {
        let Shown { peer, beginning, .. } = self.shown;
        let is_judged = beginning == Beginning::Messages && !self.shown.is_first;
        if !is_judged || peer == Peer::Terminal || self.is_undecided() {
            return &[];
        }
        let special = if peer == Peer::Unknown { memchr2(IAC, b'\r', bytes) } else { None };
        let lines = self.framer.next_lines(&mut &bytes[..special.unwrap_or(bytes.len())]);
        if !lines.is_empty() {
            *bytes = &bytes[lines.len()..];
            self.last_arrival = Some(now);
            self.shown.judge(&Frame { text: lines, starts_line: true, ends_line: true }, true);
            // The first line may be the only one without a stamp.
            if self.shown.peer == Peer::Unknown
                && memmem::find_iter(lines, b"\n[").any(|at| Stamp::parse(&lines[at + 1..]).is_some())
            {
                self.shown.peer = Peer::Program;
            }
        }
        lines
    }

    /// When to call [`quiet`](Self::quiet), unless more arrives before.
    #[must_use]
    pub fn quiet_at(&self) -> Option<Instant> {
        let partial = self.framer.partial();
        let is_unfinished = !partial.is_empty() || self.is_undecided();
        // A request may arrive in parts, with any time between them.
        let may_be_foreign = self.shown.beginning == Beginning::Open;
        let waits =
            is_unfinished && !self.shown.framed && self.shown.peer != Peer::Terminal && !may_be_foreign;
        let is_goodbye = !self.is_within_message() && self.shown.is_goodbye(partial);
        self.last_arrival.filter(|_| waits || is_goodbye).map(|last| last + QUIET_TIME)
    }

    /// Nothing has arrived for [`QUIET_TIME`]: what is left is a message. Call it until it returns `None`.
    pub fn quiet(&mut self) -> Option<Heard<'_>> {
        #[cfg(feature = "web")]
        if self.shown.peer == Peer::Browser {
            return None;
        }
        let frame = if std::mem::take(&mut self.holds_return) {
            // Nothing belongs to it: it is the Enter key of a terminal.
            self.shown.peer = Peer::Terminal;
            self.after_return = true;
            self.framer.next(&mut &b"\n"[..])?
        } else {
            self.framer.keep(self.telnet.give_back(None).as_bytes());
            self.framer.finish()?
        };
        self.shown.judge(&frame, true);
        let text = frame.text.strip_suffix(b"\r").unwrap_or(frame.text);
        let is_stamped = self.shown.framed && self.shown.peer == Peer::Program;
        if is_stamped && frame.starts_line && Stamp::has_no_text(text) {
            // The line of a program breaks off before its text: nothing was said.
            return None;
        }
        Some(match self.shown.beginning {
            Beginning::Foreign(foreign) => Heard::Foreign(foreign),
            _ if frame.starts_line && (text == GOODBYE || self.shown.is_goodbye(text)) => Heard::Goodbye,
            _ => Heard::Text(frame.text),
        })
    }

    /// The stream has ended: what is left is the last message. Call it until it returns `None`.
    pub fn end(&mut self) -> Option<Heard<'_>> {
        let may_be_glued = !self.shown.framed && !self.telnet.is_spoken();
        Some(match self.quiet()? {
            Heard::Text(text) if may_be_glued && text.ends_with(GOODBYE) => Heard::LastWords(text),
            heard => heard,
        })
    }

    /// What to send to a telnet peer at once, exactly as it is, if there is something: it is no message. Ask after what a read
    /// returned has been decoded.
    pub fn take_reply(&mut self) -> Option<Vec<u8>> {
        self.telnet.take_reply()
    }

    /// Whether the peer sends what a terminal sends: it speaks telnet, or it sends each key. A line for it ends in `\r\n`.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.shown.peer == Peer::Terminal
    }

    /// Whether the peer has shown that it speaks telnet. A byte 255 for it is doubled.
    #[must_use]
    pub fn speaks_telnet(&self) -> bool {
        self.telnet.is_spoken()
    }

    /// Whether something has arrived that cannot become a [`Heard::Foreign`]: there is reason to believe in this peer.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        self.last_arrival.is_some() && self.shown.beginning == Beginning::Messages
    }

    /// Whether the next message is the remainder of one that was split.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.framer.is_within_line()
    }

    /// Whether the peer has ended a line.
    #[must_use]
    pub fn is_framed(&self) -> bool {
        self.shown.framed
    }

    /// The stream of a caller begins: its first bytes may already tell that it is foreign, or that it is not.
    fn begin(&mut self, bytes: &[u8]) {
        if self.shown.beginning == Beginning::Open {
            let missing = FIRST_BYTES - self.first.len();
            self.first.extend_from_slice(&bytes[..bytes.len().min(missing)]);
            self.shown.beginning = classify(&self.first);
        }
    }

    /// Finds out what an unknown peer is, from what comes before the next frame. If it stays unknown, returns how many bytes to
    /// frame next, which are plain.
    fn find_out(&mut self, bytes: &mut &[u8]) -> usize {
        if self.is_key(bytes) {
            self.shown.peer = Peer::Terminal;
        }
        while self.shown.peer == Peer::Unknown {
            if self.is_undecided() {
                let Some(byte) = bytes.first() else { return 0 };
                *bytes = &bytes[usize::from(self.decide(*byte))..];
                continue;
            }
            let window = self.framer.window(bytes);
            let special = match self.shown.framed {
                true => memchr(IAC, window),
                false => memchr2(IAC, b'\r', window),
            };
            let Some(at) = special else { return bytes.len() };
            if self.framer.is_too_long(&window[..at]) {
                return at;
            }
            self.framer.keep(&window[..at]);
            *bytes = &bytes[at..];
            let has_stamp = !self.is_within_message() && Stamp::parse(self.framer.partial()).is_some();
            match bytes[0] {
                _ if has_stamp => {
                    self.shown.peer = Peer::Program;
                    return bytes.len();
                }
                b'\r' => self.holds_return = true,
                byte => drop(self.telnet.take(byte)),
            }
            *bytes = &bytes[1..];
        }
        0
    }

    /// Whether the last bytes mean something only together with the next one.
    fn is_undecided(&self) -> bool {
        self.holds_return || self.telnet.is_within_command()
    }

    /// Decides with the help of the next byte, as far as that is possible. Returns whether the byte belongs to what it decided.
    fn decide(&mut self, next: u8) -> bool {
        if self.holds_return {
            if next == 0 {
                self.shown.peer = Peer::Terminal;
            } else {
                self.holds_return = false;
                self.framer.keep(b"\r");
            }
            return false;
        }
        let text = self.telnet.give_back(Some(next));
        if !text.as_bytes().is_empty() {
            self.framer.keep(text.as_bytes());
            return false;
        }
        let edit = self.telnet.take(next);
        if self.telnet.is_spoken() {
            self.shown.peer = Peer::Terminal;
            edit.map(|edit| self.edit(edit));
        }
        true
    }

    /// Whether the line that is not yet ended begins with a stamp. Then its sender is no terminal, even if its first byte came alone.
    fn begins_with_stamp(&self, bytes: &[u8]) -> bool {
        let partial = self.framer.partial();
        // A longer beginning was looked at when it arrived.
        let may_begin = !self.telnet.is_spoken() && !self.is_within_message() && partial.len() < STAMP_LEN;
        may_begin && Stamp::parse(&[partial, &bytes[..bytes.len().min(STAMP_LEN)]].concat()).is_some()
    }

    /// Whether a read returned one key, in front of which nothing is unfinished. The tutorial's programs send at least a stamp, or
    /// `88`.
    fn is_key(&self, bytes: &[u8]) -> bool {
        let is_unfinished =
            !self.framer.partial().is_empty() || self.is_within_message() || self.is_undecided();
        let is_one = match bytes {
            [byte] => !matches!(*byte, b'\n' | IAC),
            // An arrow, for instance.
            [ESCAPE, sequence @ ..] => sequence.len() < 8 && memchr(b'\n', sequence).is_none(),
            _ => bytes.len() <= 4 && str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1),
        };
        is_one && !is_unfinished && !self.shown.framed
    }

    /// Takes what a terminal sends from the front of `bytes`, up to what completes a frame. Returns what the framer needs for that
    /// frame.
    fn type_keys(&mut self, bytes: &mut &[u8]) -> Option<&'static [u8]> {
        if std::mem::take(&mut self.holds_return) {
            self.after_return = true;
            return Some(b"\n");
        }
        loop {
            let (&byte, rest) = bytes.split_first()?;
            if !self.framer.keep(self.telnet.give_back(Some(byte)).as_bytes()) {
                return Some(b"");
            }
            *bytes = rest;
            let after_return = std::mem::take(&mut self.after_return);
            let edit = match byte {
                _ if byte == IAC || self.telnet.is_within_command() => self.telnet.take(byte),
                b'\n' | 0 if after_return => None,
                b'\r' | b'\n' => {
                    self.after_return = byte == b'\r';
                    return Some(b"\n");
                }
                // RFC 854: no operation.
                0 => None,
                BACKSPACE | DELETE => Some(Edit::EraseCharacter),
                CONTROL_C | CONTROL_U => Some(Edit::EraseLine),
                _ => Some(Edit::Add(byte)),
            };
            if edit.is_some_and(|edit| !self.edit(edit)) {
                return Some(b"");
            }
        }
    }

    /// Edits the line that is not yet ended. `false` if it is too long now.
    fn edit(&mut self, edit: Edit) -> bool {
        match edit {
            Edit::Add(byte) => return self.framer.keep(&[byte]),
            Edit::EraseCharacter => self.framer.erase_character(),
            Edit::EraseLine => self.framer.erase_line(),
        }
        true
    }
}

/// The keys that a terminal deals with itself if it sends whole lines.
const ESCAPE: u8 = 0x1b;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const CONTROL_C: u8 = 0x03;
const CONTROL_U: u8 = 0x15;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The messages of a stream that arrives in these pieces, with no time between them, and then ends.
    fn hear(max_line: usize, pieces: &[&[u8]]) -> Vec<String> {
        hear_with(Decoder::new(max_line), pieces)
    }

    fn hear_with(mut decoder: Decoder, pieces: &[&[u8]]) -> Vec<String> {
        let now = Instant::now();
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
    fn a_stamp_in_any_line_of_a_read_shows_that_a_program_sends_them() {
        let (mut decoder, now) = (Decoder::new(99), Instant::now());
        let mut bytes = &b"hello\n[Mon Nov  9 06:18:34 2026] hello\n"[..];
        assert_eq!(decoder.next_lines(&mut bytes, now).len(), 39);
        // That would be telnet if a person could send it.
        let mut bytes = &b"\xff\xfb\x1f\n"[..];
        assert_eq!(decoder.next(&mut bytes, now), Some(Heard::Text(b"\xff\xfb\x1f")));
    }

    #[test]
    fn a_stamp_without_a_text_at_the_end_was_cut_off_and_says_nothing() {
        let line = b"[Mon Nov  9 06:18:34 2026] hello\n";
        for length in 1..=STAMP_LEN {
            assert_eq!(hear(99, &[line, &line[..length]]), ["[Mon Nov  9 06:18:34 2026] hello"]);
        }
        assert_eq!(hear(99, &[line, &line[..STAMP_LEN + 1]]).len(), 2);
        // Without stamps, it is a text as any other.
        assert_eq!(hear(99, &[b"hello\n[Mon"]).len(), 2);
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

    #[test]
    fn telnet_commands_are_no_text() {
        // Ctrl-C, as telnet sends it, and then a line and the goodbye.
        let stream = b"hello\r\n\xff\xf4\xff\xfd\x06there\r\n88\r\n";
        assert_eq!(hear(99, &[stream]), ["hello", "there", "goodbye"]);
        for cut in 0..stream.len() {
            let (one, two) = stream.split_at(cut);
            assert_eq!(hear(99, &[one, two]), ["hello", "there", "goodbye"], "{cut}");
        }
    }

    #[test]
    fn a_byte_255_is_text_until_the_peer_has_shown_that_it_speaks_telnet() {
        let mut decoder = Decoder::new(99);
        let (mut bytes, now) = (&b"\xff\xfe\xff\xff\xff\n\xff\xfb\x1f\xff\xffx\xff\n"[..], Instant::now());
        assert_eq!(decoder.next(&mut bytes, now), Some(Heard::Text(b"\xff\xfe\xff\xff\xff")));
        assert!(!decoder.speaks_telnet());
        assert_eq!(decoder.next(&mut bytes, now), None);
        assert!(decoder.speaks_telnet());
        assert_eq!(decoder.take_reply(), Some(b"\xff\xfe\x1f".to_vec()));
        assert_eq!(decoder.take_reply(), None);
    }

    #[test]
    fn whoever_sends_stamps_sends_bytes_and_no_telnet() {
        let line = b"[Mon Nov  9 06:18:34 2026] \xff\xfb\x01 a\rb\x08\n";
        let now = Instant::now();
        let mut decoder = Decoder::new(99);
        for _ in 0..2 {
            assert_eq!(decoder.next(&mut &line[..], now), Some(Heard::Text(&line[..line.len() - 1])));
        }
        assert!(!decoder.is_terminal());
    }

    #[test]
    fn the_lines_of_a_terminal_end_in_four_ways_and_are_edited() {
        let negotiation = b"\xff\xfb\x1f";
        for (stream, lines) in [
            (&b"one\r\ntwo\r\0three\rfour\n\r\nfive"[..], &["one", "two", "three", "four", "", "five"][..]),
            (b"helk\x08lo\x7f\x7flo\r", &["hello"]),
            ("ä\u{8}\u{8}\u{8}ö\r".as_bytes(), &["ö"]),
            (b"wrong\x15right\0\r", &["right"]),
            (b"wrong\x03right\r", &["right"]),
            (b"wrong\xff\xf8right\xff\xf7T\r", &["righT"]),
            (b"1234567890\x08\r88\r", &["12345678", "9", "goodbye"]),
        ] {
            assert_eq!(hear(8, &[negotiation, stream]), lines, "{:?}", stream.escape_ascii().to_string());
        }
    }

    #[test]
    fn keys_that_come_one_by_one_are_one_message() {
        let (mut decoder, now) = (Decoder::new(99), Instant::now());
        for key in ["h", "é", "l", "l", "o", "!", "\x7f"] {
            assert_eq!(decoder.next(&mut key.as_bytes(), now), None);
            assert_eq!(decoder.quiet_at(), None);
        }
        assert_eq!(decoder.next(&mut &b"\r"[..], now), Some(Heard::Text("héllo".as_bytes())));
        assert!(decoder.is_terminal() && !decoder.speaks_telnet());
        for key in ["8", "8"] {
            assert_eq!(decoder.next(&mut key.as_bytes(), now), None);
        }
        assert_eq!(decoder.next(&mut &b"\r\n"[..], now), Some(Heard::Goodbye));
    }

    #[test]
    fn a_return_ends_the_first_line_if_a_nul_or_nothing_follows() {
        assert_eq!(hear(99, &[b"hello\r\088\r\0"]), ["hello", "goodbye"]);
        assert_eq!(hear(99, &[b"hello\r", b"\x0088\r"]), ["hello", "goodbye"]);
        assert_eq!(hear(99, &[b"88\r"]), ["goodbye"]);
        // In the middle of a line it is text.
        assert_eq!(hear(99, &[b"50%\r100%\r\n", b"88\r"]), ["50%\r100%", "goodbye"]);
        let (mut decoder, now) = (Decoder::new(99), Instant::now());
        assert_eq!(decoder.next(&mut &b"hello\r"[..], now), None);
        assert_eq!(decoder.quiet_at(), Some(now + QUIET_TIME));
        assert_eq!(decoder.quiet(), Some(Heard::Text(b"hello")));
        assert_eq!(decoder.quiet(), None);
        assert!(decoder.is_terminal());
    }

    #[test]
    fn a_caller_that_sends_an_http_request_or_speaks_tls_is_foreign() {
        for (stream, foreign) in [
            (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], "Http"),
            (b"POST /x HTTP/1.1\r\n\r\n/name mallory\nhello\n", "Http"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "Http"),
            (b"OPTIONS * HTTP/1.0\n", "Http"),
            (b"\x16\x03\x01\x02\n", "Tls"),
        ] {
            for cut in 0..stream.len() {
                let (one, two) = stream.split_at(cut);
                let heard = hear_with(Decoder::for_caller(99), &[one, two]);
                assert!(!heard.is_empty() && heard.iter().all(|heard| heard == foreign), "{heard:?}, {cut}");
            }
        }
        let long = [b"GET /", &[b'a'; 200][..], b" HTTP/1.1\r\nhello\n"].concat();
        assert_eq!(hear_with(Decoder::for_caller(99), &[&long]), ["Http"]);
        assert_eq!(hear_with(Decoder::for_caller(99), &[b"GET / HTTP/1.1"]), ["Http"]);
    }

    #[test]
    fn whoever_says_something_else_is_genuine_at_once() {
        let now = Instant::now();
        let is_genuine = |bytes: &[u8]| {
            let mut decoder = Decoder::for_caller(99);
            while decoder.next(&mut &*bytes, now).is_some_and(|_| false) {}
            decoder.is_genuine()
        };
        for bytes in [&b"h"[..], b"\xff", b"Hello", b"GEt", b"[Mon", b"GET it\n"] {
            assert!(is_genuine(bytes), "{:?}", bytes.escape_ascii().to_string());
        }
        for bytes in [&b"G"[..], b"GET it", b"POST"] {
            assert!(!is_genuine(bytes), "{:?}", bytes.escape_ascii().to_string());
        }
        let mut decoder = Decoder::for_caller(99);
        assert!(!decoder.is_genuine());
        let mut bytes = &b"GET it\nGET / HTTP/1.1\n"[..];
        assert_eq!(decoder.next(&mut bytes, now), Some(Heard::Text(b"GET it")));
        assert_eq!(decoder.next(&mut bytes, now), Some(Heard::Text(b"GET / HTTP/1.1")));
    }

    #[test]
    fn a_long_beginning_does_not_hold_up_what_follows_it() {
        for rest in [&b"\r\xff\xf6more\r\n"[..], b"\r\0more\r\n", b"\xff\xfb\x01\xff\xf1more\r\n"] {
            for length in 1..20 {
                let stream = [&vec![b'a'; length], rest, b"88\r\n"].concat();
                let heard = hear(8, &[&stream]);
                assert_eq!(heard.last().map(String::as_str), Some("goodbye"), "{length}, {heard:?}");
            }
        }
    }

    #[test]
    fn a_goodbye_that_was_said_twice_is_one_of_a_program_that_stamps_its_messages() {
        let line = b"[Mon Nov  9 06:18:34 2026] hello\n";
        for goodbye in [&b"88"[..], b"8888"] {
            assert_eq!(hear(99, &[line, goodbye]).last().unwrap(), "goodbye");
            let (mut decoder, now) = (Decoder::new(99), Instant::now());
            let mut bytes = &[line, goodbye].concat()[..];
            assert!(decoder.next(&mut bytes, now).is_some() && decoder.next(&mut bytes, now).is_none());
            assert_eq!(decoder.quiet_at(), Some(now + QUIET_TIME));
            assert_eq!(decoder.quiet(), Some(Heard::Goodbye));
        }
        assert_eq!(hear(99, &[b"hello\n8888"]), ["hello", "8888"]);
    }

    #[test]
    fn a_request_is_one_however_slowly_it_comes() {
        let now = Instant::now();
        for pieces in [
            ["PO", "ST / HTTP/1.1\r\nhello\n"],
            ["GET /aaaa", "bbb HTTP/1.1\r\nhello\n"],
            ["GET ", "/ HTTP/1.1\n"],
        ] {
            let mut decoder = Decoder::for_caller(99);
            assert_eq!(decoder.next(&mut pieces[0].as_bytes(), now), None);
            assert_eq!(decoder.quiet_at(), None);
            assert_eq!(decoder.next(&mut pieces[1].as_bytes(), now), Some(Heard::Foreign(Foreign::Http)));
        }
    }

    #[test]
    fn a_request_with_another_method_and_binary_data_are_foreign_too() {
        for (stream, foreign) in [
            (&b"PROPFIND / HTTP/1.1\r\nhello\n"[..], "Http"),
            (b"get /index.html http/1.0 \r\nhello\n", "Http"),
            (b"\0d\0\x01\0P\x21\x12\xa4\x42\nhello:you\n", "Binary"),
        ] {
            assert_eq!(hear_with(Decoder::for_caller(99), &[stream])[..1], [foreign.to_owned()]);
        }
        let heard = hear_with(Decoder::for_caller(99), &[b"\r\nGET / HTTP/1.1\r\nhello\n"]);
        assert_eq!(heard, ["", "Http"]);
        let heard = hear_with(Decoder::for_caller(99), &[b"I like HTTP/2\nHTTP/3 is new\n"]);
        assert_eq!(heard[1..], ["HTTP/3 is new"]);
    }

    #[test]
    fn a_stamp_shows_a_program_even_if_its_first_byte_came_alone() {
        let (mut decoder, now) = (Decoder::new(99), Instant::now());
        assert_eq!(decoder.next(&mut &b"["[..], now), None);
        assert!(decoder.is_terminal());
        assert_eq!(decoder.next(&mut &b"Mon Nov  9 06:18:34 2026] a\x08\xff\xf1"[..], now), None);
        assert!(!decoder.is_terminal());
        assert_eq!(decoder.quiet_at(), Some(now + QUIET_TIME));
        assert_eq!(decoder.quiet(), Some(Heard::Text(b"[Mon Nov  9 06:18:34 2026] a\x08\xff\xf1")));
    }

    #[test]
    fn a_newline_long_after_the_return_before_it_belongs_to_it() {
        let (mut decoder, now) = (Decoder::new(99), Instant::now());
        assert_eq!(decoder.next(&mut &b"hello\r"[..], now), None);
        assert_eq!(decoder.quiet(), Some(Heard::Text(b"hello")));
        assert_eq!(decoder.next(&mut &b"\n"[..], now), None);
    }
}
