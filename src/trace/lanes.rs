//! Steps to slices, and messages to arrows between them.

use super::event::{self, Args, Event, Numbers};
use super::{About, Clock, Record};
use crate::observer::{Decision, For, Goodbye, Messages, Place, Step, Stream};
use std::collections::HashMap;
use std::io::{self, Write};
use std::process;
use std::time::Instant;

/// The version of the format.
const FORMAT: u32 = 1;

/// Up to how many messages of a batch have an arrow each. With more the batch has one.
const SINGLE: u64 = 8;

/// Every thread has a lane, on which each step is a slice that lasts until the next.
///
/// A slice is written as a whole when it ends. One that lasts longer than the time between two writes is begun in the file
/// before it has ended, so that after a crash the file tells what each thread was doing.
pub(super) struct Lanes<W> {
    to: W,
    clock: Clock,
    pid: u32,
    lanes: HashMap<u32, Lane>,
    /// Those with a new step since they were last looked at.
    moved: Vec<u32>,
}

/// What a thread is doing.
struct Lane {
    since: Instant,
    step: Step,
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
        Self { to, clock, pid: process::id(), lanes: HashMap::new(), moved: Vec::new() }
    }

    /// What the trace is about. The list of events is never closed unless all goes well, which the format allows.
    pub(super) fn begin(&mut self, about: &About) -> io::Result<()> {
        self.to.write_all(b"[\n")?;
        let trace = event::About {
            format: FORMAT,
            program: concat!("threadchat ", env!("CARGO_PKG_VERSION")),
            command: about.command,
            design: about.design,
            origin: self.clock.origin(),
        };
        self.metadata("threadchat", 0, Args { trace: Some(trace), ..Args::default() })?;
        let name = format!("{} ({})", about.command, about.design);
        self.metadata("process_name", 0, Args { name: Some(&name), ..Args::default() })
    }

    /// A thread has done a step.
    pub(super) fn add(&mut self, record: Record) -> io::Result<()> {
        let Record { at, thread, name, step } = record;
        if let Some(name) = name {
            self.metadata("thread_name", thread, Args { name: Some(&name), ..Args::default() })?;
            let sort_index = Some(place_of(&name));
            self.metadata("thread_sort_index", thread, Args { sort_index, ..Args::default() })?;
        }
        self.end_slice(thread, at)?;
        let lane = Lane { since: at, step, is_begun: false };
        if lane.step == Step::Ends {
            return self.slice(thread, &lane, Some(at));
        }
        self.lanes.insert(thread, lane);
        self.moved.push(thread);
        Ok(())
    }

    /// Begins the slices of what has been going on since this was last called.
    pub(super) fn write_open(&mut self) -> io::Result<()> {
        let moved = std::mem::take(&mut self.moved);
        let mut again = Vec::new();
        for thread in moved {
            let Some(mut lane) = self.lanes.remove(&thread) else { continue };
            if !lane.is_begun {
                if lane.since.elapsed() < super::WRITE_EVERY {
                    again.push(thread);
                } else {
                    self.slice(thread, &lane, None)?;
                    lane.is_begun = true;
                }
            }
            self.lanes.insert(thread, lane);
        }
        again.dedup();
        self.moved = again;
        Ok(())
    }

    /// No more is recorded. So many steps were not.
    pub(super) fn end(&mut self, lost: u64) -> io::Result<()> {
        let now = Instant::now();
        let mut left: Vec<u32> = self.lanes.keys().copied().collect();
        left.sort_unstable();
        for thread in left {
            self.end_slice(thread, now)?;
            self.instant("left behind", thread, now, Args::default())?;
        }
        if lost > 0 {
            let text = format!("{lost} steps are missing");
            self.instant("lost", 0, now, Args { text: Some(&text), ..Args::default() })?;
        }
        let ts = micros(self.clock.at(now));
        let event = Event { name: "end", ph: "i", pid: self.pid, ts, s: Some("p"), ..Event::default() };
        serde_json::to_writer(&mut self.to, &event)?;
        self.to.write_all(b"\n]\n")?;
        self.to.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn end_slice(&mut self, thread: u32, at: Instant) -> io::Result<()> {
        match self.lanes.remove(&thread) {
            Some(lane) if lane.is_begun => {
                let ts = micros(self.clock.at(at));
                self.write(&Event { name: "", ph: "E", pid: self.pid, tid: thread, ts, ..Event::default() })
            }
            Some(lane) => self.slice(thread, &lane, Some(at)),
            None => Ok(()),
        }
    }

    /// A slice, whole or only its beginning, and the arrows that touch it.
    fn slice(&mut self, thread: u32, lane: &Lane, until: Option<Instant>) -> io::Result<()> {
        let since = self.clock.at(lane.since);
        let dur = until.map(|until| micros(self.clock.at(until).saturating_sub(since)));
        let ph = if dur.is_some() { "X" } else { "B" };
        let (name, args) = describe(&lane.step);
        let ts = micros(since);
        self.write(&Event {
            name,
            cat: "step",
            ph,
            pid: self.pid,
            tid: thread,
            ts,
            dur,
            args: Some(args),
            ..Event::default()
        })?;
        for (flow, cat, messages) in arrows(&lane.step) {
            self.flow(flow, cat, messages, thread, ts)?;
        }
        Ok(())
    }

    fn flow(&mut self, flow: Flow, cat: &str, messages: Messages, tid: u32, ts: f64) -> io::Result<()> {
        // What is typed goes from one thread of this process to another.
        let stream = if messages.stream == Stream::KEYBOARD { self.pid } else { messages.stream.0 };
        let (arrows, count) = match messages.count {
            count @ 0..=SINGLE => (count, None),
            count => (1, Some(count)),
        };
        for number in messages.first..messages.first + arrows {
            let (ph, bp) = match flow {
                Flow::Start => ("s", None),
                Flow::Step => ("t", Some("e")),
                Flow::End => ("f", Some("e")),
            };
            // The format wants them in hexadecimal: half for the stream, half for the number.
            let id = Some(format!("0x{stream:08x}{:08x}", number & 0xffff_ffff));
            let args = count.map(|count| Args { count: Some(count), ..Args::default() });
            let name = if count.is_some() { "batch" } else { "message" };
            self.write(&Event { name, cat, ph, pid: self.pid, tid, ts, id, bp, args, ..Event::default() })?;
        }
        Ok(())
    }

    fn instant(&mut self, name: &str, tid: u32, at: Instant, args: Args<'_>) -> io::Result<()> {
        let (ts, s) = (micros(self.clock.at(at)), Some(if tid == 0 { "p" } else { "t" }));
        self.write(&Event { name, ph: "i", pid: self.pid, tid, ts, s, args: Some(args), ..Event::default() })
    }

    fn metadata(&mut self, name: &str, tid: u32, args: Args<'_>) -> io::Result<()> {
        self.write(&Event { name, ph: "M", pid: self.pid, tid, args: Some(args), ..Event::default() })
    }

    fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, event)?;
        self.to.write_all(b",\n")
    }
}

/// In the unit of the format.
fn micros(nanos: u64) -> f64 {
    // A day has fewer nanoseconds than what fits without a loss.
    nanos as f64 / 1000.0
}

/// In which order lanes are drawn: the way of a message, as in the picture.
fn place_of(thread: &str) -> u32 {
    let order = [
        "stdin-reader",
        "socket-reader",
        "client-reader",
        "main",
        "socket-writer",
        "client-writer",
        "screen-writer",
    ];
    order.iter().position(|name| *name == thread).unwrap_or(order.len()) as u32
}

/// How a step is called in the file, and what is said about it.
fn describe(step: &Step) -> (&'static str, Args<'_>) {
    let none = Args::default();
    match step {
        Step::Starts => ("starts", none),
        Step::Waits(what) => ("waits", Args { what: waited_for(*what), ..none }),
        Step::Read { from, bytes, messages } => {
            ("read", Args { what: place(*from), bytes: Some(*bytes), messages: numbers(*messages), ..none })
        }
        Step::Sends { event, waiting } => ("sends", Args { what: event, waiting: Some(*waiting), ..none }),
        Step::Takes { event, waiting, messages } => {
            ("takes", Args { what: event, waiting: Some(*waiting), messages: numbers(*messages), ..none })
        }
        Step::Begins { streams, local, peer } => (
            "begins",
            Args {
                local: Some(local.to_string()),
                peer: Some(peer.to_string()),
                sent: Some(streams.sent.0),
                received: Some(streams.received.0),
                ..none
            },
        ),
        Step::Decides { decision, typed, messages } => {
            let what = match decision {
                Decision::Send => "send",
                Decision::Show => "show",
                Decision::Relay => "relay",
                Decision::Leave => "leave",
                Decision::Finish => "finish",
            };
            ("decides", Args { what, typed: numbers(*typed), messages: numbers(*messages), ..none })
        }
        Step::Tells(notice) => ("tells", Args { text: Some(notice), ..none }),
        Step::Goodbye(Goodbye::Written) => ("goodbye", Args { what: "written", ..none }),
        Step::Goodbye(Goodbye::Heard) => ("goodbye", Args { what: "heard", ..none }),
        Step::HandsOut { to, messages } => {
            ("hands out", Args { what: place(*to), messages: numbers(*messages), ..none })
        }
        Step::Writes { to, bytes } => ("writes", Args { what: place(*to), bytes: Some(*bytes), ..none }),
        Step::Wrote { to, bytes, messages } => {
            ("wrote", Args { what: place(*to), bytes: Some(*bytes), messages: numbers(*messages), ..none })
        }
        Step::Ends => ("ends", none),
    }
}

fn numbers(messages: Messages) -> Option<Numbers> {
    let Messages { stream, first, count } = messages;
    (count > 0).then_some(Numbers { stream: stream.0, first, count })
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Keyboard => "keyboard",
        Place::Peer => "socket",
        Place::Client => "client",
        Place::Screen => "screen",
        Place::Notices => "notices",
        Place::Transcript => "transcript",
    }
}

fn waited_for(what: For) -> &'static str {
    match what {
        For::Buffer => "buffer",
        For::Input(from) => place(from),
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
fn arrows(step: &Step) -> Vec<(Flow, &'static str, Messages)> {
    match *step {
        Step::Read { from: Place::Keyboard, messages, .. } => vec![(Flow::Start, "typed", messages)],
        Step::Read { messages, .. } => {
            vec![(Flow::End, "wire", messages), (Flow::Start, "received", messages)]
        }
        Step::Takes { messages, .. } if messages.stream == Stream::KEYBOARD => {
            vec![(Flow::Step, "typed", messages)]
        }
        Step::Takes { messages, .. } => vec![(Flow::Step, "received", messages)],
        Step::Decides { decision: Decision::Show, messages, .. } => vec![(Flow::Step, "received", messages)],
        Step::Decides { decision: Decision::Relay, typed, messages } => {
            vec![(Flow::End, "typed", typed), (Flow::End, "received", messages)]
        }
        Step::Decides { typed, messages, .. } => {
            vec![(Flow::End, "typed", typed), (Flow::Start, "sent", messages)]
        }
        Step::HandsOut { to: Place::Peer, messages } => vec![(Flow::Step, "sent", messages)],
        Step::HandsOut { messages, .. } => vec![(Flow::Step, "received", messages)],
        Step::Wrote { to: Place::Peer, messages, .. } => {
            vec![(Flow::End, "sent", messages), (Flow::Start, "wire", messages)]
        }
        Step::Wrote { to: Place::Client, messages, .. } => vec![(Flow::Start, "wire", messages)],
        Step::Wrote { messages, .. } => vec![(Flow::End, "received", messages)],
        _ => Vec::new(),
    }
}
