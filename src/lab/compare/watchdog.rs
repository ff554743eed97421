//! Every wait has an end: when nothing has arrived anywhere for too long, the children are killed, and
//! whoever waits for them gets an end of file instead of waiting for ever.

use super::children::Children;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// For how long nothing may arrive before a run has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Counts arrivals. Cheap enough for each of them.
#[derive(Clone, Default)]
pub(super) struct Beats(Arc<AtomicU64>);

impl Beats {
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Kills the children whenever nothing has arrived for [`PATIENCE`], for as long as this process runs.
pub(super) fn watch(children: Arc<Children>, beats: Beats) -> io::Result<()> {
    let watch = move || {
        let mut last = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_millis(500));
            let now = beats.0.load(Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                children.fail(&format!("nothing moved for {} s", PATIENCE.as_secs()));
                last.1 = Instant::now();
            }
        }
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(watch).map(drop)
}
