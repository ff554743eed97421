//! Several hubs as one: what they say to the Redis server that orders everything. No I/O.
//!
//! All hubs add what their members say to one *log*, a stream in Redis, and show only what comes back from it. So all show
//! the same lines in the same order. A hub has two connections to the server, and a machine for each:
//!
//! - [`Appender`]: what this hub has to say, into the log. A [`Batch`] is one entry, and there exactly once.
//! - [`Follower`]: what all hubs have said, out of the log. It registers this hub and keeps its lease.
//!
//! Both are passed what was received, and give what to send and what to do ([`Action`]), which includes what has happened
//! ([`Event`]). `connection.rs` is what they share; `codec.rs` turns commands into bytes, and bytes into answers. What must
//! happen in one step is done by the server itself, in `scripts/*.lua`: read `common.lua` first.
//!
//! A user of the same Redis server can write anything into the keys. So the machines bound every length, and skip an entry that
//! makes no sense.

mod appender;
mod batch;
mod codec;
mod connection;
mod entry;
mod error;
mod event;
mod follower;
#[cfg(test)]
mod hostile;
mod id;
mod losses;
mod machine;
#[cfg(test)]
mod tests;
mod url;

use std::time::Duration;

pub use appender::Appender;
pub use batch::{Batch, Claim, Operation};
pub use error::LinkError;
pub use event::{Action, Event, LinkedHub, Logged, Order, Registered, Side};
pub use follower::Follower;
pub use id::{EntryId, HubId};
pub use machine::Machine;
pub use url::{LinkUrl, MAX_NAME, Transport};

/// How many bytes the slowest hub may be behind before the others wait for it, and how many a hub keeps that are not in the
/// log.
pub const LIMIT: usize = 4 << 20;
/// How long a hub may say nothing to the server before the others think that it is gone.
pub const LEASE: Duration = Duration::from_secs(10);
/// How many numbers a hub gets at once, for names such as `user17` that no other hub gives.
pub const NUMBERS: u64 = 64;

/// How many lines of a room a hub keeps for hubs that start, at least. If one kept none, its lines would be missing between those
/// of the others.
pub const HISTORY: usize = 20;

/// How many lines of a room a hub with this `--history` keeps for hubs that start.
pub(super) fn lines_kept(history: usize) -> usize {
    history.max(HISTORY)
}

/// What the user of a linked hub can choose, beside the URL.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What the other hubs are told about this one.
    pub name: Vec<u8>,
    /// How many lines the history of a room keeps.
    pub history: usize,
}
