//! What a comparison found, as the JSON report has it (`docs/compare.md` documents the format), and what the table and the
//! page print of it.

pub(super) mod charts;
pub(super) mod explain;
pub(super) mod machine;
pub(super) mod page;
pub(super) mod progress;
pub(super) mod stats;
pub(super) mod table;

use super::measure::{Figures, Measure};
use super::workloads::task::{Task, Workload};
use machine::Machine;
use serde::Serialize;
use stats::Spread;
use std::collections::BTreeMap;

/// The version of the format. It changes when a reader of the version before would misread it.
pub(super) const FORMAT: u32 = 1;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) format: u32,
    /// When the comparison began, in UTC.
    pub(super) date: String,
    pub(super) machine: Machine,
    pub(super) options: Chosen,
    pub(super) system_calls_counted_by: Option<&'static str>,
    pub(super) system_calls_not_counted: Option<String>,
    #[serde(rename = "works")]
    pub(super) tasks: Vec<TaskReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct Chosen {
    pub(super) quick: bool,
    /// The number of rounds to measure, not counting the warm-up.
    pub(super) rounds: usize,
    pub(super) peers: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct TaskReport {
    #[serde(flatten)]
    pub(super) task: Task,
    /// [`Task::size`].
    pub(super) forth: usize,
    pub(super) back: usize,
    /// The number of measured rounds: fewer than chosen if the time was up.
    pub(super) rounds: usize,
    pub(super) rows: Vec<Row>,
}

/// The results of one subject.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(rename = "row")]
    pub(super) subject: String,
    pub(super) lines_of_code: Option<u32>,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Outcome {
    Measured {
        figures: BTreeMap<Measure, Figure>,
    },
    /// One failed round makes all figures of the row worthless.
    Failed {
        reason: String,
    },
    /// The subject cannot do this, or is not installed.
    Absent {
        reason: String,
    },
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    #[serde(flatten)]
    pub(super) spread: Spread,
    /// As a multiple of the baseline's.
    pub(super) to_floor: Option<Ratio>,
    /// Among hubs, as a multiple of `ncat --broker`'s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_broker: Option<Ratio>,
    /// The value of each round.
    pub(super) rounds: Vec<f64>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Ratio {
    pub(super) of_medians: f64,
    /// Round by round: what disturbs a whole round disturbs both values.
    pub(super) of_rounds: Spread,
}

impl TaskReport {
    /// How much work it was; `chosen` is the number of rounds that were to be measured.
    fn size(&self, chosen: usize) -> String {
        let Self { forth, back, rounds, .. } = self;
        let mut size = match self.task.workload {
            Workload::Latency => format!("{} lines of 64 bytes, alternately from either side", forth + back),
            Workload::OneWay => format!("{forth} lines of 64 bytes from the caller to the listener"),
            Workload::BothWays => format!("{forth} lines of 64 bytes from either side"),
            Workload::Stalled => {
                format!(
                    "up to {forth} lines to a listener whose screen accepts nothing, and {back} back meanwhile"
                )
            }
            Workload::Goodbye => format!("{forth} conversations with one listener, one after the other"),
            Workload::Hub if *back > 0 => {
                format!("{forth} deliveries of 64 bytes, then {back} messages, 100 a second")
            }
            Workload::Hub => format!("{forth} deliveries of 64 bytes"),
        };
        if *rounds < chosen {
            size += &format!("; {rounds} of {chosen} rounds, because time was up");
        }
        size
    }

    /// The lines of a cell: the median, the quartiles, and the ratio to the baseline.
    fn cell(
        &self,
        measure: Measure,
        figures: &BTreeMap<Measure, Figure>,
        ratio_quartiles: bool,
    ) -> Vec<String> {
        let Some(figure) = figures.get(&measure) else {
            return match stopped(figures, self.back) {
                _ if measure != Measure::OtherWayP50Microseconds => vec!["—".to_owned()],
                (stopped, all) if stopped < all => vec!["stopped".to_owned(), format!("{stopped} of {all}")],
                _ => vec!["stopped".to_owned()],
            };
        };
        let has_spread = figure.rounds.len() > 1;
        let mut lines = vec![measure.show(figure.spread.median)];
        if has_spread {
            lines.push(measure.range(figure.spread.q1, figure.spread.q3));
        }
        if let Some(Ratio { of_medians, of_rounds }) = figure.to_floor.or(figure.to_broker) {
            lines.push(match ratio_quartiles && has_spread {
                true => format!("{of_medians:.2}× {:.2}–{:.2}", of_rounds.q1, of_rounds.q3),
                false => format!("{of_medians:.2}×"),
            });
        }
        lines
    }
}

impl Row {
    fn figures(&self) -> Option<&BTreeMap<Measure, Figure>> {
        match &self.outcome {
            Outcome::Measured { figures } => Some(figures),
            _ => None,
        }
    }

    fn spread(&self, measure: Measure) -> Option<Spread> {
        Some(self.figures()?.get(&measure)?.spread)
    }
}

impl Figure {
    /// Whether the rounds of two equal subjects would hardly differ as much by chance: the quartiles do not overlap, and
    /// the same subject was ahead in every round, or in all but one of seven or more. With three or four rounds that
    /// happens too often (with three, once in five times), so there no round of one may reach any of the other.
    fn differs_from(&self, other: &Self) -> bool {
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
    /// How many rounds there were. Where time was up, a task had fewer than were to be measured.
    fn rounds(&self) -> String {
        let done = || self.tasks.iter().map(|task| task.rounds);
        let (min, max) = (done().min().unwrap_or(0), done().max().unwrap_or(0));
        let done = if min == max { max.to_string() } else { format!("{min} to {max}") };
        let chosen = self.options.rounds;
        if min < chosen { format!("{done} of {chosen}, because time was up") } else { done }
    }

    /// The rows that failed: of which task, which subject, and why.
    pub(super) fn failures(&self) -> impl Iterator<Item = (Task, &str, &str)> {
        self.tasks.iter().flat_map(|report| {
            report.rows.iter().filter_map(move |row| match &row.outcome {
                Outcome::Failed { reason } => Some((report.task, &*row.subject, &**reason)),
                _ => None,
            })
        })
    }
}

/// In how many rounds, of how many, the other way stopped while a peer was stalled: fewer than `back` lines arrived. With
/// some subjects it depends on where in its loop it got stuck.
fn stopped(figures: &BTreeMap<Measure, Figure>, back: usize) -> (usize, usize) {
    let rounds = figures.get(&Measure::OtherWayLines).map_or(&[][..], |figure| &figure.rounds);
    (rounds.iter().filter(|&&lines| lines < back as f64).count(), rounds.len())
}

/// The figures of all rounds, beside those of the baseline. A figure that some round lacks is left out.
pub(super) fn summarize(rounds: &[Figures], baseline: Option<&[Figures]>) -> BTreeMap<Measure, Figure> {
    let values = |rounds: &[Figures], measure| -> Option<Vec<f64>> {
        rounds.iter().map(|round| round.get(&measure).copied()).collect()
    };
    let measures = rounds.first().into_iter().flat_map(Figures::keys);
    let figures = measures.filter_map(|&measure| {
        let rounds = values(rounds, measure)?;
        let to_floor = baseline
            .and_then(|baseline| values(baseline, measure))
            .and_then(|baseline| ratio(&rounds, &baseline));
        Some((measure, Figure { spread: Spread::of(&rounds), to_floor, to_broker: None, rounds }))
    });
    figures.collect()
}

fn ratio(values: &[f64], baseline: &[f64]) -> Option<Ratio> {
    if values.len() != baseline.len() || baseline.contains(&0.0) {
        return None;
    }
    let of_rounds: Vec<f64> = values.iter().zip(baseline).map(|(value, baseline)| value / baseline).collect();
    Some(Ratio {
        of_medians: Spread::of(values).median / Spread::of(baseline).median,
        of_rounds: Spread::of(&of_rounds),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_a_ratio_is_taken_round_by_round() {
        let rounds = |values: [f64; 3]| values.map(|value| Figures::from([(Measure::CpuSeconds, value)]));
        let figures = summarize(&rounds([2.0, 4.0, 20.0]), Some(&rounds([1.0, 2.0, 10.0])));
        let figure = &figures[&Measure::CpuSeconds];
        assert_eq!((figure.spread.median, figure.spread.q3), (4.0, 12.0));
        let ratio = figure.to_floor.unwrap();
        assert_eq!((ratio.of_medians, ratio.of_rounds.q1, ratio.of_rounds.q3), (2.0, 2.0, 2.0));
    }

    #[test]
    fn a_difference_must_show_in_every_round() {
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
    fn a_report_says_how_many_rounds_there_were_and_not_how_many_were_planned() {
        let report = |rounds: &[usize]| {
            let task = |rounds: &usize| TaskReport {
                task: Task { workload: Workload::Latency, clients: None, senders: None },
                forth: 1,
                back: 1,
                rounds: *rounds,
                rows: Vec::new(),
            };
            Report {
                format: FORMAT,
                date: String::new(),
                machine: Machine::here(),
                options: Chosen { quick: true, rounds: 5, peers: false },
                system_calls_counted_by: None,
                system_calls_not_counted: None,
                tasks: rounds.iter().map(task).collect(),
            }
        };
        for (rounds, expected) in [
            (&[5, 5][..], "5,"),
            (&[3, 5], "3 to 5 of 5, because time was up,"),
            (&[4], "4 of 5, because time was up,"),
        ] {
            let report = report(rounds);
            let (page, table) = (page::render(&report), table::render(&report));
            assert!(page.contains(&format!("<dt>Rounds</dt><dd>{expected} with")), "{page}");
            assert!(table.contains(&format!(", rounds: {expected}")), "{table}");
            let json = serde_json::to_value(&report).unwrap();
            let works = json["works"].as_array().unwrap().iter();
            let done: Vec<_> = works.map(|work| work["rounds"].as_u64().unwrap() as usize).collect();
            assert_eq!(done, rounds);
        }
    }

    #[test]
    fn the_rounds_in_which_the_other_way_stopped_are_counted() {
        let rounds = |lines: [f64; 3]| lines.map(|lines| Figures::from([(Measure::OtherWayLines, lines)]));
        assert_eq!(stopped(&summarize(&rounds([3.0; 3]), None), 20), (3, 3));
        assert_eq!(stopped(&summarize(&rounds([20.0, 7.0, 20.0]), None), 20), (1, 3));
        assert_eq!(stopped(&summarize(&rounds([20.0; 3]), None), 20), (0, 3));
    }

    #[test]
    fn a_figure_that_some_round_lacks_is_left_out() {
        let rounds = [Figures::from([(Measure::CpuSeconds, 1.0)]), Figures::new()];
        assert!(summarize(&rounds, None).is_empty());
    }
}
