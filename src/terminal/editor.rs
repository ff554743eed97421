//! The line that is edited at a terminal, and the row that shows it.

#[cfg(unix)]
use super::unix as system;
#[cfg(windows)]
use super::windows as system;
use super::{Shown, Terminal, Typed, palette};
use crate::rules::input::{CAPACITY, is_goodbye};
use crate::rules::line::{Candidates, Command, Line};
use crate::rules::notice::Kind;
use crate::rules::wire::Stamp;
use anstyle::Style;
use std::fs::File;
use std::io::{self, Write};
use std::mem::replace;

/// Opens a file for appending.
pub type OpenHistory = Box<dyn FnOnce() -> io::Result<File> + Send>;

/// Edits a line, and draws it as one row.
pub struct Editor {
    line: Line,
    columns: usize,
    /// How the prompt looks.
    style: Style,
    /// Opens the file in which entered lines are kept for the next time, at the end: another program may have replaced it
    /// meanwhile.
    open: Option<OpenHistory>,
    /// The lines to append to it.
    unsaved: Vec<u8>,
}

impl Editor {
    /// An editor that knows these earlier lines, the oldest first, and appends those that are entered to the
    /// file that `open` opens, if there is one.
    #[must_use]
    pub fn new(history: &[Vec<u8>], open: Option<OpenHistory>, color: bool) -> Self {
        let style = if color { palette::PROMPT } else { palette::PLAIN };
        Self { line: Line::new(history), columns: system::columns(), style, open, unsaved: Vec::new() }
    }

    /// Keeps a line for [`save`](Self::save), because main must not wait for a file. Beyond [`CAPACITY`] bytes it keeps none:
    /// nobody types more.
    fn keep(&mut self, line: &[u8]) {
        // The goodbye is not for the next time.
        if self.open.is_some() && self.unsaved.len() < CAPACITY && !is_goodbye(line) {
            self.unsaved.extend_from_slice(line);
            self.unsaved.push(b'\n');
        }
    }

    fn save(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(open) if !self.unsaved.is_empty() => open()?.write_all(&self.unsaved),
            _ => Ok(()),
        }
    }

    /// The bytes that draw the row and leave the cursor in it.
    ///
    /// Writing the part before the cursor again puts the cursor where the terminal has it, not where we count it.
    pub(super) fn row(&self, prompt: &str) -> Vec<u8> {
        let (row, style) = (self.line.row(prompt, self.columns), self.style);
        let before = format!("{style}{}{style:#}{}", row.prompt, row.before);
        let back = if row.after.is_empty() { String::new() } else { format!("\r{before}") };
        format!("\x1b[?7l{before}{}{back}\x1b[?7h", row.after).into_bytes()
    }
}

impl Terminal {
    /// These bytes were read from the keyboard. Returns what follows, in order.
    pub fn handle_keys(&mut self, bytes: &[u8], now: Stamp) -> Vec<Typed> {
        let Some(editor) = &mut self.editor else { return Vec::new() };
        self.is_stale = true;
        let candidates = Candidates { commands: self.view.commands(), names: self.view.names() };
        let commands = editor.line.handle(bytes, &candidates);
        commands.into_iter().filter_map(|command| self.execute(command, now)).collect()
    }

    fn execute(&mut self, command: Command, now: Stamp) -> Option<Typed> {
        match command {
            Command::Enter(line) => {
                if let Some(editor) = &mut self.editor {
                    editor.keep(&line);
                }
                // Only a paste into a terminal that has stopped can be more. It is sent all the same.
                if self.entered < CAPACITY {
                    self.entered += size_of::<Shown>() + line.len();
                    self.waiting.push_back(Shown::Entered { line: line.clone(), now });
                }
                return Some(Typed::Line(line));
            }
            Command::End => return Some(Typed::End),
            Command::Interrupt => return Some(Typed::Interrupt),
            Command::Quit => return Some(Typed::Quit),
            // Nothing would continue the program there.
            Command::Suspend if cfg!(windows) => {}
            Command::Suspend => self.suspend(),
            Command::Resized => self.handle_resize(),
            Command::ClearScreen => {
                if !replace(&mut self.clears, true) {
                    self.waiting.push_back(Shown::ClearScreen);
                }
            }
            Command::Bell => self.rings = true,
        }
        None
    }

    /// The terminal may have another size.
    pub fn handle_resize(&mut self) {
        self.set_columns(system::columns());
    }

    /// The terminal has this many columns now.
    pub fn set_columns(&mut self, columns: usize) {
        if let Some(editor) = &mut self.editor {
            editor.columns = columns;
            self.is_stale = true;
        }
    }

    /// The program goes on after it was stopped, or could not be stopped. Others may have used the terminal meanwhile.
    pub fn handle_continue(&mut self) {
        if self.editor.is_some() {
            // To change its modes there would stop the program. In the foreground it is continued once more.
            self.is_in_background = system::is_in_background();
            if !self.is_in_background {
                // Fails only if the terminal has gone, which reading from it reports.
                let _ = system::take_over();
                self.marks_pastes = Some(true);
            }
            self.handle_resize();
        }
    }

    /// The program is to be stopped. The next frame removes the row, and says so.
    pub fn suspend(&mut self) {
        self.suspends = true;
        self.is_stale = true;
    }

    /// No more lines are typed: the row goes with the next frame, and the terminal itself handles the interrupt key again.
    pub fn end_input(&mut self, now: Stamp) {
        let Some(mut editor) = self.editor.take() else { return };
        if let Err(error) = editor.save() {
            self.try_notice(Kind::Error, format!("threadchat: cannot write the history: {error}"), now);
        }
        system::release();
        self.input_has_ended = true;
        self.marks_pastes = Some(false);
        self.is_stale = true;
    }
}
