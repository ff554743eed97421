//! Buffers travel, which is what bounds the memory.
//!
//! A reader owns a fixed number of buffers, its [`Pool`]. It fills one and sends it on its way; main puts
//! what is to be written for it into the same buffer; a writer writes that, and if there is a transcript,
//! that is written, too. Dropped, the buffer is back with its reader. A reader without a buffer waits, so an
//! output that is stuck stops the reader that feeds it, and nothing else: not the other reader, and not main.

use crossbeam_channel::{Receiver, Sender, bounded, select};
use memchr::memchr_iter;
use std::convert::Infallible;
use std::ops::Range;

/// How much one read may return, in bytes. Each read costs two or three wake-ups of other threads, so that a
/// file moves a third faster with this than with 64 KiB (`docs/performance.md`).
pub const READ_SIZE: usize = 256 * 1024;

/// How many buffers a reader has: one being filled, one with main, two being written or waiting for it.
///
/// With the texts they are turned into, those of an endpoint's two readers take a few MiB. A buffer full of empty
/// lines grows 28-fold when each of them is stamped, but is not stamped before there is room in the outbox.
pub const BUFFERS: usize = 4;

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
    space: Vec<u8>,
    filled: usize,
    home: Option<Sender<Self>>,
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
    }

    /// What is still to be written.
    #[must_use]
    pub fn unwritten(&self) -> &[u8] {
        &self.output[self.written..]
    }

    /// How many messages have not been written to their end when `written` bytes of the output have been.
    #[must_use]
    pub fn messages_after(&self, written: usize) -> usize {
        if self.ends.is_empty() {
            memchr_iter(b'\n', &self.output[written..]).count()
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
            (self.written, self.filled, self.verbatim) = (0, 0, 0..0);
            // Refused only if the reader is gone, and then nobody misses the buffer.
            let _ = home.try_send(std::mem::take(self));
        }
    }
}

/// The buffers of one reader.
#[derive(Debug, Clone)]
pub struct Pool {
    free: Receiver<Buffer>,
    home: Sender<Buffer>,
}

impl Pool {
    /// [`BUFFERS`] buffers of [`READ_SIZE`].
    #[must_use]
    pub fn new() -> Self {
        let (home, free) = bounded(BUFFERS);
        for _ in 0..BUFFERS {
            let mut buffer = Buffer::default();
            buffer.space.resize(READ_SIZE, 0);
            // There is room for all of them.
            let _ = home.try_send(buffer);
        }
        Self { free, home }
    }

    /// Waits for a buffer. `None` when the sender of `stop` has been dropped.
    #[must_use]
    pub fn take(&self, stop: &Receiver<Infallible>) -> Option<Buffer> {
        select! {
            recv(self.free) -> buffer => {
                let mut buffer = buffer.ok()?;
                buffer.home = Some(self.home.clone());
                Some(buffer)
            }
            recv(stop) -> _ => None,
        }
    }

    /// Whether all buffers are under way: what was read has not been written yet, so the reader waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_buffer_returns_to_its_reader_when_it_is_dropped() {
        let pool = Pool::new();
        let (_running, stop) = bounded(0);
        let mut under_way: Vec<Buffer> = (0..BUFFERS).map(|_| pool.take(&stop).unwrap()).collect();
        assert!(pool.is_empty());
        under_way[0].output.extend_from_slice(b"hello\n");
        assert_eq!(under_way[0].messages_after(0), 1);
        drop(under_way);
        let again = pool.take(&stop).unwrap();
        assert!(again.output.is_empty() && again.input().is_empty());
    }

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

    #[test]
    fn a_reader_that_waits_for_a_buffer_can_be_stopped() {
        let pool = Pool::new();
        let (running, stop) = bounded(0);
        let _under_way: Vec<Buffer> = (0..BUFFERS).map(|_| pool.take(&stop).unwrap()).collect();
        drop(running);
        assert!(pool.take(&stop).is_none());
    }
}
