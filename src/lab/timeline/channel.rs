//! How many events the channel of an endpoint held, and when.

use super::model::{Endpoint, Time};
use crate::observe::Step;

/// From when to when the channel held this many events.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) events: usize,
}

/// Whenever the channel was not empty. An event is in it from the moment a thread begins to send it until main takes it.
pub(super) fn levels(endpoint: &Endpoint) -> Vec<Level> {
    let change = |step: &Step| match step {
        Step::Sends { .. } => Some(None),
        // Main knows how many are left.
        Step::Takes { waiting, .. } => Some(Some(*waiting)),
        _ => None,
    };
    let mut changes: Vec<_> =
        endpoint.slices().filter_map(|slice| Some((slice.from, change(&slice.step)?))).collect();
    changes.sort_by_key(|change| change.0);
    let mut levels = Vec::new();
    let (mut events, mut since) = (0, 0);
    for (now, left) in changes {
        if events > 0 && now > since {
            levels.push(Level { from: since, until: now, events });
        }
        events = left.unwrap_or(events + 1);
        since = now;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::super::flows::tests::endpoint;
    use super::*;
    use crate::rules::messages::Messages;

    #[test]
    fn it_fills_with_what_is_sent_and_empties_with_what_is_taken() {
        let sends = || Step::Sends { event: "Typed".into(), waiting: 0 };
        let takes = |waiting| Step::Takes { event: "Typed".into(), waiting, messages: Messages::NONE };
        let levels = levels(&endpoint([(10, sends()), (20, sends()), (30, takes(1)), (40, takes(0))]));
        let level = |from, until, events| Level { from, until, events };
        assert_eq!(levels, [level(10, 20, 1), level(20, 30, 2), level(30, 40, 1)]);
    }
}
