//! Steps become slices on the track of their thread, and messages become flows between slices: Perfetto's words.

use super::args;
use super::clock::Clock;
use super::json::{Json, key};
use super::recorder::Record;
use crate::observe::{Decision, Place, Step, thread};
use crate::rules::messages::{Messages, Stream};
use std::collections::HashMap;
use std::io::{self, Write};
use std::process;
use std::time::{Duration, Instant};

/// The version of the format.
pub(crate) const FORMAT: u64 = 1;

/// The largest batch whose messages have a flow each. A larger batch has one flow.
const MAX_SINGLE: u64 = 8;

/// How many bytes are written to the file at once.
const CHUNK: usize = 64 * 1024;

/// What is recorded of a process.
#[derive(Debug, Clone)]
pub struct About {
    /// `serve`, `connect` or `hub`.
    pub command: &'static str,
    /// The name of the design.
    pub design: String,
}

/// The tracks of all threads. A slice lasts until the next one on its track.
///
/// A slice is written as a whole when it ends. One that is still open at a write is begun in the file, so that after a
/// crash the file shows what each thread was doing.
pub(super) struct Tracks<W> {
    to: W,
    json: Json,
    clock: Clock,
    pid: u32,
    about: About,
    /// The names of the threads that run.
    names: HashMap<u32, String>,
    tracks: HashMap<u32, Track>,
    /// How many lost steps earlier files report.
    lost_before: u64,
}

/// What a thread is doing.
struct Track {
    since: Instant,
    step: Step,
    /// When the write began that this step says has returned: the peer may have read the bytes before it did.
    leaves: Instant,
    /// The file has the beginning of the slice.
    is_begun: bool,
}

/// What a slice is to a flow.
#[derive(Clone, Copy)]
enum Phase {
    Start,
    Step,
    End,
}

impl<W: Write> Tracks<W> {
    pub(super) fn new(to: W, clock: Clock, about: About) -> Self {
        Self {
            to,
            json: Json::default(),
            clock,
            pid: process::id(),
            about,
            names: HashMap::new(),
            tracks: HashMap::new(),
            lost_before: 0,
        }
    }

    /// Writes what the trace is about. If the program crashes, the list of events is never closed, which the format allows.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.to.write_all(b"[\n")?;
        let (origin, about) = (self.clock.origin(), self.about.clone());
        self.write("threadchat", "M", 0, |json| {
            json.open(key!("args"))
                .number(key!("format"), FORMAT)
                .word(key!("program"), concat!("threadchat ", env!("CARGO_PKG_VERSION")))
                .word(key!("command"), about.command)
                .word(key!("design"), &about.design)
                .number(key!("origin"), origin)
                .close();
        })?;
        self.name("process_name", 0, &format!("{} ({})", about.command, about.design))
    }

    pub(super) fn add(&mut self, record: Record) -> io::Result<()> {
        match record {
            Record::Name { thread, name } => {
                self.name_thread(thread, &name)?;
                self.names.insert(thread, name);
                Ok(())
            }
            Record::Step { thread, since, step } => {
                let is_last = step == Step::Ends;
                let next = Track { since, step, leaves: since, is_begun: false };
                if let Some(track) = self.tracks.get_mut(&thread) {
                    let ended = std::mem::replace(track, next);
                    if matches!(ended.step, Step::Writes { .. }) {
                        track.leaves = ended.since;
                    }
                    self.end_slice(thread, &ended, since)?;
                } else {
                    self.tracks.insert(thread, next);
                }
                if is_last && let Some(last) = self.tracks.remove(&thread) {
                    self.names.remove(&thread);
                    self.end_slice(thread, &last, since)?;
                }
                Ok(())
            }
        }
    }

    /// Begins the slices in the file that have been open for longer than this.
    pub(super) fn write_open(&mut self, longer_than: Duration) -> io::Result<()> {
        let Some(before) = Instant::now().checked_sub(longer_than) else { return Ok(()) };
        let mut tracks = std::mem::take(&mut self.tracks);
        for (thread, track) in tracks.iter_mut().filter(|(_, track)| !track.is_begun && track.since < before)
        {
            self.slice(*thread, track, None)?;
            track.is_begun = true;
        }
        self.tracks = tracks;
        Ok(())
    }

    /// Completes the file, and continues in the next one, in which what each thread is doing begins anew. `lost` steps were not
    /// recorded, in all files.
    pub(super) fn go_on_in(&mut self, next: W, lost: u64) -> io::Result<()> {
        let now = Instant::now();
        let mut tracks = std::mem::take(&mut self.tracks);
        for (thread, track) in &tracks {
            self.end_slice(*thread, track, now)?;
        }
        self.end(lost)?;
        self.lost_before = lost;
        self.to = next;
        self.begin()?;
        for (thread, name) in std::mem::take(&mut self.names) {
            self.name_thread(thread, &name)?;
            self.names.insert(thread, name);
        }
        for (thread, track) in &mut tracks {
            (track.since, track.is_begun) = (now, true);
            // Without its flows, which the last file has.
            self.slice_without_flows(*thread, track, None)?;
        }
        self.tracks = tracks;
        Ok(())
    }

    /// Completes the file. `lost` steps were not recorded, in all files.
    pub(super) fn end(&mut self, lost: u64) -> io::Result<()> {
        let lost = lost - self.lost_before;
        let now = Instant::now();
        let ts = self.clock.nanos(now);
        let mut left: Vec<_> = std::mem::take(&mut self.tracks).into_iter().collect();
        left.sort_unstable_by_key(|(thread, _)| *thread);
        for (thread, track) in left {
            self.end_slice(thread, &track, now)?;
            self.write("left behind", "i", thread, |json| {
                json.micros(key!("ts"), ts).word(key!("s"), "t");
            })?;
        }
        if lost > 0 {
            self.write("lost", "i", 0, |json| {
                json.micros(key!("ts"), ts)
                    .word(key!("s"), "p")
                    .open(key!("args"))
                    .number(key!("count"), lost)
                    .close();
            })?;
        }
        self.json.begin("end", "i", self.pid, 0).micros(key!("ts"), ts).word(key!("s"), "p").end_list();
        self.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(self.json.text())?;
        self.json.clear();
        Ok(())
    }

    fn end_slice(&mut self, thread: u32, track: &Track, until: Instant) -> io::Result<()> {
        if track.is_begun {
            let ts = self.clock.nanos(until);
            self.write("", "E", thread, |json| {
                json.micros(key!("ts"), ts);
            })
        } else {
            self.slice(thread, track, Some(until))
        }
    }

    /// A slice, whole or only its beginning, and the flows that touch it.
    fn slice(&mut self, thread: u32, track: &Track, until: Option<Instant>) -> io::Result<()> {
        self.slice_without_flows(thread, track, until)?;
        let ts = self.clock.nanos(track.since);
        let leaves = self.clock.nanos(track.leaves);
        for (phase, cat, messages) in flows(&track.step).into_iter().flatten() {
            let ts = if cat == "wire" && matches!(phase, Phase::Start) { leaves } else { ts };
            self.flow(phase, cat, messages, thread, ts)?;
        }
        Ok(())
    }

    fn slice_without_flows(&mut self, thread: u32, track: &Track, until: Option<Instant>) -> io::Result<()> {
        let ts = self.clock.nanos(track.since);
        let dur = until.map(|until| self.clock.nanos(until).saturating_sub(ts));
        self.write(track.step.name(), if dur.is_some() { "X" } else { "B" }, thread, |json| {
            json.micros(key!("ts"), ts);
            if let Some(dur) = dur {
                json.micros(key!("dur"), dur);
            }
            args::write(&track.step, json);
        })
    }

    fn flow(
        &mut self,
        phase: Phase,
        cat: &'static str,
        messages: Messages,
        tid: u32,
        ts: u64,
    ) -> io::Result<()> {
        // The keyboard has the same stream number in every process, and flows of a joined trace need different ids.
        let stream = if messages.stream == Stream::KEYBOARD { self.pid } else { messages.stream.0 };
        let (name, flows) = match messages.count {
            count @ 0..=MAX_SINGLE => ("message", count),
            // The two sides cut a stream into different batches, which cannot be matched by their first numbers.
            _ if matches!(phase, Phase::Step) || cat == "wire" => return Ok(()),
            _ => ("batch", 1),
        };
        let ph = match phase {
            Phase::Start => "s",
            Phase::Step => "t",
            Phase::End => "f",
        };
        for number in messages.first..messages.first + flows {
            self.write(name, ph, tid, |json| {
                json.micros(key!("ts"), ts).word(key!("cat"), cat);
                json.id(u64::from(stream) << 32 | (number & 0xffff_ffff));
                if !matches!(phase, Phase::Start) {
                    // Binds it to the enclosing slice instead of the next one.
                    json.word(key!("bp"), "e");
                }
                if messages.count > MAX_SINGLE {
                    json.open(key!("args")).number(key!("count"), messages.count).close();
                }
            })?;
        }
        Ok(())
    }

    fn name_thread(&mut self, thread: u32, name: &str) -> io::Result<()> {
        self.name("thread_name", thread, name)?;
        self.write("thread_sort_index", "M", thread, |json| {
            json.open(key!("args")).number(key!("sort_index"), thread::sort_index(name) as u64).close();
        })
    }

    /// Names a thread, or the process.
    fn name(&mut self, kind: &'static str, tid: u32, name: &str) -> io::Result<()> {
        self.write(kind, "M", tid, |json| {
            json.open(key!("args")).string(key!("name"), name).close();
        })
    }

    fn write(
        &mut self,
        name: &'static str,
        ph: &'static str,
        tid: u32,
        more: impl FnOnce(&mut Json),
    ) -> io::Result<()> {
        more(self.json.begin(name, ph, self.pid, tid));
        self.json.end();
        if self.json.text().len() < CHUNK { Ok(()) } else { self.flush() }
    }
}

/// The flows that touch the slice of this step. A message has one from the keyboard to the decision, one from there to the
/// socket, one over the network, and one from the other socket to the screen.
fn flows(step: &Step) -> [Option<(Phase, &'static str, Messages)>; 2] {
    use Phase::{End, Start, Step as Pass};
    let one = |phase, cat, messages| [Some((phase, cat, messages)), None];
    match *step {
        Step::Read { from: Place::Keyboard, messages, .. } => one(Start, "typed", messages),
        Step::Read { messages, .. } => [Some((End, "wire", messages)), Some((Start, "received", messages))],
        Step::Takes { messages, .. } if messages.stream == Stream::KEYBOARD => one(Pass, "typed", messages),
        Step::Takes { messages, .. } | Step::Decides { decision: Decision::Show, messages, .. } => {
            one(Pass, "received", messages)
        }
        Step::Decides { decision: Decision::Relay, typed, messages } => {
            [Some((End, "typed", typed)), Some((End, "received", messages))]
        }
        Step::Decides { typed, messages, .. } => {
            [Some((End, "typed", typed)), Some((Start, "sent", messages))]
        }
        Step::HandsOut { to: Place::Peer, messages } => one(Pass, "sent", messages),
        Step::HandsOut { to: Place::Screen, messages } => one(Pass, "received", messages),
        Step::Wrote { to: Place::Peer, messages, .. } => {
            [Some((End, "sent", messages)), Some((Start, "wire", messages))]
        }
        Step::Wrote { to: Place::Client, messages, .. } => one(Start, "wire", messages),
        Step::Wrote { messages, .. } => one(End, "received", messages),
        _ => [None, None],
    }
}
