//! What the two machines want done, and what they tell.

use super::{Batch, EntryId, HubId, LinkError};

/// What a machine wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect to the server, and call `connected` or `disconnected`.
    Connect,
    /// Close the connection, without another call.
    Disconnect,
    /// This has happened.
    Tell(Event),
}

/// What the appender is to do. See its methods of these names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// [`Appender::push`](super::Appender::push).
    Push(Batch),
    /// [`Appender::registered`](super::Appender::registered).
    Registered {
        /// The id of this hub from now on.
        hub: HubId,
        /// How many of its batches the server has.
        accepted: u64,
        /// What comes before all that waits.
        first: Batch,
    },
    /// [`Appender::ask_for_numbers`](super::Appender::ask_for_numbers).
    AskForNumbers,
    /// [`Appender::leave`](super::Appender::leave).
    Leave,
}

/// One of the two connections to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// That of the [`Appender`](super::Appender).
    Writing,
    /// That of the [`Follower`](super::Follower).
    Reading,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This connection does not work, and is tried again until it does. Once, until the next [`Event::LinkUp`].
    LinkDown(Side, LinkError),
    /// This connection works. Once, until the next [`Event::LinkDown`].
    LinkUp(Side),
    /// The link works, but not all is well.
    Hindered(LinkError),
    /// From the follower: this hub is registered, and this is the state of the chat between two entries.
    Registered(Box<Registered>),
    /// From the follower: the next entry of the log.
    Logged(Logged),
    /// From the follower: a hub left, or was taken for dead, and all its members with it. If this hub was taken for dead,
    /// [`Event::Registered`] follows, with another id.
    HubGone {
        /// Which one.
        hub: HubId,
        /// The hub said that it leaves. If not, its lease ran out.
        left: bool,
        /// When and where in the log.
        id: EntryId,
    },
    /// From the follower: the log has lost `lines` lines at this place; None if their number is unknown. [`Event::Registered`]
    /// follows.
    Missing {
        /// How many.
        lines: Option<u64>,
    },
    /// From the appender: what has this [`size`](super::Batch::size) is in the log, and waits no longer.
    Appended {
        /// The sum of the sizes of the batches.
        bytes: usize,
    },
    /// From the appender: this and the next [`NUMBERS`](super::NUMBERS) - 1 numbers are this hub's own.
    Numbers {
        /// The first one.
        first: u64,
    },
    /// From the appender: this hub has left.
    Left,
}

/// The state of the chat, at this place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registered {
    /// The id of this hub from now on. None of its members is there if the id is new.
    pub hub: Option<HubId>,
    /// The id it had before. The same if only the state was needed.
    pub previous: Option<HubId>,
    /// How many batches the server has accepted: [`Appender::registered`](super::Appender::registered) needs it.
    pub accepted: u64,
    /// As in [`Event::Numbers`].
    pub first_number: u64,
    /// All hubs, this one too.
    pub hubs: Vec<LinkedHub>,
    /// The last lines of each room, by the key of the room.
    pub histories: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    /// What was added by [`Operation::Ban`](super::Operation::Ban).
    pub bans: Vec<Vec<u8>>,
}

/// A hub with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedHub {
    /// Which one.
    pub id: HubId,
    /// As it called itself when it registered.
    pub name: Vec<u8>,
    /// Their numbers and records.
    pub members: Vec<(u64, Vec<u8>)>,
}

/// An entry of the log: a batch of any hub, this one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Whose it is.
    pub hub: HubId,
    /// When and where in the log: the same on all hubs.
    pub id: EntryId,
    /// As in [`Batch`].
    pub data: Vec<u8>,
    /// As in [`Batch`].
    pub lines: u64,
    /// Which claims of the batch were refused: the first one is 0.
    pub refused: Vec<u32>,
    /// This hub has had the batch before: the server had lost it, and its hub has added it again.
    pub is_repeated: bool,
}

impl Event {
    /// When it happened, if that is in the log: ms since 1970.
    #[must_use]
    pub fn logged_at(&self) -> Option<u64> {
        match self {
            Self::Logged(Logged { id, .. }) | Self::HubGone { id, .. } => Some(id.ms),
            _ => None,
        }
    }
}
