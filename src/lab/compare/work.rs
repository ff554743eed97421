//! The kinds of work, and how much of each is done.

use super::crowd::Crowd;
use super::lines::{LINE, lines};
use super::measure::{Measure, RESOURCES};
use serde::{Deserialize, Serialize};

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// One line at a time, forth and back: how long each takes
    Latency,
    /// Lines one way, as fast as they go
    OneWay,
    /// Lines both ways at once
    BothWays,
    /// The other side's screen takes nothing: what then?
    Stalled,
    /// Many short conversations, one after the other
    Goodbye,
    /// A hub with many clients: what it delivers, and how fast
    Hub,
}

/// How many lines a stalled side is offered at most: far more than a bounded one takes.
const STALLED_LINES: usize = 1_000_000;

impl Work {
    /// What it is called in a sentence.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Latency => "Latency",
            Self::OneWay => "One way",
            Self::BothWays => "Both ways at once",
            Self::Stalled => "Stalled peer",
            Self::Goodbye => "Start and goodbye",
            Self::Hub => "Hub",
        }
    }

    /// What it measures beside what all do. (Of a hub, latency only with one sender.)
    pub(super) fn measures(self) -> &'static [Measure] {
        match self {
            Self::Latency => &[Measure::P50Microseconds, Measure::P99Microseconds, Measure::P999Microseconds],
            Self::OneWay | Self::BothWays => &[Measure::LinesPerSecond, Measure::MegabytesPerSecond],
            Self::Stalled => {
                &[Measure::TakenBytes, Measure::SenderPeakMemoryBytes, Measure::OtherWayP50Microseconds]
            }
            Self::Goodbye => &[Measure::ConnectionsPerSecond],
            Self::Hub => &[
                Measure::DeliveriesPerSecond,
                Measure::DeliveredMegabytesPerSecond,
                Measure::P50Microseconds,
                Measure::P99Microseconds,
            ],
        }
    }

    /// What all works measure, as far as this one does.
    pub(super) fn resources(self) -> &'static [Measure] {
        match self {
            // Counting may take minutes: some make a system call for each delivery.
            Self::Hub => &RESOURCES[..RESOURCES.len() - 1],
            _ => &RESOURCES,
        }
    }

    /// The work for which its endpoints start and end alike. What that takes is measured with nothing to do.
    pub(super) fn idle(self) -> Self {
        match self {
            Self::Goodbye | Self::Hub => self,
            _ => Self::Latency,
        }
    }

    /// How many lines go from the caller to the listener, and how many the other way. Of conversations, how many. Of a hub,
    /// how many deliveries a flood makes, about, and how many messages are said to measure latency.
    pub(super) fn size(self, quick: bool) -> (usize, usize) {
        match (self, quick) {
            (Self::Latency, false) => (5_000, 5_000),
            (Self::Latency, true) => (500, 500),
            (Self::OneWay, false) => (2_000_000, 0),
            (Self::OneWay, true) => (500_000, 0),
            (Self::BothWays, false) => (1_000_000, 1_000_000),
            (Self::BothWays, true) => (250_000, 250_000),
            (Self::Stalled, false) => (STALLED_LINES, 200),
            (Self::Stalled, true) => (STALLED_LINES, 20),
            (Self::Goodbye, false) => (1_000, 0),
            (Self::Goodbye, true) => (100, 0),
            (Self::Hub, false) => (16_000_000, 200),
            (Self::Hub, true) => (500_000, 10),
        }
    }
}

/// A work, and of a hub with how many clients, and how many of them speak at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) clients: Option<usize>,
    pub(super) senders: Option<usize>,
}

impl Task {
    /// What it is called in a sentence.
    pub(super) fn title(self) -> String {
        let title = self.work.title();
        match (self.clients, self.senders) {
            (Some(clients), Some(1)) => format!("{title}, {clients} clients, 1 sender"),
            (Some(clients), Some(senders)) => format!("{title}, {clients} clients, {senders} senders"),
            _ => title.to_owned(),
        }
    }

    /// How much of it is done, as [`Work::size`] tells.
    pub(super) fn size(self, quick: bool) -> (usize, usize) {
        let (forth, back) = self.work.size(quick);
        // How long a line takes is measured once.
        (forth, if self.senders.is_some_and(|senders| senders > 1) { 0 } else { back })
    }
}

/// All lines of a work, made before the clock starts.
pub(super) struct Material {
    /// From the caller to the listener.
    pub(super) forth: Vec<u8>,
    /// From the listener to the caller.
    pub(super) back: Vec<u8>,
    /// Who says lines of its own.
    pub(super) crowd: Option<Crowd>,
}

impl Material {
    pub(super) fn of(task: Task, quick: bool) -> Self {
        let (forth, back) = task.size(quick);
        if let (Some(clients), Some(senders)) = (task.clients, task.senders) {
            let crowd = Crowd { clients, senders, deliveries: forth, messages: back };
            return Self { crowd: Some(crowd), ..Self::nothing() };
        }
        Self { forth: lines(b'f', 0..forth), back: lines(b'b', 0..back), crowd: None }
    }

    /// Nothing to do.
    pub(super) fn nothing() -> Self {
        Self { forth: Vec::new(), back: Vec::new(), crowd: None }
    }

    /// How many bytes go in both directions together.
    pub(super) fn bytes(&self) -> usize {
        self.forth.len() + self.back.len()
    }

    /// The same in lines.
    pub(super) fn lines(&self) -> usize {
        self.bytes() / LINE
    }
}
