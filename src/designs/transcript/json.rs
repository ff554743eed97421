//! A transcript as JSON Lines.

use super::Format;
use crate::rules::record::{Direction, Entry, What};
use crate::rules::sanitize::is_invisible;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
use std::io::{self, Write};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Entries as JSON: an object on each line.
#[derive(Debug, Default)]
pub struct JsonLines;

#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "snake_case")]
struct Line<'a> {
    time: &'a str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_order: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<&'a str>,
}

/// Escapes every character that is not plainly visible, so that a terminal that prints the file obeys none of them.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_invisible) {
            let (before, from) = rest.split_at(at);
            to.write_all(before.as_bytes())?;
            let mut after = from.chars();
            for unit in after.next().unwrap_or_default().encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            rest = after.as_str();
        }
        to.write_all(rest.as_bytes())
    }
}

impl Line<'_> {
    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut line = Vec::new();
        self.serialize(&mut Serializer::with_formatter(&mut line, Visible))?;
        line.push(b'\n');
        to.write_all(&line)
    }

    fn write_each<'b>(self, messages: impl Iterator<Item = &'b [u8]>, to: &mut dyn Write) -> io::Result<()> {
        for message in messages {
            match str::from_utf8(message) {
                Ok(text) => Line { text: Some(text), ..self }.write(to)?,
                Err(_) => Line { base64: Some(&STANDARD.encode(message)), ..self }.write(to)?,
            }
        }
        Ok(())
    }
}

impl Format for JsonLines {
    fn write(&self, entry: &Entry, to: &mut dyn Write) -> io::Result<()> {
        let (time, peer) = (rfc3339(entry.time), entry.peer.map(|peer| peer.to_string()));
        let line = Line { time: &time, peer: peer.as_deref(), ..Line::default() };
        let with = |event, direction| Line { event, direction, ..line };
        match &entry.what {
            What::Connected(direction) => with("connected", Some(name(*direction))).write(to),
            What::Encrypted(peer) => {
                Line { trust: Some(peer.how()), key: peer.key().as_deref(), ..with("encrypted", None) }
                    .write(to)
            }
            What::Sent(buffer) => with("sent", Some(name(Direction::Sent))).write_each(buffer.sent(), to),
            What::Received(buffer) => {
                with("received", Some(name(Direction::Received))).write_each(buffer.received(), to)
            }
            What::Goodbye(direction) => with("goodbye", Some(name(*direction))).write(to),
            What::Closed { cleanly } => Line { in_order: Some(*cleanly), ..with("closed", None) }.write(to),
            #[cfg(feature = "hub")]
            What::Joined { name, room } => {
                Line { name: Some(name), room: Some(room), ..with("joined", None) }.write(to)
            }
            #[cfg(feature = "hub")]
            What::Left { name, room, why } => {
                Line { name: Some(name), room: Some(room), text: Some(why), ..with("left", None) }.write(to)
            }
            #[cfg(feature = "hub")]
            What::Renamed { old, new } => {
                Line { name: Some(old), text: Some(new), ..with("renamed", None) }.write(to)
            }
            #[cfg(feature = "hub")]
            What::Said { name, room, post, acted } => {
                let event = if *acted { "acted" } else { "said" };
                Line { name: Some(name), room: Some(room), ..with(event, None) }.write_each(post.texts(), to)
            }
            What::Error(text) => Line { text: Some(text), ..with("error", None) }.write(to),
        }
    }
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
    }
}

/// In local time, like the stamps, or in UTC if the local time zone is unavailable.
fn rfc3339(time: OffsetDateTime) -> String {
    let offset = UtcOffset::local_offset_at(time).unwrap_or(UtcOffset::UTC);
    // The format has no place for the seconds that offsets had before there were time zones, nor for a day.
    let minutes = offset.whole_seconds() / 60 % (24 * 60);
    let offset = UtcOffset::from_whole_seconds(minutes * 60).unwrap_or(UtcOffset::UTC);
    // Cannot fail for years of four digits.
    time.to_offset(offset).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::buffer::Buffer;
    use std::sync::Arc;
    use time::macros::datetime;

    /// The lines that are written for this, without their time, which is checked here.
    fn lines(what: What) -> Vec<String> {
        let moment = datetime!(2026-11-09 06:18:34.25 UTC);
        let mut lines = Vec::new();
        let peer = Some(([127, 0, 0, 1], 9).into());
        JsonLines.write(&Entry { time: moment, peer, what }, &mut lines).unwrap();
        let without_time = |line: &str| {
            let (time, rest) = line.strip_prefix("{\"time\":\"").unwrap().split_once("\",").unwrap();
            assert_eq!(OffsetDateTime::parse(time, &Rfc3339).unwrap(), moment);
            rest.to_owned()
        };
        String::from_utf8(lines).unwrap().lines().map(without_time).collect()
    }

    #[test]
    fn each_event_has_its_fields() {
        let peer = r#""peer":"127.0.0.1:9""#;
        for (what, expected) in [
            (What::Connected(Direction::Sent), format!(r#""event":"connected",{peer},"direction":"sent"}}"#)),
            (
                What::Goodbye(Direction::Received),
                format!(r#""event":"goodbye",{peer},"direction":"received"}}"#),
            ),
            (What::Closed { cleanly: true }, format!(r#""event":"closed",{peer},"in_order":true}}"#)),
            (
                What::Error("it \"broke\"".into()),
                format!(r#""event":"error",{peer},"text":"it \"broke\""}}"#),
            ),
        ] {
            assert_eq!(lines(what), [expected]);
        }
    }

    #[test]
    fn a_message_is_text_or_else_base64() {
        let buffer = Buffer::with_output(b"caf\xc3\xa9\x1b\n\n\xff\xfe\n".to_vec());
        let begin = r#""event":"received","peer":"127.0.0.1:9","direction":"received","#;
        let expected = [r#""text":"café\u001b"}"#, r#""text":""}"#, r#""base64":"//4="}"#];
        assert_eq!(lines(What::Received(Arc::new(buffer))), expected.map(|end| format!("{begin}{end}")));
    }

    #[test]
    fn what_is_not_visible_is_escaped_and_means_the_same() {
        let text = "\u{9b}2J\u{7f}a\u{202e}b\u{200d}\u{e0041}\u{feff}\u{2028}";
        let written = lines(What::Error(text.into())).remove(0);
        assert!(!written.contains(is_invisible), "{written:?}");
        assert!(
            written.contains(r#""text":"\u009b2J\u007fa\u202eb\u200d\udb40\udc41\ufeff\u2028""#),
            "{written}"
        );
        let read: serde_json::Value = serde_json::from_str(&format!("{{{written}")).unwrap();
        assert_eq!(read["text"], text);
    }
}
