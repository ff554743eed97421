//! How the audience is told: on a split screen, or as a log.

use super::event::Passed;
use super::keys::Typing;
use super::side::Side;
use super::story::Story;
use super::turnstile::Pace;
use crate::designs::Design;
use std::io;

/// Tells the audience. What it has no use for it ignores.
pub(super) trait Face {
    /// A conversation begins.
    fn begins(&mut self, _design: Design) {}

    /// A thread has passed the turnstile.
    fn passed(&mut self, _passed: &Passed) {}

    /// A line has been typed.
    fn typed(&mut self, _side: Side, _text: &str) {}

    /// A line is on the screen.
    fn shown(&mut self, _side: Side, _line: &str) {}

    /// How things are, after all that has happened.
    ///
    /// # Errors
    /// It cannot be shown any more.
    fn draw(&mut self, scene: &Scene<'_>) -> io::Result<()>;
}

/// How things are.
pub(super) struct Scene<'a> {
    pub(super) story: &'a Story,
    pub(super) typing: &'a Typing,
    pub(super) pace: Pace,
    /// Who passes next, while it is paused.
    pub(super) next: Option<Passed>,
    pub(super) hint: Hint,
    /// Nothing has happened for a while.
    pub(super) is_quiet: bool,
}

/// What a person can do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    /// Use the keys.
    Keys,
    /// Wait for the end.
    Ending,
    /// Look at the last picture, for so many seconds, if they are counted.
    Over(Option<u64>),
    /// Read why something was refused.
    Refused(&'static str),
}
