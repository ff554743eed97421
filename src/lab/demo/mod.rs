//! `threadchat demo`: two endpoints talk with each other over loopback, on one screen, slowly enough to watch their threads.
//!
//! ```text
//!  A's threads ──▶ ┐              ┌ ◀── B's threads        each step of each thread: one at a time, as slowly as wanted
//!                  ├▶ turnstile ◀─┘
//!                      │
//!  keys ───────────────┤
//!  A's and B's screen ─┼─▶ one channel ─▶ main ─▶ story ─▶ view, or log
//!  signals ────────────┘    of Event       └────▶ A's and B's keyboard
//! ```
//!
//! The endpoints are the product's own, and nothing in them knows of the demo: they are given their keyboard, their screen and their
//! observer, and the observer takes its time. The demo itself has the shape of what it shows: threads that block, one
//! channel, and a main that decides.
//!
//! Read it in this order:
//!
//! 1. `pair.rs`: the two endpoints, and the worlds they are given.
//! 2. `turnstile.rs`: how they are slowed down, paused and stepped.
//! 3. `event.rs` and `main_loop.rs`: what can happen, and what is done then.
//! 4. `story.rs`: what is known of the endpoints, from nothing but their steps. `summary.rs`: the same in sentences.
//! 5. `script.rs` and `keys.rs`: what is typed, by a script and by a person.
//! 6. `face.rs`: what the audience gets; `log.rs` without a terminal; `view.rs`, `picture.rs`, `words.rs` and `look.rs` on a
//!    split screen, and `terminal.rs`, which takes the terminal and gives it back.

mod event;
mod face;
mod keys;
mod log;
mod look;
mod main_loop;
mod pair;
mod picture;
mod script;
mod side;
mod story;
mod summary;
mod terminal;
mod turnstile;
mod view;
mod words;

pub use script::Script;
pub use terminal::restore;

use crate::designs::Design;
use crate::platform::Signals;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::failure::{Context, Failure};
use crossbeam_channel::{Sender, bounded};
use event::Event;
use face::Face;
use keys::Typing;
use log::Log;
use look::Look;
use main_loop::MainLoop;
use std::io::{self, Write};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use terminal::Keys;
use turnstile::Pace;
use view::View;

/// How many events the channel holds. While it is full, nobody passes the turnstile.
const EVENTS: usize = 64;

/// How long a step takes at a terminal, unless it is told.
const DELAY: Duration = Duration::from_millis(400);

/// What is to be shown, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first design.
    pub design: Design,
    /// What is typed for both.
    pub script: Script,
    /// How long a step takes.
    pub delay: Option<Duration>,
    /// Whether there is a terminal, and whether it is to have colours.
    pub terminal: Option<Colors>,
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colors(pub bool);

/// Shows the whole demo, on standard output.
///
/// # Errors
/// It cannot be started or shown, in a sentence.
pub fn run(options: Options, signals: Signals) -> Result<Exit, Failure> {
    let (to_main, events) = bounded(EVENTS);
    let close_signals = signals.closer();
    let signals = watch_signals(signals, to_main.clone())?;
    let is_live = options.terminal.is_some();
    let main_loop = |face: Box<dyn Face>, keys: Option<Keys>| {
        let delay = options.delay.unwrap_or(if is_live { DELAY } else { Duration::ZERO });
        let main_loop = MainLoop {
            events,
            to_main: to_main.clone(),
            face,
            script: if is_live { options.script } else { options.script.with_goodbye() },
            design: options.design,
            pace: Pace { delay, paused: false },
            typing: Typing::new(),
            is_live,
            told: Vec::new(),
            exit: Exit::InOrder,
        };
        // The channel goes with it, so that nobody waits for room in it.
        let outcome = main_loop.run();
        if let Some(keys) = keys {
            keys.join();
        }
        outcome
    };
    let outcome = match options.terminal {
        Some(Colors(color)) => {
            let cannot = |error| Failure::new("cannot use the terminal", error).hint("; try --plain");
            let view = View::new(terminal::take_over(color).map_err(cannot)?, Look { color });
            let keys = Keys::read(to_main.clone()).map_err(cannot)?;
            let outcome = main_loop(Box::new(view), Some(keys));
            restore();
            outcome
        }
        None => main_loop(Box::new(Log::new(io::stdout())), None),
    };
    close_signals();
    let _ = signals.join();
    let (exit, told) = outcome?;
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    let space = if is_live { "" } else { "\n" };
    match write!(io::stdout(), "{space}{}", told.join("\n")) {
        Err(error) if !errors::is_broken_pipe(&error) => {
            Err(Failure::new("cannot write to standard output", error))
        }
        _ => Ok(exit),
    }
}

fn watch_signals(signals: Signals, to_main: Sender<Event>) -> Result<JoinHandle<()>, Failure> {
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.for_each(|signal| to_main.send(Event::Signal(signal)).is_ok()))
        .context("cannot start a thread")
}
