//! `threadchat compare`: each design does the same work, and is measured.
//!
//! Each endpoint is a process of its own with pipes as its keyboard and screen. This process types numbered lines on
//! one side and checks every line that the other side shows. The subjects take turns, round by round, so that a noisy
//! machine disturbs all alike; beside a *baseline*, which moves bytes through the same pipes and the same loopback TCP
//! and does nothing else.
//!
//! Each folder answers one question:
//!
//! - `workloads/`: what is done, from the first line typed to the last one checked?
//! - `harness/`: who does it, and how is it started, watched and measured? Why is nothing left behind, why does nothing
//!   wait forever, and how is a lost line detected?
//! - `report/`: what came of it, and what does that show?
//!
//! `rounds.rs` puts them together.

mod harness;
mod measure;
mod options;
mod report;
mod rounds;
mod workloads;

use crate::rules::failure::{Context, Failure};
pub use harness::subject::HubPeer;
pub use options::Options;
pub use workloads::hub::crowd::Crowd;
pub use workloads::task::Workload;

use crate::platform::{self, Signals};
use crate::rules::errors;
use crate::rules::exit::Exit;
use harness::Harness;
use harness::baseline;
use harness::counter::Counter;
use harness::subject::remove_traces;
use report::machine::{self, Machine};
use report::progress::Progress;
use report::{Chosen, Report, page, table};
use rounds::Rounds;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use workloads::hub::crowd;

/// Compares, and reports on standard output and in the files of the options. A subject that fails is no error: it is
/// reported, and the exit code says so.
///
/// # Errors
/// A file cannot be written, or the system has no thread left.
pub fn run(options: &Options, signals: Signals) -> Result<Exit, Failure> {
    if options.json.is_some() && options.json == options.html {
        return Err("--json and --html name the same file: give each a file of its own".into());
    }
    // Open them before the work, which may take minutes.
    let json = options.json.as_deref().map(open).transpose()?;
    let html = options.html.as_deref().map(open).transpose()?;
    let report = compare(options, signals)?;
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        write(file, &text)?;
    }
    if let Some(file) = html {
        write(file, &page::render(&report))?;
    }
    match io::stdout().write_all(table::render(&report).as_bytes()) {
        Err(error) if !errors::is_broken_pipe(&error) => {
            return Err(format!("cannot write to standard output: {error}").into());
        }
        _ => (),
    }
    Ok(if report.failures().next().is_none() { Exit::InOrder } else { Exit::Failed })
}

fn compare(options: &Options, signals: Signals) -> Result<Report, Failure> {
    let (subjects, tasks, count) = (options.subjects(), options.tasks(), options.rounds());
    let end = options.limit().map(|limit| Instant::now() + limit);
    let harness = Harness::new().context("cannot start a thread")?;
    let runs_of = |workload: Workload| subjects.iter().filter(|subject| workload.is_for(subject)).count();
    let runs: usize = tasks.iter().map(|task| runs_of(task.workload) * (count + 1)).sum();
    let progress = Progress::of(runs + subjects.len());
    end_with_signals(signals, &harness, &progress)?;
    let (counter, date) = (Counter::find(), machine::now());
    let rounds = Rounds {
        harness,
        progress: progress.clone(),
        count,
        quick: options.quick,
        counter: counter.as_ref().ok().copied(),
    };
    let contestants = rounds.prepare(subjects, &tasks.iter().map(|task| task.workload).collect());
    let mut reports = Vec::new();
    for (number, task) in (0..).zip(&tasks) {
        // An equal share of the time that is left.
        let (now, left) = (Instant::now(), tasks.len() as u32 - number);
        let until = end.map(|end| now + end.saturating_duration_since(now) / left);
        reports.push(rounds.run(*task, &contestants, until));
    }
    progress.remove();
    remove_traces();
    Ok(Report {
        format: report::FORMAT,
        date,
        machine: Machine::here(),
        options: Chosen { quick: options.quick, rounds: count, peers: options.peers },
        system_calls_counted_by: counter.as_ref().ok().map(|counter| counter.name()),
        system_calls_not_counted: counter.err(),
        tasks: reports,
    })
}

/// Ends everything at a signal: first the children, then this process.
fn end_with_signals(signals: Signals, harness: &Harness, progress: &Progress) -> Result<(), Failure> {
    let (children, progress) = (Arc::clone(&harness.children), progress.clone());
    let wait = move || {
        signals.for_each(|signal| {
            children.close();
            progress.remove();
            remove_traces();
            #[allow(clippy::exit, reason = "the main thread may be anywhere, and has nothing left to do")]
            process::exit(Exit::Signal(signal).code().into());
        });
    };
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(wait);
    thread.map(drop).context("cannot start a thread")
}

/// Opens a file for a report. Its contents stay until the report is there.
fn open(path: &Path) -> Result<(File, String), Failure> {
    let file = File::options().write(true).create(true).truncate(false).open(path);
    file.map(|file| (file, path.display().to_string()))
        .context(format_args!("cannot write to {}", path.display()))
}

fn write((mut file, name): (File, String), text: &str) -> Result<(), Failure> {
    let is_file = file.metadata().is_ok_and(|data| data.is_file());
    let emptied = if is_file { file.set_len(0) } else { Ok(()) };
    emptied.and_then(|()| file.write_all(text.as_bytes())).context(format_args!("cannot write to {name}"))
}

/// A process that a comparison starts through a hidden command of this program.
#[derive(Debug)]
pub enum Child {
    /// The listening side of the baseline, for one caller or for one after the other.
    Serve(bool),
    /// The calling side of the baseline.
    Connect(SocketAddr),
    /// The clients of a hub, and whether the hub asks each for its name.
    Crowd(Crowd, SocketAddr, bool),
    /// Another program, which must not outlive the comparison.
    Exec(Vec<OsString>),
}

/// Runs as a child of a comparison.
///
/// # Errors
/// What the system said.
pub fn run_child(child: &Child) -> Result<Exit, Failure> {
    match child {
        Child::Serve(once) => baseline::serve(*once),
        Child::Connect(address) => baseline::connect(*address),
        Child::Crowd(crowd, hub, names) => crowd::run(*crowd, *hub, *names),
        Child::Exec(command) => {
            let (program, args) = command.split_first().ok_or("the command is empty")?;
            let mut command = process::Command::new(program);
            platform::tie_to_parent(command.args(args), platform::group_leader());
            Err(platform::become_program(&mut command))
        }
    }
    .map(|()| Exit::InOrder)
    .map_err(|error| error.to_string().into())
}
