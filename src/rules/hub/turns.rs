//! Whose turn it is, and who waits for what.

use super::id::{Id, OPERATOR};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// After this many turns of light members another one has a turn, so that many light ones do not keep it waiting for ever.
const LIGHT_TURNS: usize = 4;

/// The members whose inbox has something that can be executed: each once, the light ones first. A member that uses up its
/// turn goes to the end.
#[derive(Debug, Default)]
pub(super) struct Turns {
    light: Queue,
    heavy: Queue,
    /// How many light ones came one after the other.
    light_turns: usize,
}

/// Addresses take turns, and so do the members of each. So nobody has to wait until all clients of another address have had
/// a turn, however many these are.
#[derive(Debug, Default)]
struct Queue {
    addresses: VecDeque<Option<IpAddr>>,
    members: HashMap<Option<IpAddr>, VecDeque<Id>>,
}

impl Turns {
    pub(super) fn push(&mut self, address: Option<IpAddr>, id: Id, is_light: bool) {
        let queue = if is_light { &mut self.light } else { &mut self.heavy };
        queue.push(address, id);
    }

    pub(super) fn next(&mut self) -> Option<Id> {
        if self.light_turns < LIGHT_TURNS
            && let Some(id) = self.light.next()
        {
            self.light_turns += 1;
            return Some(id);
        }
        self.light_turns = 0;
        self.heavy.next().or_else(|| self.light.next())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.light.addresses.is_empty() && self.heavy.addresses.is_empty()
    }
}

impl Queue {
    fn push(&mut self, address: Option<IpAddr>, id: Id) {
        let members = self.members.entry(address).or_default();
        if members.is_empty() {
            self.addresses.push_back(address);
        }
        members.push_back(id);
    }

    fn next(&mut self) -> Option<Id> {
        let address = self.addresses.pop_front()?;
        let Entry::Occupied(mut members) = self.members.entry(address) else { return None };
        let id = members.get_mut().pop_front();
        match members.get().is_empty() {
            true => drop(members.remove()),
            false => self.addresses.push_back(address),
        }
        id
    }
}

/// Adds a member to those who wait for the same. The operator can be there already: commands overtake the lines that wait.
pub(super) fn add_waiting(waiting: &mut Vec<Id>, id: Id) {
    if id != OPERATOR || !waiting.contains(&id) {
        waiting.push(id);
    }
}

/// One turn of one member.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// How many bytes of lines the member has caused in it.
    pub(super) bytes: usize,
    /// With this many it is over.
    pub(super) max: usize,
    /// How many lines of it have been executed, where one that was cut counts once.
    pub(super) lines: u64,
}

/// What a member waits for until it can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Its next turn.
    Turn,
    /// The time at which its next line is not early any more.
    Time,
    /// Capacity in the outboxes of its room.
    Room,
    /// Capacity in the outbox of this member, for a private message.
    Receiver(Id),
    /// Capacity in its own outbox, for the answer to a command.
    Answers,
    /// The transcript.
    Transcript,
    /// The log that linked hubs share.
    #[cfg(feature = "link")]
    Link,
}
