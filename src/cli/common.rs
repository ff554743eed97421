//! The options of every command that runs an endpoint, and the environment that they ask for.

#[cfg(line_editor)]
use super::history::{self, History};
use super::{CONVERSATION, OUTPUT};
use crate::designs::Design;
use crate::designs::environment::{Environment, Remember};
use crate::designs::transcript::{self, JsonLines, Sink};
use crate::observe::Observer;
#[cfg(line_editor)]
use crate::platform::append_to_private;
use crate::platform::{Patient, Signals};
#[cfg(all(line_editor, unix))]
use crate::rules::errors::hint;
use crate::rules::failure::Failure;
use crate::rules::secure::Security;
use crate::rules::settings::Verbosity;
#[cfg(line_editor)]
use crate::terminal::OpenHistory;
use crate::terminal::{Editor, Input, Terminal, Timestamps, View};
use anstream::stream::RawStream;
use clap::{Args, ValueEnum};
use std::io::{self, IsTerminal, Stderr, Stdin, Stdout};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// The options of every command that runs an endpoint.
#[derive(Debug, Args)]
pub struct Common {
    /// Take no settings from a file
    #[arg(long)]
    #[allow(dead_code, reason = "config.rs asks the parser for it")]
    no_config: bool,

    /// How to wait for the keyboard and the other side
    #[arg(long, value_name = "DESIGN", value_enum, default_value_t, help_heading = CONVERSATION)]
    pub design: Design,

    /// Use the terminal's own line input instead of the line editor
    #[arg(long, help_heading = OUTPUT)]
    #[cfg_attr(not(line_editor), allow(dead_code, reason = "there is nothing else"))]
    plain: bool,

    /// When to use colours at a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = OUTPUT)]
    color: Color,

    /// How to show the times of messages at a terminal
    #[arg(long, value_name = "HOW", value_enum, default_value_t, help_heading = OUTPUT)]
    timestamps: TimestampsValue,

    /// Ring the terminal's bell when somebody mentions your name or writes to you alone
    #[arg(long, help_heading = OUTPUT)]
    bell: bool,

    /// Remember the lines you enter at a terminal for the next time: in FILE, or in the platform's folder for state
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, num_args = 0..=1, require_equals = true,
        help_heading = OUTPUT)]
    #[cfg_attr(not(line_editor), allow(dead_code, reason = "there is no line editor"))]
    history_file: Option<Option<PathBuf>>,

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

/// `--timestamps`.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum TimestampsValue {
    /// As they were sent, with the date
    Wire,
    /// The time of day, and a line for each new day
    #[default]
    Short,
    /// Not at all
    None,
}

impl From<TimestampsValue> for Timestamps {
    fn from(value: TimestampsValue) -> Self {
        match value {
            TimestampsValue::Wire => Self::Wire,
            TimestampsValue::Short => Self::Short,
            TimestampsValue::None => Self::None,
        }
    }
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

/// How to encrypt, and how to remember who was met.
pub struct Secured {
    pub(super) security: Security,
    pub(super) remember: Remember,
}

impl Common {
    /// The environment of an endpoint that uses these streams.
    ///
    /// # Errors
    /// The transcript cannot be opened, or the line editor cannot use the terminal.
    pub fn environment(
        &self,
        keyboard: Option<Stdin>,
        screen: &Stdout,
        notices: Stderr,
        signals: Signals,
        observer: Observer,
        secured: Option<Secured>,
    ) -> Result<Environment, Failure> {
        let (security, remember) = secured.map(|Secured { security, remember }| (security, remember)).unzip();
        let keyboard_is_terminal = keyboard.as_ref().is_some_and(Stdin::is_terminal);
        let mut environment = Environment {
            keyboard: keyboard.map(|keyboard| Box::new(Patient(keyboard)) as Box<dyn Input>),
            keyboard_is_terminal,
            close_keyboard: None,
            terminal: None,
            notices: None,
            screen: Box::new(Patient(io::stdout())),
            transcript: self.transcript()?,
            reopen_trace: None,
            security,
            remember,
            verbosity: self.verbosity(),
            observer,
            signals,
        };
        if !screen.is_terminal() || !is_same_terminal(screen, &notices) {
            environment.notices = Some(Box::new(Patient(notices)));
        }
        if screen.is_terminal() {
            #[cfg(all(line_editor, unix))]
            if let Ok(own) = screen.as_fd().try_clone_to_owned() {
                environment.screen = Box::new(Patient(crate::terminal::Screen(own.into())));
            }
            let editor = if keyboard_is_terminal && self.edits() && is_same_terminal(&io::stdin(), screen) {
                Some(self.open_editor(&mut environment, screen)?)
            } else {
                None
            };
            let color = self.color.is_on(screen);
            environment.terminal =
                Some(Terminal::new(View::new(self.timestamps.into(), color, self.bell), editor));
        }
        Ok(environment)
    }

    /// Whether lines are edited at a terminal.
    #[cfg(line_editor)]
    fn edits(&self) -> bool {
        #[cfg(unix)]
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        // The window of Git Bash is a terminal, which programs for Windows see as pipes.
        #[cfg(windows)]
        let is_dumb = !crate::terminal::is_console();
        self.design != Design::HalfDuplex && !self.plain && !is_dumb
    }

    #[cfg(not(line_editor))]
    #[allow(clippy::unused_self, reason = "other builds need it")]
    fn edits(&self) -> bool {
        false
    }

    /// Takes over the terminal.
    #[cfg(line_editor)]
    fn open_editor(&self, environment: &mut Environment, screen: &Stdout) -> Result<Editor, Failure> {
        let path = self.history_file.clone().map(|path| path.map_or_else(history::default_path, Ok));
        let history = path.transpose()?.map(|path| History::open(&path)).transpose()?;
        let (lines, open) = history.map_or_else(Default::default, |History { lines, path }| {
            (lines, Some(Box::new(move || append_to_private(&path)) as OpenHistory))
        });
        #[cfg(unix)]
        {
            // Before the terminal is taken over, so that no signal comes in between.
            crate::platform::restore_before_deadly_signals(crate::terminal::restore);
            environment
                .signals
                .watch_terminal()
                .map_err(|error| Failure::new("cannot catch signals", &error).hint(hint(&error)))?;
        }
        let (keyboard, close) = crate::terminal::open()
            .map_err(|error| Failure::new("cannot use the terminal", error).hint("; try --plain"))?;
        environment.keyboard = Some(Box::new(keyboard));
        environment.close_keyboard = Some(Box::new(close));
        #[cfg(windows)]
        {
            environment.screen = Box::new(crate::terminal::screen(io::stdout()));
        }
        // Only now: this changes a mode of a Windows console, which is restored to what it was before.
        Ok(Editor::new(&lines, open, self.color.is_on(screen)))
    }

    #[cfg(not(line_editor))]
    fn open_editor(&self, _: &mut Environment, _: &Stdout) -> Result<Editor, Failure> {
        Err("this program was built without the line editor".into())
    }

    fn transcript(&self) -> Result<Option<Sink>, Failure> {
        let open = |path| Ok(Sink { format: Box::new(JsonLines), target: transcript::open(path)? });
        self.transcript.as_deref().map(open).transpose()
    }

    /// Whether `-q` was given.
    #[cfg(feature = "secure")]
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// Whether two streams are one terminal, also if one of them was opened as `/dev/tty`.
#[cfg(unix)]
fn is_same_terminal(one: &(impl AsFd + IsTerminal), other: &(impl AsFd + IsTerminal)) -> bool {
    use rustix::{fs::fstat, termios::tcgetsid};
    let device = |stream: BorrowedFd<'_>| fstat(stream).map(|stat| stat.st_rdev).ok();
    // A session has one terminal at most; the answer is an error for a terminal that does not control this process.
    let session = |stream: BorrowedFd<'_>| tcgetsid(stream).ok();
    let (first, second) = (one.as_fd(), other.as_fd());
    let is_same =
        device(first) == device(second) || session(first).is_some() && session(first) == session(second);
    one.is_terminal() && other.is_terminal() && is_same
}

/// Whether two streams are one terminal. A process has no more than one here.
#[cfg(not(unix))]
fn is_same_terminal(one: &impl IsTerminal, other: &impl IsTerminal) -> bool {
    one.is_terminal() && other.is_terminal()
}
