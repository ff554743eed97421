//! The time for stamps.

use crate::rules::wire::Stamp;
use std::time::{SystemTime, UNIX_EPOCH};
use time::macros::datetime;
use time::{OffsetDateTime, UtcOffset};

/// The present time in UTC.
#[must_use]
pub fn utc_now() -> OffsetDateTime {
    utc(SystemTime::now())
}

/// This time in UTC.
fn utc(now: SystemTime) -> OffsetDateTime {
    let nanos = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()),
        Err(before) => i128::try_from(before.duration().as_nanos()).map(|nanos| -nanos),
    };
    from_unix(nanos.unwrap_or(i128::MAX))
}

/// This many nanoseconds after 1970. Before and after all years that have four digits in every time zone, the time stands still:
/// stamps and RFC 3339 have no place for a fifth.
fn from_unix(nanos: i128) -> OffsetDateTime {
    const FIRST: OffsetDateTime = datetime!(0000-01-03 0:00 UTC);
    const LAST: OffsetDateTime = datetime!(9999-12-30 0:00 UTC);
    let nanos = nanos.clamp(FIRST.unix_timestamp_nanos(), LAST.unix_timestamp_nanos());
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(LAST)
}

/// Makes the stamp of the present second. It formats the stamp and asks the system for the local offset once a second, not
/// for each message.
#[derive(Debug)]
pub struct Clock {
    /// The latest offset that the system knew.
    offset: Option<UtcOffset>,
    /// The second of `stamp`, in Unix time.
    second: i64,
    stamp: Stamp,
    /// The same for what was logged.
    #[cfg(feature = "link")]
    logged: (i64, Stamp),
}

impl Clock {
    /// A clock in local time, which follows `TZ` where the platform does.
    #[must_use]
    pub fn new() -> Self {
        let now = utc_now();
        let mut clock = Self {
            offset: None,
            second: now.unix_timestamp(),
            stamp: Stamp::at(now),
            #[cfg(feature = "link")]
            logged: (now.unix_timestamp(), Stamp::at(now)),
        };
        clock.stamp = clock.local(now);
        #[cfg(feature = "link")]
        {
            clock.logged.1 = clock.stamp;
        }
        clock
    }

    /// The stamp of this second.
    pub fn stamp(&mut self) -> Stamp {
        let now = utc_now();
        if now.unix_timestamp() != self.second {
            self.second = now.unix_timestamp();
            self.stamp = self.local(now);
        }
        self.stamp
    }

    /// The stamp of what was logged at this time, in ms since 1970, by a clock that may be wrong. As for [`stamp`](Self::stamp),
    /// a further one of the same second costs nothing.
    #[cfg(feature = "link")]
    pub fn stamp_at(&mut self, ms: u64) -> Stamp {
        let time = from_unix(i128::from(ms) * 1_000_000);
        if time.unix_timestamp() != self.logged.0 {
            self.logged = (time.unix_timestamp(), self.local(time));
        }
        self.logged.1
    }

    /// Stamps are in UTC, because the system does not know the local offset.
    #[must_use]
    pub fn lacks_local_time(&self) -> bool {
        self.offset.is_none()
    }

    fn local(&mut self, time: OffsetDateTime) -> Stamp {
        self.offset = UtcOffset::local_offset_at(time).ok().or(self.offset);
        Stamp::at(time.to_offset(self.offset.unwrap_or(UtcOffset::UTC)))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[cfg(feature = "link")]
    #[test]
    fn what_was_logged_has_the_stamp_of_its_own_second() {
        let mut clock = Clock::new();
        let (before, present) =
            (clock.stamp(), clock.stamp_at(u64::try_from(clock.second).unwrap_or(0) * 1000));
        assert_eq!(present, before);
        let [first, same, next] = [5_000, 5_999, 6_000].map(|ms| clock.stamp_at(ms));
        assert!(first == same && first != next && first != present);
        assert_eq!(clock.stamp_at(u64::MAX), clock.stamp_at(u64::MAX - 1_000_000));
    }

    #[test]
    fn a_clock_that_leaves_the_years_of_four_digits_stands_still() {
        let after = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).map(utc);
        let before = |seconds| UNIX_EPOCH.checked_sub(Duration::from_secs(seconds)).map(utc);
        assert_eq!(after(1), Some(datetime!(1970-01-01 0:00:01 UTC)));
        assert_eq!(before(1), Some(datetime!(1969-12-31 23:59:59 UTC)));
        for (time, year) in [(after(253_402_300_800), 9999), (after(1 << 60), 9999), (before(1 << 60), 0)] {
            // Not every system can express the last two.
            let Some(time) = time else { continue };
            for hours in [-25, 25] {
                let Ok(offset) = UtcOffset::from_hms(hours, 0, 0) else { unreachable!("the largest offset") };
                assert_eq!(time.to_offset(offset).year(), year);
            }
        }
    }
}
