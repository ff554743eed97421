//! The terminal of the demo: taken over, read from, and restored.

use super::event::Event;
use crate::platform;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use ratatui::Frame;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event as Input};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::prelude::CrosstermBackend;
use std::convert::Infallible;
use std::io::{self, ErrorKind, Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(super) type Terminal = ratatui::Terminal<CrosstermBackend<Stdout>>;

/// How often the key reader looks for keys, and whether it should end: nothing else wakes it.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long the key reader may take to end.
const PATIENCE: Duration = Duration::from_millis(500);

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
    has_ended: Receiver<Infallible>,
    reader: JoinHandle<()>,
}

impl Keys {
    pub(super) fn read(to_main: Sender<Event>) -> io::Result<Self> {
        let (ends, (ended, has_ended)) = (Arc::new(AtomicBool::new(false)), bounded(0));
        let should_end = Arc::clone(&ends);
        let run = move || {
            let _ended = ended;
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
        Ok(Self { ends, has_ended, reader: thread::Builder::new().name("keys".to_owned()).spawn(run)? })
    }

    /// Ends the thread. One that is inside crossterm for longer, which waits there for the rest of a key, ends with the process.
    pub(super) fn end(self) {
        self.ends.store(true, Ordering::Release);
        if let Err(RecvTimeoutError::Disconnected) = self.has_ended.recv_timeout(PATIENCE) {
            let _ = self.reader.join();
        }
    }
}

/// The next input, if there is one now or soon.
fn next() -> io::Result<Option<Input>> {
    if !event::poll(Duration::ZERO)? {
        thread::sleep(LOOK_EVERY);
        // crossterm 0.29 does not look, and never stops reading from a terminal that is gone.
        if platform::has_hung_up(&io::stdin()) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if !event::poll(Duration::ZERO)? {
            return Ok(None);
        }
    }
    event::read().map(Some)
}
