//! The page: one file with everything in it, to be shown to a class or kept.

use super::super::measure::{Measure, RESOURCES, SYSTEM_CALLS};
use super::super::workloads::task::Workload;
use super::charts::Style;
use super::explain::explain;
use super::summary::{Cell, Comparison};
use super::{Outcome, Report, Row, TaskReport, charts};
use crate::lab::svg::{Element, escaped};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

const FIGURES: &str = "\
Each figure is the median of the rounds. Below it are the quartiles: the middle half of the rounds lies between them. \
Below that is the ratio to the floor, which moves bytes through the same pipes and the same connection and does nothing \
else, with its interval. (Among hubs it is the ratio to ncat --broker, of linked hubs that to one hub, \
with browsers that to netcats alone.) In the charts the thin line goes from quartile to quartile; \
where it ends in an arrow, it goes on beyond the chart.";

pub(crate) fn render(report: &Report) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width\">\n\
        <title>threadchat compare</title>\n<style>{STYLE}</style></head>\n\
        <body>\n<h1>Who is faster at which work</h1>\n{}",
        summary(report)
    );
    for task in &report.tasks {
        page += &section(report, task);
    }
    for senders in [1, 10] {
        page += &curves(&by_clients(report, Some(senders)), senders);
    }
    page += &folded(
        "The machine, and how the figures were made",
        &format!("{}<p>{FIGURES}</p>\n", machine(report)),
    );
    page + "</body></html>\n"
}

/// The first screen.
fn summary(report: &Report) -> String {
    let warning = report.warning().map(|text| format!("<p class=\"warning\">{}</p>\n", escaped(&text)));
    let notes: String = report.notes().iter().map(|note| format!("<br>{}", escaped(note))).collect();
    let columns = report.columns();
    let headings: String = columns.iter().map(|column| format!("<th>{}</th>", escaped(column))).collect();
    let mut rows = String::new();
    for task in &report.tasks {
        for comparison in &task.compared {
            let cells: String = columns.iter().map(|column| verdict(task, comparison, column)).collect();
            let (title, ahead) = (task.heading(comparison), escaped(&comparison.leaders()));
            let _ =
                writeln!(rows, "<tr><th>{title}</th>{cells}<td data-of=\"ahead\"><b>{ahead}</b></td></tr>");
        }
    }
    format!(
        "{}<div class=\"table\"><table class=\"summary\">\n<tr><th></th>{headings}<th>ahead</th></tr>\n{rows}</table></div>\n\
        <p class=\"notes\">{}{notes}</p>\n",
        warning.unwrap_or_default(),
        escaped(&report.reading())
    )
}

/// A cell of the summary.
fn verdict(task: &TaskReport, comparison: &Comparison, column: &str) -> String {
    let (class, text) = match task.cell(comparison, column) {
        Cell::Reference(text) => ("reference", escaped(&text)),
        Cell::Words(text) => ("absent", escaped(&text)),
        Cell::Empty => ("empty", String::new()),
        Cell::Compared(compared) => {
            let ratio = compared.ratio.short();
            let (median, interval) = ratio.split_once(' ').unwrap_or((&ratio, ""));
            let outlying = if compared.ratio.outlying_rounds.is_empty() { "" } else { " *" };
            let words = compared.verdict.words();
            (compared.verdict.class(), format!("{median} {words}{outlying}<small>{interval}</small>"))
        }
    };
    format!("<td class=\"{class}\" data-of=\"{}\">{text}</td>", escaped(column))
}

fn folded(title: &str, content: &str) -> String {
    format!("<details><summary>{}</summary>\n{content}</details>\n", escaped(title))
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let memory =
        machine.memory_bytes.map_or("unknown".to_owned(), |bytes| format!("{:.1} GB", bytes as f64 / 1e9));
    let rounds = format!("{}, with the subjects in turns, after a warm-up", report.rounds());
    let calls = match (report.system_calls_counted_by, &report.system_calls_not_counted) {
        (Some(counter), _) => format!("counted by {counter}, in the warm-up"),
        (None, reason) => format!("not counted: {}", reason.as_deref().unwrap_or("no counter")),
    };
    let items = [
        ("Processor", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("Memory", memory),
        ("System", machine.system.clone()),
        ("Program", format!("{}, {}", machine.program, machine.compiler)),
        ("Date", report.date.clone()),
        ("Rounds", rounds),
        ("System calls", calls),
    ];
    let items = items.map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(&value)));
    format!("<dl>\n{}</dl>\n", items.concat())
}

fn section(report: &Report, task: &TaskReport) -> String {
    // A hub in curves needs no bars.
    let has_curves = task.task.workload == Workload::Hub && by_clients(report, task.task.senders).len() > 1;
    let charts = if has_curves { String::new() } else { charts(task, |measure| charts::bars(task, measure)) };
    let sentences = escaped(&explain(task).join(" "));
    let times: String =
        task.times_by_thread().iter().map(|line| format!("<p>{}.</p>\n", escaped(line))).collect();
    let size = task.size(report.options.rounds);
    let details = folded("All figures", &format!("<p>{size}.</p>\n{}{times}", table(task)));
    format!("<h2>{}</h2>\n<p>{sentences}</p>\n{charts}{details}", task.task.title())
}

/// The hubs with this number of senders and any number of clients.
fn by_clients(report: &Report, senders: Option<usize>) -> Vec<&TaskReport> {
    let is_one = |task: &&TaskReport| task.task.workload == Workload::Hub && task.task.senders == senders;
    report.tasks.iter().filter(is_one).collect()
}

fn curves(tasks: &[&TaskReport], senders: usize) -> String {
    let Some(first) = tasks.first().filter(|_| tasks.len() > 1) else { return String::new() };
    let charts = charts(first, |measure| charts::curves(tasks, measure));
    // Maybe only with some numbers of clients.
    let measured = |row: &&Row| {
        tasks
            .iter()
            .any(|task| task.rows.iter().any(|it| it.subject == row.subject && it.figures().is_some()))
    };
    let styles = charts::styles(tasks);
    let legend: String = first
        .rows
        .iter()
        .filter(measured)
        .map(|row| legend(&row.subject, styles.get(&*row.subject).copied().unwrap_or_default()))
        .collect();
    let senders = if senders == 1 { "1 sender".to_owned() } else { format!("{senders} senders") };
    format!(
        "<h2>Hub, by the number of clients, {senders}</h2>\n<p>{legend} Both axes are logarithmic.</p>\n{charts}"
    )
}

/// Which curve belongs to which subject.
fn legend(subject: &str, Style { color, dashes }: Style) -> String {
    let line = Element::line((0.0, 6.0), (44.0, 6.0)).set("stroke", color).set("stroke-width", 3);
    let sample = Element::document(44, 12).set("class", "sample").with(line.set("stroke-dasharray", dashes));
    format!("<span class=\"legend\">{sample} {}</span> ", escaped(subject))
}

/// A chart for each measure but those that say the same in bytes, or that the table shows better.
fn charts(task: &TaskReport, draw: impl Fn(Measure) -> Option<String>) -> String {
    let in_table = [Measure::MegabytesPerSecond, Measure::DeliveredMegabytesPerSecond];
    let resources = || RESOURCES.iter().chain(&SYSTEM_CALLS);
    let is_drawn = |it: &Measure| !in_table.contains(it) && !resources().any(|resource| resource == it);
    let drawn = task.task.measures().filter(is_drawn);
    let drawn = drawn.chain([Measure::PeakMemoryBytes, Measure::CpuSeconds]);
    let figure = |measure: Measure| {
        let caption = heading(measure);
        draw(measure).map(|chart| format!("<figure><figcaption>{caption}</figcaption>\n{chart}</figure>\n"))
    };
    format!("<div class=\"charts\">\n{}</div>\n", drawn.filter_map(figure).collect::<String>())
}

fn table(report: &TaskReport) -> String {
    let measures = report.task.measures();
    let columns = measures.clone().count();
    let headings: String = measures.map(|measure| format!("<th>{}</th>", heading(measure))).collect();
    let mut table = format!("<div class=\"table\"><table>\n<tr><th></th>{headings}</tr>\n");
    for row in &report.rows {
        let code =
            row.lines_of_code.map_or(String::new(), |lines| format!("<small>{lines} lines of code</small>"));
        let cells = match &row.outcome {
            Outcome::Measured { figures, .. } => {
                let cell = |measure| cell(report.cell_lines(measure, figures, true));
                report.task.measures().map(cell).collect()
            }
            Outcome::Failed { reason } => {
                format!("<td class=\"failed\" colspan=\"{columns}\">failed: {}</td>", escaped(reason))
            }
            Outcome::Absent { reason } => {
                format!("<td class=\"absent\" colspan=\"{columns}\">{}</td>", escaped(reason))
            }
        };
        let _ = writeln!(table, "<tr><th>{}{code}</th>{cells}</tr>", escaped(&row.subject));
    }
    table + "</table></div>\n"
}

fn heading(measure: Measure) -> String {
    measure.title().replace('\n', " ")
}

fn cell(lines: Vec<String>) -> String {
    let mut lines = lines.into_iter();
    let figure = lines.next().unwrap_or_default();
    let details: String = lines.map(|line| format!("<small>{line}</small>")).collect();
    format!("<td>{figure}{details}</td>")
}
