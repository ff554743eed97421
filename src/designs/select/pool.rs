//! The buffers of one descriptor. While all of them are in use, it is not read.

use crate::rules::buffer::{Buffer, Home};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The free buffers of one descriptor, and the way home for the others.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Shelf>);

/// The free buffers. Only one thread uses them, but `Home` allows any thread to drop a buffer.
#[derive(Debug)]
struct Shelf {
    free: Mutex<Vec<Buffer>>,
    sizes: RangeInclusive<usize>,
}

impl Shelf {
    fn free(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Home for Shelf {
    fn sizes(&self) -> RangeInclusive<usize> {
        self.sizes.clone()
    }

    fn take_back(&self, buffer: Buffer) {
        self.free().push(buffer);
    }
}

impl Pool {
    /// A pool of `buffers` buffers of `size` bytes.
    pub(super) fn new(buffers: usize, size: usize) -> Self {
        Self::growing(buffers, size..=size)
    }

    /// A pool of `buffers` buffers. Each becomes twice as large as the last read into it, within `sizes`.
    pub(super) fn growing(buffers: usize, sizes: RangeInclusive<usize>) -> Self {
        let shelf = Shelf { free: Mutex::default(), sizes };
        for _ in 0..buffers {
            shelf.take_back(Buffer::with_space(&shelf));
        }
        Self(Arc::new(shelf))
    }

    /// A buffer, if one is free.
    pub(super) fn try_take(&self) -> Option<Buffer> {
        let buffer = self.0.free().pop()?;
        Some(buffer.lend(Arc::clone(&self.0) as _))
    }

    /// Whether all buffers are in use.
    pub(super) fn is_empty(&self) -> bool {
        self.0.free().is_empty()
    }
}
