//! What was killed, for a yank.

use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction};
use std::collections::VecDeque;

/// How many kills are kept.
const SIZE: usize = 16;

/// The newest first. `LineBuffer` reports each deletion here.
#[derive(Debug, Default)]
pub(super) struct KillRing {
    kills: VecDeque<String>,
    /// The deletion that is reported now is a kill, and not of single characters.
    killing: bool,
    /// The next kill joins the last one.
    joining: bool,
}

impl KillRing {
    /// Something else than a kill follows, so that the next kill is one of its own.
    pub(super) fn end_kill(&mut self) {
        self.joining = false;
    }

    pub(super) fn newest(&self) -> Option<String> {
        self.kills.front().cloned()
    }

    /// Turns the ring by one.
    pub(super) fn older(&mut self) -> Option<String> {
        let newest = self.kills.pop_front()?;
        self.kills.push_back(newest);
        self.newest()
    }
}

impl DeleteListener for KillRing {
    fn start_killing(&mut self) {
        self.killing = true;
    }

    fn delete(&mut self, _: usize, text: &str, direction: Direction) {
        if !self.killing {
            return;
        }
        match (self.kills.front_mut(), direction) {
            (Some(last), Direction::Forward) if self.joining => last.push_str(text),
            (Some(last), Direction::Backward) if self.joining => last.insert_str(0, text),
            _ => {
                self.kills.push_front(text.to_owned());
                self.kills.truncate(SIZE);
            }
        }
        self.joining = true;
    }

    fn stop_killing(&mut self) {
        self.killing = false;
    }
}

/// `LineBuffer` wants to report these as well.
impl ChangeListener for KillRing {
    fn insert_char(&mut self, _: usize, _: char) {}

    fn insert_str(&mut self, _: usize, _: &str) {}

    fn replace(&mut self, _: usize, _: &str, _: &str) {}
}
