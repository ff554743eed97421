//! What comes back from the log: everybody here notices it, as all other hubs do.

use super::{Asked, Done, Home, MAX_ELSEWHERE, operators_name, short};
use crate::rules::hub::deeds::Deed;
use crate::rules::hub::id::{Id, OPERATOR};
use crate::rules::hub::inbox::Inbox;
use crate::rules::hub::logged::{Logged, Record, Verb};
use crate::rules::hub::member::Member;
use crate::rules::hub::name::{Name, OPERATORS_NAME, is_plain};
use crate::rules::hub::parse_net;
use crate::rules::hub::posting::Form;
use crate::rules::hub::processing::DELIVERIES;
use crate::rules::hub::room::LOBBY;
use crate::rules::hub::state::Hub;
use crate::rules::link::{self, HubId};
use crate::rules::moment::Moment;
use crate::rules::wire::Decoder;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

impl Hub {
    /// Does what an entry says. Returns false if a part of it has to wait.
    pub(super) fn apply_entry(&mut self, entry: &link::Logged, now: Moment) -> bool {
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
            // A member who was forgotten with what Redis lost is there again.
            if entry.is_repeated && logged.verb.is_heard() {
                continue;
            }
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
                    self.apply(id, Deed::Enters(room.clone()), now);
                }
                self.stops_asking(id, &Asked::Room(room));
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
        let Record { name, otherwise, .. } = Record::read(record)?;
        let name = logged_name(if is_refused { otherwise } else { name })?;
        if member.name.shown() != name.shown() {
            if is_refused {
                self.tell_whose_name(id, now);
            }
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

    fn tell_whose_name(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let line = format!("somebody at another hub has the name {}", member.name.shown());
        self.reply(id, &line, now);
    }

    /// Gives a member another name without telling anybody.
    pub(super) fn rename_quietly(&mut self, id: Id, name: &Name) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let old = std::mem::replace(&mut member.name, name.clone());
        self.names.insert(Arc::clone(name.key()), id);
        self.looks.insert(name, &id);
        self.release_name(id, &old);
    }

    /// What Redis knows of a member of another hub. None if it makes no sense.
    pub(super) fn update(
        &mut self,
        hub: HubId,
        number: u64,
        record: &[u8],
        tells: bool,
        now: Moment,
    ) -> Option<()> {
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
            self.settle(id, &name, now);
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
        let id = lost.unwrap_or_else(|| self.next_id());
        self.settle(id, &name, now);
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

    /// The room must know of those who had this name before `id` gets it. A member of this hub who still has it, because Redis has
    /// lost that, has another one from here on.
    fn settle(&mut self, id: Id, name: &Name, now: Moment) {
        let holders: BTreeSet<Id> = self.looks.like(name).copied().filter(|holder| *holder != id).collect();
        for holder in holders {
            let Some(member) = self.members.get(&holder) else { continue };
            let has_lost_it = member.link.home.is_none() && member.link.is_public;
            if member.untold.known_as.is_some() {
                self.introduce(holder, now);
            }
            if has_lost_it && let Some(other) = logged_name(&self.otherwise(holder)) {
                self.tell_whose_name(holder, now);
                self.apply(holder, Deed::Renames(other), now);
            }
        }
    }

    /// A member of another hub, or one of this hub that is connected no longer, is nobody any more.
    pub(super) fn forget(&mut self, id: Id) {
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
        let has_it = self.members.get(&id).is_some_and(|member| member.name.shown() == name.shown());
        let is_awaited = self.stops_asking(id, &Asked::Name(name.clone()));
        match is_refused {
            true if is_awaited => {
                let line = format!("the name {} is taken", name.shown());
                self.reply(id, &line, now);
            }
            false if is_awaited || !has_it => {
                self.settle(id, &name, now);
                self.apply(id, Deed::Renames(name), now);
            }
            _ => {}
        }
        Some(())
    }

    /// What a member of this hub asked for has come back. Returns false if it has come back before, or is another hub's.
    fn stops_asking(&mut self, id: Id, asked: &Asked) -> bool {
        let Some(link) = self.members.get_mut(&id).map(|member| &mut member.link) else { return false };
        let Some(at) = link.asked.iter().position(|other| other == asked) else { return false };
        link.asked.remove(at);
        self.outboxes.resumed.push(id);
        true
    }
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
