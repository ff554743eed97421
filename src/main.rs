//! Parses the command line, runs the command, and turns the outcome into an exit code. An endpoint gets the process's own
//! keyboard, screen and signals from here.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::process::{self, ExitCode};
use threadchat::cli::{self, Cli, Command, Common, Secured, completions, manual};
use threadchat::designs::{Design, Task};
#[cfg(feature = "lab")]
use threadchat::lab::{compare, demo, timeline};
use threadchat::observe::Observer;
use threadchat::observe::trace::{About, Trace};
use threadchat::platform::{Patient, Signals, create_private, lower_thread_priority, print, report_ready};
use threadchat::rules::errors::hint;
use threadchat::rules::exit::Exit;
use threadchat::rules::failure::Failure;
use threadchat::terminal;

fn main() -> ExitCode {
    restore_terminal_at_panic();
    #[cfg(debug_assertions)]
    panic_on_request();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            cli::show(&error);
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = run(cli.command);
    terminal::restore();
    let exit = outcome.unwrap_or_else(|failure| {
        complain(&failure);
        Exit::Failed
    });
    exit.into()
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(serve) => {
            let secured = serve.secured()?;
            endpoint("serve", &serve.common, true, secured, || serve.task(to_terminal()))
        }
        Command::Connect(connect) => {
            let (secured, encrypted_only) = connect.secured()?;
            endpoint("connect", &connect.common, true, secured, || {
                connect.task(encrypted_only, to_terminal())
            })
        }
        #[cfg(feature = "hub")]
        Command::Hub(hub) if hub.check => print(hub.check_files()?.as_bytes()).map(|()| Exit::Success),
        #[cfg(feature = "hub")]
        Command::Hub(hub) => {
            let secured = hub.secured()?;
            endpoint("hub", &hub.common, !hub.no_operator, secured, || hub.task())
        }
        #[cfg(feature = "lab")]
        Command::Demo(demo) => {
            let is_terminal = io::stdin().is_terminal()
                && to_terminal()
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
            demo::run(demo.options(is_terminal.then(io::stdout).as_ref()), signals()?)
        }
        #[cfg(feature = "lab")]
        Command::Compare(compare) => compare::run(compare.into(), signals()?),
        #[cfg(feature = "lab")]
        Command::CompareChild(child) => compare::run_child(&child.into()),
        #[cfg(feature = "lab")]
        Command::Timeline(timeline) => timeline::run(&timeline.into()),
        #[cfg(feature = "secure")]
        Command::Key(key) => print(format!("{}\n", key.fingerprint()?).as_bytes()).map(|()| Exit::Success),
        Command::Completions { shell } => print(&completions(shell)).map(|()| Exit::Success),
        Command::Man { command } => print(&manual(command.as_deref())).map(|()| Exit::Success),
    }
}

/// Runs an endpoint, and records a trace of it if the user wants one.
fn endpoint(
    command: &'static str,
    common: &Common,
    has_keyboard: bool,
    secured: Option<Secured>,
    task: impl FnOnce() -> Result<Task, Failure>,
) -> Result<Exit, Failure> {
    let about = About { command, design: common.design.name() };
    let start =
        |path| Trace::start(path, about, |path| create_private(path).map(Patient), lower_thread_priority);
    let trace = common.trace.as_deref().map(start).transpose()?;
    let observer = trace.iter().fold(Observer::default(), |observer, trace| observer.and(trace.observer()));
    let run = || {
        let task = task()?;
        // A design that takes turns cannot wait for signals as well.
        let signals = if common.design == Design::HalfDuplex { Signals::none() } else { signals()? };
        let keyboard = has_keyboard.then(io::stdin);
        let mut environment =
            common.environment(keyboard, &io::stdout(), io::stderr(), signals, observer, secured)?;
        environment.reopen_trace = trace.as_ref().map(|trace| Box::new(trace.reopener()) as _);
        if !matches!(task, Task::Connect { .. }) {
            report_ready();
        }
        common.design.run(task, environment)
    };
    let outcome = run();
    if let Some(Err(failure)) = trace.map(Trace::end) {
        complain(&failure);
    }
    outcome
}

fn to_terminal() -> bool {
    io::stdout().is_terminal()
}

fn signals() -> Result<Signals, Failure> {
    Signals::catch().map_err(|error| Failure::new("cannot catch signals", &error).hint(hint(&error)))
}

fn complain(failure: &Failure) {
    // If this cannot be written, there is nowhere left to say so.
    let _ = writeln!(Patient(io::stderr()), "threadchat: {failure}");
}

/// A panic in any thread restores the terminal, so that the message can be read, and then ends the program, because the
/// other threads would wait for the one that panicked.
fn restore_terminal_at_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        terminal::restore();
        #[cfg(feature = "lab")]
        demo::restore();
        report(panic);
        #[allow(clippy::exit, reason = "there is nothing to go back to")]
        process::exit(101);
    }));
}

/// For the test of what a panic leaves behind: panics in a thread when the file appears that the environment names.
#[cfg(debug_assertions)]
#[allow(clippy::panic, reason = "that is what it is for")]
fn panic_on_request() {
    if let Some(file) = std::env::var_os("THREADCHAT_PANIC_WHEN") {
        std::thread::spawn(move || {
            while !std::path::Path::new(&file).exists() {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            panic!("on request");
        });
    }
}
