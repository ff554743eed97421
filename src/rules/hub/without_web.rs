//! A build without browsers: no member is one.

use super::id::Id;
use super::state::Hub;
use crate::rules::moment::Moment;
use std::time::Instant;

/// Why a browser is disconnected.
pub(super) enum Close {
    TryAgainLater,
    GoingAway,
    SentAway,
}

#[allow(clippy::unused_self, reason = "with browsers, it would do something")]
impl Hub {
    pub(super) fn is_browser(&self, _: Id) -> bool {
        false
    }
    pub(super) fn show_room_to_browser(&mut self, _: Id, _: Moment) {}
    pub(super) fn tell_state(&mut self, _: Id, _: Moment) {}
    pub(super) fn tell_back(&mut self, _: Id, _: Id, _: &[u8], _: Moment) {}
    pub(super) fn confirm(&mut self, _: Id, _: u64, _: Instant) {}
    pub(super) fn end_of_browser(&mut self, _: Id) -> Option<&'static str> {
        None
    }
    #[cfg(feature = "link")]
    pub(super) fn lines_wait(&mut self, _: Id, _: usize) {}
    #[cfg(feature = "link")]
    pub(super) fn lines_are_back(&mut self, _: Id, _: usize, _: Instant) {}
    pub(super) fn close_with(&mut self, _: Id, _: Close, _: &str) {}
}
