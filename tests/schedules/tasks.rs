//! What the threads of this process do, as Linux sees it.

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity};
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::fmt::Write as _;
use std::fs::{self, DirEntry, File};
use std::os::unix::fs::FileExt;

const TASKS: &str = "/proc/self/task";

/// All threads of this process but the one that looks.
pub(crate) struct Tasks {
    own: Pid,
    states: HashMap<Pid, File>,
}

impl Tasks {
    /// From here on this thread and those that it starts share one processor, so that no thread moves while this one looks. With
    /// another number it may be another one.
    pub(crate) fn on_one_processor(number: usize) -> Self {
        let allowed = sched_getaffinity(None).unwrap();
        let mut processors = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).cycle();
        let mut processor = CpuSet::new();
        processor.set(processors.nth(number).unwrap());
        sched_setaffinity(None, &processor).unwrap();
        Self { own: gettid(), states: HashMap::new() }
    }

    /// Closes the files of threads that may have ended.
    pub(crate) fn forget(&mut self) {
        self.states.clear();
    }

    /// Whether all of them sleep but those at the gate. A thread that another one has woken does not sleep, even if it does not
    /// run yet.
    pub(crate) fn others_sleep(&mut self, at_gate: &HashSet<Pid>) -> bool {
        tasks().all(|(task, _)| task == self.own || at_gate.contains(&task) || self.sleeps(task))
    }

    /// Whether this one sleeps, or has ended.
    fn sleeps(&mut self, task: Pid) -> bool {
        let state = match self.states.entry(task) {
            Entry::Occupied(state) => state.into_mut(),
            Entry::Vacant(new) => match File::open(format!("{TASKS}/{task}/stat")) {
                Ok(state) => new.insert(state),
                Err(_) => return true,
            },
        };
        // Long enough for the number, the name and the state.
        let mut stat = [0; 64];
        let Ok(length) = state.read_at(&mut stat, 0) else {
            self.states.remove(&task);
            return false;
        };
        let after_name = stat[..length].iter().rposition(|byte| *byte == b')');
        after_name.is_some_and(|at| matches!(stat.get(at + 2), Some(b'S' | b'Z' | b'X')))
    }
}

fn tasks() -> impl Iterator<Item = (Pid, DirEntry)> {
    let tasks = fs::read_dir(TASKS).unwrap().flatten();
    tasks.filter_map(|task| Some((Pid::from_raw(task.file_name().to_str()?.parse().ok()?)?, task)))
}

/// Where each of them is: its name, its state, and the number of its system call.
pub(crate) fn dump() -> String {
    let mut text = String::new();
    for (_, task) in tasks() {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let stat = read("stat");
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?');
        let call = read("syscall");
        let call = call.split(' ').next().unwrap_or_default().trim();
        let _ = writeln!(text, "thread {}: {state}, system call {call}", read("comm").trim());
    }
    text
}
