//! What the terminal shows: who is faster at which work; and, if wanted, the figures of each work.

use super::super::measure::{Measure, SYSTEM_CALLS};
use super::summary::{Cell, Comparison};
use super::{Outcome, Report, Row, TaskReport};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use std::fmt::Write;

const WIDTH: u16 = 120;
/// With more columns, the cells of the summary are narrow.
const MAX_WIDE: usize = 4;
/// With more subjects, each has a row instead of a column: no word would fit into its cell.
const MAX_COLUMNS: usize = 8;

const LINE: LineStyle = LineStyle::none().fill('─').junction('─');

const DETAILS: &str = "\
Each cell: the median of the rounds; the quartiles, between which the middle half of the rounds lies; and the ratio to
the floor, among hubs to ncat --broker, of linked hubs to one hub, or with browsers to netcats alone (in the first
column with its interval).
docs/compare.md explains each figure.";

pub(crate) fn render(report: &Report, details: bool) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "{}, rounds: {}, {}\n{}, {} cores, {}\n\n",
        machine.program,
        report.rounds(),
        report.date,
        machine.cpu,
        machine.cores,
        machine.system
    );
    if let Some(warning) = report.warning() {
        let _ = writeln!(text, "{}\n", wrapped(&warning));
    }
    let _ = writeln!(text, "{}\n\n{}", summary(report).trim_fmt(), wrapped(&report.reading()));
    for note in report.notes() {
        let _ = writeln!(text, "{}", wrapped(&note));
    }
    if details {
        let _ = writeln!(text, "\n{DETAILS}");
        for task in &report.tasks {
            let size = task.size(report.options.rounds);
            let _ = write!(text, "\n{}: {size}\n{}\n", task.task.title(), table(task).trim_fmt());
            for line in task.calls_by_kind().into_iter().chain(task.times_by_thread()) {
                let _ = writeln!(text, "{}", wrapped(&line));
            }
        }
    }
    if let Some(reason) = &report.system_calls_not_counted {
        let _ = writeln!(text, "\nSystem calls were not counted: {reason}.");
    }
    for (task, subject, reason) in report.failures() {
        let _ = writeln!(text, "\n{}, {subject}, failed: {reason}", task.title());
    }
    text
}

fn summary(report: &Report) -> Table {
    let mut table = lines(LineStyle::none());
    // Wraps in the cells what is wider.
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    let columns = report.columns();
    let comparisons =
        || report.tasks.iter().flat_map(|task| task.compared.iter().map(move |one| (task, one)));
    let turned = columns.len() > MAX_COLUMNS;
    let is_narrow = if turned { comparisons().count() } else { columns.len() } > MAX_WIDE;
    let names = columns.iter().map(ToString::to_string);
    let mut rows: Vec<Vec<String>> =
        vec![[String::new()].into_iter().chain(names).chain(["ahead".to_owned()]).collect()];
    rows.extend(comparisons().map(|(task, comparison)| {
        let cells = columns.iter().map(|column| cell(task, comparison, column, is_narrow));
        [task.heading(comparison)].into_iter().chain(cells).chain([comparison.leaders()]).collect()
    }));
    if turned {
        rows = (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at].clone()).collect()).collect();
    }
    let mut rows = rows.into_iter();
    table.set_header(rows.next().unwrap_or_default());
    table.add_rows(rows);
    align(&mut table);
    table
}

/// A narrow cell breaks before its unit, and before its interval.
fn cell(task: &TaskReport, comparison: &Comparison, column: &str, is_narrow: bool) -> String {
    let space = if is_narrow { "\n" } else { " " };
    match task.cell(comparison, column) {
        Cell::Reference(text) => match text.rsplit_once(' ') {
            Some((value, unit)) => format!("{value}{space}{unit}"),
            None => text,
        },
        Cell::Words(text) => text,
        Cell::Compared(compared) => {
            let outlying = if compared.ratio.outlying_rounds.is_empty() { "" } else { " *" };
            let ratio = compared.ratio.short().replace(' ', space);
            format!("{ratio}\n{}{outlying}", compared.verdict.words())
        }
        Cell::Empty => String::new(),
    }
}

fn table(report: &TaskReport) -> Table {
    let mut table = lines(LINE);
    table.set_content_arrangement(ContentArrangement::Disabled);
    // A line below the table has the system calls by kind: the table is wide enough.
    let measures = || report.task.measures().filter(|measure| !SYSTEM_CALLS[1..].contains(measure));
    let first = measures().next();
    table.set_header([""].into_iter().chain(measures().map(Measure::title)));
    for row in &report.rows {
        let mut cells = vec![name(row)];
        match &row.outcome {
            Outcome::Measured { figures, .. } => {
                let cell = |measure| report.cell_lines(measure, figures, first == Some(measure)).join("\n");
                cells.extend(measures().map(cell));
            }
            Outcome::Failed { .. } => cells.push("failed".to_owned()),
            Outcome::Absent { reason } => cells.push(reason.replacen("possible ", "possible\n", 1)),
        }
        table.add_row(cells);
    }
    align(&mut table);
    table
}

pub(super) fn lines(between_rows: LineStyle) -> Table {
    let mut table = Table::new();
    let style = TableStyle::new().header_separator(LINE).row_separator(between_rows).bottom_border(LINE);
    table.load_style(style);
    table
}

/// Breaks a text at its blanks.
pub(super) fn wrapped(text: &str) -> String {
    let (mut wrapped, mut width) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if width + 1 + length > usize::from(WIDTH) {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped += word;
        width += length;
    }
    wrapped
}

pub(super) fn align(table: &mut Table) {
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
        column.set_cell_alignment(CellAlignment::Left);
    }
}

fn name(row: &Row) -> String {
    match row.lines_of_code {
        Some(lines) => format!("{}\n{lines} lines", row.subject),
        None => row.subject.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report_of;
    use super::*;
    use crate::lab::compare::workloads::task::Workload;

    const SUBJECTS: [&str; 7] = ["floor", "threads", "select", "half-duplex", "ncat", "nc", "socat"];

    fn report() -> Report {
        report_with(&SUBJECTS)
    }

    fn report_with(subjects: &[&str]) -> Report {
        let times = |subject: usize| [40.0, 41.0, 39.0, 40.5, 39.5].map(|time| time * (subject + 1) as f64);
        let rows: Vec<_> = (0..)
            .zip(subjects)
            .map(|(at, subject)| (*subject, Measure::P50Microseconds, times(at)))
            .collect();
        report_of(Workload::Latency, &rows)
    }

    #[test]
    fn the_summary_says_who_is_faster_by_how_much_and_who_is_ahead() {
        let text = render(&report(), false);
        let summary = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(summary.contains("threads floor select half-duplex ncat nc socat ahead"), "{text}");
        for expected in
            ["2.00×", "2.00–2.00", "faster", "0.50×", "slower", "How many times as fast as threads"]
        {
            assert!(summary.contains(expected), "{expected}: {text}");
        }
        assert!(
            text.lines().any(|line| line.starts_with("Latency") && line.trim_end().ends_with("threads")),
            "{text}"
        );
        assert!(text.lines().count() < 20, "{text}");
    }

    #[test]
    fn all_figures_are_details() {
        let (summary, all) = (render(&report(), false), render(&report(), true));
        assert!(all.starts_with(&summary) && !summary.contains("quartiles"), "{all}");
        assert!(all.contains("quartiles") && all.contains("39.5–40.5"), "{all}");
    }

    #[test]
    fn no_line_of_the_summary_is_wider_than_the_table() {
        let text = render(&report(), false);
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
        let long = wrapped(&"word ".repeat(50));
        assert!(
            long.lines().count() == 3 && long.lines().all(|line| line.len() <= usize::from(WIDTH)),
            "{long}"
        );
    }

    #[test]
    fn however_many_subjects_there_are_no_word_of_the_summary_is_broken() {
        let encrypted =
            ["threads --secure", "select --secure", "ncat --ssl", "socat OPENSSL", "threads, viewed"];
        for count in SUBJECTS.len()..=SUBJECTS.len() + encrypted.len() {
            let subjects: Vec<_> = SUBJECTS.into_iter().chain(encrypted).take(count).collect();
            let text = render(&report_with(&subjects), false);
            let words: Vec<&str> = text.split_whitespace().collect();
            for word in subjects.iter().flat_map(|subject| subject.split(' ')) {
                assert!(words.contains(&word), "{word}: {text}");
            }
            assert_eq!(words.iter().filter(|word| **word == "slower").count(), count - 2, "{text}");
        }
    }
}
