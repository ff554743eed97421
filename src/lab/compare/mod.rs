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

mod destination;
mod harness;
mod measure;
mod options;
mod report;
mod rounds;
mod workloads;

pub use harness::subject::{ChatPeer, HubPeer};
pub use options::Options;
pub use workloads::hub::crowd::{Crowd, Custom};
pub use workloads::task::Workload;

use crate::platform::{self, Patient, Signals};
use crate::rules::exit::Exit;
use crate::rules::failure::{Context, Failure};
use crossbeam_channel::{bounded, select};
use destination::Destination;
use harness::Harness;
use harness::baseline;
use harness::counter::Counter;
use harness::encryption;
use harness::redis;
use harness::subject::remove_files;
use harness::web;
use options::HURRY;
use report::machine::{self, Machine};
use report::progress::Progress;
use report::{Chosen, Report, difference, page, table};
use rounds::Rounds;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use workloads::hub::crowd;
use workloads::task::Task;

/// Compares, and reports on standard output and in the files of the options. A subject that fails is no error: it is
/// reported, and the exit code says so.
///
/// # Errors
/// A file cannot be written, or the system has no thread left.
pub fn run(options: Options, signals: Signals) -> Result<Exit, Failure> {
    if let Some(files) = &options.diff {
        return difference::print(files);
    }
    options.check()?;
    let json = options.json.as_deref().map(Destination::open).transpose()?;
    let html = options.html.as_deref().map(Destination::open).transpose()?;
    if json.iter().zip(&html).any(|(json, html)| json.is_same(html)) {
        return Err("--json and --html name the same file: give each a file of its own".into());
    }
    let harness = Harness::new()?;
    if options.secure {
        encryption::issue_certificate()?;
    }
    if options.has(Workload::Linked) {
        redis::create_folder()?;
    }
    if options.has(Workload::Web) {
        web::keep_tickets()?;
    }
    let (children, progress) = (Arc::clone(&harness.children), Progress::new());
    let (to_main, signal) = bounded(1);
    super::spawn("signals", move || {
        signals.for_each(|caught| caught.signal().is_none_or(|signal| to_main.send(signal).is_ok()));
    })?;
    let (to_main, outcome) = bounded(1);
    let (shown, running) = (progress.clone(), Arc::clone(&children));
    // In a thread of its own, so that nothing it waits for delays the answer to a signal.
    super::spawn("comparison", move || {
        let report = compare(&options, harness, shown);
        // What is killed for a signal fails at once, and the rest with it, maybe before this process ends.
        if !running.is_closed() {
            // Refused if a signal came first.
            let _ = to_main.send(publish(&report, options.details, json, html));
        }
    })?;
    let outcome = select! {
        recv(outcome) -> outcome => outcome,
        recv(signal) -> signal => match signal {
            Ok(signal) => {
                children.close();
                progress.remove();
                remove_files();
                return Ok(Exit::Signal(signal));
            }
            // No signal can come on this platform.
            Err(_) => outcome.recv(),
        },
    };
    outcome.map_err(|_| "the comparison panicked")?
}

fn compare(options: &Options, harness: Harness, progress: Progress) -> Report {
    let (subjects, tasks, count) = (options.subjects(), options.tasks(), options.rounds());
    let end = options.limit().map(|limit| Instant::now() + limit);
    let runs_of = |task: &Task| subjects.iter().filter(|subject| task.is_for(subject)).count();
    let runs: usize = tasks.iter().map(|task| runs_of(task) * (count + 1)).sum();
    progress.announce(options.how_long());
    progress.expect(runs + subjects.len());
    let (counter, date) = (Counter::find(), machine::now());
    let rounds =
        Rounds { harness, progress, count, quick: options.quick, counter: counter.as_ref().ok().copied() };
    let contestants = rounds.prepare(subjects, &tasks.iter().map(|task| task.workload).collect());
    let mut reports = Vec::new();
    for (number, task) in (0..).zip(&tasks) {
        // Twice an equal share of the time that is left: most tasks need less than theirs.
        let (now, left) = (Instant::now(), tasks.len() as u32 - number);
        let until = end.map(|end| end.min(now + end.saturating_duration_since(now) * 2 / left));
        let limits = until.zip(end.map(|end| end + HURRY));
        reports.push(rounds.run(*task, &contestants, limits));
    }
    rounds.progress.remove();
    remove_files();
    Report {
        format: report::FORMAT,
        date,
        machine: Machine::here(),
        options: Chosen { quick: options.quick, rounds: count, peers: options.peers },
        system_calls_counted_by: counter.as_ref().ok().map(|counter| counter.name()),
        system_calls_not_counted: counter.err().map(|failure| failure.to_string()),
        tasks: reports,
    }
}

/// Writes the report to the files and prints its summary, on standard error if a report is on standard output.
fn publish(
    report: &Report,
    details: bool,
    json: Option<Destination>,
    html: Option<Destination>,
) -> Result<Exit, Failure> {
    let stdout_is_taken = json.iter().chain(&html).any(Destination::is_stdout);
    if let Some(json) = json {
        json.write(&serde_json::to_string_pretty(report).context("cannot make the JSON report")?)?;
    }
    if let Some(html) = html {
        html.write(&page::render(report))?;
    }
    let table = table::render(report, details);
    if stdout_is_taken {
        // The report is there, and if this cannot be written, there is nowhere left to say so.
        let _ = Patient(io::stderr()).write_all(table.as_bytes());
    } else {
        platform::print(table.as_bytes())?;
    }
    Ok(if report.failures().next().is_none() { Exit::Success } else { Exit::Failed })
}

/// A process that a comparison starts through a hidden command of this program.
#[derive(Debug)]
pub enum Child {
    /// The listening side of the baseline, for one caller or for one after the other.
    Serve(bool),
    /// The calling side of the baseline.
    Connect(SocketAddr),
    /// The clients of a hub, or of several.
    Crowd(Crowd, Vec<SocketAddr>, Custom),
    /// Another program, which must not outlive the comparison.
    Exec(Vec<OsString>),
}

/// Runs as a child of a comparison.
///
/// # Errors
/// What the system said.
pub fn run_child(child: &Child) -> Result<Exit, Failure> {
    let done = match child {
        Child::Serve(once) => baseline::serve(*once),
        Child::Connect(address) => baseline::connect(*address),
        Child::Crowd(crowd, hubs, custom) => crowd::run(*crowd, hubs, *custom),
        Child::Exec(command) => {
            let (program, args) = command.split_first().ok_or("the command is empty")?;
            let mut command = Command::new(program);
            platform::tie_to_parent(command.args(args), platform::group_leader());
            Err(platform::become_program(&mut command))
        }
    };
    done.map(|()| Exit::Success).map_err(|error| error.to_string().into())
}
