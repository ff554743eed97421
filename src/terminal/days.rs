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
