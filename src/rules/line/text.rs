//! The text of the line and the cursor in it: what rustyline's `LineBuffer` does, with undo, a kill ring and a bound.

use super::kill_ring::KillRing;
use rustyline::line_buffer::LineBuffer;
use rustyline::{Movement, RepeatCount};
use std::collections::VecDeque;

/// How many bytes the line may have. A foreign byte counts as four.
pub(super) const LIMIT: usize = 64 * 1024;
/// How many steps can be undone, and how many bytes they may take together.
const UNDO_STEPS: usize = 1000;
const UNDO_BYTES: usize = 1024 * 1024;
const ONCE: RepeatCount = 1;

#[derive(Debug)]
pub(super) struct Text {
    buffer: LineBuffer,
    kills: KillRing,
    undo: VecDeque<(String, usize)>,
    undo_bytes: usize,
    last: Last,
}

/// What the last key did, if the next one may go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Typed,
    Killed,
    Yanked(usize),
    Other,
}

impl Text {
    pub(super) fn new() -> Self {
        Self {
            // More than the bound, or the buffer would cut without saying so.
            buffer: LineBuffer::with_capacity(2 * LIMIT),
            kills: KillRing::default(),
            undo: VecDeque::new(),
            undo_bytes: 0,
            last: Last::Other,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        self.buffer.as_str()
    }

    /// Up to the cursor, and from there.
    pub(super) fn halves(&self) -> (&str, &str) {
        self.as_str().split_at(self.buffer.pos())
    }

    /// Empties the line for good.
    pub(super) fn take(&mut self) -> String {
        let text = self.as_str().to_owned();
        self.buffer.update("", 0, &mut self.kills);
        (self.undo, self.undo_bytes, self.last) = (VecDeque::new(), 0, Last::Other);
        text
    }

    /// Types as much of this as the line has room for. Returns the rest.
    pub(super) fn insert<'a>(&mut self, run: &'a str) -> &'a str {
        let (fitting, rest) = run.split_at(floor(run, LIMIT - self.as_str().len()));
        if !fitting.is_empty() {
            if self.last != Last::Typed {
                self.push_undo(self.as_str().to_owned(), self.buffer.pos());
            }
            self.buffer.yank(fitting, ONCE, &mut self.kills);
            self.last = Last::Typed;
        }
        rest
    }

    /// Changes the text or moves the cursor. False if the text would become too long: then it stays as it is.
    pub(super) fn edit<T>(&mut self, change: impl FnOnce(&mut LineBuffer, &mut KillRing) -> T) -> bool {
        self.edit_as(Last::Other, change)
    }

    fn edit_as<T>(&mut self, last: Last, change: impl FnOnce(&mut LineBuffer, &mut KillRing) -> T) -> bool {
        if self.last != Last::Killed {
            self.kills.end_kill();
        }
        self.last = last;
        let (before, cursor) = (self.as_str().to_owned(), self.buffer.pos());
        change(&mut self.buffer, &mut self.kills);
        let fits = self.as_str().len() <= LIMIT;
        if !fits {
            self.buffer.update(&before, cursor, &mut self.kills);
            self.last = Last::Other;
        } else if self.as_str() != before {
            self.push_undo(before, cursor);
        }
        fits
    }

    /// Replaces all of it; the cursor goes to the end.
    pub(super) fn replace(&mut self, text: &str) -> bool {
        self.edit(|buffer, kills| buffer.update(text, text.len(), kills))
    }

    /// Replaces what is between `start` and the cursor.
    pub(super) fn replace_from(&mut self, start: usize, text: &str) -> bool {
        self.edit(|buffer, kills| buffer.replace(start..buffer.pos(), text, kills))
    }

    /// Deletes up to where the movement ends, and keeps that for a yank.
    pub(super) fn kill(&mut self, movement: &Movement) -> bool {
        self.edit_as(Last::Killed, |buffer, kills| buffer.kill(movement, kills))
    }

    pub(super) fn yank(&mut self) -> bool {
        let Some(text) = self.kills.newest() else { return false };
        self.edit_as(Last::Yanked(text.len()), |buffer, kills| buffer.yank(&text, ONCE, kills))
    }

    /// Replaces what was just yanked by what was killed before it.
    pub(super) fn yank_older(&mut self) -> bool {
        let Last::Yanked(size) = self.last else { return false };
        let Some(text) = self.kills.older() else { return false };
        self.edit_as(Last::Yanked(text.len()), |buffer, kills| buffer.yank_pop(size, &text, kills))
    }

    /// Takes the last change back; what was typed in one go is one change.
    pub(super) fn undo(&mut self) -> bool {
        let Some((text, cursor)) = self.undo.pop_back() else { return false };
        self.undo_bytes -= text.len();
        self.buffer.update(&text, cursor, &mut self.kills);
        self.last = Last::Other;
        true
    }

    fn push_undo(&mut self, text: String, cursor: usize) {
        self.undo_bytes += text.len();
        self.undo.push_back((text, cursor));
        while self.undo.len() > UNDO_STEPS || self.undo_bytes > UNDO_BYTES {
            let Some((oldest, _)) = self.undo.pop_front() else { break };
            self.undo_bytes -= oldest.len();
        }
    }
}

/// The last place, `most` bytes from the beginning or before it, where the text can be cut.
pub(super) fn floor(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}
