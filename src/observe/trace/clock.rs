//! The time axis of a trace.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often both clocks are read at the start, to keep the best pair.
const ATTEMPTS: usize = 20;

/// In seconds. (A day with a leap second has as many in Unix time.)
const DAY: u64 = 24 * 60 * 60;

/// The axis begins with the day (UTC) on which the trace does, so that traces of the same day share an axis, and a
/// nanosecond still fits into a JSON number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The same moment on both clocks. Afterwards only the monotonic one is read.
    anchor: Instant,
    since_epoch: Duration,
}

impl Clock {
    /// Reads both clocks several times. The quickest attempt is the best: the least happened between the two.
    pub(super) fn start() -> Self {
        let attempt = |_| {
            let before = Instant::now();
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let took = before.elapsed();
            (took, Self { anchor: before + took / 2, since_epoch })
        };
        let attempts = (0..ATTEMPTS).map(attempt).min_by_key(|(took, _)| *took);
        attempts.map_or_else(|| attempt(0).1, |(_, clock)| clock)
    }

    /// The second since 1970 at which the axis begins.
    pub(super) fn origin(self) -> u64 {
        self.since_epoch.as_secs() / DAY * DAY
    }

    /// Nanoseconds on the axis. A thread may have begun before the trace, but not before the day.
    pub(super) fn nanos(self, moment: Instant) -> u64 {
        let anchor = self.since_epoch - Duration::from_secs(self.origin());
        let moment = match moment.checked_duration_since(self.anchor) {
            Some(after) => anchor + after,
            None => anchor.saturating_sub(self.anchor.duration_since(moment)),
        };
        u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)
    }
}
