//! How a step gets from a thread to the observers.

use super::step::Step;
use crate::rules::messages::{Counter, Messages, Streams};
use std::net::SocketAddr;
use std::sync::Arc;

/// Sees the steps of threads.
pub trait Observe: Send + Sync {
    /// Whether it wants the next step. Threads ask before each step, so this must cost next to nothing.
    fn is_on(&self) -> bool {
        true
    }

    /// The current thread begins a step, which was not built because nobody wants it.
    fn skip(&self) {}

    /// The current thread begins this step. It continues when this returns: an observer that takes its time slows the
    /// thread down, and one that blocks pauses it.
    fn emit(&self, step: &Step);
}

/// All that watch an endpoint.
#[derive(Clone, Default)]
pub struct Observer(Vec<Arc<dyn Observe>>);

impl Observer {
    /// Adds an observer.
    #[must_use]
    pub fn and(mut self, other: Arc<dyn Observe>) -> Self {
        self.0.push(other);
        self
    }

    /// Whether anybody wants the next step.
    pub(crate) fn watches(&self) -> bool {
        self.0.iter().any(|observe| observe.is_on())
    }

    /// The current thread begins this step, which is only built if somebody wants it.
    pub(crate) fn emit(&self, step: impl FnOnce() -> Step) {
        if self.watches() {
            let step = step();
            self.0.iter().for_each(|observe| observe.emit(&step));
        } else {
            self.0.iter().for_each(|observe| observe.skip());
        }
    }

    /// Runs `life`, the whole life of the current thread, between its first step and its last.
    pub(crate) fn watch<T>(&self, life: impl FnOnce() -> T) -> T {
        self.emit(|| Step::Starts);
        let outcome = life();
        self.emit(|| Step::Ends);
        outcome
    }

    /// A conversation begins over the connection with these ends. Returns its streams, if anybody may ever watch.
    pub(crate) fn begins(&self, ends: impl FnOnce() -> Option<(SocketAddr, SocketAddr)>) -> Streams {
        let ends = (!self.0.is_empty()).then(ends).flatten();
        let Some((local, peer)) = ends else { return Streams::default() };
        let streams = Streams::of(local, peer);
        self.emit(|| Step::Begins { streams, local, peer });
        streams
    }

    /// Numbers the messages that a read has returned, if anybody watches.
    pub(crate) fn count(&self, counter: &mut Counter, bytes: &[u8]) -> Messages {
        if self.watches() { counter.read(bytes) } else { Messages::NONE }
    }
}
