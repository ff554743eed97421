//! The clocks of several machines disagree, and then a message could arrive before it was sent. So traces are moved until
//! none does: by as little as possible, and not at all if there is no need.

use super::journey::Journey;
use super::model::{Endpoint, Time};
use super::words;
use std::collections::HashMap;

/// Between which amounts an endpoint may be moved.
#[derive(Clone, Copy)]
struct Range {
    from: Option<Time>,
    to: Option<Time>,
}

/// Each trace says what is 0 on its axis. The earliest of these is it for all.
pub(super) fn put_on_one_axis(endpoints: &mut [Endpoint]) {
    let origin = endpoints.iter().map(|endpoint| endpoint.origin).min().unwrap_or_default();
    for endpoint in endpoints {
        endpoint.move_by((endpoint.origin - origin).saturating_mul(1_000_000_000));
    }
}

/// Moves what has to be moved, and tells which and by how much.
pub(super) fn agree(endpoints: &mut [Endpoint], journeys: &[Journey]) -> Vec<String> {
    let slack = slack(endpoints, journeys);
    let mut placed: Vec<usize> = Vec::new();
    let mut by = vec![0; endpoints.len()];
    while placed.len() < endpoints.len() {
        // First whoever has talked with somebody who has his place.
        let open = || (0..endpoints.len()).filter(|one| !placed.contains(one));
        let talked = |one: &usize| {
            placed
                .iter()
                .any(|other| slack.contains_key(&(*one, *other)) || slack.contains_key(&(*other, *one)))
        };
        let Some(next) = open().find(talked).or_else(|| open().next()) else { break };
        let from = placed.iter().filter_map(|other| Some(by[*other] - slack.get(&(*other, next))?)).max();
        let to = placed.iter().filter_map(|other| Some(by[*other] + slack.get(&(next, *other))?)).min();
        by[next] = Range { from, to }.least();
        placed.push(next);
    }
    let mut notes = Vec::new();
    for (endpoint, by) in endpoints.iter_mut().zip(by).filter(|(_, by)| *by != 0) {
        endpoint.move_by(by);
        let (length, direction) = (words::length(by.abs()), if by > 0 { "later" } else { "earlier" });
        notes.push(format!(
            "the times of {} ({}) are shown {length} {direction} than recorded, because else messages would arrive before \
             they were sent: the clocks of the two machines disagree",
            endpoint.letter, endpoint.file
        ));
    }
    notes
}

/// How long the quickest message took from one endpoint to another; less than nothing, if their clocks disagree.
fn slack(endpoints: &[Endpoint], journeys: &[Journey]) -> HashMap<(usize, usize), Time> {
    let mut slack = HashMap::new();
    for journey in journeys {
        let (Some(from), Some(to)) = (journey.from(), journey.to()) else { continue };
        let (Some(left), Some(arrived)) = (journey.leaves(endpoints), journey.arrives(endpoints)) else {
            continue;
        };
        let took = arrived.saturating_sub(left);
        slack.entry((from, to)).and_modify(|least: &mut Time| *least = took.min(*least)).or_insert(took);
    }
    slack
}

impl Range {
    /// The smallest amount, or the middle if both ends are known: then each direction has as much of what is uncertain.
    fn least(self) -> Time {
        match (self.from, self.to) {
            (from, to) if from.is_none_or(|from| from <= 0) && to.is_none_or(|to| to >= 0) => 0,
            (Some(from), Some(to)) => from.midpoint(to),
            (Some(amount), None) | (None, Some(amount)) => amount,
            (None, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::journey::tests::{doing, endpoint};
    use super::super::journey::{Journey, find};
    use super::*;
    use crate::lab::timeline::model::Kind;

    /// One endpoint writes at these times and the other reads at those; and the other way round.
    fn session(there: (Time, Time), back: Option<(Time, Time)>) -> (Vec<Endpoint>, Vec<Journey>) {
        let mut one = vec![doing(there.0, Kind::Wrote, "socket", (7, 1, 1))];
        let mut other = vec![doing(there.1, Kind::Read, "socket", (7, 1, 1))];
        if let Some(back) = back {
            other.push(doing(back.0, Kind::Wrote, "socket", (8, 1, 1)));
            one.push(doing(back.1, Kind::Read, "socket", (8, 1, 1)));
        }
        let endpoints = vec![endpoint(one), endpoint(other)];
        let journeys = find(&endpoints);
        (endpoints, journeys)
    }

    fn moved(there: (Time, Time), back: Option<(Time, Time)>) -> (Time, usize) {
        let (mut endpoints, journeys) = session(there, back);
        let notes = agree(&mut endpoints, &journeys);
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
        let mut endpoints = vec![endpoint(vec![doing(5, Kind::Starts, "", (0, 0, 0))]), Endpoint::default()];
        endpoints[0].origin = 86_400;
        put_on_one_axis(&mut endpoints);
        assert_eq!(endpoints[0].lanes[0].steps[0].at, 86_400 * 1_000_000_000 + 5);
    }
}
