//! When both directions moved at once: what full-duplex is for.

use super::journey::Journey;
use super::model::{Endpoint, Time};

type Span = (Time, Time);

/// The times in which messages of both directions of a connection were under way.
pub(super) fn moments(endpoints: &[Endpoint], journeys: &[Journey]) -> Vec<Span> {
    let under_way = |stream: u32| {
        let of_stream = journeys.iter().filter(|journey| journey.stream == stream && !journey.is_goodbye());
        union(of_stream.map(|journey| journey.span(endpoints)).collect())
    };
    let mut pairs: Vec<_> = endpoints
        .iter()
        .flat_map(|endpoint| &endpoint.connections)
        .map(|connection| {
            (connection.sent.min(connection.received), connection.sent.max(connection.received))
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    union(pairs.into_iter().flat_map(|(one, other)| common(&under_way(one), &under_way(other))).collect())
}

/// In order, and joined where they overlap.
fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// What two rows of spans have in common.
fn common(mut one: &[Span], mut other: &[Span]) -> Vec<Span> {
    let mut common = Vec::new();
    while let ([first, ..], [second, ..]) = (one, other) {
        let (from, to) = (first.0.max(second.0), first.1.min(second.1));
        if from < to {
            common.push((from, to));
        }
        if first.1 < second.1 { one = &one[1..] } else { other = &other[1..] }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_found() {
        let one = union(vec![(5, 8), (0, 2), (1, 3)]);
        assert_eq!(one, [(0, 3), (5, 8)]);
        assert_eq!(common(&one, &[(2, 6), (7, 9)]), [(2, 3), (5, 6), (7, 8)]);
        assert_eq!(common(&one, &[(3, 5)]), []);
    }
}
