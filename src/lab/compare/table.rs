//! The tables on standard output: a block for each work, a row for each who did it.

use super::measure::Measure;
use super::report::{Figure, Outcome, Report, RowReport, WorkReport, stopped};
use super::work::Work;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How a figure is to be read, above the first table.
const LEGEND: &str = "\
Each cell: the median of the rounds; between which values the middle half of them lies; as a multiple of the floor, or
among hubs of ncat --broker (in the first column with its spread, round by round). What each figure means, and how it
is measured: docs/compare.md.";

pub(super) fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "{}, {} rounds, {}\n{}, {} cores, {}\n\n{LEGEND}\n",
        machine.program, report.options.rounds, report.date, machine.cpu, machine.cores, machine.system
    );
    for work in &report.works {
        let _ = write!(text, "\n{}: {}\n{}\n", work.title(), size(report, work), table(work).trim_fmt());
    }
    if let Some(reason) = &report.system_calls_not_counted {
        let _ = writeln!(text, "\nSystem calls were not counted here: {reason}.");
    }
    for (work, row, reason) in report.failures() {
        let _ = writeln!(text, "\n{}, {row}, failed: {reason}", work.title());
    }
    text
}

/// How much work it was.
pub(super) fn size(report: &Report, work: &WorkReport) -> String {
    let (forth, back) = (work.forth, work.back);
    let mut size = match work.work {
        Work::Latency => format!("{} lines of 64 bytes, alternately from either side", forth + back),
        Work::OneWay => format!("{forth} lines of 64 bytes from the caller to the listener"),
        Work::BothWays => format!("{forth} lines of 64 bytes from either side"),
        Work::Stalled => {
            format!("up to {forth} lines to a listener whose screen takes nothing, and {back} back meanwhile")
        }
        Work::Goodbye => format!("{forth} conversations with one listener, one after the other"),
        Work::Hub if back > 0 => {
            format!("{forth} deliveries of 64 bytes, then {back} messages, 100 a second")
        }
        Work::Hub => format!("{forth} deliveries of 64 bytes"),
    };
    if work.rounds < report.options.rounds {
        let _ = write!(size, "; {} of {} rounds, as time was up", work.rounds, report.options.rounds);
    }
    size
}

fn table(work: &WorkReport) -> Table {
    let mut table = Table::new();
    let lines = LineStyle::none().fill('─').junction('─');
    let style = TableStyle::new().header_separator(lines).row_separator(lines).bottom_border(lines);
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([""].into_iter().chain(work.measures().map(Measure::title)));
    for row in &work.rows {
        let mut cells = vec![name(row)];
        match &row.outcome {
            Outcome::Measured { figures } => {
                let cell = |measure| match figures.get(&measure) {
                    Some(figure) => cell(measure, figure, work.work.measures().first() == Some(&measure)),
                    None => missing(measure, figures, work.back),
                };
                cells.extend(work.measures().map(cell));
            }
            Outcome::Failed { .. } => cells.push("failed".to_owned()),
            Outcome::Absent { reason } => cells.push(reason.replacen("possible ", "possible\n", 1)),
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
        column.set_cell_alignment(CellAlignment::Left);
    }
    table
}

fn name(row: &RowReport) -> String {
    match row.lines_of_code {
        Some(lines) => format!("{}\n{lines} lines", row.row),
        None => row.row.clone(),
    }
}

/// A figure, its spread, and what it is to the floor.
fn cell(measure: Measure, figure: &Figure, with_spread: bool) -> String {
    let spread = &figure.spread;
    let mut cell = measure.show(spread.median);
    if figure.rounds.len() > 1 {
        let _ = write!(cell, "\n{}", measure.range(spread.q1, spread.q3));
    }
    if let Some(ratio) = figure.ratio() {
        let _ = write!(cell, "\n{:.2}×", ratio.of_medians);
        if with_spread && figure.rounds.len() > 1 {
            let _ = write!(cell, " {:.2}–{:.2}", ratio.of_rounds.q1, ratio.of_rounds.q3);
        }
    }
    cell
}

/// What stands where there is no figure.
pub(super) fn missing(measure: Measure, figures: &BTreeMap<Measure, Figure>, back: usize) -> String {
    match (measure, stopped(figures, back)) {
        (Measure::OtherWayP50Microseconds, (stopped, all)) if stopped < all => {
            format!("stopped\n{stopped} of {all}")
        }
        (Measure::OtherWayP50Microseconds, _) => "stopped".to_owned(),
        _ => "—".to_owned(),
    }
}
