//! Many people: members, names, rooms, commands, and who gets what. No I/O; the time is passed in.
//!
//! A [`Hub`] is told what was read from whom, and what was written to whom. It has an [`Outbox`] for each member, in which
//! the lines are that are to be written, and a list of [`Action`]s for everything else. The designs differ in how
//! they wait, and in nothing else. `docs/hub.md` describes what is implemented here.

mod admission;
mod command;
mod core;
mod lines;
mod member;
mod name;
mod outbox;
mod rooms;

pub use admission::{Door, Refusal, parse_net};
pub use core::Hub;
pub use name::{LONGEST, Name, NoName};
pub use outbox::{Outbox, Post, Queue};

use crate::rules::exit::Exit;
use crate::rules::notice::Notice;
use crate::rules::record::Entry;
use crate::rules::wire::Stamp;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// A member: unlike a name it never changes, and is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) usize);

/// The person at the hub's own keyboard.
pub const OPERATOR: Id = Id(0);

/// The room in which everybody is at first.
pub const LOBBY: &str = "lobby";

/// Who has left and has taken everything is hung up on after so long.
const PAUSE_TO_CLOSE: Duration = Duration::from_secs(2);

/// Who has left and takes nothing of what is on its way is hung up on after so long. TCP tells in steps what a peer takes:
/// for one that reads [`SLOWEST`] they are two seconds apart.
const PAUSE_TO_TAKE: Duration = Duration::from_secs(5);

/// Who reads so many bytes a second gets everything.
const SLOWEST: f64 = 64.0 * 1024.0;

/// What `--max-line` may be for a hub, in bytes: the longest name, with the stamp, leaves room for some text.
pub const MAX_LINE_RANGE: RangeInclusive<usize> = 256..=1024 * 1024;

/// What `--outbox` may be, in bytes. The smallest has room for what a newcomer is told.
pub const OUTBOX_RANGE: RangeInclusive<usize> = 64 * 1024..=1024 * 1024 * 1024;

/// How long a message of the day may be, in lines and in bytes, so that a newcomer has room for it.
pub const MOTD_LINES: usize = 100;
/// See [`MOTD_LINES`].
pub const MOTD_BYTES: usize = 16 * 1024;

/// The default of `--outbox`, in bytes.
pub const DEFAULT_OUTBOX: usize = 1024 * 1024;

/// What a hub keeps to.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Somebody is at the keyboard, and is a member.
    pub operator: bool,
    /// How many bytes a line may have, its stamp and name included, its end not.
    pub max_line: usize,
    /// How many of the last messages a newcomer gets.
    pub history: usize,
    /// How many lines a second of each client are carried out.
    pub rate: Option<f64>,
    /// From how many bytes on an outbox is full.
    pub outbox: usize,
    /// Whose outbox is full and who has taken nothing for so long is cut off.
    pub stall: Duration,
    /// The lines with which newcomers are welcomed.
    pub motd: Vec<String>,
    /// Who is let in.
    pub door: Door,
    /// What happens is recorded.
    pub transcribed: bool,
}

/// The present moment, and how it looks in front of a line.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For what takes time.
    pub now: Instant,
    /// For what is said.
    pub stamp: Stamp,
}

/// What is to be done besides writing what is in the outboxes.
#[derive(Debug)]
pub enum Action {
    /// Nothing more will be written to this client: close our half of the connection.
    HalfClose(Id),
    /// It is over with this client: hang up.
    HangUp(Id),
    /// Record this in the transcript.
    Record(Entry),
    /// A client has said goodbye, for whoever watches.
    HeardGoodbye,
    /// Tell the operator what went wrong.
    Report(Notice),
    /// Everybody has gone, and the hub is to end like this.
    End(Exit),
}
