//! Turns texts into bytes.

use super::decoder::Decoder;
use super::protocol::PAUSE;
use super::stamp::{STAMP_LEN, Stamp};
use super::telnet::IAC;
use crate::rules::buffer::Buffer;
use memchr::memchr;
use std::iter::repeat_n;
use std::time::Duration;

/// How messages are sent. Receiving understands both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wire {
    /// `[<ctime>] <text>\n`
    #[default]
    Lines,
    /// What the programs of the php.cn tutorial (2018) send: `[<ctime>] <text>` without a newline, in one `send` per message. Only time separates two
    /// messages, so a [`PAUSE`] follows each.
    Unframed,
    /// The bytes as they are, in both directions: there are no messages, no stamps and no goodbye.
    Raw,
}

/// Turns texts into messages.
#[derive(Debug, Clone, Copy)]
pub struct Encoder {
    wire: Wire,
    for_terminal: bool,
    for_telnet: bool,
}

impl Encoder {
    /// Creates an encoder for this wire.
    #[must_use]
    pub fn new(wire: Wire) -> Self {
        Self { wire, for_terminal: false, for_telnet: false }
    }

    /// Writes for what this peer has shown to be, from here on: lines for a terminal end in `\r\n`, and telnet needs two bytes 255
    /// for one.
    pub fn adapt_to(&mut self, peer: &Decoder) {
        (self.for_terminal, self.for_telnet) = (peer.is_terminal(), peer.speaks_telnet());
    }

    /// The longest text, in bytes, whose message has at most `max_line` bytes.
    #[must_use]
    pub fn text_limit(max_line: usize) -> usize {
        max_line.saturating_sub(STAMP_LEN)
    }

    /// Appends the message of `text`, which has no line end, to the output of a buffer.
    pub fn encode(&self, stamp: &Stamp, text: &[u8], to: &mut Buffer) {
        to.output.extend_from_slice(stamp.as_bytes());
        match self.for_telnet {
            true => text
                .iter()
                .for_each(|byte| to.output.extend(repeat_n(*byte, if *byte == IAC { 2 } else { 1 }))),
            false => to.output.extend_from_slice(text),
        }
        to.messages.count += 1;
        match self.wire {
            Wire::Lines if self.for_terminal => to.output.extend_from_slice(b"\r\n"),
            Wire::Lines => to.output.push(b'\n'),
            Wire::Unframed => to.ends.push(to.output.len()),
            Wire::Raw => {}
        }
    }

    /// The same for lines that each end with a newline.
    pub fn encode_lines(&self, stamp: &Stamp, mut lines: &[u8], to: &mut Buffer) {
        while let Some(newline) = memchr(b'\n', lines) {
            let (line, rest) = lines.split_at(newline + 1);
            match self.wire {
                Wire::Lines if !self.for_terminal => {
                    to.output.extend_from_slice(stamp.as_bytes());
                    to.output.extend_from_slice(line);
                    to.messages.count += 1;
                }
                _ => self.encode(stamp, &line[..newline], to),
            }
            lines = rest;
        }
    }

    /// The pause that must separate a goodbye from the message before it, unless the peer has shown that it understands newlines
    /// (`framed`). With [`Wire::Unframed`] a pause has already followed that message.
    #[must_use]
    pub fn pause_before_goodbye(&self, framed: bool) -> Option<Duration> {
        (self.wire == Wire::Lines && !framed).then_some(PAUSE)
    }
}
