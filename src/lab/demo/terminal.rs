//! The terminal of the demo: taken over, read from, and given back as it was found.

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

/// What is drawn on.
pub(super) type Terminal = ratatui::Terminal<CrosstermBackend<Stdout>>;

/// How often the reader of keys looks whether it is to end: nothing wakes it from reading them.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// There is one terminal in a process, and it must be given back from a panic hook, too.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// From here on keys arrive one by one, and there is nothing else on the screen.
pub(super) fn take_over(color: bool) -> io::Result<Terminal> {
    // It would decide by itself, and drop what `--color always` asks for.
    force_color_output(color);
    IS_TAKEN.store(true, Ordering::Release);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(stdout()))
}

/// Draws a picture as a whole, unless the terminal has been given back.
pub(super) fn draw(terminal: &mut Terminal, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
    let _whole = stdout().lock();
    match IS_TAKEN.load(Ordering::Acquire) {
        true => terminal.draw(picture).map(drop),
        false => Ok(()),
    }
}

/// Restores the terminal as it was, with what was on it before. Any thread may call this at any time, repeatedly. False if
/// there was nothing to restore.
pub fn restore() -> bool {
    // Another thread may be drawing. (The one that draws may come here, too, when it panics.)
    let _whole = stdout().lock();
    let was_taken = IS_TAKEN.swap(false, Ordering::AcqRel);
    if was_taken {
        // There is nothing left to try if the terminal refuses.
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
    was_taken
}

/// The thread that reads keys.
pub(super) struct Keys {
    ends: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl Keys {
    /// Starts it.
    pub(super) fn read(to_main: Sender<Event>) -> io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let run = move || {
            // From the first look on a new size is told; what it was before is looked at once.
            if event::poll(Duration::ZERO).is_ok() && to_main.send(Event::Resized).is_err() {
                return;
            }
            while !told.load(Ordering::Acquire) {
                let event = match next() {
                    Ok(Some(Input::Key(key))) => Event::Key(key),
                    Ok(Some(Input::Resize(..))) => Event::Resized,
                    Ok(_) => continue,
                    Err(_) => Event::NoKeys,
                };
                if matches!(event, Event::NoKeys) | to_main.send(event).is_err() {
                    return;
                }
            }
        };
        Ok(Self { ends, reader: thread::Builder::new().name("keys".to_owned()).spawn(run)? })
    }

    /// Ends it.
    pub(super) fn join(self) {
        self.ends.store(true, Ordering::Release);
        let _ = self.reader.join();
    }
}

/// The next thing that happens at the terminal, if something soon does.
fn next() -> io::Result<Option<Input>> {
    if event::poll(LOOK_EVERY)? { event::read().map(Some) } else { Ok(None) }
}
