//! A script: what is typed on both sides.
//!
//! ```text
//! # A comment.
//! A Hello, B!
//!
//! B Lines that follow each other directly are typed at the same time.
//! A An empty line waits until all lines before it have been shown.
//! A 88
//! ```

use super::side::{Each, Side};
use crate::rules::failure::{Context, Failure};
use crate::rules::{byte_order_mark, input};
use std::collections::VecDeque;
use std::fs;

const DEFAULT: &str = include_str!("default.script");

/// In bytes: a line must fit into the pipe of any system.
pub(super) const MAX_LINE: usize = 1000;

/// The lines that have not been typed yet.
#[derive(Debug, Clone)]
pub struct Script {
    /// The lines of a scene are typed at the same time.
    scenes: VecDeque<Each<Vec<String>>>,
}

impl Script {
    /// Reads a script from a file.
    ///
    /// # Errors
    /// It cannot be read, or one of its lines is not understood, in a sentence with its number.
    pub fn read(path: &str) -> Result<Self, Failure> {
        let text = fs::read(path).context("cannot read it")?;
        Self::parse(&String::from_utf8_lossy(byte_order_mark::strip(&text)))
    }

    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let mut scenes: Vec<Each<Vec<String>>> = vec![Each::default()];
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end();
            if line.is_empty() {
                scenes.push(Each::default());
            } else if !line.starts_with('#') {
                let (side, text) = parse_line(line).context(format_args!("line {number}"))?;
                if let Some(snapshot) = scenes.last_mut() {
                    snapshot[side].push(text.to_owned());
                }
            }
        }
        scenes.retain(|snapshot| snapshot.iter().any(|lines| !lines.is_empty()));
        Ok(Self { scenes: scenes.into() })
    }

    fn has_goodbye(&self) -> bool {
        let mut lines = self.scenes.iter().flat_map(Each::iter).flatten();
        lines.any(|line| input::is_goodbye(line.as_bytes()))
    }

    /// Appends a goodbye of A if there is none.
    #[must_use]
    pub(super) fn with_goodbye(mut self) -> Self {
        if !self.has_goodbye() {
            self.scenes.push_back(Each::of(vec!["88".to_owned()], Vec::new()));
        }
        self
    }

    /// Removes the next scene: the lines of each side.
    pub(super) fn next(&mut self) -> Option<Each<Vec<String>>> {
        self.scenes.pop_front()
    }
}

impl Default for Script {
    fn default() -> Self {
        // A test parses it.
        Self::parse(DEFAULT).unwrap_or(Self { scenes: VecDeque::new() })
    }
}

fn parse_line(line: &str) -> Result<(Side, &str), Failure> {
    let (side, text) = match line.split_once([' ', '\t']) {
        Some(("A", text)) => (Side::A, text),
        Some(("B", text)) => (Side::B, text),
        _ => return Err("it must begin with A or B, a space and what they type, or with #".into()),
    };
    match text.len() {
        ..=MAX_LINE => Ok((side, text)),
        length => Err(format!("it is {length} bytes long; the limit is {MAX_LINE}").into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_that_follow_each_other_are_typed_at_the_same_time() {
        let mut script = Script::parse("# Both.\nA one\nB  two \r\n# still\nA three\n\n\n\nB 88\n").unwrap();
        assert!(script.has_goodbye());
        let [a, b] = script.next().unwrap().into_both();
        assert_eq!((a, b), (vec!["one".to_owned(), "three".to_owned()], vec![" two".to_owned()]));
        let [a, b] = script.next().unwrap().into_both();
        assert_eq!((a.len(), b), (0, vec!["88".to_owned()]));
        assert!(script.next().is_none());
    }

    #[test]
    fn a_script_may_begin_with_a_byte_order_mark() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "\u{feff}A one\n").unwrap();
        let mut script = Script::read(file.path().to_str().unwrap()).unwrap();
        assert_eq!(script.next().unwrap()[Side::A], ["one"]);
    }

    #[test]
    fn a_line_that_is_not_understood_is_reported_with_its_number() {
        for (text, expected) in [
            ("A one\n\nC two\n", "line 3: it must begin with A or B"),
            ("A\n", "line 1: it must begin"),
            ("a one", "line 1: it must begin"),
            (&format!("\nB {}", "x".repeat(1001)), "line 2: it is 1001 bytes long"),
        ] {
            let error = Script::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_script_without_a_goodbye_gets_one() {
        let script = Script::parse("B 88 is a number\n").unwrap();
        assert!(!script.has_goodbye() && script.with_goodbye().has_goodbye());
    }

    #[test]
    fn the_default_is_a_script() {
        let script = Script::parse(DEFAULT).unwrap();
        assert!(script.scenes.len() > 3 && script.has_goodbye());
    }
}
