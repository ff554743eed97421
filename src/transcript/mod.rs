//! What a transcript tells: who was connected, what was said and when. No thread; the time is passed in.
//!
//! `docs/transcript.md` describes the format of the file that `--transcript FILE` writes.

#[cfg(feature = "transcript")]
mod json;

#[cfg(feature = "transcript")]
pub use json::{JsonLines, open};

use crate::buffer::Buffer;
use std::io;
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
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We.
    Sent,
    /// The peer.
    Received,
}

/// Where entries are recorded.
pub trait Record: Send {
    /// Takes an entry. It may be kept back until [`flush`](Self::flush).
    ///
    /// # Errors
    /// What the system said. Nothing more is to be recorded then.
    fn record(&mut self, entry: &Entry) -> io::Result<()>;

    /// Writes what was kept back.
    ///
    /// # Errors
    /// What the system said. Nothing more is to be recorded then.
    fn flush(&mut self) -> io::Result<()>;
}
