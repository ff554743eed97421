//! The present, which is passed in, so that tests can simulate it.

use super::wire::Stamp;
use std::time::Instant;

/// The present moment, and how it looks in front of a line.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For time-outs.
    pub instant: Instant,
    /// For lines and messages.
    pub stamp: Stamp,
}
