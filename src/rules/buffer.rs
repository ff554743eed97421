//! Buffers travel, and that bounds the memory (*credit-based flow control with a fixed pool*).
//!
//! A reader owns a pool of a few buffers. It fills one and sends it to main; main puts the text to write into the same
//! buffer; a writer writes it, and a transcript records it. When the buffer is dropped, it returns to its reader. A reader
//! without a buffer waits. So an output that is stuck stops the reader that feeds it, and nothing else: not the other reader,
//! and not main.

use crate::rules::messages::Messages;
use memchr::memchr_iter;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// How much of a sealed buffer a record of TLS holds at most, in bytes, of the 16 KiB that TLS allows. rustls copies what it has
/// decrypted, and `memcpy` of longer pieces is a third as fast on some processors (AMD's, whose `rep movsb` stumbles over the
/// addresses in question).
pub(crate) const RECORD: usize = 4 * 1024;

/// What TLS 1.3 adds to a record: its head, the kind of its content, and the tag (RFC 8446, section 5.2).
pub(crate) const RECORD_OVERHEAD: usize = 5 + 1 + 16;

/// What one read returned, and what to write for it.
#[derive(Debug, Default)]
pub struct Buffer {
    /// What to write.
    pub output: Vec<u8>,
    /// The part of the input to write after `output`, exactly as it came, so that it need not be copied.
    pub verbatim: Range<usize>,
    /// For a transcript, where a terminal shows messages sanitized: the messages in `output` as they came, a line each.
    pub raw: Vec<u8>,
    /// Where each message in `output` ends, if each needs a write of its own.
    pub ends: Vec<usize>,
    /// How many bytes have been written: of the [sealed](Self::seal) `output` if it is, else of `output`.
    pub written: usize,
    /// The messages that are sent with it, or, for observers, those that were read.
    pub messages: Messages,
    /// `output` is no message, but for the peer's program: an answer to telnet, for instance. It is neither counted nor
    /// recorded.
    pub is_control: bool,
    /// What is written for `output`, if that is not `output` itself.
    sealed: Vec<u8>,
    is_sealed: bool,
    /// What was read before it was [replaced](Self::replace_input).
    replaced: Vec<u8>,
    space: Vec<u8>,
    filled: usize,
    home: Option<Arc<dyn Home>>,
}

/// Where a buffer returns to when it is dropped.
pub trait Home: Debug + Send + Sync {
    /// The smallest and the largest size of a buffer, in bytes.
    fn sizes(&self) -> RangeInclusive<usize>;

    /// Takes back an empty buffer. Must not block.
    fn take_back(&self, buffer: Buffer);
}

impl Buffer {
    /// A buffer without a home, with a copy of what was read.
    #[must_use]
    pub fn with_input(input: &[u8]) -> Self {
        let mut buffer = Self::default();
        buffer.space.extend_from_slice(input);
        buffer.filled = input.len();
        buffer
    }

    /// A buffer without a home, with something to write.
    #[must_use]
    pub fn with_output(output: Vec<u8>) -> Self {
        let mut buffer = Self::default();
        buffer.output = output;
        buffer
    }

    /// A buffer without a home, with bytes to write that are [no message](Self::is_control).
    #[must_use]
    pub fn control(output: Vec<u8>) -> Self {
        let mut buffer = Self::with_output(output);
        buffer.is_control = true;
        buffer
    }

    /// An empty buffer of the smallest size of `home`. It returns there only if it is [lent](Self::lend).
    #[must_use]
    pub fn with_space(home: &dyn Home) -> Self {
        let mut buffer = Self::default();
        buffer.space.resize(*home.sizes().start(), 0);
        buffer
    }

    /// Makes the buffer return to `home` when it is dropped.
    #[must_use]
    pub fn lend(mut self, home: Arc<dyn Home>) -> Self {
        self.home = Some(home);
        self
    }

    /// Appends to what was read.
    pub fn append_input(&mut self, input: &[u8]) {
        self.space.truncate(self.filled);
        self.space.extend_from_slice(input);
        self.filled = self.space.len();
    }

    /// Where a read puts its bytes. Call [`filled`](Self::filled) with their number.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.space
    }

    /// A read put this many bytes into the [`space`](Self::space).
    pub fn filled(&mut self, bytes: usize) {
        self.filled = bytes;
    }

    /// What was read.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        &self.space[..self.filled]
    }

    /// Replaces what was read by what `replace` makes of it.
    pub fn replace_input<T>(&mut self, replace: impl FnOnce(&[u8], &mut Vec<u8>) -> T) -> T {
        self.replaced.clear();
        let result = replace(&self.space[..self.filled], &mut self.replaced);
        std::mem::swap(&mut self.space, &mut self.replaced);
        self.filled = self.space.len();
        result
    }

    /// Replaces what was read, in its place: `edit` gets it with the number of its bytes, and returns how many bytes are left.
    #[cfg(feature = "web")]
    pub fn edit_input<T>(&mut self, edit: impl FnOnce(&mut Vec<u8>, usize) -> (usize, T)) -> T {
        let (filled, result) = edit(&mut self.space, self.filled);
        self.filled = filled;
        result
    }

    /// From now on, what `seal` makes of `output` is written for it.
    pub fn seal(&mut self, seal: impl FnOnce(&[u8], &mut Vec<u8>)) {
        self.sealed.clear();
        self.is_sealed = true;
        seal(&self.output, &mut self.sealed);
    }

    /// What is written for `output`.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        if self.is_sealed { &self.sealed } else { &self.output }
    }

    /// How many bytes of `output` the peer can read when that many bytes were `written`: of sealed ones, whole records.
    fn complete(&self, written: usize) -> usize {
        if !self.is_sealed {
            written
        } else if written >= self.sealed.len() {
            self.output.len()
        } else {
            // Something else may have been sealed in front of it.
            let records = self.output.len().div_ceil(RECORD);
            let other = self.sealed.len().saturating_sub(self.output.len() + records * RECORD_OVERHEAD);
            written.saturating_sub(other) / (RECORD + RECORD_OVERHEAD) * RECORD
        }
    }

    /// What was read, `output`, and `raw`.
    pub fn input_and_output(&mut self) -> (&[u8], &mut Vec<u8>, &mut Vec<u8>) {
        (&self.space[..self.filled], &mut self.output, &mut self.raw)
    }

    /// What to show: `output`, and the verbatim part of the input.
    #[must_use]
    pub fn shown(&self) -> [&[u8]; 2] {
        [&self.output, &self.space[self.verbatim.clone()]]
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn shows_nothing(&self) -> bool {
        self.output.is_empty() && self.verbatim.is_empty()
    }

    /// Exchanges what to write with another buffer.
    pub fn swap_output(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.output, &mut other.output);
        std::mem::swap(&mut self.ends, &mut other.ends);
        std::mem::swap(&mut self.messages, &mut other.messages);
    }

    /// What has not been written.
    #[must_use]
    pub fn unwritten(&self) -> &[u8] {
        &self.wire()[self.written..]
    }

    /// What to write with the next call: everything, or the next message if each needs a write of its own.
    #[must_use]
    pub fn next_write(&self) -> &[u8] {
        let end = self.ends.iter().copied().find(|end| *end > self.written);
        &self.wire()[self.written..end.unwrap_or(self.wire().len())]
    }

    /// What to [show](Self::shown) with the next call. `written` counts through both parts.
    #[must_use]
    pub fn next_shown(&self) -> &[u8] {
        let [first, rest] = self.shown();
        match first.get(self.written..) {
            Some(first) if !first.is_empty() => first,
            _ => &rest[self.written - first.len()..],
        }
    }

    /// How many messages are not complete when `written` bytes of the output have been written.
    #[must_use]
    pub fn messages_after(&self, written: usize) -> usize {
        if self.is_control {
            0
        } else if self.ends.is_empty() {
            bytecount::count(&self.output[self.complete(written)..], b'\n')
        } else {
            self.ends.iter().filter(|end| **end > written).count()
        }
    }

    /// The messages that have been written completely, without their line ends. (For a terminal these are `\r\n`.)
    pub fn sent(&self) -> impl Iterator<Item = &[u8]> {
        let written = if self.is_control { &[] } else { &self.output[..self.complete(self.written)] };
        let (mut start, by_newline) = (0, self.ends.is_empty());
        let one_by_one = self.ends.iter().take_while(|end| **end <= written.len()).map(move |end| {
            let message = &written[start..*end];
            start = *end;
            message
        });
        let by_line = lines(if by_newline { written } else { &[] });
        by_line.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).chain(one_by_one)
    }

    /// The messages to show, as they came, without their line ends.
    pub fn received(&self) -> impl Iterator<Item = &[u8]> {
        let parts = if self.raw.is_empty() { self.shown() } else { [&self.raw, &[][..]] };
        parts.into_iter().flat_map(lines)
    }
}

/// The complete lines, without their ends.
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
            self.sealed.clear();
            self.is_sealed = false;
            if !self.replaced.is_empty() {
                std::mem::swap(&mut self.space, &mut self.replaced);
                self.replaced.clear();
            }
            let sizes = home.sizes();
            // Twice the last read.
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

/// How many writes are remembered: more large ones than the system can hold, and more small ones than a person types meanwhile.
const MAX_LAST_WRITES: usize = 1024;

/// The last that was written: how many bytes each write had, and how many messages ended in it.
#[derive(Debug, Default)]
pub struct LastWrites(VecDeque<(usize, usize)>);

impl LastWrites {
    /// All of this buffer has been written.
    pub fn add(&mut self, buffer: &Buffer) {
        self.push(buffer.wire().len(), buffer.messages.count as usize);
    }

    /// Our goodbye has been written, or the end of our half, which counts as one byte in what is unconfirmed.
    pub fn add_goodbye(&mut self, bytes: usize, is_end: bool) {
        self.push(bytes + usize::from(is_end), 0);
    }

    fn push(&mut self, bytes: usize, messages: usize) {
        if self.0.len() == MAX_LAST_WRITES {
            self.0.pop_front();
        }
        self.0.push_back((bytes, messages));
    }

    /// How many messages the last `bytes` bytes that were written belong to. Within one buffer this is an estimate by their share.
    #[must_use]
    pub fn messages_in(&self, mut bytes: usize) -> usize {
        let mut messages = 0;
        for (written, ended) in self.0.iter().rev() {
            if bytes < *written {
                // The product of two of them does not fit into 32 bits.
                let share = (*ended as u64 * bytes as u64).div_ceil(*written as u64);
                return messages + share as usize;
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
    fn the_sent_messages_are_those_that_were_written_completely() {
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
    fn a_message_that_was_sealed_is_written_when_its_record_is() {
        let mut buffer = Buffer::with_output("x\n".repeat(RECORD).into_bytes());
        buffer.seal(|plaintext, sealed| {
            sealed.resize(30 + plaintext.len() + 2 * RECORD_OVERHEAD, 0);
        });
        let sealed = RECORD + RECORD_OVERHEAD;
        for (written, left) in [
            (0, RECORD),
            (sealed + 29, RECORD),
            (sealed + 30, RECORD / 2),
            (2 * sealed + 29, RECORD / 2),
            (2 * sealed + 30, 0),
        ] {
            assert_eq!(buffer.messages_after(written), left, "{written}");
            buffer.written = written;
            assert_eq!(buffer.sent().count(), RECORD - left);
        }
    }

    #[test]
    fn what_was_decrypted_replaces_what_was_read() {
        let mut buffer = Buffer::with_input(b"secret");
        buffer.replace_input(|read, plaintext| plaintext.extend(read.iter().rev()));
        assert_eq!(buffer.input(), b"terces");
    }

    #[test]
    fn the_received_messages_are_those_that_came() {
        let mut buffer = Buffer::with_input(b"three\nrest");
        buffer.output.extend_from_slice(b"one\ntwo\n");
        buffer.verbatim = 0..6;
        assert_eq!(buffer.received().collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
        let mut buffer = Buffer::with_output(b"^[\n".to_vec());
        buffer.raw.extend_from_slice(b"\x1b\n");
        assert_eq!(buffer.received().collect::<Vec<_>>(), [b"\x1b"]);
    }
}
