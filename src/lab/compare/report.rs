//! What a comparison found, as it is written as JSON. The structure is documented in `docs/compare.md`.

use super::machine::Machine;
use super::measure::{Figures, Measure};
use super::stats::Spread;
use super::work::{Task, Work};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the structure. It changes when a reader of the one before would misread it.
pub(super) const FORMAT: u32 = 1;

/// A whole comparison.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// [`FORMAT`].
    pub(super) format: u32,
    /// When it began, in UTC.
    pub(super) date: String,
    /// Where it ran, and what.
    pub(super) machine: Machine,
    /// What was asked for.
    pub(super) options: Chosen,
    /// With what system calls were counted.
    pub(super) system_calls_counted_by: Option<String>,
    /// Why they were not.
    pub(super) system_calls_not_counted: Option<String>,
    /// What was found, a work each.
    pub(super) works: Vec<WorkReport>,
}

/// What was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Chosen {
    /// Less of everything.
    pub(super) quick: bool,
    /// How many rounds were to be measured, after one that does not count.
    pub(super) rounds: usize,
    /// Whether the programs were to be compared to that people would use instead.
    pub(super) peers: bool,
}

/// What was found of one work.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WorkReport {
    /// Which.
    pub(super) work: Work,
    /// With how many clients, if it is about a hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) clients: Option<usize>,
    /// How many of them speak at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) senders: Option<usize>,
    /// How many lines a round sends from the caller to the listener (or how many conversations it holds, or
    /// deliveries it makes in a flood).
    pub(super) forth: usize,
    /// How many the other way (or messages for latency it says).
    pub(super) back: usize,
    /// How many rounds were measured: fewer than asked for if the time was up.
    pub(super) rounds: usize,
    /// What was found, a row each.
    pub(super) rows: Vec<RowReport>,
}

/// What was found of one row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RowReport {
    /// Its name.
    pub(super) row: String,
    /// How many lines of code it is, if it is ours.
    pub(super) lines_of_code: Option<u32>,
    /// What came of it.
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

/// What came of a row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Outcome {
    /// All rounds were in order.
    Measured {
        /// What they gave.
        figures: BTreeMap<Measure, Figure>,
    },
    /// A round was not, so that no figure of the row is worth anything.
    Failed {
        /// What was wrong.
        reason: String,
    },
    /// It cannot do this work, or is not there.
    Absent {
        /// Why.
        reason: String,
    },
}

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Figure {
    /// Of all rounds.
    #[serde(flatten)]
    pub(super) spread: Spread,
    /// As a multiple of the floor's.
    pub(super) to_floor: Option<Ratio>,
    /// As a multiple of `ncat --broker`'s, among hubs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to_broker: Option<Ratio>,
    /// The value of each round.
    pub(super) rounds: Vec<f64>,
}

/// How a figure compares to another.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Ratio {
    /// The ratio of the medians.
    pub(super) of_medians: f64,
    /// The ratios round by round: what disturbs a whole round disturbs both.
    pub(super) of_rounds: Spread,
}

impl WorkReport {
    /// What it is called in a sentence.
    pub(super) fn title(&self) -> String {
        Task { work: self.work, clients: self.clients, senders: self.senders }.title()
    }

    /// What is measured of it, in the order of the columns.
    pub(super) fn measures(&self) -> impl Iterator<Item = Measure> + Clone {
        let has_latency = self.senders.is_none_or(|senders| senders == 1);
        let measures = self.work.measures().iter().chain(self.work.resources()).copied();
        measures.filter(move |measure| has_latency || !measure.is_latency())
    }

    /// The figures of a row, if it was measured.
    pub(super) fn figures(&self, row: &str) -> Option<&BTreeMap<Measure, Figure>> {
        self.rows.iter().find(|candidate| candidate.row == row).and_then(RowReport::figures)
    }
}

impl RowReport {
    /// The figures, if it was measured.
    pub(super) fn figures(&self) -> Option<&BTreeMap<Measure, Figure>> {
        match &self.outcome {
            Outcome::Measured { figures } => Some(figures),
            _ => None,
        }
    }
}

impl Figure {
    /// To the floor's, or among hubs to that of `ncat --broker`.
    pub(super) fn ratio(&self) -> Option<&Ratio> {
        self.to_floor.as_ref().or(self.to_broker.as_ref())
    }

    /// Whether chance alone would hardly make the rounds of two rows that are alike so different: the quartiles do not
    /// overlap, and the same one was ahead in every round, of seven or more all but one. With three or four rounds that
    /// happens too often (with three, once in five times), and so no round of one may reach any of the other.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        let count = self.rounds.len().min(other.rounds.len());
        let is_ahead = self.spread.median > other.spread.median;
        let agrees = |one: f64, other: f64| (one > other) == is_ahead && one != other;
        let rounds_agree = match count {
            0..3 => false,
            3..5 => self.rounds.iter().all(|&one| other.rounds.iter().all(|&other| agrees(one, other))),
            _ => {
                let rounds = self.rounds.iter().zip(&other.rounds);
                rounds.filter(|&(&one, &other)| !agrees(one, other)).count() <= count / 7
            }
        };
        rounds_agree && self.spread.differs_from(&other.spread)
    }
}

impl Report {
    /// The rows that failed: of which work, who, and why.
    pub(super) fn failures(&self) -> impl Iterator<Item = (&WorkReport, &str, &str)> {
        self.works.iter().flat_map(|work| {
            work.rows.iter().filter_map(move |row| match &row.outcome {
                Outcome::Failed { reason } => Some((work, &*row.row, &**reason)),
                _ => None,
            })
        })
    }
}

/// In how many rounds, and of how many, the other way stopped while a peer was stalled: fewer than `back` lines came. For some it is a matter of where
/// in its loop it got stuck.
pub(super) fn stopped(figures: &BTreeMap<Measure, Figure>, back: usize) -> (usize, usize) {
    let rounds = figures.get(&Measure::OtherWayLines).map_or(&[][..], |figure| &figure.rounds);
    (rounds.iter().filter(|&&lines| lines < back as f64).count(), rounds.len())
}

/// The figures of all rounds, beside those of the floor. One that not every round gave is left out.
pub(super) fn summarize(rounds: &[Figures], floor: Option<&[Figures]>) -> BTreeMap<Measure, Figure> {
    let values = |rounds: &[Figures], measure| -> Option<Vec<f64>> {
        rounds.iter().map(|round| round.get(&measure).copied()).collect()
    };
    let measures = rounds.first().into_iter().flat_map(Figures::keys);
    let figures = measures.filter_map(|&measure| {
        let values_of_row = values(rounds, measure)?;
        let to_floor = floor
            .and_then(|floor| values(floor, measure))
            .and_then(|of_floor| ratio(&values_of_row, &of_floor));
        Some((
            measure,
            Figure { spread: Spread::of(&values_of_row), to_floor, to_broker: None, rounds: values_of_row },
        ))
    });
    figures.collect()
}

fn ratio(values: &[f64], floor: &[f64]) -> Option<Ratio> {
    if values.len() != floor.len() || floor.contains(&0.0) {
        return None;
    }
    let of_rounds: Vec<f64> = values.iter().zip(floor).map(|(value, floor)| value / floor).collect();
    Some(Ratio {
        of_medians: Spread::of(values).median / Spread::of(floor).median,
        of_rounds: Spread::of(&of_rounds),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_the_ratio_is_that_of_the_rounds() {
        let rounds = |values: [f64; 3]| values.map(|value| Figures::from([(Measure::CpuSeconds, value)]));
        let figures = summarize(&rounds([2.0, 4.0, 20.0]), Some(&rounds([1.0, 2.0, 10.0])));
        let figure = &figures[&Measure::CpuSeconds];
        assert_eq!((figure.spread.median, figure.spread.q3), (4.0, 12.0));
        let ratio = figure.to_floor.unwrap();
        assert_eq!((ratio.of_medians, ratio.of_rounds.q1, ratio.of_rounds.q3), (2.0, 2.0, 2.0));
    }

    #[test]
    fn a_difference_has_to_be_there_in_every_round() {
        let differ = |one: &[f64], other: &[f64]| {
            let figure = |values: &[f64]| Figure {
                spread: Spread::of(values),
                to_floor: None,
                to_broker: None,
                rounds: values.to_vec(),
            };
            figure(one).differs_from(&figure(other)) && figure(other).differs_from(&figure(one))
        };
        assert!(differ(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]));
        assert!(!differ(&[1.0, 2.0, 4.1], &[4.0, 5.0, 6.0]), "of three, none may reach the other");
        assert!(!differ(&[1.0, 2.0], &[4.0, 5.0]), "two rounds are too few");
        assert!(differ(&[1.0, 1.1, 1.2, 1.3, 4.0], &[2.0, 2.1, 2.2, 2.3, 5.0]));
        assert!(!differ(&[1.0, 1.1, 1.2, 1.3, 4.0], &[2.0, 2.1, 2.2, 2.3, 3.0]), "one round says otherwise");
        let seven = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 4.0];
        assert!(differ(&seven, &[2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 3.0]), "of seven, one may say otherwise");
        assert!(!differ(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 3.0, 4.0, 5.0, 6.0]), "the quartiles overlap");
    }

    #[test]
    fn the_rounds_in_which_the_other_way_stopped_are_counted() {
        let rounds = |lines: [f64; 3]| lines.map(|lines| Figures::from([(Measure::OtherWayLines, lines)]));
        assert_eq!(stopped(&summarize(&rounds([3.0; 3]), None), 20), (3, 3));
        assert_eq!(stopped(&summarize(&rounds([20.0, 7.0, 20.0]), None), 20), (1, 3));
        assert_eq!(stopped(&summarize(&rounds([20.0; 3]), None), 20), (0, 3));
    }

    #[test]
    fn what_not_every_round_gave_is_no_figure() {
        let rounds = [Figures::from([(Measure::CpuSeconds, 1.0)]), Figures::new()];
        assert!(summarize(&rounds, None).is_empty());
    }
}
