//! Whoever watches what the threads do.

use super::step::Step;
use crate::rules::messages::{Counter, Messages, Streams};
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Sees what threads do.
pub trait Observe: Send + Sync {
    /// The current thread does this from now on. It goes on when this returns: an observer that takes its time slows it
    /// down, and one that blocks pauses it.
    fn emit(&self, step: &Step);
}

/// Whoever watches an endpoint.
#[derive(Clone, Default)]
pub struct Observer(Vec<Arc<dyn Observe>>);

impl Observer {
    /// This one watches, too.
    #[must_use]
    pub fn and(mut self, other: Arc<dyn Observe>) -> Self {
        self.0.push(other);
        self
    }

    /// Whether anybody watches.
    #[must_use]
    pub fn watches(&self) -> bool {
        !self.0.is_empty()
    }

    /// The current thread does this from now on.
    pub fn emit(&self, step: impl FnOnce() -> Step) {
        if self.watches() {
            let step = step();
            self.0.iter().for_each(|observe| observe.emit(&step));
        }
    }

    /// The whole life of the current thread.
    pub fn watch<T>(&self, life: impl FnOnce() -> T) -> T {
        self.emit(|| Step::Starts);
        let outcome = life();
        self.emit(|| Step::Ends);
        outcome
    }

    /// A conversation begins over this connection.
    pub fn begins(&self, ends: impl FnOnce() -> Option<(SocketAddr, SocketAddr)>) -> Streams {
        let Some((local, peer)) = self.watches().then(ends).flatten() else { return Streams::default() };
        let streams = Streams::of(local, peer);
        self.emit(|| Step::Begins { streams, local, peer });
        streams
    }

    /// Numbers the messages that a read has returned, if anybody watches.
    pub fn count(&self, counter: &mut Counter, bytes: &[u8]) -> Messages {
        if self.watches() { counter.read(bytes) } else { Messages::NONE }
    }
}

/// The number of the current thread, which no other thread of this process has or will have.
#[must_use]
pub fn current_thread() -> u32 {
    static NUMBERS: AtomicU32 = AtomicU32::new(1);
    thread_local!(static NUMBER: OnceCell<u32> = const { OnceCell::new() });
    NUMBER.with(|number| *number.get_or_init(|| NUMBERS.fetch_add(1, Ordering::Relaxed)))
}

/// Its name.
#[must_use]
pub fn current_thread_name() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}
