//! What processes use: memory and threads, read while they run; processor time and switches, reported at their end.

use super::children::Process;
use crate::lab::compare::measure::{Figures, Measure};
use crate::platform::Usage;
use std::fs;

/// Records the peak of memory and the number of threads, of the process that has more. (The system's report at the end
/// of a child includes the memory of the process it was forked from.)
pub(crate) fn sample(processes: &[&Process], figures: &mut Figures) {
    let mut at_least = |measure, value: f64| {
        let figure = figures.entry(measure).or_default();
        *figure = figure.max(value);
    };
    for process in processes {
        if let Some(bytes) = peak_memory(process) {
            at_least(Measure::PeakMemoryBytes, bytes);
        }
        if let Some(threads) = status(process, "Threads:") {
            at_least(Measure::Threads, threads);
        }
    }
    for (name, seconds) in processes.iter().flat_map(|process| threads(process)) {
        *figures.threads.entry(name).or_default() += seconds;
    }
}

/// Records how much memory is resident now, of the process that has more.
pub(crate) fn sample_idle(processes: &[&Process], figures: &mut Figures) {
    let resident = processes.iter().filter_map(|process| status(process, "VmRSS:"));
    if let Some(kilobytes) = resident.reduce(f64::max) {
        figures.insert(Measure::IdleMemoryBytes, kilobytes * 1024.0);
    }
}

/// The processor time of all threads that there are.
pub(super) fn cpu_seconds(process: &Process) -> f64 {
    threads(process).into_iter().map(|(_, seconds)| seconds).sum()
}

/// The names of the threads, and their processor time in seconds. From `schedstat`, in nanoseconds: `stat` counts ticks,
/// and some threads use less than one in a whole run.
fn threads(process: &Process) -> Vec<(String, f64)> {
    let folder = format!("/proc/{}/task", process.id());
    let tasks = fs::read_dir(folder).into_iter().flatten().flatten();
    let thread = |task: fs::DirEntry| {
        let times = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanoseconds: f64 = times.split_whitespace().next()?.parse().ok()?;
        let is_main = task.file_name().to_str() == Some(&process.id().to_string());
        let name = fs::read_to_string(task.path().join("comm")).ok()?.trim_end().to_owned();
        Some((if is_main { "main".to_owned() } else { name }, nanoseconds / 1e9))
    };
    tasks.filter_map(thread).collect()
}

/// The most memory that was ever resident, in bytes.
pub(crate) fn peak_memory(process: &Process) -> Option<f64> {
    status(process, "VmHWM:").map(|kilobytes| kilobytes * 1024.0)
}

pub(super) fn add(usage: &Usage, figures: &mut Figures) {
    *figures.entry(Measure::CpuSeconds).or_default() += usage.cpu.as_secs_f64();
    *figures.entry(Measure::VoluntarySwitches).or_default() += usage.voluntary_switches as f64;
    *figures.entry(Measure::InvoluntarySwitches).or_default() += usage.involuntary_switches as f64;
}

/// Subtracts what an idle run uses.
pub(crate) fn subtract(idle: &Figures, figures: &mut Figures) {
    for (measure, value) in idle.iter() {
        figures.entry(*measure).and_modify(|figure| *figure = (*figure - value).max(0.0));
    }
}

/// A number that Linux shows about a running process.
fn status(process: &Process, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
