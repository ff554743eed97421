//! What all hubs have said, out of the log: in one order, with nothing missing unnoticed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::appender::first_number;
use super::codec::{Answer, array, bytes, list, number, parse};
use super::connection::{Connection, Heard};
use super::entry::{Content, Entry, Position, entries};
use super::losses::{Losses, MAX_NAME};
use super::{
    Action, EntryId, Event, HubId, LEASE, LIMIT, LinkError, LinkUrl, LinkedHub, Logged, Machine, NUMBERS,
    Registered, Settings, Side,
};

/// How long the server waits for an entry before it answers that there is none.
const BLOCK: Duration = Duration::from_millis(500);
/// How often the server is told that this hub lives. A little less than twice as long as it may block.
const REPORT: Duration = Duration::from_millis(450);
/// The follower also reports after it has read this many bytes: an eighth of what the slowest hub may be behind.
const REPORT_BYTES: u64 = LIMIT as u64 / 8;
/// The most entries of one answer.
const COUNT: &str = "256";
/// The most bytes of the histories of all rooms that a hub takes over. The others have none.
const HISTORIES: usize = 8 << 20;
/// How many hubs are remembered by their last sequence number. There are far fewer, unless somebody forges entries.
const MAX_HUBS: usize = 4096;

/// The scripts, by their place in the list.
const SCRIPTS: [&str; 2] = [
    concat!(include_str!("scripts/common.lua"), include_str!("scripts/register.lua")),
    concat!(include_str!("scripts/common.lua"), include_str!("scripts/read.lua")),
];
const REGISTER: usize = 0;
const READ: usize = 1;

/// What an answer is about.
enum Asked {
    Register(HubId),
    /// With the name of the loss that this hub has found.
    Report(Option<String>),
    /// The entries behind this one.
    Entries(EntryId),
}

/// The machine that reads the log. It registers this hub, keeps its lease, and removes hubs whose leases have run out.
///
/// The owner calls it as it calls the [`Appender`](super::Appender). Whoever cannot take more events for a while lets it
/// [rest](Self::rest): a follower that is not called keeps no lease, and after [`LEASE`] the other hubs think that this one is
/// gone.
pub struct Follower {
    connection: Connection<Asked>,
    settings: Settings,
    /// The first id of this hub. Later ones are counted from here.
    first_id: HubId,
    hub: Option<HubId>,
    /// It is not registered, or what it knows of the others has gaps: it registers under a new id.
    needs_id: bool,
    /// The owner knows that the server has lost data, and the state has not come since.
    has_told_loss: bool,
    losses: Losses,
    /// What it has read has a gap. What the others have done there is unknown, so that nobody can tell whose a line behind it is,
    /// and in which room: nothing is passed on before the state.
    has_gap: bool,
    /// A name for the data of the server, which changes when it loses them. None until this hub is registered.
    epoch: Option<Vec<u8>>,
    /// The last entry that made sense. None if the log is another one than before: its next entry is the first.
    position: Option<Position>,
    /// The last entry, so that XREAD goes on behind it.
    cursor: EntryId,
    /// The end of the log, as the server said when this hub reported last.
    end: Option<Position>,
    /// The state, and the place in the log up to which entries are passed on before it.
    registered: Option<(Position, Box<Registered>)>,
    /// The last sequence number of each hub, so that it is known what was accepted twice.
    seqs: HashMap<HubId, u64>,
    /// That of this hub, under all its ids.
    own_seq: u64,
    reported_at: Option<Instant>,
    reported_bytes: u64,
    told_nonsense: bool,
    /// The appender has taken leave for this hub: nothing is asked any more.
    has_left: bool,
    /// The owner takes no entries.
    rests: bool,
    /// It rests, and the server is told until then that this hub lives.
    reports_until: Option<Instant>,
}

impl Machine for Follower {
    fn connected(&mut self, now: Instant) {
        self.connection.connected(now);
    }

    fn disconnected(&mut self, error: LinkError, now: Instant) {
        self.connection.disconnected(error, now);
    }

    fn receive(&mut self, input: &[u8], now: Instant) {
        self.connection.receive(input, now);
        while let Some(heard) = self.connection.next(now) {
            let understood = match heard {
                // Before anything else, the server says whether it is as it was.
                Heard::Opened => {
                    self.reported_at = None;
                    Some(())
                }
                Heard::Answer(Asked::Register(hub), answer) => self.registers(hub, answer),
                Heard::Answer(Asked::Report(found), answer) => self.reported(found.as_deref(), answer),
                Heard::Answer(Asked::Entries(behind), answer) => self.read(behind, answer),
            };
            if understood.is_none() {
                let reason = "an answer makes no sense".to_owned();
                self.connection.fail(LinkError::Corrupt(reason), now);
            }
        }
        self.ask(now);
    }

    fn take_output(&mut self, output: &mut Vec<u8>) {
        self.connection.take_output(output);
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.connection.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let is_idle = self.connection.is_open() && !self.connection.is_asked() && !self.has_left;
        let reports = self.reports_until.filter(|_| is_idle).zip(self.reported_at);
        let report_at = reports.map(|(until, at)| until.min(at + REPORT));
        self.connection.poll_timeout().into_iter().chain(report_at).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.reports_until = self.reports_until.filter(|until| now < *until);
        if self.reports_until.is_some() {
            self.ask(now);
        }
    }
}

impl Follower {
    /// It asks for a connection at once. `random` must not be that of any other hub, nor of an earlier start of this one.
    #[must_use]
    pub fn new(url: LinkUrl, settings: Settings, random: u128) -> Self {
        Self {
            connection: Connection::new(Side::Reading, url, &SCRIPTS),
            settings,
            first_id: HubId(random),
            hub: None,
            needs_id: true,
            has_told_loss: false,
            losses: Losses::default(),
            has_gap: false,
            epoch: None,
            position: None,
            cursor: EntryId::default(),
            end: None,
            registered: None,
            seqs: HashMap::new(),
            own_seq: 0,
            reported_at: None,
            reported_bytes: 0,
            told_nonsense: false,
            has_left: false,
            rests: false,
            reports_until: None,
        }
    }

    /// Reads no entries while `rests`, and only tells the server that this hub lives; for as long as a lease, because the other
    /// hubs wait meanwhile. What was asked for still comes.
    pub fn rest(&mut self, rests: bool, now: Instant) {
        let rested = std::mem::replace(&mut self.rests, rests);
        if rests && !rested {
            self.reports_until = Some(now + LEASE);
        } else if rested && !rests {
            self.reports_until = None;
            self.ask(now);
        }
    }

    /// Whether the server owes an answer. If not, a thread may wait for something else than bytes.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.connection.awaits_answer()
    }

    /// Sends what can be sent now, if no answer is owed.
    fn ask(&mut self, now: Instant) {
        if !self.connection.is_open() || self.connection.is_asked() || self.has_left {
            return;
        }
        match self.hub.filter(|_| !self.needs_id) {
            Some(hub) => {
                let is_new = self.reported_at.is_none();
                if !self.rests || self.reports_until.is_some_and(|until| now < until) {
                    self.report_if_due(hub, now);
                }
                // After the first report on a connection, the entries may have to be read from elsewhere.
                if !is_new && !self.rests {
                    self.ask_for_entries(now);
                }
            }
            None => self.register(now),
        }
    }

    fn register(&mut self, now: Instant) {
        let old = self.hub.unwrap_or(self.first_id);
        let hub = self.hub.map_or(self.first_id, next);
        let (bytes, at) = match self.position {
            Some(position) => (position.bytes, self.cursor.to_string()),
            None => (0, String::new()),
        };
        let fields = [
            hub.to_string(),
            old.to_string(),
            self.own_seq.to_string(),
            // The epoch, if there is none: any text will do that no other hub thinks of.
            hub.to_string(),
            bytes.to_string(),
            at,
            LEASE.as_millis().to_string(),
            NUMBERS.to_string(),
            HISTORIES.to_string(),
        ];
        let mut arguments: Vec<&[u8]> = fields.iter().map(String::as_bytes).collect();
        arguments.push(&self.settings.name);
        self.connection.call(REGISTER, Asked::Register(hub), &arguments, now);
    }

    fn report_if_due(&mut self, hub: HubId, now: Instant) {
        let bytes = self.position.map_or(self.reported_bytes, |position| position.bytes);
        let is_due = self.reported_at.is_none_or(|at| now.saturating_duration_since(at) >= REPORT);
        if !is_due && bytes.saturating_sub(self.reported_bytes) < REPORT_BYTES {
            return;
        }
        self.reported_at = Some(now);
        self.reported_bytes = bytes;
        let found = self.losses.found.clone();
        let fields =
            [hub.to_string(), bytes.to_string(), self.cursor.to_string(), LEASE.as_millis().to_string()];
        let mut arguments: Vec<&[u8]> = fields.iter().map(String::as_bytes).collect();
        arguments.extend([&*self.losses.last, found.as_deref().unwrap_or_default().as_bytes()]);
        self.connection.call(READ, Asked::Report(found.clone()), &arguments, now);
    }

    fn ask_for_entries(&mut self, now: Instant) {
        let (log, cursor) = (self.connection.key("log"), self.cursor.to_string());
        let block = BLOCK.as_millis().to_string();
        let mut parts: Vec<&[u8]> = vec![b"XREAD", b"COUNT", COUNT.as_bytes()];
        // Before the state can be passed on, only what is there is read.
        if self.registered.is_none() {
            parts.extend([b"BLOCK", block.as_bytes()]);
        }
        parts.extend([b"STREAMS", log.as_slice(), cursor.as_bytes()]);
        self.connection.command(Asked::Entries(self.cursor), &parts, now);
        self.connection.expect_silence(BLOCK);
    }

    /// Takes the answer to `register`. None if it makes no sense.
    fn registers(&mut self, hub: HubId, answer: Answer) -> Option<()> {
        if answer == Answer::BulkString(b"FENCED".to_vec()) {
            self.fenced();
            if self.hub.is_none() {
                // Another hub had the same id.
                self.first_id = next(hub);
            }
            return Some(());
        }
        let [epoch, id, lines, bytes_read, accepted, last_number, hubs, rooms, bans, has_lost, last_loss] =
            array(answer)?;
        let (epoch, end) = (bytes(epoch)?, position(id, &lines, &bytes_read)?);
        let registered = Registered {
            hub: Some(hub),
            previous: self.hub,
            accepted: number(&accepted)?,
            first_number: first_number(number(&last_number)?)?,
            hubs: list(hubs)?.into_iter().filter_map(|hub| self.sensible(linked_hub(hub))).collect(),
            histories: list(rooms)?.into_iter().filter_map(|room| self.sensible(history(room))).collect(),
            bans: list(bans)?.into_iter().filter_map(|ban| self.sensible(bytes(ban))).collect(),
        };
        self.connection.works();
        if self.hub.is_none() {
            // A hub that starts has missed nothing.
            self.losses.last = name_of_loss(last_loss)?;
            self.position = Some(end);
            self.cursor = end.id;
        } else if self.compare(&epoch, end) && number(&has_lost)? != 0 && !self.has_told_loss {
            self.loses(Some(end), end.id);
        }
        self.epoch = Some(epoch);
        self.hub = Some(hub);
        self.needs_id = false;
        self.registered = Some((end, Box::new(registered)));
        if self.has_gap || self.cursor >= end.id {
            self.reaches_state();
        }
        Some(())
    }

    /// Takes the answer to `read`, asked when this hub had found this loss.
    fn reported(&mut self, found: Option<&str>, answer: Answer) -> Option<()> {
        let [is_registered, epoch, id, lines, bytes_read, last_loss] = array(answer)?;
        let end = position(id, &lines, &bytes_read)?;
        let is_same = self.compare(&bytes(epoch)?, end);
        if self.losses.hear(name_of_loss(last_loss)?, found) {
            self.connection.tell(Event::Missing { lines: None });
        }
        self.end = Some(end).filter(|_| is_same);
        self.connection.works();
        match number(&is_registered)? {
            0 if is_same => self.fenced(),
            2 => self.has_left = true,
            _ => {}
        }
        Some(())
    }

    /// Whether the log is the one that was read so far, and ends not before what was read.
    fn compare(&mut self, epoch: &[u8], end: Position) -> bool {
        if self.epoch.as_ref().is_some_and(|own| own != epoch) {
            // All that the other log has is new.
            self.epoch = None;
            self.loses(None, EntryId::default());
            false
        } else if self.position.is_some_and(|position| end.bytes < position.bytes) {
            self.loses(Some(end), end.id);
            false
        } else {
            true
        }
    }

    /// The server has lost what this hub has read: goes on from elsewhere.
    fn loses(&mut self, position: Option<Position>, cursor: EntryId) {
        self.position = position;
        self.cursor = cursor;
        self.reported_bytes = 0;
        self.registered = None;
        self.needs_id = true;
        self.has_gap = false;
        self.tells_loss();
    }

    fn tells_loss(&mut self) {
        self.has_told_loss = true;
        if self.losses.find(self.hub.unwrap_or(self.first_id)) {
            self.connection.tell(Event::Missing { lines: None });
        }
    }

    fn fenced(&mut self) {
        if !std::mem::replace(&mut self.needs_id, true) {
            self.connection.tell(Event::Hindered(LinkError::Fenced));
        }
    }

    /// Takes the answer to XREAD, asked for what is behind an entry.
    fn read(&mut self, behind: EntryId, answer: Answer) -> Option<()> {
        let entries = entries(answer)?;
        // Meanwhile the log has turned out to be another one.
        if behind != self.cursor {
            return Some(());
        }
        let end = self.end.take().filter(|end| end.id > self.cursor);
        if entries.is_empty() && self.registered.is_some() {
            self.reaches_state();
        } else if let Some(end) = end.filter(|_| entries.is_empty()) {
            // There were entries, and they were trimmed, all of them.
            self.finds_gap(end.id, end.lines, end.bytes);
        }
        for (id, entry) in entries {
            // XREAD never goes back.
            if id <= behind {
                return None;
            }
            if self.registered.as_ref().is_some_and(|(end, _)| id > end.id) {
                self.reaches_state();
            }
            if id <= self.cursor {
                continue;
            }
            match self.sensible(entry) {
                Some(entry) if !self.is_next(&entry) => {
                    self.finds_gap(entry.before, entry.lines_before, entry.position.bytes);
                    if self.has_gap {
                        break;
                    }
                }
                entry => {
                    self.cursor = id;
                    entry.into_iter().for_each(|entry| self.take(entry));
                }
            }
            if self.registered.as_ref().is_some_and(|(end, _)| self.cursor >= end.id) {
                self.reaches_state();
            }
        }
        Some(())
    }

    /// Whether nothing is missing before this entry. What made no sense is not missing.
    fn is_next(&self, entry: &Entry) -> bool {
        self.position.is_none_or(|position| (position.id..=self.cursor).contains(&entry.before))
    }

    /// Takes the next entry.
    fn take(&mut self, entry: Entry) {
        self.position = Some(entry.position);
        self.losses.go_on();
        let Entry { hub, lines, content, position: Position { id, .. }, .. } = entry;
        match content {
            Content::Gone { left } => {
                self.seqs.remove(&hub);
                self.connection.tell(Event::HubGone { hub, left, id });
                match Some(hub) == self.hub {
                    true if left => self.has_left = true,
                    true => self.fenced(),
                    false => {}
                }
            }
            Content::Batch { seq, data, refused } => {
                let is_repeated = !self.is_new(hub, seq);
                self.connection.tell(Event::Logged(Logged { hub, id, data, lines, refused, is_repeated }));
            }
        }
    }

    /// The server threw away entries behind the last one that was read: goes on with the state. `before` is the last one of these,
    /// `lines` is how many lines the log had with it, and `bytes` how many bytes with the next one, if that is there.
    fn finds_gap(&mut self, before: EntryId, lines: u64, bytes: u64) {
        let is_behind = |own: Position| before > own.id && bytes > own.bytes && lines >= own.lines;
        if self.position.is_some_and(|position| !is_behind(position)) {
            // The log was cut back, and others have gone on with it.
            self.tells_loss();
            self.position = None;
        }
        if self.registered.is_some() {
            self.reaches_state();
        } else {
            self.has_gap = true;
            self.needs_id = true;
        }
    }

    /// Whether this batch of this hub was never passed on before.
    fn is_new(&mut self, hub: HubId, seq: u64) -> bool {
        let last = self.seqs.get(&hub).copied();
        if last.is_some_and(|last| seq <= last) {
            return false;
        }
        if last.is_some() || self.seqs.len() < MAX_HUBS {
            self.seqs.insert(hub, seq);
        }
        let own =
            self.hub.filter(|own| hub.0.wrapping_sub(self.first_id.0) <= own.0.wrapping_sub(self.first_id.0));
        if own.is_some() {
            self.own_seq = self.own_seq.max(seq);
        }
        true
    }

    /// All entries before the state are passed on: passes on the state.
    fn reaches_state(&mut self) {
        let Some((end, registered)) = self.registered.take() else { return };
        if let Some(position) = self.position
            && end.lines > position.lines
        {
            self.connection.tell(Event::Missing { lines: Some(end.lines - position.lines) });
        }
        self.position = Some(end);
        self.cursor = self.cursor.max(end.id);
        (self.has_gap, self.has_told_loss) = (false, false);
        self.losses.go_on();
        // The others may wait for this hub.
        self.reported_bytes = 0;
        self.connection.tell(Event::Registered(registered));
    }

    /// Says once that something makes no sense.
    fn sensible<T>(&mut self, part: Option<T>) -> Option<T> {
        if part.is_none() && !std::mem::replace(&mut self.told_nonsense, true) {
            self.connection.tell(Event::Hindered(LinkError::Nonsense));
        }
        part
    }
}

/// The id that a hub takes when it can no longer use its own.
fn next(hub: HubId) -> HubId {
    HubId(hub.0.wrapping_add(1))
}

/// The end of the log, in the answers of both scripts.
fn position(id: Answer, lines: &Answer, bytes_read: &Answer) -> Option<Position> {
    Some(Position { id: EntryId::parse(&bytes(id)?)?, lines: number(lines)?, bytes: number(bytes_read)? })
}

fn name_of_loss(answer: Answer) -> Option<Vec<u8>> {
    bytes(answer).filter(|name| name.len() <= MAX_NAME)
}

/// A hub in the answer to `register`. Members whose numbers make no sense are left out.
fn linked_hub(answer: Answer) -> Option<LinkedHub> {
    let [id, name, members] = array(answer)?;
    let mut members = list(members)?.into_iter();
    let mut linked = LinkedHub { id: HubId::parse(&bytes(id)?)?, name: bytes(name)?, members: Vec::new() };
    while let (Some(member), Some(record)) = (members.next(), members.next()) {
        if let (Some(member), Some(record)) = (bytes(member).and_then(|member| parse(&member)), bytes(record))
        {
            linked.members.push((member, record));
        }
    }
    Some(linked)
}

/// The history of a room in the answer to `register`.
fn history(answer: Answer) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let [room, lines] = array(answer)?;
    Some((bytes(room)?, list(lines)?.into_iter().map(bytes).collect::<Option<_>>()?))
}
