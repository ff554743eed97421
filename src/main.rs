//! Parses the command line, runs, and turns the outcome into an exit code. The process's own keyboard, screen
//! and signals are touched here and nowhere else.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
#[cfg(send_now)]
use std::os::fd::AsFd;
#[cfg(poll)]
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use threadchat::cli::{Cli, Command, Common, Connect, Serve};
use threadchat::designs::Design;
use threadchat::designs::environment::Environment;
use threadchat::designs::half_duplex;
#[cfg(poll)]
use threadchat::designs::select;
use threadchat::designs::threads;
use threadchat::designs::transcript::Sink;
use threadchat::designs::transcript::{self, JsonLines};
#[cfg(feature = "lab")]
use threadchat::lab::compare;
#[cfg(feature = "lab")]
use threadchat::lab::timeline;
use threadchat::observe::Observer;
use threadchat::observe::trace::{About, Trace};
#[cfg(send_now)]
use threadchat::platform::Out;
use threadchat::platform::Signals;
use threadchat::rules::errors::{MORE_THREADS, hint};
use threadchat::rules::exit::Exit;
use threadchat::terminal::{Marked, Plain};

fn main() -> ExitCode {
    let outcome = match Cli::read().command {
        Command::Serve(serve) => traced(&serve.common, "serve", |observer| self::serve(&serve, observer)),
        Command::Connect(connect) => {
            traced(&connect.common, "connect", |observer| self::connect(&connect, observer))
        }
        #[cfg(feature = "hub")]
        Command::Hub(hub) => traced(&hub.common, "hub", |observer| self::hub(&hub, observer)),
        #[cfg(feature = "lab")]
        Command::Demo(options) => demo(&options),
        #[cfg(feature = "lab")]
        Command::Compare(options) => signals().and_then(|signals| compare::run(&options, signals)),
        #[cfg(feature = "lab")]
        Command::CompareChild(child) => compare::run_child(&child),
        #[cfg(feature = "lab")]
        Command::Timeline(options) => timeline::run(&options),
        Command::Completions { shell } => write_out(&threadchat::cli::completions(shell)),
        Command::Man => write_out(&threadchat::cli::manual()),
    };
    let exit = outcome.unwrap_or_else(|error| {
        // Nothing else runs (yet), so that nothing is held up by this.
        let _ = writeln!(io::stderr(), "threadchat: {error}");
        Exit::Failed
    });
    // Nothing is left to do if the keyboard has done it already.
    #[cfg(line_editor)]
    threadchat::terminal::restore();
    exit.into()
}

/// Runs it with whoever watches: nobody, unless a trace is to be recorded.
fn traced(
    common: &Common,
    command: &'static str,
    run: impl FnOnce(Observer) -> Result<Exit, String>,
) -> Result<Exit, String> {
    let Some(path) = &common.trace else { return run(Observer::default()) };
    let trace = Trace::start(
        path,
        &About { command, design: common.design.name().to_owned() },
        threadchat::platform::give_way,
    )?;
    let outcome = run(Observer::default().and(trace.observer()));
    if let Err(error) = trace.end() {
        let _ = writeln!(io::stderr(), "threadchat: {error}");
    }
    outcome
}

fn serve(serve: &Serve, observer: Observer) -> Result<Exit, String> {
    let (common, once, port_was_chosen) = (&serve.common, serve.once, serve.address.port() != 0);
    let settings = |to_terminal| serve.talking.settings(common, to_terminal);
    let listener = serve.address.listen()?;
    match common.design {
        Design::Threads => {
            let (environment, to_terminal) = environment(common, true, observer)?;
            threads::serve(environment, settings(to_terminal), listener, port_was_chosen, once)
                .map_err(no_threads)
        }
        #[cfg(poll)]
        Design::Select => {
            let (environment, to_terminal) = environment_for_select(common, true, observer)?;
            select::serve(environment, settings(to_terminal), listener, port_was_chosen, once)
                .map_err(|error| format!("cannot listen on {}: {error}", serve.address))
        }
        #[cfg(not(poll))]
        Design::Select => threadchat::cli::cannot_select(),
        Design::HalfDuplex => {
            let (environment, to_terminal) = environment(common, true, observer)?;
            Ok(half_duplex::serve(environment, settings(to_terminal), &listener, port_was_chosen, once))
        }
    }
}

/// How many file descriptors are kept for everything but clients: those who are turned away, and our own.
#[cfg(feature = "hub")]
const OTHER_DESCRIPTORS: usize = 32;

#[cfg(feature = "hub")]
fn hub(hub: &threadchat::cli::Hub, observer: Observer) -> Result<Exit, String> {
    let (common, port_was_chosen, mut rules) = (&hub.common, hub.address.port() != 0, hub.rules()?);
    let descriptors = threadchat::platform::raise_descriptor_limit();
    rules.door.descriptors = descriptors.map(|limit| limit.saturating_sub(OTHER_DESCRIPTORS));
    let listener = hub.address.listen()?;
    threadchat::platform::widen_backlog(&listener);
    match common.design {
        Design::Threads => {
            let (environment, _) = environment(common, !hub.no_operator, observer)?;
            threads::hub(environment, rules, listener, port_was_chosen).map_err(no_threads)
        }
        #[cfg(poll)]
        Design::Select => {
            let (environment, _) = environment_for_select(common, !hub.no_operator, observer)?;
            select::hub(environment, rules, listener, port_was_chosen)
                .map_err(|error| format!("cannot listen on {}: {error}{}", hub.address, hint(&error)))
        }
        #[cfg(not(poll))]
        Design::Select => threadchat::cli::cannot_select(),
        // The command line has not let this through.
        Design::HalfDuplex => Err(threadchat::cli::NO_HUB_IN_TURNS.to_owned()),
    }
}

fn connect(connect: &Connect, observer: Observer) -> Result<Exit, String> {
    let settings = |to_terminal| connect.talking.settings(&connect.common, to_terminal);
    match connect.common.design {
        Design::Threads => {
            let (environment, to_terminal) = environment(&connect.common, true, observer)?;
            threads::connect(environment, settings(to_terminal), connect.call()).map_err(no_threads)
        }
        #[cfg(poll)]
        Design::Select => {
            let (environment, to_terminal) = environment_for_select(&connect.common, true, observer)?;
            Ok(select::connect(environment, settings(to_terminal), connect.call()))
        }
        #[cfg(not(poll))]
        Design::Select => threadchat::cli::cannot_select(),
        Design::HalfDuplex => {
            let (environment, to_terminal) = environment(&connect.common, true, observer)?;
            half_duplex::connect(environment, settings(to_terminal), connect.call())
        }
    }
}

/// On a split screen, if there is a terminal to draw and to type on.
#[cfg(feature = "lab")]
fn demo(options: &threadchat::cli::Demo) -> Result<Exit, String> {
    let is_terminal = io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let signals = signals()?;
    end_at_panic(threadchat::lab::demo::restore);
    #[cfg(debug_assertions)]
    panic_when_told();
    threadchat::lab::demo::run(options.options(is_terminal.then(io::stdout).as_ref()), signals)
}

/// This process's keyboard, screen and signals, and whether the screen is a terminal.
fn environment(
    common: &Common,
    with_keyboard: bool,
    observer: Observer,
) -> Result<(Environment, bool), String> {
    // Who takes turns cannot wait for signals, too.
    let signals = if common.design == Design::HalfDuplex { Signals::none() } else { signals()? };
    let to_terminal = io::stdout().is_terminal();
    let mut environment = Environment {
        keyboard: if with_keyboard { Box::new(io::stdin()) } else { Box::new(io::empty()) },
        keyboard_is_terminal: with_keyboard && io::stdin().is_terminal(),
        close_keyboard: None,
        screen: Box::new(Plain(io::stdout())),
        screen_direct: None,
        notices: Some(Box::new(Plain(io::stderr()))),
        transcript: transcript(common)?,
        verbosity: common.verbosity(),
        observer,
        signals,
    };
    if to_terminal && io::stderr().is_terminal() {
        let color = common.color(&io::stdout());
        environment.screen = Box::new(Marked { screen: io::stdout(), notices: io::stderr(), color });
        environment.notices = None;
        #[cfg(line_editor)]
        if common.design == Design::Threads
            && environment.keyboard_is_terminal
            && !common.plain
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
        {
            edit(&mut environment, color)?;
        }
    } else {
        environment.screen_direct = screen_direct();
    }
    Ok((environment, to_terminal))
}

/// Standard output, to write to it without blocking.
#[cfg(send_now)]
fn screen_direct() -> Option<Box<dyn Write>> {
    let screen = io::stdout().as_fd().try_clone_to_owned().ok()?;
    Some(Box::new(Out::new(screen)))
}

/// Not here.
#[cfg(not(send_now))]
fn screen_direct() -> Option<Box<dyn Write>> {
    None
}

/// The same in descriptors.
#[cfg(poll)]
fn environment_for_select(
    common: &Common,
    with_keyboard: bool,
    observer: Observer,
) -> Result<(select::Environment, bool), String> {
    let copy = |of: BorrowedFd<'_>| {
        of.try_clone_to_owned()
            .map_err(|error| format!("cannot use the standard files: {error}{}", hint(&error)))
    };
    let to_terminal = io::stdout().is_terminal();
    let at_terminals = to_terminal && io::stderr().is_terminal();
    let on_one_terminal = at_terminals && is_same_terminal(io::stdout().as_fd(), io::stderr().as_fd());
    let environment = select::Environment {
        keyboard: with_keyboard.then(|| copy(io::stdin().as_fd())).transpose()?,
        keyboard_is_terminal: with_keyboard && io::stdin().is_terminal(),
        screen: copy(io::stdout().as_fd())?,
        notices: if on_one_terminal { None } else { Some(copy(io::stderr().as_fd())?) },
        marked: at_terminals.then(|| common.color(&io::stdout())),
        transcript: transcript(common)?,
        verbosity: common.verbosity(),
        observer,
        signals: signals()?,
    };
    Ok((environment, to_terminal))
}

#[cfg(poll)]
fn is_same_terminal(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let device = |terminal| rustix::fs::fstat(terminal).map(|stat| stat.st_rdev);
    matches!((device(one), device(other)), (Ok(one), Ok(other)) if one == other)
}

fn signals() -> Result<Signals, String> {
    Signals::catch().map_err(|error| format!("cannot catch signals: {error}{}", hint(&error)))
}

/// Where what happens is recorded, if that was asked for.
fn transcript(common: &Common) -> Result<Option<Sink>, String> {
    let open = |path| Ok(Sink { format: Box::new(JsonLines), target: transcript::open(path)? });
    common.transcript.as_deref().map(open).transpose()
}

/// Lines are typed in a line editor.
#[cfg(line_editor)]
fn edit(environment: &mut Environment, color: bool) -> Result<(), String> {
    let (keyboard, screen, close) = threadchat::terminal::editor::open(color)
        .map_err(|error| format!("cannot use the terminal: {error}; try --plain"))?;
    environment.keyboard = Box::new(keyboard);
    environment.screen = Box::new(screen);
    environment.close_keyboard = Some(Box::new(close));
    end_at_panic(threadchat::terminal::restore);
    #[cfg(debug_assertions)]
    panic_when_told();
    Ok(())
}

/// A panic in any thread gives the terminal back, and ends the program.
#[cfg(any(line_editor, feature = "lab"))]
fn end_at_panic(restore: impl Fn() + Send + Sync + 'static) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        report(panic);
        // Whichever thread it was, the others would wait for it.
        #[allow(clippy::exit, reason = "there is nothing to go back to")]
        std::process::exit(101);
    }));
}

/// For the test of what a panic leaves behind: in a debug build, panics in a thread when the file appears that the
/// environment names.
#[cfg(all(any(line_editor, feature = "lab"), debug_assertions))]
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
fn write_out(text: &[u8]) -> Result<Exit, String> {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if !threadchat::rules::errors::is_broken_pipe(&error) => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(Exit::InOrder),
    }
}

fn no_threads(error: impl Display) -> String {
    format!("cannot start a thread: {error}{MORE_THREADS}")
}
