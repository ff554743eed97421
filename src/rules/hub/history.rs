//! The last messages of a room, for new members.

use super::id::Id;
use super::post::Post;
use memchr::memrchr;
use std::collections::{HashSet, VecDeque};

/// The most bytes of history, whatever `--history` says: half of the smallest outbox, so that all of it fits.
const MAX_BYTES: usize = 32 * 1024;

#[derive(Debug)]
pub(super) struct History {
    max_lines: usize,
    /// Each with its author.
    lines: VecDeque<(Option<Id>, Box<[u8]>)>,
    bytes: usize,
}

impl History {
    pub(super) fn new(max_lines: usize) -> Self {
        Self { max_lines, lines: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn add(&mut self, post: &Post) {
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

    /// Has these lines instead. Whose they are is not known.
    #[cfg(feature = "link")]
    pub(super) fn replace(&mut self, lines: Vec<Vec<u8>>) {
        (self.lines, self.bytes) = (VecDeque::new(), 0);
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
        let is_wanted = |author: &Option<Id>| author.is_none_or(|author| !ignored.contains(&author));
        let lines = self.lines.iter().filter(|(author, _)| is_wanted(author));
        lines.flat_map(|(_, line)| line.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_has_the_last_lines() {
        let mut history = History::new(3);
        for lines in ["1\n", "2\n3\n", "4\n"] {
            history.add(&Post::for_test(lines));
        }
        assert_eq!(history.lines(&HashSet::new()), b"2\n3\n4\n");
        history.add(&Post::for_test("5\n6\n7\n8\n"));
        assert_eq!(history.lines(&HashSet::new()), b"6\n7\n8\n");
        let mut none = History::new(0);
        none.add(&Post::for_test("1\n"));
        assert_eq!(none.lines(&HashSet::new()), b"");
    }

    #[test]
    fn history_is_bounded_in_bytes() {
        let mut history = History::new(1000);
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..100 {
            history.add(&Post::for_test(&line));
        }
        assert_eq!(history.lines(&HashSet::new()).len(), MAX_BYTES / 1000 * 1000);
    }
}
