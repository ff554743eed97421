//! One room.

use super::announcements::Announcements;
use super::history::History;
use super::id::Id;
use super::name::Name;
use std::collections::BTreeMap;

/// The room that everybody joins first.
pub(super) const LOBBY: &str = "lobby";

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Name,
    /// In the order in which they entered, by their [seats](super::member::Member::seat).
    pub(super) members: BTreeMap<usize, Id>,
    pub(super) history: History,
    pub(super) announcements: Announcements,
}

impl Room {
    pub(super) fn new(name: Name, max_history: usize) -> Self {
        let (history, announcements) = (History::new(max_history), Announcements::default());
        Self { name, members: BTreeMap::new(), history, announcements }
    }

    /// Lets a member in. Returns the seat, which comes after all others.
    pub(super) fn enter(&mut self, id: Id) -> usize {
        let seat = self.members.last_key_value().map_or(0, |(last, _)| last + 1);
        self.members.insert(seat, id);
        seat
    }
}
