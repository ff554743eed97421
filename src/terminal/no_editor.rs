//! For builds without a line editor: each terminal uses its own line input.

use super::{Terminal, Typed};
use crate::rules::wire::Stamp;

/// Never made: no line is edited in this build.
pub enum Editor {}

impl Terminal {
    /// No keys are read.
    #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "other builds need it")]
    pub fn handle_keys(&mut self, _bytes: &[u8], _now: Stamp) -> Vec<Typed> {
        Vec::new()
    }

    /// There is no row to draw.
    pub fn handle_resize(&mut self) {}

    /// The modes of the terminal were not changed.
    pub fn handle_continue(&mut self) {}

    /// The system does that.
    pub fn suspend(&mut self) {}

    /// No row is shown.
    pub fn end_input(&mut self, _now: Stamp) {}
}

/// Only a line editor knows the key.
pub fn quit() {}

/// The modes of the terminal were not changed.
pub fn restore() {}
