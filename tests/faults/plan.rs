//! What may go wrong: chosen by a seed, while it happens.

use super::proxy::{DOWN, Manner, UP};
use super::subject::Subject;
use fastrand::Rng;
use std::time::Duration;

/// One thing that goes wrong. It ends after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A way of a slot: how its bytes are passed on.
    Passes(usize, usize, Manner),
    Resets(usize),
    HalfCloses(usize, usize),
    StopsClient(usize),
    KillsClient(usize),
    StopsHub(usize),
    KillsHub(usize),
    SlowDisk(usize),
    StopsRedis,
    KillsRedis,
    /// A byte is lost on this way of a slot. No network that is in order does that: it shows that it is noticed.
    LosesByte(usize, usize),
}

impl Fault {
    pub const KINDS: [&str; 13] = [
        "one byte at a time",
        "merged",
        "delayed",
        "frozen one way",
        "reset",
        "half-closed",
        "client stopped",
        "client killed",
        "hub stopped",
        "hub killed",
        "slow disk",
        "Redis stopped",
        "Redis killed",
    ];

    pub fn kind(self) -> usize {
        match self {
            Self::Passes(_, _, Manner::OneByOne) => 0,
            Self::Passes(_, _, Manner::Merged) => 1,
            Self::Passes(_, _, Manner::Delayed | Manner::AtOnce) => 2,
            Self::Passes(_, _, Manner::Frozen) => 3,
            Self::Resets(_) | Self::LosesByte(..) => 4,
            Self::HalfCloses(..) => 5,
            Self::StopsClient(_) => 6,
            Self::KillsClient(_) => 7,
            Self::StopsHub(_) => 8,
            Self::KillsHub(_) => 9,
            Self::SlowDisk(_) => 10,
            Self::StopsRedis => 11,
            Self::KillsRedis => 12,
        }
    }

    /// Whether both touch the same thing, so that one would end the other.
    pub fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Passes(slot, way, _), Self::Passes(other, other_way, _)) => {
                slot == other && way == other_way
            }
            (Self::StopsRedis | Self::KillsRedis, Self::StopsRedis | Self::KillsRedis) => true,
            (
                Self::StopsHub(hub) | Self::KillsHub(hub) | Self::SlowDisk(hub),
                Self::StopsHub(other) | Self::KillsHub(other) | Self::SlowDisk(other),
            )
            | (
                Self::StopsClient(hub) | Self::KillsClient(hub),
                Self::StopsClient(other) | Self::KillsClient(other),
            ) => hub == other,
            _ => false,
        }
    }

    /// A fault, and how long it lasts: mostly short, and sometimes longer than a hub has patience.
    pub fn choose(subject: Subject, rng: &mut Rng, run: Duration) -> (Self, Duration) {
        let slot = rng.usize(..subject.clients);
        let way = if rng.bool() { UP } else { DOWN };
        let pass = |manner| Self::Passes(slot, way, manner);
        // The first of linked hubs is never killed: its transcript is the order of all.
        let killed = subject.hubs - 1;
        let fault = match rng.u8(..100) {
            0..12 => pass(Manner::OneByOne),
            12..22 => pass(Manner::Merged),
            22..34 => pass(Manner::Delayed),
            34..50 => pass(Manner::Frozen),
            50..60 => Self::Resets(slot),
            60..68 => Self::HalfCloses(slot, way),
            68..74 => Self::StopsClient(slot),
            74..80 => Self::KillsClient(slot),
            80..85 => Self::StopsHub(rng.usize(..subject.hubs)),
            85..88 => Self::KillsHub(killed),
            88..92 => Self::SlowDisk(rng.usize(..subject.hubs)),
            92..96 if subject.is_linked() => Self::StopsRedis,
            96..100 if subject.is_linked() => Self::KillsRedis,
            _ => pass(Manner::Frozen),
        };
        let longest = match fault {
            Self::Passes(..) | Self::StopsClient(_) => 12.0,
            Self::KillsHub(_) | Self::KillsRedis => 1.0,
            // A stopped hub that is linked is removed after ten seconds.
            Self::StopsHub(hub) if subject.is_linked() && hub == killed => 12.0,
            Self::SlowDisk(_) | Self::StopsHub(_) | Self::StopsRedis => 4.0,
            _ => 0.0,
        };
        let seconds = f64::min(longest, run.as_secs_f64() / 2.0) * rng.f64().powi(2);
        (fault, Duration::from_secs_f64(seconds))
    }
}
