//! Without a terminal: the story as a plain log, a line for each step.

use super::event::Passed;
use super::face::{Face, Scene};
use super::side::Side;
use super::summary::title;
use crate::designs::Design;
use crate::observe::Step;
use crate::rules::sanitize::sanitize;
use std::fmt::Display;
use std::io::{self, Write};

/// Where it is written.
pub(super) struct Log<W> {
    to: W,
    /// Nothing more can be written.
    error: Option<io::Error>,
    /// There is something above the next heading.
    has_begun: bool,
}

impl<W: Write> Log<W> {
    /// Writes to this.
    pub(super) fn new(to: W) -> Self {
        Self { to, error: None, has_begun: false }
    }

    /// A line about something of a side: a thread, its keyboard or its screen.
    fn line(&mut self, side: Side, what: &str, text: impl Display) {
        self.write(format_args!("{side} {what:<14} {text}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        if self.error.is_none() {
            self.error = self.to.write_fmt(text).and_then(|()| self.to.flush()).err();
        }
    }
}

impl<W: Write> Face for Log<W> {
    fn begins(&mut self, design: Design) {
        let space = if std::mem::replace(&mut self.has_begun, true) { "\n" } else { "" };
        self.write(format_args!("{space}# {}\n", title(design)));
    }

    fn passed(&mut self, passed: &Passed) {
        // Of a notice its screen shows the words.
        if !matches!(passed.step, Step::Tells(_)) {
            self.line(passed.side, &passed.name, &passed.step);
        }
    }

    fn typed(&mut self, side: Side, text: &str) {
        let mut shown = Vec::new();
        sanitize(text.as_bytes(), &mut shown);
        self.line(side, "keyboard", format_args!("> {}", String::from_utf8_lossy(&shown)));
    }

    fn shown(&mut self, side: Side, line: &str) {
        self.line(side, "screen", line);
    }

    fn draw(&mut self, _scene: &Scene<'_>) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }
}
