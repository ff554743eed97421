//! The rounds: in each, every subject does the workload once, so that whatever disturbs the machine disturbs all alike.

use super::harness::Harness;
use super::harness::counter::Counter;
use super::harness::resources;
use super::harness::subject::Subject;
use super::measure::{Figures, Measure};
use super::report::progress::Progress;
use super::report::{Outcome, Row, TaskReport, summarize};
use super::workloads;
use super::workloads::task::{Material, Task, Workload};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The rounds that are done even if time is up: with fewer there would be no spread.
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
    /// After `until`, no round begins but the first [`MIN_ROUNDS`].
    pub(super) fn run(&self, task: Task, contestants: &[Contestant], until: Option<Instant>) -> TaskReport {
        let material = Material::of(task, self.quick);
        let contestants: Vec<&Contestant> =
            contestants.iter().filter(|contestant| task.workload.is_for(&contestant.subject)).collect();
        let start = |contestant: &&Contestant| match task.workload.impossible(&contestant.subject) {
            Some(reason) => Runs::Absent(reason),
            None => Runs::Measured { calls: Figures::new(), rounds: Vec::new() },
        };
        let mut all: Vec<Runs> = contestants.iter().map(start).collect();
        let mut done = 0;
        for round in 0..=self.count {
            if round > MIN_ROUNDS && until.is_some_and(|until| Instant::now() > until) {
                self.progress.finish((self.count - done) * all.len());
                break;
            }
            for turn in 0..all.len() {
                // A different subject begins each round.
                let at = (round + turn) % all.len();
                self.progress.begin(format!("{}: {}", task.title(), contestants[at].subject.name()));
                self.take_turn(&mut all[at], contestants[at], task.workload, &material, round == 0);
                self.progress.finish(1);
            }
            done = round;
        }
        let (forth, back) = task.size(self.quick);
        let subjects = contestants.iter().map(|contestant| &contestant.subject);
        let rows = rows(task.workload, subjects.zip(all).collect());
        TaskReport { task, forth, back, rounds: done, rows }
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
            Ok(figures) if is_warm_up => *calls = only(&[Measure::SystemCalls], figures),
            Ok(figures) => rounds.push(figures),
            Err(fault) if is_warm_up => *runs = Runs::Failed(format!("warm-up: {fault}")),
            Err(fault) => *runs = Runs::Failed(format!("round {}: {fault}", rounds.len() + 1)),
        }
    }

    /// What a subject uses for nothing. If this fails, the workload will fail, too, and report why.
    fn idle(&self, subject: &Subject, workload: Workload) -> Figures {
        if !workload.is_for(subject) || workload.impossible(subject).is_some() {
            return Figures::new();
        }
        let run = |counter| {
            let material = Material::default();
            workloads::run(&self.harness, subject, workload, &material, counter).unwrap_or_default()
        };
        let calls = self.counter.map(|counter| only(&[Measure::SystemCalls], run(Some(counter))));
        let runs = [run(None), run(None), run(None)];
        let medians =
            summarize(&runs, None).into_iter().map(|(measure, figure)| (measure, figure.spread.median));
        let measures = [Measure::CpuSeconds, Measure::VoluntarySwitches, Measure::InvoluntarySwitches];
        only(&measures, medians.collect()).into_iter().chain(calls.unwrap_or_default()).collect()
    }
}

/// The ratios are to the baseline, or among hubs to `ncat --broker`.
fn rows(workload: Workload, all: Vec<(&Subject, Runs)>) -> Vec<Row> {
    let baseline = all.iter().find_map(|(subject, runs)| match (subject, runs) {
        (Subject::Baseline | Subject::Broker, Runs::Measured { calls, rounds }) => {
            Some((*subject, [calls.clone()], rounds.clone()))
        }
        _ => None,
    });
    let row = |(subject, runs): (&Subject, Runs)| Row {
        subject: subject.name(),
        lines_of_code: subject.lines_of_code(workload == Workload::Hub),
        outcome: match runs {
            Runs::Absent(reason) => Outcome::Absent { reason: reason.to_owned() },
            Runs::Failed(reason) => Outcome::Failed { reason },
            Runs::Measured { calls, rounds } => {
                let baseline = baseline.as_ref().filter(|(baseline, ..)| subject != *baseline);
                let mut figures = summarize(&rounds, baseline.map(|(.., rounds)| &rounds[..]));
                figures.append(&mut summarize(&[calls], baseline.map(|(_, calls, _)| &calls[..])));
                if baseline.is_some_and(|(baseline, ..)| **baseline == Subject::Broker) {
                    figures.values_mut().for_each(|figure| figure.to_broker = figure.to_floor.take());
                }
                Outcome::Measured { figures }
            }
        },
    };
    all.into_iter().map(row).collect()
}

fn only(measures: &[Measure], mut figures: Figures) -> Figures {
    figures.retain(|measure, _| measures.contains(measure));
    figures
}
