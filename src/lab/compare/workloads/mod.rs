//! What is done: a file for each workload, from the first line that is typed to the last one that is checked.

mod goodbye;
pub(super) mod hub;
mod latency;
mod stalled;
mod steady;
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
    let with_pair = |work: fn(&Harness, &mut Pair, &Material) -> Result<Figures, Failure>| {
        let mut pair = Pair::start(harness, subject, counter)?;
        let done = work(harness, &mut pair, material);
        pair.end(harness, done)
    };
    let done = match workload {
        Workload::Latency => with_pair(|_, pair, material| latency::run(pair, material)),
        Workload::OneWay | Workload::BothWays => with_pair(throughput::run),
        Workload::Stalled => with_pair(stalled::run),
        Workload::Steady => with_pair(steady::run),
        Workload::Goodbye => goodbye::run(harness, subject, material, counter),
        Workload::Hub | Workload::Linked | Workload::Web => hub::run(harness, subject, material),
    };
    // Killed children end in many ways; the reason for the kill is the fault.
    harness.children.take_fault().map_or(done, Err)
}
