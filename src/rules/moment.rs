//! The present. Rules are told what time it is, so that their tests can say it.

use super::wire::Stamp;
use std::time::Instant;

/// The present moment, and how it reads in front of a line.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For what takes time.
    pub now: Instant,
    /// For what is said.
    pub stamp: Stamp,
}
