//! The rounds: in each, every subject does the workload once, so that whatever disturbs the machine disturbs all alike.

use super::harness::Harness;
use super::harness::counter::Counter;
use super::harness::load::Load;
use super::harness::resources;
use super::harness::subject::Subject;
use super::measure::{Figures, Measure, SYSTEM_CALLS};
use super::report::progress::Progress;
use super::report::stats::Spread;
use super::report::summary::compare;
use super::report::{Outcome, Row, TaskReport, summarize};
use super::workloads;
use super::workloads::task::{Material, Task, Workload};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The rounds that are done even if the time for a task is up: with fewer there is no interval.
const MIN_ROUNDS: usize = 3;

pub(super) struct Rounds {
    pub(super) harness: Harness,
    pub(super) progress: Progress,
    /// The number of rounds, not counting the warm-up.
    pub(super) count: usize,
    pub(super) quick: bool,
    pub(super) counter: Option<Counter>,
}

/// A subject, and what it uses to start and to end with nothing in between, by [`Workload::idle`].
pub(super) struct Contestant {
    subject: Subject,
    idle: BTreeMap<Workload, Figures>,
}

/// The runs of a subject so far.
enum Runs {
    Absent(&'static str),
    Failed(String),
    Measured { calls: Figures, rounds: Vec<Figures> },
}

impl Rounds {
    /// Measures the idle runs of each subject.
    pub(super) fn prepare(&self, subjects: Vec<Subject>, workloads: &BTreeSet<Workload>) -> Vec<Contestant> {
        let prepare = |subject: Subject| {
            self.progress.begin(format!("Idle: {}", subject.name()));
            let kinds: BTreeSet<Workload> = workloads.iter().map(|workload| workload.idle()).collect();
            let idle = kinds.into_iter().map(|workload| (workload, self.idle(&subject, workload))).collect();
            self.progress.finish(1);
            Contestant { subject, idle }
        };
        subjects.into_iter().map(prepare).collect()
    }

    /// Does a task round by round. A warm-up comes first, which loads files, wakes the processor, and counts system calls.
    /// After the first limit, no round begins but the first [`MIN_ROUNDS`]; after the second, none but the very first.
    pub(super) fn run(
        &self,
        task: Task,
        contestants: &[Contestant],
        limits: Option<(Instant, Instant)>,
    ) -> TaskReport {
        let material = Material::of(task, self.quick);
        let contestants: Vec<&Contestant> =
            contestants.iter().filter(|contestant| task.is_for(&contestant.subject)).collect();
        let start = |contestant: &&Contestant| match task.workload.impossible(&contestant.subject) {
            Some(reason) => Runs::Absent(reason),
            None => Runs::Measured { calls: Figures::default(), rounds: Vec::new() },
        };
        let mut all: Vec<Runs> = contestants.iter().map(start).collect();
        let (mut done, mut meanwhile) = (0, Vec::new());
        let is_over = |limit| Instant::now() > limit;
        // After the second limit there is no time for a warm-up either.
        let first = usize::from(limits.is_some_and(|(_, end)| is_over(end)));
        self.progress.finish(first * all.len());
        for round in first..=self.count {
            if limits
                .is_some_and(|(until, end)| round > MIN_ROUNDS && is_over(until) || round > 1 && is_over(end))
            {
                self.progress.finish((self.count - done) * all.len());
                break;
            }
            let before = Load::now();
            for at in order(round, all.len()) {
                self.progress.begin(format!("{}: {}", task.title(), contestants[at].subject.name()));
                self.take_turn(&mut all[at], contestants[at], task.workload, &material, round == 0);
                self.progress.finish(1);
            }
            done = round;
            let now = Load::now().filter(|_| round > 0);
            meanwhile.extend(now.zip(before).and_then(|(now, before)| now.since(&before)));
        }
        let (forth, back) = task.size(self.quick);
        let subjects = contestants.iter().map(|contestant| &contestant.subject);
        let rows = rows(task, subjects.zip(all).collect());
        let compared = compare(task.workload, task.senders, &rows);
        TaskReport { task, forth, back, rounds: done, meanwhile, compared, rows }
    }

    fn take_turn(
        &self,
        runs: &mut Runs,
        contestant: &Contestant,
        workload: Workload,
        material: &Material,
        is_warm_up: bool,
    ) {
        let Runs::Measured { calls, rounds } = runs else { return };
        let counter = self.counter.filter(|_| is_warm_up);
        let done = workloads::run(&self.harness, &contestant.subject, workload, material, counter);
        let done = done.map(|mut figures| {
            resources::subtract(&contestant.idle[&workload.idle()], &mut figures);
            figures
        });
        match done {
            Ok(figures) if is_warm_up => *calls = only(&SYSTEM_CALLS, figures),
            Ok(figures) => rounds.push(figures),
            Err(fault) if is_warm_up => *runs = Runs::Failed(format!("warm-up: {fault}")),
            Err(fault) => *runs = Runs::Failed(format!("round {}: {fault}", rounds.len() + 1)),
        }
    }

    /// What a subject uses for nothing. If this fails, the workload will fail, too, and report why.
    fn idle(&self, subject: &Subject, workload: Workload) -> Figures {
        if !workload.is_for(subject) || workload.impossible(subject).is_some() {
            return Figures::default();
        }
        let run = |counter| {
            let material = Material::default();
            workloads::run(&self.harness, subject, workload, &material, counter).unwrap_or_default()
        };
        let calls = self.counter.map(|counter| only(&SYSTEM_CALLS, run(Some(counter))));
        let runs = [run(None), run(None), run(None)];
        let medians =
            summarize(&runs, None).into_iter().map(|(measure, figure)| (measure, figure.spread.median));
        let measures = [Measure::CpuSeconds, Measure::VoluntarySwitches, Measure::InvoluntarySwitches];
        let mut idle = only(&measures, medians.collect());
        idle.extend(calls.unwrap_or_default().iter());
        idle
    }
}

/// The order of a round. Two rounds in a row have opposite orders, so that a machine that gets slower from run to run
/// favours nobody; another subject begins each two.
pub(super) fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).map(|turn| (round / 2 + turn) % count).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// The ratios are to the baseline, among hubs to `ncat --broker`, of linked hubs to an unlinked one, or with browsers to netcats
/// alone.
fn rows(task: Task, all: Vec<(&Subject, Runs)>) -> Vec<Row> {
    let measured = all.iter().filter_map(|(subject, runs)| match runs {
        Runs::Measured { calls, rounds } => Some((*subject, [calls.clone()], rounds.clone())),
        _ => None,
    });
    let measured: Vec<_> = measured.collect();
    let row = |(subject, runs): (&Subject, Runs)| Row {
        subject: subject.name(),
        lines_of_code: subject.lines_of_code(task.workload.is_of_hubs()),
        outcome: match runs {
            Runs::Absent(reason) => Outcome::Absent { reason: reason.to_owned() },
            Runs::Failed(reason) => Outcome::Failed { reason },
            Runs::Measured { calls, mut rounds } => {
                let baseline = measured.iter().find(|(baseline, ..)| baseline.is_baseline_of(subject));
                if let Some((.., others)) = baseline {
                    let pairs = rounds.iter_mut().zip(others);
                    match subject {
                        Subject::Linked(..) => pairs.for_each(|(round, unlinked)| add_added(round, unlinked)),
                        Subject::Web(_) => {
                            let browsers = task.clients.unwrap_or_default() / 2;
                            pairs.for_each(|(round, netcats)| add_memory(round, netcats, browsers));
                        }
                        _ => {}
                    }
                }
                let mut figures = summarize(&rounds, baseline.map(|(.., rounds)| &rounds[..]));
                figures.append(&mut summarize(&[calls], baseline.map(|(_, calls, _)| &calls[..])));
                for figure in figures.values_mut() {
                    match (baseline, subject) {
                        (_, Subject::Linked(..)) => figure.to_unlinked = figure.to_floor.take(),
                        (_, Subject::Web(_)) => figure.to_netcats = figure.to_floor.take(),
                        (Some((Subject::Broker, ..)), _) => figure.to_broker = figure.to_floor.take(),
                        _ => {}
                    }
                }
                Outcome::Measured { figures, cpu_seconds_by_thread: by_thread(subject, &rounds) }
            }
        },
    };
    all.into_iter().map(row).collect()
}

/// Adds by how much more a line takes in linked hubs than in the unlinked one in the same round.
fn add_added(linked: &mut Figures, unlinked: &Figures) {
    for (of, added) in [
        (Measure::P50Microseconds, Measure::AddedP50Microseconds),
        (Measure::P99Microseconds, Measure::AddedP99Microseconds),
    ] {
        if let Some((with, without)) = linked.get(&of).zip(unlinked.get(&of)) {
            let difference = with - without;
            linked.insert(added, difference);
        }
    }
}

/// Adds how much more memory a client takes that is a browser than in the hub of netcats in the same round.
fn add_memory(with: &mut Figures, netcats: &Figures, browsers: usize) {
    let idle = Measure::IdleMemoryBytes;
    if let Some((with_browsers, without)) = with.get(&idle).zip(netcats.get(&idle)) {
        let each = (with_browsers - without) / browsers as f64;
        with.insert(Measure::BrowserMemoryBytes, each);
    }
}

/// The median of the processor time of each thread. Only the names of ours say something.
fn by_thread(subject: &Subject, rounds: &[Figures]) -> BTreeMap<String, f64> {
    let names: BTreeSet<&String> = rounds.iter().flat_map(|round| round.threads.keys()).collect();
    let median = |name: &String| {
        let times = rounds.iter().map(|round| round.threads.get(name).copied().unwrap_or_default());
        Spread::of(&Vec::from_iter(times)).median
    };
    let names = names.into_iter().filter(|_| subject.design().is_some());
    names.map(|name| (name.clone(), median(name))).collect()
}

fn only(measures: &[Measure], mut figures: Figures) -> Figures {
    figures.retain(|measure, _| measures.contains(measure));
    figures
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::designs::Design;
    use crate::lab::compare::harness::redis::Fsync;

    fn task(workload: Workload) -> Task {
        Task { clients: Some(20), senders: Some(2), ..Task::of(workload) }
    }

    #[test]
    fn what_a_browser_takes_is_the_difference_to_the_netcats_of_the_same_round() {
        let runs = |memory: [f64; 3]| {
            let rounds = memory.map(|bytes| Figures::from([(Measure::IdleMemoryBytes, bytes)]));
            Runs::Measured { calls: Figures::default(), rounds: rounds.to_vec() }
        };
        let [netcats, browsers] = [Subject::Design(Design::Threads), Subject::Web(Design::Threads)];
        let all = vec![(&netcats, runs([5e6, 6e6, 7e6])), (&browsers, runs([5.1e6, 6.02e6, 7.03e6]))];
        let rows = rows(task(Workload::Web), all);
        let Outcome::Measured { figures, .. } = &rows[1].outcome else { panic!("not measured") };
        assert_eq!(figures[&Measure::BrowserMemoryBytes].rounds, [10_000.0, 2_000.0, 3_000.0]);
        let figure = &figures[&Measure::IdleMemoryBytes];
        assert!(figure.to_netcats.is_some() && figure.to_floor.is_none());
    }

    #[test]
    fn what_a_log_adds_is_taken_round_by_round_from_the_unlinked_hub_of_the_same_design() {
        let runs = |times: [f64; 3]| {
            let rounds = times.map(|time| Figures::from([(Measure::P50Microseconds, time)]));
            Runs::Measured { calls: Figures::default(), rounds: rounds.to_vec() }
        };
        let [threads, select] = [Design::Threads, Design::Select].map(Subject::Design);
        let linked = Subject::Linked(Design::Select, Fsync::EverySecond);
        let all = vec![
            (&threads, runs([900.0; 3])),
            (&linked, runs([500.0, 700.0, 1600.0])),
            (&select, runs([200.0, 350.0, 400.0])),
        ];
        let rows = rows(task(Workload::Linked), all);
        let Outcome::Measured { figures, .. } = &rows[1].outcome else { panic!("not measured") };
        assert_eq!(figures[&Measure::AddedP50Microseconds].rounds, [300.0, 350.0, 1200.0]);
        let figure = &figures[&Measure::P50Microseconds];
        assert!(
            (figure.to_unlinked.as_ref().unwrap().median - 2.5).abs() < 1e-9 && figure.to_floor.is_none()
        );
        let Outcome::Measured { figures, .. } = &rows[2].outcome else { panic!("not measured") };
        assert!(!figures.contains_key(&Measure::AddedP50Microseconds));
    }
}
