//! The latest steps of a hub, for its page `/live` (`docs/web.md`).
//!
//! Threads record their steps as for a trace, but only while somebody looks at the page, and until [`CAPACITY`] is used up.
//! Then they only count them, until main [takes](Live::take) what there is, ten times a second. So what the page gets from a
//! busy hub is the beginning of each tenth of a second, without gaps: whole ways of a few messages.

use super::thread::kept_thread_name;
use super::{Observe, Observer, Step, current_thread};
use crate::rules::messages::{Messages, Streams};
use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

/// How many steps are kept between two takes. A message to thirty clients is some seventy steps.
const CAPACITY: usize = 1024;

/// Nobody looks.
const OFF: u8 = 0;
/// Steps are recorded.
const OPEN: u8 = 1;
/// Steps are counted.
const FULL: u8 = 2;

/// An observer of a hub.
pub(crate) struct Live {
    state: AtomicU8,
    /// As in a trace, unbounded but never longer than the capacity and one step for each thread.
    record: Sender<Record>,
    recorded: Receiver<Record>,
    missed: AtomicU64,
    origin: Instant,
}

struct Record {
    thread: u32,
    name: &'static str,
    since: Instant,
    step: Step,
}

/// The first line of what is taken. Times are microseconds since the hub began.
#[derive(Serialize)]
struct Head<'a> {
    design: &'a str,
    now: f64,
    /// How many steps were not recorded.
    missed: u64,
    /// The names of the threads.
    threads: BTreeMap<u32, &'static str>,
    /// The streams of clients: id, from the hub to the client, from the client to the hub.
    clients: Vec<(usize, u32, u32)>,
}

impl Observe for Live {
    fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == OPEN
    }

    fn skip(&self) {
        if self.state.load(Ordering::Relaxed) == FULL {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn emit(&self, step: &Step) {
        if !self.is_on() {
            return self.skip();
        }
        if self.recorded.len() >= CAPACITY {
            // Fails if nobody looks any more.
            let _ = self.state.compare_exchange(OPEN, FULL, Ordering::Relaxed, Ordering::Relaxed);
            return self.skip();
        }
        let (thread, name) = (current_thread(), kept_thread_name());
        // It cannot fail: the other end is here.
        let _ = self.record.send(Record { thread, name, since: Instant::now(), step: step.clone() });
    }
}

impl Live {
    fn new() -> Self {
        let (record, recorded) = unbounded();
        let (state, missed) = (AtomicU8::new(OFF), AtomicU64::new(0));
        Self { state, record, recorded, missed, origin: Instant::now() }
    }

    /// One that sees what the others see.
    pub(crate) fn beside(others: &mut Observer) -> Arc<Self> {
        let live = Arc::new(Self::new());
        *others = std::mem::take(others).and(Arc::clone(&live) as _);
        live
    }

    /// Whether somebody looks from now on.
    pub(crate) fn watch(&self, looks: bool) {
        self.state.store(OFF, Ordering::Relaxed);
        self.recorded.try_iter().for_each(drop);
        self.missed.store(0, Ordering::Relaxed);
        self.state.store(if looks { OPEN } else { OFF }, Ordering::Relaxed);
    }

    /// What has been recorded since the last time, as lines of JSON, and the streams of these clients. Recording goes on.
    pub(crate) fn take(&self, design: &str, clients: impl Iterator<Item = (usize, Streams)>) -> Vec<u8> {
        let records: Vec<_> = self.recorded.try_iter().take(CAPACITY).collect();
        let head = Head {
            design,
            now: self.micros(Instant::now()),
            missed: self.missed.swap(0, Ordering::Relaxed),
            threads: records.iter().map(|record| (record.thread, record.name)).collect(),
            clients: clients.map(|(id, Streams { sent, received, .. })| (id, sent.0, received.0)).collect(),
        };
        // Fails unless it was full.
        let _ = self.state.compare_exchange(FULL, OPEN, Ordering::Relaxed, Ordering::Relaxed);
        let mut lines = Vec::new();
        write_line(&mut lines, &head);
        for (record, until) in slices(records) {
            let lasts = until.map(|until| micros(record.since, until));
            write_step(&mut lines, self.micros(record.since), lasts, record.thread, &record.step);
        }
        lines
    }

    fn micros(&self, moment: Instant) -> f64 {
        micros(self.origin, moment)
    }
}

/// The steps in the order of their beginnings, and their ends as far as they are known. What a write has written stands in place
/// of its beginning.
fn slices(records: Vec<Record>) -> Vec<(Record, Option<Instant>)> {
    let mut slices: Vec<(Record, Option<Instant>)> = Vec::with_capacity(records.len());
    let mut last_of: HashMap<u32, usize> = HashMap::new();
    for record in records {
        if let Some(last) = last_of.get(&record.thread) {
            let (before, until) = &mut slices[*last];
            let since = record.since;
            if matches!((&before.step, &record.step), (Step::Writes { .. }, Step::Wrote { .. })) {
                before.step = record.step;
                *until = Some(since);
                continue;
            }
            until.get_or_insert(since);
        }
        last_of.insert(record.thread, slices.len());
        slices.push((record, None));
    }
    slices.sort_by_key(|(record, _)| record.since);
    slices
}

/// When it began, how long it took, its thread, its class in the drawing, its name and its arguments, which are those of traces.
fn write_step(lines: &mut Vec<u8>, since: f64, lasts: Option<f64>, thread: u32, step: &Step) {
    let (what, number, messages) = match step {
        Step::Starts | Step::Ends => ("", 0, Messages::NONE),
        Step::Waits(what) => (what.name(), 0, Messages::NONE),
        Step::Read { from: place, bytes, messages } | Step::Wrote { to: place, bytes, messages } => {
            (place.name(), *bytes, *messages)
        }
        Step::Writes { to, bytes } => (to.name(), *bytes, Messages::NONE),
        Step::Sends { event, waiting } => (&**event, *waiting, Messages::NONE),
        Step::Takes { event, waiting, messages } => (&**event, *waiting, *messages),
        Step::Begins { .. } => ("client", 0, Messages::NONE),
        Step::Decides { decision, typed, messages } => {
            (decision.name(), 0, if messages.count > 0 { *messages } else { *typed })
        }
        Step::Reports(text) => (text.as_str(), 0, Messages::NONE),
        Step::Goodbye(goodbye) => (goodbye.name(), 0, Messages::NONE),
        Step::HandsOut { to, messages } => (to.name(), 0, *messages),
    };
    let Messages { stream, first, count } = messages;
    let (class, name) = (step.class(), step.name());
    write_line(lines, &(since, lasts, thread, class, name, what, number, stream.0, first, count));
}

fn write_line(lines: &mut Vec<u8>, line: &impl Serialize) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(&mut *lines, line);
    lines.push(b'\n');
}

fn micros(from: Instant, to: Instant) -> f64 {
    (to.saturating_duration_since(from).as_nanos() / 100) as f64 / 10.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::observe::{Decision, For, Place};
    use crate::rules::messages::Stream;
    use serde_json::{Value, json};
    use std::thread;

    fn watched() -> (Arc<Live>, Observer) {
        let mut observer = Observer::default();
        (Live::beside(&mut observer), observer)
    }

    /// The first line, and the others without their times and threads.
    fn taken(live: &Live) -> (Value, Vec<Value>) {
        let text = live.take(
            "threads",
            [(2, Streams { sent: Stream(8), received: Stream(7), ..Streams::default() })].into_iter(),
        );
        let mut lines = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| serde_json::from_slice::<Value>(line).unwrap());
        let head = lines.next().unwrap();
        (head, lines.map(|line| line.as_array().unwrap()[3..].to_vec().into()).collect())
    }

    #[test]
    fn no_step_is_built_while_nobody_looks() {
        let (live, observer) = watched();
        let never = || -> Step { unreachable!() };
        assert!(!observer.watches());
        observer.emit(never);
        live.watch(true);
        observer.emit(|| Step::Starts);
        live.watch(false);
        assert!(!observer.watches());
        observer.emit(never);
        live.watch(true);
        let (head, steps) = taken(&live);
        assert_eq!((&head["missed"], steps.len()), (&json!(0), 0), "what was recorded before is gone");
    }

    #[test]
    fn steps_are_told_with_their_threads_and_the_streams_of_clients() {
        let (live, observer) = watched();
        live.watch(true);
        let messages = Messages { stream: Stream(7), first: 3, count: 2 };
        let emit = || {
            observer.emit(|| Step::Waits(For::Input(Place::Client)));
            observer.emit(|| Step::Read { from: Place::Client, bytes: 9, messages });
            observer.emit(|| Step::Sends { event: "Heard".into(), waiting: 1 });
            observer.emit(|| Step::Decides { decision: Decision::Relay, typed: Messages::NONE, messages });
        };
        thread::scope(|scope| {
            thread::Builder::new().name("client-reader".to_owned()).spawn_scoped(scope, emit).unwrap();
        });
        let (head, steps) = taken(&live);
        assert_eq!(head["design"], "threads");
        assert_eq!(head["clients"], json!([[2, 8, 7]]));
        assert_eq!(head["threads"].as_object().unwrap().values().collect::<Vec<_>>(), ["client-reader"]);
        let expected = [
            json!(["waits", "waits", "client", 0, 0, 0, 0]),
            json!(["read", "read", "client", 9, 7, 3, 2]),
            json!(["sends", "sends", "Heard", 1, 0, 0, 0]),
            json!(["decides", "decides", "relay", 0, 7, 3, 2]),
        ];
        assert_eq!(steps, expected);
        assert!(taken(&live).1.is_empty(), "each step is told once");
    }

    #[test]
    fn a_write_that_has_returned_is_one_line_and_one_that_has_not_is_another() {
        let (live, observer) = watched();
        live.watch(true);
        let messages = Messages { stream: Stream(8), first: 1, count: 1 };
        observer.emit(|| Step::Writes { to: Place::Client, bytes: 9 });
        observer.emit(|| Step::Wrote { to: Place::Client, bytes: 9, messages });
        observer.emit(|| Step::Writes { to: Place::Client, bytes: 7 });
        let expected = [
            json!(["writes", "wrote", "client", 9, 8, 1, 1]),
            json!(["writes", "writes", "client", 7, 0, 0, 0]),
        ];
        assert_eq!(taken(&live).1, expected);
    }

    #[test]
    fn what_is_too_much_is_counted_and_recording_goes_on_after_the_next_take() {
        let (live, observer) = watched();
        live.watch(true);
        let flood = || (0..CAPACITY).for_each(|_| observer.emit(|| Step::Starts));
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(flood))));
        assert!(!observer.watches(), "steps are not even built any more");
        let (head, steps) = taken(&live);
        let missed = head["missed"].as_u64().unwrap() as usize;
        assert_eq!(steps.len(), CAPACITY);
        assert!((3 * CAPACITY - 4..=3 * CAPACITY).contains(&missed), "{missed}");
        assert!(observer.watches());
        observer.emit(|| Step::Ends);
        let (head, steps) = taken(&live);
        assert_eq!(head["missed"], 0);
        assert_eq!(steps.last().unwrap()[1], "ends");
    }
}
