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
use threadchat::net::remedy;
use threadchat::platform::Signals;
use threadchat::terminal::{Marked, Plain};
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
    // Nothing is left to do if the keyboard has done it already.
    #[cfg(all(feature = "editor", unix))]
    threadchat::terminal::give_back();
    exit.into()
}

/// This process's keyboard, screen and signals.
fn world(common: &Common) -> Result<(World, Manners), String> {
    let signals =
        Signals::catch().map_err(|error| format!("cannot catch signals: {error}{}", remedy(&error)))?;
    let to_terminal = io::stdout().is_terminal();
    let mut world = World {
        keyboard: Box::new(io::stdin()),
        keyboard_is_terminal: io::stdin().is_terminal(),
        close_keyboard: None,
        screen: Box::new(Plain(io::stdout())),
        notices: Some(Box::new(Plain(io::stderr()))),
        #[cfg(feature = "transcript")]
        transcript: transcript(common)?,
        #[cfg(not(feature = "transcript"))]
        transcript: None,
        verbosity: common.verbosity(),
        signals,
    };
    if to_terminal && io::stderr().is_terminal() {
        let color = common.color(&io::stdout());
        world.screen = Box::new(Marked { screen: io::stdout(), notices: io::stderr(), color });
        world.notices = None;
        #[cfg(all(feature = "editor", unix))]
        if world.keyboard_is_terminal
            && !common.plain
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
        {
            edit(&mut world, color)?;
        }
    }
    Ok((world, common.manners(to_terminal)))
}

/// Where what happens is recorded, if that was asked for.
#[cfg(feature = "transcript")]
fn transcript(common: &Common) -> Result<Option<Box<dyn Record>>, String> {
    common.transcript.as_deref().map(|path| Ok(Box::new(transcript::open(path)?) as _)).transpose()
}

/// Lines are typed in a line editor.
#[cfg(all(feature = "editor", unix))]
fn edit(world: &mut World, color: bool) -> Result<(), String> {
    let (keyboard, screen, close) = threadchat::terminal::editor::open(color)
        .map_err(|error| format!("cannot use the terminal: {error}; try --plain"))?;
    world.keyboard = Box::new(keyboard);
    world.screen = Box::new(screen);
    world.close_keyboard = Some(Box::new(close));
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        threadchat::terminal::give_back();
        tell(panic);
        // Whichever thread it was, the others would wait for it.
        #[allow(clippy::exit, reason = "there is nothing to go back to")]
        std::process::exit(101);
    }));
    #[cfg(debug_assertions)]
    panic_when_told();
    Ok(())
}

/// For the test of what a panic leaves behind: in a debug build, panics in a thread when the file appears that the
/// environment names.
#[cfg(all(feature = "editor", unix, debug_assertions))]
#[allow(clippy::panic, reason = "that is what it is for")]
fn panic_when_told() {
    if let Some(file) = std::env::var_os("THREADCHAT_PANIC_WHEN") {
        std::thread::spawn(move || {
            while !std::path::Path::new(&file).exists() {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            panic!("told to");
        });
    }
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
