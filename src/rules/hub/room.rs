//! One room.

use super::announcements::Announcements;
use super::history::History;
use super::id::Id;
use super::name::Name;
use std::collections::BTreeSet;

/// The room that everybody joins first.
pub(super) const LOBBY: &str = "lobby";

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Name,
    /// In the order in which they connected.
    pub(super) members: BTreeSet<Id>,
    pub(super) history: History,
    pub(super) announcements: Announcements,
}

impl Room {
    pub(super) fn new(name: Name, max_history: usize) -> Self {
        let (history, announcements) = (History::new(max_history), Announcements::default());
        Self { name, members: BTreeSet::new(), history, announcements }
    }
}
