//! Ends every wait: when nothing has arrived anywhere for too long, the watchdog kills the children, and all that wait
//! for them read an end of file.

use super::children::Children;
use crate::rules::failure::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// A run fails if nothing arrives for this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Counts arrivals, cheaply enough to count each of them.
#[derive(Clone, Default)]
pub(crate) struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    pub(crate) fn beat(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Kills the children whenever there is no heartbeat for [`PATIENCE`], as long as this process runs.
pub(super) fn watch(children: Arc<Children>, heartbeat: Heartbeat) -> Result<(), Failure> {
    let watch = move || {
        let mut last = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_millis(500));
            let count = heartbeat.0.load(Relaxed);
            if count != last.0 {
                last = (count, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                children.fail(&format!("nothing moved for {} s", PATIENCE.as_secs()).into());
                last.1 = Instant::now();
            }
        }
    };
    crate::lab::spawn("watchdog", watch).map(drop)
}
