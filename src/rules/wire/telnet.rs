//! The telnet protocol (RFC 854, 855), as far as a chat needs it: every option is refused, except for the mark of RFC 860.
//!
//! That is enough for a client to send whole lines and to echo what its user types: that is what a network virtual
//! terminal does before any option is agreed on.

/// Interpret As Command: begins every command.
pub(super) const IAC: u8 = 255;

const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
/// Begins a subnegotiation, which [`SE`] ends.
const SB: u8 = 250;
const GO_AHEAD: u8 = 249;
const ERASE_LINE: u8 = 248;
const ERASE_CHARACTER: u8 = 247;
const ARE_YOU_THERE: u8 = 246;
const ABORT_OUTPUT: u8 = 245;
const INTERRUPT: u8 = 244;
const BREAK: u8 = 243;
const NOP: u8 = 241;
const SE: u8 = 240;
/// RFC 1184.
const ABORT: u8 = 238;
const SUSPEND: u8 = 237;
const END_OF_FILE: u8 = 236;

/// The option of RFC 860. A client that was interrupted shows nothing until its request for the mark is answered.
const TIMING_MARK: u8 = 6;

/// The visible answer to [`ARE_YOU_THERE`].
const YES: &[u8] = b"\r\n[yes]\r\n";

/// A subnegotiation that is longer, in bytes, is not skipped to its end, which may never come. The longest in use carry
/// environment variables (RFC 1572).
const MAX_SUBNEGOTIATION: usize = 4096;

/// What a command asks of the line that is not yet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    Add(u8),
    EraseCharacter,
    EraseLine,
}

/// Understands the commands in a telnet stream, which may arrive in any pieces.
#[derive(Debug, Default)]
pub(super) struct Telnet {
    state: State,
    /// The peer has sent a command that shows that it speaks telnet.
    is_spoken: bool,
    /// The options to which a WILL, or a DO, was answered. Each gets one answer, so no two sides can answer each other forever.
    refused_will: Options,
    refused_do: Options,
    reply: Vec<u8>,
    /// The reply says that we are here.
    says_yes: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// An [`IAC`] came.
    Command,
    /// And one of the four requests, which an option follows.
    Request(u8),
    /// A subnegotiation has this many bytes so far.
    Subnegotiation { bytes: usize },
    /// An [`IAC`] came in it.
    CommandInSubnegotiation { bytes: usize },
}

/// A set of options.
#[derive(Debug, Default)]
struct Options([u64; 4]);

impl Options {
    /// Returns `false` if it was there already.
    fn insert(&mut self, option: u8) -> bool {
        let (word, bit) = (&mut self.0[usize::from(option / 64)], 1 << (option % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Bytes of a command that turned out to be none.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Text {
    bytes: [u8; 2],
    len: usize,
}

impl Text {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Whether an option follows.
fn is_request(byte: u8) -> bool {
    matches!(byte, WILL | WONT | DO | DONT | SB)
}

/// Whether an option is in use: those that IANA lists, and those of games. Without 10 and 13, which nobody uses (RFC 652, 655): a
/// line end there shows that two letters of Latin-1 came before it.
fn is_option(option: u8) -> bool {
    matches!(option, 0..=9 | 11..=12 | 14..=49 | 69 | 70 | 85 | 86 | 90 | 91 | 93 | 138..=140 | 200 | 201)
}

impl Telnet {
    /// Whether the next byte belongs to a command.
    pub(super) fn is_within_command(&self) -> bool {
        self.state != State::Text
    }

    /// Whether the peer has shown that it speaks telnet.
    pub(super) fn is_spoken(&self) -> bool {
        self.is_spoken
    }

    /// The bytes taken so far that are text after all, if the `next` byte shows that, or if nothing follows. A byte 255 is no sign
    /// of telnet: it is a letter in Latin-1, and in the mark of UTF-16.
    pub(super) fn give_back(&mut self, next: Option<u8>) -> Text {
        // Not those that no client begins with: after IAC they are usual in Latin-1 (`ÿð`, `ÿñ`, `ÿù`), and in the mark of UTF-16.
        let is_command = |byte| (END_OF_FILE..SB).contains(&byte) && !matches!(byte, SE | NOP | GO_AHEAD);
        let (text, is_possible) = match self.state {
            _ if self.is_spoken => return Text::default(),
            State::Command => {
                let is_possible = |byte| is_command(byte) || matches!(byte, WILL | DO | SB);
                (Text { bytes: [IAC, 0], len: 1 }, next.is_some_and(is_possible))
            }
            State::Request(request) => (Text { bytes: [IAC, request], len: 2 }, next.is_some_and(is_option)),
            _ => return Text::default(),
        };
        if is_possible {
            return Text::default();
        }
        self.state = State::Text;
        text
    }

    /// Takes the next byte: [`IAC`], or one [within a command](Self::is_within_command), unless that gave it
    /// [back](Self::give_back).
    pub(super) fn take(&mut self, byte: u8) -> Option<Edit> {
        let state = std::mem::take(&mut self.state);
        self.state = match (state, byte) {
            (State::Text, _) => State::Command,
            (State::Command, IAC) => return Some(Edit::Add(IAC)),
            (State::Command, _) if is_request(byte) => State::Request(byte),
            (State::Command, _) => {
                self.is_spoken = true;
                return self.execute(byte);
            }
            (State::Request(request), option) => {
                self.is_spoken = true;
                self.answer(request, option);
                match (request, option) {
                    (SB, IAC) => State::CommandInSubnegotiation { bytes: 0 },
                    (SB, _) => State::Subnegotiation { bytes: 0 },
                    _ => State::Text,
                }
            }
            (State::Subnegotiation { bytes }, IAC) => State::CommandInSubnegotiation { bytes },
            (State::CommandInSubnegotiation { .. }, SE) => State::Text,
            (State::CommandInSubnegotiation { bytes }, IAC) | (State::Subnegotiation { bytes }, _) => {
                match bytes < MAX_SUBNEGOTIATION {
                    true => State::Subnegotiation { bytes: bytes + 1 },
                    false => State::Text,
                }
            }
            // Its end is missing.
            (State::CommandInSubnegotiation { .. }, _) => {
                self.state = State::Command;
                return self.take(byte);
            }
        };
        None
    }

    fn execute(&mut self, command: u8) -> Option<Edit> {
        match command {
            ERASE_CHARACTER => Some(Edit::EraseCharacter),
            ERASE_LINE | INTERRUPT | ABORT_OUTPUT | BREAK | ABORT | SUSPEND => Some(Edit::EraseLine),
            ARE_YOU_THERE => {
                if !std::mem::replace(&mut self.says_yes, true) {
                    self.reply.extend_from_slice(YES);
                }
                None
            }
            _ => None,
        }
    }

    fn answer(&mut self, request: u8, option: u8) {
        match request {
            DO if option == TIMING_MARK => self.reply.extend([IAC, WILL, option]),
            DO if self.refused_do.insert(option) => self.reply.extend([IAC, WONT, option]),
            WILL if self.refused_will.insert(option) => self.reply.extend([IAC, DONT, option]),
            // A refusal is not answered.
            _ => {}
        }
    }

    /// What to send, if there is something.
    pub(super) fn take_reply(&mut self) -> Option<Vec<u8>> {
        self.says_yes = false;
        Some(std::mem::take(&mut self.reply)).filter(|reply| !reply.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn take(telnet: &mut Telnet, bytes: &[u8]) -> Vec<Edit> {
        bytes.iter().filter_map(|byte| telnet.take(*byte)).collect()
    }

    #[test]
    fn each_option_is_refused_once() {
        let mut telnet = Telnet::default();
        take(&mut telnet, &[IAC, WILL, 31, IAC, DO, 1, IAC, WONT, 3, IAC, DONT, 3, IAC, WILL, 31]);
        assert_eq!(telnet.take_reply(), Some(vec![IAC, DONT, 31, IAC, WONT, 1]));
        take(&mut telnet, &[IAC, WILL, 31, IAC, DO, 1]);
        assert_eq!(telnet.take_reply(), None);
    }

    #[test]
    fn a_timing_mark_is_sent_each_time() {
        let mut telnet = Telnet::default();
        for _ in 0..2 {
            assert_eq!(take(&mut telnet, &[IAC, INTERRUPT, IAC, DO, TIMING_MARK]), [Edit::EraseLine]);
            assert_eq!(telnet.take_reply(), Some(vec![IAC, WILL, TIMING_MARK]));
        }
    }

    #[test]
    fn whoever_asks_whether_we_are_there_reads_yes() {
        let mut telnet = Telnet::default();
        take(&mut telnet, &[IAC, ARE_YOU_THERE, IAC, ARE_YOU_THERE]);
        assert_eq!(telnet.take_reply(), Some(YES.to_vec()));
    }

    #[test]
    fn a_subnegotiation_is_skipped_unless_its_end_is_missing() {
        let mut telnet = Telnet::default();
        assert_eq!(take(&mut telnet, &[IAC, SB, 31, 0, IAC, IAC, 0, 24, IAC, SE]), []);
        assert!(!telnet.is_within_command());
        assert_eq!(take(&mut telnet, &[IAC, SB, 24, 0, IAC, ERASE_CHARACTER]), [Edit::EraseCharacter]);
        assert!(!telnet.is_within_command());
        take(&mut telnet, &[IAC, SB, 24]);
        take(&mut telnet, &[b'x'; MAX_SUBNEGOTIATION]);
        assert!(telnet.is_within_command());
        take(&mut telnet, b"x");
        assert!(!telnet.is_within_command());
    }

    #[test]
    fn a_byte_255_alone_is_no_sign_of_telnet() {
        // `ÿes` and a line `ÿý` in Latin-1, and UTF-16 text.
        for (bytes, text) in [
            (&[IAC, b'e'][..], &[IAC][..]),
            (&[IAC, DO, b'\n'], &[IAC, DO]),
            (&[IAC, DONT], &[IAC]),
            (&[IAC, NOP], &[IAC]),
        ] {
            let mut telnet = Telnet::default();
            let (last, first) = bytes.split_last().unwrap();
            take(&mut telnet, first);
            assert_eq!(telnet.give_back(Some(*last)).as_bytes(), text);
            assert!(!telnet.is_within_command() && !telnet.is_spoken());
        }
        for bytes in [&[IAC, DO, TIMING_MARK][..], &[IAC, INTERRUPT]] {
            let mut telnet = Telnet::default();
            take(&mut telnet, bytes);
            assert!(telnet.is_spoken());
        }
    }
}
