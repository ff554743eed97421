//! Takes each step, with its time, from the thread that does it, and never makes the thread wait.

use crate::observe::{Observe, Step, current_thread, current_thread_name};
use crossbeam_channel::Sender;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// How many steps may wait for the trace-writer. Further ones are counted and not recorded: a slow disk must not slow down
/// the chat.
///
/// The channel itself is unbounded, because a bounded one walks through all of its memory and drives the threads' data out
/// of the caches. So the limit may be exceeded by one step for each thread that records at the same moment.
pub(super) const CAPACITY: usize = 32 * 1024;

/// What the trace-writer receives.
pub(super) enum Record {
    Name { thread: u32, name: String },
    Step { thread: u32, since: Instant, step: Step },
}

pub(super) struct Recorder {
    steps: Sender<Record>,
    lost: AtomicU64,
    wake: Sender<()>,
    ends: AtomicBool,
    reopens: AtomicBool,
}

impl Recorder {
    /// `wake` has a capacity of one.
    pub(super) fn new(steps: Sender<Record>, wake: Sender<()>) -> Self {
        Self {
            steps,
            lost: AtomicU64::new(0),
            wake,
            ends: AtomicBool::new(false),
            reopens: AtomicBool::new(false),
        }
    }

    /// Tells the trace-writer to write what has been recorded, and to end.
    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }

    /// Tells the trace-writer to write what has been recorded, and to go on in a new file if this one was moved.
    pub(super) fn reopen(&self) {
        self.reopens.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Whether [`reopen`](Self::reopen) was called since this was last asked.
    pub(super) fn takes_reopening(&self) -> bool {
        self.reopens.swap(false, Ordering::SeqCst)
    }

    /// How many steps are missing.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn record(&self, record: Record) {
        let waiting = self.steps.len();
        if waiting < CAPACITY {
            // Fails if the trace has ended: later steps do not belong to it.
            let _ = self.steps.send(record);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        if waiting >= CAPACITY / 2 {
            self.wake();
        }
    }

    fn wake(&self) {
        // Full if the trace-writer is being woken already.
        let _ = self.wake.try_send(());
    }
}

impl Observe for Recorder {
    fn emit(&self, step: &Step) {
        let since = Instant::now();
        let thread = current_thread();
        if *step == Step::Starts {
            self.record(Record::Name { thread, name: current_thread_name() });
        }
        self.record(Record::Step { thread, since, step: step.clone() });
    }
}
