//! Histories that nobody thought of: a seed makes clients, time and faults, and a checker knows what must hold.
//!
//! The rules run as they are, in simulated time: no thread, no socket. [`Kind`] says what is simulated; `plan.rs` what may happen
//! to a hub, `hub.rs` how it happens, and `checker.rs` what must hold whatever happened. `memory.rs` counts.

#![allow(dead_code, unreachable_pub, reason = "each program uses its part")]

mod browser;
mod checker;
mod hub;
mod memory;
mod plan;

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
}

impl Kind {
    pub const ALL: [Self; 1] = [Self::Hub];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hub => "hub",
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
            let kind = Kind::ALL.into_iter().find(|kind| kind.to_string() == name)?;
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
    let plan = Plan::of(seed.number);
    attempt(&plan, None).map_err(|error| {
        let (plan, error) = shrink(plan, error);
        let mut told = Vec::new();
        let _ = attempt(&plan, Some(&mut told));
        format!("{seed}: {error}\n{:?}\n{}", plan.settings, told.join("\n"))
    })
}

/// What happens in the history of this seed, whether or not a promise is broken.
pub fn tell(seed: Seed) -> Vec<String> {
    let mut told = Vec::new();
    let _ = attempt(&Plan::of(seed.number), Some(&mut told));
    told
}

fn attempt(plan: &Plan, tell: Option<&mut Vec<String>>) -> Result<Tried, String> {
    catch_unwind(AssertUnwindSafe(|| hub::run(plan, tell))).unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(text.unwrap_or("a panic").to_owned())
    })
}

/// Takes out steps as long as a promise is still broken.
fn shrink(mut plan: Plan, mut error: String) -> (Plan, String) {
    let mut size = plan.steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < plan.steps.len() {
            let mut shorter = plan.clone();
            shorter.steps.drain(at..(at + size).min(plan.steps.len()));
            match attempt(&shorter, None) {
                Err(still) => (plan, error) = (shorter, still),
                Ok(_) => at += size,
            }
        }
        size /= 2;
    }
    (plan, error)
}
