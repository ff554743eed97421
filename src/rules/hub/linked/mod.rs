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
//! `batches.rs` is what goes there, `entries.rs` what comes back, and `hubs.rs` how hubs come and go.
//!
//! Redis decides which member has a name. A member that asks for a name or for another room waits until the answer has come back,
//! and so do the lines that it sends behind: each is said under the name and in the room that it was meant for.

mod batches;
mod entries;
mod hubs;

use super::deeds::Deed;
use super::event::Action;
use super::format::hub_lines;
use super::id::{Id, OPERATOR};
use super::logged::{Logged, MAX_TEXT, Record};
use super::member::Member;
use super::name::{Name, OPERATORS_NAME};
use super::post::Kind;
use super::processing::DELIVERIES;
use super::state::Hub;
use crate::rules::link::{Batch, Event, HubId, LEASE, LinkError, NUMBERS, Side};
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::sanitize::sanitize;
use crate::rules::wire::Stamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Members are told that the link is down after this long. Most interruptions are shorter.
const TELL_AFTER: Duration = Duration::from_secs(1);
/// How many members of other hubs there may be. A program that writes into Redis can invent any number.
const MAX_ELSEWHERE: usize = 100_000;

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
    /// The new names and rooms that it waits for.
    asked: Vec<Asked>,
}

/// What a member waits for, because other hubs must know of it first.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Name(Name),
    Room(Name),
}

/// Where a member of another hub is.
#[derive(Debug)]
pub(super) struct Home {
    hub: HubId,
    number: u64,
    /// How its connection is encrypted. Empty in clear text.
    secured: String,
}

impl Asked {
    fn deed(self) -> Deed<'static> {
        match self {
            Self::Name(name) => Deed::Renames(name),
            Self::Room(room) => Deed::Enters(room),
        }
    }
}

impl MemberLink {
    /// Where it will be when all that it waits for has come back, by the name of the room. None if that is where it is.
    fn room_to_come(&self) -> Option<&str> {
        self.asked.iter().rev().find_map(|asked| match asked {
            Asked::Room(room) => Some(&**room.shown()),
            Asked::Name(_) => None,
        })
    }
}

impl Linked {
    /// What the operator of this hub is called at the beginning.
    pub(super) fn operators_name(&self) -> Name {
        operators_name(&self.name)
    }

    fn is_up(&self) -> bool {
        self.is_writing && self.is_reading && self.hub.is_some()
    }

    /// Whether the link was up and is not, or cannot be made. One that is being made is neither up nor down.
    fn is_down(&self) -> bool {
        self.tell_at.is_some() || self.has_told
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
            && !linked.is_down()
        {
            linked.tell_at = Some(now.instant + TELL_AFTER);
            self.actions.push_back(Action::Report(Notice::LinkDown(error)));
        } else if is_up && !was_up {
            self.actions.extend(linked.is_down().then(|| Action::Report(Notice::LinkUp)));
            linked.tell_at = None;
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

/// What members are told while the link is down.
const DOWN: &str =
    "the link to the other hubs is down: what anybody says waits until it is back; /who, /help and 88 work";

/// The name of the operator of a hub.
fn operators_name(hub: &str) -> Name {
    Name::of(format!("{OPERATORS_NAME}/{hub}")).of_operator()
}

fn record(member: &Member, name: &str, room: &str, otherwise: &str) -> Vec<u8> {
    let secured = member.secured.as_ref().map_or("", |peer| peer.how());
    Record { name, room, secured, otherwise }.write()
}

/// A text of another hub that is shown within a line.
fn short(text: &[u8]) -> String {
    let mut out = Vec::new();
    sanitize(&text[..text.len().min(MAX_TEXT)], &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
