//! A gate at which every thread stops at every step, and a seed that chooses who passes.
//!
//! The choice is PCT's (Burckhardt et al., 2010): each thread has a random priority, the highest passes, and at a few random
//! moments the one that would pass falls below all others. A bug that needs few such moments is found with a probability
//! that can be stated, whatever else happens; threads that merely race are interleaved in ways that a free run almost never takes.
//!
//! The next thread passes when no other moves: each waits at the gate, or sleeps in the system. So a seed repeats the choices. It
//! does not repeat the time, which ends waits by itself, nor what happens between two steps of a thread.

use crate::random::Random;
use crate::tasks::{self, Tasks};
use rustix::thread::{Pid, gettid};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};
use threadchat::observe::{Observe, Observer, Step};

/// How many steps most runs take: change points are among them.
const STEPS: u64 = 200;

/// The most change points of a run.
const CHANGES: u64 = 8;

/// For how long all may wait. No wait of the program that ends by itself is so long in these runs.
const HANG: Duration = Duration::from_secs(10);

/// Who takes a step: whose thread, its name, and how many of that name were there before.
type Who = (&'static str, String, usize);

#[derive(Clone)]
pub(crate) struct Gate(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    came: Condvar,
}

struct State {
    seed: u64,
    /// The numbers of the steps at which the one that would pass falls below all others.
    changes: HashSet<usize>,
    fallen: Vec<Who>,
    names: HashMap<ThreadId, Who>,
    /// How many threads there were of each name.
    named: HashMap<(&'static str, String), usize>,
    waiting: BTreeMap<Who, Waiting>,
    /// Threads of the program that have not ended.
    alive: HashSet<Who>,
    passed: Vec<String>,
    moved_at: Instant,
}

struct Waiting {
    step: String,
    task: Pid,
    thread: Thread,
    passes: Arc<AtomicBool>,
}

impl Gate {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let changes = (0..random.below(CHANGES + 1)).map(|_| random.below(STEPS) as usize).collect();
        let state = State {
            seed,
            changes,
            fallen: Vec::new(),
            names: HashMap::new(),
            named: HashMap::new(),
            waiting: BTreeMap::new(),
            alive: HashSet::new(),
            passed: Vec::new(),
            moved_at: Instant::now(),
        };
        Self(Arc::new(Shared { state: Mutex::new(state), came: Condvar::new() }))
    }

    /// The observer for the threads of an endpoint.
    pub(crate) fn observer(&self, whose: &'static str) -> Observer {
        Observer::default().and(Arc::new(Entrance { gate: self.clone(), whose }))
    }

    /// The current thread takes this step when it is its turn.
    pub(crate) fn pass(&self, whose: &'static str, step: impl Into<String>) {
        let thread = thread::current();
        let passes = Arc::new(AtomicBool::new(false));
        {
            let mut state = self.lock();
            let who = state.name(whose, &thread);
            let waiting = Waiting { step: step.into(), task: gettid(), thread, passes: Arc::clone(&passes) };
            state.waiting.insert(who, waiting);
        }
        self.0.came.notify_one();
        while !passes.load(Ordering::Acquire) {
            thread::park();
        }
    }

    /// Lets one thread after the other pass until `has_ended`, and all threads of the program have. The steps that passed.
    pub(crate) fn run(
        &self,
        tasks: &mut Tasks,
        mut has_ended: impl FnMut() -> bool,
    ) -> Result<Vec<String>, String> {
        loop {
            let at_gate = self.lock().waiting.values().map(|waiting| waiting.task).collect();
            if !tasks.others_sleep(&at_gate) && !self.lock().hangs() {
                thread::yield_now();
                continue;
            }
            let mut state = self.lock();
            if state.hangs() {
                return Err(state.dump());
            }
            if state.pass_next() {
                continue;
            }
            if state.alive.is_empty() && has_ended() {
                return Ok(std::mem::take(&mut state.passed));
            }
            // Whoever sleeps in the system comes, or a time-out is due, or the last threads end.
            let look = if state.alive.is_empty() { 1 } else { 50 };
            drop(self.0.came.wait_timeout(state, Duration::from_millis(look)).unwrap());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl State {
    fn name(&mut self, whose: &'static str, thread: &Thread) -> Who {
        if let Some(who) = self.names.get(&thread.id()) {
            return who.clone();
        }
        let name = thread.name().unwrap_or("?").to_owned();
        let before = self.named.entry((whose, name.clone())).or_default();
        let who = (whose, name, *before);
        *before += 1;
        self.names.insert(thread.id(), who.clone());
        who
    }

    /// Lets the one with the highest priority pass, if anybody waits.
    fn pass_next(&mut self) -> bool {
        if self.changes.remove(&self.passed.len())
            && let Some(first) = self.first()
        {
            self.fallen.retain(|who| *who != first);
            self.fallen.push(first);
        }
        let Some(who) = self.first() else { return false };
        let Some(Waiting { step, thread, passes, .. }) = self.waiting.remove(&who) else { return false };
        if !step.starts_with("Waits") {
            self.moved_at = Instant::now();
        }
        self.passed.push(format!("{who:?} {step}"));
        passes.store(true, Ordering::Release);
        thread.unpark();
        true
    }

    /// Whether nobody has done anything but wait for long.
    fn hangs(&self) -> bool {
        self.moved_at.elapsed() > HANG
    }

    fn first(&self) -> Option<Who> {
        self.waiting.keys().max_by_key(|who| self.priority(who)).cloned()
    }

    /// A random number, but below all others if it has fallen, the last one lowest. It does not depend on who came first.
    fn priority(&self, who: &Who) -> (bool, u64) {
        if let Some(fell) = self.fallen.iter().position(|fallen| fallen == who) {
            return (false, u64::MAX - fell as u64);
        }
        let name = who.0.bytes().chain(who.1.bytes()).chain([who.2 as u8]);
        (true, name.fold(self.seed, |hash, byte| Random::new(hash ^ u64::from(byte)).next()))
    }

    /// Where everybody is.
    fn dump(&self) -> String {
        let mut text = String::new();
        for step in self.passed.iter().skip(self.passed.len().saturating_sub(400)) {
            let _ = writeln!(text, "{step}");
        }
        for (who, waiting) in &self.waiting {
            let _ = writeln!(text, "at the gate: {who:?} {}", waiting.step);
        }
        let _ = write!(text, "have not ended: {:?}\n{}", self.alive, tasks::dump());
        text
    }
}

/// Where the threads of an endpoint come to the gate.
struct Entrance {
    gate: Gate,
    whose: &'static str,
}

impl Observe for Entrance {
    fn emit(&self, step: &Step) {
        let thread = thread::current();
        if matches!(step, Step::Starts) {
            let mut state = self.gate.lock();
            let who = state.name(self.whose, &thread);
            state.alive.insert(who);
        }
        self.gate.pass(self.whose, format!("{step:?}"));
        if matches!(step, Step::Ends) {
            let mut state = self.gate.lock();
            let who = state.name(self.whose, &thread);
            state.alive.remove(&who);
        }
    }
}
