//! `threadchat demo`: two endpoints talk over loopback on one screen, slowly enough to watch their threads.
//!
//! ```text
//!  A's threads ──▶ ┐              ┌ ◀── B's threads        each step of each thread, one at a time, at any pace
//!                  ├▶ turnstile ◀─┘
//!                      │
//!  keys ───────────────┤
//!  A's and B's screen ─┼─▶ one channel ─▶ main ─▶ model ─▶ split screen, or log
//!  signals ────────────┘    of Event       └────▶ A's and B's keyboard
//! ```
//!
//! The endpoints are the real ones and know nothing of the demo: they get their keyboard, screen and observer from their
//! environment, and the observer takes its time. The demo itself has the shape of what it shows: threads that block, one
//! channel, and a main that decides.
//!
//! Read it in this order:
//!
//! 1. `pair.rs`: the two endpoints, and their environments.
//! 2. `turnstile.rs`: how they are slowed down, paused and stepped.
//! 3. `event.rs` and `main_loop.rs`: what can happen, and what main does then.
//! 4. `model.rs`: the state of the endpoints, derived only from their steps. `summary.rs`: the same in sentences.
//! 5. `script.rs` and `keys.rs`: what a script and a person type.
//! 6. `front_end.rs`: what presents all that. `log.rs` without a terminal; `split_screen.rs`, `diagram.rs` and `theme.rs`
//!    at a terminal, and `terminal.rs`, which takes it over and restores it.

mod diagram;
mod event;
mod front_end;
#[cfg(test)]
mod hostile;
mod keys;
mod log;
mod main_loop;
mod model;
mod pair;
mod script;
mod side;
mod split_screen;
mod summary;
mod terminal;
mod theme;
mod turnstile;

pub use script::Script;
pub use terminal::restore;

use crate::designs::Design;
use crate::platform::{self, Signals};
use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use crossbeam_channel::bounded;
use event::Event;
use front_end::FrontEnd;
use keys::Typing;
use log::Log;
use main_loop::MainLoop;
use split_screen::SplitScreen;
use std::io;
use std::time::Duration;
use terminal::Keys;
use theme::Theme;
use turnstile::Pace;

/// The capacity of the channel. While it is full, nobody passes the turnstile.
const EVENTS: usize = 64;

/// The default delay at a terminal.
const DELAY: Duration = Duration::from_millis(400);

/// What to show, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first design.
    pub design: Design,
    /// What is typed on both sides.
    pub script: Script,
    /// The minimum time between two steps.
    pub delay: Option<Duration>,
    /// Whether there is a terminal, and whether it gets colours.
    pub terminal: Option<Colors>,
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colors(pub bool);

/// Runs the demo on standard output.
///
/// # Errors
/// It cannot be started or shown.
pub fn run(options: Options, signals: Signals) -> Result<Exit, Failure> {
    let (to_main, events) = bounded(EVENTS);
    let close_signals = signals.closer();
    let seen = to_main.clone();
    let signals = super::spawn("signals", move || {
        signals
            .for_each(|caught| caught.signal().is_none_or(|signal| seen.send(Event::Signal(signal)).is_ok()));
    })?;
    let is_live = options.terminal.is_some();
    let main_loop = |front_end: Box<dyn FrontEnd>, keys: Option<Keys>| {
        let delay = options.delay.unwrap_or(if is_live { DELAY } else { Duration::ZERO });
        let main_loop = MainLoop {
            events,
            to_main: to_main.clone(),
            front_end,
            script: if is_live { options.script } else { options.script.with_goodbye() },
            design: options.design,
            pace: Pace { delay, paused: false },
            typing: Typing::new(),
            is_live,
            summaries: Vec::new(),
            exit: Exit::Success,
        };
        // Consumes the channel, so that no thread waits for capacity in it.
        let outcome = main_loop.run();
        if let Some(keys) = keys {
            keys.end();
        }
        outcome
    };
    let outcome = match options.terminal {
        Some(Colors(color)) => {
            let cannot = |error| Failure::new("cannot use the terminal", error).hint("; try --plain");
            let view = SplitScreen::new(terminal::take_over(color).map_err(cannot)?, Theme { color });
            let keys = Keys::read(to_main.clone()).map_err(cannot)?;
            let outcome = main_loop(Box::new(view), Some(keys));
            restore();
            outcome
        }
        None => main_loop(Box::new(Log::new(platform::Patient(io::stdout()))), None),
    };
    close_signals();
    let _ = signals.join();
    let (exit, summaries) = outcome?;
    let summaries: Vec<_> = summaries.iter().map(ToString::to_string).collect();
    let space = if is_live { "" } else { "\n" };
    platform::print(format!("{space}{}", summaries.join("\n")).as_bytes())?;
    Ok(exit)
}
