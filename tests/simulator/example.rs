//! Histories that nobody thought of, for as long as you like, on all processors:
//! `cargo run --release --example simulate -- --minutes 60`.

#![allow(clippy::print_stdout, clippy::panic, clippy::unwrap_used)]

#[path = "mod.rs"]
mod simulator;

use clap::Parser;
use simulator::{Kind, Seed, Tried};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

#[derive(Parser)]
struct Options {
    /// How long.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// What is simulated. Without it, everything in turns.
    #[arg(long)]
    kind: Option<String>,
    /// Shows the history of this seed, such as hub-00000000000000ff, instead.
    seed: Option<Seed>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(seed) = options.seed {
        println!("{}", simulator::tell(seed).join("\n"));
        return report(simulator::run(seed));
    }
    let kinds: Vec<Kind> = Kind::ALL
        .iter()
        .copied()
        .filter(|kind| options.kind.as_ref().is_none_or(|name| *name == kind.to_string()))
        .collect();
    let time = Duration::from_secs_f64(options.minutes * 60.0) / kinds.len().max(1) as u32;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    for kind in kinds {
        let tries: Vec<_> = (0..processors)
            .map(|_| thread::spawn(move || simulator::run_for(kind, fastrand::u64(..), time)))
            .collect();
        let mut all = Tried::default();
        for tried in tries {
            match tried.join().unwrap_or_else(|_| Err("a thread ended early".to_owned())) {
                Ok(tried) => all.add(tried),
                error => return report(error),
            }
        }
        all.time /= processors as u32;
        println!("{kind}: {all}");
    }
    ExitCode::SUCCESS
}

fn report(result: Result<Tried, String>) -> ExitCode {
    match result {
        Ok(tried) => {
            println!("{tried}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
