//! The command line and nothing else.

use crate::conversation::{Manners, OnEof};
use crate::net::Address;
use crate::threads::Call;
use crate::wire::{DEFAULT_MAX_LINE, MAX_LINE_RANGE, Wire};
use crate::world::Verbosity;
#[cfg(feature = "generate")]
use clap::CommandFactory;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::time::Duration;

/// A full-duplex chat over TCP, built on threads: both sides type and read at the same time.
#[derive(Debug, Parser)]
#[command(version, after_help = format!(
    "{INTRODUCTION}\n`threadchat help COMMAND` shows the options of a command.\n\n\
    Examples:\n{EXAMPLES}\n\nExit codes:\n{EXIT_CODES}"
))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const INTRODUCTION: &str = "\
Each line you type is sent at once; the line 88 says goodbye and ends the conversation.
The line is neither encrypted nor authenticated: run it through ssh -L where that matters.";

const EXAMPLES: &str = "  threadchat serve                         wait for a caller on this machine
  threadchat connect                       call it, from another terminal
  threadchat serve 0.0.0.0:9000            let other machines call, on port 9000
  threadchat connect --wait 60 host:9000   call, and keep trying for a minute
  threadchat serve --once <file            hand a file to the first caller
  threadchat connect </dev/null >copy      only listen, and keep what is said";

const EXIT_CODES: &str =
    "  0      ended by 88, by the end of your input, or because nobody reads the output any more
  1      could not connect or listen, or the conversation did not end in good order
  2      wrong usage
  128+N  ended by signal N (130: Ctrl-C)";

const AFTER_SERVE: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address or [IPV6]:PORT.
The host 0.0.0.0 lets other machines in. The port 0 is any that is free.

Examples:
  threadchat serve                  callers from this machine, one after the other
  threadchat serve --once 9000      one caller, on port 9000
  threadchat serve 0.0.0.0          callers from other machines, too

While you wait, what you type is kept for the next caller, and the line 88 ends the program.
`threadchat help` shows the exit codes.";

const AFTER_CONNECT: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address or [IPV6]:PORT.
Every address that the host has is tried.

Examples:
  threadchat connect                     whoever serves on this machine
  threadchat connect example.org:9000    whoever serves there, on port 9000
  threadchat connect --wait 60           keep trying for a minute until somebody serves
  threadchat connect </dev/null >copy    only listen, and keep what is said

`threadchat help` shows the exit codes.";

/// The headings under which options are shown.
const CONVERSATION: &str = "Conversation";
const OUTPUT: &str = "Output";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Wait for callers, and talk with one at a time
    #[command(after_help = AFTER_SERVE)]
    Serve(Serve),
    /// Call somebody who serves
    #[command(after_help = AFTER_CONNECT)]
    Connect(Connect),
    /// Write a completion script for a shell to standard output
    #[cfg(feature = "generate")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output
    #[cfg(feature = "generate")]
    Man,
}

/// `threadchat serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen
    #[arg(value_name = "ADDR", default_value_t)]
    pub address: Address,

    /// End after the first conversation
    #[arg(long, help_heading = CONVERSATION)]
    pub once: bool,

    /// What both commands share.
    #[command(flatten)]
    pub common: Common,
}

/// `threadchat connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// Whom to call
    #[arg(value_name = "ADDR", default_value_t, value_parser = callable)]
    pub address: Address,

    /// Keep trying for so long until somebody listens
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Connecting")]
    pub wait: Option<Duration>,

    /// How long each address of the host may take to answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, help_heading = "Connecting")]
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
    /// What to do when standard input ends
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = CONVERSATION)]
    on_eof: OnEofArg,

    /// How messages are sent
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = CONVERSATION)]
    wire: WireArg,

    /// The longest message, with its stamp; longer ones are cut into several
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE, value_parser = max_line,
        help_heading = CONVERSATION)]
    max_line: usize,

    /// Use the terminal's own line input, not the line editor
    #[cfg(all(feature = "editor", unix))]
    #[arg(long, help_heading = OUTPUT)]
    pub plain: bool,

    /// Whether to use colours at a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = OUTPUT)]
    color: ColorArg,

    /// Append what happens to FILE: each message and event as a line of JSON, with its time
    #[cfg(feature = "transcript")]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub transcript: Option<std::path::PathBuf>,

    /// Show messages and errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = OUTPUT)]
    quiet: bool,

    /// Show what each thread does
    #[arg(short, long, help_heading = OUTPUT)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum OnEofArg {
    /// Say 88 and leave
    #[default]
    Bye,
    /// Close the writing half, and listen until the other side is done
    Wait,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum WireArg {
    /// Stamped, a line each
    #[default]
    Lines,
    /// Byte for byte as the programs of the article do
    Article,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ColorArg {
    /// If the terminal can, and NO_COLOR is not set
    #[default]
    Auto,
    /// Also if not
    Always,
    /// Marks only
    Never,
}

impl Common {
    /// Whether to use colours on this terminal. `NO_COLOR` and `CLICOLOR_FORCE` are honoured.
    #[must_use]
    pub fn color(&self, terminal: &impl anstream::stream::RawStream) -> bool {
        match self.color {
            ColorArg::Auto => anstream::AutoStream::choice(terminal) != anstream::ColorChoice::Never,
            ColorArg::Always => true,
            ColorArg::Never => false,
        }
    }

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
            #[cfg(feature = "transcript")]
            transcribed: self.transcript.is_some(),
            #[cfg(not(feature = "transcript"))]
            transcribed: false,
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

/// The completion script for a shell.
#[cfg(feature = "generate")]
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "threadchat", &mut script);
    script
}

/// The manual page, in roff: one for all commands.
#[cfg(feature = "generate")]
#[must_use]
pub fn manual() -> Vec<u8> {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = write_manual(&mut page);
    page
}

#[cfg(feature = "generate")]
fn write_manual(page: &mut Vec<u8>) -> std::io::Result<()> {
    use clap_mangen::Man;
    use std::io::Write;

    let mut program = Cli::command();
    program.build();
    let whole = Man::new(program.clone());
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    whole.render_synopsis_section(page)?;
    writeln!(page, ".SH DESCRIPTION\n{INTRODUCTION}")?;
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(page, ".SH \"threadchat {}\"\n{about}.", command.get_name())?;
        let mut options = Vec::new();
        Man::new(command.clone()).render_options_section(&mut options)?;
        // As a part of this command's section, and not one of its own.
        page.extend_from_slice(String::from_utf8_lossy(&options).replace(".SH", ".SS").as_bytes());
        if let Some(notes) = command.get_after_help() {
            writeln!(page, ".SS NOTES\n.nf\n{notes}\n.fi")?;
        }
    }
    for (title, text) in [("EXAMPLES", EXAMPLES), ("EXIT STATUS", EXIT_CODES)] {
        writeln!(page, ".SH \"{title}\"\n.nf\n{text}\n.fi")?;
    }
    Ok(())
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
