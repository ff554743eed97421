//! One room.

use super::announcements::Announcements;
use super::history::History;
use super::id::Id;
use super::name::Name;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// The room that everybody joins first.
pub(super) const LOBBY: &str = "lobby";

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Name,
    /// Those of this hub, in the order in which they entered, by their [seats](super::member::Member::seat).
    pub(super) members: BTreeMap<usize, Id>,
    /// Those of other hubs, likewise.
    pub(super) elsewhere: BTreeMap<usize, Id>,
    pub(super) history: History,
    pub(super) announcements: Announcements,
}

impl Room {
    pub(super) fn new(name: Name, max_history: usize, first_line: NonZeroU64) -> Self {
        let (history, announcements) = (History::new(max_history, first_line), Announcements::default());
        Self { name, members: BTreeMap::new(), elsewhere: BTreeMap::new(), history, announcements }
    }

    /// Lets a member in, of this hub or from elsewhere. Returns the seat, which comes after all others.
    pub(super) fn enter(&mut self, id: Id, is_elsewhere: bool) -> usize {
        let members = if is_elsewhere { &mut self.elsewhere } else { &mut self.members };
        let seat = members.last_key_value().map_or(0, |(last, _)| last + 1);
        members.insert(seat, id);
        seat
    }

    /// The member in this seat leaves.
    pub(super) fn leave(&mut self, id: Id, seat: usize) {
        if self.members.get(&seat) == Some(&id) {
            self.members.remove(&seat);
        } else {
            self.elsewhere.remove(&seat);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.members.len() + self.elsewhere.len()
    }
}
