//! One hub, its clients, and the time: everything that a [`Plan`] says happens, without threads, sockets or waiting.

#[cfg(feature = "link")]
#[path = "linked.rs"]
pub mod linked;

use super::browser::{self, Page};
use super::checker::{self, Checked, Connection, Entry, What};
use super::plan::{Deed, ENOUGH, NAMES, Plan, ROOMS, SLOTS, Step};
use super::reader::{BUFFERS, Reader};
use super::{Tried, memory};
use fastrand::Rng;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use threadchat::rules::buffer::Buffer;
use threadchat::rules::event::PeerState;
use threadchat::rules::exit::Exit;
use threadchat::rules::hub::{Action, Event, Hub, Id, OPERATOR, Port};
use threadchat::rules::moment::Moment;
use threadchat::rules::notice::Notice;
use threadchat::rules::record;
use threadchat::rules::settings::PROBE_TIME;
use threadchat::rules::wire::Stamp;
use time::OffsetDateTime;

/// How often clients read that do not read everything at once.
const TICK: Duration = Duration::from_millis(100);

/// How large a buffer is.
const BUFFER: usize = 64 * 1024;

/// What the hub may hold for each connection, beside the outbox (`docs/hub.md`, Memory).
const FOR_EACH: usize = 288 * 1024;

/// What an outbox may hold beyond `--outbox`: what light members say, answers, and private messages (`docs/hub.md`, Who waits for whom).
const BEYOND_OUTBOX: usize = (384 + 64 + 256) * 1024;

/// What an empty hub may hold, and hold back of what has gone: debts of addresses, capacity of lists.
const FOR_ITSELF: usize = 512 * 1024;

/// # Errors
/// A promise was broken: which one, in words.
pub fn run(plan: &Plan, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
    let mut world = World::new(plan, Instant::now(), tell.is_some());
    let result = world.run(plan);
    if let Some(tell) = tell {
        tell.append(&mut world.told);
    }
    result
}

/// Lets browsers in, if there are any. Returns the ticket.
#[cfg(feature = "web")]
fn open_web(plan: &Plan, hub: &mut Hub) -> String {
    use threadchat::rules::hub::WebSettings;
    use threadchat::rules::web::Tickets;
    let Some(tickets) = Tickets::generate().filter(|_| plan.browsers.contains(&true)) else {
        return String::new();
    };
    let ticket = tickets.chat.reveal().to_owned();
    hub.open_web(WebSettings { names: Vec::new(), tickets, hosts: Vec::new(), port: 21568 });
    ticket
}

#[cfg(not(feature = "web"))]
fn open_web(_plan: &Plan, _hub: &mut Hub) -> String {
    String::new()
}

/// What one client did and got, and what is on its way.
struct Client {
    id: Id,
    since: Instant,
    name: String,
    reader: Arc<Reader>,
    connection: Connection,
    /// What it sends, if that is not what it says: for a browser.
    wire: Option<Vec<u8>>,
    /// Its page, if it is a browser.
    page: Option<Page>,
    /// How many bytes of what it sent the hub has read.
    read: usize,
    /// It has ended its half, and whether properly.
    ended: Option<bool>,
    end_is_told: bool,
    /// What the system has taken for it.
    taken: Vec<u8>,
    /// How many bytes the system has taken in all.
    written: u64,
    pace: usize,
    credit: usize,
    vanished: Option<(Instant, u64)>,
    write_failed: bool,
    half_close_is_due: bool,
    half_closed: bool,
    is_gone: bool,
    /// How much it read has always been enough.
    reads_enough: bool,
    said: usize,
    begun: bool,
    left: Option<String>,
}

impl Client {
    fn sends(&mut self, bytes: &[u8]) {
        if self.ended.is_some() {
            return;
        }
        self.connection.sent.extend_from_slice(bytes);
        if let Some(wire) = &mut self.wire {
            let lines = String::from_utf8_lossy(bytes);
            match lines.lines().count() {
                // In one message.
                1..6 => wire.extend(browser::message(&lines)),
                _ => lines.lines().for_each(|line| wire.extend(browser::message(line))),
            }
        }
    }

    /// What it sends to the hub, byte for byte.
    fn wire(&self) -> &[u8] {
        self.wire.as_ref().unwrap_or(&self.connection.sent)
    }

    /// A text that nobody else says.
    fn text(&mut self, index: usize, bytes: usize) -> String {
        self.said += 1;
        format!("c{index} {} {}", self.said, "x".repeat(bytes))
    }

    /// What it did in all.
    fn finish(&mut self) -> Connection {
        let left = self.left.as_deref().unwrap_or("");
        let is_sent_away =
            ["was kicked", "was disconnected", "vanished"].iter().any(|how| left.starts_with(how));
        let was_member = self.page.as_ref().is_none_or(|page| !page.name.is_empty());
        self.connection.was_heard = self.is_idle() && !is_sent_away && was_member;
        self.connection.has_heard = self.half_closed && self.taken.is_empty() && !self.write_failed;
        if let Some(page) = self.page.take() {
            self.connection.received = page.lines;
        }
        std::mem::take(&mut self.connection)
    }

    /// The hub has executed everything that it sent.
    fn is_idle(&self) -> bool {
        let is_told = |page: &Page| {
            let sent = self.connection.sent.iter().filter(|byte| **byte == b'\n').count();
            page.done == sent || self.left.is_some() || self.ended.is_some()
        };
        self.read == self.wire().len()
            && self.reader.0.load(Ordering::Relaxed) == BUFFERS
            && self.page.as_ref().is_none_or(is_told)
    }
}

struct World {
    hub: Hub,
    /// The number of the first client.
    first: usize,
    /// What the hub wants to be done with the log that hubs share.
    #[cfg(feature = "link")]
    orders: Vec<threadchat::rules::link::Order>,
    /// What the hub may hold for that.
    for_log: usize,
    /// What it has told its members about lines that are missing.
    missing: Vec<String>,
    /// For browsers.
    ticket: String,
    began: Instant,
    now: Instant,
    stamp: Stamp,
    rng: Rng,
    clients: Vec<Client>,
    by_id: HashMap<Id, usize>,
    /// The latest connection of each slot.
    slots: [Option<usize>; SLOTS],
    transcript: Vec<Entry>,
    operator: Arc<Reader>,
    operator_said: usize,
    transcript_is_behind: bool,
    system_buffer: usize,
    is_calm: bool,
    exit: Option<Exit>,
    held: isize,
    outbox: usize,
    is_telling: bool,
    told: Vec<String>,
}

impl World {
    fn new(plan: &Plan, now: Instant, is_telling: bool) -> Self {
        let (mut hub, held) = memory::held_by(|| Hub::new(plan.settings.clone(), false, now));
        let ticket = open_web(plan, &mut hub);
        Self {
            hub,
            first: 0,
            #[cfg(feature = "link")]
            orders: Vec::new(),
            for_log: 0,
            missing: Vec::new(),
            ticket,
            began: now,
            now,
            stamp: Stamp::at(OffsetDateTime::UNIX_EPOCH),
            rng: Rng::with_seed(plan.seed),
            clients: Vec::new(),
            by_id: HashMap::new(),
            slots: [None; SLOTS],
            transcript: Vec::new(),
            operator: Arc::new(Reader(AtomicUsize::new(0))),
            operator_said: 0,
            transcript_is_behind: false,
            system_buffer: plan.system_buffer,
            is_calm: plan.is_calm,
            exit: None,
            held,
            outbox: plan.settings.outbox,
            is_telling,
            told: Vec::new(),
        }
    }

    fn run(&mut self, plan: &Plan) -> Result<Tried, String> {
        for step in &plan.steps {
            self.passes(step.wait)?;
            self.does(step, plan);
            self.settle()?;
        }
        self.tell("the faults end");
        self.end_faults()?;
        self.everybody_leaves(plan)?;
        let connections: Vec<_> = self.clients.iter_mut().map(Client::finish).collect();
        for (index, Connection { sent, received, .. }) in connections.iter().enumerate() {
            self.tell(&format!("c{index} sent {} bytes and received {}", sent.len(), received.len()));
        }
        let Checked { said, received } = checker::check(&self.transcript, &connections, true)?;
        Ok(Tried { histories: 1, said, received, time: Duration::ZERO })
    }

    fn moment(&self) -> Moment {
        Moment { instant: self.now, stamp: self.stamp }
    }

    fn tell(&mut self, what: &str) {
        if self.is_telling {
            self.told.push(format!("{:9.3} s  {what}", (self.now - self.began).as_secs_f64()));
        }
    }

    fn client(&mut self, slot: usize) -> Option<usize> {
        self.slots[slot].filter(|client| !self.clients[*client].is_gone)
    }

    fn does(&mut self, Step { slot, deed, .. }: &Step, plan: &Plan) {
        if self.is_telling {
            let who = self.client(*slot).map_or("nobody".to_owned(), |client| {
                format!("c{} ({})", self.first + client, self.clients[client].name)
            });
            self.tell(&format!("slot {slot}, {who}, {deed}"));
        }
        match deed {
            Deed::OperatorSays(lines) => {
                let mut text = String::new();
                for _ in 0..*lines {
                    self.operator_said += 1;
                    let _ = writeln!(text, "operator {}", self.operator_said);
                }
                return self.operator_types(&text);
            }
            Deed::TranscriptBehind(is_behind) => {
                self.transcript_is_behind = *is_behind;
                return self.handle(Event::TranscriptBehind(*is_behind));
            }
            _ => {}
        }
        let Some(index) = self.client(*slot) else {
            if matches!(deed, Deed::Come) {
                self.comes(*slot, plan);
            }
            return;
        };
        let name_of = |slot: &usize| {
            let other = self.slots[*slot]?;
            Some(self.clients[other].name.clone())
        };
        let other = match deed {
            Deed::Write(to, ..) | Deed::Ignore(to) => name_of(to),
            _ => None,
        };
        let client = &mut self.clients[index];
        let index = self.first + index;
        let line = |text: String| format!("{text}\n").into_bytes();
        let begun = std::mem::take(&mut client.begun);
        if begun && !matches!(deed, Deed::Say(..)) {
            // What was begun is ended first.
            client.sends(b"\n");
        }
        match deed {
            Deed::Say(lines, bytes) => {
                for n in 0..*lines {
                    let text = client.text(index, *bytes);
                    client.sends(&line(if n == 0 && begun { text.replace(' ', "-") } else { text }));
                }
            }
            Deed::Act => {
                let text = client.text(index, 10);
                client.sends(&line(format!("/me {text}")));
            }
            Deed::Begin(bytes) if client.wire.is_none() && client.connection.sent.contains(&b'\n') => {
                let text = client.text(index, *bytes);
                client.sends(text.as_bytes());
                client.begun = client.ended.is_none();
            }
            // The empty message of a browser is nothing.
            Deed::Newlines(_) if client.page.is_some() => {}
            Deed::Newlines(lines) => client.sends(&vec![b'\n'; *lines]),
            Deed::Name(name) => client.sends(&line(format!("/name {}", NAMES[*name]))),
            Deed::Room(room) => client.sends(&line(format!("/join {}", ROOMS[*room]))),
            Deed::Part => client.sends(b"/part\n"),
            Deed::Write(_, lines, bytes) => {
                for _ in 0..*lines {
                    let text = client.text(index, *bytes);
                    let to = other.as_deref().unwrap_or("operator");
                    client.sends(&line(format!("/msg {to} {text}")));
                }
            }
            Deed::Reply => {
                let text = client.text(index, 10);
                client.sends(&line(format!("/reply {text}")));
            }
            Deed::Ignore(_) => {
                if let Some(page) = &mut client.page {
                    page.ignores = true;
                }
                let whom = other.as_deref().unwrap_or("nobody");
                client.sends(&line(format!("/ignore {whom}")));
            }
            Deed::Ask(what, times) => client.sends(&line(Deed::question(*what).to_owned()).repeat(*times)),
            Deed::Leave(0) => client.sends(b"88\n"),
            Deed::Leave(1) => client.sends(b"/quit\n"),
            Deed::Leave(_) => {
                let text = client.text(index, 10);
                client.sends(&line(format!("/quit {text}")));
            }
            Deed::End => client.ended = client.ended.or(Some(true)),
            Deed::Break => client.ended = Some(false),
            Deed::Deafen if !client.write_failed => {
                client.write_failed = true;
                client.ended = Some(false);
                let id = client.id;
                self.handle(Event::WriteFailed(id, io::ErrorKind::BrokenPipe.into()));
            }
            Deed::Read(pace) => {
                client.pace = *pace;
                client.reads_enough &= *pace >= ENOUGH;
            }
            Deed::Vanish if client.vanished.is_none() => {
                client.vanished = Some((self.now, client.written));
                client.reads_enough = false;
            }
            Deed::Return => client.vanished = None,
            Deed::Kick => {
                let kick = format!("/kick {}\n", client.name);
                self.operator_types(&kick);
            }
            _ => {}
        }
    }

    fn operator_types(&mut self, text: &str) {
        let buffer = Buffer::with_input(text.as_bytes()).lend(Arc::clone(&self.operator) as _);
        self.handle(Event::Read(OPERATOR, buffer));
    }

    fn comes(&mut self, slot: usize, plan: &Plan) {
        let index = self.clients.len();
        let address = if plan.is_calm && slot < 2 { slot as u8 } else { plan.addresses[slot] };
        let peer = SocketAddr::from(([10, 0, 0, address], (1000 + self.first + index) as u16));
        let is_browser = plan.browsers[slot];
        #[cfg(feature = "web")]
        let port = if is_browser { Port::Web } else { Port::Chat };
        #[cfg(not(feature = "web"))]
        let port = Port::Chat;
        let admitted = self.asks(|hub| hub.admit(peer, port));
        let Ok(id) = admitted else {
            self.act();
            return self.tell("is refused");
        };
        let before = self.slots[slot].and_then(|before| self.clients[before].page.as_ref());
        let wire = is_browser.then(|| Page::hello(&self.ticket, before));
        let page = is_browser.then(|| Page::after(before));
        self.clients.push(Client {
            id,
            since: self.now,
            name: "nobody".to_owned(),
            reader: Reader::new(),
            connection: Connection { hears_itself: is_browser, ..Connection::default() },
            wire,
            page,
            read: 0,
            ended: None,
            end_is_told: false,
            taken: Vec::new(),
            written: 0,
            pace: usize::MAX,
            credit: 0,
            vanished: None,
            write_failed: false,
            half_close_is_due: false,
            half_closed: false,
            is_gone: false,
            reads_enough: true,
            said: 0,
            begun: false,
            left: None,
        });
        self.by_id.insert(id, index);
        self.slots[slot] = Some(index);
        self.handle(Event::arrived(id, peer, port));
    }

    /// Calls the hub, and counts the memory that it takes or gives back.
    fn asks<T>(&mut self, work: impl FnOnce(&mut Hub) -> T) -> T {
        let (result, held) = memory::held_by(|| work(&mut self.hub));
        self.held += held;
        result
    }

    fn handle(&mut self, event: Event) {
        let moment = self.moment();
        self.asks(|hub| hub.handle(event, moment));
        self.act();
    }

    /// Does what the hub wants to be done, and lets it do what is due.
    fn act(&mut self) {
        loop {
            let moment = self.moment();
            self.asks(|hub| hub.handle_timeout(moment));
            loop {
                let action = self.asks(Hub::poll_action);
                let Some(action) = action else { break };
                self.perform(&action);
                self.asks(|_| drop(action));
            }
            if self.hub.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
        }
    }

    fn perform(&mut self, action: &Action) {
        match action {
            Action::HalfClose(id) => {
                let client = &mut self.clients[self.by_id[id]];
                client.half_close_is_due = true;
            }
            Action::Disconnect(id) => {
                let client = &mut self.clients[self.by_id[id]];
                client.is_gone = true;
                client.pace = usize::MAX;
            }
            Action::Probe(id) => {
                let client = &self.clients[self.by_id[id]];
                let (unconfirmed, silent) =
                    client.vanished.map_or((0, Duration::ZERO), |(since, written)| {
                        let unconfirmed = client.written - written;
                        (
                            unconfirmed as usize,
                            if unconfirmed > 0 { self.now - since } else { Duration::ZERO },
                        )
                    });
                let confirmed = client.written - unconfirmed as u64;
                let event = Event::PeerState(*id, Some(PeerState { confirmed, unconfirmed, silent }));
                let moment = self.moment();
                self.asks(|hub| hub.handle(event, moment));
            }
            Action::Record { peer, what } => self.record(*peer, what),
            #[cfg(feature = "link")]
            Action::Log(order) => self.orders.push(order.clone()),
            Action::Report(Notice::LinesMissing(text)) => self.missing.push(text.clone()),
            Action::End(exit) => self.exit = Some(*exit),
            _ => {}
        }
    }

    fn record(&mut self, peer: Option<SocketAddr>, what: &record::What) {
        let who = peer.map(|peer| usize::from(peer.port()) - 1000);
        let begin = self.transcript.len();
        let mut enter = |name: &str, room: &str, what: What| {
            self.transcript.push(Entry { who, name: name.to_owned(), room: room.to_owned(), what });
        };
        match what {
            record::What::Joined { name, room, .. } => enter(name, room, What::Joined),
            record::What::Left { name, room, why } => {
                enter(name, room, What::Left(why.clone()));
                if let Some(who) = who.filter(|_| why != "changed rooms") {
                    self.clients[who - self.first].left = Some(why.clone());
                }
            }
            record::What::Renamed { old, new } => enter(old, "", What::Renamed(new.to_string())),
            record::What::Said { name, room, post, .. } => {
                for text in post.texts() {
                    enter(name, room, What::Said(String::from_utf8_lossy(text).into_owned()));
                }
            }
            _ => {}
        }
        if let Some(first) = self.transcript.get(begin).filter(|_| self.is_telling) {
            let who = who.map_or("operator".to_owned(), |who| format!("c{who}"));
            let what: String = format!("{:?}", first.what).chars().take(40).collect();
            let more = self.transcript.len() - begin - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let what = format!("    transcript: {who} ({}) in {}: {what}{more}", first.name, first.room);
            self.tell(&what);
        }
        let new = match what {
            record::What::Joined { name, .. } => name,
            record::What::Renamed { new, .. } => new,
            _ => return,
        };
        if let Some(who) = who {
            self.clients[who - self.first].name = new.to_string();
        }
    }

    /// Moves what can be moved at this moment: to the hub, to the system, and to the clients.
    fn settle(&mut self) -> Result<(), String> {
        loop {
            let mut moved = false;
            for index in 0..self.clients.len() {
                moved |= self.gives(index);
                moved |= self.takes(index)?;
            }
            moved |= self.shows_operator();
            if !moved {
                break;
            }
        }
        self.check_now()
    }

    fn gives(&mut self, index: usize) -> bool {
        let client = &mut self.clients[index];
        if client.is_gone || client.end_is_told || client.vanished.is_some() {
            return false;
        }
        let id = client.id;
        let waiting = client.wire().len() - client.read;
        if waiting > 0 && client.reader.0.load(Ordering::Relaxed) > 0 {
            let most = waiting.min(BUFFER);
            let length = if self.rng.u8(..) < 40 { self.rng.usize(1..=most) } else { most };
            let (event, held) = memory::held_by(|| {
                let bytes = &client.wire()[client.read..][..length];
                client.reader.0.fetch_sub(1, Ordering::Relaxed);
                Event::Read(id, Buffer::with_input(bytes).lend(Arc::clone(&client.reader) as _))
            });
            self.held += held;
            client.read += length;
            self.handle(event);
            return true;
        }
        if waiting == 0
            && let Some(is_proper) = client.ended
        {
            client.end_is_told = true;
            let end = if is_proper { Ok(()) } else { Err(io::ErrorKind::ConnectionReset.into()) };
            self.handle(Event::ReadEnded(id, end));
            return true;
        }
        false
    }

    fn takes(&mut self, index: usize) -> Result<bool, String> {
        let client = &mut self.clients[index];
        let id = client.id;
        let mut moved = false;
        if !client.is_gone && !client.write_failed {
            let room = self.system_buffer.saturating_sub(client.taken.len());
            let queue =
                self.hub.outbox(id).and_then(|outbox| outbox.queue()).filter(|queue| !queue.is_empty());
            if let Some(queue) = queue.filter(|_| room > 0) {
                let before = client.taken.len();
                queue.copy_to(&mut client.taken, room);
                let bytes = client.taken.len() - before;
                client.written += bytes as u64;
                self.handle(Event::Written(id, bytes));
                moved = true;
            }
        }
        let client = &mut self.clients[index];
        let most = match client.pace {
            _ if client.vanished.is_some() => 0,
            usize::MAX => usize::MAX,
            _ => client.credit,
        };
        if most > 0 && !client.taken.is_empty() {
            let bytes = client.taken.len().min(most);
            client.credit -= client.credit.min(bytes);
            client.connection.received.extend(client.taken.drain(..bytes));
            if let Some(page) = &mut client.page {
                page.read(&client.connection.received)
                    .map_err(|error| format!("client {index} received {error}"))?;
            }
            moved = true;
        }
        if std::mem::take(&mut client.half_close_is_due) {
            client.half_closed = true;
            self.handle(Event::HalfClosed(id));
            moved = true;
        }
        let client = &mut self.clients[index];
        // Who has read to the end closes, too. Some do not.
        if client.half_closed && client.taken.is_empty() && client.ended.is_none() && !index.is_multiple_of(3)
        {
            client.ended = Some(true);
            moved = true;
        }
        Ok(moved)
    }

    fn shows_operator(&mut self) -> bool {
        let moment = self.moment();
        let show = || self.hub.next_screen_output(moment).is_some_and(|output| !output.shows_nothing());
        let (has_shown, held) = memory::held_by(show);
        self.held += held;
        if has_shown {
            self.act();
        }
        has_shown
    }

    fn passes(&mut self, time: Duration) -> Result<(), String> {
        let until = self.now + time;
        let mut tick = self.now + TICK;
        while self.now < until {
            let due = self.hub.poll_timeout().unwrap_or(until).max(self.now);
            self.now = due.min(tick).min(until);
            if self.now >= tick {
                tick += TICK;
                self.give_credit();
            }
            self.act();
            self.settle()?;
        }
        Ok(())
    }

    /// Another [`TICK`] has passed for those who do not read everything at once.
    fn give_credit(&mut self) {
        for client in &mut self.clients {
            let most = client.pace.saturating_mul(2);
            let part = if client.pace == usize::MAX { 0 } else { client.pace / 10 };
            client.credit = (client.credit + part).min(most);
        }
    }

    /// What must hold at every moment.
    fn check_now(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            if let Some(why) =
                client.left.as_ref().filter(|why| client.reads_enough && why.contains("the room waited"))
            {
                return Err(format!("{} {why}, but reads enough", client.name));
            }
        }
        if self.is_calm {
            self.check_calm()?;
        }
        let open = self.clients.iter().filter(|client| !client.is_gone).count() + 1;
        let bound = FOR_ITSELF + self.for_log + open * (FOR_EACH + self.outbox + BEYOND_OUTBOX);
        if self.held > bound as isize {
            return Err(format!("the hub holds {} bytes for {open} connections", self.held));
        }
        Ok(())
    }

    /// Whoever does whatever: what the first client says is there at once for the second.
    fn check_calm(&self) -> Result<(), String> {
        let [Some(one), Some(two)] = [self.slots[0], self.slots[1]] else { return Ok(()) };
        let (one, two) = (&self.clients[one], &self.clients[two]);
        if self.transcript_is_behind || self.now < one.since.max(two.since) + PROBE_TIME {
            return Ok(());
        }
        if one.is_gone || two.is_gone {
            return Err("somebody who says little and reads everything was disconnected".to_owned());
        }
        if !one.is_idle() {
            return Err(format!("a line of somebody who says little waits: {}", one.name));
        }
        Ok(())
    }

    /// Everybody reads and is there again, and nothing fails: then everything must arrive.
    fn end_faults(&mut self) -> Result<(), String> {
        self.heal();
        self.settle()?;
        let limit = self.now + self.patience();
        while !self.clients.iter().all(|client| client.is_gone || client.is_idle()) {
            if self.now > limit {
                let waits: Vec<_> = self
                    .clients
                    .iter()
                    .enumerate()
                    .filter(|(_, client)| !client.is_gone && !client.is_idle())
                    .map(|(index, client)| format!("c{index} ({})", client.name))
                    .collect();
                return Err(format!(
                    "what was said has not been executed long after the faults ended: {}",
                    waits.join(", ")
                ));
            }
            self.passes(Duration::from_secs(1))?;
        }
        self.passes(Duration::from_secs(2))
    }

    fn heal(&mut self) {
        self.transcript_is_behind = false;
        self.handle(Event::TranscriptBehind(false));
        for client in &mut self.clients {
            client.pace = usize::MAX;
            client.vanished = None;
            if std::mem::take(&mut client.begun) {
                client.sends(b"\n");
            }
        }
    }

    /// How long what was sent may take: commands that are limited take three seconds each.
    fn patience(&self) -> Duration {
        let of = |client: &Client| {
            let lines = client.connection.sent.split(|byte| *byte == b'\n');
            let (slow, other) = lines.fold((0, 0), |(slow, other), line| match line {
                _ if line.starts_with(b"/join")
                    || line.starts_with(b"/part")
                    || line.starts_with(b"/who")
                    || line.starts_with(b"/rooms") =>
                {
                    (slow + 1, other)
                }
                _ => (slow, other + 1 + line.len() / 512),
            });
            3.1 * f64::from(slow) + f64::from(other as u32) / 20.0
        };
        Duration::from_secs_f64(
            70.0 + self.clients.iter().filter(|client| !client.is_gone).map(of).fold(0.0, f64::max),
        )
    }

    /// Everybody says goodbye, the operator ends the hub, and nothing is left.
    fn everybody_leaves(&mut self, plan: &Plan) -> Result<(), String> {
        self.is_calm = false;
        self.all_say_88()?;
        // Their names are free.
        self.comes(SLOTS - 1, plan);
        for name in ["bob", "Straße", "zoë", "ann", "eve", "mallory"] {
            let index = self.clients.len() - 1;
            self.clients[index].sends(format!("/name {name}\n").as_bytes());
            self.passes(Duration::from_secs(1))?;
            if self.clients[index].name != name {
                return Err(format!("nobody has the name {name}, but it is not free"));
            }
        }
        self.all_say_88()?;
        let held = self.held;
        if held > FOR_ITSELF as isize {
            return Err(format!("the hub holds {held} bytes when everybody has left"));
        }
        self.operator_types("88\n");
        self.settle()?;
        match self.exit {
            Some(Exit::Success) => Ok(()),
            exit => Err(format!("the hub does not end, {exit:?}")),
        }
    }

    fn all_say_88(&mut self) -> Result<(), String> {
        for client in self.clients.iter_mut().filter(|client| !client.is_gone) {
            client.sends(b"88\n");
        }
        self.settle()?;
        self.passes(Duration::from_secs(15))?;
        if let Some(client) = self.clients.iter().find(|client| !client.is_gone) {
            return Err(format!("{} is still connected 15 s after 88", client.name));
        }
        Ok(())
    }
}
