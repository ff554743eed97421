//! Lines that were entered.

use super::text::LIMIT;
use std::collections::VecDeque;

/// How many lines are kept, and how many bytes they may have together.
const MAX_LINES: usize = 1000;
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct History {
    /// The oldest first.
    lines: VecDeque<String>,
    bytes: usize,
    /// Which line is being edited; their number means the one that is not entered yet.
    position: usize,
    /// That one, while another is being edited.
    draft: String,
}

impl History {
    pub(super) fn new(lines: Vec<String>) -> Self {
        let mut history = Self::default();
        lines.into_iter().for_each(|line| history.push(line));
        history
    }

    /// Keeps a line and goes below it. A repetition is kept once. Nobody knows where a history comes from, so it may have lines
    /// that cannot be typed.
    pub(super) fn push(&mut self, line: String) {
        let is_line = !line.is_empty() && line.len() <= LIMIT && !line.contains(['\r', '\n']);
        if is_line && self.lines.back().is_none_or(|last| *last != line) {
            self.bytes += line.len();
            self.lines.push_back(line);
        }
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len();
        }
        self.leave();
    }

    /// Goes below all lines.
    pub(super) fn leave(&mut self) {
        self.position = self.end();
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Where the line is that is not entered yet.
    pub(super) fn end(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn line(&self, position: usize) -> Option<&str> {
        self.lines.get(position).map(String::as_str)
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Goes to another line, if there is one, and returns it. `current` is the text that is being edited.
    pub(super) fn go_to(&mut self, position: usize, current: &str) -> Option<String> {
        if position > self.end() || position == self.position {
            return None;
        }
        if self.position == self.end() {
            current.clone_into(&mut self.draft);
        }
        self.position = position;
        Some(self.line(position).unwrap_or(&self.draft).to_owned())
    }
}
