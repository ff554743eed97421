//! What is written to the screen in one go: the row with the edited line is erased, what is new is written where it was, and
//! the row is drawn below that.
//!
//! No other row is ever erased, and the terminal is never asked anything: an answer would come late over a slow link, or
//! between the keys. The terminal itself wraps what is new, so that it can be copied, and flows anew when the window changes.
//! The row is drawn with automatic wrapping off, so that it stays one row even where the terminal takes a character to be
//! wider than we do.

use super::{Shown, Terminal};
use crate::rules::buffer::Buffer;
use crate::rules::messages::Messages;
use memchr::memchr;
use std::mem::take;
use std::sync::Arc;

/// From how many bytes of lines on a frame is full. What is typed meanwhile appears with the next one, so this bounds how
/// long that takes at a slow terminal.
const FULL: usize = 4 * 1024;

/// Erases the row of the cursor. The first two bytes alone do that; tmux keeps in its history what the third clears on its
/// first row, unless the row is empty by then. The third removes what a narrowed window has wrapped into further rows.
const ERASE: &[u8] = b"\r\x1b[K\x1b[J";

const CLEAR_SCREEN: &[u8] = b"\x1b[H\x1b[2J";

/// Make the terminal mark what is pasted, and not mark it.
const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const LEAVE_PASTES: &[u8] = b"\x1b[?2004l";

/// What to write next.
#[derive(Debug, Default)]
pub struct Frame {
    /// All of it, for one write.
    pub bytes: Vec<u8>,
    /// The buffers of messages that are shown completely when it is written.
    pub shown: Vec<Arc<Buffer>>,
    /// How the row looks that it leaves on the screen. Empty if there is none.
    pub row: Vec<u8>,
    /// When it is written, the program is to be stopped.
    pub suspends: bool,
}

impl Frame {
    /// The messages that are shown completely when it is written, and none at the beginning of a frame without any. Of several
    /// buffers those that follow each other are one range.
    #[must_use]
    pub fn messages(&self) -> Vec<Messages> {
        let mut ranges: Vec<Messages> = vec![Messages::NONE];
        for next in self.shown.iter().map(|buffer| buffer.messages).filter(|next| next.count > 0) {
            match ranges.last_mut() {
                Some(last) if last.count == 0 => *last = next,
                Some(last) if last.stream == next.stream && last.last() + 1 == next.first => {
                    last.count += next.count;
                }
                _ => ranges.push(next),
            }
        }
        ranges
    }
}

/// What to write between two frames to show these lines, when the last one has left this row.
#[must_use]
pub fn between_frames(row: &[u8], lines: &[u8]) -> Vec<u8> {
    let erase = if row.is_empty() { &[] } else { ERASE };
    [erase, lines, row].concat()
}

impl Terminal {
    /// Whether the screen does not show everything yet.
    #[must_use]
    pub fn wants_frame(&self) -> bool {
        self.is_behind() || self.is_stale
    }

    /// What to write next, when the last frame is written.
    pub fn next_frame(&mut self) -> Frame {
        let mut frame = Frame { suspends: take(&mut self.suspends), ..Frame::default() };
        if take(&mut self.has_row) {
            frame.bytes.extend_from_slice(ERASE);
        }
        while frame.bytes.len() < FULL
            && let Some(shown) = self.waiting.pop_front()
        {
            self.add(shown, &mut frame);
        }
        if take(&mut self.rings) {
            frame.bytes.push(b'\x07');
        }
        if let Some(marks) = take(&mut self.marks_pastes) {
            frame.bytes.extend_from_slice(if marks { MARK_PASTES } else { LEAVE_PASTES });
        }
        self.is_stale = false;
        if !frame.suspends {
            frame.row = self.row();
            self.has_row = !frame.row.is_empty();
        }
        frame.bytes.extend_from_slice(&frame.row);
        frame
    }

    /// Adds to the frame what is to be shown. Of messages, what does not fit stays.
    fn add(&mut self, shown: Shown, frame: &mut Frame) {
        let lines = &mut frame.bytes;
        match shown {
            Shown::Messages { buffer, done, now } => {
                let [first, rest] = buffer.shown();
                let part = first.get(done..).unwrap_or(&rest[done.saturating_sub(first.len())..]);
                let part = if part.is_empty() { rest } else { part };
                // Up to the end of the line that fills the frame.
                let end = part.get(FULL..).and_then(|after| memchr(b'\n', after));
                let end = end.map_or(part.len(), |end| FULL + end + 1);
                self.view.messages(&part[..end], &now, lines);
                let done = done + end;
                if done < first.len() + rest.len() {
                    self.waiting.push_front(Shown::Messages { buffer, done, now });
                } else {
                    frame.shown.push(buffer);
                }
            }
            Shown::Notice { kind, text, now } => {
                self.notices -= 1;
                self.view.notice(kind, &text, &now, lines);
            }
            Shown::Entered { line, now } => {
                self.entered -= size_of::<Shown>() + line.len();
                self.view.own(&line, &now, lines);
            }
            Shown::Prompt(state) => self.view.begin(&state),
            Shown::ClearScreen => {
                self.clears = false;
                lines.extend_from_slice(CLEAR_SCREEN);
            }
        }
    }

    /// The row with the edited line.
    #[cfg(line_editor)]
    fn row(&self) -> Vec<u8> {
        match &self.editor {
            Some(editor) if !self.is_in_background => editor.row(&format!("{}> ", self.view.prompt())),
            _ => Vec::new(),
        }
    }

    #[cfg(not(line_editor))]
    fn row(&self) -> Vec<u8> {
        Vec::new()
    }
}
