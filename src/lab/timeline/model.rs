//! What is known of a conversation.

use super::journey::Journey;
use crate::observe::trace::WAY;
use serde::Deserialize;

/// A moment, or a length, in nanoseconds.
pub(super) type Time = i64;

/// All that is drawn.
pub(super) struct Timeline {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) journeys: Vec<Journey>,
    /// When messages of both directions of a connection were under way.
    pub(super) together: Vec<(Time, Time)>,
    /// The first moment.
    pub(super) zero: Time,
    /// What the user should know about it, in sentences.
    pub(super) notes: Vec<String>,
}

/// A process, or what its trace tells of it.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    /// `A`, `B` and so on: what it is called in the drawing.
    pub(super) letter: String,
    pub(super) file: String,
    pub(super) command: String,
    pub(super) design: String,
    /// Which second since 1970 is 0 on its time axis.
    pub(super) origin: i64,
    /// In the order in which a message passes them.
    pub(super) lanes: Vec<Lane>,
    pub(super) connections: Vec<Connection>,
    /// By how much its times have been moved since they were read.
    pub(super) moved: Time,
    /// The trace has an end; else the process was killed.
    pub(super) is_whole: bool,
}

/// One of its conversations.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) at: Time,
    pub(super) sent: u32,
    pub(super) received: u32,
    pub(super) peer: String,
}

/// A thread.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) tid: u32,
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    pub(super) is_left_behind: bool,
}

/// What a thread did for some time.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) at: Time,
    pub(super) until: Time,
    pub(super) kind: Kind,
    /// For what, from or to where; which event, which decision.
    pub(super) what: String,
    pub(super) bytes: Option<u64>,
    /// How many events are in the channel.
    pub(super) waiting: Option<u64>,
    pub(super) messages: Option<Numbers>,
    pub(super) typed: Option<Numbers>,
    /// What the user is told, or with whom a conversation begins.
    pub(super) text: String,
}

/// Its names are those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Starts,
    Waits,
    Read,
    Sends,
    Takes,
    Begins,
    Decides,
    Tells,
    Goodbye,
    HandsOut,
    Writes,
    Wrote,
    Ends,
}

/// Some messages of a stream that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Numbers {
    pub(super) stream: u32,
    pub(super) first: u64,
    pub(super) count: u64,
}

/// A step of a thread of an endpoint, by their places in the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct At {
    pub(super) endpoint: usize,
    pub(super) lane: usize,
    pub(super) step: usize,
}

impl Endpoint {
    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.lanes.iter().flat_map(|lane| &lane.steps)
    }

    /// Whether its threads hand each other events, so that it has a channel.
    pub(super) fn has_channel(&self) -> bool {
        self.steps().any(|step| step.kind == Kind::Sends)
    }

    /// Its times are by so much later.
    pub(super) fn move_by(&mut self, by: Time) {
        self.moved = self.moved.saturating_add(by);
        for step in self.lanes.iter_mut().flat_map(|lane| &mut lane.steps) {
            step.at = step.at.saturating_add(by);
            step.until = step.until.saturating_add(by);
        }
        for connection in &mut self.connections {
            connection.at = connection.at.saturating_add(by);
        }
    }

    /// Forgets what happened later.
    pub(super) fn cut(&mut self, until: Time) {
        for lane in &mut self.lanes {
            lane.steps.retain(|step| step.at <= until);
            lane.steps.iter_mut().for_each(|step| step.until = step.until.min(until));
        }
    }
}

impl Lane {
    /// Its place on the way of a message; none if it is a helper.
    pub(super) fn place(&self) -> Option<usize> {
        WAY.iter().position(|name| *name == self.name)
    }

    pub(super) fn is_reader(&self) -> bool {
        self.name.ends_with("-reader")
    }
}

impl Step {
    pub(super) fn lasts(&self) -> Time {
        self.until - self.at
    }

    /// Nothing is done but to wait.
    pub(super) fn is_wait(&self) -> bool {
        self.kind == Kind::Waits
    }
}

impl Kind {
    /// None if a later version of the program has steps that are not known here.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "starts" => Self::Starts,
            "waits" => Self::Waits,
            "read" => Self::Read,
            "sends" => Self::Sends,
            "takes" => Self::Takes,
            "begins" => Self::Begins,
            "decides" => Self::Decides,
            "tells" => Self::Tells,
            "goodbye" => Self::Goodbye,
            "hands out" => Self::HandsOut,
            "writes" => Self::Writes,
            "wrote" => Self::Wrote,
            "ends" => Self::Ends,
            _ => return None,
        })
    }
}

impl Numbers {
    pub(super) fn last(self) -> u64 {
        self.first.saturating_add(self.count).saturating_sub(1)
    }
}
