//! What those see who view the hub.

use super::state::Hub;
use std::time::Instant;

impl Hub {
    /// The clients, a line each.
    pub(super) fn status(&self, _now: Instant) -> Vec<u8> {
        Vec::new()
    }
}
