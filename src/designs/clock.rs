//! The time for stamps.

use crate::rules::wire::Stamp;
use time::{OffsetDateTime, UtcOffset};

/// Makes the stamp of the present second. It formats the stamp and asks the system for the local offset once a second, not
/// for each message.
#[derive(Debug)]
pub struct Clock {
    /// The latest offset that the system knew.
    offset: Option<UtcOffset>,
    /// The second of `stamp`, in Unix time.
    second: i64,
    stamp: Stamp,
}

impl Clock {
    /// A clock in local time, which follows `TZ` where the platform does.
    #[must_use]
    pub fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        let mut clock = Self { offset: None, second: 0, stamp: Stamp::at(now) };
        clock.update(now);
        clock
    }

    /// The stamp of this second.
    pub fn stamp(&mut self) -> Stamp {
        let now = OffsetDateTime::now_utc();
        if now.unix_timestamp() != self.second {
            self.update(now);
        }
        self.stamp
    }

    /// Stamps are in UTC, because the system does not know the local offset.
    #[must_use]
    pub fn lacks_local_time(&self) -> bool {
        self.offset.is_none()
    }

    fn update(&mut self, now: OffsetDateTime) {
        self.offset = UtcOffset::local_offset_at(now).ok().or(self.offset);
        self.second = now.unix_timestamp();
        self.stamp = Stamp::at(now.to_offset(self.offset.unwrap_or(UtcOffset::UTC)));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
