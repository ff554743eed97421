//! What endpoints need: memory and threads, looked up while they run; processor time and switches, told at their end.

use super::children::Process;
use super::measure::{Figures, Measure};
use crate::platform::Usage;
use std::fs;

/// The peak of memory and the number of threads at this moment: the larger of these processes'. (What the system tells at
/// the end of a child includes the memory of the process that it was forked from.)
pub(super) fn look(processes: &[&Process], figures: &mut Figures) {
    for process in processes {
        if let Some(bytes) = peak_memory(process) {
            at_least(figures, Measure::PeakMemoryBytes, bytes);
        }
        if let Some(threads) = status(process, "Threads:") {
            at_least(figures, Measure::Threads, threads);
        }
    }
}

/// The most memory that was ever resident, in bytes.
pub(super) fn peak_memory(process: &Process) -> Option<f64> {
    status(process, "VmHWM:").map(|kilobytes| kilobytes * 1024.0)
}

/// Adds what a process had used.
pub(super) fn add(usage: &Usage, figures: &mut Figures) {
    *figures.entry(Measure::CpuSeconds).or_default() += usage.cpu.as_secs_f64();
    *figures.entry(Measure::VoluntarySwitches).or_default() += usage.voluntary_switches as f64;
    *figures.entry(Measure::InvoluntarySwitches).or_default() += usage.involuntary_switches as f64;
}

/// Takes off what is needed also if nothing is done.
pub(super) fn take_off(idle: &Figures, figures: &mut Figures) {
    for (measure, value) in idle {
        figures.entry(*measure).and_modify(|figure| *figure = (*figure - value).max(0.0));
    }
}

fn at_least(figures: &mut Figures, measure: Measure, value: f64) {
    let figure = figures.entry(measure).or_default();
    *figure = figure.max(value);
}

/// A figure that Linux shows of a process that runs.
fn status(process: &Process, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
