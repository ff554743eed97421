//! Steps to slices, and messages to arrows between them.

use super::event::{Events, key};
use super::{About, Clock, Record, WAY, WRITE_EVERY};
use crate::observe::{Decision, For, Goodbye, Place, Step};
use crate::rules::messages::{Messages, Stream};
use std::collections::HashMap;
use std::io::{self, Write};
use std::process;
use std::time::Instant;

/// The version of the format.
const FORMAT: u64 = 1;

/// Up to how many messages of a batch have an arrow each. With more the batch has one.
const SINGLE: u64 = 8;

/// How much is written to the file at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Every thread has a lane, on which each step is a slice that lasts until the next.
///
/// A slice is written as a whole when it ends. One that lasts longer than the time between two writes is begun in the file
/// before it has ended, so that after a crash the file tells what each thread was doing.
pub(super) struct Lanes<W> {
    to: W,
    events: Events,
    clock: Clock,
    pid: u32,
    lanes: HashMap<u32, Lane>,
}

/// What a thread is doing.
struct Lane {
    since: Instant,
    step: Step,
    /// Since when it has been writing what this step says has been written: the other side may have read it before the
    /// write returns.
    leaves: Instant,
    /// Its slice has been begun in the file.
    is_begun: bool,
}

/// How an arrow goes on in a slice.
#[derive(Clone, Copy)]
enum Flow {
    Start,
    Step,
    End,
}

impl<W: Write> Lanes<W> {
    pub(super) fn new(to: W, clock: Clock) -> Self {
        Self { to, events: Events::default(), clock, pid: process::id(), lanes: HashMap::new() }
    }

    /// What the trace is about. The list of events is never closed unless all goes well, which the format allows.
    pub(super) fn begin(&mut self, about: &About) -> io::Result<()> {
        self.to.write_all(b"[\n")?;
        let origin = self.clock.origin();
        self.write("threadchat", "M", 0, |event| {
            event
                .open(key!("args"))
                .number(key!("format"), FORMAT)
                .word(key!("program"), concat!("threadchat ", env!("CARGO_PKG_VERSION")))
                .word(key!("command"), about.command)
                .string(key!("design"), &about.design)
                .number(key!("origin"), origin)
                .close();
        })?;
        self.name("process_name", 0, &format!("{} ({})", about.command, about.design))
    }

    /// A thread has done a step.
    pub(super) fn add(&mut self, record: Record) -> io::Result<()> {
        match record {
            Record::Name { thread, name } => {
                self.name("thread_name", thread, &name)?;
                self.write("thread_sort_index", "M", thread, |event| {
                    event.open(key!("args")).number(key!("sort_index"), place_of(&name)).close();
                })
            }
            Record::Step { thread, at, step } => {
                let is_last = step == Step::Ends;
                let next = Lane { since: at, step, leaves: at, is_begun: false };
                if let Some(lane) = self.lanes.get_mut(&thread) {
                    let ended = std::mem::replace(lane, next);
                    if matches!(ended.step, Step::Writes { .. }) {
                        lane.leaves = ended.since;
                    }
                    self.end_slice(thread, &ended, at)?;
                } else {
                    self.lanes.insert(thread, next);
                }
                if is_last && let Some(last) = self.lanes.remove(&thread) {
                    self.end_slice(thread, &last, at)?;
                }
                Ok(())
            }
        }
    }

    /// Begins the slices of what goes on for so long that it was going on when this was last called.
    pub(super) fn write_open(&mut self) -> io::Result<()> {
        let Some(before) = Instant::now().checked_sub(WRITE_EVERY) else { return Ok(()) };
        let mut lanes = std::mem::take(&mut self.lanes);
        for (thread, lane) in lanes.iter_mut().filter(|(_, lane)| !lane.is_begun && lane.since < before) {
            self.slice(*thread, lane, None)?;
            lane.is_begun = true;
        }
        self.lanes = lanes;
        Ok(())
    }

    /// No more is recorded. So many steps were not.
    pub(super) fn end(&mut self, lost: u64) -> io::Result<()> {
        let now = Instant::now();
        let ts = self.clock.at(now);
        let mut left: Vec<_> = std::mem::take(&mut self.lanes).into_iter().collect();
        left.sort_unstable_by_key(|(thread, _)| *thread);
        for (thread, lane) in left {
            self.end_slice(thread, &lane, now)?;
            self.write("left behind", "i", thread, |event| {
                event.micros(key!("ts"), ts).word(key!("s"), "t");
            })?;
        }
        if lost > 0 {
            self.write("lost", "i", 0, |event| {
                event
                    .micros(key!("ts"), ts)
                    .word(key!("s"), "p")
                    .open(key!("args"))
                    .number(key!("count"), lost)
                    .close();
            })?;
        }
        self.events.begin("end", "i", self.pid, 0).micros(key!("ts"), ts).word(key!("s"), "p").end_list();
        self.flush()
    }

    /// Writes what has not been written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(self.events.text())?;
        self.events.clear();
        Ok(())
    }

    fn end_slice(&mut self, thread: u32, lane: &Lane, at: Instant) -> io::Result<()> {
        if lane.is_begun {
            let ts = self.clock.at(at);
            self.write("", "E", thread, |event| {
                event.micros(key!("ts"), ts);
            })
        } else {
            self.slice(thread, lane, Some(at))
        }
    }

    /// A slice, whole or only its beginning, and the arrows that touch it.
    fn slice(&mut self, thread: u32, lane: &Lane, until: Option<Instant>) -> io::Result<()> {
        let ts = self.clock.at(lane.since);
        let dur = until.map(|until| self.clock.at(until).saturating_sub(ts));
        self.write(name_of(&lane.step), if dur.is_some() { "X" } else { "B" }, thread, |event| {
            event.micros(key!("ts"), ts);
            if let Some(dur) = dur {
                event.micros(key!("dur"), dur);
            }
            describe(&lane.step, event);
        })?;
        let leaves = self.clock.at(lane.leaves);
        arrows(&lane.step, |flow, cat, messages| {
            let at = if cat == "wire" && matches!(flow, Flow::Start) { leaves } else { ts };
            self.flow(flow, cat, messages, thread, at)
        })
    }

    fn flow(
        &mut self,
        flow: Flow,
        cat: &'static str,
        messages: Messages,
        tid: u32,
        ts: u64,
    ) -> io::Result<()> {
        // What is typed goes from one thread of this process to another.
        let stream = if messages.stream == Stream::KEYBOARD { self.pid } else { messages.stream.0 };
        let (name, arrows) = match messages.count {
            count @ 0..=SINGLE => ("message", count),
            // There are many of these, and the two sides cut a stream into other batches.
            _ if matches!(flow, Flow::Step) || cat == "wire" => return Ok(()),
            _ => ("batch", 1),
        };
        let ph = match flow {
            Flow::Start => "s",
            Flow::Step => "t",
            Flow::End => "f",
        };
        for number in messages.first..messages.first + arrows {
            self.write(name, ph, tid, |event| {
                event.micros(key!("ts"), ts).word(key!("cat"), cat);
                // Half for the stream, half for the number.
                event.id(u64::from(stream) << 32 | (number & 0xffff_ffff));
                if !matches!(flow, Flow::Start) {
                    // It touches the slice around it, not the next.
                    event.word(key!("bp"), "e");
                }
                if messages.count > SINGLE {
                    event.open(key!("args")).number(key!("count"), messages.count).close();
                }
            })?;
        }
        Ok(())
    }

    /// Names a thread, or the process.
    fn name(&mut self, kind: &'static str, tid: u32, name: &str) -> io::Result<()> {
        self.write(kind, "M", tid, |event| {
            event.open(key!("args")).string(key!("name"), name).close();
        })
    }

    fn write(
        &mut self,
        name: &'static str,
        ph: &'static str,
        tid: u32,
        more: impl FnOnce(&mut Events),
    ) -> io::Result<()> {
        more(self.events.begin(name, ph, self.pid, tid));
        self.events.end();
        if self.events.text().len() < CHUNK { Ok(()) } else { self.flush() }
    }
}

/// In which order lanes are drawn: the way of a message, as in the picture.
fn place_of(thread: &str) -> u64 {
    WAY.iter().position(|name| *name == thread).unwrap_or(WAY.len()) as u64
}

/// How a step is called in the file.
fn name_of(step: &Step) -> &'static str {
    match step {
        Step::Starts => "starts",
        Step::Waits(_) => "waits",
        Step::Read { .. } => "read",
        Step::Sends { .. } => "sends",
        Step::Takes { .. } => "takes",
        Step::Begins { .. } => "begins",
        Step::Decides { .. } => "decides",
        Step::Tells(_) => "tells",
        Step::Goodbye(_) => "goodbye",
        Step::HandsOut { .. } => "hands out",
        Step::Writes { .. } => "writes",
        Step::Wrote { .. } => "wrote",
        Step::Ends => "ends",
    }
}

/// What else there is to say about it.
fn describe(step: &Step, event: &mut Events) {
    event.open(key!("args"));
    match step {
        Step::Starts | Step::Ends => {}
        Step::Waits(what) => {
            event.word(key!("what"), waited_for(*what));
        }
        Step::Read { from: at, bytes, messages } | Step::Wrote { to: at, bytes, messages } => {
            event.word(key!("what"), at.word()).number(key!("bytes"), *bytes as u64);
            numbers(event, key!("messages"), *messages);
        }
        Step::Sends { event: what, waiting } => {
            event.word(key!("what"), what).number(key!("waiting"), *waiting as u64);
        }
        Step::Takes { event: what, waiting, messages } => {
            event.word(key!("what"), what).number(key!("waiting"), *waiting as u64);
            numbers(event, key!("messages"), *messages);
        }
        Step::Begins { streams, local, peer } => {
            event.string(key!("local"), &local.to_string()).string(key!("peer"), &peer.to_string());
            event.number(key!("sent"), streams.sent.0.into());
            event.number(key!("received"), streams.received.0.into());
        }
        Step::Decides { decision, typed, messages } => {
            event.word(key!("what"), decided(*decision));
            numbers(event, key!("typed"), *typed);
            numbers(event, key!("messages"), *messages);
        }
        Step::Tells(notice) => {
            event.string(key!("text"), notice);
        }
        Step::Goodbye(Goodbye::Written) => {
            event.word(key!("what"), "written");
        }
        Step::Goodbye(Goodbye::Heard) => {
            event.word(key!("what"), "heard");
        }
        Step::HandsOut { to, messages } => {
            event.word(key!("what"), to.word());
            numbers(event, key!("messages"), *messages);
        }
        Step::Writes { to, bytes } => {
            event.word(key!("what"), to.word()).number(key!("bytes"), *bytes as u64);
        }
    }
    event.close();
}

fn numbers(event: &mut Events, key: &'static str, messages: Messages) {
    let Messages { stream, first, count } = messages;
    if count > 0 {
        event
            .open(key)
            .number(key!("stream"), stream.0.into())
            .number(key!("first"), first)
            .number(key!("count"), count)
            .close();
    }
}

fn decided(decision: Decision) -> &'static str {
    match decision {
        Decision::Send => "send",
        Decision::Show => "show",
        Decision::Relay => "relay",
        Decision::Leave => "leave",
        Decision::Finish => "finish",
    }
}

fn waited_for(what: For) -> &'static str {
    match what {
        For::Buffer => "buffer",
        For::Input(from) => from.word(),
        For::Event => "event",
        For::Work => "work",
        For::Caller => "caller",
        For::Connection => "connection",
        For::Signal => "signal",
        For::Anything => "anything",
    }
}

/// Which arrows touch the slice of this step. A message has one from the keyboard to the decision, one from there to the
/// socket, one over the network, and one from the other socket to the screen.
fn arrows(
    step: &Step,
    mut arrow: impl FnMut(Flow, &'static str, Messages) -> io::Result<()>,
) -> io::Result<()> {
    use Flow::{End, Start, Step as Pass};
    match *step {
        Step::Read { from: Place::Keyboard, messages, .. } => arrow(Start, "typed", messages),
        Step::Read { messages, .. } => {
            arrow(End, "wire", messages)?;
            arrow(Start, "received", messages)
        }
        Step::Takes { messages, .. } if messages.stream == Stream::KEYBOARD => arrow(Pass, "typed", messages),
        Step::Takes { messages, .. } | Step::Decides { decision: Decision::Show, messages, .. } => {
            arrow(Pass, "received", messages)
        }
        Step::Decides { decision: Decision::Relay, typed, messages } => {
            arrow(End, "typed", typed)?;
            arrow(End, "received", messages)
        }
        Step::Decides { typed, messages, .. } => {
            arrow(End, "typed", typed)?;
            arrow(Start, "sent", messages)
        }
        Step::HandsOut { to: Place::Peer, messages } => arrow(Pass, "sent", messages),
        Step::HandsOut { to: Place::Screen, messages } => arrow(Pass, "received", messages),
        Step::Wrote { to: Place::Peer, messages, .. } => {
            arrow(End, "sent", messages)?;
            arrow(Start, "wire", messages)
        }
        Step::Wrote { to: Place::Client, messages, .. } => arrow(Start, "wire", messages),
        Step::Wrote { messages, .. } => arrow(End, "received", messages),
        _ => Ok(()),
    }
}
