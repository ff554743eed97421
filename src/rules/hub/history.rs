//! The last messages of a room, for new members.

use super::id::Id;
use super::post::Post;
use memchr::memrchr;
use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU64;

/// The most bytes of history, whatever `--history` says: half of the smallest outbox, so that all of it fits.
const MAX_BYTES: usize = 32 * 1024;

#[derive(Debug)]
pub(super) struct History {
    max_lines: usize,
    /// The number of the line that came first, or will.
    #[cfg(feature = "web")]
    first: NonZeroU64,
    /// The number of the line that comes next.
    next: NonZeroU64,
    /// Each with its author.
    lines: VecDeque<(Option<Id>, Box<[u8]>)>,
    bytes: usize,
}

impl History {
    /// The first line will have the number `first`.
    pub(super) fn new(max_lines: usize, first: NonZeroU64) -> Self {
        Self {
            max_lines,
            #[cfg(feature = "web")]
            first,
            next: first,
            lines: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The number that the next line gets.
    pub(super) fn next(&self) -> NonZeroU64 {
        self.next
    }

    pub(super) fn add(&mut self, post: &Post) {
        self.next = self.next.saturating_add(post.count() as u64);
        let mut rest = &post.lines[..];
        let mut last = Vec::new();
        while last.len() < self.max_lines
            && let Some((_, inner)) = rest.split_last()
        {
            let start = memrchr(b'\n', inner).map_or(0, |newline| newline + 1);
            last.push(&rest[start..]);
            rest = &rest[..start];
        }
        for line in last.into_iter().rev() {
            self.push(post.author, line.into());
        }
    }

    #[cfg(feature = "link")]
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Has these lines instead. Whose they are is not known.
    #[cfg(feature = "link")]
    pub(super) fn replace(&mut self, lines: Vec<Vec<u8>>) {
        (self.lines, self.bytes) = (VecDeque::new(), 0);
        self.next = self.next.saturating_add(lines.len() as u64);
        for line in lines {
            self.push(None, line.into());
        }
    }

    fn push(&mut self, author: Option<Id>, line: Box<[u8]>) {
        self.bytes += line.len();
        self.lines.push_back((author, line));
        while self.lines.len() > self.max_lines || self.bytes > MAX_BYTES {
            self.bytes -= self.lines.pop_front().map_or(0, |(_, line)| line.len());
        }
    }

    /// The lines of everybody but the `ignored`, oldest first.
    pub(super) fn lines(&self, ignored: &HashSet<Id>) -> Vec<u8> {
        let lines = self.lines.iter().filter(|(author, _)| is_wanted(*author, ignored));
        lines.flat_map(|(_, line)| line.iter().copied()).collect()
    }

    /// Those after the line with this number, each behind its own number and that of its author (0 if that is not known); and how
    /// many lines of this room after it are not kept any more.
    #[cfg(feature = "web")]
    pub(super) fn numbered(&self, ignored: &HashSet<Id>, after: u64) -> (u64, Vec<u8>) {
        let first = self.next.get() - self.lines.len() as u64;
        let mut numbered = Vec::new();
        for ((author, line), number) in self.lines.iter().zip(first..) {
            if number > after && is_wanted(*author, ignored) {
                numbered.extend_from_slice(
                    format!("{number} {} ", author.map_or(0, |author| author.0)).as_bytes(),
                );
                numbered.extend_from_slice(line);
            }
        }
        (first.saturating_sub((after + 1).max(self.first.get())), numbered)
    }
}

fn is_wanted(author: Option<Id>, ignored: &HashSet<Id>) -> bool {
    author.is_none_or(|author| !ignored.contains(&author))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "web")]
    #[test]
    fn who_comes_back_gets_what_was_missed_and_learns_how_much_is_lost() {
        let mut history = History::new(3, NonZeroU64::MIN);
        let ignored = HashSet::new();
        assert_eq!((history.next().get(), history.numbered(&ignored, 0)), (1, (0, Vec::new())));
        for lines in ["1\n", "2\n3\n", "4\n5\n"] {
            history.add(&Post::for_test(lines));
        }
        assert_eq!(history.next().get(), 6);
        let numbered = |after| history.numbered(&ignored, after);
        assert_eq!(numbered(4), (0, b"5 0 5\n".to_vec()));
        assert_eq!(numbered(2), (0, b"3 0 3\n4 0 4\n5 0 5\n".to_vec()));
        assert_eq!(numbered(0), (2, b"3 0 3\n4 0 4\n5 0 5\n".to_vec()));
        assert_eq!(numbered(5), (0, Vec::new()));
        let mut none = History::new(0, NonZeroU64::MIN);
        none.add(&Post::for_test("1\n2\n"));
        assert_eq!(none.numbered(&ignored, 1), (1, Vec::new()), "the second line");
    }

    #[cfg(feature = "web")]
    #[test]
    fn a_room_that_begins_anew_counts_on_and_has_lost_nothing_of_the_one_before() {
        let mut history = History::new(3, NonZeroU64::MIN.saturating_add(6));
        let ignored = HashSet::new();
        assert_eq!(history.numbered(&ignored, 4), (0, Vec::new()));
        history.add(&Post::for_test("1\n2\n"));
        assert_eq!(history.numbered(&ignored, 4), (0, b"7 0 1\n8 0 2\n".to_vec()));
    }

    #[test]
    fn history_has_the_last_lines() {
        let mut history = History::new(3, NonZeroU64::MIN);
        for lines in ["1\n", "2\n3\n", "4\n"] {
            history.add(&Post::for_test(lines));
        }
        assert_eq!(history.lines(&HashSet::new()), b"2\n3\n4\n");
        history.add(&Post::for_test("5\n6\n7\n8\n"));
        assert_eq!(history.lines(&HashSet::new()), b"6\n7\n8\n");
        let mut none = History::new(0, NonZeroU64::MIN);
        none.add(&Post::for_test("1\n"));
        assert_eq!(none.lines(&HashSet::new()), b"");
    }

    #[test]
    fn history_is_bounded_in_bytes() {
        let mut history = History::new(1000, NonZeroU64::MIN);
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..100 {
            history.add(&Post::for_test(&line));
        }
        assert_eq!(history.lines(&HashSet::new()).len(), MAX_BYTES / 1000 * 1000);
    }
}
