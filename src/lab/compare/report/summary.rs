//! Who is faster at which work: what fits on one screen.

use super::super::harness::load::Meanwhile;
use super::super::measure::Measure;
use super::super::workloads::task::Workload;
use super::stats::Spread;
use super::verdict::{Ratio, Verdict};
use super::{Outcome, Report, Row, TaskReport, stopped};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The designs. The others are compared with the first of them that was measured.
pub(super) const DESIGNS: [&str; 3] = ["threads", "select", "half-duplex"];
/// If others have more than this part of the processors in most rounds, the figures show what they do.
const BUSY: f64 = 0.15;
/// A screen has space for this many notes.
const MAX_NOTES: usize = 4;

/// All subjects at one work, by one measure.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) measure: Measure,
    /// The subject that the others are compared with: the first design that was measured.
    pub(crate) reference: Option<String>,
    /// Who is ahead of all others but the floor; several if the rounds cannot tell them apart.
    pub(crate) ahead: Vec<String>,
    pub(crate) rows: BTreeMap<String, Compared>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    /// How many times as fast as the reference.
    #[serde(flatten)]
    pub(crate) ratio: Ratio,
    pub(crate) verdict: Verdict,
}

/// What a cell of the summary shows.
pub(super) enum Cell<'a> {
    Reference(String),
    Compared(&'a Compared),
    Words(String),
    Empty,
}

/// The comparisons of a workload: one, and of hubs also their latency.
pub(crate) fn compare(workload: Workload, senders: Option<usize>, rows: &[Row]) -> Vec<Comparison> {
    let measures = match workload {
        Workload::Latency => vec![Measure::P50Microseconds],
        Workload::OneWay | Workload::BothWays => vec![Measure::LinesPerSecond],
        Workload::Stalled => vec![Measure::OtherWayP50Microseconds],
        Workload::Steady => vec![Measure::P99Microseconds],
        Workload::Goodbye => vec![Measure::ConnectionsPerSecond],
        Workload::Hub if senders == Some(1) => vec![Measure::DeliveriesPerSecond, Measure::P50Microseconds],
        Workload::Hub => vec![Measure::DeliveriesPerSecond],
        Workload::Web => vec![Measure::DeliveriesPerSecond, Measure::P50Microseconds],
        Workload::Linked if senders == Some(1) => vec![Measure::P50Microseconds],
        Workload::Linked => vec![Measure::LinesPerSecond, Measure::P50Microseconds],
    };
    measures.into_iter().map(|measure| Comparison::of(measure, rows)).collect()
}

impl Comparison {
    fn of(measure: Measure, rows: &[Row]) -> Self {
        let measured: Vec<(&str, &[f64])> =
            rows.iter().filter_map(|row| Some((&*row.subject, row.rounds(measure)?))).collect();
        let reference = measured.iter().find(|(subject, _)| DESIGNS.contains(subject)).copied();
        let compared = |(subject, rounds): &(&str, &[f64])| {
            let ratio = speed(measure, rounds, reference.filter(|(other, _)| other != subject)?.1)?;
            Some(((*subject).to_owned(), Compared { verdict: ratio.verdict(), ratio }))
        };
        Self {
            measure,
            reference: reference.map(|(subject, _)| subject.to_owned()),
            ahead: ahead(measure, &measured),
            rows: measured.iter().filter_map(compared).collect(),
        }
    }

    /// Who is ahead, in words.
    pub(super) fn leaders(&self) -> String {
        match &self.ahead[..] {
            [] => "—".to_owned(),
            [one] => one.clone(),
            [one, other] => format!("{one} or {other}"),
            _ => "cannot tell".to_owned(),
        }
    }
}

/// How many times as fast as the reference: with latencies, the reference's time is above the line.
pub(super) fn speed(measure: Measure, rounds: &[f64], reference: &[f64]) -> Option<Ratio> {
    if measure.more_is_better() { Ratio::of(rounds, reference) } else { Ratio::of(reference, rounds) }
}

/// The fastest but the floor and designs that are watched, and all that the rounds cannot tell from it.
fn ahead(measure: Measure, measured: &[(&str, &[f64])]) -> Vec<String> {
    let mut chats = measured.to_vec();
    chats.retain(|(subject, _)| {
        *subject != "floor" && ![", traced", ", viewed"].iter().any(|watched| subject.ends_with(watched))
    });
    let median = |rounds: &[f64]| Spread::of(rounds).median;
    chats.sort_by(|(_, one), (_, other)| median(one).total_cmp(&median(other)));
    if measure.more_is_better() {
        chats.reverse();
    }
    let Some((_, best)) = chats.first().copied() else { return Vec::new() };
    let is_slower =
        |rounds| speed(measure, rounds, best).is_some_and(|ratio| ratio.verdict() == Verdict::Slower);
    chats.retain(|(_, rounds)| !is_slower(rounds));
    chats.into_iter().map(|(subject, _)| subject.to_owned()).collect()
}

/// The column of a subject: ncat has one, also as a hub.
fn column(subject: &str) -> &str {
    subject.strip_suffix(" --broker").unwrap_or(subject)
}

impl Report {
    /// The columns of the summary.
    pub(super) fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        for row in self.tasks.iter().flat_map(|task| &task.rows) {
            let column = column(&row.subject);
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        // The reference first.
        let reference = DESIGNS.into_iter().find(|design| columns.contains(design));
        columns.sort_by_key(|column| Some(*column) != reference);
        columns
    }

    /// How to read a cell.
    pub(super) fn reading(&self) -> String {
        let mut references: Vec<&str> = Vec::new();
        let comparisons = || self.tasks.iter().flat_map(|task| &task.compared);
        for reference in comparisons().filter_map(|comparison| comparison.reference.as_deref()) {
            if !references.contains(&reference) {
                references.push(reference);
            }
        }
        let rounds = self.tasks.iter().map(|task| task.rounds).min().unwrap_or(0);
        let mut text = format!(
            "How many times as fast as {}: the median of the rounds' ratios, and the interval that has the true median in \
             it at least 19 times in 20.",
            if references.is_empty() { "the first design".to_owned() } else { references.join(" or ") }
        );
        if rounds < 3 {
            text += " Fewer than three rounds tell nothing: --rounds 5 takes the time that it needs.";
        }
        let is_outlying = |comparison: &Comparison| {
            comparison.rows.values().any(|compared| !compared.ratio.outlying_rounds.is_empty())
        };
        if comparisons().any(is_outlying) {
            text += " * One round or more is far from the others.";
        }
        text
    }

    /// What must be known before any figure is believed.
    pub(super) fn warning(&self) -> Option<String> {
        let of_all = |part: fn(&Meanwhile) -> f64| {
            let parts: Vec<f64> = self.tasks.iter().flat_map(|task| &task.meanwhile).map(part).collect();
            (!parts.is_empty()).then(|| Spread::of(&parts).median)
        };
        let withheld = of_all(Meanwhile::withheld)?;
        let (other_programs, stolen) = (of_all(|it| it.other_programs)?, of_all(|it| it.stolen)?);
        (withheld > BUSY).then(|| {
            format!(
                "The machine was too busy for these figures to be believed: {}. Leave it alone, and run this again.",
                load(&Meanwhile { other_programs, stolen })
            )
        })
    }

    /// The rounds that are unlike the others, and what the machine did meanwhile.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.tasks.iter().flat_map(TaskReport::outlying).collect();
        let excess = notes.len().saturating_sub(MAX_NOTES);
        if excess > 1 {
            notes.truncate(MAX_NOTES);
            notes.push(format!("{excess} more rounds are outlying."));
        }
        notes
    }
}

impl TaskReport {
    /// The title of a line of the summary.
    pub(super) fn heading(&self, comparison: &Comparison) -> String {
        match (self.task.workload, comparison.measure) {
            (Workload::Hub | Workload::Linked | Workload::Web, Measure::P50Microseconds) => {
                format!("{}: latency", self.task.title())
            }
            (Workload::Steady, _) => format!("{}: p99", self.task.title()),
            _ => self.task.title(),
        }
    }

    pub(super) fn cell<'a>(&self, comparison: &'a Comparison, wanted: &str) -> Cell<'a> {
        let Some(row) = self.rows.iter().find(|row| column(&row.subject) == wanted) else {
            return Cell::Empty;
        };
        let figures = match &row.outcome {
            Outcome::Failed { .. } => return Cell::Words("failed".to_owned()),
            Outcome::Absent { reason } => return Cell::Words(reason.clone()),
            Outcome::Measured { figures, .. } => figures,
        };
        let measure = comparison.measure;
        match (comparison.rows.get(&row.subject), figures.get(&measure)) {
            (Some(compared), _) => Cell::Compared(compared),
            (None, Some(figure)) => Cell::Reference(measure.in_text(figure.spread.median)),
            (None, None) if measure == Measure::OtherWayP50Microseconds => {
                Cell::Words(match stopped(figures, self.back) {
                    (stopped, all) if stopped < all => format!("stopped {stopped} of {all}"),
                    _ => "stopped".to_owned(),
                })
            }
            (None, None) => Cell::Words("—".to_owned()),
        }
    }

    /// For each design, which thread used how much processor time.
    pub(super) fn times_by_thread(&self) -> Vec<String> {
        let line = |row: &Row| {
            let Outcome::Measured { cpu_seconds_by_thread, .. } = &row.outcome else { return None };
            let mut times: Vec<(&String, &f64)> = cpu_seconds_by_thread.iter().collect();
            // Less would be shown as nothing.
            times.retain(|(_, time)| **time >= 0.0005);
            times.sort_by(|one, other| other.1.total_cmp(one.1));
            let times =
                times.iter().map(|(name, time)| format!("{name} {}", Measure::CpuSeconds.show(**time)));
            let times = Vec::from_iter(times).join(", ");
            (!times.is_empty()).then(|| format!("Processor time of {} by thread: {times}", row.subject))
        };
        self.rows.iter().filter_map(line).collect()
    }

    /// For each subject, its system calls by kind.
    pub(super) fn calls_by_kind(&self) -> Vec<String> {
        let line = |row: &Row| {
            let calls = |measure: Measure| Some(measure.show(row.spread(measure)?.median));
            let all = calls(Measure::SystemCalls)?;
            let (waiting, moving, yielding) = (
                calls(Measure::WaitingSystemCalls)?,
                calls(Measure::MovingSystemCalls)?,
                calls(Measure::YieldingSystemCalls)?,
            );
            Some(format!(
                "System calls of {}: {all}, of which {waiting} wait, {moving} move data, {yielding} yield",
                row.subject
            ))
        };
        self.rows.iter().filter_map(line).collect()
    }

    /// A note on each round in which a ratio of the summary is far from the others.
    fn outlying(&self) -> Vec<String> {
        let mut rounds: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for (subject, compared) in self.compared.iter().flat_map(|comparison| &comparison.rows) {
            for round in &compared.ratio.outlying_rounds {
                rounds.entry(*round).or_default().insert(subject);
            }
        }
        let note = |(round, subjects): (usize, BTreeSet<&str>)| {
            let meanwhile = match self.meanwhile.get(round - 1) {
                Some(meanwhile) => format!(": meanwhile, {}", load(meanwhile)),
                None => String::new(),
            };
            let subjects = Vec::from_iter(subjects).join(", ");
            format!("{}, round {round} ({subjects}) is outlying{meanwhile}.", self.task.title())
        };
        rounds.into_iter().map(note).collect()
    }
}

fn load(Meanwhile { other_programs, stolen }: &Meanwhile) -> String {
    let (other, stolen) = (other_programs * 100.0, stolen * 100.0);
    format!("other programs used {other:.0} % of the processors, and the hypervisor withheld {stolen:.0} %")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{report_of, rows_of, summarize};
    use super::*;
    use crate::lab::compare::measure::Figures;

    fn compared(workload: Workload, rows: &[(&str, Measure, [f64; 5])]) -> Vec<Comparison> {
        compare(workload, None, &rows_of(rows))
    }

    #[test]
    fn less_time_and_more_lines_are_faster() {
        use Measure::{LinesPerSecond as LINES, P50Microseconds as P50};
        let by = |factor: f64| [1.00, 1.01, 0.99, 1.02, 0.98].map(|value| value * factor);
        let [latency] = &compared(
            Workload::Latency,
            &[("floor", P50, by(20.0)), ("threads", P50, by(40.0)), ("select", P50, by(80.0))],
        )[..] else {
            unreachable!("one comparison")
        };
        assert_eq!(latency.reference.as_deref(), Some("threads"));
        assert_eq!(
            (latency.rows["floor"].verdict, latency.rows["select"].verdict),
            (Verdict::Faster, Verdict::Slower)
        );
        assert!((latency.rows["floor"].ratio.median - 2.0).abs() < 1e-9, "{latency:?}");
        assert_eq!(latency.ahead, ["threads"], "the floor is no chat");
        let lines = compared(Workload::OneWay, &[("threads", LINES, by(40.0)), ("select", LINES, by(80.0))]);
        assert_eq!(
            (lines[0].rows["select"].verdict, lines[0].leaders()),
            (Verdict::Faster, "select".to_owned())
        );
        let equal = compared(Workload::OneWay, &[("threads", LINES, by(40.0)), ("select", LINES, by(40.2))]);
        assert_eq!(equal[0].leaders(), "select or threads");
    }

    #[test]
    fn with_too_few_rounds_nobody_is_ahead() {
        let one = |value| Figures::from([(Measure::ConnectionsPerSecond, value)]);
        let row = |(subject, value): (&str, f64)| {
            let figures = summarize(&[one(value)], None);
            let outcome = Outcome::Measured { figures, cpu_seconds_by_thread: BTreeMap::new() };
            Row { subject: subject.to_owned(), lines_of_code: None, outcome }
        };
        let rows = [("threads", 1.0), ("select", 7.0), ("half-duplex", 8.0)].map(row);
        let [comparison] = &compare(Workload::Goodbye, None, &rows)[..] else {
            unreachable!("one comparison")
        };
        assert_eq!(comparison.leaders(), "cannot tell");
        assert!(comparison.rows.values().all(|compared| compared.verdict == Verdict::CannotTell));
    }

    #[test]
    fn an_outlying_round_says_what_the_machine_did_meanwhile() {
        let threads = [40.0; 5];
        let mut select = [41.0, 42.0, 41.5, 41.0, 42.0];
        select[2] = 400.0;
        let rows =
            [("threads", Measure::P50Microseconds, threads), ("select", Measure::P50Microseconds, select)];
        let mut report = report_of(Workload::Latency, &rows);
        assert_eq!(report.notes(), ["Latency, round 3 (select) is outlying."]);
        let quiet = Meanwhile { other_programs: 0.0, stolen: 0.0 };
        report.tasks[0].meanwhile = vec![quiet; 5];
        report.tasks[0].meanwhile[2] = Meanwhile { other_programs: 0.35, stolen: 0.05 };
        assert_eq!(
            report.notes(),
            [
                "Latency, round 3 (select) is outlying: meanwhile, other programs used 35 % of the processors, and the \
              hypervisor withheld 5 %."
            ]
        );
        assert_eq!(report.warning(), None, "one round is no reason to doubt all");
        report.tasks[0].meanwhile = vec![Meanwhile { other_programs: 0.35, stolen: 0.05 }; 5];
        assert!(report.warning().unwrap().contains("too busy"), "{:?}", report.warning());
    }
}
