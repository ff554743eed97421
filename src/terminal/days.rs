//! On which line to say that another day has begun.

use crate::rules::wire::{DAY_LEN, Stamp};

type Day = [u8; DAY_LEN];

/// Whose clock a line has its time from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// That of the peer or the hub, which may be in another time zone.
    Theirs,
    Own,
}

/// Follows the days of lines from two clocks.
#[derive(Debug, Default)]
pub(super) struct Days {
    /// The day that was last announced, or today as long as that needs no announcement.
    announced: Option<Day>,
    clocks: [Track; 2],
}

#[derive(Debug, Default)]
struct Track {
    last: Option<Day>,
    /// There was a line with its day since either clock came to another day. From then on it is announced no more: where two
    /// people are in different days, almost every line would need that.
    is_known: bool,
}

impl Days {
    /// A line is shown with this stamp. Returns the day if it is to be announced in front of the line.
    pub(super) fn next(&mut self, clock: Clock, stamp: &Stamp, now: &Stamp) -> Option<Day> {
        let day = stamp.day();
        let track = &mut self.clocks[clock as usize];
        if track.last.replace(day) != Some(day) {
            self.clocks.iter_mut().for_each(|track| track.is_known = false);
        }
        let announced = self.announced.get_or_insert_with(|| now.day());
        let is_known = std::mem::replace(&mut self.clocks[clock as usize].is_known, true);
        if is_known || *announced == day {
            return None;
        }
        *announced = day;
        Some(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u8) -> Stamp {
        let stamp = format!("[Mon Nov {n:2} 06:18:34 2026] ");
        Stamp::parse(stamp.as_bytes()).unwrap_or_else(|| unreachable!("{stamp}"))
    }

    /// The days that are announced in front of these lines.
    fn announced(lines: &[(Clock, u8)]) -> Vec<Option<u8>> {
        let mut days = Days::default();
        let next = |(clock, n): &(Clock, u8)| days.next(*clock, &day(*n), &day(9)).map(|_| *n);
        lines.iter().map(next).collect()
    }

    #[test]
    fn a_day_is_announced_when_it_changes_but_not_today_at_first() {
        use Clock::{Own, Theirs};
        assert_eq!(
            announced(&[(Own, 9), (Theirs, 9), (Own, 10), (Theirs, 10)]),
            [None, None, Some(10), None]
        );
        assert_eq!(announced(&[(Theirs, 8), (Theirs, 9)]), [Some(8), Some(9)]);
    }

    #[test]
    fn today_is_announced_after_every_history_of_another_day() {
        use Clock::{Own, Theirs};
        let lines = [(Own, 9), (Theirs, 9), (Theirs, 8), (Own, 9), (Theirs, 9), (Theirs, 8), (Own, 9)];
        assert_eq!(announced(&lines), [None, None, Some(8), Some(9), None, Some(8), Some(9)]);
    }

    #[test]
    fn people_in_different_days_are_not_reminded_of_that_with_every_line() {
        use Clock::{Own, Theirs};
        let lines = [(Own, 9), (Theirs, 10), (Own, 9), (Theirs, 10), (Own, 9), (Theirs, 10)];
        assert_eq!(announced(&lines), [None, Some(10), Some(9), None, None, None]);
    }
}
