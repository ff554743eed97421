//! The turnstile: every step of every thread passes here, one at a time, as slowly as the user wants.
//!
//! A thread calls its observer at each step, and continues when that returns. So to pause the demo, the observer just does
//! not return, and the threads know nothing of it.

use super::event::{Event, Passed};
use super::side::Side;
use crate::observe::{Goodbye, Observe, Step, current_thread, current_thread_name};
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long others wait for a thread that writes to report that it has written, so that no read is shown before its write.
/// A write may take longer, when the destination is busy.
const WRITE_TIMEOUT: Duration = Duration::from_millis(100);

/// The threads of both endpoints share one.
pub(super) struct Turnstile {
    state: Mutex<State>,
    changed: Condvar,
    /// Gets the steps in the order in which they passed. While the channel is full, nobody passes.
    to_main: Sender<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// The minimum time between two steps.
    pub(super) delay: Duration,
    /// Nobody passes except by [`Turnstile::step`].
    pub(super) paused: bool,
}

impl Pace {
    pub(super) const FULL: Self = Self { delay: Duration::ZERO, paused: false };
}

struct State {
    pace: Pace,
    /// One step may pass although it is paused.
    lets_one: bool,
    /// In the order in which they came.
    waiting: VecDeque<Waiting>,
    passed_at: Option<Instant>,
    /// A step is passing.
    passing: bool,
    /// The thread that writes, and how long others wait for it.
    writing: Option<(u32, Instant)>,
}

struct Waiting {
    thread: u32,
    passed: Passed,
}

impl Turnstile {
    /// At full speed.
    pub(super) fn new(to_main: Sender<Event>) -> Arc<Self> {
        let state = State {
            pace: Pace::FULL,
            lets_one: false,
            waiting: VecDeque::new(),
            passed_at: None,
            passing: false,
            writing: None,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), to_main })
    }

    /// The observer for one of the endpoints.
    pub(super) fn observer(self: &Arc<Self>, side: Side) -> Arc<dyn Observe> {
        Arc::new(Entrance { turnstile: Arc::clone(self), side })
    }

    pub(super) fn set_pace(&self, pace: Pace) {
        self.lock().pace = pace;
        self.changed.notify_all();
    }

    /// Lets the next step pass, if one waits.
    pub(super) fn step(&self) {
        let mut state = self.lock();
        state.lets_one = !state.waiting.is_empty();
        self.changed.notify_all();
    }

    /// The next step to pass.
    pub(super) fn next(&self) -> Option<Passed> {
        self.lock().waiting.front().map(|waiting| waiting.passed.clone())
    }

    fn pass(&self, side: Side, step: &Step) {
        let thread = current_thread();
        let mut passed = Passed { side, name: current_thread_name(), step: step.clone(), at: Instant::now() };
        let mut state = self.lock();
        let waits = takes_time(step);
        if waits {
            state.waiting.push_back(Waiting { thread, passed: passed.clone() });
            if state.pace.paused {
                // While the channel is full, main is about to draw anyway.
                let _ = self.to_main.try_send(Event::Arrived);
            }
        }
        while let Err(until) = state.may_pass(thread, waits) {
            state = self.wait(state, until);
        }
        if waits {
            state.waiting.pop_front();
            state.lets_one = false;
            state.passed_at = Some(Instant::now());
        }
        if matches!(step, Step::Writes { .. }) {
            state.writing = Some((thread, Instant::now() + WRITE_TIMEOUT));
        } else {
            state.writing.take_if(|(writer, _)| *writer == thread);
        }
        state.passing = true;
        drop(state);
        passed.at = Instant::now();
        // Fails only if the demo is over. It may block, so the lock is not held: main must be able to set the pace.
        let _ = self.to_main.send(Event::Passed(passed));
        self.lock().passing = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panics ends the program; until then its data are good enough.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed, or until this moment.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, until: Option<Instant>) -> MutexGuard<'a, State> {
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(time) => self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
        }
    }
}

impl State {
    /// Whether this thread may pass now. If not, when to ask again unless something changes before.
    fn may_pass(&self, thread: u32, waits: bool) -> Result<(), Option<Instant>> {
        if self.passing {
            return Err(None);
        }
        if !waits {
            return Ok(());
        }
        let is_first = self.waiting.front().is_some_and(|first| first.thread == thread);
        if !is_first || self.pace.paused && !self.lets_one {
            return Err(None);
        }
        let now = Instant::now();
        let written = self.writing.filter(|(writer, _)| *writer != thread).map(|(_, until)| until);
        let due = self.passed_at.map(|at| at + self.pace.delay).filter(|_| !self.lets_one);
        match written.into_iter().chain(due).filter(|until| *until > now).max() {
            None => Ok(()),
            until => Err(until),
        }
    }
}

/// Whether a step is worth watching. The others follow from the steps before them, and pass at once.
pub(super) fn takes_time(step: &Step) -> bool {
    match step {
        Step::Read { .. }
        | Step::Sends { .. }
        | Step::Takes { .. }
        | Step::Decides { .. }
        | Step::HandsOut { .. }
        | Step::Writes { .. }
        | Step::Goodbye(Goodbye::Heard) => true,
        Step::Starts
        | Step::Waits(_)
        | Step::Begins { .. }
        | Step::Reports(_)
        | Step::Goodbye(Goodbye::Written)
        | Step::Wrote { .. }
        | Step::Ends => false,
    }
}

/// The entrance of the threads of one endpoint.
struct Entrance {
    turnstile: Arc<Turnstile>,
    side: Side,
}

impl Observe for Entrance {
    fn emit(&self, step: &Step) {
        self.turnstile.pass(self.side, step);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::observe::{For, Place};
    use crate::rules::messages::Messages;
    use crossbeam_channel::{Receiver, bounded};
    use std::thread::{self, JoinHandle};

    const READ: Step = Step::Read { from: Place::Keyboard, bytes: 1, messages: Messages::NONE };

    fn paused() -> (Arc<Turnstile>, Receiver<Event>) {
        let (to_main, events) = bounded(8);
        let turnstile = Turnstile::new(to_main);
        turnstile.set_pace(Pace { delay: Duration::ZERO, paused: true });
        (turnstile, events)
    }

    /// A thread that takes this step. It has come to the turnstile.
    fn comes(turnstile: &Arc<Turnstile>, step: Step) -> JoinHandle<()> {
        let waiting = turnstile.lock().waiting.len();
        let observer = turnstile.observer(Side::A);
        let thread = thread::spawn(move || observer.emit(&step));
        while turnstile.lock().waiting.len() == waiting {
            thread::yield_now();
        }
        thread
    }

    fn step(events: &Receiver<Event>) -> Option<Step> {
        events.try_iter().find_map(|event| match event {
            Event::Passed(passed) => Some(passed.step),
            _ => None,
        })
    }

    #[test]
    fn while_paused_steps_pass_one_by_one_in_the_order_in_which_they_came() {
        let (turnstile, events) = paused();
        let sends = Step::Sends { event: "Typed".into(), waiting: 0 };
        let (first, second) = (comes(&turnstile, READ), comes(&turnstile, sends.clone()));
        assert_eq!(step(&events), None);
        assert_eq!(turnstile.next().unwrap().step, READ);
        turnstile.step();
        first.join().unwrap();
        assert_eq!((step(&events), step(&events)), (Some(READ), None));
        assert!(!second.is_finished());
        turnstile.set_pace(Pace::FULL);
        second.join().unwrap();
        assert_eq!(step(&events), Some(sends));
    }

    #[test]
    fn waiting_passes_at_once_even_while_paused() {
        let (turnstile, events) = paused();
        let waits = Step::Waits(For::Event);
        turnstile.observer(Side::B).emit(&waits);
        assert_eq!(step(&events), Some(waits));
    }

    #[test]
    fn a_step_that_is_allowed_when_nobody_waits_is_not_kept_for_later() {
        let (turnstile, events) = paused();
        turnstile.step();
        let thread = comes(&turnstile, READ);
        assert_eq!(step(&events), None);
        turnstile.step();
        thread.join().unwrap();
        assert_eq!(step(&events), Some(READ));
    }

    #[test]
    fn no_read_passes_before_the_write_has_been_reported() {
        let (turnstile, events) = paused();
        turnstile.set_pace(Pace::FULL);
        let observer = turnstile.observer(Side::A);
        let writes = Step::Writes { to: Place::Peer, bytes: 1 };
        observer.emit(&writes);
        let reader = comes(&turnstile, READ);
        let wrote = Step::Wrote { to: Place::Peer, bytes: 1, messages: Messages::NONE };
        observer.emit(&wrote);
        reader.join().unwrap();
        assert_eq!([step(&events), step(&events), step(&events)], [Some(writes), Some(wrote), Some(READ)]);
    }
}
