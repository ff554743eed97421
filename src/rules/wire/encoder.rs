//! Texts to bytes.

use super::{PAUSE, STAMP_LEN, Stamp};
use crate::rules::buffer::Buffer;
use memchr::memchr;
use std::time::Duration;

/// How messages are sent. What is understood of the peer's is the same for both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wire {
    /// `[<ctime>] <text>\n`
    #[default]
    Lines,
    /// What the article's programs send: `[<ctime>] <text>`, one `send` a line, and no newline. As nothing
    /// but time tells two messages apart, each is followed by a [`PAUSE`].
    Unframed,
}

/// Turns texts into messages.
#[derive(Debug, Clone, Copy)]
pub struct Encoder {
    wire: Wire,
}

impl Encoder {
    /// An encoder for this wire.
    #[must_use]
    pub fn new(wire: Wire) -> Self {
        Self { wire }
    }

    /// How long a text may be, in bytes, so that its message is at most `max_line` bytes.
    #[must_use]
    pub fn text_limit(max_line: usize) -> usize {
        max_line.saturating_sub(STAMP_LEN)
    }

    /// Appends the message of `text`, which has no line end, to what is to be written.
    pub fn encode(&self, stamp: &Stamp, text: &[u8], to: &mut Buffer) {
        to.output.extend_from_slice(stamp.as_bytes());
        to.output.extend_from_slice(text);
        to.messages.count += 1;
        match self.wire {
            Wire::Lines => to.output.push(b'\n'),
            Wire::Unframed => to.ends.push(to.output.len()),
        }
    }

    /// Appends the messages of these lines, each of which ends with its newline.
    pub fn encode_lines(&self, stamp: &Stamp, mut lines: &[u8], to: &mut Buffer) {
        while let Some(newline) = memchr(b'\n', lines) {
            let (line, rest) = lines.split_at(newline + 1);
            match self.wire {
                Wire::Lines => {
                    to.output.extend_from_slice(stamp.as_bytes());
                    to.output.extend_from_slice(line);
                    to.messages.count += 1;
                }
                Wire::Unframed => self.encode(stamp, &line[..newline], to),
            }
            lines = rest;
        }
    }

    /// The pause that must separate a goodbye from the message before it, for a peer that has (`framed`)
    /// or has not shown that it understands newlines. With [`Wire::Unframed`] a pause has followed that
    /// message already.
    #[must_use]
    pub fn pause_before_goodbye(&self, framed: bool) -> Option<Duration> {
        (self.wire == Wire::Lines && !framed).then_some(PAUSE)
    }
}
