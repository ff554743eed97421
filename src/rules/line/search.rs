//! Searching the history for what is being typed (Ctrl-R, Ctrl-S).

use super::history::History;
use unicode_segmentation::UnicodeSegmentation;

/// How many bytes may be searched for.
const MAX_QUERY: usize = 1024;

#[derive(Debug)]
pub(super) struct Search {
    query: String,
    backward: bool,
    /// Where the search began.
    start: usize,
    /// Which line was found last, and the place in it.
    found: Option<(usize, usize)>,
    /// The query is nowhere. What was found for its beginning stays.
    failed: bool,
}

impl Search {
    /// Begins at the line that is being edited.
    pub(super) fn new(history: &History, backward: bool) -> Self {
        Self { query: String::new(), backward, start: history.position(), found: None, failed: false }
    }

    /// What is shown in front of the line that was found.
    pub(super) fn prompt(&self) -> String {
        format!("({}: {}) ", if self.failed { "not found" } else { "search" }, self.query)
    }

    /// The line that was found, and the place in it.
    pub(super) fn found<'a>(&self, history: &'a History) -> Option<(usize, &'a str, usize)> {
        let (position, place) = self.found?;
        Some((position, history.line(position)?, place))
    }

    pub(super) fn into_query(self) -> String {
        self.query
    }

    /// Searches for more than so far. False if that is nowhere.
    pub(super) fn extend(&mut self, text: &str, history: &History) -> bool {
        if text.is_empty() || self.query.len() + text.len() > MAX_QUERY {
            return false;
        }
        // One by one, so that it does not matter how many characters come at once.
        for character in text.chars() {
            self.query.push(character);
            let from = self.found.map_or(self.start, |(position, _)| position);
            // What begins with something that is nowhere is nowhere either.
            let _ = self.failed || !self.look(from, history);
        }
        !self.failed
    }

    /// Searches for less, from the start.
    pub(super) fn shorten(&mut self, history: &History) -> bool {
        let Some((last, _)) = self.query.grapheme_indices(true).next_back() else { return false };
        self.query.truncate(last);
        (self.found, self.failed) = (None, false);
        last == 0 || self.look(self.start, history)
    }

    /// Searches in this direction: for the next one, or at first for `last_query`.
    pub(super) fn next(&mut self, backward: bool, last_query: &str, history: &History) -> bool {
        self.backward = backward;
        match self.found {
            _ if self.query.is_empty() => self.extend(last_query, history),
            None => self.look(self.start, history),
            Some((0, _)) if backward => false,
            Some((position, _)) if backward => self.look(position - 1, history),
            Some((position, _)) => self.look(position + 1, history),
        }
    }

    fn look(&mut self, from: usize, history: &History) -> bool {
        let place = |position| Some((position, history.line(position)?.find(&self.query)?));
        let found = if self.backward {
            (0..=from).rev().find_map(place)
        } else {
            (from..history.end()).find_map(place)
        };
        self.failed = found.is_none();
        self.found = found.or(self.found);
        !self.failed
    }
}
