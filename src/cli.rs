//! The command line and nothing else.

use crate::conversation::{Manners, OnEof};
use crate::net::Address;
use crate::threads::Call;
use crate::wire::{DEFAULT_MAX_LINE, MAX_LINE_RANGE, Wire};
use crate::world::Verbosity;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::time::Duration;

/// A full-duplex chat over TCP, built on threads: both sides type and read at the same time.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Each line you type is sent at once; the line 88 says goodbye and ends the conversation.

Examples:
  threadchat serve                       wait for a caller on this machine
  threadchat connect                     call it, from another terminal
  threadchat serve 0.0.0.0:9000          let other machines call, on port 9000
  threadchat connect --wait 60 host:9000 call, and keep trying for a minute
  threadchat serve --once <file          hand a file to the first caller
  threadchat connect </dev/null >copy    only listen, and keep what is said

Exit codes:
  0    ended by 88, by the end of your input, or because nobody reads the output any more
  1    could not connect or listen, or the conversation did not end in good order
  2    wrong usage
  128+N  ended by signal N (130: Ctrl-C)

The line is neither encrypted nor authenticated: run it through ssh -L where that matters.";

const ADDR_FORMS: &str = "HOST, HOST:PORT, :PORT, PORT, an IPv6 address or [IPV6]:PORT";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Wait for callers, and talk with one at a time
    Serve(Serve),
    /// Call somebody who serves
    Connect(Connect),
}

/// `threadchat serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen.
    #[arg(value_name = "ADDR", default_value_t, help = format!("Where to listen: {ADDR_FORMS}; 0.0.0.0 lets other \
        machines in, port 0 is any that is free"))]
    pub address: Address,

    /// End after the first conversation
    #[arg(long)]
    pub once: bool,

    /// What both commands share.
    #[command(flatten)]
    pub common: Common,
}

/// `threadchat connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// Whom to call.
    #[arg(value_name = "ADDR", default_value_t, value_parser = callable,
        help = format!("Whom to call: {ADDR_FORMS}"))]
    pub address: Address,

    /// Keep trying for so long until somebody listens
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub wait: Option<Duration>,

    /// How long each address of the host may take to answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,

    /// What both commands share.
    #[command(flatten)]
    pub common: Common,
}

impl Connect {
    /// Whom to call, and how patiently.
    #[must_use]
    pub fn call(&self) -> Call {
        Call { address: self.address.clone(), timeout: self.timeout, wait: self.wait }
    }
}

/// What `serve` and `connect` share.
#[derive(Debug, Args)]
pub struct Common {
    /// What to do when standard input ends: say 88 and leave, or close the writing half and listen until the other
    /// side is done
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnEofArg::Bye)]
    on_eof: OnEofArg,

    /// How to send: stamped lines, or byte for byte what the programs of the article send
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = WireArg::Lines)]
    wire: WireArg,

    /// The longest message on the wire in bytes, its stamp included; longer ones are cut into several
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE, value_parser = max_line)]
    max_line: usize,

    /// Show errors only, no notices
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,

    /// Show what each thread does
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnEofArg {
    Bye,
    Wait,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WireArg {
    Lines,
    Article,
}

impl Common {
    /// How the conversation is to be held.
    #[must_use]
    pub fn manners(&self, to_terminal: bool) -> Manners {
        Manners {
            wire: match self.wire {
                WireArg::Lines => Wire::Lines,
                WireArg::Article => Wire::Article,
            },
            max_line: self.max_line,
            on_eof: match self.on_eof {
                OnEofArg::Bye => OnEof::Bye,
                OnEofArg::Wait => OnEof::Wait,
            },
            to_terminal,
        }
    }

    /// How much is told.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

fn callable(text: &str) -> Result<Address, String> {
    let address: Address = text.parse()?;
    if address.port() == 0 {
        return Err("nobody can be called on port 0".to_owned());
    }
    Ok(address)
}

/// The longest time that can be asked for, in seconds: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("it must be a number of seconds above 0, such as 10 or 0.5".to_owned()),
    }
}

fn max_line(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|bytes| MAX_LINE_RANGE.contains(bytes)).ok_or_else(|| {
        format!("it must be a number of bytes from {} to {}", MAX_LINE_RANGE.start(), MAX_LINE_RANGE.end())
    })
}
