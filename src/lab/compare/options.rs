//! What to compare: the subjects, the tasks and the number of rounds that follow from the options.

use super::harness::redis::Fsync;
use super::harness::subject::{ChatPeer, HubPeer, PEERS, SECURE_PEERS, Subject};
use super::workloads::task::{Task, Workload};
use crate::designs::Design;
use crate::platform::raise_descriptor_limit;
use crate::rules::failure::Failure;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::path::PathBuf;
use std::time::Duration;

/// What to compare, and where to report it. `None` stands for the default.
#[derive(Debug)]
pub struct Options {
    /// The workloads; by default all but the steady rate, that of linked hubs, which needs a Redis server, and that of browsers.
    pub workloads: Option<Vec<Workload>>,
    /// The designs; all by default.
    pub designs: Option<Vec<Design>>,
    /// Also measure ncat, nc and socat, where they are installed.
    pub peers: bool,
    /// Other programs for two people to measure.
    pub chat_peers: Vec<ChatPeer>,
    /// The numbers of clients of a hub, of each of many linked hubs, and of a hub with browsers.
    pub hub_clients: Option<Vec<usize>>,
    /// The steady rates, in lines a second in each direction.
    pub rates: Option<Vec<u32>>,
    /// Other hubs to measure.
    pub hub_peers: Vec<HubPeer>,
    /// Measure each design once more while it records a trace.
    pub trace: bool,
    /// Measure the hub of each full-duplex design once more while somebody views it on its page `/live`.
    pub live: bool,
    /// Measure each full-duplex design once more while it encrypts, and with `peers` also those that can.
    pub secure: bool,
    /// Do less of everything, in less than 30 seconds.
    pub quick: bool,
    /// The number of rounds, not counting the warm-up.
    pub rounds: Option<usize>,
    /// Print all figures after the summary.
    pub details: bool,
    /// Measure nothing, and compare the figures of these two files, one from before and one from after.
    pub diff: Option<[PathBuf; 2]>,
    /// The file for all figures. The path `-` is standard output.
    pub json: Option<PathBuf>,
    /// The file for the page. The path `-` is standard output.
    pub html: Option<PathBuf>,
}

/// The steady rate, unless others are asked for.
const RATE: u32 = 10_000;

/// After this time a quick comparison starts no more rounds than it must; after twice this time with peers.
const QUICK: Duration = Duration::from_secs(23);
/// Still later, because the machine is too busy to be believed, it does one round of what is left.
pub(super) const HURRY: Duration = Duration::from_secs(3);

/// The number of linked hubs for a crowd.
const MANY: usize = 8;
/// The descriptors of a process that are not those of clients, and some more.
const SPARE: usize = 100;

impl Options {
    /// The baseline is always there, for the ratios.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let mut subjects = vec![Subject::Baseline];
        for design in each_once(self.designs.as_deref().unwrap_or(Design::value_variants())) {
            subjects.push(Subject::Design(design));
            subjects.extend(self.trace.then_some(Subject::Traced(design)));
            subjects.extend((self.live && design != Design::HalfDuplex).then_some(Subject::Viewed(design)));
            if self.has(Workload::Linked) && design != Design::HalfDuplex {
                subjects
                    .extend([Fsync::EverySecond, Fsync::Always].map(|fsync| Subject::Linked(design, fsync)));
            }
            let has_browsers = self.has(Workload::Web) && design != Design::HalfDuplex;
            subjects.extend(has_browsers.then_some(Subject::Web(design)));
            if self.secure && design != Design::HalfDuplex {
                subjects.extend([Subject::Secure(design), Subject::WithCode(design)]);
            }
        }
        if self.peers {
            subjects.extend(PEERS.map(Subject::Peer));
            subjects.push(Subject::Broker);
            if self.secure {
                subjects.extend(SECURE_PEERS.map(Subject::Peer));
                subjects.push(Subject::SecureBroker);
            }
        }
        subjects.extend(self.chat_peers.iter().cloned().map(Subject::ChatPeer));
        subjects.extend(self.hub_peers.iter().cloned().map(Subject::HubPeer));
        subjects
    }

    /// Each workload; the hub with each number of clients and of senders.
    pub(super) fn tasks(&self) -> Vec<Task> {
        let sizes = if self.quick { &[10, 50][..] } else { &[10, 50, 200, 1000] };
        let sizes = each_once(self.hub_clients.as_deref().unwrap_or(sizes));
        let senders = if self.quick { &[1][..] } else { &[1, 10] };
        let mut tasks = Vec::new();
        for workload in self.workloads() {
            if workload == Workload::Linked {
                let hubs_of = |hubs, each, senders| Task {
                    hubs: Some(hubs),
                    clients: Some(hubs * each),
                    senders: Some(senders),
                    ..Task::of(workload)
                };
                tasks.push(hubs_of(2, 10, 2));
                let sizes = self.hub_clients.as_deref().map_or_else(|| vec![self.crowd_of_many()], each_once);
                tasks.extend(sizes.into_iter().map(|each| hubs_of(MANY, each, 1)));
            } else if workload == Workload::Web {
                // One sender is a netcat, and one a browser.
                let sizes =
                    self.hub_clients.as_deref().map_or_else(|| vec![self.crowd_with_browsers()], each_once);
                tasks.extend(sizes.into_iter().map(|clients| Task {
                    clients: Some(clients),
                    senders: Some(2),
                    ..Task::of(workload)
                }));
            } else if workload == Workload::Hub {
                let all =
                    sizes.iter().flat_map(|clients| senders.iter().map(move |senders| (clients, senders)));
                let possible = all.filter(|(clients, senders)| senders <= clients);
                tasks.extend(possible.map(|(&clients, &senders)| Task {
                    clients: Some(clients),
                    senders: Some(senders),
                    ..Task::of(workload)
                }));
            } else if workload == Workload::Steady {
                let with_rate = |rate| Task { lines_per_second: Some(rate), ..Task::of(workload) };
                tasks.extend(each_once(self.rates.as_deref().unwrap_or(&[RATE])).into_iter().map(with_rate));
            } else {
                tasks.push(Task::of(workload));
            }
        }
        tasks
    }

    pub(super) fn has(&self, workload: Workload) -> bool {
        self.workloads().contains(&workload)
    }

    fn workloads(&self) -> Vec<Workload> {
        let is_default =
            |workload: &Workload| !matches!(workload, Workload::Steady | Workload::Linked | Workload::Web);
        let default = || Workload::value_variants().iter().copied().filter(is_default).collect();
        self.workloads.as_deref().map_or_else(default, each_once)
    }

    /// How many clients each of many linked hubs has: a thousand, if the process of the clients may have that many descriptors.
    fn crowd_of_many(&self) -> usize {
        let possible =
            raise_descriptor_limit().map_or(usize::MAX, |limit| limit.saturating_sub(SPARE) / MANY);
        if self.quick { 20 } else { possible.clamp(2, 1000) }
    }

    /// How many clients a hub with browsers has: a thousand of each kind, if there may be that many descriptors.
    fn crowd_with_browsers(&self) -> usize {
        let possible = raise_descriptor_limit().map_or(usize::MAX, |limit| limit.saturating_sub(SPARE));
        if self.quick { 40 } else { possible.clamp(2, 2000) }
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 5 } else { 9 })
    }

    /// # Errors
    /// An option is about a work that is not to be done.
    pub(super) fn check(&self) -> Result<(), Failure> {
        use Workload::{Hub, Linked, Steady, Web};
        let about: [(_, _, &[_]); 4] = [
            ("--rate", self.rates.is_some(), &[Steady]),
            ("--hub-clients", self.hub_clients.is_some(), &[Hub, Linked, Web]),
            ("--hub-peer", !self.hub_peers.is_empty(), &[Hub]),
            ("--live", self.live, &[Hub]),
        ];
        let is_idle =
            |(_, is_given, works): &(_, bool, &[_])| *is_given && !works.iter().any(|work| self.has(*work));
        match about.into_iter().find(is_idle) {
            Some((option, _, works)) => {
                let work = works[0].to_possible_value();
                let work = work.as_ref().map_or("", PossibleValue::get_name);
                Err(format!("{option} needs --work {work}").into())
            }
            None => Ok(()),
        }
    }

    /// How long the rounds may take; `None` if their number was chosen.
    pub(super) fn limit(&self) -> Option<Duration> {
        let limit = if self.peers { QUICK * 2 } else { QUICK };
        (self.quick && self.rounds.is_none()).then_some(limit)
    }

    /// How long it takes, for who waits.
    pub(super) fn how_long(&self) -> &'static str {
        match (self.limit(), self.peers) {
            (Some(_), false) => "This takes half a minute at most.",
            (Some(_), true) => "This takes a minute at most.",
            (None, _) => {
                "This can take some minutes. (--quick takes half a minute, and with --peers a minute.)"
            }
        }
    }
}

fn each_once<T: Copy + PartialEq>(chosen: &[T]) -> Vec<T> {
    let is_first = |(at, one): (usize, &T)| (!chosen[..at].contains(one)).then_some(*one);
    chosen.iter().enumerate().filter_map(is_first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::compare::measure::Measure;

    fn options(workloads: Option<Vec<Workload>>) -> Options {
        Options {
            workloads,
            designs: None,
            peers: false,
            chat_peers: Vec::new(),
            hub_clients: Some(vec![3, 5]),
            hub_peers: Vec::new(),
            trace: true,
            live: false,
            secure: false,
            quick: true,
            rounds: None,
            details: false,
            rates: None,
            diff: None,
            json: None,
            html: None,
        }
    }

    fn linked(options: &Options) -> usize {
        options.subjects().iter().filter(|subject| matches!(subject, Subject::Linked(..))).count()
    }

    #[test]
    fn linked_hubs_are_measured_only_if_they_are_asked_for() {
        let options = options(None);
        assert!(options.tasks().iter().all(|task| task.workload != Workload::Linked));
        assert_eq!(linked(&options), 0);
    }

    #[test]
    fn a_hub_with_browsers_is_measured_beside_the_same_number_of_netcats() {
        assert!(options(None).tasks().iter().all(|task| task.workload != Workload::Web));
        let options = options(Some(vec![Workload::Web]));
        let (tasks, subjects) = (options.tasks(), options.subjects());
        assert_eq!(tasks.iter().map(|task| task.clients).collect::<Vec<_>>(), [Some(3), Some(5)]);
        let names = subjects.iter().filter(|subject| tasks[0].is_for(subject)).map(Subject::name);
        assert_eq!(names.collect::<Vec<_>>(), ["threads", "threads --web", "select", "select --web"]);
    }

    #[test]
    fn two_linked_hubs_have_lines_to_count_and_eight_have_each_number_of_clients() {
        let options = options(Some(vec![Workload::Linked]));
        let tasks = options.tasks();
        let sizes: Vec<_> = tasks.iter().map(|task| (task.hubs, task.clients, task.senders)).collect();
        let sizes_of = |hubs, clients, senders| (Some(hubs), Some(clients), Some(senders));
        assert_eq!(sizes, [sizes_of(2, 20, 2), sizes_of(8, 24, 1), sizes_of(8, 40, 1)]);
        let counts = |task: &Task| task.measures().any(|measure| measure == Measure::LinesPerSecond);
        assert_eq!(tasks.iter().map(counts).collect::<Vec<_>>(), [true, false, false]);
        // Both designs that have a hub, each with both ways to save.
        assert_eq!(linked(&options), 4);
    }
}
