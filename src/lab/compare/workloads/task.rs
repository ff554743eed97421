//! The workloads: who can do which, how much of it, and what is measured.

use super::hub::crowd::Crowd;
use crate::designs::Design;
use crate::lab::compare::harness::lines::{LINE, lines};
use crate::lab::compare::harness::redis::Fsync;
use crate::lab::compare::harness::subject::Subject;
use crate::lab::compare::measure::{Measure, RESOURCES, SYSTEM_CALLS};
use serde::{Deserialize, Serialize};

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// One line at a time, in both directions in turns: how long each takes
    Latency,
    /// Lines in one direction, as fast as possible
    OneWay,
    /// Lines in both directions at once
    BothWays,
    /// The listener's screen accepts nothing: what is accepted, and do lines still arrive the other way?
    Stalled,
    /// Many short conversations, one after the other
    Goodbye,
    /// A hub with many clients: how much it delivers, and how fast
    Hub,
    /// Lines in both directions at a steady rate: how long each takes from when it was due
    Steady,
    /// Several hubs as one, on a Redis server, beside one hub: how much they deliver, and how fast
    #[cfg_attr(not(feature = "link"), value(skip))]
    Linked,
    /// A hub half of whose clients are browsers, beside one of netcats alone: how much it delivers, and its memory
    #[cfg_attr(not(feature = "web"), value(skip))]
    Web,
}

/// The most lines a stalled side is offered: far more than a bounded one accepts.
const STALLED_LINES: usize = 1_000_000;

impl Workload {
    fn title(self) -> &'static str {
        match self {
            Self::Latency => "Latency",
            Self::OneWay => "One way",
            Self::BothWays => "Both ways at once",
            Self::Stalled => "Stalled peer",
            Self::Goodbye => "Start and goodbye",
            Self::Hub => "Hub",
            Self::Steady => "Steady rate",
            Self::Linked => "Linked hubs",
            Self::Web => "Browsers",
        }
    }

    /// Whether the subject takes part: a peer is what people use for two, another hub what they use for many.
    pub(crate) fn is_for(self, subject: &Subject) -> bool {
        match subject {
            Subject::Design(design) if matches!(self, Self::Linked | Self::Web) => {
                *design != Design::HalfDuplex
            }
            Subject::Linked(..) => self == Self::Linked,
            Subject::Web(..) => self == Self::Web,
            _ if matches!(self, Self::Linked | Self::Web) => false,
            Subject::Peer(_) | Subject::Baseline => self != Self::Hub,
            // Who serves one caller need not serve another.
            Subject::ChatPeer(_) => !matches!(self, Self::Goodbye | Self::Hub),
            Subject::Broker | Subject::SecureBroker | Subject::HubPeer(_) => self == Self::Hub,
            Subject::Design(_) | Subject::Traced(_) | Subject::Secure(_) => true,
            Subject::Viewed(_) => self == Self::Hub,
            // A code matters at the start only.
            Subject::WithCode(_) => self == Self::Goodbye,
        }
    }

    /// Why the subject cannot do this.
    pub(crate) fn impossible(self, subject: &Subject) -> Option<&'static str> {
        let in_turns = matches!(self, Self::Latency | Self::Goodbye);
        if subject.design() == Some(Design::HalfDuplex) && !in_turns {
            return Some("not possible in turns");
        }
        subject.missing()
    }

    /// What is measured beside [`RESOURCES`] and [`SYSTEM_CALLS`].
    fn measures(self) -> &'static [Measure] {
        match self {
            Self::Latency | Self::Steady => {
                &[Measure::P50Microseconds, Measure::P99Microseconds, Measure::P999Microseconds]
            }
            Self::OneWay | Self::BothWays => &[Measure::LinesPerSecond, Measure::MegabytesPerSecond],
            Self::Stalled => {
                &[Measure::TakenBytes, Measure::SenderPeakMemoryBytes, Measure::OtherWayP50Microseconds]
            }
            Self::Goodbye => &[Measure::ConnectionsPerSecond],
            Self::Linked => &[
                Measure::LinesPerSecond,
                Measure::P50Microseconds,
                Measure::P99Microseconds,
                Measure::AddedP50Microseconds,
                Measure::AddedP99Microseconds,
                Measure::SameHubP50Microseconds,
                Measure::SameHubP99Microseconds,
            ],
            Self::Web => &[
                Measure::DeliveriesPerSecond,
                Measure::DeliveredMegabytesPerSecond,
                Measure::P50Microseconds,
                Measure::P99Microseconds,
                Measure::IdleMemoryBytes,
                Measure::BrowserMemoryBytes,
            ],
            Self::Hub => &[
                Measure::DeliveriesPerSecond,
                Measure::DeliveredMegabytesPerSecond,
                Measure::P50Microseconds,
                Measure::P99Microseconds,
            ],
        }
    }

    /// Whether its lines are for many.
    pub(crate) fn is_of_hubs(self) -> bool {
        matches!(self, Self::Hub | Self::Linked | Self::Web)
    }

    /// Counting the system calls of a hub may take minutes: some make one for each delivery.
    fn counts_system_calls(self) -> bool {
        !self.is_of_hubs()
    }

    /// The workload whose endpoints start and end in the same way. That cost is measured in idle runs and subtracted.
    pub(crate) fn idle(self) -> Self {
        match self {
            Self::Goodbye | Self::Hub | Self::Linked | Self::Web => self,
            _ => Self::Latency,
        }
    }
}

/// A workload; for hubs, with a number of clients, and of those that send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    #[serde(rename = "work")]
    pub(crate) workload: Workload,
    /// How many hubs are one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hubs: Option<usize>,
    /// Of all hubs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) senders: Option<usize>,
    /// In each direction, of a steady rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines_per_second: Option<u32>,
}

impl Task {
    pub(crate) fn of(workload: Workload) -> Self {
        Self { workload, hubs: None, clients: None, senders: None, lines_per_second: None }
    }

    /// Whether the subject takes part. When Redis saves, and what a log costs, shows with two hubs; one hub with the clients
    /// of many would take minutes.
    pub(crate) fn is_for(self, subject: &Subject) -> bool {
        let is_of_many = self.hubs.is_some_and(|hubs| hubs > 2);
        self.workload.is_for(subject)
            && (!is_of_many || matches!(subject, Subject::Linked(_, Fsync::EverySecond)))
    }

    pub(crate) fn title(self) -> String {
        let title = self.workload.title();
        match (self.clients, self.hubs.or(self.senders)) {
            (Some(clients), Some(hubs)) if self.workload == Workload::Linked => {
                format!("{title}, {hubs} of {} clients each", clients / hubs)
            }
            (Some(clients), Some(1)) => format!("{title}, {clients} clients, 1 sender"),
            (Some(clients), Some(senders)) => format!("{title}, {clients} clients, {senders} senders"),
            _ => match self.lines_per_second {
                Some(rate) => format!("{title}, {rate} lines/s"),
                None => title.to_owned(),
            },
        }
    }

    /// What is measured, in the order of the columns.
    pub(crate) fn measures(self) -> impl Iterator<Item = Measure> + Clone {
        let (forth, back) = self.size(false);
        let has_latency = !self.workload.is_of_hubs() || back > 0;
        let calls = if self.workload.counts_system_calls() { &SYSTEM_CALLS[..] } else { &[] };
        let measures = self.workload.measures().iter().chain(&RESOURCES).chain(calls).copied();
        let measures = measures.filter(move |measure| has_latency || !measure.is_latency());
        let compared =
            [Measure::LinesPerSecond, Measure::AddedP50Microseconds, Measure::AddedP99Microseconds];
        measures.filter(move |measure| forth > 0 || !compared.contains(measure))
    }

    /// The number of lines from the caller to the listener, and of lines back. For `Goodbye`, the number of conversations.
    /// For a hub, the approximate number of deliveries, and the number of messages that measure latency; for linked hubs,
    /// the number of lines, and of those messages.
    pub(crate) fn size(self, quick: bool) -> (usize, usize) {
        match (self.workload, quick) {
            (Workload::Latency, false) => (5_000, 5_000),
            (Workload::Latency, true) => (500, 500),
            (Workload::OneWay, false) => (2_000_000, 0),
            (Workload::OneWay, true) => (500_000, 0),
            (Workload::BothWays, false) => (1_000_000, 1_000_000),
            (Workload::BothWays, true) => (250_000, 250_000),
            (Workload::Stalled, false) => (STALLED_LINES, 200),
            (Workload::Stalled, true) => (STALLED_LINES, 20),
            (Workload::Steady, _) => {
                let seconds = if quick { 1 } else { 5 };
                let lines = seconds * self.lines_per_second.unwrap_or_default() as usize;
                (lines, lines)
            }
            (Workload::Goodbye, false) => (1_000, 0),
            (Workload::Goodbye, true) => (100, 0),
            (Workload::Linked, false) => {
                if self.senders == Some(1) {
                    (0, 20)
                } else {
                    (1_000_000, 400)
                }
            }
            (Workload::Linked, true) => {
                if self.senders == Some(1) {
                    (0, 5)
                } else {
                    (50_000, 40)
                }
            }
            (Workload::Web, false) => (16_000_000, 200),
            (Workload::Web, true) => (500_000, 10),
            (Workload::Hub, false) => (16_000_000, if self.senders == Some(1) { 200 } else { 0 }),
            (Workload::Hub, true) => (500_000, if self.senders == Some(1) { 10 } else { 0 }),
        }
    }

    /// The number of messages in a second that measure the latency of hubs.
    pub(crate) fn rate(self) -> u32 {
        match (self.workload, self.senders) {
            // Thousands of clients, whom the process of the clients reads one after the other.
            (Workload::Linked, Some(1)) => 10,
            (Workload::Linked, _) => 200,
            _ => 100,
        }
    }
}

/// All lines of a task, made before the clock starts. The default is an idle run.
#[derive(Default)]
pub(crate) struct Material {
    pub(super) forth: Vec<u8>,
    pub(super) back: Vec<u8>,
    /// In each direction, if the rate is steady.
    pub(super) lines_per_second: u32,
    pub(super) crowd: Option<Crowd>,
    /// How many hubs are one, if they are linked.
    pub(super) hubs: Option<usize>,
    /// The hub lets browsers in, whether they come or not.
    pub(super) lets_browsers_in: bool,
}

impl Material {
    pub(crate) fn of(task: Task, quick: bool) -> Self {
        let (forth, back) = task.size(quick);
        if let (Some(clients), Some(senders)) = (task.clients, task.senders) {
            let deliveries = if task.workload == Workload::Linked { forth * (clients - 1) } else { forth };
            let crowd = Crowd { clients, senders, deliveries, messages: back, rate: task.rate() };
            let lets_browsers_in = task.workload == Workload::Web;
            return Self { crowd: Some(crowd), hubs: task.hubs, lets_browsers_in, ..Self::default() };
        }
        let lines_per_second = task.lines_per_second.unwrap_or_default();
        Self { forth: lines(b'f', 0..forth), back: lines(b'b', 0..back), lines_per_second, ..Self::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.forth.len() + self.back.len()
    }

    pub(super) fn lines(&self) -> usize {
        self.bytes() / LINE
    }
}
