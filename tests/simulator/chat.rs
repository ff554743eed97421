//! Two people, the line between them, and the time.

use super::Tried;
use super::reader::Reader;
use fastrand::Rng;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use threadchat::rules::action::{Action, Outgoing};
use threadchat::rules::buffer::Buffer;
use threadchat::rules::endpoint::Endpoint;
use threadchat::rules::event::{Capacity, ConnectionId, Delivery, Event, PeerState, Status};
use threadchat::rules::exit::Exit;
use threadchat::rules::moment::Moment;
use threadchat::rules::settings::{Caller, OnEof, PATIENCE, PROBE_TIME, Settings};
use threadchat::rules::signal::Signal;
use threadchat::rules::wire::{Stamp, Wire};
use time::OffsetDateTime;

/// With this many bytes unwritten the outbox has no capacity.
const OUTBOX: usize = 4096;

/// How long it may take until both have ended after the last fault: a line that is frozen is given up after 50 s.
const LIMIT: Duration = Duration::from_secs(120);

const SIGTERM: Signal = Signal { name: "SIGTERM", number: 15 };

#[derive(Debug, Clone)]
pub struct Plan {
    /// How long a byte takes, at least.
    pub latency: Duration,
    /// How many bytes may be on the way, or wait to be read.
    pub window: usize,
    /// Of both: an end without 88 is an error to one who does not wait.
    pub on_eof: OnEof,
    pub steps: Vec<Step>,
    pub seed: u64,
}

#[derive(Debug, Clone)]
pub struct Step {
    wait: Duration,
    side: usize,
    deed: Deed,
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    /// So many lines of that many bytes.
    Types(usize, usize),
    Bye,
    /// The input ends.
    Ends,
    Signal,
    /// Nothing that this side sends arrives.
    Freezes,
    Thaws,
    /// The screen takes nothing.
    Sticks,
    Comes,
    /// The connection is reset.
    Breaks,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Types(lines, bytes) => write!(f, "types {lines} lines of {bytes} bytes"),
            Self::Bye => f.write_str("types 88"),
            Self::Ends => f.write_str("ends the input"),
            Self::Signal => f.write_str("gets SIGTERM"),
            Self::Freezes => f.write_str("reaches nobody"),
            Self::Thaws => f.write_str("reaches the other again"),
            Self::Sticks => f.write_str("has a screen that takes nothing"),
            Self::Comes => f.write_str("has a screen that takes everything again"),
            Self::Breaks => f.write_str("loses the connection"),
        }
    }
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let latency = Duration::from_millis([0, 1, 50, 700][rng.usize(..4)]);
        let window = [600, 4_000, 100_000][rng.usize(..3)];
        let on_eof = if rng.u8(..) < 60 { OnEof::Wait } else { OnEof::Bye };
        let weights: [u32; 8] = std::array::from_fn(|_| [0, 0, 1, 2][rng.usize(..4)]);
        let patience = [1, 100, 2_500, 30_000][rng.usize(..4)];
        let steps = (0..[3, 10, 30][rng.usize(..3)]).map(|_| Step {
            wait: Duration::from_millis(if rng.bool() { 0 } else { rng.u64(..=patience) }),
            side: rng.usize(..2),
            deed: deed(&mut rng, &weights),
        });
        let steps = steps.collect();
        Self { latency, window, on_eof, steps, seed: rng.u64(..) }
    }
}

fn deed(rng: &mut Rng, weights: &[u32; 8]) -> Deed {
    let rare = [
        Deed::Bye,
        Deed::Ends,
        Deed::Signal,
        Deed::Freezes,
        Deed::Thaws,
        Deed::Sticks,
        Deed::Comes,
        Deed::Breaks,
    ];
    let mut at = rng.u32(..weights.iter().sum::<u32>() + 8);
    for (deed, weight) in rare.into_iter().zip(weights) {
        if at < *weight {
            return deed;
        }
        at -= weight;
    }
    Deed::Types(rng.usize(1..30), rng.usize(0..200))
}

/// # Errors
/// A promise was broken: which one, in words.
pub fn run(plan: &Plan, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
    let mut pair = Pair::new(plan, tell.is_some());
    let result = pair.run(plan);
    if let Some(tell) = tell {
        tell.append(&mut pair.told);
    }
    result
}

/// What waits in an outbox.
enum Packet {
    Bytes { bytes: Vec<u8>, messages: usize, is_goodbye: bool },
    End,
}

struct Side {
    endpoint: Endpoint,
    keyboard: Arc<Reader>,
    socket: Arc<Reader>,
    /// What is typed and has not been read.
    typed: VecDeque<u8>,
    input_ends: bool,
    end_is_told: bool,
    outbox: VecDeque<Packet>,
    written: u64,
    /// The messages that the system has taken.
    sent: Vec<u8>,
    half_is_open: bool,
    /// What the system has taken and the other side has not read, and from when on it can.
    line: VecDeque<(Instant, u8)>,
    line_ends: Option<Instant>,
    is_frozen: bool,
    frozen_since: Instant,
    screen: VecDeque<Buffer>,
    shown: Vec<u8>,
    is_stuck: bool,
    has_received_all: bool,
    reports: Vec<String>,
    typed_lines: Vec<String>,
    said_bye: bool,
    was_signalled: bool,
    exit: Option<Exit>,
}

struct Pair {
    sides: [Side; 2],
    began: Instant,
    now: Instant,
    rng: Rng,
    latency: Duration,
    window: usize,
    /// The connection was reset, or given up by one of them.
    is_broken: bool,
    /// Something kept them waiting, so one of them may have given up.
    had_faults: bool,
    is_telling: bool,
    told: Vec<String>,
}

impl Pair {
    fn new(plan: &Plan, is_telling: bool) -> Self {
        let now = Instant::now();
        let settings = Settings {
            wire: Wire::Lines,
            max_line: 1000,
            on_eof: plan.on_eof,
            to_terminal: false,
            literal: false,
            transcribed: false,
            probe_time: PROBE_TIME,
            patience: PATIENCE,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let serve = Endpoint::serve(settings, false, vec![address], true, true);
        let connect = Endpoint::connect(settings, Caller::default(), false);
        let side = |endpoint| Side {
            endpoint,
            keyboard: Reader::new(),
            socket: Reader::new(),
            typed: VecDeque::new(),
            input_ends: false,
            end_is_told: false,
            outbox: VecDeque::new(),
            written: 0,
            sent: Vec::new(),
            half_is_open: true,
            line: VecDeque::new(),
            line_ends: None,
            is_frozen: false,
            frozen_since: now,
            screen: VecDeque::new(),
            shown: Vec::new(),
            is_stuck: false,
            has_received_all: false,
            reports: Vec::new(),
            typed_lines: Vec::new(),
            said_bye: false,
            was_signalled: false,
            exit: None,
        };
        let mut pair = Self {
            sides: [side(serve), side(connect)],
            began: now,
            now,
            rng: Rng::with_seed(plan.seed),
            latency: plan.latency,
            window: plan.window,
            is_broken: false,
            had_faults: false,
            is_telling,
            told: Vec::new(),
        };
        pair.handle(1, Event::Connected(Ok((ConnectionId(1), address))));
        pair.handle(0, Event::Called { id: ConnectionId(1), peer: address, being_turned_away: 0 });
        pair
    }

    fn tell(&mut self, what: &str) {
        if self.is_telling {
            self.told.push(format!("{:9.3} s  {what}", (self.now - self.began).as_secs_f64()));
        }
    }

    fn run(&mut self, plan: &Plan) -> Result<Tried, String> {
        for Step { wait, side, deed } in &plan.steps {
            self.passes(*wait)?;
            self.tell(&format!("{} {deed}", ["A", "B"][*side]));
            self.does(*side, *deed);
            self.settle();
        }
        self.tell("the faults end, and both say 88");
        for side in 0..2 {
            self.does(side, Deed::Thaws);
            self.does(side, Deed::Comes);
            self.does(side, Deed::Bye);
        }
        self.settle();
        let limit = self.now + LIMIT;
        while self.sides.iter().any(|side| side.exit.is_none()) {
            if self.now > limit && self.waits_for_a_caller() {
                // What was typed is kept for one who may still come.
                self.handle(0, Event::Signal(SIGTERM));
            } else if self.now > limit {
                return Err(format!("they do not end: {:?}", self.sides.each_ref().map(|side| side.exit)));
            }
            self.passes(Duration::from_secs(1))?;
        }
        self.check()
    }

    /// A caller who is gone before saying anything was none.
    fn waits_for_a_caller(&self) -> bool {
        self.is_broken
            && self.sides[1].exit.is_some()
            && !self.sides[0].reports.iter().any(|report| report.contains("connected from"))
    }

    fn does(&mut self, index: usize, deed: Deed) {
        let side = &mut self.sides[index];
        match deed {
            Deed::Types(lines, bytes) if !side.input_ends && side.exit.is_none() => {
                for _ in 0..lines {
                    let line = format!("{index} {} {}", side.typed_lines.len(), "x".repeat(bytes));
                    side.typed.extend(line.bytes().chain([b'\n']));
                    side.typed_lines.push(line);
                }
            }
            // Who has nothing to say only listens.
            Deed::Ends if side.typed_lines.is_empty() => {}
            Deed::Bye | Deed::Ends if !side.input_ends => {
                side.said_bye = true;
                side.input_ends = true;
                if matches!(deed, Deed::Bye) {
                    side.typed.extend(*b"88\n");
                }
            }
            Deed::Signal => {
                side.was_signalled = true;
                self.had_faults = true;
                self.handle(index, Event::Signal(SIGTERM));
            }
            Deed::Freezes if !side.is_frozen => {
                side.is_frozen = true;
                side.frozen_since = self.now;
                self.had_faults = true;
            }
            Deed::Thaws => side.is_frozen = false,
            Deed::Sticks => {
                side.is_stuck = true;
                self.had_faults = true;
            }
            Deed::Comes => side.is_stuck = false,
            Deed::Breaks => self.breaks(),
            _ => {}
        }
    }

    fn breaks(&mut self) {
        self.is_broken = true;
        for side in 0..2 {
            self.gives_up(side);
            self.receives_all(side, Err(io::ErrorKind::ConnectionReset.into()));
        }
    }

    /// Nothing more leaves this side, and nothing more of it arrives.
    fn gives_up(&mut self, index: usize) {
        let side = &mut self.sides[index];
        side.line.clear();
        let undelivered = side.outbox.drain(..).map(|packet| match packet {
            Packet::Bytes { messages, .. } => messages,
            Packet::End => 0,
        });
        let undelivered = undelivered.sum();
        if std::mem::take(&mut side.half_is_open) {
            self.handle(index, Event::WriteFailed(io::ErrorKind::BrokenPipe.into()));
            self.handle(index, Event::Delivered(Delivery { complete: false, undelivered }));
        }
    }

    fn receives_all(&mut self, index: usize, result: io::Result<()>) {
        if !std::mem::replace(&mut self.sides[index].has_received_all, true) {
            self.handle(index, Event::ReceivedAll(result));
        }
    }

    fn handle(&mut self, index: usize, event: Event) {
        if self.sides[index].exit.is_none() {
            self.sides[index].endpoint.handle(event, self.now);
            self.act(index);
        }
    }

    fn act(&mut self, index: usize) {
        loop {
            let side = &mut self.sides[index];
            let waiting = |packet: &Packet| match packet {
                Packet::Bytes { bytes, .. } => bytes.len(),
                Packet::End => 0,
            };
            let capacity =
                Capacity { peer: side.outbox.iter().map(waiting).sum::<usize>() < OUTBOX, ..Capacity::FREE };
            let now = Moment { instant: self.now, stamp: Stamp::at(OffsetDateTime::UNIX_EPOCH) };
            let Some(action) = side.endpoint.poll_action(now, capacity).filter(|_| side.exit.is_none())
            else {
                return;
            };
            match action {
                Action::Report(notice) => {
                    let report = notice.to_string();
                    side.reports.push(report.clone());
                    self.tell(&format!("    {} reports: {report}", ["A", "B"][index]));
                }
                Action::Send { outgoing, .. } => side.send(outgoing),
                Action::Show(buffer) => side.screen.push_back(buffer),
                Action::Disconnect => {
                    self.tell(&format!("    {} disconnects", ["A", "B"][index]));
                    self.is_broken = true;
                    self.handle(index, Event::Disconnected { unconfirmed: 0 });
                    self.gives_up(index);
                    self.receives_all(index, Ok(()));
                    self.gives_up(1 - index);
                    self.receives_all(1 - index, Err(io::ErrorKind::ConnectionReset.into()));
                }
                Action::TurnAway { peer, .. } => self.handle(index, Event::TurnedAway(peer, Ok(()))),
                Action::End(ending) => {
                    side.exit = Some(ending.exit);
                    self.tell(&format!("    {} ends: {:?}", ["A", "B"][index], ending.exit));
                }
                _ => {}
            }
        }
    }

    /// Moves what can be moved at this moment.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for index in 0..2 {
                moved |= self.reads_keyboard(index);
                moved |= self.writes(index);
                moved |= self.reads_peer(index);
                let side = &mut self.sides[index];
                if !side.is_stuck
                    && let Some(buffer) = side.screen.pop_front()
                {
                    side.shown.extend(buffer.shown().concat());
                    drop(buffer);
                    self.act(index);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn reads_keyboard(&mut self, index: usize) -> bool {
        let side = &mut self.sides[index];
        if side.exit.is_some() {
            return false;
        }
        if side.typed.is_empty() {
            let ends = side.input_ends && !std::mem::replace(&mut side.end_is_told, true);
            if ends {
                self.handle(index, Event::InputEnded(Ok(())));
            }
            return ends;
        }
        let length =
            if self.rng.u8(..) < 50 { self.rng.usize(1..=side.typed.len()) } else { side.typed.len() };
        let length = length.min(4096);
        let Some(buffer) = side.keyboard.read(&side.typed.make_contiguous()[..length]) else { return false };
        side.typed.drain(..length);
        self.handle(index, Event::Typed(buffer));
        true
    }

    /// The system takes what fits on the line.
    fn writes(&mut self, index: usize) -> bool {
        let arrives = self.now + self.latency;
        let side = &mut self.sides[index];
        let room = self.window.saturating_sub(side.line.len());
        let done = match side.outbox.front_mut() {
            Some(Packet::Bytes { bytes, is_goodbye, .. }) if room > 0 => {
                let length = bytes.len().min(room);
                let part: Vec<u8> = bytes.drain(..length).collect();
                side.written += length as u64;
                side.line.extend(part.iter().map(|byte| (arrives, *byte)));
                if !*is_goodbye {
                    side.sent.extend(part);
                }
                if !bytes.is_empty() {
                    return true;
                }
                let says_goodbye = *is_goodbye && side.outbox.len() == 1;
                side.outbox.pop_front();
                says_goodbye.then_some(Event::GoodbyeWritten(self.now))
            }
            Some(Packet::End) => {
                side.outbox.pop_front();
                side.half_is_open = false;
                side.line_ends = Some(arrives);
                Some(Event::Delivered(Delivery { complete: true, undelivered: 0 }))
            }
            _ => return false,
        };
        match done {
            Some(event) => self.handle(index, event),
            None => self.act(index),
        }
        true
    }

    /// What has arrived is read, in pieces of any size.
    fn reads_peer(&mut self, index: usize) -> bool {
        let other = &mut self.sides[1 - index];
        if other.is_frozen {
            return false;
        }
        let arrived = other.line.iter().take_while(|(at, _)| *at <= self.now).count().min(4096);
        if arrived > 0 {
            let length = match self.rng.u8(..) {
                0..40 => self.rng.usize(1..=arrived),
                40..50 => 1,
                _ => arrived,
            };
            let bytes: Vec<u8> = other.line.iter().take(length).map(|(_, byte)| *byte).collect();
            let Some(buffer) = self.sides[index].socket.read(&bytes) else { return false };
            self.sides[1 - index].line.drain(..length);
            self.handle(index, Event::Received(buffer, self.now));
            return true;
        }
        let ended = other.line.is_empty() && other.line_ends.is_some_and(|at| at <= self.now);
        if ended && !self.sides[index].has_received_all {
            self.receives_all(index, Ok(()));
            return true;
        }
        false
    }

    fn passes(&mut self, time: Duration) -> Result<(), String> {
        let until = self.now + time;
        for steps in 0.. {
            let arrivals = self
                .sides
                .iter()
                .filter(|side| !side.is_frozen)
                .flat_map(|side| side.line.front().map(|(at, _)| *at).into_iter().chain(side.line_ends));
            let due = self
                .sides
                .iter()
                .filter(|side| side.exit.is_none())
                .filter_map(|side| side.endpoint.poll_timeout());
            let next = arrivals.filter(|at| *at > self.now).chain(due).min().unwrap_or(until);
            if next > until {
                break;
            }
            if steps > 100_000 {
                return Err("there is something to do for ever".to_owned());
            }
            self.now = self.now.max(next);
            for index in 0..2 {
                self.times_out(index);
            }
            self.settle();
            if self.now >= until {
                break;
            }
        }
        self.now = until;
        Ok(())
    }

    fn times_out(&mut self, index: usize) {
        let side = &self.sides[index];
        if side.exit.is_some() || side.endpoint.poll_timeout().is_none_or(|due| due > self.now) {
            return;
        }
        let unconfirmed = side.line.iter().filter(|(at, _)| side.is_frozen || *at > self.now).count();
        let silent =
            if side.is_frozen && unconfirmed > 0 { self.now - side.frozen_since } else { Duration::ZERO };
        let waits = side.socket.may_read()
            && !self.sides[1 - index].is_frozen
            && self.sides[1 - index].line.front().is_some_and(|(at, _)| *at <= self.now);
        let status = Status {
            written: side.written,
            peer: PeerState { confirmed: side.written - unconfirmed as u64, unconfirmed, silent },
            output_is_behind: !side.screen.is_empty(),
            is_quiet: !waits,
        };
        self.sides[index].endpoint.handle_timeout(self.now, status);
        self.act(index);
    }

    fn check(&self) -> Result<Tried, String> {
        let mut tried = Tried { histories: 1, ..Tried::default() };
        for (index, name) in ["A", "B"].into_iter().enumerate() {
            let (side, other) = (&self.sides[index], &self.sides[1 - index]);
            let sent = lines(&side.sent);
            let shown = lines(&other.shown);
            let typed: Vec<&str> = side.typed_lines.iter().map(String::as_str).collect();
            tried.said += sent.len();
            tried.received += shown.len();
            if !typed.starts_with(&sent) {
                return Err(format!("{name} sent something else than was typed"));
            }
            // A line, or the goodbye, that was cut is shown as far as it came.
            let whole = match shown.split_last() {
                Some((last, whole))
                    if self.is_broken && typed.get(whole.len()).is_none_or(|line| line.starts_with(last)) =>
                {
                    whole
                }
                _ => &shown,
            };
            if !sent.starts_with(whole) {
                let at =
                    whole.iter().zip(&sent).position(|(shown, sent)| shown != sent).unwrap_or(sent.len());
                let at = |lines: &[&str]| lines.get(at).map_or_else(String::new, |line| (*line).to_owned());
                return Err(format!(
                    "the other side shows {:?} where {name} sent {:?}",
                    at(whole),
                    at(&sent)
                ));
            }
            if shown.len() < sent.len() && !self.is_broken {
                return Err(format!(
                    "{name} sent {} lines, and the other side shows {}",
                    sent.len(),
                    shown.len()
                ));
            }
            let cut = typed.len() - sent.len();
            let tells = ["not sent", "not delivered", "cut short"];
            let has_told = side.reports.iter().any(|report| tells.iter().any(|what| report.contains(what)));
            if cut > 0 && !has_told && !side.was_signalled && !self.is_broken {
                return Err(format!(
                    "{name} did not send {cut} lines, and does not say so: {:?}",
                    side.reports
                ));
            }
            match side.exit {
                Some(Exit::Success) => {}
                Some(Exit::Failed) if cut > 0 && has_told => {}
                _ if self.is_broken || self.had_faults => {}
                exit => return Err(format!("{name} ends with {exit:?}: {:?}", side.reports)),
            }
            if side.was_signalled && !matches!(side.exit, Some(Exit::Signal(_))) && side.exit.is_none() {
                return Err(format!("{name} got a signal and ends with {:?}", side.exit));
            }
        }
        Ok(tried)
    }
}

impl Side {
    fn send(&mut self, outgoing: Outgoing) {
        let messages = outgoing.undelivered();
        match outgoing {
            Outgoing::Messages(buffer) => {
                let bytes = buffer.wire().to_vec();
                self.outbox.push_back(Packet::Bytes { bytes, messages, is_goodbye: buffer.is_control });
            }
            Outgoing::Goodbye { bytes, is_last, .. } => {
                self.outbox.push_back(Packet::Bytes { bytes, messages, is_goodbye: true });
                if is_last {
                    self.outbox.push_back(Packet::End);
                }
            }
            Outgoing::HalfClose { bytes } => {
                if !bytes.is_empty() {
                    self.outbox.push_back(Packet::Bytes { bytes, messages, is_goodbye: true });
                }
                self.outbox.push_back(Packet::End);
            }
        }
    }
}

/// Whole lines, without their stamps.
fn lines(bytes: &[u8]) -> Vec<&str> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    str::from_utf8(&bytes[..whole]).unwrap_or("").lines().map(|line| line.get(27..).unwrap_or("")).collect()
}
