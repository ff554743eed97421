//! `threadchat compare`: the same work through each design, measured.
//!
//! Each endpoint is a process of its own, with pipes as its keyboard and its screen. This process types
//! numbered lines on one side and checks every line that is shown on the other. The designs take turns, round by round, so
//! that a noisy machine hits all of them alike; and all are measured beside a *floor*, which moves bytes through the
//! same pipes and the same loopback TCP and does nothing else.
//!
//! Read it in this order:
//!
//! 1. `comparison.rs`: the rounds.
//! 2. `rows.rs` and `work.rs`: who is compared, and at what.
//! 3. `bench.rs` and `pair.rs`: one run, from the start of two endpoints to their end.
//! 4. `latency.rs`, `flow.rs`, `stalled.rs`, `goodbye.rs`, `hub.rs` and its `crowd.rs`: the work itself.
//! 5. `lines.rs` and `deliveries.rs`: how a lost or damaged line is found out.
//! 6. `children.rs` and `watchdog.rs`: why nothing is left behind, and nothing waits for ever.
//! 7. `report.rs`, `table.rs`, `html.rs`, `explain.rs`: what is told of it.

mod bench;
mod charts;
mod children;
mod comparison;
mod counter;
mod crowd;
mod deliveries;
mod explain;
mod floor;
mod flow;
mod goodbye;
mod html;
mod hub;
mod latency;
mod lines;
mod machine;
mod measure;
mod pair;
mod progress;
mod report;
mod resources;
mod rows;
mod stalled;
mod stats;
mod table;
mod times;
mod watchdog;
mod work;

pub use crowd::Crowd;
pub use rows::HubPeer;
pub use work::Work;

use crate::designs::Design;
use crate::platform::{self, Signals};
use crate::rules::errors;
use crate::rules::exit::Exit;
use bench::Bench;
use clap::ValueEnum;
use comparison::Comparison;
use counter::Counter;
use machine::Machine;
use progress::Progress;
use report::{Chosen, Report};
use rows::{PEERS, Row, remove_traces};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use work::Task;

/// How long a quick comparison takes at most, but for the rounds it has to do anyway; twice as long with peers. Where the
/// machine is busy with something else it does fewer rounds.
const QUICK: Duration = Duration::from_secs(24);

/// What to compare, and where to report it. `None` stands for the default.
#[derive(Debug)]
pub struct Options {
    /// The workloads; all by default.
    pub work: Option<Vec<Work>>,
    /// The designs; all by default.
    pub designs: Option<Vec<Design>>,
    /// Also measure ncat, nc and socat, where they are installed.
    pub peers: bool,
    /// The numbers of clients of a hub.
    pub hub_clients: Option<Vec<usize>>,
    /// Other hubs to measure.
    pub hub_peers: Vec<HubPeer>,
    /// Measure each design once more while it records a trace.
    pub trace: bool,
    /// Do less of everything, in less than 30 seconds.
    pub quick: bool,
    /// The number of rounds, not counting the warm-up.
    pub rounds: Option<usize>,
    /// The file for all figures.
    pub json: Option<PathBuf>,
    /// The file for the page.
    pub html: Option<PathBuf>,
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

/// Compares, and reports on standard output and in the files that were asked for.
///
/// # Errors
/// A file cannot be written, or the system has no thread left. A row that fails is no error: the report tells.
pub fn run(options: &Options, signals: Signals) -> Result<Exit, String> {
    // Before the work: it would be a pity to find out afterwards.
    if options.json.is_some() && options.json == options.html {
        return Err("--json and --html name the same file: each needs one of its own".to_owned());
    }
    let json = options.json.as_deref().map(open).transpose()?;
    let html = options.html.as_deref().map(open).transpose()?;
    let works = each_once(options.work.as_deref().unwrap_or(Work::value_variants()));
    let tasks = tasks(&works, options);
    let rows = rows(options);
    // Who asks for a number of rounds gets them.
    let limit = if options.peers { QUICK * 2 } else { QUICK };
    let end = (options.quick && options.rounds.is_none()).then(|| Instant::now() + limit);
    let rounds = options.rounds.unwrap_or(if options.quick { 5 } else { 7 });

    let bench = Bench::new().map_err(|error| format!("cannot start a thread: {error}"))?;
    let turns =
        tasks.iter().map(|task| rows.iter().filter(|row| row.is_for(task.work)).count()).sum::<usize>();
    let progress = Progress::of(turns * (rounds + 1) + rows.len());
    end_with_signals(signals, &bench, &progress)?;
    let counter = Counter::find();
    let date = machine::now();
    let comparison = Comparison::prepare(
        bench,
        progress.clone(),
        rows,
        &works,
        rounds,
        options.quick,
        counter.clone().ok(),
    );
    let report = Report {
        format: report::FORMAT,
        date,
        machine: Machine::here(),
        options: Chosen { quick: options.quick, rounds, peers: options.peers },
        system_calls_counted_by: counter.as_ref().ok().map(|counter| counter.name().to_owned()),
        system_calls_not_counted: counter.err(),
        works: (0..)
            .zip(&tasks)
            .map(|(number, task)| {
                // An equal share of what is left.
                let now = Instant::now();
                let left = tasks.len() as u32 - number;
                comparison.compare(*task, end.map(|end| now + end.saturating_duration_since(now) / left))
            })
            .collect(),
    };
    progress.remove();
    remove_traces();

    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        write(file, &text)?;
    }
    if let Some(file) = html {
        write(file, &html::render(&report))?;
    }
    match io::stdout().write_all(table::render(&report).as_bytes()) {
        Err(error) if !errors::is_broken_pipe(&error) => {
            return Err(format!("cannot write to standard output: {error}"));
        }
        _ => (),
    }
    Ok(if report.failures().next().is_none() { Exit::InOrder } else { Exit::Failed })
}

/// Who is compared: the floor always, for the ratios.
fn rows(options: &Options) -> Vec<Row> {
    let designs = each_once(options.designs.as_deref().unwrap_or(Design::value_variants()));
    let peers = PEERS.map(Row::Peer).into_iter().chain([Row::Broker]).filter(|_| options.peers);
    let hubs = options.hub_peers.iter().map(|peer| Row::HubPeer(Box::leak(Box::new(peer.clone()))));
    let traced =
        |design| [Row::Design(design), Row::Traced(design)].into_iter().take(1 + usize::from(options.trace));
    [Row::Floor].into_iter().chain(designs.into_iter().flat_map(traced)).chain(peers).chain(hubs).collect()
}

/// Each work, and that of a hub with each number of clients and of senders.
fn tasks(works: &[Work], options: &Options) -> Vec<Task> {
    let sizes = if options.quick { &[10, 50][..] } else { &[10, 50, 200, 1000] };
    let sizes = each_once(options.hub_clients.as_deref().unwrap_or(sizes));
    let senders = if options.quick { &[1][..] } else { &[1, 10] };
    let tasks = |&work: &Work| match work {
        Work::Hub => {
            let speaking = sizes.iter().flat_map(|&clients| senders.iter().map(move |&some| (clients, some)));
            let possible = speaking.filter(|(clients, senders)| senders <= clients);
            let task = |(clients, senders)| Task { work, clients: Some(clients), senders: Some(senders) };
            possible.map(task).collect()
        }
        _ => vec![Task { work, clients: None, senders: None }],
    };
    works.iter().flat_map(tasks).collect()
}

fn each_once<T: Copy + PartialEq>(chosen: &[T]) -> Vec<T> {
    let is_first = |(at, one): (usize, &T)| (!chosen[..at].contains(one)).then_some(*one);
    chosen.iter().enumerate().filter_map(is_first).collect()
}

/// A signal ends everything: first the children, and then this process.
fn end_with_signals(signals: Signals, bench: &Bench, progress: &Progress) -> Result<(), String> {
    let (children, progress) = (Arc::clone(&bench.children), progress.clone());
    let wait = move || {
        signals.for_each(|signal| {
            children.close();
            progress.remove();
            remove_traces();
            #[allow(clippy::exit, reason = "main may be anywhere, and there is nothing to go back to")]
            process::exit(Exit::Signal(signal).code().into());
        });
    };
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(wait);
    thread.map(drop).map_err(|error| format!("cannot start a thread: {error}"))
}

/// Opens a file for a report, and leaves in it what is there until there is one.
fn open(path: &Path) -> Result<(File, String), String> {
    let file = File::options().write(true).create(true).truncate(false).open(path);
    file.map(|file| (file, path.display().to_string()))
        .map_err(|error| format!("cannot write to {}: {error}", path.display()))
}

fn write((mut file, name): (File, String), text: &str) -> Result<(), String> {
    let is_file = file.metadata().is_ok_and(|data| data.is_file());
    let emptied = if is_file { file.set_len(0) } else { Ok(()) };
    emptied
        .and_then(|()| file.write_all(text.as_bytes()))
        .map_err(|error| format!("cannot write to {name}: {error}"))
}

/// One end of a run, as a process that compares starts it: the floor, or a program to be tied to who counts its calls.
///
/// # Errors
/// What the system said.
pub fn run_child(child: &Child) -> Result<Exit, String> {
    let done = match child {
        Child::Serve(once) => floor::serve(*once),
        Child::Connect(address) => floor::connect(*address),
        Child::Crowd(crowd, hub, names) => crowd::run(*crowd, *hub, *names),
        Child::Exec(command) => {
            let (program, args) = command.split_first().ok_or("there is no command")?;
            let mut command = process::Command::new(program);
            platform::tie_to_parent(command.args(args), platform::group_leader());
            Err(platform::become_program(&mut command))
        }
    };
    done.map(|()| Exit::InOrder).map_err(|error| error.to_string())
}
