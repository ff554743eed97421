//! What the commands do.

use super::admission::parse_net;
use super::announcements::Announcement;
use super::browser::Close;
use super::deeds::Deed;
use super::format::finish_line;
use super::id::{Id, OPERATOR};
use super::member::Member;
use super::name::{self, MAX_WRITTEN, Name, OPERATORS_NAME};
use super::post::Kind;
use super::room::{LOBBY, Room};
use super::state::Hub;
use crate::rules::moment::Moment;
use crate::rules::record::What;
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// A member is called behind from this many KiB on that are not written to it. Less is usual for a moment.
const MIN_BEHIND: usize = 64;

/// How many members the welcome lists.
const WELCOME_LISTED: usize = 20;

/// How many members `/who` lists, and how many rooms `/rooms`.
const LISTED: usize = 50;

/// How many others a member can ignore. It bounds the memory that a member takes.
const MAX_IGNORED: usize = 100;

impl Hub {
    /// The member with this name. The `@` of the operator may be missing.
    pub(super) fn find(&self, name: &str) -> Option<Id> {
        let operator = name.strip_prefix('@');
        // Folding the case of more would cost time for nothing.
        let name: String = operator.unwrap_or(name).chars().take(MAX_WRITTEN + 1).collect();
        let key = name::key(&name);
        // In a linked hub, its operator has another name than those of the other hubs.
        let own = (key == OPERATORS_NAME && self.members.contains_key(&OPERATOR)).then_some(OPERATOR);
        let id = self.names.get(&*key).copied().or(own);
        id.filter(|id| operator.is_none() || self.is_operator(*id))
    }

    /// Whether this is the operator of any hub.
    pub(super) fn is_operator(&self, id: Id) -> bool {
        self.members.get(&id).is_some_and(|member| member.name.is_operators())
    }

    pub(super) fn is_present(&self, id: Id) -> bool {
        self.members.get(&id).is_some_and(|member| member.leaving.is_none())
    }

    /// `/msg` and `/reply`.
    pub(super) fn send_private(&mut self, from: Id, to: Id, text: &[u8], now: Moment) {
        if to == from {
            return self.reply(from, "you cannot send a private message to yourself", now);
        }
        self.does(from, Deed::Tells(to, text), now);
    }

    pub(super) fn apply_telling(&mut self, from: Id, to: Id, text: &[u8], now: Moment) {
        let (Some(sender), Some(receiver)) = (self.members.get(&from), self.members.get(&to)) else { return };
        if receiver.ignored.contains(&from) {
            let line = format!("{} ignores you", receiver.name.shown());
            return self.answer(from, to, &line, now);
        }
        let mut line = now.stamp.as_bytes().to_vec();
        line.extend_from_slice(format!("[{} -> you] ", sender.name.shown()).as_bytes());
        finish_line(&mut line, 0, text, self.settings.max_line);
        let kind = Kind::Private(sender.address());
        self.introduce(from, now);
        self.post(to, kind, line, now.instant);
        self.tell_back(from, to, text, now);
        if let Some(receiver) = self.members.get_mut(&to) {
            receiver.reply_to = Some(from);
        }
    }

    /// `/name`.
    pub(super) fn rename(&mut self, id: Id, name: &str, now: Moment) {
        let name = match Name::parse(name) {
            Ok(name) if id == OPERATOR => name.of_operator(),
            // Reserved for the operator.
            Err(_) if id == OPERATOR && name.trim_start_matches('@') == OPERATORS_NAME => {
                self.operators_first_name()
            }
            Ok(name) => name,
            Err(error) => return self.reply(id, &error.to_string(), now),
        };
        let holder = self.looks.like(&name).copied().find(|other| *other != id);
        if let Some(holder) = holder
            && let Some(other) = self.members.get(&holder)
        {
            if self.names.contains_key(name.key()) {
                return self.ask_for_name(id, holder, name, now);
            }
            let line = format!("the name {} looks like {}, which is taken", name.shown(), other.name.shown());
            return self.reply(id, &line, now);
        }
        #[cfg(feature = "link")]
        if self.is_linked() && name.looks_like_newcomers() {
            let line = format!("the name {} looks like that of a newcomer, and is reserved", name.shown());
            return self.reply(id, &line, now);
        }
        self.does(id, Deed::Renames(name), now);
    }

    /// What the operator is called at the beginning.
    fn operators_first_name(&self) -> Name {
        #[cfg(feature = "link")]
        if let Some(linked) = &self.linked {
            return linked.operators_name();
        }
        Name::of(OPERATORS_NAME.to_owned()).of_operator()
    }

    pub(super) fn apply_renaming(&mut self, id: Id, name: &Name, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        self.presences.forget_wish(id);
        let (new, old) = (Arc::clone(name.shown()), std::mem::replace(&mut member.name, name.clone()));
        self.names.insert(Arc::clone(name.key()), id);
        self.looks.insert(name, &id);
        self.reply(id, &format!("you are now {new}"), now);
        self.tell_state(id, now);
        if *old.shown() != new {
            self.record(id, |new, _| What::Renamed { old: Arc::clone(old.shown()), new });
            self.announce_rename(id, old, now);
        }
    }

    /// Makes a name free that a member had.
    pub(super) fn release_name(&mut self, id: Id, name: &Name) {
        let Some(member) = self.members.get(&id) else { return };
        if self.names.get(name.key()) == Some(&id) {
            self.names.remove(name.key());
        }
        self.looks.remove(name, &id);
        // Another spelling of it may still be the present name, or the one by which the room knows the member.
        for own in [&member.name].into_iter().chain(&member.untold.known_as) {
            self.names.insert(Arc::clone(own.key()), id);
            self.looks.insert(own, &id);
        }
    }

    /// `/who`.
    pub(super) fn reply_who(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(room) = self.rooms.get(&member.room) else { return };
        member.lists.spend(now.instant);
        let place = format!("in {}", room.name.shown());
        let line = self.list_members(room, &place, id, LISTED, now.instant);
        self.reply(id, &line, now);
    }

    /// The members of a room as `reader` may see them, the newest first.
    fn list_members(&self, room: &Room, place: &str, reader: Id, max: usize, now: Instant) -> String {
        let count = room.len();
        let describe = |id: &Id| {
            let member = self.members.get(id)?;
            let name = member.name.shown();
            let secured = member.secured.as_ref().map(|peer| format!("encrypted: {}", peer.how()));
            #[cfg(feature = "link")]
            let (hub, secured) = self.describe_home(member, secured);
            #[cfg(not(feature = "link"))]
            let hub = None;
            let (peer, delay) = match member.peer.filter(|_| reader == OPERATOR) {
                Some(peer) => (Some(peer.to_string()), self.describe_delay(*id, member, now)),
                None => (None, None),
            };
            let parts: Vec<_> = [hub, peer, secured, delay].into_iter().flatten().collect();
            Some(match parts.is_empty() {
                true => name.to_string(),
                false => format!("{name} ({})", parts.join(", ")),
            })
        };
        let elsewhere = room.elsewhere.values().rev();
        let names = room.members.values().rev().chain(elsewhere).filter_map(describe);
        let is = if count == 1 { "is" } else { "are" };
        format!("{count} {is} {place}: {}", list(names, max, count))
    }

    /// `/behind`: those who read slowly, the slowest first.
    pub(super) fn reply_behind(&mut self, now: Moment) {
        let describe = |(id, member): (&Id, &Member)| {
            let delay = self.describe_delay(*id, member, now.instant)?;
            let peer = member.peer.map_or_else(String::new, |peer| format!(" ({peer})"));
            let line = format!("{}{peer} in {}: {delay}", member.name.shown(), member.room);
            Some((member.outbox.pending(), line))
        };
        let mut behind: Vec<_> = self.members.iter().filter_map(describe).collect();
        behind.sort_unstable_by_key(|(pending, _)| Reverse(*pending));
        let count = behind.len();
        let line = match count {
            0 => "nobody is behind".to_owned(),
            _ => format!("{count} behind: {}", list(behind.into_iter().map(|(_, line)| line), LISTED, count)),
        };
        self.reply(OPERATOR, &line, now);
    }

    /// By how much a member is behind, and how many seconds of waiting that has cost others, if either is worth mentioning.
    fn describe_delay(&self, id: Id, member: &Member, now: Instant) -> Option<String> {
        let (pending, cost) = (member.outbox.pending() / 1024, self.outboxes.cost(id, member, now));
        let pending = (pending >= MIN_BEHIND).then(|| format!("{pending} KiB behind"));
        let cost = (cost >= 0.1).then(|| format!("cost {cost:.1} s"));
        let parts: Vec<_> = pending.into_iter().chain(cost).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// `/rooms`.
    pub(super) fn reply_rooms(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.lists.spend(now.instant);
        let (count, s) = (self.rooms.len(), if self.rooms.len() == 1 { "" } else { "s" });
        let rooms = self.rooms.values().map(|room| format!("{} ({})", room.name.shown(), room.len()));
        self.reply(id, &format!("{count} room{s}: {}", list(rooms, LISTED, count)), now);
    }

    /// Greets a member who has entered a room. A page shows the same in its own way.
    pub(super) fn welcome(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get(&id).filter(|member| !member.is_browser()) else { return };
        let Some(room) = self.rooms.get(&member.room) else { return };
        let (room, name) = (room.name.shown(), member.name.shown());
        self.reply(id, &format!("welcome to {room}, {name}; 88 leaves, /help lists the commands"), now);
    }

    /// Tells a member who has entered a room what is going on there.
    pub(super) fn show_room(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let Some(room) = self.rooms.get(&member.room) else { return };
        if self.is_browser(id) {
            return self.show_room_to_browser(id, now);
        }
        let history = room.history.lines(&member.ignored);
        let who = self.list_members(room, "here", id, WELCOME_LISTED, now.instant);
        self.reply(id, &who, now);
        self.post(id, Kind::Answer, history, now.instant);
    }

    /// `/join`.
    pub(super) fn change_room(&mut self, id: Id, room: &str, now: Moment) {
        let name = match Name::parse(room) {
            Ok(name) => name,
            Err(error) => return self.reply(id, &format!("no such room: {error}"), now),
        };
        let Some(member) = self.members.get(&id) else { return };
        if member.room == *name.key() {
            return self.reply(id, &format!("you are already in {room}"), now);
        }
        let other = self.room_looks.like(&name).next().filter(|_| !self.rooms.contains_key(name.key()));
        if let Some(other) = other {
            let line = format!("no such room: the name {} looks like {other}, which exists", name.shown());
            return self.reply(id, &line, now);
        }
        self.does(id, Deed::Enters(name), now);
    }

    pub(super) fn apply_entering(&mut self, id: Id, name: Name, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let shown = Arc::clone(member.name.shown());
        self.announce(id, Announcement::Left, &format!("{shown} left for {}", name.shown()), now);
        self.record(id, |name, room| What::Left { name, room, why: "changed rooms".into() });
        self.leave_room(id);
        let key = Arc::clone(name.key());
        let is_elsewhere = self.is_elsewhere(id);
        let seat = self.open_room(name).enter(id, is_elsewhere);
        if let Some(member) = self.members.get_mut(&id) {
            member.seat = seat;
            member.moves.spend(now.instant);
            self.outboxes.change_room(member, id, key, now.instant);
        }
        if self.members.get(&id).is_some_and(|member| member.is_here) {
            self.welcome(id, now);
            self.show_room(id, now);
        }
        self.announce(id, Announcement::Joined, &format!("{shown} joined"), now);
        let secured = self.members.get(&id).and_then(|member| member.secured.clone());
        self.record(id, |name, room| What::Joined { name, room, secured });
    }

    /// The room of this name, a new one if there is none.
    pub(super) fn open_room(&mut self, name: Name) -> &mut Room {
        self.rooms.entry(Arc::clone(name.key())).or_insert_with(|| {
            self.room_looks.insert(&name, name.shown());
            Room::new(name, self.settings.history, self.first_line)
        })
    }

    /// `/part`: back to the lobby.
    pub(super) fn part(&mut self, id: Id, room: Option<&str>, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        match room.filter(|room| *name::key(room) != *member.room) {
            Some(room) => self.reply(id, &format!("you are not in {room}"), now),
            None if &*member.room == LOBBY => {
                self.reply(id, "you are in lobby, where everybody begins; 88 leaves the hub", now);
            }
            None => self.change_room(id, LOBBY, now),
        }
    }

    /// Takes a member out of its room. An empty room is forgotten, except the lobby.
    pub(super) fn leave_room(&mut self, id: Id) {
        self.forget_untold(id);
        let Some(member) = self.members.get(&id) else { return };
        let Some(room) = self.rooms.get_mut(&member.room) else { return };
        room.leave(id, member.seat);
        if room.len() == 0 && &*member.room != LOBBY {
            self.first_line = self.first_line.max(room.history.next());
            self.room_looks.remove(&room.name, room.name.shown());
            self.rooms.remove(&member.room);
        }
    }

    /// `/ignore`.
    pub(super) fn ignore(&mut self, id: Id, name: &str, now: Moment) {
        let Some(other) = self.find(name) else { return self.reply_no_such_name(id, name, now) };
        if self.is_operator(other) || other == id {
            return self.reply(id, "you cannot ignore the operator or yourself", now);
        }
        let name = self.members.get(&other).map(|other| Arc::clone(other.name.shown())).unwrap_or_default();
        let Some(member) = self.members.get_mut(&id) else { return };
        let mut ignored = std::mem::take(&mut member.ignored);
        // An id is never used again, so those who have left need not be removed before the set is full.
        if ignored.len() >= MAX_IGNORED {
            ignored.retain(|id| self.is_present(*id));
        }
        let line = if ignored.remove(&other) {
            format!("you no longer ignore {name}")
        } else if ignored.len() < MAX_IGNORED {
            ignored.insert(other);
            format!("you now ignore {name}")
        } else {
            format!("you cannot ignore {name}: you ignore {MAX_IGNORED} people already")
        };
        if let Some(member) = self.members.get_mut(&id) {
            member.ignored = ignored;
        }
        self.reply(id, &line, now);
    }

    /// `/ban`.
    pub(super) fn ban(&mut self, address: &str, now: Moment) {
        let net = match parse_net(address) {
            Ok(net) => net,
            Err(why) => return self.reply(OPERATOR, &why, now),
        };
        self.reply(OPERATOR, &format!("{net} is banned"), now);
        self.does(OPERATOR, Deed::Bans(net), now);
    }

    pub(super) fn apply_banning(&mut self, net: IpNet, now: Moment) {
        self.admission.ban(net);
        let is_there =
            |member: &Member| member.peer.is_some_and(|peer| net.contains(&peer.ip().to_canonical()));
        let from_there =
            self.members.iter().filter(|(_, member)| member.leaving.is_none() && is_there(member));
        let from_there: BTreeSet<Id> = from_there.map(|(id, _)| *id).collect();
        for id in from_there {
            self.expel(id, "banned", now);
        }
    }

    /// `/kick`.
    pub(super) fn kick(&mut self, name: &str, now: Moment) {
        match self.find(name) {
            #[cfg(feature = "link")]
            Some(id) if self.is_elsewhere(id) && !self.is_operator(id) => self.expel_elsewhere(id, "kicked"),
            Some(id) if !self.is_operator(id) => self.expel(id, "kicked", now),
            // Nobody else can have the name that the operator had first.
            None if *name::key(name.trim_start_matches('@')) != *OPERATORS_NAME => {
                self.reply_no_such_name(OPERATOR, name, now);
            }
            _ => self.reply(OPERATOR, "the operator cannot be kicked; 88 ends the hub", now),
        }
    }

    /// `/kick`, and `/ban` for those who are present.
    pub(super) fn expel(&mut self, id: Id, how: &str, now: Moment) {
        // Whom somebody sends away, others must know.
        self.believe(id, now);
        let Some(member) = self.members.get(&id) else { return };
        let (name, room) = (Arc::clone(member.name.shown()), Arc::clone(&member.room));
        self.reply(id, &format!("you were {how}"), now);
        self.close_with(id, Close::SentAway, &format!("you were {how}"));
        self.announce_leaving(id, &format!("was {how}"), true, now);
        self.tell_operator_elsewhere(&room, &format!("{name} was {how}"), now);
    }
}

/// The first `max` of `count` names, and how many more there are.
fn list(names: impl Iterator<Item = String>, max: usize, count: usize) -> String {
    let listed: Vec<_> = names.take(max).collect();
    let more = count - listed.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", listed.join(", "))
}
