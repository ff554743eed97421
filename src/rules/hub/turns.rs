//! Whose turn it is, and who waits for what.

use super::id::Id;
use std::collections::VecDeque;

/// The members whose inbox has something that can be executed: each once, the light ones first, and otherwise in the order
/// in which they came. A member that uses up its turn goes to the end.
#[derive(Debug, Default)]
pub(super) struct Turns {
    light: VecDeque<Id>,
    heavy: VecDeque<Id>,
}

impl Turns {
    pub(super) fn push(&mut self, id: Id, is_light: bool) {
        if is_light { self.light.push_back(id) } else { self.heavy.push_back(id) }
    }

    pub(super) fn next(&mut self) -> Option<Id> {
        self.light.pop_front().or_else(|| self.heavy.pop_front())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.light.is_empty() && self.heavy.is_empty()
    }
}

/// One turn of one member.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// How many bytes of lines the member has caused in it.
    pub(super) bytes: usize,
    /// With this many it is over.
    pub(super) max: usize,
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
}
