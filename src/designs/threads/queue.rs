//! The queue to a thread that writes, and the wake-up of main when the queue has capacity again.
//!
//! The items travel over an unbounded channel. What bounds them is [`Producer::has_capacity`], which main asks before
//! it takes on more work: main must not block, so it cannot wait in a full channel.

use super::channel::{Receiver, Sender, unbounded};
use crate::observe::{For, Observer, Step};
use sync::{Arc, AtomicBool, AtomicUsize, Ordering::SeqCst};

/// What [`Load`] is built on. A model checker puts its own types in its place.
mod sync {
    #[cfg(shuttle)]
    pub(super) use shuttle::sync::atomic::{AtomicBool, AtomicUsize};
    pub(super) use std::sync::Arc;
    pub(super) use std::sync::atomic::Ordering;
    #[cfg(not(shuttle))]
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize};
}

/// From how many unwritten items or bytes on a queue has no capacity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// What was pushed and is not done, and whether main waits for it to get less.
struct Load {
    limit: Limit,
    items: AtomicUsize,
    bytes: AtomicUsize,
    wake_wanted: AtomicBool,
}

impl Load {
    fn new(limit: Limit) -> Self {
        let (items, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { limit, items, bytes, wake_wanted: AtomicBool::new(false) }
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, SeqCst);
        self.items.fetch_add(1, SeqCst);
    }

    /// True if main must be woken.
    fn remove(&self, bytes: usize) -> bool {
        self.bytes.fetch_sub(bytes, SeqCst);
        self.items.fetch_sub(1, SeqCst);
        self.is_below_limit() && self.wake_wanted.swap(false, SeqCst)
    }

    fn has_capacity(&self) -> bool {
        self.is_below_limit() || {
            self.wake_wanted.store(true, SeqCst);
            // Check again after setting the flag: the writer may have drained the queue in between, and then nobody
            // would wake us.
            self.is_below_limit()
        }
    }

    fn is_below_limit(&self) -> bool {
        self.items.load(SeqCst) < self.limit.items && self.bytes.load(SeqCst) < self.limit.bytes
    }
}

/// The end of a queue into which items are pushed.
pub(super) struct Producer<T> {
    items: Sender<T>,
    load: Arc<Load>,
}

/// The end of a queue from which its writer takes items.
pub(super) struct Consumer<T> {
    items: Receiver<T>,
    load: Arc<Load>,
    wake: Box<dyn Fn() + Send>,
}

/// An empty queue. `wake` runs in the writer's thread, when there is capacity again that main waits for.
pub(super) fn queue<T>(limit: Limit, wake: impl Fn() + Send + 'static) -> (Producer<T>, Consumer<T>) {
    let (sender, receiver) = unbounded();
    let load = Arc::new(Load::new(limit));
    let producer = Producer { items: sender, load: Arc::clone(&load) };
    (producer, Consumer { items: receiver, load, wake: Box::new(wake) })
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), load: Arc::clone(&self.load) }
    }
}

impl<T> Producer<T> {
    /// Adds an item, in which `bytes` bytes count. It never blocks.
    pub(super) fn push(&self, item: T, bytes: usize) {
        self.load.add(bytes);
        // Fails only if the writer has ended, which it reports by itself.
        let _ = self.items.send(item);
    }

    /// Adds an item that does not count, unless `max` items wait already. False if they do.
    pub(super) fn try_push_uncounted(&self, item: T, max: usize) -> bool {
        self.items.len() < max && self.items.send(item).is_ok()
    }

    /// Whether more may be pushed. If not, main is woken when it may.
    pub(super) fn has_capacity(&self) -> bool {
        self.load.has_capacity()
    }

    /// Whether all items that count are done. If only main pushes, the writer then stays idle until main pushes
    /// again.
    pub(super) fn is_idle(&self) -> bool {
        self.load.items.load(SeqCst) == 0
    }
}

impl<T> Consumer<T> {
    /// Waits for the next item. `None` if no producer is left.
    pub(super) fn next(&self, observer: &Observer) -> Option<T> {
        observer.emit(|| Step::Waits(For::Work));
        self.items.recv().ok()
    }

    /// An item that counts, with that many bytes, is written or given up.
    pub(super) fn done(&self, bytes: usize) {
        if self.load.remove(bytes) {
            (self.wake)();
        }
    }

    /// Whether nothing that counts waits behind the item at hand.
    pub(super) fn is_last(&self) -> bool {
        self.load.items.load(SeqCst) == 1
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::channel::bounded;
    use super::*;
    use std::thread;
    use std::time::Duration;

    const ROUNDS: usize = 5_000;

    /// A producer that fills the queue and then sleeps until it is woken, against a consumer that drains it. A
    /// wake-up that gets lost leaves both asleep.
    fn fill_and_drain(limit: Limit, bytes: usize) {
        let (woken, wakes) = bounded(ROUNDS);
        let (producer, consumer) = queue(limit, move || woken.send(()).unwrap());
        let drain = thread::spawn(move || {
            let mut expected = 0;
            while let Some(item) = consumer.next(&Observer::default()) {
                assert_eq!(item, expected);
                expected += 1;
                consumer.done(bytes);
            }
            expected
        });
        for item in 0..ROUNDS {
            while !producer.has_capacity() {
                wakes.recv_timeout(Duration::from_secs(10)).expect("nobody woke the producer");
            }
            producer.push(item, bytes);
        }
        drop(producer);
        assert_eq!(drain.join().unwrap(), ROUNDS);
    }

    #[test]
    fn no_wake_up_and_no_item_is_lost_when_one_item_fills_the_queue() {
        fill_and_drain(Limit { items: 1, bytes: usize::MAX }, 0);
    }

    #[test]
    fn no_wake_up_and_no_item_is_lost_when_bytes_fill_the_queue() {
        fill_and_drain(Limit { items: usize::MAX, bytes: 20 }, 10);
    }

    #[test]
    fn a_queue_is_idle_when_all_that_counts_is_done() {
        let (woken, wakes) = bounded(1);
        let (producer, consumer) = queue(Limit { items: 1, bytes: 1 }, move || woken.send(()).unwrap());
        assert!(producer.try_push_uncounted('a', 1) && !producer.try_push_uncounted('b', 1));
        assert!(producer.is_idle() && producer.has_capacity());
        producer.push('c', 0);
        assert!(!producer.is_idle() && consumer.is_last() && !producer.has_capacity());
        assert_eq!(consumer.items.try_iter().collect::<String>(), "ac");
        consumer.done(0);
        assert!(producer.is_idle() && producer.has_capacity() && wakes.try_recv().is_ok());
    }
}
