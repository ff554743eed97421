//! Hostile bytes on the wire.
#![allow(clippy::unwrap_used)]

use super::protocol::QUIET_TIME;
use super::telnet::IAC;
#[cfg(feature = "web")]
use super::websocket::{Close, Extra, Incoming};
use super::{Decoder, Encoder, Heard, STAMP_LEN, Stamp, Wire};
use crate::rules::buffer::Buffer;
use crate::rules::hostile::spell;
use std::time::Instant;

const STAMP: &[u8] = b"[Mon Nov  9 06:18:34 2026] ";

/// Line ends, goodbyes, keys, characters and parts of them, telnet, stamps, and requests.
const WORDS: &[&[u8]] = &[
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"88",
    b"88\n",
    b"\n88\r\n",
    b"\0",
    b"\x08",
    b"\x7f",
    b"\x03",
    b"\x15",
    b"\x1b[A",
    "ä漢👩".as_bytes(),
    b"\xc3",
    b"\xe2\x82",
    b"hello",
    STAMP,
    b"GET / HTTP/1.1\r\n",
    b"GET ",
    b"\x16\x03\x01",
    b"\x01",
    &[IAC],
    &[IAC, IAC],
    &[IAC, 251, 31],
    &[IAC, 252, 1],
    &[IAC, 253, 6],
    &[IAC, 254, 3],
    &[IAC, 250, 31, 0, 80, 0, 24],
    &[IAC, 240],
    &[IAC, 246],
    &[IAC, 247],
    &[IAC, 248],
    &[IAC, 244],
    &[IAC, 241],
    &[IAC, 236],
    &[251],
    &[31],
    &[b'x'; 30],
];

/// What was heard, and whether all of it is a goodbye.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Message {
    Text(Vec<u8>),
    Goodbye,
    LastWords(Vec<u8>),
    /// Nothing that comes afterwards is looked at.
    Foreign,
}

/// Decodes a stream that arrives in pieces, so soon after each other that no pause means anything; with `at_once`, all lines of a
/// piece together.
fn decode<'a>(mut decoder: Decoder, pieces: impl Iterator<Item = &'a [u8]>, at_once: bool) -> Vec<Message> {
    let (mut now, gap) = (Instant::now(), QUIET_TIME / 2);
    let mut messages = Vec::new();
    for mut piece in pieces {
        let length = piece.len();
        loop {
            if at_once {
                let lines = decoder.next_lines(&mut piece, now);
                let text = |line: &[u8]| Message::Text(line[..line.len() - 1].to_vec());
                messages.extend(lines.split_inclusive(|byte| *byte == b'\n').map(text));
            }
            messages.push(match decoder.next(&mut piece, now) {
                Some(Heard::Text(text)) => Message::Text(text.to_vec()),
                Some(Heard::Goodbye) => Message::Goodbye,
                Some(Heard::Foreign(_)) => {
                    messages.push(Message::Foreign);
                    return messages;
                }
                Some(Heard::LastWords(_)) => unreachable!("they come at the end"),
                None => break,
            });
        }
        assert!(piece.is_empty());
        // An answer to each option, which is as long as the question, and one to whether we are here.
        assert!(decoder.take_reply().unwrap_or_default().len() <= length + 9 + 3);
        now += gap;
        assert!(decoder.quiet_at().is_none_or(|at| at > now), "the gap would have ended the message");
    }
    while let Some(heard) = decoder.end() {
        messages.push(match heard {
            Heard::Text(text) => Message::Text(text.to_vec()),
            Heard::Goodbye => Message::Goodbye,
            Heard::LastWords(text) => Message::LastWords(text.to_vec()),
            Heard::Foreign(_) => Message::Foreign,
        });
    }
    messages
}

#[test]
fn any_bytes_are_the_same_messages_however_they_arrive() {
    bolero::check!(name = "decoder").for_each(|input: &[u8]| {
        let [how, max, piece, input @ ..] = input else { return };
        // Where a stamp ends a message, what it is depends on the reads; no user can choose so small a limit.
        let max = if *max < 128 { 4 + usize::from(max % 16) } else { usize::from(*max) };
        let piece = usize::from(*piece).max(1);
        let telnet = &[IAC, 251, 31][..];
        let firsts = [&b""[..], b"a line\n", &[STAMP, b"a line\n"].concat(), b"xx", telnet];
        let (first, is_caller) = (firsts[usize::from(how % 8).min(4)], how & 8 != 0);
        let mut bytes = spell(input, WORDS);
        if first == telnet {
            // Two of them would be one in the text.
            bytes.dedup_by(|one, two| (*one, *two) == (IAC, IAC));
        }
        // Without a beginning, what comes is typed by our own user; or else by somebody who may be anything.
        let decoder = || match (first, is_caller) {
            #[cfg(feature = "web")]
            (b"", true) => Decoder::for_browser(max),
            (b"", _) => Decoder::for_keyboard(max),
            (_, true) => Decoder::for_caller(max),
            _ => Decoder::new(max),
        };
        let heard = |piece| decode(decoder(), [first].into_iter().chain(bytes.chunks(piece)), how & 16 != 0);
        let whole = decode(decoder(), [first, &bytes].into_iter(), false);
        assert_eq!(heard(piece), whole);
        assert_eq!(heard(1), whole);
        for message in &whole {
            let (Message::Text(text) | Message::LastWords(text)) = message else { continue };
            assert!(text.len() <= max.max(4) && !text.contains(&b'\n'), "{text:?}");
            assert!(first != telnet || !text.contains(&IAC), "{text:?}");
        }
        if first.is_empty() && !is_caller {
            nothing_is_lost(&bytes, &whole);
            is_heard_again(&whole);
        }
    });
}

fn nothing_is_lost(bytes: &[u8], messages: &[Message]) {
    let heard: Vec<u8> = messages
        .iter()
        .flat_map(|message| {
            match message {
                Message::Text(text) | Message::LastWords(text) => text,
                Message::Goodbye => &b"88"[..],
                Message::Foreign => unreachable!("the keyboard is ours"),
            }
            .to_vec()
        })
        .collect();
    let text =
        |bytes: &[u8]| bytes.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect::<Vec<_>>();
    assert_eq!(text(&heard), text(bytes));
    let is_goodbye = |line: &&[u8]| line.strip_suffix(b"\r").unwrap_or(line) == b"88";
    let goodbyes = messages.iter().filter(|message| **message == Message::Goodbye).count();
    assert_eq!(goodbyes, bytes.split(|byte| *byte == b'\n').filter(is_goodbye).count(), "{messages:?}");
    // No character is cut.
    let is_text = |message: &Message| match message {
        Message::Text(text) | Message::LastWords(text) => str::from_utf8(text).is_ok(),
        _ => true,
    };
    assert!(str::from_utf8(bytes).is_err() || messages.iter().all(is_text), "{messages:?}");
}

/// What was typed arrives at the other side as it is, behind a stamp.
fn is_heard_again(typed: &[Message]) {
    let stamp = Stamp::parse(STAMP).unwrap();
    let mut sent = Buffer::default();
    let mut expected = Vec::new();
    for message in typed {
        let Message::Text(text) = message else { continue };
        Encoder::new(Wire::Lines).encode(&stamp, text, &mut sent);
        let arrives = text.strip_suffix(b"\r").unwrap_or(text);
        expected.push(Message::Text([STAMP, arrives].concat()));
    }
    let heard = decode(Decoder::new(STAMP_LEN + 300), [sent.output.as_slice()].into_iter(), false);
    assert_eq!(heard, expected);
}

/// A stream of frames: the first byte, how long it is and whether it is masked, and the payload, for each.
#[cfg(feature = "web")]
fn frames(mut input: &[u8]) -> Vec<u8> {
    const FIRST: [u8; 12] = [0x81, 0x01, 0x80, 0x00, 0x89, 0x8a, 0x82, 0x02, 0x88, 0x81, 0x01, 0x80];
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut stream = Vec::new();
    while let [first, length, rest @ ..] = input {
        let (payload, rest) = rest.split_at(usize::from(length & 0x7f).min(rest.len()));
        input = rest;
        let first = if *first < 0xc0 { FIRST[usize::from(*first) % FIRST.len()] } else { *first };
        // One of them is not masked.
        let mask = if *length == 0xff { [0; 4] } else { MASK };
        let bit = if *length == 0xff { 0 } else { 0x80 };
        let size = u8::try_from(payload.len()).unwrap();
        stream.push(first);
        if size < 126 {
            stream.push(bit | size);
        } else {
            stream.extend([bit | 126, 0, size]);
        }
        if bit != 0 {
            stream.extend(mask);
        }
        stream.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
    stream
}

/// The lines in a stream, what comes beside them, and how it ends.
#[cfg(feature = "web")]
fn receive(stream: &[u8], piece: usize) -> (Vec<u8>, Vec<Extra>, Result<(), Close>) {
    let (mut incoming, mut lines, mut extras) = (Incoming::default(), Vec::new(), Vec::new());
    for part in stream.chunks(piece.max(1)) {
        let mut bytes = part.to_vec();
        let (length, result) = incoming.receive(&mut bytes, part.len(), &mut extras);
        // A line end may be more than what came.
        assert!(length <= part.len() + 1 && bytes.len() <= part.len() + 1);
        lines.extend_from_slice(&bytes[..length]);
        if result.is_err() {
            return (lines, extras, result);
        }
    }
    (lines, extras, Ok(()))
}

/// How another implementation understands the stream.
#[cfg(feature = "web")]
fn as_tungstenite_does(stream: &[u8]) -> (Vec<u8>, Vec<Extra>, bool) {
    use std::io::{self, Read, Write};
    use tungstenite::protocol::{Role, WebSocket};
    use tungstenite::{Error, Message};

    /// Answers go nowhere.
    struct Stream<'a>(&'a [u8]);
    impl Read for Stream<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl Write for Stream<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut socket = WebSocket::from_raw_socket(Stream(stream), Role::Server, None);
    let (mut lines, mut extras) = (Vec::new(), Vec::new());
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                lines.extend_from_slice(text.as_bytes());
                if !text.is_empty() && !text.ends_with('\n') {
                    lines.push(b'\n');
                }
            }
            Ok(Message::Binary(question)) if question.len() > 16 => return (lines, extras, false),
            Ok(Message::Binary(question)) => extras.push(Extra::Question(question.to_vec())),
            Ok(Message::Ping(payload)) => extras.push(Extra::Ping(payload.to_vec())),
            Ok(Message::Close(_)) => {
                extras.push(Extra::Close);
                return (lines, extras, true);
            }
            Ok(_) => {}
            // The stream ends in the middle.
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (lines, extras, true);
            }
            Err(_) => return (lines, extras, false),
        }
    }
}

#[cfg(feature = "web")]
#[test]
fn any_frames_are_the_same_lines_however_they_arrive_and_for_others() {
    bolero::check!(name = "websocket").for_each(|input: &[u8]| {
        let [piece, input @ ..] = input else { return };
        let (is_raw, piece) = (piece & 0x80 != 0, usize::from(piece & 0x7f));
        let stream = if is_raw { input.to_vec() } else { frames(input) };
        let whole = receive(&stream, stream.len());
        for pieces in [receive(&stream, piece), receive(&stream, 1)] {
            assert_eq!((&pieces.1, &pieces.2), (&whole.1, &whole.2));
            // How much of a wrong message comes before it turns out to be wrong depends on the pieces.
            assert!(whole.2.is_err() || pieces.0 == whole.0);
        }
        let (lines, extras, result) = whole;
        assert!(result.is_err() || str::from_utf8(&lines).is_ok() || lines.last() != Some(&b'\n'));
        if is_raw {
            return;
        }
        // Others allow longer questions.
        if result == Err(Close::TooBig) {
            return;
        }
        let (other_lines, other_extras, is_good) = as_tungstenite_does(&stream);
        // It answers a wrong code instead of refusing it.
        let is_closed = other_extras.last() == Some(&Extra::Close) && result.is_err();
        assert!(is_closed || result.is_ok() == is_good, "{result:?} {other_extras:?}");
        assert!(lines.starts_with(&other_lines), "{lines:?} {other_lines:?}");
        assert!(is_closed || extras == other_extras, "{extras:?} {other_extras:?}");
    });
}
