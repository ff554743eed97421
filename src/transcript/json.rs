//! A transcript as JSON, one object a line.

use super::{Direction, Entry, Record, What};
use crate::platform;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// From how many bytes on lines are written although more are to come.
const CHUNK: usize = 64 * 1024;

/// Opens a file to which a transcript is appended. It is created if it is missing, for its owner alone.
///
/// A named pipe is opened when there is something to write, because that waits until somebody reads it.
///
/// # Errors
/// A sentence for the user.
pub fn open(path: &Path) -> Result<JsonLines<Target>, String> {
    if platform::is_named_pipe(path) {
        return Ok(JsonLines::new(Target::NotOpen(path.to_owned())));
    }
    platform::append_to_private(path).map(|file| JsonLines::new(Target::Open(file))).map_err(|error| {
        format!(
            "cannot open the transcript {}: {error}; name a file to which you may append, in a directory \
             that exists",
            path.display()
        )
    })
}

/// The file of a transcript.
#[derive(Debug)]
pub enum Target {
    /// It is opened when something is to be written.
    NotOpen(PathBuf),
    /// Open.
    Open(File),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Open(file) => return file.write(bytes),
                Self::NotOpen(path) => *self = Self::Open(File::options().append(true).open(path)?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records entries as JSON, one object a line.
#[derive(Debug)]
pub struct JsonLines<W> {
    to: W,
    /// Whole lines that are not written yet. They are written together and never in parts, so that another
    /// program that appends to the same file does not do it in the middle of a line.
    lines: Vec<u8>,
}

/// One line.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "snake_case")]
struct Line<'a> {
    time: &'a str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_order: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<&'a str>,
}

impl<W: Write> JsonLines<W> {
    /// They are written there.
    pub fn new(to: W) -> Self {
        Self { to, lines: Vec::new() }
    }

    fn push(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.push(b'\n');
        if self.lines.len() >= CHUNK { self.write() } else { Ok(()) }
    }

    fn push_messages<'b>(
        &mut self,
        line: Line<'_>,
        messages: impl Iterator<Item = &'b [u8]>,
    ) -> io::Result<()> {
        for message in messages {
            match str::from_utf8(message) {
                Ok(text) => self.push(&Line { text: Some(text), ..line })?,
                Err(_) => self.push(&Line { base64: Some(&STANDARD.encode(message)), ..line })?,
            }
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.to.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

impl<W: Write + Send> Record for JsonLines<W> {
    fn record(&mut self, entry: &Entry) -> io::Result<()> {
        let (time, peer) = (rfc3339(entry.time), entry.peer.map(|peer| peer.to_string()));
        let line = Line { time: &time, peer: peer.as_deref(), ..Line::default() };
        let with = |event, direction| Line { event, direction, ..line };
        match &entry.what {
            What::Connected(direction) => self.push(&with("connected", Some(name(*direction)))),
            What::Sent(buffer) => {
                self.push_messages(with("sent", Some(name(Direction::Sent))), buffer.sent())
            }
            What::Received(buffer) => {
                self.push_messages(with("received", Some(name(Direction::Received))), buffer.received())
            }
            What::Goodbye(direction) => self.push(&with("goodbye", Some(name(*direction)))),
            What::Closed { in_order } => {
                self.push(&Line { in_order: Some(*in_order), ..with("closed", None) })
            }
            What::Error(text) => self.push(&Line { text: Some(text), ..with("error", None) }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write()?;
        self.to.flush()
    }
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
    }
}

/// In local time, as the stamps; in UTC where that is not to be had.
fn rfc3339(time: OffsetDateTime) -> String {
    let offset = UtcOffset::local_offset_at(time).unwrap_or(UtcOffset::UTC);
    // The format has no room for the seconds that offsets of long ago had.
    let offset = UtcOffset::from_whole_seconds(offset.whole_seconds() / 60 * 60).unwrap_or(UtcOffset::UTC);
    // It cannot fail for years that have four digits.
    time.to_offset(offset).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::buffer::Buffer;
    use std::sync::Arc;
    use time::macros::datetime;

    /// The lines that are written for this, without their time, of which it is checked that it is that moment.
    fn lines(what: What) -> Vec<String> {
        let moment = datetime!(2026-11-09 06:18:34.25 UTC);
        let mut json = JsonLines::new(Vec::new());
        let peer = Some(([127, 0, 0, 1], 9).into());
        json.record(&Entry { time: moment, peer, what }).unwrap();
        json.flush().unwrap();
        let without_time = |line: &str| {
            let (time, rest) = line.strip_prefix("{\"time\":\"").unwrap().split_once("\",").unwrap();
            assert_eq!(OffsetDateTime::parse(time, &Rfc3339).unwrap(), moment);
            rest.to_owned()
        };
        String::from_utf8(json.to).unwrap().lines().map(without_time).collect()
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
            (What::Closed { in_order: true }, format!(r#""event":"closed",{peer},"in_order":true}}"#)),
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
}
