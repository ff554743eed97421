//! The buffers of one reader, which waits when all of them are in use.

use super::channel::{Receiver, Sender, bounded, select};
use crate::rules::buffer::{Buffer, Home};
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The free buffers of one reader, and the way home for the others.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    free: Receiver<Buffer>,
    home: Arc<Shelf>,
}

/// The other end of the channel of free buffers. Every buffer in use knows it.
#[derive(Debug)]
struct Shelf {
    free: Sender<Buffer>,
    sizes: RangeInclusive<usize>,
}

impl Home for Shelf {
    fn sizes(&self) -> RangeInclusive<usize> {
        self.sizes.clone()
    }

    fn take_back(&self, buffer: Buffer) {
        // Fails only if the reader has ended, and then nobody needs the buffer.
        let _ = self.free.try_send(buffer);
    }
}

impl Pool {
    /// A pool of `buffers` buffers of `size` bytes.
    pub(super) fn new(buffers: usize, size: usize) -> Self {
        Self::growing(buffers, size..=size)
    }

    /// A pool of `buffers` buffers. Each becomes twice as large as the last read into it, within `sizes`.
    pub(super) fn growing(buffers: usize, sizes: RangeInclusive<usize>) -> Self {
        let (taken_back, free) = bounded(buffers);
        let home = Arc::new(Shelf { free: taken_back, sizes });
        for _ in 0..buffers {
            home.take_back(Buffer::with_space(&*home));
        }
        Self { free, home }
    }

    /// Waits for a buffer. `None` when the sender of `stop` has been dropped.
    pub(super) fn take(&self, stop: &Receiver<Infallible>) -> Option<Buffer> {
        select! {
            recv(self.free) -> buffer => buffer.ok().map(|buffer| self.lend(buffer)),
            recv(stop) -> _ => None,
        }
    }

    /// A buffer, if one is free.
    pub(super) fn try_take(&self) -> Option<Buffer> {
        self.free.try_recv().ok().map(|buffer| self.lend(buffer))
    }

    fn lend(&self, buffer: Buffer) -> Buffer {
        buffer.lend(Arc::clone(&self.home) as _)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BUFFERS: usize = 4;

    #[test]
    fn a_buffer_returns_to_its_reader_when_it_is_dropped() {
        let pool = Pool::new(BUFFERS, 100);
        let (_running, stop) = bounded(0);
        let mut in_use: Vec<Buffer> = (0..BUFFERS).map(|_| pool.take(&stop).unwrap()).collect();
        assert!(pool.try_take().is_none());
        in_use[0].output.extend_from_slice(b"hello\n");
        assert_eq!(in_use[0].messages_after(0), 1);
        drop(in_use);
        let again = pool.take(&stop).unwrap();
        assert!(again.output.is_empty() && again.input().is_empty());
    }

    #[test]
    fn a_growing_buffer_is_twice_as_large_as_the_last_read() {
        let pool = Pool::growing(1, 4..=16);
        for (read, size) in [(0, 4), (4, 8), (3, 8), (8, 16), (16, 16), (1, 4)] {
            let mut buffer = pool.try_take().unwrap();
            buffer.filled(read);
            drop(buffer);
            assert_eq!(pool.try_take().unwrap().space().len(), size, "after {read}");
            // Dropped without a read it would shrink.
            let mut buffer = pool.try_take().unwrap();
            buffer.filled(read);
        }
    }

    #[test]
    fn a_reader_that_waits_for_a_buffer_can_be_stopped() {
        let pool = Pool::new(BUFFERS, 100);
        let (running, stop) = bounded(0);
        let _in_use: Vec<Buffer> = (0..BUFFERS).map(|_| pool.take(&stop).unwrap()).collect();
        drop(running);
        assert!(pool.take(&stop).is_none());
    }
}
