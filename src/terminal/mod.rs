//! Keys in, rows out: where a person types and reads.
//!
//! Main owns a [`Terminal`], which reads and writes nothing: it is told what was typed and what is to be shown, and returns
//! what follows from the keys and what to write. The stdin-reader or the poller reads the bytes of the keyboard; the
//! screen-writer or the poller writes the frames.

mod days;
#[cfg(line_editor)]
mod editor;
mod frame;
mod mention;
#[cfg(not(line_editor))]
mod no_editor;
mod palette;
mod seen;
#[cfg(all(line_editor, unix))]
mod unix;
mod view;
#[cfg(all(line_editor, windows))]
mod windows;

#[cfg(line_editor)]
pub use editor::{Editor, OpenHistory};
pub use frame::{Frame, between_frames};
#[cfg(not(line_editor))]
pub use no_editor::{Editor, quit, restore};
#[cfg(feature = "lab")]
pub(crate) use palette::demo as demo_colors;
#[cfg(all(line_editor, unix))]
pub use unix::{Keyboard, Screen, open, quit, restore};
pub use view::{Timestamps, View};
#[cfg(all(line_editor, windows))]
pub use windows::{Keyboard, Screen, is_console, open, quit, restore, screen};

/// What a loop can wait for.
#[cfg(unix)]
pub use std::os::fd::AsFd as Descriptor;

use crate::rules::buffer::Buffer;
use crate::rules::notice::Kind;
use crate::rules::wire::Stamp;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::Arc;

/// Where lines are typed: a thread blocks in reading, or a loop waits for the descriptor.
pub trait Input: Read + Send + Descriptor {}

impl<T: Read + Send + Descriptor> Input for T {}

/// Where something is shown: a thread blocks in writing, or a loop writes to the descriptor without blocking.
pub trait Output: Write + Send + Descriptor {}

impl<T: Write + Send + Descriptor> Output for T {}

/// What a loop can wait for. Here no design waits for more than one thing at a time.
#[cfg(not(unix))]
pub trait Descriptor {}

#[cfg(not(unix))]
impl<T> Descriptor for T {}

/// How many notices may wait to be shown. Further ones are dropped and counted.
pub const NOTICES: usize = 256;

/// A terminal at which a person sits: what the keys mean, and what the screen shows.
///
/// It keeps what is to be shown until the design has written the last [`Frame`]. So one write shows all messages that arrive
/// together, and a terminal that is behind gets the edited line as it is now, not as it was at each key.
pub struct Terminal {
    view: View,
    /// None where the terminal's own line input is used, and when the input has ended.
    editor: Option<Editor>,
    input_has_ended: bool,
    waiting: VecDeque<Shown>,
    /// How many notices wait.
    notices: usize,
    /// How much memory the entered lines take that wait, in bytes.
    entered: usize,
    /// The screen is to be cleared: once is enough.
    #[cfg_attr(not(line_editor), allow(dead_code, reason = "no key asks for it"))]
    clears: bool,
    /// The bell is to ring.
    #[cfg_attr(not(line_editor), allow(dead_code, reason = "no key can be refused"))]
    rings: bool,
    /// The screen shows a row with the edited line.
    has_row: bool,
    /// That row is not what it should be.
    is_stale: bool,
    /// The terminal belongs to somebody else, so there is no row.
    #[cfg_attr(not(line_editor), allow(dead_code, reason = "there is no row"))]
    is_in_background: bool,
    /// From the next frame on the terminal is to mark what is pasted, or not to.
    marks_pastes: Option<bool>,
    /// The program is to be stopped.
    suspends: bool,
}

/// What is to be shown.
#[cfg_attr(not(line_editor), allow(dead_code, reason = "without a line editor no keys are read"))]
enum Shown {
    /// Messages, of which `done` bytes are in frames.
    Messages {
        buffer: Arc<Buffer>,
        done: usize,
        now: Stamp,
    },
    Notice {
        kind: Kind,
        text: String,
        now: Stamp,
    },
    /// A line that the user has entered.
    Entered {
        line: Vec<u8>,
        now: Stamp,
    },
    /// Whom the user talks to, or what the program waits for.
    Prompt(String),
    ClearScreen,
}

/// What follows from what was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line that is not empty, without a line end.
    Line(Vec<u8>),
    /// The input has ended.
    End,
    /// The interrupt key.
    Interrupt,
    /// The quit key, which ends a program at once, perhaps with a core dump.
    Quit,
}

impl Terminal {
    /// A terminal where `editor` edits lines, or which uses its own line input.
    #[must_use]
    pub fn new(view: View, editor: Option<Editor>) -> Self {
        let edits = editor.is_some();
        Self {
            view,
            editor,
            input_has_ended: false,
            waiting: VecDeque::new(),
            notices: 0,
            entered: 0,
            clears: false,
            rings: false,
            has_row: false,
            is_stale: edits,
            is_in_background: false,
            marks_pastes: edits.then_some(true),
            suspends: false,
        }
    }

    /// Whether what is read from the keyboard is for [`handle_keys`](Self::handle_keys). Otherwise it is lines.
    #[must_use]
    pub fn edits(&self) -> bool {
        self.editor.is_some()
    }

    /// Whether what is still read from the keyboard is to be ignored.
    #[must_use]
    pub fn input_has_ended(&self) -> bool {
        self.input_has_ended
    }

    /// Shows messages, which came in the buffers of a reader. Each ends in a newline.
    pub fn show(&mut self, buffer: Arc<Buffer>, now: Stamp) {
        self.waiting.push_back(Shown::Messages { buffer, done: 0, now });
    }

    /// Shows a notice. False if too many wait already.
    pub fn try_notice(&mut self, kind: Kind, text: String, now: Stamp) -> bool {
        let has_capacity = self.notices < NOTICES;
        if has_capacity {
            self.notices += 1;
            self.waiting.push_back(Shown::Notice { kind, text, now });
        }
        has_capacity
    }

    /// Shows, where lines are typed, the other side or what we wait for.
    pub fn set_prompt(&mut self, state: String) {
        match self.waiting.back_mut() {
            Some(Shown::Prompt(last)) => *last = state,
            _ => self.waiting.push_back(Shown::Prompt(state)),
        }
    }

    /// The user is the operator of a hub, under this name in this room.
    pub fn operate(&mut self, room: &str, name: &str) {
        self.view.operate(room, name);
    }

    /// Whether messages, notices or entered lines wait to be shown.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(all(test, line_editor))]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_screen_that_has_stopped_is_bounded_however_much_is_typed() {
        let view = View::new(Timestamps::None, false, false);
        let mut terminal = Terminal::new(view, Some(Editor::new(&[], None, false)));
        let now = Stamp::at(time::OffsetDateTime::UNIX_EPOCH);
        for keys in [&b"\x0c"[..], b"\x07", b"a\r"] {
            for _ in 0..200_000 {
                terminal.handle_keys(keys, now);
                terminal.set_prompt("somebody".to_owned());
                terminal.set_prompt("somebody else".to_owned());
            }
        }
        let max = crate::rules::input::CAPACITY / size_of::<Shown>();
        assert!(terminal.waiting.len() <= 3 * max, "{}", terminal.waiting.len());
        assert!(terminal.waiting.len() > 100);
    }
}
