//! Searching the history while typing what to search for (Ctrl-R, Ctrl-S).

use super::history::History;
use unicode_segmentation::UnicodeSegmentation;

/// How many bytes may be searched for.
const MAX_QUERY: usize = 1024;

pub(super) struct Search {
    pub(super) query: String,
    /// Where the search has come to, and whether the query is there.
    position: usize,
    found: bool,
    backward: bool,
}

impl Search {
    /// Begins at the line that is being edited.
    pub(super) fn new(history: &History, backward: bool) -> Self {
        Self { query: String::new(), position: history.position(), found: false, backward }
    }

    /// The line found, and the place in it.
    pub(super) fn found<'a>(&self, history: &'a History) -> Option<(usize, &'a str, usize)> {
        let line = history.line(self.position).filter(|_| self.found)?;
        Some((self.position, line, line.find(&self.query)?))
    }

    /// Searches for more than so far. False if it is nowhere: then what was found stays.
    pub(super) fn extend(&mut self, text: &str, history: &History) -> bool {
        if self.query.len() + text.len() > MAX_QUERY {
            return false;
        }
        self.query.push_str(text);
        self.go(self.position, history)
    }

    /// Searches for less, from the beginning.
    pub(super) fn shorten(&mut self, history: &History) -> bool {
        let last = self.query.graphemes(true).next_back().map_or(0, str::len);
        self.query.truncate(self.query.len() - last);
        self.found = false;
        self.position = history.position();
        self.query.is_empty() || self.go(self.position, history)
    }

    /// Searches for the next one in this direction.
    pub(super) fn next(&mut self, backward: bool, history: &History) -> bool {
        self.backward = backward;
        let from = match (self.found, backward) {
            (false, _) => Some(self.position),
            (true, true) => self.position.checked_sub(1),
            (true, false) => Some(self.position + 1),
        };
        !self.query.is_empty() && from.is_some_and(|from| self.go(from, history))
    }

    fn go(&mut self, from: usize, history: &History) -> bool {
        let matches =
            |position: &usize| history.line(*position).is_some_and(|line| line.contains(&self.query));
        let found = if self.backward {
            (0..=from).rev().find(matches)
        } else {
            (from..history.lines().count()).find(matches)
        };
        self.position = found.unwrap_or(self.position);
        self.found = found.is_some();
        self.found
    }
}
