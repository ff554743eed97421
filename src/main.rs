//! Parses the command line, runs, and turns the outcome into an exit code. The process's own keyboard, screen
//! and signals are touched here and nowhere else.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
#[cfg(send_now)]
use std::os::fd::AsFd;
#[cfg(poll)]
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use threadchat::cli::{Cli, Command, Common, Connect, Design, Serve};
#[cfg(feature = "compare")]
use threadchat::compare;
use threadchat::exit::Exit;
use threadchat::half_duplex;
use threadchat::net::{MORE_THREADS, remedy};
use threadchat::observer::Observer;
#[cfg(send_now)]
use threadchat::platform::Out;
use threadchat::platform::Signals;
#[cfg(poll)]
use threadchat::select;
use threadchat::terminal::{Marked, Plain};
use threadchat::threads;
#[cfg(feature = "timeline")]
use threadchat::timeline;
#[cfg(feature = "trace")]
use threadchat::trace::{About, Trace};
use threadchat::transcript::Sink;
#[cfg(feature = "transcript")]
use threadchat::transcript::{self, JsonLines};
use threadchat::world::World;

fn main() -> ExitCode {
    let outcome = match Cli::read().command {
        Command::Serve(serve) => traced(&serve.common, "serve", |observer| self::serve(&serve, observer)),
        Command::Connect(connect) => {
            traced(&connect.common, "connect", |observer| self::connect(&connect, observer))
        }
        #[cfg(feature = "hub")]
        Command::Hub(hub) => traced(&hub.common, "hub", |observer| self::hub(&hub, observer)),
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo(&options),
        #[cfg(feature = "compare")]
        Command::Compare(options) => signals().and_then(|signals| compare::run(&options, signals)),
        #[cfg(feature = "compare")]
        Command::CompareChild(child) => compare::run_child(&child),
        #[cfg(feature = "timeline")]
        Command::Timeline(options) => timeline::run(&options),
        #[cfg(feature = "generate")]
        Command::Completions { shell } => write_out(&threadchat::cli::completions(shell)),
        #[cfg(feature = "generate")]
        Command::Man => write_out(&threadchat::cli::manual()),
    };
    let exit = outcome.unwrap_or_else(|error| {
        // Nothing else runs (yet), so that nothing is held up by this.
        let _ = writeln!(io::stderr(), "threadchat: {error}");
        Exit::Failed
    });
    // Nothing is left to do if the keyboard has done it already.
    #[cfg(line_editor)]
    threadchat::terminal::give_back();
    exit.into()
}

/// Runs it with whoever watches: nobody, unless a trace is to be recorded.
#[cfg(feature = "trace")]
fn traced(
    common: &Common,
    command: &'static str,
    run: impl FnOnce(Observer) -> Result<Exit, String>,
) -> Result<Exit, String> {
    let Some(path) = &common.trace else { return run(Observer::default()) };
    let trace = Trace::start(path, &About { command, design: common.design.name() })?;
    let outcome = run(Observer::default().and(trace.observer()));
    if let Err(error) = trace.end() {
        let _ = writeln!(io::stderr(), "threadchat: {error}");
    }
    outcome
}

/// Nobody watches.
#[cfg(not(feature = "trace"))]
fn traced(
    _common: &Common,
    _command: &'static str,
    run: impl FnOnce(Observer) -> Result<Exit, String>,
) -> Result<Exit, String> {
    run(Observer::default())
}

fn serve(serve: &Serve, observer: Observer) -> Result<Exit, String> {
    let (common, once, port_was_chosen) = (&serve.common, serve.once, serve.address.port() != 0);
    let manners = |to_terminal| serve.talking.manners(common, to_terminal);
    let listener = serve.address.listen()?;
    match common.design {
        Design::Threads => {
            let (world, to_terminal) = world(common, true, observer)?;
            threads::serve(world, manners(to_terminal), listener, port_was_chosen, once).map_err(no_threads)
        }
        #[cfg(poll)]
        Design::Select => {
            let (world, to_terminal) = world_to_select(common, true, observer)?;
            select::serve(world, manners(to_terminal), listener, port_was_chosen, once)
                .map_err(|error| format!("cannot listen on {}: {error}", serve.address))
        }
        #[cfg(not(poll))]
        Design::Select => threadchat::cli::cannot_select(),
        Design::HalfDuplex => {
            let (world, to_terminal) = world(common, true, observer)?;
            Ok(half_duplex::serve(world, manners(to_terminal), &listener, port_was_chosen, once))
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
            let (world, _) = world(common, !hub.no_operator, observer)?;
            threads::hub(world, rules, listener, port_was_chosen).map_err(no_threads)
        }
        #[cfg(poll)]
        Design::Select => {
            let (world, _) = world_to_select(common, !hub.no_operator, observer)?;
            select::hub(world, rules, listener, port_was_chosen)
                .map_err(|error| format!("cannot listen on {}: {error}{}", hub.address, remedy(&error)))
        }
        #[cfg(not(poll))]
        Design::Select => threadchat::cli::cannot_select(),
        // The command line has not let this through.
        Design::HalfDuplex => Err(threadchat::cli::NO_HUB_IN_TURNS.to_owned()),
    }
}

fn connect(connect: &Connect, observer: Observer) -> Result<Exit, String> {
    let manners = |to_terminal| connect.talking.manners(&connect.common, to_terminal);
    match connect.common.design {
        Design::Threads => {
            let (world, to_terminal) = world(&connect.common, true, observer)?;
            threads::connect(world, manners(to_terminal), connect.call()).map_err(no_threads)
        }
        #[cfg(poll)]
        Design::Select => {
            let (world, to_terminal) = world_to_select(&connect.common, true, observer)?;
            Ok(select::connect(world, manners(to_terminal), connect.call()))
        }
        #[cfg(not(poll))]
        Design::Select => threadchat::cli::cannot_select(),
        Design::HalfDuplex => {
            let (world, to_terminal) = world(&connect.common, true, observer)?;
            half_duplex::connect(world, manners(to_terminal), connect.call())
        }
    }
}

/// On a split screen, if there is a terminal to draw and to type on.
#[cfg(feature = "demo")]
fn demo(options: &threadchat::cli::Demo) -> Result<Exit, String> {
    let is_terminal = io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let signals = signals()?;
    end_at_panic(threadchat::demo::give_back);
    #[cfg(debug_assertions)]
    panic_when_told();
    threadchat::demo::run(options.options(is_terminal.then(io::stdout).as_ref()), signals)
}

/// This process's keyboard, screen and signals, and whether the screen is a terminal.
fn world(common: &Common, with_keyboard: bool, observer: Observer) -> Result<(World, bool), String> {
    // Who takes turns cannot wait for signals, too.
    let signals = if common.design == Design::HalfDuplex { Signals::none() } else { signals()? };
    let to_terminal = io::stdout().is_terminal();
    let mut world = World {
        keyboard: if with_keyboard { Box::new(io::stdin()) } else { Box::new(io::empty()) },
        keyboard_is_terminal: with_keyboard && io::stdin().is_terminal(),
        close_keyboard: None,
        screen: Box::new(Plain(io::stdout())),
        screen_now: None,
        notices: Some(Box::new(Plain(io::stderr()))),
        transcript: transcript(common)?,
        verbosity: common.verbosity(),
        observer,
        signals,
    };
    if to_terminal && io::stderr().is_terminal() {
        let color = common.color(&io::stdout());
        world.screen = Box::new(Marked { screen: io::stdout(), notices: io::stderr(), color });
        world.notices = None;
        #[cfg(line_editor)]
        if common.design == Design::Threads
            && world.keyboard_is_terminal
            && !common.plain
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
        {
            edit(&mut world, color)?;
        }
    } else {
        world.screen_now = screen_now();
    }
    Ok((world, to_terminal))
}

/// Standard output, to write to it without blocking.
#[cfg(send_now)]
fn screen_now() -> Option<Box<dyn Write>> {
    let screen = io::stdout().as_fd().try_clone_to_owned().ok()?;
    Some(Box::new(Out::new(screen)))
}

/// Not here.
#[cfg(not(send_now))]
fn screen_now() -> Option<Box<dyn Write>> {
    None
}

/// The same in descriptors.
#[cfg(poll)]
fn world_to_select(
    common: &Common,
    with_keyboard: bool,
    observer: Observer,
) -> Result<(select::World, bool), String> {
    let copy = |of: BorrowedFd<'_>| {
        of.try_clone_to_owned()
            .map_err(|error| format!("cannot use the standard files: {error}{}", remedy(&error)))
    };
    let to_terminal = io::stdout().is_terminal();
    let at_terminals = to_terminal && io::stderr().is_terminal();
    let on_one_terminal = at_terminals && is_same_terminal(io::stdout().as_fd(), io::stderr().as_fd());
    let world = select::World {
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
    Ok((world, to_terminal))
}

#[cfg(poll)]
fn is_same_terminal(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let device = |terminal| rustix::fs::fstat(terminal).map(|stat| stat.st_rdev);
    matches!((device(one), device(other)), (Ok(one), Ok(other)) if one == other)
}

fn signals() -> Result<Signals, String> {
    Signals::catch().map_err(|error| format!("cannot catch signals: {error}{}", remedy(&error)))
}

/// Where what happens is recorded, if that was asked for.
#[cfg(feature = "transcript")]
fn transcript(common: &Common) -> Result<Option<Sink>, String> {
    let open = |path| Ok(Sink { format: Box::new(JsonLines), target: transcript::open(path)? });
    common.transcript.as_deref().map(open).transpose()
}

/// Nowhere.
#[cfg(not(feature = "transcript"))]
#[allow(clippy::unnecessary_wraps, reason = "with transcripts it can fail")]
fn transcript(_common: &Common) -> Result<Option<Sink>, String> {
    Ok(None)
}

/// Lines are typed in a line editor.
#[cfg(line_editor)]
fn edit(world: &mut World, color: bool) -> Result<(), String> {
    let (keyboard, screen, close) = threadchat::terminal::editor::open(color)
        .map_err(|error| format!("cannot use the terminal: {error}; try --plain"))?;
    world.keyboard = Box::new(keyboard);
    world.screen = Box::new(screen);
    world.close_keyboard = Some(Box::new(close));
    end_at_panic(threadchat::terminal::give_back);
    #[cfg(debug_assertions)]
    panic_when_told();
    Ok(())
}

/// A panic in any thread gives the terminal back, and ends the program.
#[cfg(any(line_editor, feature = "demo"))]
fn end_at_panic(give_back: impl Fn() + Send + Sync + 'static) {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        tell(panic);
        // Whichever thread it was, the others would wait for it.
        #[allow(clippy::exit, reason = "there is nothing to go back to")]
        std::process::exit(101);
    }));
}

/// For the test of what a panic leaves behind: in a debug build, panics in a thread when the file appears that the
/// environment names.
#[cfg(all(any(line_editor, feature = "demo"), debug_assertions))]
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
        Err(error) if !threadchat::platform::nobody_reads(&error) => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(Exit::InOrder),
    }
}

fn no_threads(error: impl Display) -> String {
    format!("cannot start a thread: {error}{MORE_THREADS}")
}
