//! What is done: a file for each workload, from the first line that is typed to the last one that is checked.

mod goodbye;
pub(super) mod hub;
mod latency;
mod stalled;
pub(super) mod task;
mod throughput;
mod times;

use super::harness::Harness;
use super::harness::counter::Counter;
use super::harness::pair::Pair;
use super::harness::subject::Subject;
use super::measure::Figures;
use crate::rules::failure::Failure;
use task::{Material, Workload};

/// Runs the workload once. With a counter it counts system calls, and the other figures mean nothing.
pub(super) fn run(
    harness: &Harness,
    subject: &Subject,
    workload: Workload,
    material: &Material,
    counter: Option<Counter>,
) -> Result<Figures, Failure> {
    harness.heartbeat.beat();
    let done = match workload {
        Workload::Goodbye => goodbye::run(harness, subject, material, counter),
        Workload::Hub => hub::run(harness, subject, material.crowd),
        _ => run_pair(harness, subject, workload, material, counter),
    };
    // Killed children end in many ways; the reason for the kill is the fault.
    harness.children.take_fault().map_or(done, Err)
}

fn run_pair(
    harness: &Harness,
    subject: &Subject,
    workload: Workload,
    material: &Material,
    counter: Option<Counter>,
) -> Result<Figures, Failure> {
    let mut pair = Pair::start(harness, subject, counter)?;
    let done = match workload {
        Workload::Latency => latency::run(&mut pair, material),
        Workload::Stalled => stalled::run(harness, &mut pair, material),
        _ => throughput::run(harness, &mut pair, material),
    };
    match done {
        Ok(mut figures) => pair.end(&mut figures).map(|()| figures),
        Err(fault) => Err(pair.blame(harness, fault)),
    }
}
