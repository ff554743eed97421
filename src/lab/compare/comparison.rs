//! The rounds: in each, every row does the work once.

use super::bench::Bench;
use super::counter::Counter;
use super::measure::{Figures, Measure};
use super::progress::Progress;
use super::report::{Outcome, RowReport, WorkReport, summarize};
use super::resources;
use super::rows::Row;
use super::work::{Material, Task, Work};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How many rounds are done even if time is up: with fewer there would be no spread.
const ROUNDS: usize = 3;

/// All that stays the same from one work to the next.
pub(super) struct Comparison {
    bench: Bench,
    progress: Progress,
    contestants: Vec<Contestant>,
    rounds: usize,
    quick: bool,
    counter: Option<Counter>,
}

/// A row, and what its endpoints need to start and to end with nothing done in between, by [`Work::idle`].
struct Contestant {
    row: Row,
    idle: BTreeMap<Work, Figures>,
}

/// What has come of a row so far.
enum Runs {
    Absent(&'static str),
    Failed(String),
    InOrder { calls: Figures, rounds: Vec<Figures> },
}

impl Comparison {
    /// Has each row do this work, round by round, and at least [`ROUNDS`] times. The first round does not count: files are read, the
    /// processor gets up to speed, and system calls are counted. No round begins after `until`.
    pub(super) fn compare(&self, task: Task, until: Option<Instant>) -> WorkReport {
        let Task { work, clients, senders } = task;
        let material = Material::of(task, self.quick);
        let contestants: Vec<_> =
            self.contestants.iter().filter(|contestant| contestant.row.is_for(work)).collect();
        let start = |contestant: &&Contestant| match contestant.row.cannot(work) {
            Some(reason) => Runs::Absent(reason),
            None => Runs::InOrder { calls: Figures::new(), rounds: Vec::new() },
        };
        let mut all: Vec<Runs> = contestants.iter().map(start).collect();
        let mut done = 0;
        for round in 0..=self.rounds {
            if round > ROUNDS && until.is_some_and(|until| Instant::now() > until) {
                self.progress.done((self.rounds - done) * all.len());
                break;
            }
            for turn in 0..all.len() {
                // Another one is the first in each round.
                let at = (round + turn) % all.len();
                let contestant = contestants[at];
                self.progress.begin(format!("{}: {}", task.title(), contestant.row.name()));
                self.take_turn(&mut all[at], contestant, work, &material, round == 0);
                self.progress.done(1);
            }
            done = round;
        }
        let (forth, back) = task.size(self.quick);
        let rows = contestants.iter().map(|contestant| contestant.row).zip(all).collect();
        WorkReport { work, clients, senders, forth, back, rounds: done, rows: report(work, rows) }
    }

    /// Finds out what each row needs for nothing.
    pub(super) fn prepare(
        bench: Bench,
        progress: Progress,
        rows: Vec<Row>,
        works: &[Work],
        rounds: usize,
        quick: bool,
        counter: Option<Counter>,
    ) -> Self {
        let prepare = |row: Row| {
            progress.begin(format!("Nothing: {}", row.name()));
            let kinds: BTreeSet<Work> = works.iter().map(|work| work.idle()).collect();
            let idle = kinds.into_iter().map(|work| (work, idle(&bench, row, work, counter))).collect();
            progress.done(1);
            Contestant { row, idle }
        };
        let contestants = rows.into_iter().map(prepare).collect();
        Self { bench, progress, contestants, rounds, quick, counter }
    }

    fn take_turn(&self, runs: &mut Runs, of: &Contestant, work: Work, material: &Material, is_warm_up: bool) {
        let Runs::InOrder { calls, rounds } = runs else { return };
        let counter = self.counter.filter(|_| is_warm_up);
        let done = self.bench.run(of.row, work, material, counter).map(|mut figures| {
            resources::take_off(&of.idle[&work.idle()], &mut figures);
            figures
        });
        match done {
            Ok(figures) if is_warm_up => *calls = only(&[Measure::SystemCalls], figures),
            Ok(figures) => rounds.push(figures),
            Err(fault) if is_warm_up => *runs = Runs::Failed(format!("warm-up: {fault}")),
            Err(fault) => *runs = Runs::Failed(format!("round {}: {fault}", rounds.len() + 1)),
        }
    }
}

/// What has come of all rows. The ratios are to the floor, or among hubs to that of ncat.
fn report(work: Work, all: Vec<(Row, Runs)>) -> Vec<RowReport> {
    let base = all.iter().find_map(|(row, runs)| match (row, runs) {
        (Row::Floor | Row::Broker, Runs::InOrder { calls, rounds }) => {
            Some((*row, [calls.clone()], rounds.clone()))
        }
        _ => None,
    });
    let report = |(row, runs): (Row, Runs)| RowReport {
        row: row.name().to_owned(),
        lines_of_code: row.lines_of_code(work),
        outcome: match runs {
            Runs::Absent(reason) => Outcome::Absent { reason: reason.to_owned() },
            Runs::Failed(reason) => Outcome::Failed { reason },
            Runs::InOrder { calls, rounds } => {
                // To itself, it is 1, which need not be told.
                let base = base.as_ref().filter(|(base, ..)| row != *base);
                let mut figures = summarize(&rounds, base.map(|(.., rounds)| &rounds[..]));
                figures.append(&mut summarize(&[calls], base.map(|(_, calls, _)| &calls[..])));
                if base.is_some_and(|(base, ..)| *base == Row::Broker) {
                    figures.values_mut().for_each(|figure| figure.to_broker = figure.to_floor.take());
                }
                Outcome::Measured { figures }
            }
        },
    };
    all.into_iter().map(report).collect()
}

/// What is needed for nothing. If that fails, so will the work, and then it is told.
fn idle(bench: &Bench, row: Row, work: Work, counter: Option<Counter>) -> Figures {
    if !row.is_for(work) || row.cannot(work).is_some() {
        return Figures::new();
    }
    let run = |counter| bench.run(row, work, &Material::nothing(), counter).unwrap_or_default();
    let calls = counter.map(|counter| only(&[Measure::SystemCalls], run(Some(counter)))).unwrap_or_default();
    let runs = [run(None), run(None), run(None)];
    let middle = summarize(&runs, None).into_iter().map(|(measure, figure)| (measure, figure.spread.median));
    let measures = [Measure::CpuSeconds, Measure::VoluntarySwitches, Measure::InvoluntarySwitches];
    only(&measures, middle.collect()).into_iter().chain(calls).collect()
}

fn only(measures: &[Measure], mut figures: Figures) -> Figures {
    figures.retain(|measure, _| measures.contains(measure));
    figures
}
