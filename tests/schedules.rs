//! Real endpoints, with their sockets and threads, in schedules that nobody thought of: a seed chooses what happens, and which
//! thread passes at each step (`schedules/gate.rs`). In each of them everything said must arrive, and every thread must end.
//!
//! ```sh
//! THREADCHAT_SCHEDULES=3600 cargo test --test schedules             # new seeds for an hour
//! THREADCHAT_SCHEDULE_SEED=17 cargo test --test schedules           # this one again
//! ```
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
#![cfg(all(target_os = "linux", feature = "hub", feature = "link", feature = "select"))]

#[path = "schedules/cases.rs"]
mod cases;
#[path = "schedules/endpoint.rs"]
mod endpoint;
#[path = "schedules/gate.rs"]
mod gate;
#[path = "schedules/random.rs"]
mod random;
#[path = "schedules/tasks.rs"]
mod tasks;

use cases::{CASES, Run, Start};
use endpoint::Endpoint;
use gate::Gate;
use random::Random;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tasks::Tasks;

/// Where the environment says for how many seconds to try new seeds, which one to try alone, and the number of this process.
const SECONDS: &str = "THREADCHAT_SCHEDULES";
const SEED: &str = "THREADCHAT_SCHEDULE_SEED";
const PROCESS: &str = "THREADCHAT_SCHEDULE_PROCESS";

/// For how many seconds to try new seeds, if the environment does not say.
const FEW_SECONDS: u64 = 5;

/// How many processes try them: they also wait for pauses that the program makes.
const PROCESSES: usize = 6;

/// Seeds that have found a bug.
const FOUND: [u64; 0] = [];

/// Only one test, because it watches all threads of its process.
#[test]
fn in_every_schedule_all_that_is_said_arrives_and_all_threads_end() {
    if let Some(seed) = number(SEED) {
        run(seed, &mut Tasks::on_one_processor(0), &mut BTreeMap::new());
    } else if let Some(process) = number(PROCESS) {
        explore(process as usize);
    } else {
        explore_in_many_processes();
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// Each process tries seeds of its own.
fn explore_in_many_processes() {
    let start = |process: usize| {
        let mut explorer = Command::new(std::env::current_exe().unwrap());
        explorer.arg("--nocapture").env(PROCESS, process.to_string());
        explorer.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let explorers: Vec<_> = (0..PROCESSES).map(start).collect();
    for explorer in explorers {
        let explored = explorer.wait_with_output().unwrap();
        let report = String::from_utf8_lossy(&explored.stderr).into_owned();
        assert!(explored.status.success(), "{report}");
        eprint!("{report}");
    }
}

fn explore(process: usize) {
    let (mut tasks, mut figures) = (Tasks::on_one_processor(process), BTreeMap::new());
    FOUND.into_iter().skip(process).step_by(PROCESSES).for_each(|seed| run(seed, &mut tasks, &mut figures));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let mut seeds = Random::new(now ^ u64::from(std::process::id()));
    let until = Instant::now() + Duration::from_secs(number(SECONDS).unwrap_or(FEW_SECONDS));
    while Instant::now() < until {
        run(seeds.next(), &mut tasks, &mut figures);
    }
    eprintln!("schedules and their steps: {figures:?}");
}

/// Runs what this seed chooses, to its end.
fn run(seed: u64, tasks: &mut Tasks, figures: &mut BTreeMap<&'static str, (usize, usize)>) {
    tasks.forget();
    let mut random = Random::new(!seed);
    let (case, start) = choose(random.below(100));
    let gate = Gate::new(seed);
    let Run { endpoints, people, check } = start(&gate, &mut random);
    let has_ended =
        || endpoints.iter().all(Endpoint::has_ended) && people.iter().all(JoinHandle::is_finished);
    let again = format!("{SEED}={seed} cargo test --test schedules");
    match gate.run(tasks, has_ended) {
        Ok(steps) => {
            let figures = figures.entry(case).or_default();
            *figures = (figures.0 + 1, figures.1 + steps.len());
            let told = endpoints.iter().map(Endpoint::told).collect::<Vec<_>>();
            let checked = catch_unwind(AssertUnwindSafe(|| {
                people.into_iter().for_each(|person| person.join().unwrap());
                check(endpoints.into_iter().map(Endpoint::ended).collect());
            }));
            assert!(
                checked.is_ok(),
                "{case}: {}\n{told:#?}\nsee above; again with {again}",
                steps.join("\n")
            );
        }
        Err(dump) => panic!("{case} hangs:\n{dump}\nagain with {again}"),
    }
}

fn choose(mut number: u64) -> (&'static str, Start) {
    for (case, share, start) in CASES {
        match number.checked_sub(share) {
            None => return (case, start),
            Some(rest) => number = rest,
        }
    }
    unreachable!("the shares are a hundred")
}
