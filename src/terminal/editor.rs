//! A line editor that keeps its line while messages appear above it.
//!
//! The stdin-reader reads from a [`Keyboard`], where reedline edits the line; the screen-writer shows lines on an
//! [`EditedScreen`]. They share the terminal: the screen leaves its lines with the keyboard, which erases the edited
//! line, writes them, and edits on. Only one thread at a time writes to the terminal.
//!
//! reedline's own printer counts bytes instead of columns, and assumes the cursor at the end of the line. So we use its
//! break signal, which another thread sets to get the line back. A fresh editor then continues with that line, because
//! the same one would draw over the lines above.

use super::display::{Display, mark};
use super::mode;
use crate::rules::notice::Kind;
use crossterm::event::{Event, KeyCode, KeyModifiers};
use crossterm::style::Color;
use reedline::{
    EditCommand, EditMode, Emacs, FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId,
    Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineRawEvent, SearchQuery,
    Signal, default_emacs_keybindings,
};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use unicode_width::UnicodeWidthChar;

/// How often reedline checks the break signal while nobody types: the longest delay of a message.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How many lines the history keeps.
const HISTORY: usize = 1000;

/// The host commands with which keys end reedline's reading because we handle them ourselves.
const INTERRUPT: &str = "interrupt";
const SUSPEND: &str = "suspend";
const PASTED: &str = "pasted";

/// Takes over the terminal of the process. Returns where to read lines, where to show messages, and what ends the
/// reading from another thread (false if it cannot).
///
/// # Errors
/// Standard input is not a terminal.
pub(crate) fn open(color: bool) -> io::Result<(Keyboard, EditedScreen, impl FnOnce() -> bool + Send)> {
    mode::take_over()?;
    let shared = Arc::new(Shared::default());
    let keyboard = Keyboard {
        shared: Arc::clone(&shared),
        color,
        history: Arc::new(Mutex::new(FileBackedHistory::new(HISTORY).unwrap_or_default())),
        line: String::new(),
        cursor: 0,
        ready: Vec::new(),
    };
    let screen = EditedScreen { shared: Arc::clone(&shared), color };
    let close = move || {
        let mut state = shared.lock();
        state.closed = true;
        shared.wake.store(true, Ordering::Release);
        !state.plain
    };
    Ok((keyboard, screen, close))
}

/// What the keyboard and the screen share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when `to_show` has been written.
    shown: Condvar,
    /// reedline's break signal.
    wake: Arc<AtomicBool>,
    /// The user searches the history. A break would end the search, so lines wait.
    searching: AtomicBool,
    /// Keys that arrived in the same batch after one that ended the reading. reedline would drop them.
    later: Mutex<VecDeque<ReedlineEvent>>,
}

#[derive(Default)]
struct State {
    /// Lines for the keyboard to write above the edited line.
    to_show: Vec<u8>,
    prompt: String,
    /// The edited line is on the screen.
    editing: bool,
    /// The input has ended.
    closed: bool,
    /// The terminal does not answer reedline's queries, so we use its own line input.
    plain: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic ends the program; until then the data are good enough.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn later(&self) -> MutexGuard<'_, VecDeque<ReedlineEvent>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows messages and notices above the edited line.
pub(crate) struct EditedScreen {
    shared: Arc<Shared>,
    color: bool,
}

impl Display for EditedScreen {
    fn show(&mut self, kind: Kind, lines: &[u8]) -> io::Result<()> {
        let marked = mark(kind, lines, self.color);
        let mut state = self.shared.lock();
        if !state.editing {
            // The lock keeps the keyboard from drawing a line meanwhile.
            return write_out(&marked);
        }
        state.to_show.extend_from_slice(&marked);
        // Only ever set here, never cleared: another thread may have asked for the end.
        if !self.shared.searching.load(Ordering::Acquire) {
            self.shared.wake.store(true, Ordering::Release);
        }
        while !state.to_show.is_empty() {
            state = self.shared.shown.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn set_prompt(&mut self, prompt: &str) {
        prompt.clone_into(&mut self.shared.lock().prompt);
        self.shared.wake.store(true, Ordering::Release);
    }

    fn marks(&self) -> Option<bool> {
        Some(self.color)
    }
}

impl AsFd for EditedScreen {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdout()
    }
}

/// Reads whole lines, edited with reedline.
pub(crate) struct Keyboard {
    shared: Arc<Shared>,
    color: bool,
    history: Arc<Mutex<FileBackedHistory>>,
    /// The edited line while no editor has it, and the position of the cursor in bytes.
    line: String,
    cursor: usize,
    /// Finished lines that nobody has read yet.
    ready: Vec<u8>,
}

impl Read for Keyboard {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.shared.lock().plain {
            match self.edit() {
                Ok(true) => {}
                Ok(false) => {
                    mode::restore();
                    return Ok(0);
                }
                Err(error) => {
                    mode::restore();
                    self.shared.lock().plain = true;
                    let notice = format!("cannot use the line editor at this terminal: {error}\n");
                    self.show_pending(mark(Kind::Error, notice.as_bytes(), self.color))?;
                }
            }
        }
        if self.ready.is_empty() {
            return io::stdin().read(bytes);
        }
        let count = self.ready.len().min(bytes.len());
        bytes[..count].copy_from_slice(&self.ready[..count]);
        self.ready.drain(..count);
        Ok(count)
    }
}

/// What to do after the line was erased.
enum Next {
    Edit,
    Interrupt,
    Suspend,
    End,
}

impl AsFd for Keyboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdin()
    }
}

impl Keyboard {
    /// Edits until a key or the break signal ends it. False at the end of the input.
    fn edit(&mut self) -> io::Result<bool> {
        let mut state = self.shared.lock();
        if state.closed {
            return Ok(false);
        }
        state.editing = true;
        let prompt = LinePrompt(format!("{}> ", state.prompt));
        drop(state);

        let mut editor = self.editor();
        let replayed = self.replay(&mut editor);
        let is_drawn = replayed.is_none();
        let signal = replayed.map_or_else(|| editor.read_line(&prompt), Ok);
        self.shared.searching.store(false, Ordering::Release);
        editor.current_buffer_contents().clone_into(&mut self.line);
        self.cursor = editor.current_insertion_point();
        let mut screen = Vec::new();
        match &signal {
            Ok(Signal::Success(_)) if is_drawn => {}
            Ok(Signal::Success(line)) => writeln!(screen, "{}{line}", prompt.0)?,
            _ if is_drawn => self.erase(&prompt.0, &mut screen)?,
            _ => {}
        }
        let next = match signal? {
            Signal::Success(line) => {
                self.ready.extend_from_slice((line + "\n").as_bytes());
                self.clear_line();
                Next::Edit
            }
            Signal::HostCommand(command) if command == PASTED => {
                self.take_whole_lines(&prompt.0, &mut screen);
                Next::Edit
            }
            Signal::HostCommand(command) if command == SUSPEND => Next::Suspend,
            Signal::HostCommand(_) if self.line.is_empty() => Next::Interrupt,
            Signal::HostCommand(_) | Signal::CtrlC => {
                self.clear_line();
                Next::Edit
            }
            Signal::CtrlD => Next::End,
            _ => Next::Edit,
        };
        self.show_pending(screen)?;
        match next {
            Next::Edit => {}
            Next::Interrupt => mode::interrupt(),
            Next::Suspend => mode::suspend()?,
            Next::End => self.shared.lock().closed = true,
        }
        Ok(!matches!(next, Next::End))
    }

    /// Handles the keys that arrived with the one that ended the last reading. Returns what ends this one, if one of
    /// them does.
    fn replay(&self, editor: &mut Reedline) -> Option<Signal> {
        loop {
            let event = self.shared.later().pop_front()?;
            match event {
                ReedlineEvent::Edit(commands) => editor.run_edit_commands(&commands),
                ReedlineEvent::Multiple(events) => {
                    let mut later = self.shared.later();
                    events.into_iter().rev().for_each(|event| later.push_front(event));
                }
                ReedlineEvent::ExecuteHostCommand(command) => return Some(Signal::HostCommand(command)),
                ReedlineEvent::Enter => {
                    let line = editor.current_buffer_contents().to_owned();
                    editor.run_edit_commands(&[EditCommand::Clear]);
                    return Some(Signal::Success(line));
                }
                ReedlineEvent::CtrlC => return Some(Signal::CtrlC),
                ReedlineEvent::CtrlD if editor.current_buffer_contents().is_empty() => {
                    return Some(Signal::CtrlD);
                }
                // Keys that only move or search: the user can press them again.
                _ => {}
            }
        }
    }

    /// A fresh editor that continues with the line.
    fn editor(&self) -> Reedline {
        let mut editor = Reedline::create()
            .with_ansi_colors(self.color)
            .with_break_signal(Arc::clone(&self.shared.wake))
            .with_edit_mode(Box::new(Keys::new(Arc::clone(&self.shared))))
            .with_history(Box::new(SharedHistory(Arc::clone(&self.history))))
            .with_poll_interval(LOOK_EVERY)
            .use_bracketed_paste(true);
        editor.run_edit_commands(&[
            EditCommand::InsertString(self.line.clone()),
            EditCommand::MoveToPosition { position: self.cursor, select: false },
        ]);
        editor
    }

    fn clear_line(&mut self) {
        self.line.clear();
        self.cursor = 0;
    }

    /// Finishes all whole lines of a paste, which stay on the screen; the rest stays on the edited line.
    fn take_whole_lines(&mut self, prompt: &str, screen: &mut Vec<u8>) {
        let whole = self.line.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.line.split_off(whole);
        for line in self.line.lines() {
            screen.extend_from_slice(format!("{prompt}{line}\n").as_bytes());
        }
        self.ready.extend_from_slice(self.line.as_bytes());
        self.cursor = self.cursor.saturating_sub(whole).min(rest.len());
        self.line = rest;
    }

    /// Appends the sequence that erases the line, starting from the cursor's position in it.
    fn erase(&self, prompt: &str, screen: &mut Vec<u8>) -> io::Result<()> {
        let width = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns.max(1)));
        let up = rows_above(prompt, &self.line[..self.cursor], width);
        screen.push(b'\r');
        if up > 0 {
            write!(screen, "\x1b[{up}A")?;
        }
        screen.extend_from_slice(b"\x1b[J");
        Ok(())
    }

    /// Writes this and all pending lines. The edited line is off the screen then.
    fn show_pending(&self, mut screen: Vec<u8>) -> io::Result<()> {
        let mut state = self.shared.lock();
        screen.append(&mut state.to_show);
        state.editing = false;
        let result = write_out(&screen);
        drop(state);
        self.shared.shown.notify_all();
        result
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        // Wake a screen that waits for this keyboard.
        let _ = self.show_pending(Vec::new());
        mode::restore();
    }
}

fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut screen = io::stdout().lock();
    screen.write_all(bytes)?;
    screen.flush()
}

/// How many rows above the cursor's row the prompt and the text before the cursor take.
fn rows_above(prompt: &str, before_cursor: &str, width: usize) -> usize {
    let (mut rows, mut column) = (0, 0);
    for character in prompt.chars().chain(before_cursor.chars()) {
        let columns = character.width().unwrap_or(0);
        if character == '\n' || column + columns > width {
            (rows, column) = (rows + 1, 0);
        }
        column += columns;
    }
    // After a full row the cursor stays in it until another character follows.
    rows
}

/// What is shown in front of the edited line.
struct LinePrompt(String);

impl Prompt for LinePrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    // The bright green of the default is the background colour in some themes.
    fn get_prompt_color(&self) -> Color {
        Color::DarkGreen
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(search: {}) ", search.term))
    }
}

/// Emacs key bindings, except for the keys that the [`Keyboard`] handles.
struct Keys {
    emacs: Emacs,
    shared: Arc<Shared>,
    /// A key has ended the reading; the keys after it are for the next editor.
    ended: bool,
}

impl Keys {
    fn new(shared: Arc<Shared>) -> Self {
        let mut keys = default_emacs_keybindings();
        for (key, command) in [('c', INTERRUPT), ('z', SUSPEND)] {
            let event = ReedlineEvent::ExecuteHostCommand(command.to_owned());
            keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char(key), event);
        }
        Self { emacs: Emacs::new(keys), shared, ended: false }
    }

    /// Tracks whether the user searches the history. The interrupt key then only ends the search.
    fn follow_search(&self, event: ReedlineEvent) -> ReedlineEvent {
        let searching = match event {
            ReedlineEvent::SearchHistory => true,
            ReedlineEvent::Edit(_) | ReedlineEvent::None => return event,
            _ => false,
        };
        let was_searching = self.shared.searching.swap(searching, Ordering::AcqRel);
        if was_searching && !searching && !self.shared.lock().to_show.is_empty() {
            self.shared.wake.store(true, Ordering::Release);
        }
        match event {
            ReedlineEvent::ExecuteHostCommand(command) if was_searching && command == INTERRUPT => {
                ReedlineEvent::CtrlC
            }
            event => event,
        }
    }
}

impl EditMode for Keys {
    fn parse_event(&mut self, event: ReedlineRawEvent) -> ReedlineEvent {
        let event = match event.into() {
            Event::Paste(text) if text.contains(['\r', '\n']) => {
                let text = text.replace("\r\n", "\n").replace('\r', "\n");
                ReedlineEvent::Multiple(vec![
                    ReedlineEvent::Edit(vec![EditCommand::InsertString(text)]),
                    ReedlineEvent::ExecuteHostCommand(PASTED.to_owned()),
                ])
            }
            event => ReedlineRawEvent::try_from(event)
                .map_or(ReedlineEvent::None, |event| self.emacs.parse_event(event)),
        };
        let event = self.follow_search(event);
        if self.ended {
            self.shared.later().push_back(event);
            return ReedlineEvent::None;
        }
        self.ended = matches!(
            event,
            ReedlineEvent::ExecuteHostCommand(_) | ReedlineEvent::Multiple(_) | ReedlineEvent::CtrlC
        );
        event
    }

    fn edit_mode(&self) -> PromptEditMode {
        self.emacs.edit_mode()
    }
}

/// The history, shared by one editor after another.
struct SharedHistory(Arc<Mutex<FileBackedHistory>>);

impl SharedHistory {
    fn lock(&self) -> MutexGuard<'_, FileBackedHistory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for SharedHistory {
    fn save(&mut self, item: HistoryItem) -> reedline::Result<HistoryItem> {
        self.lock().save(item)
    }

    fn load(&self, id: HistoryItemId) -> reedline::Result<HistoryItem> {
        self.lock().load(id)
    }

    fn count(&self, query: SearchQuery) -> reedline::Result<i64> {
        self.lock().count(query)
    }

    fn search(&self, query: SearchQuery) -> reedline::Result<Vec<HistoryItem>> {
        self.lock().search(query)
    }

    fn update(
        &mut self,
        id: HistoryItemId,
        updater: &dyn Fn(HistoryItem) -> HistoryItem,
    ) -> reedline::Result<()> {
        self.lock().update(id, updater)
    }

    fn clear(&mut self) -> reedline::Result<()> {
        self.lock().clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> reedline::Result<()> {
        self.lock().delete(id)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn session(&self) -> Option<HistorySessionId> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_above_the_cursor_are_counted_in_columns() {
        assert_eq!(rows_above("> ", "", 10), 0);
        assert_eq!(rows_above("> ", "1234567", 10), 0);
        assert_eq!(rows_above("> ", "12345678", 10), 0);
        assert_eq!(rows_above("> ", "123456789", 10), 1);
        assert_eq!(rows_above("> ", "äääääääää", 10), 1);
        // A wide character does not fit in the last column.
        assert_eq!(rows_above("> ", "1234567漢x", 10), 1);
        assert_eq!(rows_above("> ", "1234567e\u{301}", 10), 0);
        assert_eq!(rows_above("> ", "1\n2", 10), 1);
    }
}
