//! Buffers travel, which is what bounds the memory (*credit-based flow control with a fixed pool*).
//!
//! A reader owns a fixed number of buffers, its pool. It fills one and sends it on; main puts the text to write into the
//! same buffer; a writer writes it, and so does the transcript if there is one. When the buffer is dropped, it returns
//! to its reader. A reader without a buffer waits. So an output that is stuck stops the reader that feeds it, and
//! nothing else: not the other reader, and not main.

use crate::rules::messages::Messages;
use memchr::memchr_iter;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// What one read returned, and what is to be written for it.
#[derive(Debug, Default)]
pub struct Buffer {
    /// What is to be written.
    pub output: Vec<u8>,
    /// Which part of what was read is to be written behind `output`, as it came: it need not be copied.
    pub verbatim: Range<usize>,
    /// The messages in `output` as they came, a line each: kept for a transcript where a terminal shows them
    /// altered.
    pub raw: Vec<u8>,
    /// Where each message in `output` ends, if they must be written one by one.
    pub ends: Vec<usize>,
    /// How much of `output` has been written, in bytes.
    pub written: usize,
    /// Which messages are in it: those that are sent with it, or if somebody watches, those that were read.
    pub messages: Messages,
    space: Vec<u8>,
    filled: usize,
    home: Option<Arc<dyn Home>>,
}

/// Where a buffer returns to when it is dropped.
pub trait Home: Debug + Send + Sync {
    /// The smallest and the largest read, in bytes, for which a buffer has space.
    fn sizes(&self) -> RangeInclusive<usize>;

    /// Takes back an empty buffer. Must not block.
    fn take_back(&self, buffer: Buffer);
}

impl Buffer {
    /// A buffer that belongs to nobody, for what no reader has read: a notice, or a line that was copied.
    #[must_use]
    pub fn with_input(input: &[u8]) -> Self {
        let mut buffer = Self::default();
        buffer.space.extend_from_slice(input);
        buffer.filled = input.len();
        buffer
    }

    /// A buffer that belongs to nobody, with something to be written.
    #[must_use]
    pub fn with_output(output: Vec<u8>) -> Self {
        let mut buffer = Self::default();
        buffer.output = output;
        buffer
    }

    /// An empty buffer with the least space that `home` gives. It does not return there unless it is
    /// [lent](Self::lend).
    #[must_use]
    pub fn with_space(home: &dyn Home) -> Self {
        let mut buffer = Self::default();
        buffer.space.resize(*home.sizes().start(), 0);
        buffer
    }

    /// From here on it returns to `home` when it is dropped.
    #[must_use]
    pub fn lend(mut self, home: Arc<dyn Home>) -> Self {
        self.home = Some(home);
        self
    }

    /// Adds to what was read.
    pub fn append_input(&mut self, input: &[u8]) {
        self.space.truncate(self.filled);
        self.space.extend_from_slice(input);
        self.filled = self.space.len();
    }

    /// Where a read may put its bytes; [`filled`](Self::filled) tells how many it put there.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.space
    }

    /// A read returned this many bytes.
    pub fn filled(&mut self, bytes: usize) {
        self.filled = bytes;
    }

    /// What was read.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        &self.space[..self.filled]
    }

    /// What was read, where to put what is to be written for it, and where to put that as it came.
    pub fn input_and_output(&mut self) -> (&[u8], &mut Vec<u8>, &mut Vec<u8>) {
        (&self.space[..self.filled], &mut self.output, &mut self.raw)
    }

    /// What is to be shown: its beginning, and the rest of it.
    #[must_use]
    pub fn shown(&self) -> [&[u8]; 2] {
        [&self.output, &self.space[self.verbatim.clone()]]
    }

    /// Whether there is nothing to be shown.
    #[must_use]
    pub fn shows_nothing(&self) -> bool {
        self.output.is_empty() && self.verbatim.is_empty()
    }

    /// Exchanges what is to be written with another buffer.
    pub fn swap_output(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.output, &mut other.output);
        std::mem::swap(&mut self.ends, &mut other.ends);
        std::mem::swap(&mut self.messages, &mut other.messages);
    }

    /// What is still to be written.
    #[must_use]
    pub fn unwritten(&self) -> &[u8] {
        &self.output[self.written..]
    }

    /// What is to be written next with one call: all that has not been, unless messages must be written one by one.
    #[must_use]
    pub fn next_write(&self) -> &[u8] {
        let end = self.ends.iter().copied().find(|end| *end > self.written);
        &self.output[self.written..end.unwrap_or(self.output.len())]
    }

    /// What is to be [shown](Self::shown) next with one call, `written` counting through both parts.
    #[must_use]
    pub fn next_shown(&self) -> &[u8] {
        let [first, rest] = self.shown();
        match first.get(self.written..) {
            Some(first) if !first.is_empty() => first,
            _ => &rest[self.written - first.len()..],
        }
    }

    /// How many messages have not been written to their end when `written` bytes of the output have been.
    #[must_use]
    pub fn messages_after(&self, written: usize) -> usize {
        if self.ends.is_empty() {
            bytecount::count(&self.output[written..], b'\n')
        } else {
            self.ends.iter().filter(|end| **end > written).count()
        }
    }

    /// The messages that have been written to their end, without their line ends.
    pub fn sent(&self) -> impl Iterator<Item = &[u8]> {
        let written = &self.output[..self.written];
        let (mut start, by_newline) = (0, self.ends.is_empty());
        let one_by_one = self.ends.iter().take_while(|end| **end <= written.len()).map(move |end| {
            let message = &written[start..*end];
            start = *end;
            message
        });
        lines(if by_newline { written } else { &[] }).chain(one_by_one)
    }

    /// The messages that are to be shown, as they came, without their line ends.
    pub fn received(&self) -> impl Iterator<Item = &[u8]> {
        let parts = if self.raw.is_empty() { self.shown() } else { [&self.raw, &[][..]] };
        parts.into_iter().flat_map(lines)
    }
}

/// The lines that have an end, without it.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', bytes).map(move |end| {
        let line = &bytes[start..end];
        start = end + 1;
        line
    })
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            self.output.clear();
            self.raw.clear();
            self.ends.clear();
            let sizes = home.sizes();
            // Twice as large as the last read.
            let size = (2 * self.filled).next_power_of_two().clamp(*sizes.start(), *sizes.end());
            if size != self.space.len() {
                self.space = vec![0; size];
            }
            (self.written, self.filled, self.verbatim) = (0, 0, 0..0);
            self.messages = Messages::NONE;
            home.take_back(std::mem::take(self));
        }
    }
}

/// How many of the last writes are remembered: more than the system can hold of large ones, and of small ones so
/// many that a person does not type them in the meantime.
const LAST_WRITES: usize = 1024;

/// The last buffers that were written: how many bytes each was, and how many messages ended in it.
#[derive(Debug, Default)]
pub struct LastWrites(VecDeque<(usize, usize)>);

impl LastWrites {
    /// All of this was written. Only so many are kept as the system may hold unconfirmed.
    pub fn add(&mut self, buffer: &Buffer) {
        if self.0.len() == LAST_WRITES {
            self.0.pop_front();
        }
        self.0.push_back((buffer.output.len(), buffer.messages.count as usize));
    }

    /// In how many messages the last so many bytes were that were written. Of a batch that was written at once
    /// the share of them is taken.
    #[must_use]
    pub fn messages_in(&self, mut bytes: usize) -> usize {
        let mut messages = 0;
        for (written, ended) in self.0.iter().rev() {
            if bytes < *written {
                return messages + (ended * bytes).div_ceil(*written);
            }
            bytes -= written;
            messages += ended;
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_are_the_messages_that_were_written_to_their_end() {
        let mut buffer = Buffer::with_output(b"one\n\nthree\n".to_vec());
        for (written, sent) in
            [(3, &[][..]), (4, &["one"][..]), (10, &["one", ""]), (11, &["one", "", "three"])]
        {
            buffer.written = written;
            assert_eq!(buffer.sent().map(String::from_utf8_lossy).collect::<Vec<_>>(), sent);
        }
        let mut buffer = Buffer::with_output(b"onetwo".to_vec());
        (buffer.ends, buffer.written) = (vec![3, 6], 5);
        assert_eq!(buffer.sent().collect::<Vec<_>>(), [b"one"]);
    }

    #[test]
    fn what_was_received_are_the_messages_as_they_came() {
        let mut buffer = Buffer::with_input(b"three\nrest");
        buffer.output.extend_from_slice(b"one\ntwo\n");
        buffer.verbatim = 0..6;
        assert_eq!(buffer.received().collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
        let mut buffer = Buffer::with_output(b"^[\n".to_vec());
        buffer.raw.extend_from_slice(b"\x1b\n");
        assert_eq!(buffer.received().collect::<Vec<_>>(), [b"\x1b"]);
    }
}
