//! The front end without a terminal: a plain log, a line for each step.

use super::event::Passed;
use super::front_end::{FrontEnd, Snapshot};
use super::side::Side;
use super::summary::title;
use crate::designs::Design;
use crate::observe::Step;
use crate::rules::sanitize::sanitize;
use std::fmt::Display;
use std::io::{self, Write};

pub(super) struct Log<W> {
    to: W,
    /// Nothing more can be written.
    error: Option<io::Error>,
    /// There are lines above the next heading.
    has_begun: bool,
}

impl<W: Write> Log<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, error: None, has_begun: false }
    }

    /// A line about a thread of a side, its keyboard or its screen.
    fn line(&mut self, side: Side, what: &str, text: impl Display) {
        self.write(format_args!("{side} {what:<14} {text}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        if self.error.is_none() {
            self.error = self.to.write_fmt(text).and_then(|()| self.to.flush()).err();
        }
    }
}

impl<W: Write> FrontEnd for Log<W> {
    fn begins(&mut self, design: Design) {
        let space = if std::mem::replace(&mut self.has_begun, true) { "\n" } else { "" };
        self.write(format_args!("{space}# {}\n", title(design)));
    }

    fn passed(&mut self, passed: &Passed) {
        // A notice appears on the screen anyway.
        if !matches!(passed.step, Step::Reports(_)) {
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

    fn draw(&mut self, _snapshot: &Snapshot<'_>) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }
}
