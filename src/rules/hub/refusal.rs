//! Why a caller may not join.

use crate::rules::wire::{GOODBYE, Stamp};
use std::fmt;

/// Why a caller may not join. Its text is what the caller reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many clients as allowed.
    Full(usize),
    /// There are as many clients as allowed from that address.
    FullForAddress(usize),
    /// The address is denied, banned, or not among those allowed.
    NotAllowed,
    /// The system has no more threads or file descriptors for us.
    NoResources,
    /// The transcript is behind.
    Transcript,
    /// The hub is ending.
    Ending,
    /// Too many callers of an encrypted hub have not shown yet who they are.
    TooManyCallers,
    /// A caller of an encrypted hub did not show in time who it is.
    Late,
    /// The code was changed while a caller came in with it.
    OldCode,
}

impl Refusal {
    /// The line that the caller gets.
    #[must_use]
    pub fn line(&self, stamp: &Stamp) -> Vec<u8> {
        [&stamp.as_bytes()[..], format!("* hub: {self}\n").as_bytes()].concat()
    }

    /// That line and a goodbye in one write, for when too many callers are being turned away to give each the pause
    /// between the two.
    #[must_use]
    pub fn line_and_goodbye(&self, stamp: &Stamp) -> Vec<u8> {
        [&self.line(stamp), GOODBYE].concat()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(limit) => {
                write!(f, "the hub is full ({} at most); please try again later", clients(*limit))
            }
            Self::FullForAddress(limit) => {
                write!(f, "too many clients from this address ({} at most)", clients(*limit))
            }
            Self::NotAllowed => f.write_str("this address is not allowed here"),
            Self::NoResources => {
                f.write_str("the hub is out of threads or file descriptors; please try again later")
            }
            Self::Transcript => f.write_str("the transcript is falling behind; please try again later"),
            Self::Ending => f.write_str("the hub is shutting down"),
            Self::TooManyCallers => f.write_str("too many callers have not shown yet who they are"),
            Self::Late => f.write_str("it did not show in time who it is"),
            Self::OldCode => f.write_str("the code has just been changed; please ask for the new one"),
        }
    }
}

fn clients(count: usize) -> String {
    format!("{count} client{}", if count == 1 { "" } else { "s" })
}
