//! Hubs come and go, this one too, and Redis may lose what it had.

use super::{Asked, short};
use crate::rules::hub::deeds::Deed;
use crate::rules::hub::event::Action;
use crate::rules::hub::format::finish_line;
use crate::rules::hub::id::{Id, OPERATOR};
use crate::rules::hub::logged::{Logged, Verb};
use crate::rules::hub::member::Member;
use crate::rules::hub::parse_net;
use crate::rules::hub::state::Hub;
use crate::rules::link::{HubId, NUMBERS, Order, Registered};
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::record::What;
use crate::rules::wire::{STAMP_LEN, Stamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// How many hubs are known by name.
const MAX_HUBS: usize = 1024;

impl Hub {
    /// This hub is registered, and this is the state of the chat.
    pub(super) fn apply_registered(&mut self, registered: Registered, now: Moment) {
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
                member.link.is_known = false;
            }
            self.does(*id, Deed::Joins, now);
        }
        let Some(linked) = &mut self.linked else { return };
        let first = std::mem::replace(&mut linked.batch, later);
        linked.unlogged += first.size();
        self.actions.push_back(Action::Log(Order::Registered { hub, accepted, first }));
        self.outboxes.resumed.append(&mut linked.waiting);
        // Redis may have lost what they asked for and that they left. If it has not, they do the same twice, and go on after the first.
        for id in own {
            let Some(link) = self.members.get_mut(&id).map(|member| &mut member.link) else { continue };
            let leaves = link.leaves.clone().map(Deed::Leaves);
            let asked = std::mem::take(&mut link.asked).into_iter().map(Asked::deed);
            for deed in asked.chain(leaves) {
                self.does(id, deed, now);
            }
        }
    }

    /// A hub and all its members are gone.
    pub(super) fn apply_gone(&mut self, hub: HubId, left: bool, now: Moment) {
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
    pub(super) fn apply_missing(&mut self, lines: Option<u64>, now: Moment) {
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
    pub(super) fn name_hub(&mut self, hub: HubId, name: &[u8]) {
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
}
