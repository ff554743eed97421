//! Threads that have a name, are observed, and can be waited for with a limit.

use super::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use crate::observe::{For, Observer, Step};
#[cfg(shuttle)]
use shuttle::thread::{Builder, JoinHandle};
use std::convert::Infallible;
use std::io;
#[cfg(not(shuttle))]
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// A thread, until it is joined.
pub(super) struct Thread {
    handle: JoinHandle<()>,
    /// Nothing is ever sent. It disconnects when the thread ends.
    ended: Receiver<Infallible>,
}

/// Starts a thread, which is observed from its start to its end.
pub(super) fn spawn(
    name: &str,
    observer: &Observer,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<Thread> {
    spawn_with(Builder::new().name(name.to_owned()), observer, run)
}

/// Starts a thread with a name and a stack of its own choice.
pub(super) fn spawn_with(
    builder: Builder,
    observer: &Observer,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<Thread> {
    let observer = observer.clone();
    let (running, ended) = bounded(0);
    let handle = builder.spawn(move || {
        let _running = running;
        observer.watch(run);
    })?;
    Ok(Thread { handle, ended })
}

impl Thread {
    /// Disconnects when the thread ends: for a `select!` that also waits for something else.
    pub(super) fn ended(&self) -> &Receiver<Infallible> {
        &self.ended
    }

    /// Whether the thread has ended, so that [`join`](Self::join) does not wait.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Waits for its end.
    pub(super) fn join(self) {
        // A thread that panicked has said so.
        let _ = self.handle.join();
    }

    /// Waits for its end for at most `limit`, and then leaves it behind: the end of the process ends it.
    pub(super) fn join_within(self, limit: Duration) {
        if self.ended.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected) {
            self.join();
        }
    }
}

/// A thread that does one task after the other.
pub(super) struct Worker<T> {
    tasks: Sender<T>,
    thread: Thread,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts it. It waits for a task.
    pub(super) fn start(
        name: &str,
        observer: &Observer,
        run: impl Fn(T) + Send + 'static,
    ) -> io::Result<Self> {
        // So that who gives it a task does not wait until it takes it.
        let (tasks, given) = bounded(1);
        let watch = observer.clone();
        let thread = spawn(name, observer, move || {
            loop {
                watch.emit(|| Step::Waits(For::Session));
                let Ok(task) = given.recv() else { return };
                run(task);
            }
        })?;
        Ok(Self { tasks, thread })
    }

    /// Gives it a task. It has done, or is about to finish, the one before.
    pub(super) fn give(&self, task: T) {
        // Fails only if the thread has panicked, which has said so.
        let _ = self.tasks.send(task);
    }

    /// Waits for its end, when it has done its tasks.
    pub(super) fn end(self) {
        drop(self.tasks);
        self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_thread_that_ends_is_joined_and_one_that_blocks_is_left_behind() {
        let (release, blocked) = bounded::<()>(0);
        let thread = spawn("blocks", &Observer::default(), move || _ = blocked.recv()).unwrap();
        assert!(!thread.has_ended());
        let began = Instant::now();
        thread.join_within(Duration::from_millis(20));
        assert!(began.elapsed() >= Duration::from_millis(20));
        drop(release);

        let thread = spawn("ends", &Observer::default(), || {}).unwrap();
        let began = Instant::now();
        thread.join_within(Duration::from_secs(60));
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_thread_that_panics_has_ended() {
        let thread =
            spawn("panics", &Observer::default(), || std::panic::resume_unwind(Box::new(()))).unwrap();
        assert!(thread.ended().recv().is_err() && thread.has_ended());
        thread.join();
    }
}
