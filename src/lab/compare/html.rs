//! The page: one file with everything in it, to be shown to a class or kept.

use super::charts;
use super::explain::{certainty, explain, growth};
use super::measure::{Measure, RESOURCES};
use super::report::{Figure, Outcome, Report, WorkReport};
use super::table::{missing, size};
use plotters::style::RGBColor;
use std::fmt::Write;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 18px/1.5 sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; }
h2 { margin-top: 3rem; border-bottom: 2px solid #8888; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1rem; }
figure { margin: 0; }
figcaption { font-weight: bold; }
svg { width: 100%; height: auto; max-width: 40rem; }
svg text { fill: currentColor; opacity: 1; }
svg [stroke='#000000'] { stroke: currentColor; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 15px; }
th, td { padding: .3rem .6rem; text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child { text-align: left; }
tr { border-bottom: 1px solid #8886; }
small { opacity: .75; display: block; font-weight: normal; }
.failed { color: #d33; white-space: normal; text-align: left; }
.absent { text-align: left; opacity: .75; }
dt { font-weight: bold; float: left; clear: left; width: 8rem; }
dd { margin-left: 8rem; }
";

const READING: &str = "\
Each figure is the median of the rounds, with the quartiles below it: the middle half of the rounds lies between them. Below \
that is the ratio to the floor, which moves bytes through the same pipes and the same connection and does nothing else, \
with the quartiles of that ratio round by round. (Among hubs it is the ratio to ncat --broker.) In the charts the thin line goes from quartile to quartile.";

/// The whole page.
pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    let rounds = report.works.iter().map(|work| work.rounds).min().unwrap_or(0);
    // Writing to memory does not fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width\">\n\
        <title>threadchat compare</title>\n<style>{STYLE}</style></head>\n\
        <body>\n<h1>The same work, by design</h1>\n<p>{READING} {}</p>\n{}",
        certainty(rounds),
        machine(report)
    );
    for work in &report.works {
        let _ = write!(page, "{}", section(report, work));
    }
    for senders in [1, 10] {
        let _ = write!(page, "{}", curves(&over_clients(report, Some(senders)), senders));
    }
    page.push_str("</body></html>\n");
    page
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let memory =
        machine.memory_bytes.map_or("unknown".to_owned(), |bytes| format!("{:.1} GB", bytes as f64 / 1e9));
    let rounds = match report.options.rounds {
        1 => "1".to_owned(),
        rounds => format!("{rounds}, in turns, after one that does not count"),
    };
    let calls = match (&report.system_calls_counted_by, &report.system_calls_not_counted) {
        (Some(counter), _) => format!("counted by {counter}, in a run of their own"),
        (None, reason) => format!("not counted: {}", reason.as_deref().unwrap_or("nothing counts them")),
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
    let items: String =
        items.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(value))).collect();
    format!("<dl>\n{items}</dl>\n")
}

fn section(report: &Report, work: &WorkReport) -> String {
    let paragraphs: String =
        explain(report, work).iter().map(|text| format!("<p>{}</p>\n", escaped(text))).collect();
    // What stands in a curve needs no bars.
    let has_curves = over_clients(report, work.senders).len() > 1;
    let charts: String = match has_curves {
        true => String::new(),
        false => in_columns(drawn(work).filter_map(|m| figure(m, charts::bars(work, m)))),
    };
    format!("<h2>{}</h2>\n<p>{}.</p>\n{charts}{paragraphs}{}", work.title(), size(report, work), table(work))
}

/// The works of a hub of which so many clients speak, whatever their number.
fn over_clients(report: &Report, senders: Option<usize>) -> Vec<&WorkReport> {
    report.works.iter().filter(|work| work.clients.is_some() && work.senders == senders).collect()
}

/// A hub over the number of clients.
fn curves(works: &[&WorkReport], senders: usize) -> String {
    let Some(first) = works.first().filter(|_| works.len() > 1) else { return String::new() };
    let charts = in_columns(drawn(first).filter_map(|m| figure(m, charts::curves(works, m))));
    let paragraphs: String = growth(works).iter().map(|text| format!("<p>{}</p>\n", escaped(text))).collect();
    let rows = first.rows.iter().filter(|row| row.figures().is_some());
    let legend: String = rows.map(|row| legend(&row.row)).collect();
    let speak = if senders == 1 { "1 sender".to_owned() } else { format!("{senders} senders") };
    format!("<h2>Hub, by the number of clients, {speak}</h2>\n<p>{legend}</p>\n{charts}{paragraphs}")
}

/// Which curve is whose.
fn legend(row: &str) -> String {
    let RGBColor(red, green, blue) = charts::color(row);
    format!("<span style=\"color: rgb({red}, {green}, {blue})\">●</span> {}&emsp;", escaped(row))
}

/// What is drawn of a work: not the same in bytes, nor what a table tells better.
fn drawn(work: &WorkReport) -> impl Iterator<Item = Measure> {
    let of_work = work.measures().filter(|measure| !RESOURCES.contains(measure));
    let same = [Measure::MegabytesPerSecond, Measure::DeliveredMegabytesPerSecond];
    let of_work = of_work.filter(move |measure| !same.contains(measure));
    of_work.chain([Measure::PeakMemoryBytes, Measure::CpuSeconds])
}

fn in_columns(charts: impl Iterator<Item = String>) -> String {
    format!("<div class=\"charts\">\n{}</div>\n", charts.collect::<String>())
}

fn figure(measure: Measure, chart: Option<String>) -> Option<String> {
    chart.map(|chart| format!("<figure><figcaption>{}</figcaption>\n{chart}</figure>\n", head(measure)))
}

fn table(work: &WorkReport) -> String {
    let columns = work.measures().count();
    let heads: String = work.measures().map(|measure| format!("<th>{}</th>", head(measure))).collect();
    let mut table = format!("<div class=\"table\"><table>\n<tr><th></th>{heads}</tr>\n");
    for row in &work.rows {
        let code =
            row.lines_of_code.map_or(String::new(), |lines| format!("<small>{lines} lines of code</small>"));
        let cells = match &row.outcome {
            Outcome::Measured { figures } => work
                .measures()
                .map(|measure| match figures.get(&measure) {
                    Some(figure) => format!("<td>{}</td>", cell(measure, figure)),
                    None => format!("<td>{}</td>", missing(measure, figures, work.back)),
                })
                .collect(),
            Outcome::Failed { reason } => {
                format!("<td class=\"failed\" colspan=\"{columns}\">failed: {}</td>", escaped(reason))
            }
            Outcome::Absent { reason } => {
                format!("<td class=\"absent\" colspan=\"{columns}\">{}</td>", escaped(reason))
            }
        };
        let _ = writeln!(table, "<tr><th>{}{code}</th>{cells}</tr>", escaped(&row.row));
    }
    table.push_str("</table></div>\n");
    table
}

fn head(measure: Measure) -> String {
    measure.title().replace('\n', " ")
}

fn cell(measure: Measure, figure: &Figure) -> String {
    let mut cell = measure.show(figure.spread.median);
    if figure.rounds.len() > 1 {
        let _ = write!(cell, "<small>{}</small>", measure.range(figure.spread.q1, figure.spread.q3));
    }
    if let Some(ratio) = figure.ratio() {
        let _ = write!(cell, "<small>{:.2}×", ratio.of_medians);
        if figure.rounds.len() > 1 {
            let _ = write!(cell, " ({:.2}–{:.2})", ratio.of_rounds.q1, ratio.of_rounds.q3);
        }
        cell.push_str("</small>");
    }
    cell
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
