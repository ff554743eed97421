//! The decoder and the encoder, with arbitrary bytes.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use threadchat::rules::buffer::Buffer;
use threadchat::rules::wire::{Decoder, Encoder, Heard, QUIET_TIME, STAMP_LEN, Stamp, Wire};

/// An owned `Heard`.
#[derive(Debug, PartialEq, Eq)]
enum Message {
    Text(Vec<u8>),
    Goodbye,
    LastWords(Vec<u8>),
    Foreign,
}

fn own(heard: Heard<'_>) -> Message {
    match heard {
        Heard::Text(text) => Message::Text(text.to_vec()),
        Heard::Goodbye => Message::Goodbye,
        Heard::LastWords(text) => Message::LastWords(text.to_vec()),
        Heard::Foreign(_) => Message::Foreign,
    }
}

/// Decodes a stream that arrives in pieces, each `gap` after the last: message by message, or with `at_once` all lines
/// of a piece together.
fn decode(mut decoder: Decoder, pieces: &[&[u8]], gap: Duration, at_once: bool) -> Vec<Message> {
    let mut now = Instant::now();
    let mut messages = Vec::new();
    for mut piece in pieces.iter().copied() {
        loop {
            if at_once {
                let lines = decoder.next_lines(&mut piece, now);
                let text = |line: &[u8]| Message::Text(line[..line.len() - 1].to_vec());
                messages.extend(lines.split_inclusive(|byte| *byte == b'\n').map(text));
            }
            match decoder.next(&mut piece, now) {
                Some(heard) => messages.push(own(heard)),
                None => break,
            }
        }
        assert!(piece.is_empty());
        now += gap;
        assert!(decoder.quiet_at().is_none_or(|at| at > now), "the gap would have ended the message");
    }
    while let Some(heard) = decoder.end() {
        messages.push(own(heard));
    }
    messages
}

/// Takes telnet requests, in which there is no message.
fn hear_nothing(decoder: &mut Decoder, mut bytes: &[u8]) {
    assert_eq!(decoder.next(&mut bytes, Instant::now()), None);
}

/// Cuts `bytes` at these places.
fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Bytes in which line ends, goodbyes and characters of several bytes are common.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"88".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"\x08".to_vec()),
        Just("ä漢👩".as_bytes().to_vec()),
        // A telnet command, or some bytes of one.
        vec(prop_oneof![Just(255), 236..=255_u8, Just(6), any::<u8>()], 0..6),
        vec(any::<u8>(), 0..40),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_same_messages_are_decoded_however_the_stream_is_cut(
        first in prop_oneof![
            Just(&b"a line\n"[..]),
            Just(&b"[Mon Nov  9 06:18:34 2026] a line\n"[..]),
            // It may be anything.
            Just(&b"xx"[..]),
            // It speaks telnet.
            Just(&[255, 251, 31][..]),
        ],
        bytes in stream(),
        places in vec(any::<prop::sample::Index>(), 0..20),
        max_line in prop_oneof![4..20_usize, 34..60_usize],
        at_once: bool,
    ) {
        let gap = QUIET_TIME / 2;
        let whole = decode(Decoder::new(max_line), &[first, &bytes], gap, false);
        let pieces = [&[first][..], &cut(&bytes, &places)].concat();
        prop_assert_eq!(decode(Decoder::new(max_line), &pieces, gap, at_once), whole);
    }

    #[test]
    fn nothing_is_lost_and_no_message_is_longer_than_the_limit(bytes in stream(), max_line in 4..60_usize) {
        let messages = decode(Decoder::for_keyboard(max_line), &[&bytes], Duration::ZERO, false);
        let mut heard = Vec::new();
        for message in &messages {
            let text = match message {
                Message::Text(text) | Message::LastWords(text) => text,
                Message::Goodbye => &b"88".to_vec(),
                Message::Foreign => continue,
            };
            prop_assert!(text.len() <= max_line);
            heard.extend_from_slice(text);
        }
        // Messages do not contain line ends.
        let without = |bytes: &[u8]| bytes.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect::<Vec<_>>();
        prop_assert_eq!(without(&heard), without(&bytes));
    }

    #[test]
    fn what_is_typed_over_telnet_is_never_longer_than_the_limit_and_has_no_byte_255(
        bytes in stream(),
        places in vec(any::<prop::sample::Index>(), 0..20),
        max_line in 4..60_usize,
    ) {
        let mut bytes = bytes;
        // Two bytes 255 would be one in the text.
        bytes.dedup_by(|one, two| (*one, *two) == (255, 255));
        let decoder = Decoder::new(max_line);
        let pieces = [&[&[255, 251, 31][..]][..], &cut(&bytes, &places)].concat();
        for message in decode(decoder, &pieces, Duration::ZERO, false) {
            if let Message::Text(text) = message {
                prop_assert!(text.len() <= max_line && !text.contains(&255), "{:?}", text);
            }
        }
    }

    #[test]
    fn negotiation_ends(requests in vec((251..=254_u8, any::<u8>()), 0..40), asks_for_everything: bool) {
        let (mut one, mut other) = (Decoder::new(99), Decoder::new(99));
        // It knows already that the other side speaks telnet.
        hear_nothing(&mut one, &[255, 251, 31]);
        drop(one.take_reply());
        // The first request shows that this is telnet.
        let mut to_other: Vec<u8> = [(251, 31)].iter().chain(&requests).flat_map(|(request, option)| [255, *request, *option]).collect();
        let mut replies = 0;
        while !to_other.is_empty() {
            hear_nothing(&mut other, &to_other);
            let Some(mut to_one) = other.take_reply() else { break };
            replies += to_one.len();
            // Each option is refused once, in each of the two directions; but a timing mark comes as often as it is asked for.
            prop_assert!(replies <= 3 * (2 * 256 + requests.len() + 1000));
            if asks_for_everything {
                to_one.clear();
                to_one.extend((0..=255).filter(|option| *option != 6).flat_map(|option| [255, 251, option, 255, 253, option]));
                to_other = to_one;
            } else {
                hear_nothing(&mut one, &to_one);
                to_other = one.take_reply().unwrap_or_default();
            }
        }
    }

    #[test]
    fn an_encoded_message_is_decoded_with_its_stamp(text in "[^\r\n]{0,60}", seconds in 0..4_000_000_000_i64) {
        let stamp = Stamp::at(time::OffsetDateTime::from_unix_timestamp(seconds).unwrap());
        let mut sent = Buffer::default();
        Encoder::new(Wire::Lines).encode(&stamp, text.as_bytes(), &mut sent);
        let messages = decode(Decoder::new(STAMP_LEN + 60 * 4), &[&sent.output], Duration::ZERO, false);
        prop_assert_eq!(messages, [Message::Text([stamp.as_bytes(), text.as_bytes()].concat())]);
    }
}

#[test]
fn memory_is_bounded_for_an_endless_message() {
    let (mut decoder, now) = (Decoder::new(1000), Instant::now());
    let endless = vec![b'x'; 10_000_000];
    let mut rest = &endless[..];
    let mut heard = 0;
    while let Some(Heard::Text(text)) = decoder.next(&mut rest, now) {
        assert_eq!(text.len(), 1000);
        heard += text.len();
    }
    assert!(endless.len() - heard <= 1001, "the decoder holds at most one message");
}
