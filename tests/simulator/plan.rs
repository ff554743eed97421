//! What happens in one history of a hub: chosen by a seed, before it begins.
//!
//! A step means something whatever came before it, so any steps may be taken out to find the ones that matter.

use fastrand::Rng;
use std::fmt;
use std::time::Duration;
use threadchat::rules::hub::{AdmissionPolicy, Settings};

/// How many clients there are at most. Each has a slot, in which it may come back.
pub const SLOTS: usize = 8;

/// Names, of which some are the same to the hub, and some are refused.
pub const NAMES: [&str; 12] =
    ["bob", "BOB", "b0b", "ВОВ", "Straße", "STRASSE", "zoë", "ann", "eve", "user1", "hub", "mallory"];

pub const ROOMS: [&str; 4] = ["lobby", "tea", "Tea", "chess"];

/// How many bytes a second a client reads.
pub const PACES: [usize; 7] = [0, 0, 0, 20_000, 64 * 1024, 200_000, usize::MAX];

/// From this pace on nobody is disconnected.
pub const ENOUGH: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub struct Plan {
    pub settings: Settings,
    /// How many bytes the system takes for a client that does not read.
    pub system_buffer: usize,
    /// The address of each slot, as its last number.
    pub addresses: [u8; SLOTS],
    /// Which slots are browsers, if any.
    pub browsers: [bool; SLOTS],
    /// The first two clients read everything, say little, and have addresses of their own: nobody may hold them up.
    pub is_calm: bool,
    pub steps: Vec<Step>,
    /// For everything that is chosen while it runs.
    pub seed: u64,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub wait: Duration,
    pub slot: usize,
    pub deed: Deed,
}

/// What a client does, or what is done to it.
#[derive(Debug, Clone)]
pub enum Deed {
    Come,
    /// So many lines, with about that many bytes each.
    Say(usize, usize),
    Act,
    /// A part of a line. The rest comes with what is said next.
    Begin(usize),
    Name(usize),
    Room(usize),
    Part,
    /// To the client in this slot: so many lines, with about that many bytes.
    Write(usize, usize, usize),
    Reply,
    Ignore(usize),
    /// One of the commands that only ask, so many times.
    Ask(usize, usize),
    /// `88`, or `/quit`, or that with a text.
    Leave(usize),
    /// Ends its half of the connection.
    End,
    /// The connection breaks.
    Break,
    /// Nothing can be written to it any more.
    Deafen,
    /// It reads that many bytes a second from now on.
    Read(usize),
    /// Its network is gone.
    Vanish,
    /// Its network is there again.
    Return,
    OperatorSays(usize),
    Kick,
    /// The transcript cannot keep up, or can again.
    TranscriptBehind(bool),
}

const QUESTIONS: [&str; 6] = ["/who", "/rooms", "/help", "/name hub", "/join hub", "/nonsense"];

impl Deed {
    pub fn question(of: usize) -> &'static str {
        QUESTIONS[of % QUESTIONS.len()]
    }
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let settings = Settings {
            operator: true,
            max_line: 1000,
            history: *pick(&mut rng, &[0, 3, 20]),
            rate: *pick(&mut rng, &[None, None, None, Some(20.0)]),
            outbox: *pick(&mut rng, &[64 * 1024, 64 * 1024, 128 * 1024]),
            stall: Duration::from_secs(5),
            motd: if rng.bool() { Vec::new() } else { vec!["be kind".to_owned()] },
            admission: AdmissionPolicy {
                max_per_address: *pick(&mut rng, &[None, None, Some(3)]),
                ..AdmissionPolicy::default()
            },
            transcribed: true,
        };
        let is_calm = settings.rate.is_none() && rng.u8(..) < 160;
        let some = rng.u8(1..=6);
        let mut addresses = [0; SLOTS];
        addresses.iter_mut().for_each(|address| *address = 10 + rng.u8(..some));
        let has_web = cfg!(feature = "web") && rng.u8(..) < 100;
        let browsers = std::array::from_fn(|_| has_web && rng.bool());
        let slots = rng.usize(3..=SLOTS);
        // Each history has its own habits, so that rare things come together often enough.
        let weights: [u32; 20] = std::array::from_fn(|_| *pick(&mut rng, &[0, 1, 1, 3]));
        let patience = *pick(&mut rng, &[1, 50, 500, 3000, 10_000]);
        let count = *pick(&mut rng, &[10, 30, 60, 100]);
        let mut steps: Vec<_> =
            (0..slots.min(4)).map(|slot| Step { wait: Duration::ZERO, slot, deed: Deed::Come }).collect();
        for _ in 0..count {
            let wait = Duration::from_millis(if rng.bool() { 0 } else { rng.u64(..=patience) });
            let slot = rng.usize(..slots);
            let deed = if is_calm && slot < 2 { Deed::Say(1, 40) } else { deed(&mut rng, &weights, slots) };
            steps.push(Step { wait, slot, deed });
        }
        Self {
            settings,
            system_buffer: *pick(&mut rng, &[1_000, 16_000, 64_000]),
            addresses,
            browsers,
            is_calm,
            steps,
            seed: rng.u64(..),
        }
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

fn deed(rng: &mut Rng, weights: &[u32; 20], slots: usize) -> Deed {
    let sum: u32 = weights.iter().sum::<u32>() + 6;
    let mut at = rng.u32(..sum);
    let kind = weights.iter().position(|weight| match at.checked_sub(*weight) {
        Some(rest) => {
            at = rest;
            false
        }
        None => true,
    });
    let Some(kind) = kind else {
        return if at < 2 { Deed::Come } else { Deed::Say(rng.usize(1..4), rng.usize(10..100)) };
    };
    match kind {
        0 => Deed::Say(rng.usize(1..200), rng.usize(10..800)),
        1 => Deed::Act,
        2 => Deed::Begin(rng.usize(1..30)),
        3 => Deed::Name(rng.usize(..NAMES.len())),
        4 => Deed::Room(rng.usize(..ROOMS.len())),
        5 => Deed::Part,
        6 => {
            // Many write to the same one.
            let to = if rng.bool() { 2 } else { rng.usize(..slots) };
            Deed::Write(to, *pick(rng, &[1, 1, 30, 300]), rng.usize(10..800))
        }
        7 => Deed::Reply,
        8 => Deed::Ignore(rng.usize(..slots)),
        9 => Deed::Ask(rng.usize(..QUESTIONS.len()), *pick(rng, &[1, 1, 5, 500])),
        10 => Deed::Leave(rng.usize(..3)),
        11 => Deed::End,
        12 => Deed::Break,
        13 => Deed::Deafen,
        14 | 15 => Deed::Read(*pick(rng, &PACES)),
        16 => Deed::Vanish,
        17 => Deed::Return,
        18 => pick(rng, &[Deed::OperatorSays(1), Deed::OperatorSays(100), Deed::Kick]).clone(),
        _ => Deed::TranscriptBehind(rng.bool()),
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Come => f.write_str("comes"),
            Self::Say(lines, bytes) => write!(f, "says {lines} lines of {bytes} bytes"),
            Self::Act => f.write_str("does something"),
            Self::Begin(bytes) => write!(f, "sends {bytes} bytes of a line"),
            Self::Name(name) => write!(f, "wants to be {}", NAMES[*name]),
            Self::Room(room) => write!(f, "goes to {}", ROOMS[*room]),
            Self::Part => f.write_str("goes back to the lobby"),
            Self::Write(to, lines, bytes) => write!(f, "writes {lines} lines of {bytes} bytes to slot {to}"),
            Self::Reply => f.write_str("replies"),
            Self::Ignore(whom) => write!(f, "ignores slot {whom}"),
            Self::Ask(what, times) => write!(f, "asks {} {times} times", Self::question(*what)),
            Self::Leave(0) => f.write_str("says 88"),
            Self::Leave(1) => f.write_str("says /quit"),
            Self::Leave(_) => f.write_str("says /quit and more"),
            Self::End => f.write_str("ends its half"),
            Self::Break => f.write_str("breaks the connection"),
            Self::Deafen => f.write_str("accepts nothing any more"),
            Self::Read(usize::MAX) => f.write_str("reads everything"),
            Self::Read(pace) => write!(f, "reads {pace} bytes a second"),
            Self::Vanish => f.write_str("vanishes"),
            Self::Return => f.write_str("is there again"),
            Self::OperatorSays(lines) => write!(f, "hears the operator say {lines} lines"),
            Self::Kick => f.write_str("is kicked"),
            Self::TranscriptBehind(true) => f.write_str("sees the transcript fall behind"),
            Self::TranscriptBehind(false) => f.write_str("sees the transcript keep up"),
        }
    }
}
