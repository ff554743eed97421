//! A Redis server for hubs, in memory: it speaks RESP and does what the scripts do, in simulated time.
//!
//! `tests/link_log/model.rs` shows that it answers what a real server answers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

type Bytes = Vec<u8>;

/// The scripts, by their names, as the rules send them.
const SCRIPTS: [(&str, &str); 4] = [
    ("append", include_str!("../../src/rules/link/scripts/append.lua")),
    ("leave", include_str!("../../src/rules/link/scripts/leave.lua")),
    ("register", include_str!("../../src/rules/link/scripts/register.lua")),
    ("read", include_str!("../../src/rules/link/scripts/read.lua")),
];

/// How long a room's history and the number of a hub that is gone are kept, in ms.
const DAY: u64 = 86_400_000;
/// How long the lease of all hubs is.
const AWAKE: u64 = 3000;

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Ok,
    Nothing,
    Number(u64),
    Text(Bytes),
    List(Vec<Self>),
    Error(&'static str),
}

impl Reply {
    #[allow(clippy::needless_pass_by_value, reason = "a number is one, too")]
    pub fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string().into_bytes())
    }

    pub fn write(&self, out: &mut Bytes) {
        let head = match self {
            Self::Ok => "+OK".to_owned(),
            Self::Nothing => "*-1".to_owned(),
            Self::Number(number) => format!(":{number}"),
            Self::Text(text) => format!("${}", text.len()),
            Self::List(parts) => format!("*{}", parts.len()),
            Self::Error(error) => format!("-{error}"),
        };
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\r\n");
        match self {
            Self::Text(text) => {
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            Self::List(parts) => parts.iter().for_each(|part| part.write(out)),
            _ => {}
        }
    }
}

/// Of an entry: ms, and a number in this ms.
pub type Id = (u64, u64);

fn shown(id: Id) -> String {
    format!("{}-{}", id.0, id.1)
}

/// An entry of the log.
#[derive(Debug)]
pub struct Entry {
    /// Among all that ever were.
    pub index: usize,
    pub id: Id,
    pub hub: Bytes,
    /// `gone` and `left` are no numbers.
    pub seq: Bytes,
    pub lines: u64,
    pub data: Bytes,
    before: Id,
    lines_before: u64,
    bytes: u64,
    refused: String,
}

impl Entry {
    fn reply(&self) -> Reply {
        let fields: [(&str, Bytes); 8] = [
            ("h", self.hub.clone()),
            ("s", self.seq.clone()),
            ("n", self.lines.to_string().into()),
            ("p", shown(self.before).into()),
            ("g", self.lines_before.to_string().into()),
            ("b", self.bytes.to_string().into()),
            ("d", self.data.clone()),
            ("r", self.refused.clone().into()),
        ];
        let fields = fields.into_iter().flat_map(|(key, value)| [Reply::text(key), Reply::Text(value)]);
        Reply::List(vec![Reply::text(shown(self.id)), Reply::List(fields.collect())])
    }
}

/// A hub that is registered.
#[derive(Debug, Clone, Default)]
pub struct Registered {
    pub id: Bytes,
    name: Bytes,
    pub seq: u64,
    /// How far it has read: bytes, and the last entry.
    read: (u64, Id),
    lease: u64,
    /// Number and record, in the order in which they came.
    pub members: Vec<(Bytes, Bytes)>,
    forms: BTreeMap<Bytes, BTreeSet<Bytes>>,
}

/// Everything that a server can lose.
#[derive(Debug, Clone, Default)]
pub struct Data {
    log: VecDeque<Rc<Entry>>,
    /// How many entries there ever were when the last one was added.
    end: usize,
    id: Option<Id>,
    lines: u64,
    bytes: u64,
    numbers: u64,
    loss: Bytes,
    pub hubs: Vec<Registered>,
    awake: u64,
    gone: HashMap<Bytes, (Bytes, u64)>,
    /// The forms of names, and whose they are.
    pub names: BTreeMap<Bytes, (Bytes, Bytes)>,
    rooms: BTreeMap<Bytes, (Vec<Bytes>, u64)>,
    bans: BTreeSet<Bytes>,
    epoch: Option<Bytes>,
}

/// The server.
#[derive(Default)]
pub struct Redis {
    pub data: Data,
    saved: Data,
    scripts: BTreeSet<&'static str>,
    /// All entries that ever were, and whether each was lost.
    pub all: Vec<(Rc<Entry>, bool)>,
    /// Instead of what the hubs ask for: how many bytes the slowest of them may be behind.
    pub limit: Option<u64>,
    /// What it answers to every script.
    pub refuses: Option<&'static str>,
    /// How many entries there ever were when a hub registered, by the first number that it got.
    pub joined: HashMap<u64, usize>,
    /// The ids of the next entries, if they are not to be those of the clock.
    pub ids: VecDeque<Id>,
}

/// One connection to it.
#[derive(Default)]
pub struct Session {
    input: Bytes,
    /// It waits for entries behind this one until then.
    waits: Option<(Id, u64)>,
}

impl Session {
    /// When it is answered at the latest.
    pub fn due(&self) -> Option<u64> {
        self.waits.map(|(_, until)| until)
    }
}

impl Redis {
    /// Keeps what it has, for when it starts again.
    pub fn save(&mut self) {
        self.saved = self.data.clone();
    }

    /// It starts again, with nothing or what it has saved. Returns which entries it has lost now.
    pub fn loses(&mut self, everything: bool) -> Vec<usize> {
        self.data = if everything { Data::default() } else { self.saved.clone() };
        self.save();
        let entries = self.all.iter_mut().enumerate().skip(self.data.end);
        entries.filter_map(|(at, (_, is_lost))| (!std::mem::replace(is_lost, true)).then_some(at)).collect()
    }

    pub fn forgets_scripts(&mut self) {
        self.scripts.clear();
    }

    /// Whether it still has this entry.
    pub fn keeps(&self, entry: &Entry) -> bool {
        let log = &self.data.log;
        log.get(log.partition_point(|kept| kept.id < entry.id)).is_some_and(|kept| kept.index == entry.index)
    }

    /// How far somebody is who has read this entry: bytes, and its id.
    pub fn place(&self, index: usize) -> (u64, String) {
        let (entry, _) = &self.all[index];
        (entry.bytes, shown(entry.id))
    }

    /// Somebody else trims the log.
    pub fn trim(&mut self, length: usize) {
        let surplus = self.data.log.len().saturating_sub(length);
        self.data.log.drain(..surplus);
    }

    /// The lease of a hub has run out, or that of all.
    pub fn ends_lease(&mut self, hub: Option<&[u8]>) {
        match hub {
            Some(id) => self.hub(id).into_iter().for_each(|hub| hub.lease = 0),
            None => self.data.awake = 0,
        }
    }

    /// Does what came over a connection, and answers. `now` is in ms.
    pub fn receive(&mut self, session: &mut Session, input: &[u8], now: u64, output: &mut Bytes) {
        session.input.extend_from_slice(input);
        self.go_on(session, now, output);
    }

    /// Answers what waited for entries or for the time, and what came behind it.
    pub fn go_on(&mut self, session: &mut Session, now: u64, output: &mut Bytes) {
        loop {
            if let Some((behind, until)) = session.waits {
                match self.entries(behind) {
                    Reply::Nothing if now < until => return,
                    reply => reply.write(output),
                }
                session.waits = None;
            }
            let Some((command, length)) = parse(&session.input) else { return };
            let parts: Vec<&[u8]> = command.iter().map(|range| &session.input[range.clone()]).collect();
            match self.execute(&parts, now) {
                Err(waits) => session.waits = Some(waits),
                Ok(reply) => reply.write(output),
            }
            session.input.drain(..length);
        }
    }

    /// The answer to a command, or for what it waits.
    fn execute(&mut self, parts: &[&[u8]], now: u64) -> Result<Reply, (Id, u64)> {
        Ok(match parts {
            [b"INFO", ..] => Reply::text("# Server\r\nredis_version:7.0.15\r\n"),
            [b"SCRIPT", b"LOAD", script] => {
                let (name, _) = SCRIPTS.iter().find(|(_, end)| script.ends_with(end.as_bytes())).unwrap();
                self.scripts.insert(name);
                Reply::text(format!("{name:0>40}"))
            }
            [b"XREAD", .., id] => {
                let id = parse_id(id);
                let block = parts.iter().position(|part| *part == b"BLOCK").map(|at| number(parts[at + 1]));
                match (self.entries(id), block) {
                    (Reply::Nothing, Some(block)) => return Err((id, now + block)),
                    (reply, _) => reply,
                }
            }
            _ if self.refuses.is_some() => Reply::Error(self.refuses.unwrap_or_default()),
            [b"HINCRBY", _, b"numbers", by] => Reply::Number(self.takes_numbers(number(by))),
            [b"EVALSHA", digest, b"1", _, arguments @ ..] => {
                let name = std::str::from_utf8(digest).unwrap().trim_start_matches('0');
                match self.scripts.get(name).copied() {
                    Some("append") => self.append(arguments, now),
                    Some("leave") => {
                        self.remove(arguments[0], true, now);
                        Reply::text("OK")
                    }
                    Some("register") => self.register(arguments, now),
                    Some("read") => self.read(arguments, now),
                    _ => Reply::Error("NOSCRIPT No matching script. Please use EVAL."),
                }
            }
            _ => Reply::Error("ERR unknown command"),
        })
    }

    fn entries(&self, behind: Id) -> Reply {
        let log = &self.data.log;
        let first = log.partition_point(|entry| entry.id <= behind);
        if first == log.len() {
            return Reply::Nothing;
        }
        let entries = log.range(first..).take(256).map(|entry| entry.reply()).collect();
        Reply::List(vec![Reply::List(vec![Reply::text("tc:{test}:log"), Reply::List(entries)])])
    }

    fn takes_numbers(&mut self, count: u64) -> u64 {
        self.data.numbers += count;
        self.data.numbers
    }

    fn hub(&mut self, id: &[u8]) -> Option<&mut Registered> {
        self.data.hubs.iter_mut().find(|hub| hub.id == id)
    }

    /// `add` in `common.lua`.
    fn add(&mut self, hub: &[u8], seq: &[u8], lines: u64, data: &[u8], refused: String, now: u64) {
        let own = &mut self.data;
        let bytes = own.bytes + (data.len() + refused.len() + 256) as u64;
        let before = own.id.unwrap_or_default();
        let next = if now > before.0 { (now, 0) } else { (before.0, before.1 + 1) };
        let id = self.ids.pop_front().unwrap_or(next);
        let entry = Rc::new(Entry {
            index: self.all.len(),
            id,
            hub: hub.to_vec(),
            seq: seq.to_vec(),
            lines,
            data: data.to_vec(),
            before,
            lines_before: own.lines,
            bytes,
            refused,
        });
        own.log.push_back(Rc::clone(&entry));
        (own.id, own.lines, own.bytes, own.end) = (Some(id), own.lines + lines, bytes, entry.index + 1);
        self.all.push((entry, false));
    }

    /// `remove` in `common.lua`, if the hub is registered.
    fn remove(&mut self, id: &[u8], left: bool, now: u64) {
        let Some(at) = self.data.hubs.iter().position(|hub| hub.id == id) else { return };
        let how: &[u8] = if left { b"left" } else { b"gone" };
        self.add(id, how, 0, b"", String::new(), now);
        let hub = self.data.hubs.remove(at);
        let number = if left { how.to_vec() } else { hub.seq.to_string().into() };
        self.data.gone.insert(hub.id, (number, now + DAY));
        for form in hub.forms.into_values().flatten() {
            self.data.names.remove(&form);
        }
    }

    fn slowest(&self) -> Option<(u64, Id)> {
        self.data.hubs.iter().map(|hub| hub.read).min_by_key(|read| read.0)
    }

    fn gone(&self, hub: &[u8], now: u64) -> Option<&Bytes> {
        self.data.gone.get(hub).filter(|(_, until)| *until > now).map(|(number, _)| number)
    }

    fn append(&mut self, arguments: &[&[u8]], now: u64) -> Reply {
        let [id, seq, limit, history, lines, data, operations @ ..] = arguments else { unreachable!() };
        let (seq, limit) = (number(seq), self.limit.unwrap_or(number(limit)));
        let Some(hub) = self.hub(id) else { return Reply::text("FENCED") };
        let last = hub.seq;
        if seq <= last {
            return Reply::text("DUP");
        }
        if seq > last + 1 {
            self.remove(id, false, now);
            return Reply::text("GAP");
        }
        let total = self.data.bytes;
        if total - self.slowest().map_or(total, |(read, _)| read).min(total) >= limit {
            return Reply::text("FULL");
        }
        let refused = self.operate(id, operations, number(history), now);
        self.add(id, seq.to_string().as_bytes(), number(lines), data, refused.join(","), now);
        if let Some(hub) = self.hub(id) {
            hub.seq = seq;
        }
        Reply::text("OK")
    }

    /// Does what belongs to an entry. Returns which claims are refused.
    fn operate(&mut self, id: &[u8], operations: &[&[u8]], history: u64, now: u64) -> Vec<String> {
        let mut next = Operations(operations);
        let (mut claims, mut refused) = (0, Vec::new());
        while !next.0.is_empty() {
            match &*next.one() {
                b"claim" => {
                    let (member, release, take) = (next.one(), next.list(), next.list());
                    if !self.claim(id, &member, &release, &take, next.one(), next.one()) {
                        refused.push(claims.to_string());
                    }
                    claims += 1;
                }
                b"record" => self.record(id, &next.one(), &next.one()),
                b"forget" => {
                    let member = next.one();
                    let Some(hub) = self.hub(id) else { continue };
                    hub.members.retain(|(number, _)| *number != member);
                    for form in hub.forms.remove(&member).unwrap_or_default() {
                        self.data.names.remove(&form);
                    }
                }
                b"history" => {
                    let (kept, until) = self.data.rooms.entry(next.one()).or_default();
                    if *until <= now {
                        kept.clear();
                    }
                    kept.extend(next.list());
                    let surplus = kept.len().saturating_sub(history as usize);
                    kept.drain(..surplus);
                    *until = now + DAY;
                }
                b"ban" => drop(self.data.bans.insert(next.one())),
                _ => {}
            }
        }
        refused
    }

    /// What is known of a member, but its name.
    fn record(&mut self, hub: &[u8], member: &[u8], record: &[u8]) {
        let Some(hub) = self.hub(hub) else { return };
        let Some((_, known)) = hub.members.iter_mut().find(|(number, _)| number == member) else { return };
        let name = |record: &[u8]| memchr::memchr(b'\n', record).unwrap_or(record.len());
        known.truncate(name(known));
        known.extend(&record[name(record)..]);
    }

    fn store(&mut self, hub: &[u8], member: &[u8], record: Bytes) {
        let Some(hub) = self.hub(hub) else { return };
        match hub.members.iter_mut().find(|(number, _)| number == member) {
            Some((_, known)) => *known = record,
            None => hub.members.push((member.to_vec(), record)),
        }
    }

    fn claim(
        &mut self,
        id: &[u8],
        member: &[u8],
        release: &[Bytes],
        take: &[Bytes],
        record: Bytes,
        otherwise: Bytes,
    ) -> bool {
        let is_known = self.hub(id).is_some_and(|hub| hub.members.iter().any(|(known, _)| known == member));
        if !otherwise.is_empty() && is_known {
            return true;
        }
        let owner = (id.to_vec(), member.to_vec());
        if take.iter().any(|form| self.data.names.get(form).is_some_and(|other| *other != owner)) {
            if !otherwise.is_empty() {
                self.store(id, member, otherwise);
            }
            return false;
        }
        let data = &mut self.data;
        let Some(hub) = data.hubs.iter_mut().find(|hub| hub.id == id) else { return true };
        let own = hub.forms.entry(member.to_vec()).or_default();
        for form in release.iter().filter(|form| own.remove(*form)) {
            data.names.remove(form);
        }
        for form in take {
            data.names.insert(form.clone(), owner.clone());
            own.insert(form.clone());
        }
        self.store(id, member, record);
        true
    }

    fn register(&mut self, arguments: &[&[u8]], now: u64) -> Reply {
        let [id, old, accepted, epoch, bytes, at, lease, count, budget, name] = arguments else {
            unreachable!()
        };
        if old == id && self.gone(id, now).is_some() {
            return Reply::text("FENCED");
        }
        self.data.epoch.get_or_insert_with(|| epoch.to_vec());
        let (mut accepted, mut has_lost) = (number(accepted), false);
        if old != id {
            let known = self.hub(old).map(|hub| hub.seq);
            let gone = || self.gone(old, now).and_then(|seq| std::str::from_utf8(seq).ok()?.parse().ok());
            let seq = known.or_else(gone).unwrap_or(0);
            has_lost =
                seq < accepted && (known.is_some() || self.gone(old, now).is_none_or(|gone| gone != b"left"));
            accepted = accepted.max(seq);
        }
        let ids = self.data.hubs.iter().map(|hub| hub.id.clone());
        let earlier: Vec<_> = ids.filter(|other| other != id && other[..24] == id[..24]).collect();
        earlier.iter().for_each(|earlier| self.remove(earlier, false, now));
        let (last, total) = (self.data.id.unwrap_or_default(), self.data.bytes);
        if self.hub(id).is_none() {
            let id = id.to_vec();
            self.data.hubs.push(Registered {
                id,
                name: name.to_vec(),
                seq: accepted,
                ..Registered::default()
            });
        }
        let read = if at.is_empty() { (total, last) } else { (number(bytes), parse_id(at)) };
        let lease = now + number(lease);
        let mut seq = 0;
        if let Some(hub) = self.hub(id) {
            (hub.read, hub.lease, seq) = (read, lease, hub.seq);
        }
        if self.data.awake <= now {
            self.data.awake = now + AWAKE;
        }
        let hubs = self.data.hubs.iter().map(|hub| {
            let members = hub.members.iter().flat_map(|(member, record)| [member, record]);
            let members = members.map(|text| Reply::Text(text.clone())).collect();
            Reply::List(vec![
                Reply::Text(hub.id.clone()),
                Reply::Text(hub.name.clone()),
                Reply::List(members),
            ])
        });
        let hubs = hubs.collect();
        let mut budget = number(budget) as isize;
        self.data.rooms.retain(|_, (lines, until)| *until > now && !lines.is_empty());
        let mut rooms = Vec::new();
        for (room, (lines, _)) in &self.data.rooms {
            budget -= lines.iter().map(Vec::len).sum::<usize>() as isize;
            if budget >= 0 {
                let lines = lines.iter().map(|line| Reply::Text(line.clone())).collect();
                rooms.push(Reply::List(vec![Reply::Text(room.clone()), Reply::List(lines)]));
            }
        }
        let numbers = self.takes_numbers(number(count));
        self.joined.insert(numbers + 1 - number(count), self.all.len());
        Reply::List(vec![
            Reply::Text(self.data.epoch.clone().unwrap_or_default()),
            Reply::text(shown(last)),
            Reply::text(self.data.lines),
            Reply::text(total),
            Reply::text(seq),
            Reply::Number(numbers),
            Reply::List(hubs),
            Reply::List(rooms),
            Reply::List(self.data.bans.iter().map(|ban| Reply::Text(ban.clone())).collect()),
            Reply::Number(has_lost.into()),
            Reply::Text(self.data.loss.clone()),
        ])
    }

    fn read(&mut self, arguments: &[&[u8]], now: u64) -> Reply {
        let [id, bytes, at, lease, last_loss, found_loss] = arguments else { unreachable!() };
        let lease = now + number(lease);
        let is_registered = self.hub(id).is_some();
        if let Some(hub) = self.hub(id) {
            (hub.lease, hub.read) = (lease, (number(bytes), parse_id(at)));
        }
        let was_away = self.data.awake <= now;
        self.data.awake = now + AWAKE;
        if was_away {
            self.data.hubs.iter_mut().for_each(|hub| hub.lease = lease);
        }
        let late = self.data.hubs.iter().filter(|hub| hub.lease <= now).map(|hub| hub.id.clone());
        for hub in late.collect::<Vec<_>>() {
            self.remove(&hub, false, now);
        }
        if let Some((_, id)) = self.slowest() {
            let read = self.data.log.partition_point(|entry| entry.id < id);
            self.data.log.drain(..read);
        }
        if !found_loss.is_empty() && *last_loss == self.data.loss {
            self.data.loss = found_loss.to_vec();
        }
        let has_left = || self.gone(id, now).is_some_and(|number| number == b"left");
        let state = if is_registered { 1 } else { 2 * u64::from(has_left()) };
        Reply::List(vec![
            Reply::Number(state),
            Reply::Text(self.data.epoch.clone().unwrap_or_default()),
            Reply::text(shown(self.data.id.unwrap_or_default())),
            Reply::text(self.data.lines),
            Reply::text(self.data.bytes),
            Reply::Text(self.data.loss.clone()),
        ])
    }
}

/// The operations of a batch, as they come.
struct Operations<'a>(&'a [&'a [u8]]);

impl Operations<'_> {
    fn one(&mut self) -> Bytes {
        let (first, rest) = self.0.split_first().unwrap();
        self.0 = rest;
        first.to_vec()
    }

    fn list(&mut self) -> Vec<Bytes> {
        (0..number(&self.one())).map(|_| self.one()).collect()
    }
}

/// The parts of the first command, and its length. None if it is not complete.
fn parse(input: &[u8]) -> Option<(Vec<std::ops::Range<usize>>, usize)> {
    let mut at = 0;
    let head = |at: &mut usize| {
        let end = *at + memchr::memchr(b'\r', &input[*at..])?;
        let number = number(&input[*at + 1..end]);
        *at = end + 2;
        (*at <= input.len()).then_some(number as usize)
    };
    let count = head(&mut at)?;
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        let length = input.get(at).and_then(|_| head(&mut at))?;
        parts.push(at..at + length);
        at += length + 2;
    }
    (at <= input.len()).then_some((parts, at))
}

fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .filter(|digit| digit.is_ascii_digit())
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

fn parse_id(text: &[u8]) -> Id {
    let mut parts = text.split(|byte| *byte == b'-').map(number);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
