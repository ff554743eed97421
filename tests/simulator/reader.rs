//! What reads for a hub or an endpoint: it has some buffers, and reads nothing while all of them are in use.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use threadchat::rules::buffer::{Buffer, Home};

/// How many buffers each reader has.
pub const BUFFERS: usize = 2;

/// The buffers of a reader that are not in use.
#[derive(Debug)]
pub struct Reader(pub AtomicUsize);

impl Reader {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(BUFFERS)))
    }

    /// Whether it would read something now.
    pub fn may_read(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// A buffer with this in it. None if all are in use.
    pub fn read(self: &Arc<Self>, bytes: &[u8]) -> Option<Buffer> {
        let free = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        self.0.store(free, Ordering::Relaxed);
        Some(Buffer::with_input(bytes).lend(Arc::clone(self) as _))
    }
}

impl Home for Reader {
    fn sizes(&self) -> RangeInclusive<usize> {
        0..=0
    }

    fn take_back(&self, _buffer: Buffer) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
