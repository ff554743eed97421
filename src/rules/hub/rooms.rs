//! One room: who is in it, what was last said, and the announcements.

use super::outbox::Post;
use super::{Id, Name};
use memchr::memrchr;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// So many announcements in [`WINDOW`] are told one by one; the others become one line.
const ANNOUNCEMENTS: usize = 10;

/// For how long announcements are counted together.
const WINDOW: Duration = Duration::from_secs(1);

/// How many bytes of the last messages are kept at most, however many lines are asked for: half of the smallest outbox,
/// so that a newcomer can be told all of them.
pub(super) const HISTORY_BYTES: usize = 32 * 1024;

/// One room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Name,
    /// In the order in which they connected.
    pub(super) members: BTreeSet<Id>,
    pub(super) history: History,
    pub(super) announced: Announced,
}

impl Room {
    pub(super) fn new(name: Name, history: usize) -> Self {
        Self {
            name,
            members: BTreeSet::new(),
            history: History { most: history, ..History::default() },
            announced: Announced::default(),
        }
    }
}

/// The last messages of a room, for newcomers.
#[derive(Debug, Default)]
pub(super) struct History {
    /// How many are kept.
    most: usize,
    /// Each with its author.
    lines: VecDeque<(Option<Id>, Box<[u8]>)>,
    bytes: usize,
}

impl History {
    /// This was said.
    pub(super) fn add(&mut self, post: &Post) {
        let mut rest = &post.lines[..];
        let mut last = Vec::new();
        while last.len() < self.most
            && let Some((_, inner)) = rest.split_last()
        {
            let start = memrchr(b'\n', inner).map_or(0, |newline| newline + 1);
            last.push(&rest[start..]);
            rest = &rest[..start];
        }
        for line in last.into_iter().rev() {
            self.bytes += line.len();
            self.lines.push_back((post.author, line.into()));
        }
        while self.lines.len() > self.most || self.bytes > HISTORY_BYTES {
            self.bytes -= self.lines.pop_front().map_or(0, |(_, line)| line.len());
        }
    }

    /// The lines of all but these, oldest first.
    pub(super) fn lines(&self, ignored: &[Id]) -> Vec<u8> {
        let is_heard = |author: &Option<Id>| author.is_none_or(|author| !ignored.contains(&author));
        let lines = self.lines.iter().filter(|(author, _)| is_heard(author));
        lines.flat_map(|(_, line)| line.iter().copied()).collect()
    }
}

/// What is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announcement {
    Joined,
    Left,
    Renamed,
}

/// The announcements of the last second.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// When the first of them was made.
    since: Option<Instant>,
    /// How many were told one by one.
    told: usize,
    /// How many were not told yet.
    joined: usize,
    left: usize,
    renamed: usize,
}

impl Announced {
    /// Whether this one is told by itself. If not, it is counted.
    pub(super) fn may_tell(&mut self, what: Announcement, now: Instant) -> bool {
        if self.since.is_none_or(|since| since + WINDOW <= now) && self.is_all_told() {
            (self.since, self.told) = (Some(now), 0);
        }
        if self.told < ANNOUNCEMENTS {
            self.told += 1;
            return true;
        }
        match what {
            Announcement::Joined => self.joined += 1,
            Announcement::Left => self.left += 1,
            Announcement::Renamed => self.renamed += 1,
        }
        false
    }

    /// When those that were counted are to be told.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.since.filter(|_| !self.is_all_told()).map(|since| since + WINDOW)
    }

    /// Those that were counted, in one line, if that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<String> {
        self.due_at().filter(|due| *due <= now)?;
        let parts = [(self.joined, "joined"), (self.left, "left"), (self.renamed, "changed their names")];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, did)| format!("{count} {did}"));
        let line = parts.collect::<Vec<_>>().join(", ");
        // This was one of the next second's.
        *self = Self { since: Some(now), told: 1, ..Self::default() };
        Some(line)
    }

    fn is_all_told(&self) -> bool {
        self.joined + self.left + self.renamed == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn history_has_the_last_lines() {
        let mut history = History { most: 3, ..History::default() };
        for lines in ["1\n", "2\n3\n", "4\n"] {
            history.add(&Post::of_hub(lines.into()));
        }
        assert_eq!(history.lines(&[]), b"2\n3\n4\n");
        history.add(&Post::of_hub("5\n6\n7\n8\n".into()));
        assert_eq!(history.lines(&[]), b"6\n7\n8\n");
        let mut none = History::default();
        none.add(&Post::of_hub("1\n".into()));
        assert_eq!(none.lines(&[]), b"");
    }

    #[test]
    fn history_is_bounded_in_bytes() {
        let mut history = History { most: 1000, ..History::default() };
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..100 {
            history.add(&Post::of_hub(line.clone()));
        }
        assert_eq!(history.lines(&[]).len(), HISTORY_BYTES / 1000 * 1000);
    }

    #[test]
    fn more_than_ten_announcements_in_a_second_become_one_line() {
        let (mut announced, now) = (Announced::default(), Instant::now());
        let told = (0..25).filter(|_| announced.may_tell(Announcement::Joined, now)).count();
        assert_eq!(told, 10);
        assert!(!announced.may_tell(Announcement::Left, now));
        assert_eq!(announced.take_due(now), None);
        let due = announced.due_at().unwrap();
        assert_eq!(announced.take_due(due).unwrap(), "15 joined, 1 left");
        assert_eq!((announced.due_at(), announced.take_due(due)), (None, None));
        assert!(announced.may_tell(Announcement::Joined, due));
    }
}
