//! Why the figures came out as they did, in sentences made from the figures of the run: nothing is claimed that they
//! do not show.

use super::measure::{Measure, short};
use super::report::{Figure, Outcome, Report, WorkReport, stopped};
use super::stats::Spread;
use super::work::Work;
use std::collections::BTreeMap;

/// How much more of something the slower one must need for it to be named as a cause.
const NOTABLE: f64 = 1.15;
/// What happens less often than this for each line cannot be why one row is faster.
const RARE: f64 = 1.0 / 1000.0;
/// How many times as many system calls the faster one makes if it looks instead of waiting.
const AWAKE: f64 = 3.0;
/// What is less is no difference to speak of.
const WORTH_TELLING: f64 = 1.05;
const FLOOR: &str = "floor";
const BROKER: &str = "ncat --broker";
const TRACED: &str = ", traced";
const DESIGNS: [&str; 3] = ["threads", "select", "half-duplex"];

/// Paragraphs on one work.
pub(super) fn explain(report: &Report, work: &WorkReport) -> Vec<String> {
    let rows = rows(work);
    let mut paragraphs = vec![about(work.work).to_owned()];
    if work.work == Work::Stalled {
        paragraphs.extend(rows.iter().map(|row| stalled(row, &rows)));
    } else {
        paragraphs.extend(differences(work.work, &rows));
    }
    paragraphs.extend(traced(work.work, &rows));
    match work.work {
        Work::Latency => {
            paragraphs.extend(placement(&rows));
            paragraphs.extend(tail(&rows));
        }
        Work::BothWays => paragraphs.extend(beside_one_way(report, &rows)),
        Work::OneWay | Work::Stalled | Work::Goodbye | Work::Hub => (),
    }
    paragraphs.extend(work.rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Failed { reason } => {
            Some(format!("{} has no figures, because a run of it failed: {reason}.", row.row))
        }
        _ => None,
    }));
    paragraphs.into_iter().map(|text| capitalized(&text)).collect()
}

/// What becomes of hubs from few clients to many. These works are of the same number of senders.
pub(super) fn growth(works: &[&WorkReport]) -> Vec<String> {
    let (Some(few), Some(many)) =
        (works.iter().min_by_key(|work| work.clients), works.iter().max_by_key(|work| work.clients))
    else {
        return Vec::new();
    };
    let (from, to) = (few.clients.unwrap_or(0), many.clients.unwrap_or(0));
    let changes = |row: &Row<'_>| {
        let later = many.figures(row.key)?;
        let change = |measure: Measure| {
            let (first, last) = (row.median(measure)?, later.get(&measure)?.spread.median);
            Some((measure, first, last))
        };
        let told = [Measure::DeliveriesPerSecond, Measure::P50Microseconds, Measure::PeakMemoryBytes];
        let told: Vec<String> = (told.into_iter().filter_map(change))
            .map(|(measure, first, last)| {
                let each = measure.show((last - first) / (to - from) as f64);
                let (first, last) = (measure.in_text(first), measure.in_text(last));
                match measure {
                    Measure::DeliveriesPerSecond => format!("delivers {last} (with {from}: {first})"),
                    Measure::P50Microseconds => {
                        format!(
                            "takes {last} for half of the lines ({first}: {each} for each further client)"
                        )
                    }
                    _ => format!("needs {last} of memory ({first})"),
                }
            })
            .collect();
        Some(format!("With {to} clients {} {}.", row.name, told.join(", ")))
    };
    rows(few).iter().filter_map(changes).collect()
}

/// A sentence may begin with the floor. Names are written as they are.
fn capitalized(text: &str) -> String {
    text.strip_prefix("the ").map_or_else(|| text.to_owned(), |rest| format!("The {rest}"))
}

/// How much the differences are worth.
pub(super) fn certainty(rounds: usize) -> &'static str {
    match rounds {
        0..3 => {
            "With fewer than three rounds nothing can be said about differences: chance would look the same."
        }
        3..5 => {
            "With so few rounds, a difference is told only if the worst round of the one is better than the best of the \
            other. Of two that are alike, chance would still make that happen once in ten times: take it as a hint."
        }
        _ => {
            "A difference is told if the quartiles do not overlap and the same one was ahead in every round, or with seven or more \
            in all but one. Of two that are alike, chance makes that happen about once in twenty times."
        }
    }
}

/// What the work asks of an endpoint, whatever the figures.
fn about(work: Work) -> &'static str {
    match work {
        Work::Latency => {
            "Nearly all of the time of a line is waiting to be woken: the thread that reads the keyboard, the one that reads the \
            socket on the other side, and the one that reads the screen. The floor needs these three wake-ups, too. What a \
            design adds are hand-overs from thread to thread, system calls to find out what is ready, and the work on the line."
        }
        Work::OneWay => {
            "When lines come faster than they are moved, nobody waits for long, and what counts is the work for each \
            line and how many lines are moved at once. The floor moves whatever it has read. A design finds the lines in it \
            and shows 91 bytes for 64 that were typed, because each line gets a stamp of 27."
        }
        Work::BothWays => {
            "Both directions at once share the processors and the connection. Figures are of both directions together."
        }
        Work::Stalled => {
            "The pipes and the socket's buffers fill up first, and what is taken after that lies in the endpoints. One that \
            bounds what it keeps then stops reading its keyboard, and its memory stays as it is. Lines still come the \
            other way if whoever has to read them is not the one who waits for the full output."
        }
        Work::Goodbye => {
            "Each conversation is a connection, a goodbye and its end. Beside what the system does for a \
            connection, what counts is what an endpoint sets up for a conversation and takes down again."
        }
        Work::Hub => {
            "Each line that one client says goes to all others. The system takes its time for each of these deliveries, \
            unless several lines go with one write: a hub that takes what has come from a client as a whole, and writes it \
            as a whole to each of the others, writes less often the faster the lines come. A line that comes alone costs a \
            write for each client, and the last of them hears it after all others."
        }
    }
}

/// A row that was measured.
struct Row<'a> {
    key: &'a str,
    /// As it is called in a sentence.
    name: &'a str,
    figures: &'a BTreeMap<Measure, Figure>,
    /// How many lines a round moved or delivered, or how many conversations it held.
    units: f64,
    /// How many of them came back.
    back: usize,
}

fn rows(work: &WorkReport) -> Vec<Row<'_>> {
    let heard_by = work.clients.map_or(1, |clients| clients - 1);
    let units = (work.forth + work.back * heard_by) as f64;
    let rows = work.rows.iter();
    let name = |key| if key == FLOOR { "the floor" } else { key };
    rows.filter_map(|row| {
        Some(Row { key: &row.row, name: name(&row.row), figures: row.figures()?, units, back: work.back })
    })
    .collect()
}

impl Row<'_> {
    fn spread(&self, measure: Measure) -> Option<&Spread> {
        self.figures.get(&measure).map(|figure| &figure.spread)
    }

    fn median(&self, measure: Measure) -> Option<f64> {
        self.spread(measure).map(|spread| spread.median)
    }

    /// How much of it for each line or conversation.
    fn each(&self, measure: Measure) -> Option<f64> {
        self.median(measure).map(|median| median / self.units)
    }

    /// Whether the others are compared to it.
    fn is_base(&self) -> bool {
        [FLOOR, BROKER].contains(&self.key)
    }

    fn is_design(&self) -> bool {
        DESIGNS.contains(&self.key)
    }
}

/// Each design beside each other, and then each row beside the floor, or each hub beside ncat's.
fn differences(work: Work, rows: &[Row<'_>]) -> Vec<String> {
    let pairs =
        rows.iter().enumerate().flat_map(|(at, one)| rows[at + 1..].iter().map(move |other| (one, other)));
    let (designs, others): (Vec<_>, Vec<_>) = pairs
        .filter(|(one, other)| one.is_base() || other.is_base() || (one.is_design() && other.is_design()))
        .partition(|(one, other)| one.is_design() && other.is_design());
    let pairs = designs.into_iter().chain(others);
    pairs.filter_map(|(one, other)| difference(work, one, other)).collect()
}

fn difference(work: Work, one: &Row<'_>, other: &Row<'_>) -> Option<String> {
    let measure = *work.measures().first()?;
    let (figure, others) = (one.figures.get(&measure)?, other.figures.get(&measure)?);
    let told = |figure: &Figure| {
        let spread = &figure.spread;
        format!("{} ({})", measure.in_text(spread.median), measure.range(spread.q1, spread.q3))
    };
    let (name, others_name) = (one.name, other.name);
    if !figure.differs_from(others) {
        return Some(format!(
            "Between {name} and {others_name} there is no difference that this run can show: {} and {}.",
            told(figure),
            told(others)
        ));
    }
    let ratio = figure.spread.median / others.spread.median;
    let factor = ratio.max(1.0 / ratio);
    if factor < WORTH_TELLING {
        return Some(format!(
            "{name} and {others_name} are practically alike: {} and {}.",
            told(figure),
            told(others)
        ));
    }
    let one_is_faster = (ratio > 1.0) == measure.more_is_better();
    let ((fast, of_fast), (slow, of_slow)) =
        if one_is_faster { ((one, figure), (other, others)) } else { ((other, others), (one, figure)) };
    Some(format!(
        "{} is {factor:.2} times as fast as {}: {} against {}. {}",
        fast.name,
        slow.name,
        told(of_fast),
        told(of_slow),
        cause(work, fast, slow)
    ))
}

/// What it costs a design to record a trace.
fn traced(work: Work, rows: &[Row<'_>]) -> Vec<String> {
    let cost = |row: &Row<'_>| {
        let measure = *work.measures().first()?;
        let plain = rows.iter().find(|plain| row.key.strip_suffix(TRACED) == Some(plain.key))?;
        let (with, without) = (row.figures.get(&measure)?, plain.figures.get(&measure)?);
        let percent = (with.spread.median / without.spread.median - 1.0) * 100.0;
        let certain = if with.differs_from(without) { "" } else { ", which may be chance" };
        let (with, without) = (measure.in_text(with.spread.median), measure.in_text(without.spread.median));
        Some(format!(
            "{} while it recorded a trace: {with}, and {without} without: {percent:+.1} %{certain}.",
            plain.name
        ))
    };
    rows.iter().filter_map(cost).collect()
}

/// What the slower one needs more of: what differs most, and what that means, comes first.
fn cause(work: Work, fast: &Row<'_>, slow: &Row<'_>) -> String {
    let unit = match work {
        Work::Goodbye => "conversation",
        Work::Hub => "delivery",
        _ => "line",
    };
    let mut causes: Vec<(f64, Measure)> =
        [Measure::VoluntarySwitches, Measure::SystemCalls, Measure::CpuSeconds]
            .into_iter()
            .filter_map(|cost| {
                let (least, most) = (fast.figures.get(&cost)?, slow.figures.get(&cost)?);
                let factor = most.spread.median / least.spread.median;
                let counts = cost == Measure::CpuSeconds || most.spread.median >= slow.units * RARE;
                (counts && factor >= NOTABLE && most.spread.differs_from(&least.spread))
                    .then_some((factor, cost))
            })
            .collect();
    causes.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let facts: Vec<String> = causes
        .iter()
        .filter_map(|(_, cost)| {
            let (of_slow, of_fast) =
                (told(*cost, slow.each(*cost)?, unit), told(*cost, fast.each(*cost)?, unit));
            Some(format!("{} {of_slow} ({} {of_fast})", verb(*cost), fast.name))
        })
        .collect();
    let mut text = match causes.first() {
        Some((_, most)) => format!("{} {}. {}", slow.name, facts.join(", "), meaning(*most)),
        None => String::new(),
    };
    if let (Some(of_fast), Some(of_slow)) = (busy(fast), busy(slow))
        && of_fast > of_slow * NOTABLE
    {
        text += &format!(
            " {} kept {of_fast:.1} processors busy on average, {} {of_slow:.1}: more was done side by side.",
            fast.name, slow.name
        );
    }
    if work == Work::Latency
        && let (Some(of_fast), Some(of_slow)) =
            (fast.each(Measure::SystemCalls), slow.each(Measure::SystemCalls))
        && of_fast > of_slow * AWAKE
    {
        text += &format!(
            " {} made a system call {} ({} {}), mostly to look whether something has come. So it stays awake for a \
             while, and a processor that is awake need not be brought back.",
            fast.name,
            often(of_fast, unit),
            slow.name,
            often(of_slow, unit)
        );
    }
    match text.is_empty() {
        true => "Neither waits, system calls nor processor time tell why.".to_owned(),
        false => text.trim_start().to_owned(),
    }
}

fn verb(cost: Measure) -> &'static str {
    match cost {
        Measure::VoluntarySwitches => "had to wait",
        Measure::SystemCalls => "made a system call",
        _ => "worked",
    }
}

/// So much of it for each line, such as `5.2 times a line`, `once in 180 lines` or `12 µs a line`.
fn told(cost: Measure, each: f64, unit: &str) -> String {
    match cost {
        Measure::CpuSeconds => format!("{} µs a {unit}", short(each * 1e6)),
        _ => often(each, unit),
    }
}

fn often(each: f64, unit: &str) -> String {
    match each {
        each if each >= 0.5 => format!("{each:.1} times a {unit}"),
        each if each > 0.0 => {
            let units = if unit == "delivery" { "deliveries".to_owned() } else { format!("{unit}s") };
            format!("once in {} {units}", short((1.0 / each).round()))
        }
        _ => "never".to_owned(),
    }
}

fn meaning(cost: Measure) -> &'static str {
    match cost {
        Measure::VoluntarySwitches => {
            "A wait ends with a wake-up, which costs more than most of what is done in between."
        }
        Measure::SystemCalls => "Each call goes into the kernel and back.",
        _ => "It is not the waiting, but the work in between (processor time of all threads).",
    }
}

/// How many processors were busy on average, where the work keeps them busy.
fn busy(row: &Row<'_>) -> Option<f64> {
    let seconds = row.units / row.median(Measure::LinesPerSecond)?;
    Some(row.median(Measure::CpuSeconds)? / seconds)
}

/// Whether rounds fall apart into fast ones, in which the processor was often taken away, and slow ones.
fn placement(rows: &[Row<'_>]) -> Option<String> {
    let told: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let (times, taken) = (
                row.figures.get(&Measure::P50Microseconds)?,
                row.figures.get(&Measure::InvoluntarySwitches)?,
            );
            let mut rounds: Vec<(f64, f64)> =
                times.rounds.iter().copied().zip(taken.rounds.iter().copied()).collect();
            rounds.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            let ((fast, fast_taken), (slow, slow_taken)) = (*rounds.first()?, *rounds.last()?);
            (slow > fast * 1.4 && fast_taken > slow_taken * 1.5).then(|| {
                format!(
                    "{} ({} µs when it was taken away {}, {} µs when {})",
                    row.name,
                    short(fast),
                    often(fast_taken / row.units, "line"),
                    short(slow),
                    often(slow_taken / row.units, "line")
                )
            })
        })
        .collect();
    (!told.is_empty()).then(|| {
        format!(
            "Some rows had fast rounds in which the processor was often taken away, and slow ones in which it was not: {}. Where \
            the endpoints share a processor they take it from each other, but a wake-up is a mere switch; on different \
            ones, another processor has to be brought out of its sleep. Which it is, the scheduler decides anew in each run.",
            told.join("; ")
        )
    })
}

/// What the slowest lines have to do with.
fn tail(rows: &[Row<'_>]) -> Option<String> {
    let ratio =
        |row: &Row<'_>| Some(row.median(Measure::P999Microseconds)? / row.median(Measure::P50Microseconds)?);
    let told: Vec<String> =
        rows.iter().filter_map(|row| Some(format!("{:.1} ({})", ratio(row)?, row.name))).collect();
    let taken = |row: &&Row<'_>| row.median(Measure::InvoluntarySwitches).unwrap_or(0.0);
    let most = rows.iter().max_by(|one, other| taken(one).total_cmp(&taken(other)))?;
    let mut text =
        format!("One line in a thousand takes longer than this many medians: {}.", told.join(", "));
    if taken(&most) >= 1.0 {
        text += &format!(
            " The processor was taken away most often from {}, {}: a line that comes just then has to wait until the \
            process gets its turn again.",
            most.name,
            often(taken(&most) / most.units, "line")
        );
    }
    Some(text)
}

/// Both ways beside one way, in the same report.
fn beside_one_way(report: &Report, rows: &[Row<'_>]) -> Option<String> {
    let one_way = report.works.iter().find(|work| work.work == Work::OneWay)?;
    let (mut alike, mut different) = (Vec::new(), Vec::new());
    for row in rows {
        let figure = |figures: &BTreeMap<Measure, Figure>| figures.get(&Measure::LinesPerSecond).cloned();
        let Some((both, one)) = figure(row.figures).zip(one_way.figures(row.key).and_then(figure)) else {
            continue;
        };
        if both.differs_from(&one) {
            different.push(format!("{} {:.2} times", row.name, both.spread.median / one.spread.median));
        } else {
            alike.push(row.name);
        }
    }
    let different = (!different.is_empty()).then(|| format!("{} as much", different.join(", ")));
    let alike = (!alike.is_empty())
        .then(|| format!("as far as this run can show no more and no less: {}", alike.join(", ")));
    let told: Vec<String> = [different, alike].into_iter().flatten().collect();
    (!told.is_empty())
        .then(|| format!("Beside one way, both directions together move this much: {}.", told.join("; and ")))
}

fn stalled(row: &Row<'_>, rows: &[Row<'_>]) -> String {
    let show = |measure: Measure| row.median(measure).map_or("—".to_owned(), |value| measure.show(value));
    let mut text = format!("{} took {} and then no more", row.name, show(Measure::TakenBytes));
    let taken = |row: &'_ Row<'_>| row.figures.get(&Measure::TakenBytes).map(|figure| figure.spread);
    let of_floor = rows.iter().find(|other| other.key == FLOOR && row.key != FLOOR);
    if let (Some(taken), Some(of_floor)) = (taken(row), of_floor.and_then(taken)) {
        text += match taken.median / of_floor.median {
            more if more > 1.1 => ", more than the floor: that much more lies in its own buffers",
            less if less < 0.9 && row.is_design() => {
                ", less than the floor: with its stamp, a line takes more room in the system's buffers"
            }
            less if less < 0.9 => ", less than the floor: its own buffers are smaller",
            _ => ", about as much as the floor",
        };
    }
    if row.figures.contains_key(&Measure::SenderPeakMemoryBytes) {
        text += &format!("; its memory was {} at most", show(Measure::SenderPeakMemoryBytes));
    }
    let in_rounds = match stopped(row.figures, row.back) {
        (stopped, all) if stopped < all => format!("in {stopped} of {all} rounds, "),
        _ => String::new(),
    };
    text += &match row.median(Measure::OtherWayP50Microseconds) {
        Some(_) => {
            format!(". The other way kept moving, at {} a line.", show(Measure::OtherWayP50Microseconds))
        }
        None => format!(
            ". The other way stopped, too, {in_rounds}until the screen took lines again: it does not read while it waits to write."
        ),
    };
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lab::compare::machine::Machine;
    use crate::lab::compare::measure::Figures;
    use crate::lab::compare::report::{Chosen, RowReport, summarize};

    /// A report of one work of 1000 lines, with three rounds of each row that lie close together.
    fn report(work: Work, rows: &[(&str, &[(Measure, f64)])]) -> Report {
        let rows = rows.iter().map(|(name, figures)| {
            let round = |factor: f64| -> Figures {
                figures.iter().map(|(measure, value)| (*measure, value * factor)).collect()
            };
            let rounds = [0.98, 1.0, 1.02].map(round);
            let outcome = Outcome::Measured { figures: summarize(&rounds, None) };
            RowReport { row: (*name).to_owned(), lines_of_code: None, outcome }
        });
        Report {
            format: 1,
            date: String::new(),
            machine: Machine::here(),
            options: Chosen { quick: false, rounds: 3, peers: false },
            system_calls_counted_by: None,
            system_calls_not_counted: None,
            works: vec![WorkReport {
                work,
                clients: None,
                senders: None,
                forth: 500,
                back: 500,
                rounds: 3,
                rows: rows.collect(),
            }],
        }
    }

    fn text(report: &Report) -> String {
        explain(report, &report.works[0]).join("\n")
    }

    const P50: Measure = Measure::P50Microseconds;
    const WAITS: Measure = Measure::VoluntarySwitches;
    const CPU: Measure = Measure::CpuSeconds;

    #[test]
    fn who_waits_more_often_is_told_to_be_slower_for_it() {
        let threads = [(P50, 100.0), (WAITS, 5200.0), (CPU, 0.1)];
        let select = [(P50, 50.0), (WAITS, 2100.0), (CPU, 0.1)];
        let text = text(&report(Work::Latency, &[("threads", &threads), ("select", &select)]));
        assert!(
            text.contains("select is 2.00 times as fast as threads: 50 µs (49.5–50.5) against 100 µs"),
            "{text}"
        );
        assert!(
            text.contains(
                "threads had to wait 5.2 times a line (select 2.1 times a line). A wait ends with a wake-up"
            ),
            "{text}"
        );
        assert!(!text.contains("worked"), "{text}");
    }

    #[test]
    fn if_threads_is_faster_it_is_told_why() {
        let threads = [(Measure::LinesPerSecond, 2e6), (CPU, 0.001)];
        let select = [(Measure::LinesPerSecond, 1e6), (CPU, 0.001)];
        let text = text(&report(Work::OneWay, &[("threads", &threads), ("select", &select)]));
        assert!(
            text.contains("threads is 2.00 times as fast as select: 2.00 M lines/s (1.98–2.02 M) against"),
            "{text}"
        );
        assert!(text.contains("threads kept 2.0 processors busy on average, select 1.0"), "{text}");
    }

    #[test]
    fn who_is_faster_with_many_more_system_calls_stays_awake() {
        let calls = Measure::SystemCalls;
        let (threads, select) = ([(P50, 20.0), (calls, 40_000.0)], [(P50, 40.0), (calls, 6000.0)]);
        let text = text(&report(Work::Latency, &[("threads", &threads), ("select", &select)]));
        assert!(text.contains("threads made a system call 40.0 times a line (select 6.0 times"), "{text}");
        assert!(text.contains("stays awake") && !text.contains("tell why"), "{text}");
    }

    #[test]
    fn what_a_trace_costs_is_told_beside_the_same_design_without() {
        let lines = Measure::LinesPerSecond;
        let (threads, traced) = ([(lines, 2e6)], [(lines, 1.9e6)]);
        let report = report(Work::OneWay, &[("threads", &threads), ("threads, traced", &traced)]);
        let text = text(&report);
        let told = "threads while it recorded a trace: 1.90 M lines/s, and 2.00 M lines/s without: -5.0 %.";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn what_overlaps_is_no_difference() {
        let (threads, select) = ([(P50, 100.0), (WAITS, 5200.0)], [(P50, 101.0), (WAITS, 2100.0)]);
        let text = text(&report(Work::Latency, &[("threads", &threads), ("select", &select)]));
        assert!(text.contains("no difference that this run can show"), "{text}");
        assert!(!text.contains("as fast as") && !text.contains("had to wait"), "{text}");
    }

    #[test]
    fn a_difference_without_a_cause_in_the_figures_has_none() {
        let text = text(&report(
            Work::Latency,
            &[("floor", &[(P50, 50.0), (CPU, 1.0)]), ("nc", &[(P50, 60.0), (CPU, 1.0)])],
        ));
        assert!(text.contains("The floor is 1.20 times as fast as nc"), "{text}");
        assert!(text.contains("Neither waits, system calls nor processor time tell why."), "{text}");
    }

    #[test]
    fn one_round_shows_no_difference() {
        let mut report = report(Work::Latency, &[("threads", &[(P50, 100.0)]), ("select", &[(P50, 50.0)])]);
        for row in &mut report.works[0].rows {
            let Outcome::Measured { figures } = &mut row.outcome else { continue };
            figures.values_mut().for_each(|figure| figure.rounds.truncate(1));
        }
        assert!(text(&report).contains("no difference that this run can show"), "{}", text(&report));
        assert!(!text(&report).contains("as fast as"), "{}", text(&report));
    }

    #[test]
    fn a_way_that_stopped_is_told_from_one_that_moves() {
        let moves = [(Measure::TakenBytes, 4e6), (Measure::OtherWayP50Microseconds, 90.0)];
        let stops = [(Measure::TakenBytes, 3e6)];
        let text = text(&report(Work::Stalled, &[("floor", &moves), ("nc", &stops)]));
        assert!(
            text.contains("The floor took 4 MB and then no more. The other way kept moving, at 90 µs a line"),
            "{text}"
        );
        assert!(text.contains("nc took 3 MB and then no more, less than the floor"), "{text}");
        assert!(text.contains("The other way stopped, too"), "{text}");
    }

    #[test]
    fn rounds_that_fall_apart_are_explained() {
        let mut report =
            report(Work::Latency, &[("floor", &[(P50, 40.0), (Measure::InvoluntarySwitches, 20.0)])]);
        assert!(!text(&report).contains("fast rounds"), "{}", text(&report));
        let Outcome::Measured { figures } = &mut report.works[0].rows[0].outcome else { return };
        figures.get_mut(&P50).unwrap().rounds[1] = 18.0;
        figures.get_mut(&Measure::InvoluntarySwitches).unwrap().rounds[1] = 900.0;
        assert!(
            text(&report).contains(
                "the floor (18 µs when it was taken away 0.9 times a line, 40.8 µs when once in 49"
            ),
            "{}",
            text(&report)
        );
    }

    #[test]
    fn both_ways_are_put_beside_one_way() {
        let rate = |rate: f64| [(Measure::LinesPerSecond, rate)];
        let mut both_ways = report(Work::BothWays, &[("threads", &rate(3e6))]);
        both_ways.works.extend(report(Work::OneWay, &[("threads", &rate(2e6))]).works);
        assert!(
            text(&both_ways).contains("both directions together move this much: threads 1.50 times as much"),
            "{}",
            text(&both_ways)
        );
    }

    #[test]
    fn a_row_that_failed_is_told_and_not_compared() {
        let mut report = report(Work::Latency, &[("threads", &[(P50, 100.0)]), ("select", &[(P50, 50.0)])]);
        report.works[0].rows[1].outcome = Outcome::Failed { reason: "line f0000000007 is lost".to_owned() };
        assert!(
            text(&report)
                .contains("select has no figures, because a run of it failed: line f0000000007 is lost.")
        );
        assert!(!text(&report).contains("as fast as"), "{}", text(&report));
    }
}
