//! What is measured, in which unit, and how it is written.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A figure, named with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measure {
    /// Half of the lines arrived within this time.
    P50Microseconds,
    /// 99 of 100 lines did.
    P99Microseconds,
    /// 999 of 1000 lines did.
    P999Microseconds,
    /// Lines that arrived, of both directions together.
    LinesPerSecond,
    /// The same in bytes as they were typed, without stamps.
    MegabytesPerSecond,
    /// What the side of a stalled peer took before it took no more, with what the pipes hold.
    TakenBytes,
    /// The most memory that side ever had resident.
    SenderPeakMemoryBytes,
    /// How many lines came the other way meanwhile.
    OtherWayLines,
    /// Half of them within this time.
    OtherWayP50Microseconds,
    /// Lines that a hub delivered, summed over all who heard them.
    DeliveriesPerSecond,
    /// The same in bytes as they came, with the stamps and names that a hub puts before them.
    DeliveredMegabytesPerSecond,
    /// Conversations, each with a connection of its own.
    ConnectionsPerSecond,
    /// Of the endpoint that has more of them, at the end of the work.
    Threads,
    /// The most memory that was ever resident, of the endpoint that had more.
    PeakMemoryBytes,
    /// Time on a processor, of both endpoints. Like all that follows, it is without what their start and end take.
    CpuSeconds,
    /// How often they gave the processor away, because they had to wait.
    VoluntarySwitches,
    /// How often it was taken from them.
    InvoluntarySwitches,
    /// System calls of both, counted in a run that is not timed.
    SystemCalls,
}

/// What one run gave.
pub(super) type Figures = BTreeMap<Measure, f64>;

/// What is measured with every work.
pub(super) static RESOURCES: [Measure; 6] = [
    Measure::Threads,
    Measure::PeakMemoryBytes,
    Measure::CpuSeconds,
    Measure::VoluntarySwitches,
    Measure::InvoluntarySwitches,
    Measure::SystemCalls,
];

impl Measure {
    /// The head of its column.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::P50Microseconds => "p50",
            Self::P99Microseconds => "p99",
            Self::P999Microseconds => "p99.9",
            Self::LinesPerSecond => "lines/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::TakenBytes => "taken",
            Self::SenderPeakMemoryBytes => "sender's\nmemory",
            Self::OtherWayLines => "lines back",
            Self::OtherWayP50Microseconds => "other way\np50",
            Self::DeliveriesPerSecond => "deliveries/s",
            Self::DeliveredMegabytesPerSecond => "MB/s\ndelivered",
            Self::ConnectionsPerSecond => "connections/s",
            Self::Threads => "threads",
            Self::PeakMemoryBytes => "memory",
            Self::CpuSeconds => "CPU",
            Self::VoluntarySwitches => "switches\nvoluntary",
            Self::InvoluntarySwitches => "\ninvol.",
            Self::SystemCalls => "system\ncalls",
        }
    }

    /// Whether it tells how long a line took.
    pub(super) fn is_latency(self) -> bool {
        matches!(self, Self::P50Microseconds | Self::P99Microseconds | Self::P999Microseconds)
    }

    /// Of two figures, which is the good one.
    pub(super) fn more_is_better(self) -> bool {
        matches!(
            self,
            Self::LinesPerSecond
                | Self::MegabytesPerSecond
                | Self::DeliveriesPerSecond
                | Self::DeliveredMegabytesPerSecond
                | Self::ConnectionsPerSecond
        )
    }

    /// A value with its unit.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::P50Microseconds
            | Self::P99Microseconds
            | Self::P999Microseconds
            | Self::OtherWayP50Microseconds => match value {
                value if value < 9_999.5 => format!("{} µs", short(value)),
                value => format!("{} ms", short(value / 1e3)),
            },
            Self::TakenBytes | Self::SenderPeakMemoryBytes | Self::PeakMemoryBytes => {
                format!("{} MB", short(value / 1e6))
            }
            Self::CpuSeconds => format!("{value:.3} s"),
            _ => short(value),
        }
    }

    /// A value with its unit, where no column tells what it is.
    pub(super) fn in_text(self, value: f64) -> String {
        match self {
            Self::LinesPerSecond
            | Self::MegabytesPerSecond
            | Self::DeliveriesPerSecond
            | Self::ConnectionsPerSecond => {
                format!("{} {}", self.show(value), self.title())
            }
            _ => self.show(value),
        }
    }

    /// From one value to another, without what [`show`](Self::show) says already.
    pub(super) fn range(self, from: f64, to: f64) -> String {
        let show = |value| self.show(value);
        let (from, to) = (show(from), show(to));
        // A unit that both share is told once; those of time and memory stand with the median.
        let (number, unit) = from.split_once(' ').unwrap_or((&from, ""));
        match to.split_once(' ').filter(|(_, other)| *other == unit) {
            Some((to, "k" | "M")) => format!("{number}–{to} {unit}"),
            Some((to, _)) => format!("{number}–{to}"),
            None => format!("{from}–{to}"),
        }
    }
}

/// Three digits that count: `4.56`, `45.6`, `456`, `45.6 k`, `4.56 M`.
pub(super) fn short(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 999_500.0 => (v / 1e6, " M"),
        v if v >= 9_999.5 => (v / 1e3, " k"),
        v => (v, ""),
    };
    match value {
        v if v >= 99.95 || (v.fract() == 0.0 && unit.is_empty()) => format!("{v:.0}{unit}"),
        v if v >= 9.995 => format!("{v:.1}{unit}"),
        v => format!("{v:.2}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_three_digits_that_count() {
        let shown = [0.0, 4.0, 4.556, 45.56, 455.6, 4556.0, 45_560.0, 455_600.0, 4_556_000.0].map(short);
        assert_eq!(shown, ["0", "4", "4.56", "45.6", "456", "4556", "45.6 k", "456 k", "4.56 M"]);
        assert_eq!(Measure::PeakMemoryBytes.show(3_456_000.0), "3.46 MB");
    }

    #[test]
    fn a_range_tells_a_unit_once() {
        assert_eq!(Measure::PeakMemoryBytes.range(3_456_000.0, 3_500_000.0), "3.46–3.50");
        assert_eq!(Measure::SystemCalls.range(10_000.0, 20_000.0), "10.0–20.0 k");
        assert_eq!(Measure::SystemCalls.range(9_000.0, 20_000.0), "9000–20.0 k");
        assert_eq!(Measure::Threads.range(2.0, 2.0), "2–2");
    }
}
