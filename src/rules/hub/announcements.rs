//! How many joins, leaves and new names a room is told of one by one, and what is left for a summary.

use super::id::Id;
use super::name::Name;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// This many of each kind are announced one by one in a [`WINDOW`].
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
    /// How many of each kind were made one by one in it.
    single: [usize; 3],
    /// What is left for the summary: numbers, and the members who have a new name.
    joined: usize,
    left: usize,
    renamed: BTreeSet<Id>,
}

/// What the others in the room have not been told about a member.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// The member joined, and counts for the summary that was due then.
    pub(super) joined: Option<Instant>,
    /// The name by which the room knows the member, if it is not the present one. Nobody else can have it meanwhile.
    pub(super) known_as: Option<Name>,
}

impl Untold {
    pub(super) fn is_empty(&self) -> bool {
        self.joined.is_none() && self.known_as.is_none()
    }
}

/// What is announced when a window is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Empty if nobody is left to be counted.
    pub(super) counts: String,
    pub(super) renamed: BTreeSet<Id>,
}

impl Announcements {
    /// Whether to announce this by itself now. If not, [leave it for the summary](Self::leave_for_summary).
    pub(super) fn try_single(&mut self, what: Announcement, now: Instant) -> bool {
        self.begin_window(now);
        let single = &mut self.single[what as usize];
        let is_single = *single < MAX_SINGLE;
        *single += usize::from(is_single);
        is_single
    }

    /// Announces this in the summary. Returns when that is due.
    pub(super) fn leave_for_summary(&mut self, id: Id, what: Announcement, now: Instant) -> Instant {
        let since = self.begin_window(now);
        match what {
            Announcement::Joined => self.joined += 1,
            Announcement::Left => self.left += 1,
            Announcement::Renamed => drop(self.renamed.insert(id)),
        }
        since + WINDOW
    }

    /// A new name need not be in the summary any more.
    pub(super) fn withdraw_renamed(&mut self, id: Id) {
        self.renamed.remove(&id);
    }

    /// Somebody who joined need not be counted in the summary due then any more. Returns `false` if it has been announced.
    pub(super) fn withdraw_joined(&mut self, due: Instant) -> bool {
        let is_open = self.since.is_some_and(|since| since + WINDOW == due);
        self.joined -= usize::from(is_open);
        is_open
    }

    /// The summary, if it is time for it.
    pub(super) fn take_summary(&mut self, now: Instant) -> Option<Summary> {
        self.since.filter(|since| self.has_summary() && *since + WINDOW <= now)?;
        let Self { joined, left, renamed, .. } = std::mem::take(self);
        let joined = (joined > 0).then(|| format!("{joined} joined (/who lists them)"));
        let left = (left > 0).then(|| format!("{left} left"));
        let counts = joined.into_iter().chain(left).collect::<Vec<_>>().join(", ");
        Some(Summary { counts, renamed })
    }

    /// Begins another window if this one is over. Returns when it began.
    fn begin_window(&mut self, now: Instant) -> Instant {
        if let Some(since) = self.since.filter(|since| now < *since + WINDOW || self.has_summary()) {
            return since;
        }
        *self = Self { since: Some(now), ..Self::default() };
        now
    }

    fn has_summary(&self) -> bool {
        self.joined + self.left + self.renamed.len() > 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Announces this, and returns how many of them by themselves.
    fn announce(
        room: &mut Announcements,
        what: Announcement,
        ids: std::ops::Range<usize>,
        now: Instant,
    ) -> usize {
        let is_single = |id| {
            let is_single = room.try_single(what, now);
            if !is_single {
                room.leave_for_summary(Id(id), what, now);
            }
            is_single
        };
        ids.map(is_single).filter(|is_single| *is_single).count()
    }

    #[test]
    fn more_than_ten_of_a_kind_in_a_second_are_left_for_a_summary() {
        let (mut room, now) = (Announcements::default(), Instant::now());
        for (what, count) in
            [(Announcement::Joined, 25), (Announcement::Left, 11), (Announcement::Renamed, 12)]
        {
            assert_eq!(announce(&mut room, what, 0..count, now), 10);
        }
        let due = now + WINDOW;
        assert_eq!(room.take_summary(due - Duration::from_nanos(1)), None);
        let counts = "15 joined (/who lists them), 1 left".to_owned();
        assert_eq!(
            room.take_summary(due),
            Some(Summary { counts, renamed: BTreeSet::from([Id(10), Id(11)]) })
        );
        assert_eq!(room.take_summary(due), None);
        assert_eq!(announce(&mut room, Announcement::Joined, 0..25, due), 10);
    }

    #[test]
    fn somebody_who_is_announced_after_all_is_not_counted() {
        let (mut room, now) = (Announcements::default(), Instant::now());
        announce(&mut room, Announcement::Joined, 0..12, now);
        let due = room.leave_for_summary(Id(12), Announcement::Joined, now);
        assert!(room.withdraw_joined(due));
        assert_eq!(room.take_summary(due).unwrap().counts, "2 joined (/who lists them)");
        assert!(!room.withdraw_joined(due));
        announce(&mut room, Announcement::Joined, 0..12, due);
        assert!(!room.withdraw_joined(due));
    }
}
