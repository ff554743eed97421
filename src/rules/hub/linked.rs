//! Several hubs as one. What members do goes to a log that all hubs share, and is done when it comes back.
//!
//! ```text
//!   a member of this hub        members of other hubs
//!     │ does                            │
//!     ▼                                 ▼
//!    log ──▶ batch ──▶ Redis ──▶ entries, in one order
//!                                       │ continue_link
//!                                       ▼
//!                          apply: outboxes, names, rooms
//! ```
//!
//! All hubs read the same entries and do the same with them. So the members of a room see the same lines in the same order,
//! wherever they are. A member of another hub is a [`Member`] without a connection; `logged.rs` is how the log has what is done.
//!
//! Redis decides which member has a name. A member that asks for a name or for another room waits until the answer has come back,
//! and so do the lines that it sends behind: each is said under the name and in the room that it was meant for.

use super::deeds::Deed;
use super::event::Action;
use super::format::{finish_line, hub_lines};
use super::id::{Id, OPERATOR};
use super::inbox::Inbox;
use super::logged::{Logged, MAX_TEXT, Record, Verb};
use super::member::Member;
use super::name::{Name, OPERATORS_NAME, is_plain};
use super::post::Kind;
use super::posting::Form;
use super::processing::DELIVERIES;
use super::state::Hub;
use super::turns::add_waiting;
use super::{parse_net, room::LOBBY};
use crate::rules::exit::Exit;
use crate::rules::link::{
    self, Batch, Claim, Event, HubId, LEASE, LinkError, NUMBERS, Operation, Order, Registered, Side,
    lines_kept,
};
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::record::What;
use crate::rules::sanitize::sanitize;
use crate::rules::wire::{Decoder, STAMP_LEN, Stamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Members are told that the link is down after this long. Most interruptions are shorter.
const TELL_AFTER: Duration = Duration::from_secs(1);
/// How long the other hubs may take to know that this one ends.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);
/// With this many numbers left, a hub asks for more.
const MIN_NUMBERS: u64 = NUMBERS / 2;
/// How many members of other hubs there may be. A program that writes into Redis can invent any number.
const MAX_ELSEWHERE: usize = 100_000;
/// How many hubs are known by name.
const MAX_HUBS: usize = 1024;

/// What a linked hub knows of the log and of the other hubs.
#[derive(Debug)]
pub(super) struct Linked {
    /// As the other hubs know this one.
    name: Arc<str>,
    /// As Redis knows it. None until it is registered.
    hub: Option<HubId>,
    /// The names of the other hubs.
    hubs: HashMap<HubId, Arc<str>>,
    /// The members of other hubs, by their hubs and their numbers there.
    elsewhere: HashMap<(HubId, u64), Id>,
    /// The members of other hubs who were there when Redis lost data or their hub was gone, by the start of that hub and their
    /// numbers. A member who comes back gets the same id, so that those who ignored it still do.
    lost: HashMap<(u128, u64), Id>,
    /// What was read from the log and has not been done.
    entries: VecDeque<(Event, Stamp)>,
    /// How far the first of these has been done.
    done: Done,
    /// What was done here and has not been given to the design.
    batch: Batch,
    /// The last lines of rooms in that batch, by the keys of the rooms.
    histories: BTreeMap<Arc<str>, VecDeque<Vec<u8>>>,
    /// How many bytes the design was given that are not in the log.
    unlogged: usize,
    /// There are lines among them.
    has_unlogged_lines: bool,
    /// Those who wait until there are fewer.
    waiting: Vec<Id>,
    /// For names that no other hub gives.
    numbers: Range<u64>,
    has_asked_for_numbers: bool,
    is_writing: bool,
    is_reading: bool,
    /// When to tell the members that the link is down, or None if they know or it is not.
    tell_at: Option<Instant>,
    has_told: bool,
    /// The other hubs have taken this one for gone, and it is not registered again.
    is_fenced: bool,
    /// Redis has lost data, so that nobody can tell what has changed: those who seem to be gone may come back.
    has_lost_data: bool,
    /// The first of the entries waits for somebody who does not read, or for the transcript.
    is_blocked: bool,
    /// Something made no sense, and was reported.
    has_reported: bool,
    /// The hub ends, when the other hubs know that or it is this late.
    leave_by: Option<Instant>,
    /// The hub has ended: nothing more goes to the log.
    has_left: bool,
}

/// How much of an entry has been done.
#[derive(Debug, Default)]
struct Done {
    bytes: usize,
    claims: u32,
}

/// What a linked hub knows of a member.
#[derive(Debug, Default)]
pub(super) struct MemberLink {
    /// For a member of another hub.
    pub(super) home: Option<Home>,
    /// The members of this hub were told that it is somebody.
    pub(super) is_public: bool,
    /// So were the other hubs, since this one has its present id.
    is_known: bool,
    /// It leaves, like this, when that comes back from the log.
    pub(super) leaves: Option<String>,
    /// How many new names and rooms it waits for.
    asked: usize,
}

/// Where a member of another hub is.
#[derive(Debug)]
pub(super) struct Home {
    hub: HubId,
    number: u64,
    /// How its connection is encrypted. Empty in clear text.
    secured: String,
}

impl Linked {
    fn is_up(&self) -> bool {
        self.is_writing && self.is_reading && self.hub.is_some()
    }

    pub(super) fn is_taking_leave(&self) -> bool {
        self.leave_by.is_some()
    }

    /// The members of other hubs that are there no longer as they were. Some may come back.
    fn lose(&mut self, is_lost: impl Fn(&(HubId, u64)) -> bool) -> Vec<Id> {
        let lost = self.elsewhere.iter().filter(|(address, _)| is_lost(address));
        let capacity = MAX_ELSEWHERE.saturating_sub(self.lost.len());
        let starts = lost.clone().map(|((hub, number), id)| ((hub.start(), *number), *id));
        self.lost.extend(starts.take(capacity));
        let mut lost: Vec<Id> = lost.map(|(_, id)| *id).collect();
        lost.sort_unstable();
        lost
    }

    /// Adds what a member does to what goes to the log.
    fn write(&mut self, logged: &Logged<'_>) {
        if !self.has_left {
            logged.write(&mut self.batch.data);
        }
    }
}

impl Hub {
    /// Links this hub to others, before anybody joins. They know it by this name.
    pub fn link(&mut self, name: &str) {
        self.linked = Some(Box::new(Linked {
            name: name.into(),
            hub: None,
            hubs: HashMap::new(),
            elsewhere: HashMap::new(),
            lost: HashMap::new(),
            entries: VecDeque::new(),
            done: Done::default(),
            batch: Batch::default(),
            histories: BTreeMap::new(),
            unlogged: 0,
            has_unlogged_lines: false,
            waiting: Vec::new(),
            numbers: 0..0,
            has_asked_for_numbers: false,
            is_writing: false,
            is_reading: false,
            tell_at: None,
            has_told: false,
            is_fenced: false,
            has_lost_data: false,
            is_blocked: false,
            has_reported: false,
            leave_by: None,
            has_left: false,
        }));
        // All hubs wait for a client of this hub that does not read, and not longer than for a hub that is gone.
        self.settings.stall = self.settings.stall.min(LEASE);
        self.outboxes.accounts.limit = self.outboxes.accounts.limit.min(LEASE.as_secs_f64());
        self.rename_quietly(OPERATOR, &operators_name(name));
    }

    /// Whether everything that was read from the log has been done, so that more may be read. Ask after each batch of events.
    #[must_use]
    pub fn reads_log(&self) -> bool {
        self.linked.as_ref().is_none_or(|linked| linked.entries.is_empty())
    }

    pub(super) fn is_linked(&self) -> bool {
        self.linked.is_some()
    }

    /// Takes in what has happened on the link. What comes from the log waits for its turn.
    pub(super) fn handle_link(&mut self, event: Event, stamp: Stamp) {
        let now = Moment { instant: self.now, stamp };
        let Some(linked) = &mut self.linked else { return };
        match event {
            Event::LinkUp(side) | Event::LinkDown(side, _) => self.handle_side(side, event, now),
            Event::Hindered(error) => {
                let is_fenced = error == LinkError::Fenced;
                // Both connections find out.
                if is_fenced && std::mem::replace(&mut linked.is_fenced, true) {
                    return;
                }
                if is_fenced {
                    self.tell_all(
                        "the other hubs did not hear of this one for a while and took it for gone; it joins them again",
                        now,
                    );
                }
                self.actions.push_back(Action::Report(Notice::LinkHindered(error)));
            }
            Event::Appended { bytes } => {
                linked.unlogged = linked.unlogged.saturating_sub(bytes);
                linked.has_unlogged_lines &= linked.unlogged > 0;
                self.outboxes.resumed.append(&mut linked.waiting);
            }
            Event::Numbers { first } => {
                linked.numbers = first..first.saturating_add(NUMBERS);
                linked.has_asked_for_numbers = false;
            }
            // That comes back from the log, too.
            Event::Left => {}
            Event::Registered(_) | Event::Logged(_) | Event::HubGone { .. } | Event::Missing { .. } => {
                linked.entries.push_back((event, stamp));
            }
        }
    }

    /// One of the two connections works, or does not any more.
    fn handle_side(&mut self, side: Side, event: Event, now: Moment) {
        let Some(linked) = &mut self.linked else { return };
        let was_up = linked.is_writing && linked.is_reading;
        let side = match side {
            Side::Writing => &mut linked.is_writing,
            Side::Reading => &mut linked.is_reading,
        };
        *side = matches!(event, Event::LinkUp(_));
        let is_up = linked.is_writing && linked.is_reading;
        if let Event::LinkDown(_, error) = event
            && (was_up || linked.tell_at.is_none() && !linked.has_told)
        {
            linked.tell_at = Some(now.instant + TELL_AFTER);
            self.actions.push_back(Action::Report(Notice::LinkDown(error)));
        } else if is_up && !was_up {
            self.actions.extend(
                (linked.tell_at.take().is_some() || linked.has_told).then(|| Action::Report(Notice::LinkUp)),
            );
            self.outboxes.resumed.append(&mut linked.waiting);
            if std::mem::take(&mut linked.has_told) {
                self.tell_all("the link to the other hubs works again", now);
            }
        }
    }

    /// When there is something to do although nothing happens.
    pub(super) fn link_timeout(&self) -> Option<Instant> {
        let linked = self.linked.as_ref()?;
        // When what blocks it is over, there is an event.
        let goes_on = !linked.has_left || linked.is_taking_leave();
        let may_go_on = goes_on && !linked.entries.is_empty() && !linked.is_blocked;
        let has_more = !linked.batch.is_empty() || may_go_on;
        let at_once = has_more.then_some(self.now);
        at_once.into_iter().chain(linked.tell_at).chain(linked.leave_by).min()
    }

    /// Does what has come back from the log, as far as there is capacity, and what is due.
    pub(super) fn continue_link(&mut self, now: Moment) {
        self.apply_entries(now);
        let Some(linked) = &mut self.linked else { return };
        if linked.tell_at.take_if(|at| *at <= now.instant).is_some() {
            linked.has_told = true;
            self.tell_all(DOWN, now);
        }
        let Some(linked) = &mut self.linked else { return };
        if linked.leave_by.is_some_and(|by| by <= now.instant) {
            self.has_left(now.instant);
        }
    }

    fn apply_entries(&mut self, now: Moment) {
        self.deliveries = 0;
        let is_paused = self.is_paused();
        if let Some(linked) = &mut self.linked {
            linked.is_blocked = is_paused;
        }
        while self.deliveries < DELIVERIES && !self.is_paused() {
            let Some(linked) =
                self.linked.as_mut().filter(|linked| !linked.has_left || linked.is_taking_leave())
            else {
                return;
            };
            let Some((event, stamp)) = linked.entries.pop_front() else { return };
            let then = Moment { instant: now.instant, stamp };
            match event {
                Event::Logged(ref entry) if self.apply_entry(entry, then) => {}
                Event::Logged(_) => {
                    if let Some(linked) = &mut self.linked {
                        linked.entries.push_front((event, stamp));
                    }
                    return;
                }
                Event::Registered(registered) => self.apply_registered(*registered, then),
                Event::HubGone { hub, left, .. } => self.apply_gone(hub, left, then),
                Event::Missing { lines } => self.apply_missing(lines, then),
                _ => {}
            }
        }
    }

    /// Does what an entry says. Returns false if a part of it has to wait.
    fn apply_entry(&mut self, entry: &link::Logged, now: Moment) -> bool {
        while self.deliveries < DELIVERIES {
            let Some(linked) = &mut self.linked else { return true };
            let rest = &entry.data[linked.done.bytes..];
            let Some((logged, length)) = Logged::read(rest) else {
                linked.done = Done::default();
                if !rest.is_empty() {
                    self.report_nonsense();
                }
                return true;
            };
            let must_wait = self.must_wait(entry.hub, &logged, now.instant);
            let Some(linked) = &mut self.linked else { return true };
            linked.is_blocked = must_wait;
            if must_wait {
                return false;
            }
            let is_refused = logged.verb.claims() && entry.refused.binary_search(&linked.done.claims).is_ok();
            linked.done.bytes += length;
            linked.done.claims += u32::from(logged.verb.claims());
            if self.apply_logged(entry.hub, &logged, is_refused, now).is_none() {
                self.report_nonsense();
            }
        }
        false
    }

    /// Whether somebody here has to read first.
    fn must_wait(&mut self, hub: HubId, logged: &Logged<'_>, now: Instant) -> bool {
        let Some(from) = self.find_logged(hub, logged.member) else { return false };
        let Some(member) = self.members.get(&from) else { return false };
        match (logged.verb, logged.about) {
            (Verb::Says | Verb::Emotes, _) => self.outboxes.is_brimful(member),
            (Verb::Tells, Some((home, number))) => {
                let address = member.address();
                let Some(to) = self.find_logged(home.unwrap_or(hub), number) else { return false };
                let Some(receiver) = self.members.get(&to).filter(|receiver| receiver.is_here) else {
                    return false;
                };
                !receiver.ignored.contains(&from)
                    && !self.outboxes.may_send(address, receiver, to, logged.text.len(), now)
            }
            _ => false,
        }
    }

    /// Whose this number is.
    fn find_logged(&self, hub: HubId, number: u64) -> Option<Id> {
        let linked = self.linked.as_ref()?;
        if linked.hub != Some(hub) {
            return linked.elsewhere.get(&(hub, number)).copied();
        }
        let id = Id(usize::try_from(number).ok()?);
        self.members
            .get(&id)
            .is_some_and(|member| member.link.home.is_none() && member.is_listed)
            .then_some(id)
    }

    /// Does what a member has done. None if it makes no sense.
    fn apply_logged(&mut self, hub: HubId, logged: &Logged<'_>, is_refused: bool, now: Moment) -> Option<()> {
        let is_own = self.linked.as_ref()?.hub == Some(hub);
        let from = self.find_logged(hub, logged.member);
        match (logged.verb, from) {
            (Verb::Named, _) => self.name_hub(hub, logged.text),
            (Verb::Joins, Some(id)) if is_own => self.apply_own_joining(id, logged.text, is_refused, now)?,
            // It is known already.
            (Verb::Joins, Some(_)) => {}
            // It has left meanwhile.
            (Verb::Joins, None) if is_own => {}
            (Verb::Joins, None) => {
                let id = self.meet(hub, logged.member, logged.text, is_refused, now)?;
                self.apply(id, Deed::Joins, now);
            }
            (Verb::Answers, _) => {
                if let Some(to) = self.find_about(hub, logged) {
                    self.reply(to, &short(logged.text), now);
                }
            }
            // The entry in which it joined was thrown away.
            (Verb::Says | Verb::Emotes, None) if !is_own => {
                self.apply_missing(Some(bytecount::count(logged.text, b'\n') as u64), now);
            }
            (_, None) => {}
            (Verb::Says, Some(id)) => self.apply_lines(id, Form::Text, logged.text, now),
            (Verb::Emotes, Some(id)) => self.apply_lines(id, Form::Emote, logged.text, now),
            (Verb::Tells, Some(from)) => self.apply_private(hub, from, logged, now)?,
            (Verb::Renames, Some(id)) => self.apply_claimed_name(id, logged.text, is_refused, now)?,
            (Verb::Enters, Some(id)) => {
                let room = Name::parse(std::str::from_utf8(logged.text).ok()?).ok()?;
                if self.members.get(&id).is_some_and(|member| member.room != *room.key()) {
                    self.apply(id, Deed::Enters(room), now);
                }
                self.stops_asking(id);
            }
            (Verb::Leaves, Some(id)) => {
                self.apply(id, Deed::Leaves(short(logged.text)), now);
                self.forget(id);
            }
            (Verb::Expels, Some(id)) => {
                let target = self.find_about(hub, logged).filter(|target| self.is_present_here(*target));
                if let Some(target) =
                    target.filter(|target| self.is_operator(id) && !self.is_operator(*target))
                {
                    self.expel(target, &short(logged.text), now);
                }
            }
            (Verb::Bans, Some(id)) => {
                let net = parse_net(std::str::from_utf8(logged.text).ok()?).ok()?;
                if self.is_operator(id) {
                    self.apply(id, Deed::Bans(net), now);
                }
            }
        }
        Some(())
    }

    /// Whom it is about.
    fn find_about(&self, hub: HubId, logged: &Logged<'_>) -> Option<Id> {
        let (home, number) = logged.about?;
        self.find_logged(home.unwrap_or(hub), number)
    }

    fn is_present_here(&self, id: Id) -> bool {
        self.members.get(&id).is_some_and(|member| member.is_here && member.leaving.is_none())
    }

    /// A member of this hub is somebody. If somebody of another hub has its name, which happens while this hub is away, it has
    /// another one from here on.
    fn apply_own_joining(&mut self, id: Id, record: &[u8], is_refused: bool, now: Moment) -> Option<()> {
        let member = self.members.get_mut(&id)?;
        if std::mem::replace(&mut member.link.is_known, true) {
            return Some(());
        }
        let is_new = !std::mem::replace(&mut member.link.is_public, true);
        if is_refused {
            let name = logged_name(Record::read(record)?.otherwise)?;
            let line = format!("somebody at another hub has the name {}", member.name.shown());
            self.reply(id, &line, now);
            if is_new {
                self.reply(id, &format!("you are now {}", name.shown()), now);
                self.rename_quietly(id, &name);
            } else {
                self.apply(id, Deed::Renames(name), now);
            }
        }
        if is_new {
            self.apply(id, Deed::Joins, now);
        }
        Some(())
    }

    /// Gives a member another name without telling anybody.
    fn rename_quietly(&mut self, id: Id, name: &Name) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let old = std::mem::replace(&mut member.name, name.clone());
        self.names.insert(Arc::clone(name.key()), id);
        self.looks.insert(name, &id);
        self.release_name(id, &old);
    }

    /// What Redis knows of a member of another hub. None if it makes no sense.
    fn update(&mut self, hub: HubId, number: u64, record: &[u8], tells: bool, now: Moment) -> Option<()> {
        let Some(id) = self.find_logged(hub, number) else {
            let id = self.meet(hub, number, record, false, now)?;
            if tells {
                self.apply(id, Deed::Joins, now);
            }
            return Some(());
        };
        let Record { name, room, .. } = Record::read(record)?;
        let (name, room) = (logged_name(name)?, Name::parse(room).ok()?);
        if self.members.get(&id).is_some_and(|member| member.name.shown() != name.shown()) {
            self.settle(&name, now);
            self.apply(id, Deed::Renames(name), now);
        }
        if self.members.get(&id).is_some_and(|member| member.room != *room.key()) {
            self.apply(id, Deed::Enters(room), now);
        }
        Some(())
    }

    /// A member of another hub is somebody, under this name or, if another one has it, otherwise. Returns the id. None if it makes
    /// no sense.
    fn meet(&mut self, hub: HubId, number: u64, record: &[u8], is_refused: bool, now: Moment) -> Option<Id> {
        let Record { name, room, secured, otherwise } = Record::read(record)?;
        let name = logged_name(if is_refused { otherwise } else { name })?;
        let room = Name::parse(room).ok()?;
        let linked = self.linked.as_ref()?;
        if linked.elsewhere.len() >= MAX_ELSEWHERE {
            return None;
        }
        let lost = self.linked.as_mut()?.lost.remove(&(hub.start(), number));
        lost.into_iter().for_each(|id| self.forget(id));
        self.settle(&name, now);
        let id = lost.unwrap_or_else(|| self.next_id());
        self.names.insert(Arc::clone(name.key()), id);
        self.looks.insert(&name, &id);
        let mut member = Member::new(name, None, LOBBY.into(), 0, Inbox::new(Decoder::new(0)), now.instant);
        member.outbox.close();
        member.is_here = false;
        member.link.is_public = true;
        member.link.home = Some(Home { hub, number, secured: secured.to_owned() });
        self.members.insert(id, member);
        self.not_here += 1;
        self.enter_elsewhere(id, room);
        self.linked.as_mut()?.elsewhere.insert((hub, number), id);
        Some(id)
    }

    fn enter_elsewhere(&mut self, id: Id, room: Name) {
        let key = Arc::clone(room.key());
        let seat = self.open_room(room).enter(id, true);
        if let Some(member) = self.members.get_mut(&id) {
            (member.room, member.seat) = (key, seat);
        }
    }

    /// The room must know of those who had this name before somebody else gets it.
    fn settle(&mut self, name: &Name, now: Moment) {
        let holders: BTreeSet<Id> = self.looks.like(name).copied().collect();
        for holder in holders {
            if self.members.get(&holder).is_some_and(|member| member.untold.known_as.is_some()) {
                self.introduce(holder, now);
            }
        }
    }

    /// A member of another hub, or one of this hub that is connected no longer, is nobody any more.
    fn forget(&mut self, id: Id) {
        self.withdraw(id);
        let Some(member) = self.members.get(&id).filter(|member| !member.is_here) else { return };
        if let (Some(home), Some(linked)) = (&member.link.home, &mut self.linked) {
            linked.elsewhere.remove(&(home.hub, home.number));
        }
        self.members.remove(&id);
        self.not_here -= 1;
    }

    /// Shows what a member has said, under the name that it has now.
    fn apply_lines(&mut self, id: Id, form: Form, texts: &[u8], now: Moment) {
        let mut lines = Vec::with_capacity(texts.len() * 2);
        for text in texts.split_inclusive(|byte| *byte == b'\n') {
            self.format_line(id, form, text.strip_suffix(b"\n").unwrap_or(text), &mut lines, now);
        }
        if !lines.is_empty() {
            self.apply(id, Deed::Says(form, lines), now);
        }
        self.lines_are_back(id, bytecount::count(texts, b'\n'), now.instant);
    }

    /// A private message arrives where its receiver is.
    fn apply_private(&mut self, hub: HubId, from: Id, logged: &Logged<'_>, now: Moment) -> Option<()> {
        let (home, _) = logged.about?;
        let to = self.find_about(hub, logged);
        let own = self.linked.as_ref()?.hub;
        let has_left = "the person to whom you wrote has left before that";
        match to {
            Some(to) if self.is_present_here(to) => self.apply(from, Deed::Tells(to, logged.text), now),
            // Its connection has ended, and the other hubs do not know yet.
            Some(to) if !self.is_elsewhere(to) => self.answer(from, to, has_left, now),
            Some(to) => self.tell_back(from, to, logged.text, now),
            // Nobody else can tell the sender: that hub is gone.
            None if own == Some(hub) => self.reply(from, has_left, now),
            None if home == own => self.answer(from, OPERATOR, has_left, now),
            None => {}
        }
        Some(())
    }

    /// A member has another name, or not.
    fn apply_claimed_name(&mut self, id: Id, name: &[u8], is_refused: bool, now: Moment) -> Option<()> {
        let name = logged_name(std::str::from_utf8(name).ok()?)?;
        if is_refused {
            let line = format!("the name {} is taken", name.shown());
            self.reply(id, &line, now);
        } else {
            self.settle(&name, now);
            self.apply(id, Deed::Renames(name), now);
        }
        self.stops_asking(id);
        Some(())
    }

    /// What a member asked for has come back, and was done.
    fn stops_asking(&mut self, id: Id) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.link.home.is_none()) else {
            return;
        };
        self.outboxes.resumed.push(id);
        let asked = member.link.asked;
        member.link.asked = asked.saturating_sub(1);
        if asked == 0
            && let Some(linked) = &mut self.linked
        {
            // It asked before this hub got its present id, and perhaps again since: what Redis knows may be older than this.
            let record = record(member, member.name.shown(), &member.room, "");
            linked.batch.operations.push(Operation::Record(id.0 as u64, record));
        }
    }

    /// This hub is registered, and this is the state of the chat.
    fn apply_registered(&mut self, registered: Registered, now: Moment) {
        let (Some(hub), Some(linked)) = (registered.hub, &mut self.linked) else { return };
        // What has changed since the last entry is told, as if it had been read.
        let has_lost_data = std::mem::take(&mut linked.has_lost_data);
        let tells = linked.hub.is_some() && !has_lost_data;
        let is_new = linked.hub.replace(hub) != Some(hub);
        linked.numbers = registered.first_number..registered.first_number.saturating_add(NUMBERS);
        (linked.has_asked_for_numbers, linked.is_fenced) = (false, false);
        let others: Vec<_> = registered.hubs.into_iter().filter(|other| other.id != hub).collect();
        let known: BTreeSet<HubId> = linked.elsewhere.keys().map(|(home, _)| *home).collect();
        for home in known.into_iter().filter(|home| tells && others.iter().all(|other| other.id != *home)) {
            self.apply_gone(home, false, now);
        }
        let Some(linked) = &mut self.linked else { return };
        linked.hubs.clear();
        let numbers =
            others.iter().flat_map(|other| other.members.iter().map(|(number, _)| (other.id, *number)));
        let present: HashSet<(HubId, u64)> = numbers.collect();
        for id in linked.lose(|address| !present.contains(address)) {
            if tells {
                self.apply(id, Deed::Leaves("left".to_owned()), now);
            }
            self.forget(id);
        }
        let mut is_nonsense = false;
        for other in &others {
            self.name_hub(other.id, &other.name);
            for (number, record) in &other.members {
                is_nonsense |= self.update(other.id, *number, record, tells, now).is_none();
            }
        }
        for (room, lines) in registered.histories {
            let lines = lines.iter().filter_map(|line| self.harmless(line)).collect();
            let room = std::str::from_utf8(&room).ok().and_then(|room| self.rooms.get_mut(room));
            // What this hub has shown is no worse.
            if let Some(room) = room.filter(|room| room.history.is_empty()) {
                room.history.replace(lines);
            }
        }
        for net in registered.bans.iter().filter_map(|net| parse_net(std::str::from_utf8(net).ok()?).ok()) {
            self.apply(OPERATOR, Deed::Bans(net), now);
        }
        if is_nonsense {
            self.report_nonsense();
        }
        if is_new {
            self.claim_all(hub, registered.accepted, now);
            let notice = Notice::Linked { hubs: others.len(), members: present.len() };
            self.actions.push_back(Action::Report(notice));
        }
    }

    /// All members of this hub take their names under a new id of the hub, before anything else that waits.
    fn claim_all(&mut self, hub: HubId, accepted: u64, now: Moment) {
        let Some(linked) = &mut self.linked else { return };
        let later = std::mem::take(&mut linked.batch);
        let name = Arc::clone(&linked.name);
        linked.write(&Logged { verb: Verb::Named, member: 0, about: None, text: name.as_bytes() });
        let is_own =
            |member: &Member| member.link.home.is_none() && member.is_listed && member.arrival.is_none();
        let mut own: Vec<Id> =
            self.members.iter().filter(|(_, member)| is_own(member)).map(|(id, _)| *id).collect();
        own.sort_unstable();
        for id in &own {
            if let Some(member) = self.members.get_mut(id) {
                (member.link.is_known, member.link.asked) = (false, 0);
            }
            self.does(*id, Deed::Joins, now);
        }
        let Some(linked) = &mut self.linked else { return };
        let first = std::mem::replace(&mut linked.batch, later);
        linked.unlogged += first.size();
        self.actions.push_back(Action::Log(Order::Registered { hub, accepted, first }));
        self.outboxes.resumed.append(&mut linked.waiting);
        // Redis may have lost that they left.
        for id in own {
            if let Some(how) = self.members.get(&id).and_then(|member| member.link.leaves.clone()) {
                self.does(id, Deed::Leaves(how), now);
            }
        }
    }

    /// A hub and all its members are gone.
    fn apply_gone(&mut self, hub: HubId, left: bool, now: Moment) {
        let Some(linked) = &mut self.linked else { return };
        if linked.hub == Some(hub) {
            // If it was taken for gone, it registers again.
            if left && linked.is_taking_leave() {
                self.has_left(now.instant);
            }
            return;
        }
        let members = linked.lose(|(home, _)| *home == hub);
        if left {
            linked.lost.retain(|(start, _), _| *start != hub.start());
        }
        let name = linked.hubs.remove(&hub).unwrap_or_else(|| "of unknown name".into());
        let mut rooms: BTreeMap<Arc<str>, Vec<Id>> = BTreeMap::new();
        for id in members {
            if let Some(member) = self.members.get(&id) {
                rooms.entry(Arc::clone(&member.room)).or_default().push(id);
            }
        }
        let why = match left {
            true => format!("the hub {name} has ended"),
            false => format!("the hub {name} is gone"),
        };
        for (room, members) in rooms {
            let (count, s) = (members.len(), if members.len() == 1 { "" } else { "s" });
            for id in members {
                self.record(id, |name, room| What::Left { name, room, why: why.clone() });
                self.forget(id);
            }
            let text = format!("{why}, and {count} member{s} of this room with it");
            let here = self.rooms.get(&room).map(|room| room.members.values().copied().collect());
            self.tell(here.unwrap_or_default(), &text, now);
            self.tell_operator_elsewhere(
                &room,
                &format!("{why}, and {count} member{s} of {room} with it"),
                now,
            );
        }
    }

    /// The log has lost lines.
    fn apply_missing(&mut self, lines: Option<u64>, now: Moment) {
        if let (Some(linked), None) = (&mut self.linked, lines) {
            linked.has_lost_data = true;
            linked.lose(|_| true);
        }
        let text = match lines {
            Some(1) => "one line is missing here: this hub could not read it in time".to_owned(),
            Some(lines) => format!("{lines} lines are missing here: this hub could not read them in time"),
            None => "lines may be missing here: Redis has lost some".to_owned(),
        };
        self.tell_all(&text, now);
        self.actions.push_back(Action::Report(Notice::LinesMissing(text)));
    }

    /// Another hub is called so.
    fn name_hub(&mut self, hub: HubId, name: &[u8]) {
        let Some(linked) = self.linked.as_mut().filter(|linked| linked.hub != Some(hub)) else { return };
        if linked.hubs.len() < MAX_HUBS || linked.hubs.contains_key(&hub) {
            linked.hubs.insert(hub, short(name).into());
        }
    }

    /// Makes a line of a history harmless: another program may have written it into Redis. None if it is no line of a hub.
    fn harmless(&self, line: &[u8]) -> Option<Vec<u8>> {
        let text = line.strip_suffix(b"\n")?;
        let stamp = Stamp::parse(text)?;
        let mut harmless = stamp.as_bytes().to_vec();
        finish_line(&mut harmless, 0, &text[STAMP_LEN..], self.settings.max_line);
        Some(harmless)
    }

    /// Tells all clients of this hub. The operator gets a notice.
    fn tell_all(&mut self, text: &str, now: Moment) {
        let is_told = |id: Id, member: &Member| {
            id != OPERATOR && member.is_here && member.leaving.is_none() && member.arrival.is_none()
        };
        let all = self.members.iter().filter(|(id, member)| is_told(**id, member)).map(|(id, _)| *id);
        self.tell(all.collect(), text, now);
    }

    fn tell(&mut self, members: Vec<Id>, text: &str, now: Moment) {
        let lines = hub_lines(&now.stamp, "* hub: ", text, self.settings.max_line);
        self.count(lines.len(), members.len());
        let post = self.outboxes.memory.post(Kind::Said, None, lines, 0);
        for id in members {
            if let Some(member) = self.members.get_mut(&id) {
                self.outboxes.post(member, id, &post, now.instant);
            }
        }
    }

    /// Says once that something in the log makes no sense.
    fn report_nonsense(&mut self) {
        if let Some(linked) = &mut self.linked
            && !std::mem::replace(&mut linked.has_reported, true)
        {
            self.actions.push_back(Action::Report(Notice::LinkHindered(LinkError::Nonsense)));
        }
    }

    /// A client that joins while the link is down is told so.
    pub(super) fn tell_newcomer_of_link(&mut self, id: Id, now: Moment) {
        if self.linked.as_ref().is_some_and(|linked| linked.has_told) {
            self.reply(id, DOWN, now);
        }
    }

    /// Where a member is, and how its connection is encrypted, for `/who`.
    pub(super) fn describe_home(
        &self,
        member: &Member,
        secured: Option<String>,
    ) -> (Option<String>, Option<String>) {
        let Some(linked) = &self.linked else { return (None, secured) };
        let Some(home) = &member.link.home else { return (Some(format!("on {}", linked.name)), secured) };
        let hub = linked.hubs.get(&home.hub).map(|hub| format!("on {hub}"));
        (hub, Some(&home.secured).filter(|how| !how.is_empty()).map(|how| format!("encrypted: {how}")))
    }
}

/// What goes to the log.
impl Hub {
    /// A member does something that all hubs will notice.
    pub(super) fn log(&mut self, id: Id, deed: Deed<'_>, now: Moment) {
        if self.linked.as_ref().is_none_or(|linked| linked.has_left) {
            return;
        }
        let number = id.0 as u64;
        let about = match &deed {
            Deed::Tells(to, _) => Some(self.about(*to)),
            _ => None,
        };
        let history = match &deed {
            Deed::Says(form, texts) => {
                self.lines_wait(id, bytecount::count(texts, b'\n'));
                self.last_lines(id, *form, texts, now)
            }
            _ => Vec::new(),
        };
        let (Some(member), Some(linked)) = (self.members.get_mut(&id), &mut self.linked) else { return };
        // No other hub gives this name, even if Redis forgets which numbers it gave, and nobody may ask for it.
        let tag = linked.hub.map_or(0, HubId::tag);
        let otherwise = match id {
            OPERATOR => format!("@{OPERATORS_NAME}/{}-{tag}", linked.name),
            _ => own_name(tag, id),
        };
        let (mut operation, mut bans) = (None, None);
        let (verb, text) = match deed {
            Deed::Joins => {
                let (take, name) = (looks(&member.name), member.name.shown());
                let own = record(member, name, &member.room, &otherwise);
                let otherwise = record(member, &otherwise, &member.room, "");
                let claim =
                    Claim { member: number, release: Vec::new(), take, record: own.clone(), otherwise };
                operation = Some(Operation::Claim(claim));
                (Verb::Joins, own)
            }
            Deed::Renames(name) => {
                member.link.asked += 1;
                let (release, take) = (looks(&member.name), looks(&name));
                let record = record(member, name.shown(), &member.room, "");
                let claim = Claim { member: number, release, take, record, otherwise: Vec::new() };
                operation = Some(Operation::Claim(claim));
                (Verb::Renames, name.shown().as_bytes().to_vec())
            }
            Deed::Enters(room) => {
                member.link.asked += 1;
                let record = record(member, member.name.shown(), room.shown(), "");
                operation = Some(Operation::Record(number, record));
                (Verb::Enters, room.shown().as_bytes().to_vec())
            }
            Deed::Says(form, texts) => {
                linked.batch.lines += bytecount::count(&texts, b'\n') as u64;
                let lines = linked.histories.entry(Arc::clone(&member.room)).or_default();
                lines.extend(history);
                lines.drain(..lines.len().saturating_sub(lines_kept(self.settings.history)));
                (if form == Form::Emote { Verb::Emotes } else { Verb::Says }, texts)
            }
            Deed::Tells(_, text) => {
                linked.batch.lines += 1;
                (Verb::Tells, text.to_vec())
            }
            Deed::Leaves(how) => {
                member.link.leaves = Some(how.clone());
                operation = Some(Operation::Forget(number));
                (Verb::Leaves, how.into_bytes())
            }
            Deed::Bans(net) => {
                bans = Some(net);
                operation = Some(Operation::Ban(net.to_string().into_bytes()));
                (Verb::Bans, net.to_string().into_bytes())
            }
        };
        linked.write(&Logged { verb, member: number, about, text: &text });
        linked.batch.operations.extend(operation);
        self.turn.bytes += text.len();
        // Here it is done at once, whether or not the other hubs can be told.
        if let Some(net) = bans {
            self.apply_banning(net, now);
        }
    }

    /// The last lines of what a member says, as a room's history has them.
    fn last_lines(&self, id: Id, form: Form, texts: &[u8], now: Moment) -> Vec<Vec<u8>> {
        let count = lines_kept(self.settings.history);
        let texts: Vec<_> = texts.rsplit(|byte| *byte == b'\n').skip(1).take(count).collect();
        let format = |text: &&[u8]| {
            let mut line = Vec::new();
            self.format_line(id, form, text, &mut line, now);
            line
        };
        texts.iter().rev().map(format).collect()
    }

    /// How the log names somebody.
    fn about(&self, id: Id) -> (Option<HubId>, u64) {
        match self.members.get(&id).and_then(|member| member.link.home.as_ref()) {
            Some(home) => (Some(home.hub), home.number),
            None => (None, id.0 as u64),
        }
    }

    /// Answers a member of another hub, for one of this hub.
    pub(super) fn answer_elsewhere(&mut self, to: Id, by: Id, text: &str) {
        self.log_about(by, Verb::Answers, to, text);
    }

    /// The operator sends a member of another hub away.
    pub(super) fn expel_elsewhere(&mut self, id: Id, how: &str) {
        self.log_about(OPERATOR, Verb::Expels, id, how);
    }

    fn log_about(&mut self, by: Id, verb: Verb, id: Id, text: &str) {
        let about = Some(self.about(id));
        if let Some(linked) = &mut self.linked {
            linked.write(&Logged { verb, member: by.0 as u64, about, text: text.as_bytes() });
        }
    }

    /// What was done since the last batch.
    pub(super) fn take_batch(&mut self) -> Option<Action> {
        let linked = self.linked.as_mut()?;
        for (room, lines) in std::mem::take(&mut linked.histories) {
            let lines: Vec<_> = lines.into();
            if !lines.is_empty() {
                linked.batch.operations.push(Operation::History(room.as_bytes().to_vec(), lines));
            }
        }
        if linked.batch.is_empty() {
            return None;
        }
        let batch = std::mem::take(&mut linked.batch);
        linked.unlogged += batch.size();
        linked.has_unlogged_lines |= batch.lines > 0;
        Some(Action::Log(Order::Push(batch)))
    }

    /// Whether a member may say more to the other hubs now.
    pub(super) fn may_log(&self, id: Id) -> bool {
        let Some(linked) = &self.linked else { return true };
        let is_asking = self.members.get(&id).is_some_and(|member| member.link.asked > 0);
        linked.unlogged + linked.batch.data.len() < self.settings.outbox && !is_asking
    }

    /// Whether what a member gets to see now is what it expects after what it asked for. Without a link, that would never come.
    pub(super) fn may_list(&self, id: Id) -> bool {
        let is_up = self.linked.as_ref().is_some_and(|linked| linked.is_up());
        !is_up || self.members.get(&id).is_none_or(|member| member.link.asked == 0)
    }

    /// It goes on when the log takes more, or when what it asked for has come back.
    pub(super) fn wait_for_link(&mut self, id: Id) {
        if let Some(linked) = &mut self.linked {
            add_waiting(&mut linked.waiting, id);
        }
    }

    /// A name for a new client that no other hub gives, with its number if it is one that was got for this. None before this hub
    /// is registered: then any will do, and may have to be replaced.
    pub(super) fn linked_newcomers_name(&mut self, id: Id) -> Option<(String, Option<u64>)> {
        let linked = self.linked.as_mut()?;
        let tag = linked.hub?.tag();
        let number = linked.numbers.next();
        let is_short = linked.numbers.end - linked.numbers.start < MIN_NUMBERS;
        if is_short && !std::mem::replace(&mut linked.has_asked_for_numbers, true) {
            self.actions.push_back(Action::Log(Order::AskForNumbers));
        }
        let Some(number) = number else { return Some((own_name(tag, id), None)) };
        self.last_user = number;
        Some((format!("user{number}"), Some(number)))
    }

    /// Nobody was told of the one who had it.
    pub(super) fn give_number_back(&mut self, number: u64) {
        if let Some(linked) = self.linked.as_mut().filter(|linked| linked.numbers.start == number + 1) {
            linked.numbers.start = number;
        }
    }

    /// The hub ends: the other hubs are told, and then everything that was said here before has come back. Returns false if that
    /// cannot be.
    pub(super) fn takes_leave(&mut self, now: Instant) -> bool {
        let batch = self.take_batch();
        let Some(linked) = &mut self.linked else { return false };
        linked.has_left = true;
        if !linked.is_up() {
            self.report_unlogged();
            return false;
        }
        linked.leave_by = Some(now + LEAVE_WITHIN);
        self.actions.extend(batch);
        self.actions.push_back(Action::Log(Order::Leave));
        true
    }

    /// The other hubs know that this one ends, or do not answer.
    fn has_left(&mut self, now: Instant) {
        let Some(linked) = &mut self.linked else { return };
        if linked.leave_by.take().is_some_and(|by| by <= now) {
            self.report_unlogged();
        }
        self.say_goodbye_to_all(now);
    }

    /// What was said last reaches nobody.
    fn report_unlogged(&mut self) {
        if self.linked.as_ref().is_some_and(|linked| linked.has_unlogged_lines) {
            self.actions.push_back(Action::Report(Notice::NotLogged));
            self.ending = self.ending.map(|exit| if exit == Exit::Success { Exit::Failed } else { exit });
        }
    }
}

/// What members are told while the link is down.
const DOWN: &str =
    "the link to the other hubs is down: what anybody says waits until it is back; /who, /help and 88 work";

/// A name that only the hub with this tag can give, for as many members as it has.
fn own_name(tag: u32, id: Id) -> String {
    format!("user{tag}-{}", id.0)
}

/// The name of the operator of a hub.
fn operators_name(hub: &str) -> Name {
    Name::of(format!("{OPERATORS_NAME}/{hub}")).of_operator()
}

/// A name as the log has it, which may be an operator's.
fn logged_name(text: &str) -> Option<Name> {
    match text.strip_prefix('@') {
        None => Name::parse(text).ok(),
        Some(name) => match name.strip_prefix(OPERATORS_NAME).and_then(|rest| rest.strip_prefix('/')) {
            Some(hub) => is_plain(hub).then(|| operators_name(hub)),
            None => Name::parse(name).ok().map(Name::of_operator),
        },
    }
}

fn record(member: &Member, name: &str, room: &str, otherwise: &str) -> Vec<u8> {
    let secured = member.secured.as_ref().map_or("", |peer| peer.how());
    Record { name, room, secured, otherwise }.write()
}

fn looks(name: &Name) -> Vec<Vec<u8>> {
    name.looks().iter().map(|look| look.as_bytes().to_vec()).collect()
}

/// A text of another hub that is shown within a line.
fn short(text: &[u8]) -> String {
    let mut out = Vec::new();
    sanitize(&text[..text.len().min(MAX_TEXT)], &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
