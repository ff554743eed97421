//! Times, streams and steps in words.

use super::model::{Endpoint, Slice, Time};
use crate::rules::messages::{Messages, Stream};
use std::collections::HashMap;

/// With two or three digits: what a reader can compare at a glance.
pub(super) fn duration(nanos: Time) -> String {
    let value = nanos as f64;
    let (value, unit) = match value.abs() {
        below if below < 999.5 => return format!("{nanos} ns"),
        below if below < 999.5e3 => (value / 1e3, "µs"),
        below if below < 999.5e6 => (value / 1e6, "ms"),
        _ => (value / 1e9, "s"),
    };
    match value.abs() {
        below if below < 9.95 => format!("{value:.2} {unit}"),
        below if below < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A moment, by the time since the first one.
pub(super) fn moment(since: Time) -> String {
    format!("{:.6} s", since as f64 / 1e9)
}

/// `count` with the noun in the singular or plural.
pub(super) fn count(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The numbers of `count` messages.
pub(super) fn range(first: u64, count: u64) -> String {
    match count {
        1 => first.to_string(),
        count => format!("{first}–{}", first.saturating_add(count - 1)),
    }
}

/// The direction of each stream: who talks to whom.
pub(super) struct Directions(HashMap<Stream, String>);

impl Directions {
    pub(super) fn of(endpoints: &[Endpoint]) -> Self {
        let mut names = HashMap::new();
        for endpoint in endpoints {
            for connection in &endpoint.connections {
                let other = endpoints
                    .iter()
                    .find(|other| other.connections.iter().any(|theirs| theirs.sent == connection.received));
                let (us, them) = (&endpoint.letter, other.map_or(&connection.peer, |other| &other.letter));
                names.insert(connection.sent, format!("{us} → {them}"));
                names.insert(connection.received, format!("{them} → {us}"));
            }
        }
        Self(names)
    }

    pub(super) fn name(&self, stream: Stream) -> String {
        self.0.get(&stream).cloned().unwrap_or_else(|| format!("stream {}", stream.0))
    }

    /// What a thread does, in a sentence whose subject is the thread.
    pub(super) fn sentence(&self, slice: &Slice) -> String {
        slice.step.sentence(|messages: Messages| match messages.stream {
            Stream::KEYBOARD => messages.to_string(),
            stream => format!("{messages} {}", self.name(stream)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_fits() {
        for (nanos, text) in [
            (0, "0 ns"),
            (701, "701 ns"),
            (4_500, "4.50 µs"),
            (999_600, "1.00 ms"),
            (25_300_000, "25.3 ms"),
            (603_000_000, "603 ms"),
            (3_100_000_000, "3.10 s"),
        ] {
            assert_eq!(duration(nanos), text);
        }
    }
}
