//! All that can happen in a demo, in one type: what the other threads tell its main, over one channel.

use super::side::Side;
use crate::observe::Step;
use crate::rules::exit::Exit;
use crate::rules::signal::Signal;
use ratatui::crossterm::event::KeyEvent;
use std::time::Instant;

/// What has happened.
pub(super) enum Event {
    /// A thread of an endpoint has passed the turnstile.
    Passed(Passed),
    /// One has come to it while it is paused.
    Came,
    /// An endpoint has put this line on its screen.
    Shown(Side, String),
    /// It has closed its screen.
    Closed(Side),
    /// It has ended. An error is a sentence.
    Ended(Side, Result<Exit, String>),
    /// A person has pressed this key.
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// The terminal is gone.
    NoKeys,
    /// The program is to end.
    Signal(Signal),
}

/// A step of a thread that has passed the turnstile.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    /// Whose thread it is.
    pub(super) side: Side,
    /// Its name.
    pub(super) name: String,
    /// What it does from now on.
    pub(super) step: Step,
    /// When it passed.
    pub(super) at: Instant,
}
