//! The tables on standard output: one for each task, with a row for each subject.

use super::super::measure::Measure;
use super::{Outcome, Report, Row, TaskReport};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use std::fmt::Write;

const LEGEND: &str = "\
Each cell: the median of the rounds; the quartiles, between which the middle half of the rounds lies; and the ratio to
the floor, or among hubs to ncat --broker (in the first column with its quartiles, round by round). docs/compare.md
explains each figure and how it is measured.";

pub(crate) fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "{}, rounds: {}, {}\n{}, {} cores, {}\n\n{LEGEND}\n",
        machine.program,
        report.rounds(),
        report.date,
        machine.cpu,
        machine.cores,
        machine.system
    );
    for task in &report.tasks {
        let size = task.size(report.options.rounds);
        let _ = write!(text, "\n{}: {size}\n{}\n", task.task.title(), table(task).trim_fmt());
    }
    if let Some(reason) = &report.system_calls_not_counted {
        let _ = writeln!(text, "\nSystem calls were not counted: {reason}.");
    }
    for (task, subject, reason) in report.failures() {
        let _ = writeln!(text, "\n{}, {subject}, failed: {reason}", task.title());
    }
    text
}

fn table(report: &TaskReport) -> Table {
    let mut table = Table::new();
    let lines = LineStyle::none().fill('─').junction('─');
    let style = TableStyle::new().header_separator(lines).row_separator(lines).bottom_border(lines);
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([""].into_iter().chain(report.task.measures().map(Measure::title)));
    for row in &report.rows {
        let mut cells = vec![name(row)];
        match &row.outcome {
            Outcome::Measured { figures } => {
                let first = report.task.measures().next();
                let cell = |measure| report.cell(measure, figures, first == Some(measure)).join("\n");
                cells.extend(report.task.measures().map(cell));
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

fn name(row: &Row) -> String {
    match row.lines_of_code {
        Some(lines) => format!("{}\n{lines} lines", row.subject),
        None => row.subject.clone(),
    }
}
