//! Where messages and notices are shown.

use super::Descriptor;
use crate::rules::notice::Kind;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};

/// Shows lines, in a thread that may block. A design that must not block writes to the descriptor instead, and marks the
/// lines itself.
pub trait Display: Send + Descriptor {
    /// Shows these lines, each with its newline. When it returns, the system has them.
    ///
    /// # Errors
    /// What the system said. What was not shown is lost.
    fn show(&mut self, kind: Kind, lines: &[u8]) -> io::Result<()>;

    /// Whom we chat with, or what we wait for: shown in front of the line that is typed.
    fn set_prompt(&mut self, _state: &str) {}

    /// Whether lines are marked, and then whether in colour.
    fn marks(&self) -> Option<bool>;
}

/// A stream of the system: a pipe, a file, or a terminal that uses its own line input.
pub struct Output<W> {
    /// Where lines are written.
    pub stream: W,
    /// Whether lines are marked, and then whether in colour. Only a person needs that.
    pub marks: Option<bool>,
}

impl<W: Write + Send + Descriptor> Display for Output<W> {
    fn show(&mut self, kind: Kind, lines: &[u8]) -> io::Result<()> {
        match self.marks {
            Some(color) => self.stream.write_all(&mark(kind, lines, color))?,
            None => self.stream.write_all(lines)?,
        }
        self.stream.flush()
    }

    fn marks(&self) -> Option<bool> {
        self.marks
    }
}

#[cfg(unix)]
impl<W: AsFd> AsFd for Output<W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Puts a mark in front of each line that says what it is, also without colour.
#[must_use]
pub(crate) fn mark(kind: Kind, lines: &[u8], color: bool) -> Vec<u8> {
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
    fn each_kind_of_line_has_a_mark_and_a_colour() {
        assert_eq!(mark(Kind::Message, b"one\n\ntwo\n", false), b"< one\n< \n< two\n");
        assert_eq!(mark(Kind::Error, b"one\n", true), b"\x1b[1m\x1b[31m! one\x1b[0m\n");
    }
}
