//! When messages moved in both directions at once: what full-duplex is for.

use super::model::{Endpoint, Flow, Time};
use crate::rules::messages::Stream;
use std::collections::HashSet;

type Span = (Time, Time);

/// The times in which messages of both directions of a connection were under way.
pub(super) fn both_ways(endpoints: &[Endpoint], flows: &[Flow]) -> Vec<Span> {
    let under_way = |stream: Stream| {
        let of_stream = flows.iter().filter(|flow| flow.stream == stream && !flow.is_goodbye());
        union(of_stream.map(|flow| flow.span(endpoints)).collect())
    };
    // Both ends of a connection may have a trace.
    let connections = endpoints.iter().flat_map(|endpoint| &endpoint.connections);
    let pairs: HashSet<_> =
        connections.map(|connection| sorted(connection.sent.0, connection.received.0)).collect();
    let both = |(one, other)| common(&under_way(Stream(one)), &under_way(Stream(other)));
    union(pairs.into_iter().flat_map(both).collect())
}

fn sorted(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}

/// Sorts spans, and joins those that overlap.
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

/// The intersection of two sorted lists of spans.
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
    fn overlaps_are_found() {
        let one = union(vec![(5, 8), (0, 2), (1, 3)]);
        assert_eq!(one, [(0, 3), (5, 8)]);
        assert_eq!(common(&one, &[(2, 6), (7, 9)]), [(2, 3), (5, 6), (7, 8)]);
        assert_eq!(common(&one, &[(3, 5)]), []);
    }
}
