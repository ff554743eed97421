//! Messages at a rate.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// Says numbered messages at a rate until it is stopped.
pub(super) struct Flood {
    said: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Flood {
    /// `rate` messages a second, the first of which has the number `first`.
    pub(super) fn start(
        peer: &TcpStream,
        first: usize,
        rate: usize,
        message: impl Fn(usize) -> String + Send + 'static,
    ) -> Self {
        let (said, stop) = (Arc::new(AtomicUsize::new(first)), Arc::new(AtomicBool::new(false)));
        let (count, end, mut peer) = (Arc::clone(&said), Arc::clone(&stop), peer.try_clone().unwrap());
        let thread = thread::spawn(move || {
            let began = Instant::now();
            while rate > 0 && !end.load(Ordering::Relaxed) {
                let now = first + rate * usize::try_from(began.elapsed().as_millis()).unwrap() / 1000;
                let lines: String = (count.load(Ordering::Relaxed)..now).map(&message).collect();
                // The chat may have ended.
                if peer.write_all(lines.as_bytes()).is_err() {
                    return;
                }
                count.store(now.max(first), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self { said, stop, thread }
    }

    /// How many messages have been said in all.
    pub(super) fn said(&self) -> usize {
        self.said.load(Ordering::Relaxed)
    }

    /// Waits until it has said some messages, stops it, and returns how many have been said in all.
    pub(super) fn stop(self, some: usize) -> usize {
        wait_until("it has said something", || self.said.load(Ordering::Relaxed) >= some);
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.said.load(Ordering::Relaxed)
    }
}
