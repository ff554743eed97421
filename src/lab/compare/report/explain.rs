//! What the figures of a work show, in three sentences at most: how the two full-duplex designs differ, why, and how far
//! that is from the floor. All of it comes from the figures of the run.

use super::super::measure::{Measure, short};
use super::super::workloads::task::Workload;
use super::summary::{DESIGNS, speed};
use super::verdict::{Ratio, Verdict};
use super::{Figure, TaskReport, stopped};
use std::collections::BTreeMap;

/// A cost is a cause if the slower subject has this many times as much of it.
const MIN_CAUSE: f64 = 1.15;
/// A cost that occurs less often for each line is too rare to be a cause.
const MIN_RATE: f64 = 1.0 / 100.0;
/// A faster subject that makes this many times as many system calls spins instead of parking.
const SPINS: f64 = 3.0;

/// The sentences on one task.
pub(super) fn explain(report: &TaskReport) -> Vec<String> {
    let subjects = subjects(report);
    if report.task.workload == Workload::Stalled {
        return stalled(&subjects, report.back);
    }
    let compared = report.compared.first().map(|comparison| comparison.measure);
    let Some(measure) = compared.or_else(|| report.task.measures().next()) else { return Vec::new() };
    let find = |name: &str| subjects.iter().find(|subject| subject.name == name);
    let mut designs = DESIGNS.iter().filter_map(|name| find(name));
    let Some(one) = designs.next() else { return Vec::new() };
    let mut sentences = Vec::new();
    if let Some(other) = designs.next() {
        sentences.extend(compare(measure, one, other));
    }
    let costs = [
        (", traced", "with a trace", "without"),
        (", viewed", "while somebody views it", "alone"),
        (" --secure", "encrypted", "in clear text"),
        (" --link", "linked", "alone"),
        (" --web", "with browsers", "with netcats"),
    ];
    let costs = costs.map(|(suffix, with, without)| {
        let costs = DESIGNS
            .iter()
            .filter_map(|name| cost(measure, find(name)?, find(&format!("{name}{suffix}"))?, with, without));
        costs.collect::<Vec<String>>()
    });
    let costs = costs.concat();
    if !costs.is_empty() {
        sentences.push(format!("{}.", costs.join("; ")));
    } else if let Some(floor) = find("floor") {
        sentences.extend(compare(measure, floor, one).into_iter().take(1));
    }
    sentences
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
    let is_of_deliveries = matches!(report.task.workload, Workload::Hub | Workload::Web);
    let receivers = report.task.clients.filter(|_| is_of_deliveries).map_or(1, |clients| clients - 1);
    let units = (report.forth + report.back * receivers) as f64;
    let unit = match report.task.workload {
        Workload::Goodbye => ["conversation", "conversations"],
        Workload::Hub | Workload::Web => ["delivery", "deliveries"],
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

    /// Whether a good part of these system calls only offer the processor to others.
    fn yields(&self, calls: f64) -> bool {
        self.median(Measure::YieldingSystemCalls).is_some_and(|yields| yields > 0.1 * calls)
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
            Measure::SystemCalls if self.yields(self.median(cost)?) => {
                let yields = self.median(Measure::YieldingSystemCalls)? / self.units;
                format!("{each:.1} times a {unit} ({yields:.1} of them to yield)")
            }
            _ if each >= 0.5 => format!("{each:.1} times a {unit}"),
            _ if each > 0.0 => format!("once in {} {units}", short((1.0 / each).round())),
            _ => "never".to_owned(),
        })
    }
}

/// Which of two is faster, and why.
fn compare(measure: Measure, one: &Subject<'_>, other: &Subject<'_>) -> Vec<String> {
    let (Some(figure), Some(others)) = (one.figures.get(&measure), other.figures.get(&measure)) else {
        return Vec::new();
    };
    // As in the summary: how many times as fast the other one is.
    let Some(ratio) = speed(measure, &others.rounds, &figure.rounds) else { return Vec::new() };
    let (fast, slow) = match ratio.verdict() {
        Verdict::CannotTell => {
            let (one, other, ratio) = (one.name, other.name, ratio.short());
            return vec![format!(
                "This run cannot tell whether {one} or {other} is faster ({other} {ratio})."
            )];
        }
        Verdict::Slower => (one, other),
        Verdict::Faster => (other, one),
    };
    let [of_fast, of_slow] = [fast, slow].map(|subject| &subject.figures[&measure]);
    let in_text = |figure: &Figure| measure.in_text(figure.spread.median);
    let ratio = speed(measure, &of_fast.rounds, &of_slow.rounds).map_or(String::new(), |ratio| ratio.short());
    vec![
        format!(
            "{} is faster than {} ({ratio}): {} and {}.",
            fast.name,
            slow.name,
            in_text(of_fast),
            in_text(of_slow),
        ),
        format!("{}.", cause(fast, slow, measure)),
    ]
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
        let ratio = Ratio::of(&more.rounds, &less.rounds)?;
        // System calls are counted once.
        let is_certain = ratio.is_certain() || more.rounds.len() == 1;
        (is_frequent && ratio.median >= MIN_CAUSE && is_certain).then_some(ratio.median)
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
    let yielding =
        [slow, fast].into_iter().find(|subject| calls(subject).is_some_and(|calls| subject.yields(calls)));
    if let Some(subject) = yielding
        && let Some(rate) = subject.rate(Measure::YieldingSystemCalls)
    {
        let name = subject.name;
        return format!(
            "No cost of these shows why; {name} spins before parking, and yields the processor {rate}"
        );
    }
    "Neither waits, nor system calls, nor processor time show why".to_owned()
}

/// What a design costs more while it does something else as well.
fn cost(
    measure: Measure,
    plain: &Subject<'_>,
    other: &Subject<'_>,
    what: &str,
    what_not: &str,
) -> Option<String> {
    let (without, with) = (plain.figures.get(&measure)?, other.figures.get(&measure)?);
    let ratio = Ratio::of(&with.rounds, &without.rounds)?;
    let certain = if ratio.is_certain() { "" } else { ", which may be chance" };
    let percent = (ratio.median - 1.0) * 100.0;
    let (with, without) = (measure.in_text(with.spread.median), measure.in_text(without.spread.median));
    Some(format!("{} {what}: {with}, {what_not}: {without} ({percent:+.1} %{certain})", plain.name))
}

/// With whom the other way kept moving, with whom it did not, and how much was accepted.
fn stalled(subjects: &[Subject<'_>], back: usize) -> Vec<String> {
    let (mut moving, mut stuck) = (Vec::new(), Vec::new());
    for subject in subjects {
        let name = subject.name;
        match (subject.median(Measure::OtherWayP50Microseconds), stopped(subject.figures, back)) {
            (Some(time), _) => {
                moving.push(format!("{name} ({})", Measure::OtherWayP50Microseconds.show(time)));
            }
            (None, (stopped, all)) if stopped < all => {
                stuck.push(format!("{name} in {stopped} of {all} rounds"));
            }
            _ => stuck.push(name.to_owned()),
        }
    }
    let mut sentences = Vec::new();
    if !moving.is_empty() {
        sentences.push(format!("The other way kept moving with {}.", moving.join(", ")));
    }
    if !stuck.is_empty() {
        let stuck = stuck.join(", ");
        sentences.push(format!("It stopped, too, with {stuck}: who waits to write does not read there."));
    }
    let accepted = |subject: &Subject<'_>| {
        let taken = Measure::TakenBytes.show(subject.median(Measure::TakenBytes)?);
        Some(format!("{} {taken}", subject.name))
    };
    let accepted: Vec<String> = subjects.iter().filter_map(accepted).collect();
    if !accepted.is_empty() {
        sentences.push(format!("Accepted before nothing more was: {}.", accepted.join(", ")));
    }
    sentences
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
                _ => Outcome::Measured {
                    figures: summarize(&rounds, None),
                    cpu_seconds_by_thread: BTreeMap::new(),
                },
            };
            Row { subject: (*name).to_owned(), lines_of_code: None, outcome }
        };
        let task = Task::of(workload);
        let rows = rows.iter().map(row).collect();
        let (meanwhile, compared) = (Vec::new(), Vec::new());
        let report = TaskReport { task, forth: 500, back: 500, rounds, meanwhile, compared, rows };
        let sentences = explain(&report);
        assert!(sentences.len() <= 3, "{sentences:?}");
        sentences.join("\n")
    }

    /// Compares with `explain.txt`. `UPDATE_SNAPSHOTS=1 cargo test --lib explain` writes it: look at the diff then.
    #[test]
    fn the_explanations_are_as_in_the_snapshot() {
        use Measure::{
            CpuSeconds as CPU, DeliveriesPerSecond as DELIVERIES, LinesPerSecond as LINES,
            OtherWayLines as BACK, OtherWayP50Microseconds as OTHER_WAY, P50Microseconds as P50,
            SenderPeakMemoryBytes as MEMORY, SystemCalls as CALLS, TakenBytes as TAKEN,
            VoluntarySwitches as WAITS, YieldingSystemCalls as YIELDS,
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
                "the floor comes last",
                Latency,
                3,
                &[("floor", &[(P50, 40.0)]), ("threads", slow), ("select", fast), ("ncat", alike)],
            ),
            (
                "spins",
                Latency,
                3,
                &[
                    ("threads", &[(P50, 20.0), (CALLS, 40_000.0), (YIELDS, 30_000.0)]),
                    ("select", &[(P50, 40.0), (CALLS, 6000.0)]),
                ],
            ),
            (
                "slow, and yields",
                Latency,
                3,
                &[
                    ("threads", &[(P50, 40.0), (CALLS, 6000.0), (YIELDS, 1500.0)]),
                    ("select", &[(P50, 20.0), (CALLS, 6000.0), (YIELDS, 0.0)]),
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
                "encrypted",
                OneWay,
                3,
                &[("threads", &[(LINES, 2e6)]), ("threads --secure", &[(LINES, 1.5e6)])],
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
        let text: String = explained.collect::<Vec<_>>().join("\n");
        let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lab/compare/report/explain.txt");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            return std::fs::write(snapshot, text).unwrap();
        }
        assert_eq!(text, include_str!("explain.txt"));
    }
}
