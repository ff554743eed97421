//! The clocks of several machines disagree, and then a message could arrive before it was sent. So traces are moved until
//! none does: by as little as possible, and not at all without need.

use super::model::{Endpoint, Flow, Time};
use super::words;
use std::collections::HashMap;

/// The limits between which an endpoint may be moved.
#[derive(Clone, Copy)]
struct Range {
    min: Option<Time>,
    max: Option<Time>,
}

/// Puts all traces on the axis that begins first.
pub(super) fn put_on_one_axis(endpoints: &mut [Endpoint]) {
    let origin = endpoints.iter().map(|endpoint| endpoint.origin).min().unwrap_or_default();
    for endpoint in endpoints {
        endpoint.move_by((endpoint.origin - origin).saturating_mul(1_000_000_000));
    }
}

/// Moves the endpoints whose clocks disagree, and returns a note about each.
pub(super) fn align(endpoints: &mut [Endpoint], flows: &[Flow]) -> Vec<String> {
    let slack = slack(endpoints, flows);
    let mut placed: Vec<usize> = Vec::new();
    let mut by = vec![0; endpoints.len()];
    while placed.len() < endpoints.len() {
        // Endpoints that exchanged messages with a placed one come first.
        let open = || (0..endpoints.len()).filter(|one| !placed.contains(one));
        let is_bound = |one: &usize| {
            let knows = |other| slack.contains_key(&(*one, other)) || slack.contains_key(&(other, *one));
            placed.iter().any(|other| knows(*other))
        };
        let Some(next) = open().find(is_bound).or_else(|| open().next()) else { break };
        let min = placed.iter().filter_map(|other| Some(by[*other] - slack.get(&(*other, next))?)).max();
        let max = placed.iter().filter_map(|other| Some(by[*other] + slack.get(&(next, *other))?)).min();
        by[next] = Range { min, max }.smallest();
        placed.push(next);
    }
    let mut notes = Vec::new();
    for (endpoint, by) in endpoints.iter_mut().zip(by).filter(|(_, by)| *by != 0) {
        endpoint.move_by(by);
        let (duration, direction) = (words::duration(by.abs()), if by > 0 { "later" } else { "earlier" });
        notes.push(format!(
            "the times of {} ({}) are shown {duration} {direction} than recorded: the clocks of the two machines disagree, and \
             messages would arrive before they were sent",
            endpoint.letter, endpoint.file
        ));
    }
    notes
}

/// How long the quickest message took from one endpoint to another; negative if their clocks disagree.
fn slack(endpoints: &[Endpoint], flows: &[Flow]) -> HashMap<(usize, usize), Time> {
    let mut slack = HashMap::new();
    for flow in flows {
        let (Some(from), Some(to)) = (flow.from(), flow.to()) else { continue };
        let (Some(left), Some(arrived)) = (flow.leaves(endpoints), flow.arrives(endpoints)) else {
            continue;
        };
        let took = arrived.saturating_sub(left);
        slack.entry((from, to)).and_modify(|min: &mut Time| *min = took.min(*min)).or_insert(took);
    }
    slack
}

impl Range {
    /// The smallest amount, or the middle if both limits are known: then each direction gets half of the uncertainty.
    fn smallest(self) -> Time {
        match (self.min, self.max) {
            (min, max) if min.is_none_or(|min| min <= 0) && max.is_none_or(|max| max >= 0) => 0,
            (Some(min), Some(max)) => min.midpoint(max),
            (Some(amount), None) | (None, Some(amount)) => amount,
            (None, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flows::find;
    use super::super::flows::tests::{endpoint, messages, read, wrote};
    use super::*;
    use crate::observe::{Place, Step};

    /// One endpoint writes and the other reads at these times; and the other way round.
    fn session(there: (Time, Time), back: Option<(Time, Time)>) -> (Vec<Endpoint>, Vec<Flow>) {
        let mut one = vec![(there.0, wrote(Place::Peer, messages(7, 1, 1)))];
        let mut other = vec![(there.1, read(Place::Peer, messages(7, 1, 1)))];
        if let Some(back) = back {
            other.push((back.0, wrote(Place::Peer, messages(8, 1, 1))));
            one.push((back.1, read(Place::Peer, messages(8, 1, 1))));
        }
        let endpoints = vec![endpoint(one), endpoint(other)];
        let flows = find(&endpoints);
        (endpoints, flows)
    }

    fn moved(there: (Time, Time), back: Option<(Time, Time)>) -> (Time, usize) {
        let (mut endpoints, flows) = session(there, back);
        let notes = align(&mut endpoints, &flows);
        assert_eq!(endpoints[0].moved, 0);
        (endpoints[1].moved, notes.len())
    }

    #[test]
    fn clocks_that_agree_are_left_alone() {
        assert_eq!(moved((100, 110), Some((120, 130))), (0, 0));
        assert_eq!(moved((100, 110), None), (0, 0));
    }

    #[test]
    fn a_clock_that_is_slow_is_moved_by_as_little_as_possible() {
        assert_eq!(moved((100, 60), None), (40, 1));
    }

    #[test]
    fn between_two_bounds_it_is_the_middle() {
        // At least 40 later for the one direction, and at most 60 for the other.
        assert_eq!(moved((100, 60), Some((70, 130))), (50, 1));
        // A clock that is fast.
        assert_eq!(moved((100, 200), Some((210, 150))), (-80, 1));
    }

    #[test]
    fn traces_of_different_days_are_put_on_one_axis() {
        let mut endpoints = vec![endpoint([(5, Step::Starts)]), Endpoint::default()];
        endpoints[0].origin = 86_400;
        put_on_one_axis(&mut endpoints);
        assert_eq!(endpoints[0].tracks[0].slices[0].from, 86_400 * 1_000_000_000 + 5);
    }
}
