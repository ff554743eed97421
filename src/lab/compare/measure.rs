//! What is measured, in which unit, and how it is printed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// What is measured, named with its unit, as in the JSON report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measure {
    P50Microseconds,
    P99Microseconds,
    P999Microseconds,
    /// By how much more the half of the lines takes than in an unlinked hub in the same round.
    AddedP50Microseconds,
    AddedP99Microseconds,
    /// Of lines to the clients of the hub at which they were said.
    SameHubP50Microseconds,
    SameHubP99Microseconds,
    /// In both directions together. Of hubs, as they are said: each is shown to all clients.
    LinesPerSecond,
    /// As typed, without stamps.
    MegabytesPerSecond,
    /// What the caller of a stalled peer accepted, with what the pipes hold.
    TakenBytes,
    SenderPeakMemoryBytes,
    /// How many lines arrived the other way meanwhile.
    OtherWayLines,
    OtherWayP50Microseconds,
    /// Each line counts for each client that receives it.
    DeliveriesPerSecond,
    /// As received, with the stamps and names that a hub adds.
    DeliveredMegabytesPerSecond,
    ConnectionsPerSecond,
    /// What is resident in a hub when all clients are there and nobody has said anything.
    IdleMemoryBytes,
    /// By how much more that is for each client that is a browser than in the hub of netcats in the same round.
    BrowserMemoryBytes,
    /// Of the endpoint that has more.
    Threads,
    /// The most that was ever resident, of the endpoint that had more.
    PeakMemoryBytes,
    /// Of both endpoints, as all that follow, and without what an idle run uses.
    CpuSeconds,
    /// A thread gave the processor away because it had to wait.
    VoluntarySwitches,
    /// A thread lost the processor to another.
    InvoluntarySwitches,
    /// Counted in the warm-up, as those that follow.
    SystemCalls,
    /// Those that wait for something, or wake up who waits.
    WaitingSystemCalls,
    /// Those that move data. If they block, they wait, too.
    MovingSystemCalls,
    /// Those that offer the processor to others and go on.
    YieldingSystemCalls,
}

/// The result of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    values: BTreeMap<Measure, f64>,
    /// The processor time of each thread that there was at the end of the work, by its name, in seconds.
    pub(super) threads: BTreeMap<String, f64>,
}

impl Deref for Figures {
    type Target = BTreeMap<Measure, f64>;

    fn deref(&self) -> &Self::Target {
        &self.values
    }
}

impl DerefMut for Figures {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.values
    }
}

impl<const N: usize> From<[(Measure, f64); N]> for Figures {
    fn from(values: [(Measure, f64); N]) -> Self {
        values.into_iter().collect()
    }
}

impl FromIterator<(Measure, f64)> for Figures {
    fn from_iter<T: IntoIterator<Item = (Measure, f64)>>(values: T) -> Self {
        Self { values: values.into_iter().collect(), threads: BTreeMap::new() }
    }
}

/// What every workload measures.
pub(super) static RESOURCES: [Measure; 5] = [
    Measure::Threads,
    Measure::PeakMemoryBytes,
    Measure::CpuSeconds,
    Measure::VoluntarySwitches,
    Measure::InvoluntarySwitches,
];

/// What a counter measures, all but the first by kind.
pub(super) static SYSTEM_CALLS: [Measure; 4] = [
    Measure::SystemCalls,
    Measure::WaitingSystemCalls,
    Measure::MovingSystemCalls,
    Measure::YieldingSystemCalls,
];

impl Measure {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::P50Microseconds => "p50",
            Self::P99Microseconds => "p99",
            Self::P999Microseconds => "p99.9",
            Self::AddedP50Microseconds => "added\np50",
            Self::AddedP99Microseconds => "\np99",
            Self::SameHubP50Microseconds => "same hub\np50",
            Self::SameHubP99Microseconds => "\np99",
            Self::LinesPerSecond => "lines/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::TakenBytes => "taken",
            Self::SenderPeakMemoryBytes => "sender's\nmemory",
            Self::OtherWayLines => "lines back",
            Self::OtherWayP50Microseconds => "other way\np50",
            Self::DeliveriesPerSecond => "deliveries/s",
            Self::DeliveredMegabytesPerSecond => "MB/s\ndelivered",
            Self::ConnectionsPerSecond => "connections/s",
            Self::IdleMemoryBytes => "idle\nmemory",
            Self::BrowserMemoryBytes => "more for\na browser",
            Self::Threads => "threads",
            Self::PeakMemoryBytes => "memory",
            Self::CpuSeconds => "CPU",
            Self::VoluntarySwitches => "switches\nvoluntary",
            Self::InvoluntarySwitches => "\ninvol.",
            Self::SystemCalls => "system\ncalls",
            Self::WaitingSystemCalls => "\nwaiting",
            Self::MovingSystemCalls => "\nmoving",
            Self::YieldingSystemCalls => "\nyielding",
        }
    }

    pub(super) fn is_latency(self) -> bool {
        matches!(
            self,
            Self::P50Microseconds
                | Self::P99Microseconds
                | Self::P999Microseconds
                | Self::AddedP50Microseconds
                | Self::AddedP99Microseconds
                | Self::SameHubP50Microseconds
                | Self::SameHubP99Microseconds
        )
    }

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
            _ if self.is_latency() || self == Self::OtherWayP50Microseconds => match value {
                value if value < 9_999.5 => format!("{} µs", short(value)),
                value => format!("{} ms", short(value / 1e3)),
            },
            Self::BrowserMemoryBytes => format!("{:.2} KiB", value / 1024.0),
            Self::TakenBytes
            | Self::SenderPeakMemoryBytes
            | Self::IdleMemoryBytes
            | Self::PeakMemoryBytes => {
                format!("{} MB", short(value / 1e6))
            }
            Self::CpuSeconds => format!("{value:.3} s"),
            _ => short(value),
        }
    }

    /// A value with its unit, for a sentence: no column names the measure.
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

    /// From one value to another. The unit of time or memory stands with the median already.
    pub(super) fn range(self, from: f64, to: f64) -> String {
        let show = |value| self.show(value);
        let (from, to) = (show(from), show(to));
        let (number, unit) = from.split_once(' ').unwrap_or((&from, ""));
        match to.split_once(' ').filter(|(_, other)| *other == unit) {
            Some((to, "k" | "M")) => format!("{number}–{to} {unit}"),
            Some((to, _)) => format!("{number}–{to}"),
            None => format!("{from}–{to}"),
        }
    }
}

/// Three significant digits: `4.56`, `45.6`, `456`, `45.6 k`, `4.56 M`.
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
    fn figures_have_three_significant_digits() {
        let shown = [0.0, 4.0, 4.556, 45.56, 455.6, 4556.0, 45_560.0, 455_600.0, 4_556_000.0].map(short);
        assert_eq!(shown, ["0", "4", "4.56", "45.6", "456", "4556", "45.6 k", "456 k", "4.56 M"]);
        assert_eq!(Measure::PeakMemoryBytes.show(3_456_000.0), "3.46 MB");
    }

    #[test]
    fn a_range_has_its_unit_once() {
        assert_eq!(Measure::PeakMemoryBytes.range(3_456_000.0, 3_500_000.0), "3.46–3.50");
        assert_eq!(Measure::SystemCalls.range(10_000.0, 20_000.0), "10.0–20.0 k");
        assert_eq!(Measure::SystemCalls.range(9_000.0, 20_000.0), "9000–20.0 k");
        assert_eq!(Measure::Threads.range(2.0, 2.0), "2–2");
    }
}
