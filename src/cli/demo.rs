//! `threadchat demo`.

use super::common::Color;
use super::{CONVERSATION, OUTPUT, values};
use crate::designs::Design;
use crate::lab::demo::{Colors, Options, Script};
use anstream::stream::RawStream;
use clap::Args;
use std::time::Duration;

pub(super) const HELP: &str = "\
Two real endpoints chat over TCP on a split screen, slowly enough to watch their threads.

Keys, while the line of the active side is empty:
  Space    pause and continue            d      the next design, from the start
  .        one step                      Tab    type on the other side
  + -      faster, slower                Enter  type a line that begins with one of these keys
  q        end                           Any other key begins a line; Enter sends it, Esc clears it.
The line 88 on either side ends the demo; so does Ctrl-C at any time. A summary stays on the screen.

A script has lines such as `A Hello!` and `B Hello!`. Both sides type adjacent lines at the same time. An empty line waits
until everything typed before has been shown. # begins a comment.

Examples:
  threadchat demo                           the built-in script, and what you type
  threadchat demo --design half-duplex      who has to wait when a chat is not full-duplex
  threadchat demo --plain --script FILE     print each step of the script in FILE as a line

`threadchat help` shows the exit codes.";

/// `threadchat demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The design to begin with
    #[arg(long, value_name = "DESIGN", value_enum, default_value_t, help_heading = CONVERSATION)]
    pub(super) design: Design,

    /// What both sides type [default: a greeting, both at once, three lines in one go, and 88]
    #[arg(long, value_name = "FILE", value_parser = Script::read, value_hint = clap::ValueHint::FilePath,
        help_heading = CONVERSATION)]
    script: Option<Script>,

    /// Minimum time between two steps, in milliseconds [default: 400 at a terminal, otherwise 0]
    #[arg(long, value_name = "MS", value_parser = values::delay, help_heading = OUTPUT)]
    delay: Option<Duration>,

    /// Print a line for each step, as without a terminal
    #[arg(long, help_heading = OUTPUT)]
    plain: bool,

    /// When to use colours at a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = OUTPUT)]
    color: Color,
}

impl Demo {
    /// What to show, at this terminal if there is one.
    #[must_use]
    pub fn options(self, terminal: Option<&impl RawStream>) -> Options {
        Options {
            design: self.design,
            script: self.script.unwrap_or_default(),
            delay: self.delay,
            terminal: terminal.filter(|_| !self.plain).map(|terminal| Colors(self.color.is_on(terminal))),
        }
    }
}
