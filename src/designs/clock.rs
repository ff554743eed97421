//! The time for the stamps.

use crate::rules::wire::Stamp;
use time::{OffsetDateTime, UtcOffset};

/// Makes the stamp of the moment. It is formatted, and the system asked for the local offset, once a
/// second and not once a message.
#[derive(Debug)]
pub struct Clock {
    /// The last offset that was to be had.
    offset: Option<UtcOffset>,
    /// The second of `stamp`, in Unix time.
    second: i64,
    stamp: Stamp,
}

impl Clock {
    /// A clock in local time. `TZ` is honoured where the platform does.
    #[must_use]
    pub fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        let mut clock = Self { offset: None, second: 0, stamp: Stamp::at(now) };
        clock.show(now);
        clock
    }

    /// The stamp of this second.
    pub fn stamp(&mut self) -> Stamp {
        let now = OffsetDateTime::now_utc();
        if now.unix_timestamp() != self.second {
            self.show(now);
        }
        self.stamp
    }

    /// Whether the stamps are in UTC because the local offset was never to be had.
    #[must_use]
    pub fn lacks_local_time(&self) -> bool {
        self.offset.is_none()
    }

    fn show(&mut self, now: OffsetDateTime) {
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
