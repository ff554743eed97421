//! Announcements: who joined, left or changed their name, without flooding a room.

use std::time::{Duration, Instant};

/// This many announcements in a [`WINDOW`] are made one by one; the others are summarized in one line.
const MAX_SINGLE: usize = 10;

const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announcement {
    Joined,
    Left,
    Renamed,
}

/// Limits the rate of a room's announcements.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    /// When the window began.
    since: Option<Instant>,
    /// How many were made one by one in it.
    single: usize,
    /// How many are left for the summary.
    joined: usize,
    left: usize,
    renamed: usize,
}

impl Announcements {
    /// Whether to announce this by itself now. If not, it is counted for the summary.
    pub(super) fn try_announce(&mut self, what: Announcement, now: Instant) -> bool {
        if self.since.is_none_or(|since| since + WINDOW <= now) && !self.has_summary() {
            (self.since, self.single) = (Some(now), 0);
        }
        if self.single < MAX_SINGLE {
            self.single += 1;
            return true;
        }
        match what {
            Announcement::Joined => self.joined += 1,
            Announcement::Left => self.left += 1,
            Announcement::Renamed => self.renamed += 1,
        }
        false
    }

    /// When to announce the summary.
    pub(super) fn summary_at(&self) -> Option<Instant> {
        self.since.filter(|_| self.has_summary()).map(|since| since + WINDOW)
    }

    /// The summary, if it is time for it.
    pub(super) fn take_summary(&mut self, now: Instant) -> Option<String> {
        self.summary_at().filter(|due| *due <= now)?;
        let parts = [(self.joined, "joined"), (self.left, "left"), (self.renamed, "changed their names")];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, did)| format!("{count} {did}"));
        let line = parts.collect::<Vec<_>>().join(", ");
        // The summary counts as an announcement of the next window.
        *self = Self { since: Some(now), single: 1, ..Self::default() };
        Some(line)
    }

    fn has_summary(&self) -> bool {
        self.joined + self.left + self.renamed > 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn more_than_ten_announcements_in_a_second_become_one_line() {
        let (mut announcements, now) = (Announcements::default(), Instant::now());
        let single = (0..25).filter(|_| announcements.try_announce(Announcement::Joined, now)).count();
        assert_eq!(single, 10);
        assert!(!announcements.try_announce(Announcement::Left, now));
        assert_eq!(announcements.take_summary(now), None);
        let due = announcements.summary_at().unwrap();
        assert_eq!(announcements.take_summary(due).unwrap(), "15 joined, 1 left");
        assert_eq!((announcements.summary_at(), announcements.take_summary(due)), (None, None));
        assert!(announcements.try_announce(Announcement::Joined, due));
    }
}
