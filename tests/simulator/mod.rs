//! Histories that nobody thought of: a seed makes clients, time and faults, and a checker knows what must hold.
//!
//! The rules run as they are, in simulated time: no thread, no socket. [`Kind`] says what is simulated; `plan.rs` what may happen
//! to a hub, `hub.rs` how it happens, and `checker.rs` what must hold whatever happened; `browser.rs` is the page in a browser, and `memory.rs` counts.
//! `chat.rs` is all of that for two people.
//! `linked.rs` lets several hubs share a log, and `redis.rs` is the server that has it.

#![allow(dead_code, unreachable_pub, reason = "each program uses its part")]

mod browser;
mod chat;
mod checker;
mod hub;
mod memory;
mod plan;
mod reader;
#[cfg(feature = "link")]
mod redis;

#[cfg(feature = "link")]
use hub::linked;
use plan::Plan;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A hub and its clients.
    Hub,
    /// Two people.
    Chat,
    /// Several hubs, their clients and the log that they share.
    #[cfg(feature = "link")]
    Linked,
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::Hub,
        Self::Chat,
        #[cfg(feature = "link")]
        Self::Linked,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hub => "hub",
            Self::Chat => "chat",
            #[cfg(feature = "link")]
            Self::Linked => "linked",
        })
    }
}

/// Makes one history: the same each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    pub kind: Kind,
    pub number: u64,
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.kind, self.number)
    }
}

impl FromStr for Seed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (name, number) = text.split_once('-')?;
            let kind = Kind::ALL.iter().copied().find(|kind| kind.to_string() == name)?;
            Some(Self { kind, number: u64::from_str_radix(number, 16).ok()? })
        };
        parse().ok_or("it is not like hub-00000000000000ff")
    }
}

/// How much was tried.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tried {
    pub histories: usize,
    pub said: usize,
    pub received: usize,
    pub time: Duration,
}

impl Tried {
    pub fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.said += other.said;
        self.received += other.received;
        self.time += other.time;
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histories, said, received, time } = self;
        let seconds = time.as_secs_f64();
        write!(
            f,
            "{histories} histories in {seconds:.1} s: {said} lines said, {received} received, none lost"
        )
    }
}

/// Runs histories from this one on, for this long.
///
/// # Errors
/// One of them broke a promise.
pub fn run_for(kind: Kind, first: u64, time: Duration) -> Result<Tried, String> {
    let (mut tried, began) = (Tried::default(), Instant::now());
    while began.elapsed() < time {
        let number = first.wrapping_add(tried.histories as u64);
        tried.add(run(Seed { kind, number })?);
    }
    tried.time = began.elapsed();
    Ok(tried)
}

/// Runs the history of this seed.
///
/// # Errors
/// A promise was broken: how, and what happened, in words, without what does not matter.
pub fn run(seed: Seed) -> Result<Tried, String> {
    match seed.kind {
        Kind::Hub => run_story(seed, Plan::of(seed.number)),
        Kind::Chat => run_story(seed, chat::Plan::of(seed.number)),
        #[cfg(feature = "link")]
        Kind::Linked => run_story(seed, linked::Plan::of(seed.number)),
    }
}

/// What happens in the history of this seed, whether or not a promise is broken.
pub fn tell(seed: Seed) -> Vec<String> {
    let mut told = Vec::new();
    let _ = match seed.kind {
        Kind::Hub => attempt(&Plan::of(seed.number), Some(&mut told)),
        Kind::Chat => attempt(&chat::Plan::of(seed.number), Some(&mut told)),
        #[cfg(feature = "link")]
        Kind::Linked => attempt(&linked::Plan::of(seed.number), Some(&mut told)),
    };
    told
}

/// What a seed has chosen to happen.
trait Story: Clone {
    type Step: Clone;

    /// Lets it happen.
    ///
    /// # Errors
    /// A promise was broken: which one, in words.
    fn happens(&self, tell: Option<&mut Vec<String>>) -> Result<Tried, String>;

    /// Any of these may be left out.
    fn steps(&mut self) -> &mut Vec<Self::Step>;

    /// What holds from the beginning to the end.
    fn settings(&self) -> String;
}

impl Story for Plan {
    type Step = plan::Step;

    fn happens(&self, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
        hub::run(self, tell)
    }

    fn steps(&mut self) -> &mut Vec<Self::Step> {
        &mut self.steps
    }

    fn settings(&self) -> String {
        format!("{:?}", self.settings)
    }
}

impl Story for chat::Plan {
    type Step = chat::Step;

    fn happens(&self, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
        chat::run(self, tell)
    }

    fn steps(&mut self) -> &mut Vec<Self::Step> {
        &mut self.steps
    }

    fn settings(&self) -> String {
        format!("latency {:?}, {} bytes on the way at most", self.latency, self.window)
    }
}

#[cfg(feature = "link")]
impl Story for linked::Plan {
    type Step = linked::Step;

    fn happens(&self, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
        linked::run(self, tell)
    }

    fn steps(&mut self) -> &mut Vec<Self::Step> {
        &mut self.steps
    }

    fn settings(&self) -> String {
        let hubs = self.hubs.iter().map(|hub| format!("{:?}\n", hub.settings)).collect::<String>();
        format!("{hubs}the slowest hub may be {:?} bytes behind", self.limit)
    }
}

fn run_story(seed: Seed, story: impl Story) -> Result<Tried, String> {
    attempt(&story, None).map_err(|error| {
        let (story, error) = shrink(story, error);
        let mut told = Vec::new();
        let _ = attempt(&story, Some(&mut told));
        format!("{seed}: {error}\n{}\n{}", story.settings(), told.join("\n"))
    })
}

fn attempt(story: &impl Story, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
    catch_unwind(AssertUnwindSafe(|| story.happens(tell))).unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(text.unwrap_or("a panic").to_owned())
    })
}

/// Takes out steps as long as a promise is still broken.
fn shrink<S: Story>(mut story: S, mut error: String) -> (S, String) {
    let mut size = story.steps().len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < story.steps().len() {
            let mut shorter = story.clone();
            let end = (at + size).min(story.steps().len());
            shorter.steps().drain(at..end);
            match attempt(&shorter, None) {
                Err(still) => (story, error) = (shorter, still),
                Ok(_) => at += size,
            }
        }
        size /= 2;
    }
    (story, error)
}
