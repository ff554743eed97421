//! What a comparison found, as the JSON report has it (`docs/compare.md` documents the format), and what the table and the
//! page print of it.

pub(super) mod charts;
pub(super) mod difference;
pub(super) mod explain;
pub(super) mod machine;
pub(super) mod page;
pub(super) mod progress;
pub(super) mod stats;
pub(super) mod summary;
pub(super) mod table;
pub(super) mod verdict;

use super::harness::load::Meanwhile;
use super::measure::{Figures, Measure};
use super::workloads::task::{Task, Workload};
use machine::Machine;
use serde::Serialize;
use stats::Spread;
use std::collections::BTreeMap;
use summary::Comparison;
use verdict::Ratio;

/// The version of the format. It changes when a reader of the version before would misread it.
pub(super) const FORMAT: u32 = 2;

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
    /// What the machine did beside each round; empty where the system does not report it.
    pub(super) meanwhile: Vec<Meanwhile>,
    /// Who is faster.
    pub(super) compared: Vec<Comparison>,
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
        /// Of each thread of a design, by its name, the median of its processor time.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        cpu_seconds_by_thread: BTreeMap<String, f64>,
    },
    /// One failed round makes all figures of the row worthless.
    Failed { reason: String },
    /// The subject cannot do this, or is not installed.
    Absent { reason: String },
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
    /// Of linked hubs, as a multiple of what one hub of the same design has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_unlinked: Option<Ratio>,
    /// With browsers, as a multiple of what a hub of the same design has whose clients are netcats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_netcats: Option<Ratio>,
    /// The value of each round.
    pub(super) rounds: Vec<f64>,
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
            Workload::Steady => format!("{forth} lines of 64 bytes from either side, at a steady rate"),
            Workload::Goodbye => format!("{forth} conversations with one listener, one after the other"),
            Workload::Hub | Workload::Web if *back > 0 => {
                format!("{forth} deliveries of 64 bytes, then {back} messages, 100 a second")
            }
            Workload::Hub | Workload::Web => format!("{forth} deliveries of 64 bytes"),
            Workload::Linked if *forth > 0 => {
                let rate = self.task.rate();
                format!("{forth} lines of 64 bytes to all clients, then {back} messages, {rate} a second")
            }
            Workload::Linked => format!("{back} messages to all clients, {} a second", self.task.rate()),
        };
        if *rounds < chosen {
            size += &format!("; {rounds} of {chosen} rounds, because time was up");
        }
        size
    }

    /// The lines of a cell: the median, the quartiles, and the ratio to the baseline with its interval.
    fn cell_lines(
        &self,
        measure: Measure,
        figures: &BTreeMap<Measure, Figure>,
        with_interval: bool,
    ) -> Vec<String> {
        let Some(figure) = figures.get(&measure) else {
            return match stopped(figures, self.back) {
                _ if measure != Measure::OtherWayP50Microseconds => vec!["—".to_owned()],
                (stopped, all) if stopped < all => vec!["stopped".to_owned(), format!("{stopped} of {all}")],
                _ => vec!["stopped".to_owned()],
            };
        };
        let mut lines = vec![measure.show(figure.spread.median)];
        if figure.rounds.len() > 1 {
            lines.push(measure.range(figure.spread.q1, figure.spread.q3));
        }
        let Figure { to_floor, to_broker, to_unlinked, to_netcats, .. } = figure;
        let ratios = [to_floor, to_broker, to_unlinked, to_netcats];
        if let Some(ratio) = ratios.into_iter().flatten().next() {
            let short = ratio.short();
            let median = short.split(' ').next().unwrap_or_default();
            lines.push(if with_interval { short } else { median.to_owned() });
        }
        lines
    }
}

impl Row {
    fn figures(&self) -> Option<&BTreeMap<Measure, Figure>> {
        match &self.outcome {
            Outcome::Measured { figures, .. } => Some(figures),
            _ => None,
        }
    }

    fn spread(&self, measure: Measure) -> Option<Spread> {
        Some(self.figures()?.get(&measure)?.spread)
    }

    fn rounds(&self, measure: Measure) -> Option<&[f64]> {
        Some(&self.figures()?.get(&measure)?.rounds)
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
    let measures = rounds.first().into_iter().flat_map(|round| round.keys());
    let figures = measures.filter_map(|&measure| {
        let rounds = values(rounds, measure)?;
        let to_floor = baseline
            .and_then(|baseline| values(baseline, measure))
            .and_then(|baseline| Ratio::of(&rounds, &baseline));
        let spread = Spread::of(&rounds);
        Some((
            measure,
            Figure { spread, to_floor, to_broker: None, to_unlinked: None, to_netcats: None, rounds },
        ))
    });
    figures.collect()
}

#[cfg(test)]
fn rows_of(rows: &[(&str, Measure, [f64; 5])]) -> Vec<Row> {
    let row = |(subject, measure, values): &(&str, Measure, [f64; 5])| {
        let rounds = values.map(|value| Figures::from([(*measure, value)]));
        let outcome =
            Outcome::Measured { figures: summarize(&rounds, None), cpu_seconds_by_thread: BTreeMap::new() };
        Row { subject: (*subject).to_owned(), lines_of_code: None, outcome }
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
fn report_of(workload: Workload, rows: &[(&str, Measure, [f64; 5])]) -> Report {
    let rows = rows_of(rows);
    let task = TaskReport {
        task: Task::of(workload),
        forth: 500,
        back: 500,
        rounds: 5,
        meanwhile: Vec::new(),
        compared: summary::compare(workload, None, &rows),
        rows,
    };
    Report {
        format: FORMAT,
        date: String::new(),
        machine: Machine::here(),
        options: Chosen { quick: true, rounds: 5, peers: false },
        system_calls_counted_by: None,
        system_calls_not_counted: None,
        tasks: vec![task],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_round_by_round_and_lies_in_its_own_interval() {
        let rounds = |values: [f64; 3]| values.map(|value| Figures::from([(Measure::CpuSeconds, value)]));
        let figures = summarize(&rounds([2.0, 4.0, 40.0]), Some(&rounds([1.0, 2.5, 10.0])));
        let figure = &figures[&Measure::CpuSeconds];
        assert_eq!((figure.spread.median, figure.spread.q3), (4.0, 22.0));
        let ratio = figure.to_floor.as_ref().unwrap();
        let interval = ratio.interval.unwrap();
        assert!(
            (ratio.median - 2.0).abs() < 1e-9 && (interval.low..=interval.high).contains(&ratio.median),
            "{ratio:?}"
        );
    }

    #[test]
    fn a_report_says_how_many_rounds_there_were_and_not_how_many_were_planned() {
        let report = |rounds: &[usize]| {
            let task = |rounds: &usize| {
                let mut report = report_of(Workload::Latency, &[]);
                report.tasks[0].rounds = *rounds;
                report.tasks.remove(0)
            };
            Report { tasks: rounds.iter().map(task).collect(), ..report_of(Workload::Latency, &[]) }
        };
        for (rounds, expected) in [
            (&[5, 5][..], "5,"),
            (&[3, 5], "3 to 5 of 5, because time was up,"),
            (&[4], "4 of 5, because time was up,"),
        ] {
            let report = report(rounds);
            let (page, table) = (page::render(&report), table::render(&report, false));
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
        let rounds = [Figures::from([(Measure::CpuSeconds, 1.0)]), Figures::default()];
        assert!(summarize(&rounds, None).is_empty());
    }
}
