//! The hub seen from outside. The tests are the same for each design.

mod announcements;
mod arrival;
#[cfg(target_os = "linux")]
mod attack;
mod callers;
mod client;
#[cfg(all(target_os = "linux", feature = "secure"))]
mod codes;
mod commands;
#[cfg(unix)]
mod foreign;
mod greeting;
mod lines;
#[cfg(target_os = "linux")]
mod load;
mod long_lines;
mod names;
mod newlines;
mod operator;
mod options;
mod order;
mod private;
mod rate;
#[cfg(target_os = "linux")]
mod resources;
mod rooms;
#[cfg(all(unix, signals))]
mod service;
#[cfg(all(unix, signals))]
mod signals;
#[cfg(unix)]
mod stalled;
#[cfg(unix)]
mod terminal;
mod transcript;

use crate::common::*;
pub use client::*;
use std::process::Stdio;

/// How the announcement of a stalled client continues after its name.
#[cfg(unix)]
pub const STALLED: &str = "was disconnected: the room waited ";

/// `threadchat hub` on a free port, and that port. Nothing is typed unless the test does.
pub fn hub(args: &[&str]) -> (Program, u16) {
    serve_with(threadchat(&[&["hub", "0"], args].concat()))
}

/// A hub and members with these names, who have read everything so far.
pub fn hub_with<const N: usize>(args: &[&str], names: [&str; N]) -> (Program, [Client; N]) {
    let (hub, port) = hub(args);
    let mut members = names.map(|name| Client::joins_as(port, name));
    members.iter_mut().for_each(Client::catches_up);
    (hub, members)
}

/// Runs a hub without input until it ends. Returns the exit code and standard error.
pub fn run(args: &[&str]) -> (i32, String) {
    let mut command = threadchat(&[&["hub"], args].concat());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let code = program.status().code().unwrap();
    (code, program.err.text())
}

/// Parses a summary: how many joined and left. `None` for other lines.
pub fn summary(text: &str) -> Option<[usize; 2]> {
    let told = text.strip_prefix("* hub: ")?;
    let mut counts = [0; 2];
    for part in told.split(", ") {
        let (count, what) = part.split_once(' ')?;
        let which = ["joined", "left"].iter().position(|event| what.split(' ').next() == Some(event))?;
        counts[which] = count.parse().ok()?;
        assert!(counts[which] > 0, "{text}");
    }
    Some(counts)
}

/// Text of this length in which positions can be recognized.
pub fn filler(length: usize) -> String {
    ('a'..='z').cycle().take(length).collect()
}
