//! Several hubs that share a log, and everything that can happen between them and the Redis server that has it.
//!
//! Each hub is a [`World`] with the two machines that speak to the server ([`Appender`], [`Follower`]); `redis.rs` is the server.
//! Every byte between them may be late, or lost with its connection. What must hold is in `docs/linked.md`:
//!
//! - an entry of the log comes to each hub once and in the order of the log. None is left out, unless Redis has lost it, or the
//!   members were told how many lines are missing ([`Node::passes`]);
//! - a hub shows what the entries say, and nothing else ([`Node::shows`]); all hubs show a line under one name and in one room;
//! - names are unique in Redis and in what each hub shows; nobody joins twice without leaving;
//! - each client receives what its hub shows (`checker.rs`);
//! - when the faults end, everything arrives, all hubs agree on who is there, and hubs that are gone are removed.

use super::{World, checker, memory};
use crate::simulator::Tried;
use crate::simulator::checker::{Checked, Connection, Entry, Linked as Record, What};
use crate::simulator::plan::{self, Plan as HubPlan, SLOTS};
use crate::simulator::redis::{Redis, Session};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};
use threadchat::rules::exit::Exit;
use threadchat::rules::hub::{Event, Name};
use threadchat::rules::link::{
    self, Action, Appender, Follower, LinkError, LinkUrl, Machine, Order, Settings,
};

/// Two hubs may have the same name.
const NAMES: [&str; 3] = ["east", "west", "east"];

/// Each start of a hub has this many numbers for its clients.
const NUMBERS: usize = 128;

/// When everything began, for the server, in ms.
const EPOCH: u64 = 1_700_000_000_000;

/// How long it may take until everything has arrived when the faults have ended.
const ARRIVES_WITHIN: Duration = Duration::from_secs(60);

/// How much a hub may hold for the log beyond what it holds without: what is not in the log, and what was read from it.
const FOR_LOG: usize = 4 * link::LIMIT;

/// What happens in one history.
#[derive(Debug, Clone)]
pub struct Plan {
    pub hubs: Vec<HubPlan>,
    pub limit: Option<u64>,
    pub steps: Vec<Step>,
    pub seed: u64,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub wait: Duration,
    pub hub: usize,
    pub what: Happens,
}

#[derive(Debug, Clone)]
pub enum Happens {
    /// At this hub, as at any.
    Here(plan::Step),
    /// A client writes lines to one of another hub.
    Write(usize, (usize, usize), usize),
    Ignore(usize, (usize, usize)),
    /// The operator sends away a client of another hub.
    Kick((usize, usize)),
    /// A connection to the server breaks: that of the appender, or of the follower.
    Cut(bool),
    /// What the hub sends and gets takes that many ms at most.
    Slow(u64),
    /// Nothing reaches the server or the hub for that many ms, and nobody is told.
    Silent(u64),
    /// The process is stopped for that many ms.
    Pause(u64),
    /// The hub is killed, and another one starts after that many ms.
    Die(u64),
    /// The operator ends the hub, and another one starts after that many ms.
    End(u64),
    /// The server is killed, and is there again after that many ms with that much.
    Kill(Keeps, u64),
    /// The server does nothing for that many ms.
    Stop(u64),
    /// What is there now is what a server that starts again will have.
    Save,
    /// The log is trimmed to that many entries.
    Trim(usize),
    ForgetScripts,
    /// The server has no memory for that many ms.
    Refuse(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    All,
    Saved,
    Nothing,
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(2..=3);
        let mut hubs: Vec<_> = (0..count).map(|_| HubPlan::of(rng.u64(..))).collect();
        let mut own: Vec<_> =
            hubs.iter_mut().map(|hub| VecDeque::from(std::mem::take(&mut hub.steps))).collect();
        for hub in &mut hubs {
            (hub.is_calm, hub.browsers) = (false, [false; SLOTS]);
        }
        // Each history has faults of its own.
        let weights: [u32; 12] = std::array::from_fn(|_| *pick(&mut rng, &[0, 0, 1, 2]));
        let is_lossless = rng.bool();
        let faults = *pick(&mut rng, &[0, 10, 30, 80]);
        let across = *pick(&mut rng, &[0, 20, 60]);
        let length = *pick(&mut rng, &[20, 50, 100]);
        let time = *pick(&mut rng, &[10, 300, 3000, 20_000]);
        let mut steps = Vec::new();
        for (hub, own) in own.iter_mut().enumerate() {
            for _ in 0..rng.usize(1..=3) {
                let step = own.pop_front();
                steps.extend(step.map(|step| Step { wait: Duration::ZERO, hub, what: Happens::Here(step) }));
            }
        }
        for _ in 0..length {
            let hub = rng.usize(..count);
            let other = ((hub + rng.usize(1..count)) % count, rng.usize(..SLOTS));
            let slot = rng.usize(..4);
            let chance = rng.u32(..200);
            let mut wait = Duration::ZERO;
            let what = if chance < faults {
                wait = Duration::from_millis(if rng.bool() { 0 } else { rng.u64(..=300) });
                fault(&mut rng, &weights, is_lossless, time)
            } else if chance < faults + across {
                match rng.u8(..20) {
                    0 => Happens::Kick(other),
                    1..4 => Happens::Ignore(slot, other),
                    _ => Happens::Write(slot, other, rng.usize(1..4)),
                }
            } else if let Some(step) = own[hub].pop_front() {
                wait = step.wait;
                Happens::Here(step)
            } else {
                break;
            };
            steps.push(Step { wait, hub, what });
        }
        let limit = *pick(&mut rng, &[None, None, Some(3000), Some(100_000)]);
        Self { hubs, limit, steps, seed: rng.u64(..) }
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

fn fault(rng: &mut Rng, weights: &[u32; 12], is_lossless: bool, time: u64) -> Happens {
    let mut at = rng.u32(..weights.iter().sum::<u32>() + 1);
    let kind = weights.iter().position(|weight| match at.checked_sub(*weight) {
        Some(rest) => {
            at = rest;
            false
        }
        None => true,
    });
    let ms = rng.u64(..=time);
    match kind {
        Some(0) => Happens::Slow(*pick(rng, &[0, 3, 50, 400, 4000])),
        Some(1) => Happens::Silent(ms),
        Some(2) => Happens::Pause(ms),
        Some(3) => Happens::Die(ms),
        Some(4) => Happens::End(ms),
        Some(5) => Happens::Kill(Keeps::All, 5 + ms / 2),
        Some(6) => Happens::Stop(ms / 2),
        Some(7) => Happens::Refuse(ms / 2),
        Some(8) => Happens::ForgetScripts,
        Some(9) if !is_lossless => Happens::Kill(*pick(rng, &[Keeps::Saved, Keeps::Nothing]), 5 + ms / 2),
        Some(10) if !is_lossless => Happens::Save,
        Some(11) if !is_lossless => Happens::Trim(rng.usize(..3)),
        _ => Happens::Cut(rng.bool()),
    }
}

impl fmt::Display for Happens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |(hub, slot): (usize, usize)| format!("slot {slot} of hub {hub}");
        match self {
            Self::Here(step) => write!(f, "slot {}, {}", step.slot, step.deed),
            Self::Write(slot, to, lines) => write!(f, "slot {slot} writes {lines} lines to {}", name(*to)),
            Self::Ignore(slot, whom) => write!(f, "slot {slot} ignores {}", name(*whom)),
            Self::Kick(whom) => write!(f, "the operator kicks {}", name(*whom)),
            Self::Cut(true) => f.write_str("the connection that appends breaks"),
            Self::Cut(false) => f.write_str("the connection that follows breaks"),
            Self::Slow(ms) => write!(f, "the way to Redis takes up to {ms} ms"),
            Self::Silent(ms) => write!(f, "the network is gone for {ms} ms"),
            Self::Pause(ms) => write!(f, "the hub is stopped for {ms} ms"),
            Self::Die(ms) => write!(f, "the hub is killed, and starts again after {ms} ms"),
            Self::End(ms) => write!(f, "the hub ends, and starts again after {ms} ms"),
            Self::Kill(keeps, ms) => write!(f, "Redis is killed for {ms} ms and keeps {keeps:?}"),
            Self::Stop(ms) => write!(f, "Redis is stopped for {ms} ms"),
            Self::Save => f.write_str("Redis saves"),
            Self::Trim(length) => write!(f, "Redis trims the log to {length} entries"),
            Self::ForgetScripts => f.write_str("Redis forgets the scripts"),
            Self::Refuse(ms) => write!(f, "Redis has no memory for {ms} ms"),
        }
    }
}

/// # Errors
/// A promise was broken: which one, in words.
pub fn run(plan: &Plan, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
    let mut hubs = Hubs::new(plan, tell.is_some());
    let result = hubs.run();
    if let Some(tell) = tell {
        hubs.collect_told();
        tell.append(&mut hubs.told);
    }
    result
}

/// What arrives then.
type OnTheWay = VecDeque<(Instant, Vec<u8>)>;

/// The server and the way to it.
struct Server {
    redis: Redis,
    began: Instant,
    now: Instant,
    rng: Rng,
    /// It is away until then.
    away: Option<Instant>,
    stopped: Option<Instant>,
    refuses: Option<Instant>,
    /// What hubs sent over connections that have ended for them, and the server does not know yet.
    orphans: Vec<(Session, OnTheWay)>,
}

impl Server {
    fn ms(&self) -> u64 {
        EPOCH + (self.now - self.began).as_millis() as u64
    }

    fn at(&self, ms: u64) -> Instant {
        self.began + Duration::from_millis(ms - EPOCH)
    }

    fn is_there(&self) -> bool {
        self.away.is_none() && self.stopped.is_none()
    }

    fn takes(&mut self, session: &mut Session, waiting: &mut VecDeque<(Instant, Vec<u8>)>) -> Vec<u8> {
        let (mut reply, ms) = (Vec::new(), self.ms());
        while waiting.front().is_some_and(|(due, _)| *due <= self.now) {
            let Some((_, bytes)) = waiting.pop_front() else { break };
            self.redis.receive(session, &bytes, ms, &mut reply);
        }
        self.redis.go_on(session, ms, &mut reply);
        reply
    }

    /// What has ended for the hubs is still executed.
    fn takes_orphans(&mut self) {
        if !self.is_there() {
            return;
        }
        let mut orphans = std::mem::take(&mut self.orphans);
        for (session, waiting) in &mut orphans {
            self.takes(session, waiting);
        }
        orphans.retain(|(_, waiting)| !waiting.is_empty());
        self.orphans = orphans;
    }
}

/// A machine and its connection.
struct Line<M> {
    machine: M,
    session: Option<Session>,
    connects_at: Option<Instant>,
    to_server: VecDeque<(Instant, Vec<u8>)>,
    to_hub: VecDeque<(Instant, Vec<u8>)>,
}

impl<M: Machine> Line<M> {
    fn new(machine: M) -> Self {
        let (to_server, to_hub) = (VecDeque::new(), VecDeque::new());
        Self { machine, session: None, connects_at: None, to_server, to_hub }
    }

    /// The connection ends. What is on its way to the server may still arrive.
    fn ends(&mut self, server: &mut Server, may_arrive: bool) -> bool {
        self.to_hub.clear();
        let waiting = std::mem::take(&mut self.to_server);
        let session = self.session.take();
        let was_there = session.is_some();
        if let Some(session) = session.filter(|_| may_arrive && server.rng.bool()) {
            server.orphans.push((session, waiting));
        }
        was_there
    }

    fn breaks(&mut self, server: &mut Server, may_arrive: bool) {
        if self.ends(server, may_arrive) {
            self.machine.disconnected(LinkError::Closed, server.now);
        }
    }

    /// Moves what can be moved at this moment. Returns whether something was.
    fn moves(&mut self, way: Way, server: &mut Server, events: &mut Vec<link::Event>) -> bool {
        let now = server.now;
        let mut moved = false;
        if self.connects_at.take_if(|at| *at <= now).is_some() {
            moved = true;
            if server.away.is_some() {
                self.machine.disconnected(LinkError::Unreachable("nobody is there".to_owned()), now);
            } else {
                self.session = Some(Session::default());
                self.machine.connected(now);
            }
        }
        while !way.is_silent && self.to_hub.front().is_some_and(|(due, _)| *due <= now) {
            moved = true;
            let Some((_, bytes)) = self.to_hub.pop_front() else { break };
            let parts = if server.rng.u8(..) < 20 { server.rng.usize(..=bytes.len()) } else { 0 };
            self.machine.receive(&bytes[..parts], now);
            self.machine.receive(&bytes[parts..], now);
        }
        if self.machine.poll_timeout().is_some_and(|due| due <= now) {
            moved = true;
            self.machine.handle_timeout(now);
        }
        while let Some(action) = self.machine.poll_action() {
            moved = true;
            match action {
                Action::Connect => self.connects_at = Some(way.after(now, None, &mut server.rng)),
                Action::Disconnect => {
                    self.ends(server, true);
                }
                Action::Tell(event) => events.push(event),
            }
        }
        let mut output = Vec::new();
        self.machine.take_output(&mut output);
        if !output.is_empty() && self.session.is_some() {
            moved = true;
            let last = self.to_server.back().map(|(due, _)| *due);
            self.to_server.push_back((way.after(now, last, &mut server.rng), output));
        }
        if !way.is_silent
            && server.is_there()
            && let Some(session) = &mut self.session
        {
            let reply = server.takes(session, &mut self.to_server);
            if !reply.is_empty() {
                moved = true;
                let last = self.to_hub.back().map(|(due, _)| *due);
                self.to_hub.push_back((way.after(now, last, &mut server.rng), reply));
            }
        }
        moved
    }

    /// When something can be moved.
    fn due(&self, way: Way, server: &Server) -> Option<Instant> {
        let front = |queue: &VecDeque<(Instant, Vec<u8>)>| queue.front().map(|(due, _)| *due);
        let to_hub = front(&self.to_hub).filter(|_| !way.is_silent);
        let is_served = !way.is_silent && server.is_there();
        let to_server = front(&self.to_server).filter(|_| is_served);
        let waits = self.session.as_ref().and_then(Session::due).filter(|_| is_served);
        let waits = waits.map(|ms| server.at(ms));
        let own = self.connects_at.into_iter().chain(self.machine.poll_timeout());
        own.chain(to_hub).chain(to_server).chain(waits).min()
    }
}

/// Between a hub and the server.
#[derive(Clone, Copy, Default)]
struct Way {
    /// In ms, at most.
    delay: u64,
    is_silent: bool,
}

impl Way {
    /// When something arrives behind what arrives then.
    fn after(self, now: Instant, last: Option<Instant>, rng: &mut Rng) -> Instant {
        let due = if self.delay == 0 { now } else { now + Duration::from_millis(rng.u64(..=self.delay)) };
        last.map_or(due, |last| last.max(due))
    }
}

/// A hub with its machines, and what it has shown.
struct Node {
    world: World,
    appender: Line<Appender>,
    follower: Line<Follower>,
    way: Way,
    silent: Option<Instant>,
    paused: Option<Instant>,
    /// The operator has ended it, and another one starts after that time.
    ends: Option<Duration>,
    /// The log knows it by these names, the last of which is valid.
    ids: Vec<Vec<u8>>,
    /// Which entries it has got: all before this one.
    next: Option<usize>,
    first: usize,
    /// What it has got of each hub.
    passed: HashSet<(Vec<u8>, Vec<u8>)>,
    /// How many lines it was told that are missing, and not which.
    told_missing: u64,
    /// It was told that there are such lines, and not how many.
    may_skip: bool,
    /// It has got what Redis has lost since.
    must_tell_loss: bool,
    /// It was told of a loss, and has got nothing since: what is lost now is missing at the same place.
    knows_of_loss: bool,
    /// Something is missing, and its members were told so.
    has_lost: bool,
    /// What the entries say that it has got and not shown.
    expected: VecDeque<String>,
    /// How much of its transcript was looked at.
    looked_at: usize,
    /// Who is there, by what it shows.
    present: BTreeSet<String>,
    /// That is about to change without a word.
    is_unsure: bool,
    unlogged: usize,
}

impl Node {
    /// The follower passes on an event.
    fn passes(&mut self, event: &link::Event, redis: &Redis, has_lost: bool) -> Result<(), String> {
        let id = match event {
            link::Event::Registered(registered) => {
                self.knows_of_loss = false;
                let id = registered.hub.map_or(Vec::new(), |hub| hub.to_string().into_bytes());
                if self.ids.last() != Some(&id) {
                    self.ids.push(id);
                }
                if self.next.is_none() {
                    let first = redis.joined.get(&registered.first_number).copied().unwrap_or_default();
                    (self.first, self.next) = (first, Some(first));
                }
                // What is different is changed without a word.
                self.is_unsure = true;
                return Ok(());
            }
            link::Event::Missing { lines } => {
                if lines.is_none() && !has_lost {
                    return Err("lines are said to be missing, and Redis has lost nothing".to_owned());
                }
                (self.has_lost, self.is_unsure) = (true, true);
                self.told_missing += lines.unwrap_or_default();
                self.may_skip |= lines.is_none();
                self.knows_of_loss |= lines.is_none();
                return Ok(());
            }
            link::Event::Appended { bytes } => {
                self.unlogged -= bytes;
                return Ok(());
            }
            link::Event::Logged(logged) => logged.id,
            link::Event::HubGone { hub, id, .. } => {
                // Others may have taken the names of its members, which have theirs until it is registered again.
                self.is_unsure |= self.ids.contains(&hub.to_string().into_bytes());
                *id
            }
            _ => return Ok(()),
        };
        let Some(next) = self.next else { return Err("an entry before the hub is registered".to_owned()) };
        let all = &redis.all;
        let found = all.partition_point(|(entry, _)| entry.id < (id.ms, id.number));
        if all.get(found).is_none_or(|(entry, _)| entry.id != (id.ms, id.number)) || found < next {
            return Err(format!("the entry {id} comes twice or too late"));
        }
        let is_new = |entry: &crate::simulator::redis::Entry| {
            !self.passed.contains(&(entry.hub.clone(), entry.seq.clone()))
        };
        let skipped = all[next..found].iter().filter(|(entry, is_lost)| !is_lost && is_new(entry));
        let skipped: u64 = skipped.map(|(entry, _)| entry.lines).sum();
        let told = std::mem::take(&mut self.told_missing);
        // A hub that has read what is lost cannot count what was trimmed since.
        let has_read_lost = next.checked_sub(1).is_some_and(|last| all[last].1);
        let may_skip = std::mem::take(&mut self.may_skip) || has_read_lost;
        if skipped > told && !may_skip || skipped != told && !has_lost {
            return Err(format!("{skipped} lines are left out before the entry {id}, and {told} were told"));
        }
        // Somebody may have left, or have another name.
        self.is_unsure |= found > next;
        let (entry, is_lost) = &all[found];
        self.must_tell_loss |= *is_lost && entry.lines > 0;
        self.next = Some(found + 1);
        self.knows_of_loss = false;
        let is_new = self.passed.insert((entry.hub.clone(), entry.seq.clone()));
        // What was added again is not shown again, unless its hub was gone in between.
        if !matches!(event, link::Event::Logged(logged) if logged.is_repeated) {
            self.expected.extend(texts(&entry.data));
        } else if is_new {
            return Err(format!("the entry {id} is said to be repeated"));
        }
        Ok(())
    }

    /// Looks at what it has shown since the last time.
    fn shows(
        &mut self,
        as_shown: &mut HashMap<String, (String, String)>,
        has_lost: bool,
    ) -> Result<(), String> {
        for text in self.world.missing.drain(..) {
            self.must_tell_loss &= !text.contains("may be missing");
            self.has_lost = true;
        }
        let may_miss = has_lost || self.has_lost;
        for Entry { name, room, what, .. } in &self.world.transcript[self.looked_at..] {
            match what {
                What::Said(text) => {
                    while self.expected.front().is_some_and(|next| next != text) && may_miss {
                        self.expected.pop_front();
                    }
                    match self.expected.pop_front() {
                        Some(next) if next == *text => {}
                        next => return Err(format!("{next:?} comes from the log, and {text:?} is shown")),
                    }
                    // Empty lines cannot be told from each other.
                    if text.is_empty() {
                        continue;
                    }
                    let (known_name, known_room) =
                        as_shown.entry(text.clone()).or_insert_with(|| (name.clone(), room.to_lowercase()));
                    if !may_miss && (known_name != name || *known_room != room.to_lowercase()) {
                        return Err(format!(
                            "{text:?} is of {name} in {room} at one hub, and of {known_name} in {known_room} at another"
                        ));
                    }
                }
                What::Left(_) => drop(self.present.remove(name)),
                What::Joined | What::Renamed(_) => {
                    let new = if let What::Renamed(new) = what { new } else { name };
                    self.present.remove(if new == name { "" } else { name.as_str() });
                    if !self.present.insert(new.clone()) && !self.is_unsure {
                        return Err(format!("{name} is {new}, who is there already"));
                    }
                }
            }
        }
        self.looked_at = self.world.transcript.len();
        if self.is_unsure && self.world.hub.reads_log() {
            self.is_unsure = false;
            self.present.clear();
        }
        Ok(())
    }

    /// Somebody reads some bytes a second.
    fn has_pace(&self) -> bool {
        self.world.clients.iter().any(|client| !client.is_gone && (1..usize::MAX).contains(&client.pace))
    }

    fn is_running(&self) -> bool {
        self.paused.is_none() && self.world.exit.is_none()
    }
}

/// What an entry says to rooms.
fn texts(mut data: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(end) = memchr::memchr(b'\n', data) {
        let head = String::from_utf8_lossy(&data[..end]).into_owned();
        let length: usize = head.rsplit(' ').next().and_then(|length| length.parse().ok()).unwrap_or(0);
        let text = String::from_utf8_lossy(&data[end + 1..][..length]);
        if head.starts_with("says") || head.starts_with("emotes") {
            texts.extend(text.lines().map(str::to_owned));
        }
        data = &data[end + length + 2..];
    }
    texts
}

struct Hubs<'a> {
    plan: &'a Plan,
    server: Server,
    nodes: Vec<Option<Node>>,
    /// When another hub starts in this place.
    starts: Vec<Option<Instant>>,
    started: usize,
    /// Hubs that are no more, and their clients.
    records: Vec<Record>,
    connections: Vec<Connection>,
    /// The name and the room of each text.
    as_shown: HashMap<String, (String, String)>,
    /// Redis has lost something.
    has_lost: bool,
    /// When those who read slowly may read on.
    tick: Instant,
    looks: HashMap<Vec<u8>, Option<Name>>,
    checked_names: usize,
    is_telling: bool,
    told: Vec<String>,
}

impl<'a> Hubs<'a> {
    fn new(plan: &'a Plan, is_telling: bool) -> Self {
        let now = Instant::now();
        let mut redis = Redis::default();
        redis.limit = plan.limit;
        let server = Server {
            redis,
            began: now,
            now,
            rng: Rng::with_seed(plan.seed),
            away: None,
            stopped: None,
            refuses: None,
            orphans: Vec::new(),
        };
        let count = plan.hubs.len();
        Self {
            plan,
            server,
            nodes: (0..count).map(|_| None).collect(),
            starts: vec![Some(now); count],
            started: 0,
            records: Vec::new(),
            connections: Vec::new(),
            as_shown: HashMap::new(),
            has_lost: false,
            tick: now,
            looks: HashMap::new(),
            checked_names: 0,
            is_telling,
            told: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<Tried, String> {
        let plan = self.plan;
        self.flow()?;
        for step in &plan.steps {
            self.passes(step.wait)?;
            if self.is_telling {
                self.tell(&format!("hub {}: {}", step.hub, step.what));
            }
            self.happens(step.hub, &step.what);
            self.flow()?;
        }
        self.tell("the faults end");
        self.end_faults()?;
        self.agree()?;
        self.everybody_leaves()?;
        for place in 0..self.nodes.len() {
            self.retire(place, true);
        }
        let records = std::mem::take(&mut self.records);
        let Checked { said, received } = checker::check_linked(records, &self.connections)?;
        Ok(Tried { histories: 1, said, received, time: Duration::ZERO })
    }

    fn tell(&mut self, what: &str) {
        if self.is_telling {
            self.collect_told();
            let time = (self.server.now - self.server.began).as_secs_f64();
            self.told.push(format!("{time:9.3} s  {what}"));
        }
    }

    /// What the hubs have told.
    fn collect_told(&mut self) {
        for (place, node) in self.nodes.iter_mut().enumerate() {
            for line in node.iter_mut().flat_map(|node| node.world.told.drain(..)) {
                let (time, what) = line.split_at(13);
                self.told.push(format!("{time}hub {place}: {what}"));
            }
        }
    }

    /// A hub starts.
    fn start(&mut self, place: usize) {
        let now = self.server.now;
        let plan = &self.plan.hubs[place];
        let mut world = World::new(plan, now, self.is_telling);
        let ((), held) = memory::held_by(|| world.hub.link(NAMES[place]));
        world.held += held;
        world.for_log = FOR_LOG;
        (world.began, world.first) = (self.server.began, self.started * NUMBERS);
        world.operator_said = 1_000_000 * self.started;
        self.started += 1;
        let url: LinkUrl = "redis://192.0.2.10/test".parse().unwrap();
        let settings = Settings { name: NAMES[place].into(), history: plan.settings.history };
        let appender = Appender::new(url.clone(), settings.clone());
        let follower = Follower::new(url, settings, (self.started as u128) << 64);
        self.nodes[place] = Some(Node {
            world,
            appender: Line::new(appender),
            follower: Line::new(follower),
            way: Way::default(),
            silent: None,
            paused: None,
            ends: None,
            ids: Vec::new(),
            next: None,
            first: 0,
            passed: HashSet::new(),
            told_missing: 0,
            may_skip: false,
            must_tell_loss: false,
            knows_of_loss: false,
            has_lost: false,
            expected: VecDeque::new(),
            looked_at: 0,
            present: BTreeSet::new(),
            is_unsure: false,
            unlogged: 0,
        });
        self.tell(&format!("hub {place} starts"));
    }

    /// A hub is no more. Its clients keep what they have got.
    fn retire(&mut self, place: usize, was_whole: bool) {
        self.collect_told();
        let Some(mut node) = self.nodes[place].take() else { return };
        node.appender.ends(&mut self.server, true);
        node.follower.ends(&mut self.server, true);
        let mut world = node.world;
        let clients = world.first..world.first + world.clients.len();
        self.connections.resize_with(self.connections.len().max(clients.end), Connection::default);
        for (client, who) in world.clients.iter_mut().zip(clients.clone()) {
            let connection = client.finish();
            let (was_heard, has_heard) =
                (was_whole && connection.was_heard, was_whole && connection.has_heard);
            self.connections[who] = Connection { was_heard, has_heard, ..connection };
        }
        let mut transcript = world.transcript;
        for entry in &mut transcript {
            // Who says it at another hub.
            if let (None, What::Said(text)) = (entry.who, &entry.what) {
                let number = text.strip_prefix('c').and_then(|text| text.split([' ', '-']).next());
                entry.who = number.and_then(|number| number.parse().ok());
            }
        }
        let has_lost = node.has_lost || self.has_lost;
        let shown: HashSet<&str> = transcript
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Said(text) => Some(&**text),
                _ => None,
            })
            .collect();
        let all = (0..).zip(&self.server.redis.all);
        let all = all.flat_map(|(at, (entry, _))| texts(&entry.data).into_iter().map(move |text| (at, text)));
        let is_not_seen = |(at, text): &(usize, String)| {
            let was_before = *at < node.first;
            was_before && has_lost || (was_before || has_lost) && !shown.contains(&**text)
        };
        let not_seen = all.filter(is_not_seen).map(|(_, text)| text).collect();
        self.records.push(Record { transcript, clients, not_seen, has_lost });
    }

    fn happens(&mut self, place: usize, what: &Happens) {
        let now = self.server.now;
        let after = |ms: u64| Some(now + Duration::from_millis(ms));
        match what {
            Happens::Kill(keeps, ms) => {
                for node in self.nodes.iter_mut().flatten() {
                    node.appender.breaks(&mut self.server, false);
                    node.follower.breaks(&mut self.server, false);
                }
                self.server.orphans.clear();
                if *keeps != Keeps::All {
                    let lost = self.server.redis.loses(*keeps == Keeps::Nothing);
                    self.loses(&lost);
                }
                self.server.redis.forgets_scripts();
                (self.server.away, self.server.stopped) = (after(*ms), None);
                return;
            }
            Happens::Stop(ms) => return self.server.stopped = after(*ms),
            Happens::Save => return self.server.redis.save(),
            Happens::Trim(length) => return self.server.redis.trim(*length),
            Happens::ForgetScripts => return self.server.redis.forgets_scripts(),
            Happens::Refuse(ms) => {
                self.server.redis.refuses = Some("OOM command not allowed when used memory > 'maxmemory'.");
                self.server.refuses = after(*ms);
                return;
            }
            _ => {}
        }
        let name_of = |(place, slot): (usize, usize)| {
            let world = &self.nodes[place].as_ref()?.world;
            Some(world.clients[world.slots[slot]?].name.clone())
        };
        let name = match what {
            Happens::Write(_, whom, _) | Happens::Ignore(_, whom) | Happens::Kick(whom) => name_of(*whom),
            _ => None,
        };
        let name = name.unwrap_or_else(|| "nobody".to_owned());
        let Some(node) = &mut self.nodes[place] else { return };
        let (first, world) = (node.world.first, &mut node.world);
        world.now = if node.paused.is_none() { now } else { world.now };
        match what {
            Happens::Cut(true) => node.appender.breaks(&mut self.server, true),
            Happens::Cut(false) => node.follower.breaks(&mut self.server, true),
            Happens::Slow(ms) => node.way.delay = *ms,
            Happens::Silent(ms) => node.silent = after(*ms),
            Happens::Pause(ms) => {
                node.paused = after(*ms);
                // It could not read what they would have.
                world.clients.iter_mut().for_each(|client| client.reads_enough = false);
            }
            Happens::Die(ms) => {
                self.starts[place] = after(*ms);
                self.retire(place, false);
            }
            _ if node.paused.is_some() || node.ends.is_some() => {}
            Happens::End(ms) => {
                node.ends = Some(Duration::from_millis(*ms));
                world.operator_types("88\n");
            }
            Happens::Here(step) => world.does(step, &self.plan.hubs[place]),
            Happens::Kick(_) => world.operator_types(&format!("/kick {name}\n")),
            Happens::Write(slot, _, lines) => {
                let Some(index) = world.client(*slot) else { return };
                let client = &mut world.clients[index];
                for _ in 0..*lines {
                    let text = client.text(first + index, 20);
                    let begun = if std::mem::take(&mut client.begun) { "\n" } else { "" };
                    client.sends(format!("{begun}/msg {name} {text}\n").as_bytes());
                }
            }
            Happens::Ignore(slot, _) => {
                let Some(index) = world.client(*slot) else { return };
                let client = &mut world.clients[index];
                let begun = if std::mem::take(&mut client.begun) { "\n" } else { "" };
                client.sends(format!("{begun}/ignore {name}\n").as_bytes());
            }
            _ => {}
        }
    }

    /// Redis has lost these entries.
    fn loses(&mut self, lost: &[usize]) {
        self.has_lost |= !lost.is_empty();
        let all = &self.server.redis.all;
        for node in self.nodes.iter_mut().flatten() {
            let got = node.first..node.next.unwrap_or(node.first);
            let has_got_lines = lost.iter().any(|at| got.contains(at) && all[*at].0.lines > 0);
            node.must_tell_loss |= has_got_lines && !node.knows_of_loss;
        }
    }

    /// Moves what can be moved at this moment.
    fn flow(&mut self) -> Result<(), String> {
        for turns in 0.. {
            if turns > 20_000 {
                return Err("the hubs are busy for ever".to_owned());
            }
            let mut moved = self.time_is_up();
            self.server.takes_orphans();
            for place in 0..self.nodes.len() {
                moved |= self.moves(place).map_err(|error| format!("hub {place}: {error}"))?;
            }
            if !moved {
                break;
            }
        }
        self.check_names()
    }

    /// What was to last until now is over.
    fn time_is_up(&mut self) -> bool {
        let now = self.server.now;
        let is_over = |until: &mut Option<Instant>| until.take_if(|until| *until <= now).is_some();
        let mut moved = is_over(&mut self.server.away) | is_over(&mut self.server.stopped);
        if is_over(&mut self.server.refuses) {
            self.server.redis.refuses = None;
        }
        for place in 0..self.nodes.len() {
            if is_over(&mut self.starts[place]) {
                self.start(place);
                moved = true;
            }
            if let Some(node) = &mut self.nodes[place] {
                is_over(&mut node.silent);
                is_over(&mut node.paused);
                node.way.is_silent = node.silent.is_some();
                if node.world.exit.is_some()
                    && let Some(pause) = node.ends
                {
                    self.starts[place] = Some(now + pause);
                    self.retire(place, false);
                }
            }
        }
        moved
    }

    fn moves(&mut self, place: usize) -> Result<bool, String> {
        let Some(node) = self.nodes[place].as_mut().filter(|node| node.is_running()) else {
            return Ok(false);
        };
        let (now, server) = (self.server.now, &mut self.server);
        node.world.now = now;
        let mut events = Vec::new();
        let rests = !node.world.hub.reads_log();
        node.follower.machine.rest(rests, now);
        let mut moved = node.appender.moves(node.way, server, &mut events)
            | node.follower.moves(node.way, server, &mut events);
        for event in events {
            if self.is_telling {
                let text: String = format!("{event:?}").chars().take(300).collect();
                node.world.tell(&format!("    link: {text}"));
            }
            node.passes(&event, &server.redis, self.has_lost)?;
            let (event, held) = memory::held_by(|| event.clone());
            node.world.held += held;
            let stamp = node.world.stamp;
            node.world.handle(Event::Link(event, stamp));
        }
        node.world.act();
        node.world.settle()?;
        for order in node.world.orders.drain(..) {
            moved = true;
            match &order {
                Order::Push(batch) | Order::Registered { first: batch, .. } => node.unlogged += batch.size(),
                _ => {}
            }
            node.appender.machine.perform(order, now);
        }
        node.shows(&mut self.as_shown, self.has_lost)?;
        Ok(moved)
    }

    fn due(&self) -> Option<Instant> {
        let server = &self.server;
        let own = [server.away, server.stopped, server.refuses];
        let orphans = server.orphans.iter().filter(|_| server.is_there());
        let orphans = orphans.filter_map(|(_, waiting)| waiting.front().map(|(due, _)| *due));
        let nodes = self.nodes.iter().flatten().filter_map(|node| match node.paused {
            Some(until) => Some(until),
            None => {
                let lines = [node.appender.due(node.way, server), node.follower.due(node.way, server)];
                let hub = node.world.hub.poll_timeout().filter(|_| node.world.exit.is_none());
                lines.into_iter().flatten().chain(hub).chain(node.silent).min()
            }
        });
        let starts = self.starts.iter().flatten().copied();
        own.into_iter().flatten().chain(orphans).chain(nodes).chain(starts).min()
    }

    fn passes(&mut self, time: Duration) -> Result<(), String> {
        let until = self.server.now + time;
        let mut turns = 0;
        while self.server.now < until {
            turns += 1;
            if turns > 100_000 {
                return Err(format!(
                    "something is due for ever, {:?}",
                    self.due().map(|due| due - self.server.now)
                ));
            }
            let has_pace = self.nodes.iter().flatten().any(Node::has_pace);
            let due = self.due().unwrap_or(until).max(self.server.now);
            let tick = self.tick.max(self.server.now);
            let now = if has_pace { due.min(tick) } else { due }.min(until);
            if has_pace && now == tick {
                self.tick = now + super::TICK;
                self.nodes.iter_mut().flatten().for_each(|node| node.world.give_credit());
            }
            self.server.now = now;
            self.flow()?;
        }
        Ok(())
    }

    /// No two members have names that look alike, at the moment.
    fn check_names(&mut self) -> Result<(), String> {
        let redis = &self.server.redis;
        if std::mem::replace(&mut self.checked_names, redis.all.len()) == redis.all.len() {
            return Ok(());
        }
        let mut present: Vec<&Name> = Vec::new();
        let members = || redis.data.hubs.iter().flat_map(|hub| &hub.members);
        let first = |record: &[u8]| record.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
        for (_, record) in members() {
            let parse = |name: &[u8]| Name::parse(std::str::from_utf8(name).ok()?).ok();
            let name = first(record);
            self.looks.entry(name).or_insert_with_key(|name| parse(name));
        }
        for (_, record) in members() {
            let Some(Some(name)) = self.looks.get(&first(record)) else { continue };
            if let Some(other) = present.iter().find(|other| other.looks_like(name)) {
                return Err(format!("{} and {} are there at the same time", other.shown(), name.shown()));
            }
            present.push(name);
        }
        Ok(())
    }

    /// Everything works again: then everything must arrive.
    fn end_faults(&mut self) -> Result<(), String> {
        // No server that lost entries comes back in the same millisecond, and gives others their ids.
        self.passes(Duration::from_millis(1))?;
        let server = &mut self.server;
        (server.away, server.stopped, server.refuses, server.redis.refuses) = (None, None, None, None);
        let now = server.now;
        for start in self.starts.iter_mut().flatten() {
            *start = now;
        }
        for node in self.nodes.iter_mut().flatten() {
            (node.silent, node.paused, node.way) = (None, None, Way::default());
            node.world.now = now;
            node.world.heal();
        }
        self.flow()?;
        let patience = self.nodes.iter().flatten().map(|node| node.world.patience()).max();
        let limit = self.server.now + ARRIVES_WITHIN + patience.unwrap_or_default();
        while let Some(why) = self.is_missing() {
            if self.server.now > limit {
                return Err(format!("long after the faults have ended, {why}"));
            }
            self.passes(Duration::from_secs(1))?;
        }
        self.passes(Duration::from_secs(2))
    }

    /// What has not arrived.
    fn is_missing(&self) -> Option<String> {
        let redis = &self.server.redis;
        for (place, node) in self.nodes.iter().enumerate() {
            let Some(node) = node else { return Some(format!("hub {place} has not started")) };
            if node.ends.is_some() {
                return Some(format!("hub {place} has not ended"));
            }
            let clients = node.world.clients.iter().enumerate();
            let mut waiting = clients.filter(|(_, client)| !client.is_gone && !client.is_idle());
            if let Some((index, client)) = waiting.next() {
                return Some(format!("c{} ({}) still waits", node.world.first + index, client.name));
            }
            if node.unlogged > 0 {
                return Some(format!("{} bytes of hub {place} are not in the log", node.unlogged));
            }
            if node.ids.last().is_none_or(|id| !redis.data.hubs.iter().any(|hub| hub.id == *id)) {
                return Some(format!("hub {place} is not registered"));
            }
            let rest = &redis.all[node.next.unwrap_or_default()..];
            let is_new = |hub: &Vec<u8>, seq: &Vec<u8>| !node.passed.contains(&(hub.clone(), seq.clone()));
            if rest.iter().any(|(entry, _)| redis.keeps(entry) && is_new(&entry.hub, &entry.seq))
                || !node.expected.is_empty() && !node.has_lost && !self.has_lost
            {
                return Some(format!("hub {place} has not shown all of the log"));
            }
            if node.must_tell_loss {
                return Some(format!("the members of hub {place} were not told that Redis has lost lines"));
            }
        }
        (redis.data.hubs.len() > self.nodes.len())
            .then(|| "a hub that is gone has not been removed".to_owned())
    }

    /// Somebody new at each hub asks who is where: all hubs say the same.
    fn agree(&mut self) -> Result<(), String> {
        let plan = self.plan;
        for (node, plan) in self.nodes.iter_mut().zip(&plan.hubs) {
            let Some(node) = node else { continue };
            node.world.comes(0, &HubPlan { addresses: [200; SLOTS], ..plan.clone() });
        }
        self.passes(Duration::from_secs(2))?;
        for (question, answers) in [("/who", ["in lobby", "in lobby"]), ("/rooms", [" room", " rooms"])] {
            let mut heard: BTreeMap<BTreeSet<String>, usize> = BTreeMap::new();
            for node in self.nodes.iter_mut().flatten() {
                let client = node.world.clients.last_mut();
                client.into_iter().for_each(|client| client.sends(format!("{question}\n").as_bytes()));
            }
            self.flow()?;
            self.passes(Duration::from_secs(2))?;
            for (place, node) in self.nodes.iter().enumerate() {
                let Some(client) = node.as_ref().and_then(|node| node.world.clients.last()) else { continue };
                let received = String::from_utf8_lossy(&client.connection.received).to_lowercase();
                let lines = received.lines().rev();
                let answer = lines
                    .filter_map(|line| line.split_once("* hub: ")?.1.split_once(": "))
                    .find(|(head, _)| answers.iter().any(|answer| head.ends_with(answer)));
                let Some((_, list)) = answer else {
                    return Err(format!("{question} is not answered at hub {place}: {received}"));
                };
                heard.insert(list.split(", ").map(str::to_owned).collect(), place);
            }
            if heard.len() > 1 {
                return Err(format!("hubs do not agree on {question}: {heard:?}"));
            }
        }
        Ok(())
    }

    /// Everybody says goodbye, the operators end the hubs, and nothing is left.
    fn everybody_leaves(&mut self) -> Result<(), String> {
        for node in self.nodes.iter_mut().flatten() {
            node.world
                .clients
                .iter_mut()
                .filter(|client| !client.is_gone)
                .for_each(|client| client.sends(b"88\n"));
        }
        self.flow()?;
        self.passes(Duration::from_secs(15))?;
        for place in 0..self.nodes.len() {
            let Some(node) = &mut self.nodes[place] else { continue };
            let world = &mut node.world;
            if let Some(client) = world.clients.iter().find(|client| !client.is_gone) {
                return Err(format!("{} is still connected 15 s after 88", client.name));
            }
            if world.held > super::FOR_ITSELF as isize {
                return Err(format!("hub {place} holds {} bytes when everybody has left", world.held));
            }
            world.operator_types("88\n");
            self.passes(Duration::from_secs(2))?;
            match self.nodes[place].as_ref().and_then(|node| node.world.exit) {
                Some(Exit::Success) => {}
                exit => return Err(format!("hub {place} does not end: {exit:?}")),
            }
        }
        let data = &self.server.redis.data;
        if !data.hubs.is_empty() || !data.names.is_empty() {
            return Err(format!("Redis keeps {:?} and {:?}", data.hubs, data.names));
        }
        Ok(())
    }
}
