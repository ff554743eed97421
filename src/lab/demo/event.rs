//! Everything that can happen in a demo: what the other threads send its main, over one channel.

use super::side::Side;
use crate::observe::Step;
use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use crate::rules::signal::Signal;
use ratatui::crossterm::event::KeyEvent;
use std::time::Instant;

pub(super) enum Event {
    /// A thread of an endpoint has passed the turnstile.
    Passed(Passed),
    /// A thread has come to the turnstile while it is paused.
    Arrived,
    /// An endpoint has put this line on its screen.
    Shown(Side, String),
    ScreenClosed(Side),
    /// An endpoint has ended.
    Ended(Side, Result<Exit, Failure>),
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    TerminalGone,
    Signal(Signal),
}

/// A step of a thread that has passed the turnstile.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    pub(super) side: Side,
    /// The name of the thread.
    pub(super) name: String,
    pub(super) step: Step,
    pub(super) at: Instant,
}
