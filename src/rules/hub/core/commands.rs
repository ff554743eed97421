//! What the commands do.

use super::Hub;
use crate::rules::hub::admission::parse_net;
use crate::rules::hub::lines;
use crate::rules::hub::member::Member;
use crate::rules::hub::name::OPERATORS_NAME;
use crate::rules::hub::outbox::Post;
use crate::rules::hub::rooms::{Announcement, Room};
use crate::rules::hub::{Id, LOBBY, LONGEST, Moment, Name, NoName, OPERATOR};
use crate::rules::record::What;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many members a newcomer is told by name, and how many `/who` tells, and how many rooms `/rooms`.
const GREETED_WITH: usize = 20;
pub(super) const LISTED: usize = 200;

impl Hub {
    /// Who is called that, the operator with the `@` or without.
    pub(super) fn find(&self, name: &str) -> Option<Id> {
        let operator = name.strip_prefix('@');
        // No name is longer.
        let name = operator.unwrap_or(name).chars().take(LONGEST + 1).collect();
        let id = self.names.get(Name::of(name).key()).copied();
        id.filter(|id| operator.is_none() || *id == OPERATOR)
    }

    pub(super) fn is_present(&self, id: Id) -> bool {
        self.members.get(&id).is_some_and(|member| member.leaving.is_none())
    }

    /// Something for one person alone.
    pub(super) fn message(&mut self, from: Id, to: Id, text: &[u8], at: Moment) {
        let (Some(sender), Some(receiver)) = (self.members.get(&from), self.members.get(&to)) else { return };
        if receiver.ignores.contains(&from) {
            let line = format!("{} ignores you", receiver.name.shown());
            return self.report(from, &line, at);
        }
        let mut lines = at.stamp.as_bytes().to_vec();
        lines.extend_from_slice(format!("[{} -> you] ", sender.name.shown()).as_bytes());
        lines::finish(&mut lines, 0, text, self.rules.max_line);
        self.post(to, &Post::of_hub(lines), at.now);
        if let Some(receiver) = self.members.get_mut(&to) {
            receiver.reply_to = Some(from);
        }
    }

    pub(super) fn rename(&mut self, id: Id, name: &str, at: Moment) {
        let name = match Name::parse(name) {
            Ok(name) if id == OPERATOR => name.of_operator(),
            // Reserved for whom it is reserved.
            Err(_) if id == OPERATOR && name.trim_start_matches('@') == OPERATORS_NAME => {
                Name::of(OPERATORS_NAME.to_owned()).of_operator()
            }
            Ok(name) => name,
            Err(NoName(why)) => return self.report(id, &why, at),
        };
        if self.names.get(name.key()).is_some_and(|other| *other != id) {
            return self.report(id, &format!("{} is taken", name.shown()), at);
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        let (new, old) = (Arc::clone(name.shown()), std::mem::replace(&mut member.name, name.clone()));
        self.names.remove(old.key());
        self.names.insert(Arc::clone(name.key()), id);
        self.report(id, &format!("you are now {new}"), at);
        if *old.shown() != new {
            self.announce(id, Announcement::Renamed, &format!("{} is now {new}", old.shown()), at);
            self.record(id, |new, _| What::Renamed { old: Arc::clone(old.shown()), new });
        }
    }

    /// Who is in the room of this member.
    pub(super) fn who(&self, id: Id, here: &str, most: usize) -> String {
        let Some(room) = self.members.get(&id).and_then(|member| self.rooms.get(&member.room)) else {
            return String::new();
        };
        let count = room.members.len();
        let place = if here == "in" { format!("in {}", room.name.shown()) } else { here.to_owned() };
        let describe = |member: &Member| match member.peer.filter(|_| id == OPERATOR) {
            Some(peer) => format!("{} ({peer})", member.name.shown()),
            None => member.name.shown().to_string(),
        };
        let names = room.members.iter().filter_map(|id| self.members.get(id)).map(describe);
        let is = if count == 1 { "is" } else { "are" };
        format!("{count} {is} {place}: {}", list(names, most, count))
    }

    pub(super) fn list_rooms(&self) -> String {
        let rooms = self.rooms.values().map(|room| format!("{} ({})", room.name.shown(), room.members.len()));
        let rooms: BTreeSet<_> = rooms.collect();
        let (count, s) = (rooms.len(), if rooms.len() == 1 { "" } else { "s" });
        format!("{count} room{s}: {}", list(rooms.into_iter(), LISTED, count))
    }

    /// Greets whoever has come into a room.
    pub(super) fn welcome(&mut self, id: Id, at: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let Some(room) = self.rooms.get(&member.room) else { return };
        let (room_name, name, history) =
            (room.name.shown(), member.name.shown(), room.history.lines(&member.ignores));
        let welcome = format!("welcome to {room_name}, {name}; 88 leaves, /help tells the rest");
        let who = self.who(id, "here", GREETED_WITH);
        self.report(id, &welcome, at);
        self.report(id, &who, at);
        self.post(id, &Post::of_hub(history), at.now);
    }

    pub(super) fn change_room(&mut self, id: Id, room: &str, at: Moment) {
        let name = match Name::parse(room) {
            Ok(name) => name,
            Err(NoName(why)) => return self.report(id, &format!("no such room: {why}"), at),
        };
        let Some(member) = self.members.get(&id) else { return };
        if member.room == *name.key() {
            return self.report(id, &format!("you are in {room} already"), at);
        }
        let bearer = Arc::clone(member.name.shown());
        self.announce(id, Announcement::Left, &format!("{bearer} left for {}", name.shown()), at);
        self.record(id, |name, room| What::Left { name, room, why: "changed the room".into() });
        self.leave_room(id);
        let key = Arc::clone(name.key());
        let room = self.rooms.entry(Arc::clone(&key)).or_insert_with(|| Room::new(name, self.rules.history));
        room.members.insert(id);
        if let Some(member) = self.members.get_mut(&id) {
            self.outboxes.take_along(member, id, key);
        }
        self.welcome(id, at);
        self.announce(id, Announcement::Joined, &format!("{bearer} joined"), at);
        self.record(id, |name, room| What::Joined { name, room });
    }

    /// A room in which nobody is left is forgotten.
    pub(super) fn leave_room(&mut self, id: Id) {
        let Some(member) = self.members.get(&id) else { return };
        let Some(room) = self.rooms.get_mut(&member.room) else { return };
        room.members.remove(&id);
        if room.members.is_empty() && &*member.room != LOBBY {
            self.rooms.remove(&member.room);
        }
    }

    pub(super) fn ignore(&mut self, id: Id, name: &str, at: Moment) {
        let Some(other) = self.find(name) else { return self.tell_nobody(id, name, at) };
        if other == OPERATOR || other == id {
            return self.report(id, "neither the operator nor yourself can be ignored", at);
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        let position = member.ignores.iter().position(|ignored| *ignored == other);
        match position {
            Some(position) => drop(member.ignores.swap_remove(position)),
            None => member.ignores.push(other),
        }
        let now = if position.is_some() { "hear" } else { "do not hear" };
        let name = self.members.get(&other).map(|other| Arc::clone(other.name.shown())).unwrap_or_default();
        self.report(id, &format!("you {now} {name} from now on"), at);
    }

    pub(super) fn ban(&mut self, address: &str, at: Moment) {
        let net = match parse_net(address) {
            Ok(net) => net,
            Err(why) => return self.report(OPERATOR, &why, at),
        };
        self.door.ban(net);
        let is_there =
            |member: &Member| member.peer.is_some_and(|peer| net.contains(&peer.ip().to_canonical()));
        let from_there =
            self.members.iter().filter(|(_, member)| member.leaving.is_none() && is_there(member));
        let from_there: BTreeSet<Id> = from_there.map(|(id, _)| *id).collect();
        self.report(OPERATOR, &format!("nobody is let in from {net} any more"), at);
        for id in from_there {
            self.throw_out(id, "banned", at);
        }
    }

    pub(super) fn throw_out(&mut self, id: Id, how: &str, at: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let (name, room) = (Arc::clone(member.name.shown()), Arc::clone(&member.room));
        self.report(id, &format!("you were {how}"), at);
        self.part(id, &format!("was {how}"), true, at);
        if self.members.get(&OPERATOR).is_some_and(|operator| operator.room != room) {
            self.report(OPERATOR, &format!("{name} was {how}"), at);
        }
    }
}

/// The first of these, and how many more there are.
fn list(names: impl Iterator<Item = String>, most: usize, count: usize) -> String {
    let listed: Vec<_> = names.take(most).collect();
    let more = count - listed.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", listed.join(", "))
}
