//! Where messages and notices are shown.

use crate::rules::notice::Kind;
use std::io::{self, Write};

/// Something to show lines on.
pub trait Display: Send {
    /// Shows these lines, each with its newline. When it returns, they have been handed to the system.
    ///
    /// # Errors
    /// What the system said. What was not shown is lost.
    fn show(&mut self, kind: Kind, lines: &[u8]) -> io::Result<()>;

    /// Whom we talk with, or what we wait for. To be shown where something is typed.
    fn set_prompt(&mut self, _state: &str) {}
}

/// A pipe or a file: lines go through as they are.
pub struct Plain<W>(pub W);

impl<W: Write + Send> Display for Plain<W> {
    fn show(&mut self, _kind: Kind, lines: &[u8]) -> io::Result<()> {
        self.0.write_all(lines)?;
        self.0.flush()
    }
}

/// A terminal where the system's own line input is used: lines are marked, and coloured if that is wanted.
pub struct Marked<S, N> {
    /// Where messages are written.
    pub screen: S,
    /// Where notices and errors are written: the same terminal.
    pub notices: N,
    /// Whether to use colours.
    pub color: bool,
}

impl<S: Write + Send, N: Write + Send> Display for Marked<S, N> {
    fn show(&mut self, kind: Kind, lines: &[u8]) -> io::Result<()> {
        let marked = mark(kind, lines, self.color);
        let to: &mut dyn Write = if kind == Kind::Message { &mut self.screen } else { &mut self.notices };
        to.write_all(&marked)?;
        to.flush()
    }
}

/// Puts a mark in front of each line that tells what it is, also without colour.
#[must_use]
pub fn mark(kind: Kind, lines: &[u8], color: bool) -> Vec<u8> {
    use anstyle::{AnsiColor, Style};
    let (mark, style) = match kind {
        Kind::Message => ("< ", AnsiColor::Cyan.on_default()),
        Kind::Notice => ("* ", AnsiColor::Yellow.on_default()),
        Kind::Error => ("! ", AnsiColor::Red.on_default().bold()),
    };
    let style = if color { style } else { Style::new() };
    let mut marked = Vec::with_capacity(lines.len() * 2);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let _ = write!(marked, "{style}{mark}");
        marked.extend_from_slice(text);
        let _ = writeln!(marked, "{style:#}");
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_by_a_mark_and_by_colour() {
        assert_eq!(mark(Kind::Message, b"one\n\ntwo\n", false), b"< one\n< \n< two\n");
        assert_eq!(mark(Kind::Error, b"one\n", true), b"\x1b[1m\x1b[31m! one\x1b[0m\n");
    }
}
