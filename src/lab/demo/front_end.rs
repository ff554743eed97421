//! What presents the demo: a split screen, or a log.

use super::event::Passed;
use super::keys::Typing;
use super::model::Model;
use super::side::Side;
use super::turnstile::Pace;
use crate::designs::Design;
use std::io;

/// Presents the demo. It ignores what it has no use for.
pub(super) trait FrontEnd {
    fn begins(&mut self, _design: Design) {}

    fn passed(&mut self, _passed: &Passed) {}

    fn typed(&mut self, _side: Side, _text: &str) {}

    fn shown(&mut self, _side: Side, _line: &str) {}

    /// Draws the current state, after all that has happened.
    ///
    /// # Errors
    /// The output does not work any more.
    fn draw(&mut self, snapshot: &Snapshot<'_>) -> io::Result<()>;
}

/// The current state.
pub(super) struct Snapshot<'a> {
    pub(super) model: &'a Model,
    pub(super) typing: &'a Typing,
    pub(super) pace: Pace,
    /// The step that passes next, while it is paused.
    pub(super) next: Option<Passed>,
    pub(super) hint: Hint,
    /// Nothing has happened for a while.
    pub(super) is_idle: bool,
}

/// What the user can do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    Keys,
    /// Wait for the end.
    Ending,
    /// Look at the last picture, for this many seconds if it does not stay.
    Over(Option<u64>),
    /// Read why a line was refused.
    Refused(&'static str),
}
