//! Who was faster, by how much, how certain that is, and why, in a sentence for each comparison. All of it comes from
//! the figures of the run.

use super::super::measure::{Measure, short};
use super::super::workloads::task::Workload;
use super::{Figure, TaskReport, stopped};
use std::collections::BTreeMap;

/// A cost is a cause if the slower subject has this many times as much of it.
const MIN_CAUSE: f64 = 1.15;
/// A cost that occurs less often for each line is too rare to be a cause.
const MIN_RATE: f64 = 1.0 / 100.0;
/// A faster subject that makes this many times as many system calls spins instead of parking.
const SPINS: f64 = 3.0;

const DESIGNS: [&str; 3] = ["threads", "select", "half-duplex"];

/// How certain a difference is.
pub(super) fn certainty(rounds: usize) -> &'static str {
    match rounds {
        0..3 => "Fewer than three rounds show no differences: chance could explain them all.",
        3..5 => {
            "With so few rounds, a difference counts only if the worst round of one subject is better than the best of the \
            other. Two equal subjects differ like that once in ten times: take it as a hint."
        }
        _ => {
            "A difference counts if the quartiles do not overlap and the same subject was ahead in every round, or in all but \
            one of seven or more. Two equal subjects differ like that about once in twenty times."
        }
    }
}

/// The paragraphs on one task.
pub(super) fn explain(report: &TaskReport) -> Vec<String> {
    let subjects = subjects(report);
    if report.task.workload == Workload::Stalled {
        return subjects.iter().map(|subject| stalled(subject, report.back)).collect();
    }
    let mut paragraphs = Vec::new();
    let Some(measure) = report.task.measures().next() else { return paragraphs };
    let (traced, subjects): (Vec<_>, Vec<_>) =
        subjects.iter().partition(|subject| subject.name.ends_with(", traced"));
    let designs = subjects.iter().filter(|subject| DESIGNS.contains(&subject.name));
    let speed = |subject: &Subject<'_>| match subject.median(measure).unwrap_or(0.0) {
        median if measure.more_is_better() => median,
        median => -median,
    };
    if let Some(best) = designs.max_by(|one, other| speed(one).total_cmp(&speed(other))) {
        let others = subjects.iter().filter(|subject| subject.name != best.name);
        paragraphs.extend(others.filter_map(|other| compare(measure, best, other)));
    }
    for traced in traced {
        let plain = subjects.iter().find(|plain| traced.name.strip_suffix(", traced") == Some(plain.name));
        paragraphs.extend(plain.and_then(|plain| cost_of_trace(measure, plain, traced)));
    }
    paragraphs
}

/// A subject that was measured.
struct Subject<'a> {
    name: &'a str,
    figures: &'a BTreeMap<Measure, Figure>,
    /// What the costs are divided by: the lines, conversations or deliveries of a round, and their name.
    units: f64,
    unit: [&'static str; 2],
}

fn subjects(report: &TaskReport) -> Vec<Subject<'_>> {
    let receivers = report.task.clients.map_or(1, |clients| clients - 1);
    let units = (report.forth + report.back * receivers) as f64;
    let unit = match report.task.workload {
        Workload::Goodbye => ["conversation", "conversations"],
        Workload::Hub => ["delivery", "deliveries"],
        _ => ["line", "lines"],
    };
    let rows = report.rows.iter();
    rows.filter_map(|row| Some(Subject { name: &row.subject, figures: row.figures()?, units, unit }))
        .collect()
}

impl Subject<'_> {
    fn median(&self, measure: Measure) -> Option<f64> {
        self.figures.get(&measure).map(|figure| figure.spread.median)
    }

    /// The processors it keeps busy on average, where it has lines to move all the time.
    fn busy(&self) -> Option<f64> {
        Some(self.median(Measure::CpuSeconds)? * self.median(Measure::LinesPerSecond)? / self.units)
    }

    /// How much of a cost it has for each line, conversation or delivery.
    fn rate(&self, cost: Measure) -> Option<String> {
        let (each, [unit, units]) = (self.median(cost)? / self.units, self.unit);
        Some(match cost {
            Measure::CpuSeconds => format!("{} µs a {unit}", short(each * 1e6)),
            _ if each >= 0.5 => format!("{each:.1} times a {unit}"),
            _ if each > 0.0 => format!("once in {} {units}", short((1.0 / each).round())),
            _ => "never".to_owned(),
        })
    }
}

fn compare(measure: Measure, one: &Subject<'_>, other: &Subject<'_>) -> Option<String> {
    let (figure, others) = (one.figures.get(&measure)?, other.figures.get(&measure)?);
    if !figure.differs_from(others) {
        let (figure, others) = (in_text(measure, figure), in_text(measure, others));
        let (one, other) = (one.name, other.name);
        return Some(format!(
            "This run shows no certain difference between {one} and {other}: {figure} and {others}."
        ));
    }
    let ratio = figure.spread.median / others.spread.median;
    let pairs = [(one, figure), (other, others)];
    let [(fast, of_fast), (slow, of_slow)] =
        if (ratio > 1.0) == measure.more_is_better() { pairs } else { [pairs[1], pairs[0]] };
    Some(format!(
        "{} is {:.2} times as fast as {}: {} and {}. {}.",
        fast.name,
        ratio.max(1.0 / ratio),
        slow.name,
        in_text(measure, of_fast),
        in_text(measure, of_slow),
        cause(fast, slow, measure)
    ))
}

/// The cost by which they differ most; else, what the faster one does more of.
fn cause(fast: &Subject<'_>, slow: &Subject<'_>, measure: Measure) -> String {
    let costs = [
        (Measure::VoluntarySwitches, "waits"),
        (Measure::SystemCalls, "makes a system call"),
        (Measure::CpuSeconds, "works"),
    ];
    let factor = |(cost, _): &(Measure, &str)| {
        let (less, more) = (fast.figures.get(cost)?, slow.figures.get(cost)?);
        let is_frequent = *cost == Measure::CpuSeconds || more.spread.median >= slow.units * MIN_RATE;
        let factor = more.spread.median / less.spread.median;
        (is_frequent && factor >= MIN_CAUSE && more.spread.differs_from(&less.spread)).then_some(factor)
    };
    let causes = costs.iter().filter_map(|cost| Some((factor(cost)?, cost)));
    let main = causes.max_by(|(one, _), (other, _)| one.total_cmp(other));
    let rates = |cost| slow.rate(cost).zip(fast.rate(cost));
    if let Some((_, (cost, verb))) = main
        && let Some((more, less)) = rates(*cost)
    {
        return format!("{} {verb} {more}, {} {less}", slow.name, fast.name);
    }
    if let Some((more, less)) = fast.busy().zip(slow.busy()).filter(|(more, less)| more > &(less * MIN_CAUSE))
    {
        return format!("{} keeps {more:.1} processors busy, {} {less:.1}", fast.name, slow.name);
    }
    let calls = |subject: &Subject<'_>| subject.median(Measure::SystemCalls);
    if measure.is_latency()
        && calls(fast).zip(calls(slow)).is_some_and(|(more, less)| more > less * SPINS)
        && let Some((less, more)) = rates(Measure::SystemCalls)
    {
        let (fast, slow) = (fast.name, slow.name);
        return format!("{fast} spins before parking: it makes a system call {more}, {slow} {less}");
    }
    "Neither waits, nor system calls, nor processor time show why".to_owned()
}

/// A median with its quartiles.
fn in_text(measure: Measure, figure: &Figure) -> String {
    let spread = &figure.spread;
    format!("{} ({})", measure.in_text(spread.median), measure.range(spread.q1, spread.q3))
}

fn cost_of_trace(measure: Measure, plain: &Subject<'_>, traced: &Subject<'_>) -> Option<String> {
    let (without, with) = (plain.figures.get(&measure)?, traced.figures.get(&measure)?);
    let percent = (with.spread.median / without.spread.median - 1.0) * 100.0;
    let certain = if with.differs_from(without) { "" } else { ", which may be chance" };
    let (with, without) = (measure.in_text(with.spread.median), measure.in_text(without.spread.median));
    Some(format!("{} with a trace: {with}, without: {without} ({percent:+.1} %{certain}).", plain.name))
}

fn stalled(subject: &Subject<'_>, back: usize) -> String {
    let show =
        |measure: Measure| subject.median(measure).map_or("—".to_owned(), |value| measure.show(value));
    let memory = match subject.median(Measure::SenderPeakMemoryBytes) {
        Some(_) => format!("; its memory peaked at {}", show(Measure::SenderPeakMemoryBytes)),
        None => String::new(),
    };
    let other_way = match (subject.median(Measure::OtherWayP50Microseconds), stopped(subject.figures, back)) {
        (Some(_), _) => {
            format!("The other way kept moving, at {} a line", show(Measure::OtherWayP50Microseconds))
        }
        (None, (stopped, all)) if stopped < all => {
            format!(
                "In {stopped} of {all} rounds the other way stopped, too: it does not read while it waits to write"
            )
        }
        _ => "The other way stopped, too: it does not read while it waits to write".to_owned(),
    };
    format!("{} accepted {}{memory}. {other_way}.", subject.name, show(Measure::TakenBytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Outcome, Row, summarize};
    use super::*;
    use crate::lab::compare::measure::Figures;
    use crate::lab::compare::workloads::task::Task;

    type Figure = (Measure, f64);
    type Rows<'a> = &'a [(&'a str, &'a [Figure])];

    /// Explains a task of 1000 lines, with rounds of each row that lie close together.
    fn explained(workload: Workload, rounds: usize, rows: Rows<'_>) -> String {
        let row = |(name, figures): &(&str, &[Figure])| {
            let rounds: Vec<Figures> = [0.98, 1.0, 1.02][..rounds]
                .iter()
                .map(|factor| figures.iter().map(|(measure, value)| (*measure, value * factor)).collect())
                .collect();
            let outcome = match figures {
                [] => Outcome::Failed { reason: "a line was lost".to_owned() },
                _ => Outcome::Measured { figures: summarize(&rounds, None) },
            };
            Row { subject: (*name).to_owned(), lines_of_code: None, outcome }
        };
        let task = Task { workload, clients: None, senders: None };
        let rows = rows.iter().map(row).collect();
        let report = TaskReport { task, forth: 500, back: 500, rounds, rows };
        explain(&report).join("\n")
    }

    /// Compares with `explain.txt`. `UPDATE_SNAPSHOTS=1 cargo test --lib explain` writes it: look at the diff then.
    #[test]
    fn the_explanations_are_as_in_the_snapshot() {
        use Measure::{
            CpuSeconds as CPU, DeliveriesPerSecond as DELIVERIES, LinesPerSecond as LINES,
            OtherWayLines as BACK, OtherWayP50Microseconds as OTHER_WAY, P50Microseconds as P50,
            SenderPeakMemoryBytes as MEMORY, SystemCalls as CALLS, TakenBytes as TAKEN,
            VoluntarySwitches as WAITS,
        };
        use Workload::{Hub, Latency, OneWay, Stalled};
        let slow: &[Figure] = &[(P50, 100.0), (WAITS, 5200.0), (CPU, 0.1)];
        let fast: &[Figure] = &[(P50, 50.0), (WAITS, 2100.0), (CPU, 0.1)];
        let alike: &[Figure] = &[(P50, 51.0), (WAITS, 5200.0)];
        let cases: &[(&str, Workload, usize, Rows<'_>)] = &[
            ("waits more often", Latency, 3, &[("threads", slow), ("select", fast)]),
            ("overlaps", Latency, 3, &[("threads", alike), ("select", fast)]),
            ("one round", Latency, 1, &[("threads", slow), ("select", fast)]),
            ("failed", Latency, 3, &[("threads", slow), ("select", &[])]),
            (
                "the best design is compared with all",
                Latency,
                3,
                &[("floor", &[(P50, 40.0)]), ("threads", slow), ("select", fast), ("ncat", alike)],
            ),
            (
                "spins",
                Latency,
                3,
                &[
                    ("threads", &[(P50, 20.0), (CALLS, 40_000.0)]),
                    ("select", &[(P50, 40.0), (CALLS, 6000.0)]),
                ],
            ),
            (
                "side by side",
                OneWay,
                3,
                &[("threads", &[(LINES, 2e6), (CPU, 0.001)]), ("select", &[(LINES, 1e6), (CPU, 0.001)])],
            ),
            (
                "with a trace",
                OneWay,
                3,
                &[
                    ("threads", &[(LINES, 2e6)]),
                    ("threads, traced", &[(LINES, 1.8e6)]),
                    ("select", &[(LINES, 1.5e6), (CPU, 0.02)]),
                    ("select, traced", &[(LINES, 1.49e6)]),
                ],
            ),
            (
                "a rare cost",
                Hub,
                3,
                &[
                    ("threads", &[(DELIVERIES, 2e6), (WAITS, 0.2), (CALLS, 10.0)]),
                    ("select", &[(DELIVERIES, 1e6), (WAITS, 0.9), (CALLS, 20.0)]),
                ],
            ),
            (
                "stalled",
                Stalled,
                3,
                &[
                    ("threads", &[(TAKEN, 4e6), (MEMORY, 7e6), (BACK, 510.0), (OTHER_WAY, 90.0)]),
                    ("nc", &[(TAKEN, 3e6), (BACK, 7.0)]),
                    ("socat", &[(TAKEN, 3e6), (BACK, 500.0)]),
                ],
            ),
        ];
        let explained = cases.iter().map(|&(title, workload, rounds, rows)| {
            format!("# {title}\n{}\n", explained(workload, rounds, rows))
        });
        let certain = [2, 4, 7].map(|rounds| format!("# {rounds} rounds\n{}\n", certainty(rounds)));
        let text: String = explained.chain(certain).collect::<Vec<_>>().join("\n");
        let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lab/compare/report/explain.txt");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            return std::fs::write(snapshot, text).unwrap();
        }
        assert_eq!(text, include_str!("explain.txt"));
    }
}
