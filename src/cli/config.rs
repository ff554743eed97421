//! The user's settings: a file of options, one a line, for the commands that chat.

#[cfg(any(feature = "secure", feature = "web"))]
use super::folder::folder;
use super::{Cli, Error};
use crate::platform::read_at_most;
use crate::rules::byte_order_mark;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// The environment variable with the name of the file. Empty, it means none.
const VARIABLE: &str = "THREADCHAT_CONFIG";

/// The commands that have settings: those that run an endpoint.
const COMMANDS: [&str; 3] = ["serve", "connect", "hub"];

/// The most bytes that the file may have.
const MAX_FILE: usize = 64 * 1024;

/// What the user's file adds to the command line.
pub(super) struct Config {
    path: PathBuf,
    /// The whole command line.
    pub(super) words: Vec<OsString>,
}

impl Config {
    /// Reads the file for this command line, if it has settings for its command. What the command line says itself is not taken
    /// from the file.
    pub(super) fn read(words: &[OsString]) -> Result<Option<Self>, Error> {
        let mut program = Cli::command();
        program.build();
        let Some((name, given)) = given(&program, words) else { return Ok(None) };
        let Some(command) = program.find_subcommand(&name) else { return Ok(None) };
        let Some((path, content)) = find()? else { return Ok(None) };
        let text = String::from_utf8(byte_order_mark::strip(&content).to_vec())
            .map_err(|_| error(&path, None, "it is not text in UTF-8"))?;
        let mut settings = Settings { path: &path, command, given: &given, found: Vec::new() };
        settings.parse(&text)?;
        let words = settings.insert_into(words);
        Ok(Some(Self { path, words }))
    }

    /// Says of an error that the command line without the file does not have where the rest comes from.
    pub(super) fn explain(&self, error: &Error) -> Error {
        let text = error.to_string();
        let why = first_line(&text);
        let from = self.path.display();
        Error::raw(
            error.kind(),
            format!("{why} (with the settings in {from}; --no-config leaves them out)\n"),
        )
    }
}

/// The command, if it has settings and wants them, and what the command line says of it.
fn given(program: &Command, words: &[OsString]) -> Option<(String, ArgMatches)> {
    let matches = program.clone().ignore_errors(true).try_get_matches_from(words).ok()?;
    let (name, given) = matches.subcommand()?;
    // With an error behind it, an option has no default.
    let wants = COMMANDS.contains(&name) && given.value_source("no_config") != Some(ValueSource::CommandLine);
    wants.then(|| (name.to_owned(), given.clone()))
}

/// The file and its content, if there is one.
fn find() -> Result<Option<(PathBuf, Vec<u8>)>, Error> {
    let chosen = std::env::var_os(VARIABLE).map(PathBuf::from);
    let is_chosen = chosen.is_some();
    let Some(path) = chosen.or_else(default_path).filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(None);
    };
    match read_at_most(MAX_FILE, &path) {
        Ok(content) if content.len() > MAX_FILE => Err(error(&path, None, "it is too long")),
        Ok(content) => Ok(Some((path, content))),
        Err(missing)
            if !is_chosen
                && matches!(missing.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(why) => Err(error(&path, None, why)),
    }
}

#[cfg(any(feature = "secure", feature = "web"))]
fn default_path() -> Option<PathBuf> {
    Some(folder().ok()?.join("config"))
}

/// This build does not know where the platform keeps settings.
#[cfg(not(any(feature = "secure", feature = "web")))]
fn default_path() -> Option<PathBuf> {
    None
}

/// What the file says for a command.
struct Settings<'a> {
    path: &'a Path,
    command: &'a Command,
    given: &'a ArgMatches,
    found: Vec<(&'a Arg, String)>,
}

impl<'a> Settings<'a> {
    fn parse(&mut self, text: &str) -> Result<(), Error> {
        let mut holds = true;
        for (number, line) in text.lines().enumerate() {
            let at = |why: &dyn Display| error(self.path, Some(number + 1), why);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                if !COMMANDS.contains(&name) {
                    return Err(at(&format_args!("[{name}] is not [serve], [connect] or [hub]")));
                }
                holds = name == self.command.get_name();
            } else if holds {
                let arg = self.arg(line).map_err(|why| at(&why))?;
                self.check(line).map_err(|why| at(&why))?;
                self.add(arg, line);
            }
        }
        Ok(())
    }

    /// The option or argument that a line is about.
    fn arg(&self, line: &str) -> Result<&'a Arg, String> {
        let name = self.command.get_name();
        let Some(option) = line.strip_prefix("--") else {
            let address = self.command.get_positionals().next().filter(|_| !line.starts_with('-'));
            return address.ok_or_else(|| format!("{line} is no setting: write the long name of the option"));
        };
        let long = option.split('=').next().unwrap_or(option);
        let is_setting = !matches!(long, "help" | "version" | "no-config" | "check");
        let has_it =
            |arg: &&Arg| arg.get_long_and_visible_aliases().is_some_and(|names| names.contains(&long));
        let arg = self.command.get_arguments().filter(|_| is_setting).find(has_it);
        arg.ok_or_else(|| match long.split_once(char::is_whitespace) {
            Some((long, value)) => format!("write --{long}={}", value.trim()),
            None => format!("{name} has no setting --{long}; what only another command has goes below its name, such as [hub]"),
        })
    }

    /// Whether the value is one. What depends on other options is checked with them.
    fn check(&self, line: &str) -> Result<(), String> {
        let words = [self.command.get_name(), line];
        match self.command.clone().try_get_matches_from(words) {
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict
                ) =>
            {
                Err(first_line(&error.to_string()).to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Unless the command line says something else. A later line takes the place of an earlier one, except in a list.
    fn add(&mut self, arg: &'a Arg, line: &str) {
        if self.is_given(arg) || self.given_args().any(|other| self.conflict(arg, other)) {
            return;
        }
        if !matches!(arg.get_action(), ArgAction::Append) {
            self.found.retain(|(other, _)| other.get_id() != arg.get_id());
        }
        self.found.push((arg, line.to_owned()));
    }

    fn is_given(&self, arg: &Arg) -> bool {
        self.given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    }

    fn given_args(&self) -> impl Iterator<Item = &'a Arg> {
        self.command.get_arguments().filter(|arg| self.is_given(arg))
    }

    fn conflict(&self, one: &Arg, other: &Arg) -> bool {
        let forbids = |one: &Arg, other: &Arg| {
            self.command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
        };
        forbids(one, other) || forbids(other, one)
    }

    /// The command line with the settings: an address first and options last, so that none becomes the value of another.
    fn insert_into(&self, words: &[OsString]) -> Vec<OsString> {
        let mut words = words.to_vec();
        let place = |words: &[OsString], word: &str| words.iter().position(|other| other == OsStr::new(word));
        let end = place(&words, "--").unwrap_or(words.len());
        words.splice(end..end, self.lines(|arg| !arg.is_positional()));
        let begin = place(&words, self.command.get_name()).map_or(words.len(), |at| at + 1);
        words.splice(begin..begin, self.lines(Arg::is_positional));
        words
    }

    fn lines(&self, is_wanted: impl Fn(&Arg) -> bool) -> Vec<OsString> {
        self.found.iter().filter(|(arg, _)| is_wanted(arg)).map(|(_, line)| line.into()).collect()
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ")
}

fn error(path: &Path, line: Option<usize>, why: impl Display) -> Error {
    let at = line.map(|line| format!(":{line}")).unwrap_or_default();
    let text = format!("cannot use the settings in {}{at}: {why}\n", path.display());
    Error::raw(ErrorKind::InvalidValue, text)
}
