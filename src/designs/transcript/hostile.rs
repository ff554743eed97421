//! Hostile messages in a transcript.
#![allow(clippy::unwrap_used)]

use super::{Format, JsonLines};
use crate::rules::buffer::Buffer;
use crate::rules::hostile::spell;
use crate::rules::record::{Entry, What};
use crate::rules::sanitize::is_invisible;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::OffsetDateTime;

#[test]
fn any_message_is_one_visible_line_of_json_that_holds_all_of_it() {
    #[rustfmt::skip]
    const WORDS: &[&[u8]] = &[
        b"\n", b"\n", b"\"", b"\\", b"\\u0000", b"\x1b[2J", b"\x9b", b"\xff", b"\xe2\x82", b"hello", "\u{202e}".as_bytes(), "\u{2028}".as_bytes(),
        "\u{e0041}".as_bytes(), "\u{9b}".as_bytes(), "👩‍👩‍👧".as_bytes(), b"</script>",
    ];
    bolero::check!(name = "transcript").for_each(|input: &[u8]| {
        let messages = [spell(input, WORDS), b"\n".to_vec()].concat();
        let write = |what| {
            let mut written = Vec::new();
            let entry = Entry { time: OffsetDateTime::UNIX_EPOCH, peer: None, what };
            JsonLines.write(&entry, &mut written).unwrap();
            let written = String::from_utf8(written).unwrap();
            assert!(!written.contains(|c| c != '\n' && is_invisible(c)), "{written:?}");
            written
        };
        let written = write(What::Received(Buffer::with_output(messages.clone()).into()));
        let expected = messages.split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1]);
        let mut lines = written.lines();
        for message in expected {
            let line: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
            let read = match (line["text"].as_str(), line["base64"].as_str()) {
                (Some(text), None) => text.as_bytes().to_vec(),
                (None, Some(encoded)) => STANDARD.decode(encoded).unwrap(),
                _ => unreachable!("{line}"),
            };
            assert_eq!(read, message);
        }
        assert_eq!(lines.next(), None);
        let text = String::from_utf8_lossy(&messages).into_owned();
        let line: Value = serde_json::from_str(&write(What::Error(text.clone()))).unwrap();
        assert_eq!(line["text"], text);
    });
}
