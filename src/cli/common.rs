//! The options of every command that runs an endpoint, and the environment that they ask for.

use super::{CONVERSATION, OUTPUT};
use crate::designs::Design;
use crate::designs::environment::Environment;
use crate::designs::transcript::{self, JsonLines, Sink};
use crate::observe::Observer;
use crate::platform::{Patient, Signals};
use crate::rules::failure::Failure;
use crate::rules::settings::Verbosity;
use crate::terminal::{Input, Output};
use anstream::stream::RawStream;
use clap::{Args, ValueEnum};
use std::io::{IsTerminal, Stderr, Stdin, Stdout};
use std::path::PathBuf;

/// The options of every command that runs an endpoint.
#[derive(Debug, Args)]
pub struct Common {
    /// How to wait for the keyboard and the other side
    #[arg(long, value_name = "DESIGN", value_enum, default_value_t, help_heading = CONVERSATION)]
    pub design: Design,

    /// Use the terminal's own line input instead of the line editor (which only --design threads has)
    #[arg(long, help_heading = OUTPUT)]
    #[cfg_attr(not(line_editor), allow(dead_code, reason = "there is nothing else"))]
    plain: bool,

    /// When to use colours at a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = OUTPUT)]
    color: Color,

    /// Append each message and event to FILE, as a line of JSON with its time
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub(super) transcript: Option<PathBuf>,

    /// Record in FILE what each thread does and when, for Perfetto and `threadchat timeline`
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = OUTPUT)]
    pub trace: Option<PathBuf>,

    /// Show only messages and errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = OUTPUT)]
    quiet: bool,

    /// Also show what each thread does
    #[arg(short, long, help_heading = OUTPUT)]
    verbose: bool,
}

/// `--color`.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(super) enum Color {
    /// If the terminal supports them and NO_COLOR is not set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never: only marks tell the lines apart
    Never,
}

impl Color {
    /// Whether to use colours on this terminal. Follows `NO_COLOR` and `CLICOLOR_FORCE`.
    pub(super) fn is_on(self, terminal: &impl RawStream) -> bool {
        // A Windows console shows escape sequences as text unless this call succeeds.
        let works = anstyle_query::windows::enable_ansi_colors().unwrap_or(true);
        match self {
            Self::Auto => anstream::AutoStream::choice(terminal) != anstream::ColorChoice::Never && works,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl Common {
    /// The environment of an endpoint that uses these streams.
    ///
    /// # Errors
    /// The transcript cannot be opened, or the line editor cannot use the terminal.
    pub fn environment(
        &self,
        keyboard: Option<Stdin>,
        screen: Stdout,
        notices: Stderr,
        signals: Signals,
        observer: Observer,
    ) -> Result<Environment, Failure> {
        let keyboard_is_terminal = keyboard.as_ref().is_some_and(Stdin::is_terminal);
        let marks = (screen.is_terminal() && notices.is_terminal()).then(|| self.color.is_on(&screen));
        let notices_are_apart = marks.is_none() || !is_same_terminal(&screen, &notices);
        let environment = Environment {
            keyboard: keyboard.map(|keyboard| Box::new(Patient(keyboard)) as Box<dyn Input>),
            keyboard_is_terminal,
            close_keyboard: None,
            screen: Box::new(Output { stream: Patient(screen), marks }),
            notices: notices_are_apart.then(|| Box::new(Output { stream: Patient(notices), marks }) as _),
            transcript: self.transcript()?,
            verbosity: self.verbosity(),
            observer,
            signals,
        };
        #[cfg(line_editor)]
        if let Some(color) = marks
            && self.design == Design::Threads
            && keyboard_is_terminal
            && !self.plain
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
        {
            return with_line_editor(environment, color);
        }
        Ok(environment)
    }

    fn transcript(&self) -> Result<Option<Sink>, Failure> {
        let open = |path| Ok(Sink { format: Box::new(JsonLines), target: transcript::open(path)? });
        self.transcript.as_deref().map(open).transpose()
    }

    fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

#[cfg(line_editor)]
fn with_line_editor(environment: Environment, color: bool) -> Result<Environment, Failure> {
    // Before the terminal is taken over, so that no signal comes in between.
    crate::platform::restore_before_deadly_signals(crate::terminal::restore);
    let (keyboard, screen, close) = crate::terminal::editor::open(color)
        .map_err(|error| Failure::new("cannot use the terminal", error).hint("; try --plain"))?;
    Ok(Environment {
        keyboard: Some(Box::new(keyboard)),
        screen: Box::new(screen),
        close_keyboard: Some(Box::new(close)),
        // Everything goes through the editor, or it would overwrite the edited line.
        notices: None,
        ..environment
    })
}

/// Whether two terminals are one, also if one of them was opened as `/dev/tty`. A process has no more than one where this
/// cannot be asked.
#[cfg(unix)]
fn is_same_terminal(one: &Stdout, other: &Stderr) -> bool {
    let device = |stat: rustix::io::Result<rustix::fs::Stat>| stat.map(|stat| stat.st_rdev).ok();
    let (one, other) = (device(rustix::fs::fstat(one)), device(rustix::fs::fstat(other)));
    let controlling = device(rustix::fs::stat("/dev/tty"));
    one == other || one == controlling || other == controlling
}

#[cfg(not(unix))]
fn is_same_terminal(_: &Stdout, _: &Stderr) -> bool {
    true
}
