//! The select design: the line editor at a terminal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
#![cfg(all(poll, line_editor))]

mod common;
mod editor;

/// The design under test.
const DESIGN: &str = "select";
