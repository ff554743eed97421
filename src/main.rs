//! Parses the command line, runs, and turns the outcome into an exit code. The process's own keyboard, screen
//! and signals are touched here and nowhere else.

use clap::Parser;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
#[cfg(feature = "generate")]
use threadchat::cli;
use threadchat::cli::{Cli, Command, Common};
use threadchat::conversation::Manners;
use threadchat::exit::Exit;
use threadchat::platform::Signals;
use threadchat::threads;
#[cfg(feature = "transcript")]
use threadchat::transcript::{self, Record};
use threadchat::world::World;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(serve) => serve.address.listen().and_then(|listener| {
            let (world, manners) = world(&serve.common)?;
            let port_was_chosen = serve.address.port() != 0;
            threads::serve(world, manners, listener, port_was_chosen, serve.once).map_err(no_threads)
        }),
        Command::Connect(connect) => world(&connect.common).and_then(|(world, manners)| {
            threads::connect(world, manners, connect.call()).map_err(no_threads)
        }),
        #[cfg(feature = "generate")]
        Command::Completions { shell } => write_out(&cli::completions(shell)),
        #[cfg(feature = "generate")]
        Command::Man => write_out(&cli::manual()),
    };
    let exit = outcome.unwrap_or_else(|error| {
        // Nothing else runs (yet), so that nothing is held up by this.
        let _ = writeln!(io::stderr(), "threadchat: {error}");
        Exit::Failed
    });
    exit.into()
}

/// This process's keyboard, screen and signals.
fn world(common: &Common) -> Result<(World, Manners), String> {
    let signals = Signals::catch().map_err(|error| format!("cannot catch signals: {error}"))?;
    let to_terminal = io::stdout().is_terminal();
    let world = World {
        keyboard: Box::new(io::stdin()),
        keyboard_is_terminal: io::stdin().is_terminal(),
        screen: Box::new(io::stdout()),
        notices: Box::new(io::stderr()),
        shown_together: to_terminal && io::stderr().is_terminal(),
        #[cfg(feature = "transcript")]
        transcript: transcript(common)?,
        #[cfg(not(feature = "transcript"))]
        transcript: None,
        verbosity: common.verbosity(),
        signals,
    };
    Ok((world, common.manners(to_terminal)))
}

/// Where what happens is recorded, if that was asked for.
#[cfg(feature = "transcript")]
fn transcript(common: &Common) -> Result<Option<Box<dyn Record>>, String> {
    common.transcript.as_deref().map(|path| Ok(Box::new(transcript::open(path)?) as _)).transpose()
}

/// Writes what was asked for to standard output. That nobody reads it to the end is no error.
#[cfg(feature = "generate")]
fn write_out(text: &[u8]) -> Result<Exit, String> {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(Exit::InOrder),
    }
}

fn no_threads(error: impl Display) -> String {
    format!("cannot start a thread: {error}; end other programs, or raise the limit with ulimit -u")
}
