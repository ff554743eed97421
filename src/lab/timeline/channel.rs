//! How many events were in the channel of an endpoint, and when.

use super::model::{Endpoint, Kind, Time};

/// From when to when there were so many.
pub(super) struct Filling {
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) events: u64,
}

/// Whenever it was not empty. An event is in it from the moment a thread begins to send it until main has taken it.
pub(super) fn fillings(endpoint: &Endpoint) -> Vec<Filling> {
    let mut changes: Vec<(Time, Option<u64>)> = endpoint
        .steps()
        .filter_map(|step| match step.kind {
            Kind::Sends => Some((step.at, None)),
            // Main knows how many are left.
            Kind::Takes => Some((step.at, step.waiting)),
            _ => None,
        })
        .collect();
    changes.sort_by_key(|change| change.0);
    let mut fillings: Vec<Filling> = Vec::new();
    let (mut events, mut since) = (0, 0);
    for (at, left) in changes {
        if events > 0 && at > since {
            fillings.push(Filling { from: since, to: at, events });
        }
        events = left.unwrap_or(events + 1);
        since = at;
    }
    fillings
}

#[cfg(test)]
mod tests {
    use super::super::journey::tests::{doing, endpoint};
    use super::*;

    #[test]
    fn it_fills_with_what_is_sent_and_empties_with_what_is_taken() {
        let mut takes = doing(30, Kind::Takes, "Typed", (0, 0, 0));
        takes.waiting = Some(1);
        let mut last = doing(40, Kind::Takes, "Typed", (0, 0, 0));
        last.waiting = Some(0);
        let sends = |at| doing(at, Kind::Sends, "Typed", (0, 0, 0));
        let fillings = fillings(&endpoint(vec![sends(10), sends(20), takes, last]));
        let found: Vec<_> =
            fillings.iter().map(|filling| (filling.from, filling.to, filling.events)).collect();
        assert_eq!(found, [(10, 20, 1), (20, 30, 2), (30, 40, 1)]);
    }
}
