//! What a transcript tells: who was connected, what was said and when. The time is passed in.

use super::buffer::Buffer;
use super::notice::{Importance, Notice};
use std::net::SocketAddr;
use std::sync::Arc;
use time::OffsetDateTime;

/// One thing that happened; the messages that were written or read at once are one thing.
#[derive(Debug)]
pub struct Entry {
    /// When it happened.
    pub time: OffsetDateTime,
    /// With whom the conversation was, if there was one.
    pub peer: Option<SocketAddr>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug)]
pub enum What {
    /// A conversation began. The direction tells who called.
    Connected(Direction),
    /// [Messages](Buffer::sent) were handed to the system.
    Sent(Buffer),
    /// [Messages](Buffer::received) arrived. The screen-writer shows the same buffer.
    Received(Arc<Buffer>),
    /// Somebody said `88`.
    Goodbye(Direction),
    /// A conversation is over.
    Closed {
        /// It ended in good order.
        in_order: bool,
    },
    /// Something went wrong: the sentence that the user was told.
    Error(String),
    /// Somebody came into a room of the hub.
    #[cfg(feature = "hub")]
    Joined {
        /// Their name.
        name: Arc<str>,
        /// The room.
        room: Arc<str>,
    },
    /// Somebody left a room of the hub.
    #[cfg(feature = "hub")]
    Left {
        /// Their name.
        name: Arc<str>,
        /// The room.
        room: Arc<str>,
        /// The way they left, as the others were told.
        why: String,
    },
    /// Somebody has another name.
    #[cfg(feature = "hub")]
    Renamed {
        /// The name they had.
        old: Arc<str>,
        /// The name they have.
        new: Arc<str>,
    },
    /// Somebody said something to all in a room, or did it (`/me`).
    #[cfg(feature = "hub")]
    Said {
        /// Their name.
        name: Arc<str>,
        /// The room.
        room: Arc<str>,
        /// What they said.
        post: Arc<crate::rules::hub::Post>,
        /// They did it.
        acted: bool,
    },
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We.
    Sent,
    /// The peer.
    Received,
}

impl What {
    /// What the user is told, as far as it belongs into a transcript.
    #[must_use]
    pub fn told(notice: &Notice) -> Option<Self> {
        match notice {
            Notice::ConnectedFrom(_) => Some(Self::Connected(Direction::Received)),
            Notice::ConnectedTo(_) => Some(Self::Connected(Direction::Sent)),
            Notice::TheySaidGoodbye | Notice::TheirLastWords => Some(Self::Goodbye(Direction::Received)),
            _ if notice.importance() == Importance::Error => {
                let text = notice.to_string();
                Some(Self::Error(text.strip_prefix("threadchat: ").unwrap_or(&text).to_owned()))
            }
            _ => None,
        }
    }

    /// Errors were not recorded because there was no room for them.
    #[must_use]
    pub fn lost(errors: usize) -> Self {
        Self::Error(format!("{errors} errors were not recorded, because the transcript did not keep up"))
    }
}
