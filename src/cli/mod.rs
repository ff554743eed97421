//! The command line: a file for each command with its help, `common.rs` and `session.rs` for the options that commands
//! share, `config.rs` for the user's file of options, `values.rs` for values, and `pages.rs` for the man page and completions.

#[cfg(feature = "secure")]
mod code;
mod common;
#[cfg(feature = "lab")]
mod compare;
mod config;
mod connect;
#[cfg(feature = "lab")]
mod demo;
#[cfg(any(feature = "secure", feature = "web"))]
mod folder;
mod habits;
#[cfg(line_editor)]
mod history;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "secure")]
mod key;
#[cfg(feature = "secure")]
mod known;
#[cfg(feature = "link")]
mod link;
mod pages;
#[cfg_attr(not(feature = "secure"), path = "no_secure.rs")]
mod secure;
mod serve;
mod session;
#[cfg(feature = "lab")]
mod timeline;
mod values;
#[cfg(feature = "web")]
mod web;

use common::Color;
pub use common::{Common, Secured};
pub use pages::{completions, manual};

use crate::designs::Design;
use crate::platform::Patient;
use clap::error::ErrorKind;
use clap::{CommandFactory, Error, Parser, Subcommand};
use config::Config;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};

/// A full-duplex chat over TCP, built on threads: both sides type and read at the same time.
#[derive(Debug, Parser)]
#[command(version, after_help = format!(
    "{INTRODUCTION}\n{PROTECTION}\n`threadchat help COMMAND` shows the options of a command.\n\n\
    Examples:\n{EXAMPLES}\n\nSettings:\n{SETTINGS}\n\nExit codes:\n{EXIT_CODES}"
))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const INTRODUCTION: &str = "\
Each line you type is sent at once. The line 88 says goodbye and ends the conversation.
At a terminal, Ctrl-C clears the line; on an empty line it says 88 and ends the program, and so does Ctrl-D. Arrow up
and Ctrl-R recall earlier lines; Tab completes commands and names in a hub.";

const PROTECTION: &str = if cfg!(feature = "secure") {
    "With --secure, the connection is encrypted, and you know who is on the other side; without it, neither is so."
} else {
    "The connection is neither encrypted nor authenticated: where that matters, use ssh -L."
};

const EXAMPLES: &str = "  threadchat serve                         wait for a caller on this machine
  threadchat connect                       call it from another terminal
  threadchat serve 0.0.0.0:9000            accept calls from other machines, on port 9000
  threadchat connect --wait 60 host:9000   call, and retry for up to a minute
  threadchat serve --raw <file             send a file to the first caller
  threadchat connect --raw </dev/null >copy   get it
  threadchat connect </dev/null >copy      only listen, and save the messages
  threadchat hub                           let many people chat, who all call here";

const SETTINGS: &str = "  Options that serve, connect and hub always get may stand in a file, one a line, such as --timestamps=wire:
  in threadchat/config where the platform keeps settings (on Linux ~/.config), or in the file that the variable
  THREADCHAT_CONFIG names. Lines below [hub] are for hub alone, and so on. The command line wins.";

const EXIT_CODES: &str =
    "  0      ended by 88, by the end of your input, or because nothing reads the output any more
  1      could not connect or listen, was not let in, or the conversation did not end cleanly
  2      the command line or a setting is wrong
  128+N  ended by signal N (130: Ctrl-C)";

/// The headings under which the help lists options.
const CONVERSATION: &str = "Conversation";
const OUTPUT: &str = "Output";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Wait for callers and chat with one at a time
    #[command(after_help = serve::HELP)]
    Serve(serve::Serve),
    /// Call somebody who runs serve, or a hub
    #[command(after_help = connect::HELP)]
    Connect(connect::Connect),
    /// Let any number of people chat with each other
    #[cfg(feature = "hub")]
    #[command(after_help = hub::HELP)]
    Hub(Box<hub::Hub>),
    /// Watch two endpoints chat, step by step, on a split screen
    #[cfg(feature = "lab")]
    #[command(after_help = demo::HELP)]
    Demo(demo::Demo),
    /// Measure how the designs do the same work
    #[cfg(feature = "lab")]
    #[command(after_help = compare::HELP)]
    Compare(compare::Compare),
    /// What `compare` starts beside the other commands
    #[cfg(feature = "lab")]
    #[command(hide = true, subcommand)]
    CompareChild(compare::CompareChild),
    /// Draw what each thread did, and the path of each message, from traces
    #[cfg(feature = "lab")]
    #[command(after_help = timeline::HELP)]
    Timeline(timeline::Timeline),
    /// Print the hash of the key by which others know you
    #[cfg(feature = "secure")]
    #[command(after_help = key::HELP)]
    Key(key::Key),
    /// Write a completion script for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output
    Man {
        /// The page of this command only, as threadchat-COMMAND(1)
        #[arg(value_parser = pages::command)]
        command: Option<String>,
    },
}

impl Cli {
    /// Reads the command line of this process, and the user's settings for its command.
    ///
    /// # Errors
    /// The command line or the settings are wrong, or the command line asks for nothing but help.
    pub fn read() -> Result<Self, Error> {
        let words: Vec<_> = std::env::args_os().collect();
        let Some(config) = Config::read(&words)? else { return Self::parse_words(&words) };
        // What is wrong without the file, too, has nothing to do with it.
        Self::parse_words(&config.words)
            .or_else(|error| Self::parse_words(&words).and_then(|_| Err(config.explain(&error))))
    }

    fn parse_words(words: &[OsString]) -> Result<Self, Error> {
        let cli = Self::try_parse_from(words).map_err(|error| {
            let words: Vec<_> = words.iter().skip(1).map(|word| word.to_string_lossy().into()).collect();
            habits::explain(error, &words)
        })?;
        let Some((name, design)) = cli.command.design() else { return Ok(cli) };
        let error = |kind, why: &dyn Display| {
            let mut program = Self::command();
            program.build();
            // It shows the usage of the command, not of the program.
            program.find_subcommand_mut(name).map(|command| command.error(kind, why))
        };
        let unavailable = design.check_is_available().err();
        let unfit = cli.command.check().err();
        let error = unavailable
            .and_then(|why| error(ErrorKind::InvalidValue, &why))
            .or_else(|| unfit.and_then(|why| error(ErrorKind::ArgumentConflict, &why)));
        error.map_or(Ok(cli), Err)
    }
}

/// Shows the help that the command line asks for, or what is wrong with it.
pub fn show(error: &Error) {
    let (mut to, is_colored): (Box<dyn Write>, _) = match error.use_stderr() {
        true => (Box::new(Patient(io::stderr())), Color::Auto.is_on(&io::stderr())),
        false => (Box::new(Patient(io::stdout())), Color::Auto.is_on(&io::stdout())),
    };
    let text = error.render();
    let text = if is_colored { text.ansi().to_string() } else { text.to_string() };
    // If this cannot be written, there is nowhere left to say so.
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

impl Command {
    /// The name of the command and its design, if it has one.
    fn design(&self) -> Option<(&'static str, Design)> {
        match self {
            Self::Serve(serve) => Some(("serve", serve.common.design)),
            Self::Connect(connect) => Some(("connect", connect.common.design)),
            #[cfg(feature = "hub")]
            Self::Hub(hub) => Some(("hub", hub.common.design)),
            #[cfg(feature = "lab")]
            Self::Demo(demo) => Some(("demo", demo.design)),
            _ => None,
        }
    }

    /// Whether the options fit the design.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Serve(serve) => serve.check(),
            Self::Connect(connect) => connect.check(),
            #[cfg(feature = "hub")]
            Self::Hub(hub) => hub.check(),
            _ => Ok(()),
        }
    }
}
