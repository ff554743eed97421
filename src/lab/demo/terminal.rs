//! The terminal of the demo: taken over, read from, and restored.

use super::event::Event;
use crossbeam_channel::Sender;
use ratatui::Frame;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event as Input};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::prelude::CrosstermBackend;
use std::io::{self, Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(super) type Terminal = ratatui::Terminal<CrosstermBackend<Stdout>>;

/// How often the key reader checks whether it should end: nothing else wakes it from reading.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// Global because a process has one terminal, which a panic hook must be able to restore.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Makes keys arrive one by one, and clears the screen.
pub(super) fn take_over(color: bool) -> io::Result<Terminal> {
    // Otherwise crossterm decides by itself, against `--color always`.
    force_color_output(color);
    IS_TAKEN.store(true, Ordering::Release);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(stdout()))
}

/// Draws a frame, unless the terminal has been restored.
pub(super) fn draw(terminal: &mut Terminal, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
    let _whole = stdout().lock();
    match IS_TAKEN.load(Ordering::Acquire) {
        true => terminal.draw(picture).map(drop),
        false => Ok(()),
    }
}

/// Restores the terminal with its former content. Any thread may call this at any time, and more than once.
pub fn restore() {
    // Another thread may be drawing. (The lock is reentrant: the thread that draws comes here when it panics.)
    let _whole = stdout().lock();
    if IS_TAKEN.swap(false, Ordering::AcqRel) {
        // If the terminal refuses, there is nothing left to try.
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// The thread that reads keys.
pub(super) struct Keys {
    ends: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl Keys {
    pub(super) fn read(to_main: Sender<Event>) -> io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let should_end = Arc::clone(&ends);
        let run = move || {
            // The first poll installs the handler for new sizes. Draw once more: the size may have changed before.
            if event::poll(Duration::ZERO).is_ok() && to_main.send(Event::Resized).is_err() {
                return;
            }
            while !should_end.load(Ordering::Acquire) {
                let event = match next() {
                    Ok(Some(Input::Key(key))) => Event::Key(key),
                    Ok(Some(Input::Resize(..))) => Event::Resized,
                    Ok(_) => continue,
                    Err(_) => Event::TerminalGone,
                };
                if matches!(event, Event::TerminalGone) | to_main.send(event).is_err() {
                    return;
                }
            }
        };
        Ok(Self { ends, reader: thread::Builder::new().name("keys".to_owned()).spawn(run)? })
    }

    pub(super) fn join(self) {
        self.ends.store(true, Ordering::Release);
        let _ = self.reader.join();
    }
}

/// The next input, if there is one soon.
fn next() -> io::Result<Option<Input>> {
    if event::poll(POLL_TIMEOUT)? { event::read().map(Some) } else { Ok(None) }
}
