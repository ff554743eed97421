//! Bars with quartiles, and curves over the number of clients, as SVG in the page itself: nothing to load.

use super::super::measure::Measure;
use super::TaskReport;
use super::stats::Spread;
use crate::lab::svg::Element;
use std::collections::BTreeMap;

const WIDTH: f64 = 500.0;
/// Where the curves begin, right of the labels.
const LEFT: f64 = 120.0;
/// The space for a letter of a name, rather too much.
const LETTER: f64 = 9.5;
/// A longer name would leave no space for its bar.
const MAX_NAME: usize = 24;
/// The height of a bar with the space around it.
const BAR: f64 = 32.0;
/// The height of the curves, and of the labels below them.
const HEIGHT: f64 = 270.0;
const LABELS: f64 = 50.0;

/// No line of quartiles is longer than this many times the longest bar: one wild figure would make all bars short.
const MAX_QUARTILE: f64 = 1.3;

/// A bar for each row that has the figure. `None` if no bar would have a length.
pub(super) fn bars(report: &TaskReport, measure: Measure) -> Option<String> {
    let rows = report.rows.iter();
    let rows: Vec<_> = rows.filter_map(|row| Some((&*row.subject, row.spread(measure)?))).collect();
    let max_of = |part: fn(&Spread) -> f64| rows.iter().map(|(_, spread)| part(spread)).fold(0.0, f64::max);
    let max = max_of(|spread| spread.q3).min(max_of(|spread| spread.median) * MAX_QUARTILE);
    if max <= 0.0 {
        return None;
    }
    let name = |subject: &str| match subject.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}…", &subject[..end]),
        None => subject.to_owned(),
    };
    let longest = rows.iter().map(|(subject, _)| name(subject).chars().count()).max();
    let left = LEFT.max(longest.unwrap_or_default() as f64 * LETTER + 8.0);
    let mut chart = Element::document(WIDTH, BAR * rows.len() as f64);
    for (row, (subject, spread)) in rows.into_iter().enumerate() {
        let middle = BAR * (row as f64 + 0.5);
        // Leave space for the figure after the longest bar.
        let x = |value: f64| left + value.min(max) / max * (WIDTH - left - 110.0);
        // A bar of no length would look like a row that was forgotten.
        let (from, to, length) = (x(spread.q1), x(spread.q3), (x(spread.median) - left).max(2.0));
        let bar = [("x", left), ("y", middle - 12.0), ("width", length), ("height", 24.0)];
        // Beyond the chart the line ends in an arrow.
        let end = match spread.q3 > max {
            true => format!("l-6 -5m6 5l-6 5M{to:.1} {middle:.1}"),
            false => format!("M{to:.1} {:.1}v10", middle - 5.0),
        };
        let quartiles = format!("M{from:.1} {0:.1}v10M{from:.1} {middle:.1}H{to:.1}{end}", middle - 5.0);
        chart = chart
            .with(label("end", left - 8.0, middle, &name(subject)))
            .with(Element::new("rect").pixels(bar).set("fill", color(subject)))
            .with(Element::new("path").set("class", "spread").set("d", quartiles))
            .with(label("start", to.max(left + length) + 8.0, middle, &measure.show(spread.median)));
    }
    Some(chart.to_string())
}

/// A curve over the number of clients for each row that has the figure with several numbers. `None` without curves.
pub(super) fn curves(reports: &[&TaskReport], measure: Measure) -> Option<String> {
    let styles = styles(reports);
    let mut curves: BTreeMap<&str, Vec<(f64, Spread)>> = BTreeMap::new();
    for report in reports {
        for row in &report.rows {
            // A logarithmic axis has no zero.
            let spread = row.spread(measure).filter(|spread| spread.q1 > 0.0);
            if let Some((clients, spread)) = report.task.clients.zip(spread) {
                curves.entry(&row.subject).or_default().push((clients as f64, spread));
            }
        }
    }
    curves.retain(|_, points| points.len() > 1);
    let points = || curves.values().flatten();
    let clients = Axis::over(points().map(|(clients, _)| *clients), LEFT, WIDTH - 30.0)?;
    let values = points().flat_map(|(_, spread)| [spread.q1 / 1.3, spread.q3 * 1.3]);
    let values = Axis::over(values, HEIGHT, 0.0)?;
    let mut chart = Element::document(WIDTH, HEIGHT + LABELS);
    let axes = format!("M{LEFT} 0V{HEIGHT}H{WIDTH}");
    chart = chart.with(Element::new("path").set("class", "grid").set("d", axes));
    for report in reports {
        let number = report.task.clients.unwrap_or_default();
        chart = chart.with(label("middle", clients.at(number as f64), HEIGHT + 16.0, &number.to_string()));
    }
    chart = chart.with(label("middle", (LEFT + WIDTH) / 2.0, HEIGHT + 38.0, "clients, logarithmic"));
    for value in values.ticks() {
        let y = values.at(value);
        let line = [("x1", LEFT), ("x2", WIDTH), ("y1", y), ("y2", y)];
        chart = chart.with(label("end", LEFT - 8.0, y, &measure.show(value)));
        chart = chart.with(Element::new("line").set("class", "grid").pixels(line));
    }
    for (subject, points) in curves {
        let Style { color, dashes } = styles.get(subject).copied().unwrap_or_default();
        let mut curve = Element::new("g").set("stroke", color).set("fill", color);
        let mut line = String::new();
        for (number, spread) in points {
            let (x, y) = (clients.at(number), values.at(spread.median));
            line += &format!("{x:.1},{y:.1} ");
            let quartiles =
                [("x1", x), ("x2", x), ("y1", values.at(spread.q1)), ("y2", values.at(spread.q3))];
            curve = curve.with(Element::new("line").pixels(quartiles));
            curve = curve.with(Element::new("circle").pixels([("cx", x), ("cy", y), ("r", 4.0)]));
        }
        let line = Element::new("polyline").set("points", line).set("fill", "none").set("stroke-width", 3);
        let line = line.set("stroke-dasharray", dashes);
        chart = chart.with(curve.with(line));
    }
    Some(chart.to_string())
}

/// Text that stands on the middle of a line.
fn label(anchor: &str, x: f64, middle: f64, text: &str) -> Element {
    Element::new("text").set("class", anchor).pixels([("x", x), ("y", middle + 6.0)]).text(text)
}

/// A logarithmic axis from one pixel to another.
struct Axis {
    min: f64,
    max: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Option<Self> {
        let (min, max) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
        (min < max).then_some(Self { min, max, from, to })
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value / self.min).ln() / (self.max / self.min).ln() * (self.to - self.from)
    }

    /// 1, 2, 5, 10 and so on; within one power of ten more of them, so that there are some between any two values.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let steps: &[f64] =
            if self.max < self.min * 10.0 { &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0] } else { &[1.0, 2.0, 5.0] };
        let powers = (self.min.log10().floor() as i32)..=(self.max.log10().ceil() as i32);
        let ticks = powers.flat_map(move |power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        ticks.filter(|tick| (self.min..=self.max).contains(tick))
    }
}

/// How the curve of a subject is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    pub(super) color: &'static str,
    pub(super) dashes: &'static str,
}

/// Curves of one color differ in their dashes.
const DASHES: [&str; 5] = ["none", "9 5", "2 4", "14 4 2 4", "5 2"];

/// The styles of all subjects, which are the same in all charts of these reports.
pub(super) fn styles<'a>(reports: &[&'a TaskReport]) -> BTreeMap<&'a str, Style> {
    let mut styles: BTreeMap<&str, Style> = BTreeMap::new();
    for row in reports.iter().flat_map(|report| &report.rows) {
        let color = color(&row.subject);
        let before = styles.values().filter(|style| style.color == color).count();
        styles.entry(&row.subject).or_insert(Style { color, dashes: DASHES[before % DASHES.len()] });
    }
    styles
}

/// The same in all charts, and legible on light and on dark. A design has one color, whatever it does beside its work.
fn color(subject: &str) -> &'static str {
    match subject.split([' ', ',']).next().unwrap_or_default() {
        "floor" => "#8c8c8c",
        "threads" => "#4285f4",
        "select" => "#e69138",
        "half-duplex" => "#50aa5a",
        "ncat" | "nc" | "socat" => "#a078be",
        _ => "#3ca0aa",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report_of;
    use super::*;
    use crate::lab::compare::workloads::task::Workload;
    use std::collections::BTreeSet;

    #[test]
    fn a_wild_quartile_ends_in_an_arrow_and_leaves_the_bars_long() {
        let wild = [60.0, 65.0, 70.0, 5000.0, 6000.0];
        let rows =
            [("floor", Measure::P999Microseconds, [50.0; 5]), ("threads", Measure::P999Microseconds, wild)];
        let chart = bars(&report_of(Workload::Latency, &rows).tasks[0], Measure::P999Microseconds).unwrap();
        let widths: Vec<f64> = chart
            .match_indices(" width=\"")
            .filter_map(|(at, mark)| chart[at + mark.len()..].split('"').next()?.parse().ok())
            .collect();
        // The picture itself, and the two bars.
        assert!(widths.len() == 3 && widths[1] > 100.0 && widths[2] > 180.0, "{chart}");
        assert!(chart.contains("l-6 -5m6 5l-6 5"), "{chart}");
    }

    #[test]
    fn a_row_without_any_cost_has_a_bar_that_can_be_seen() {
        let rows = [("floor", Measure::CpuSeconds, [0.0; 5]), ("threads", Measure::CpuSeconds, [0.1; 5])];
        let chart = bars(&report_of(Workload::Goodbye, &rows).tasks[0], Measure::CpuSeconds).unwrap();
        assert!(chart.contains("width=\"2\"") && chart.contains(">0.000 s<"), "{chart}");
    }

    #[test]
    fn a_long_name_stands_whole_before_its_bar() {
        let rows = ["threads", "threads --link, always", "a hub with a name that is a whole sentence"]
            .map(|subject| (subject, Measure::CpuSeconds, [0.1; 5]));
        let left = |count: usize| {
            let report = report_of(Workload::Goodbye, &rows[..count]);
            let chart = bars(&report.tasks[0], Measure::CpuSeconds).unwrap();
            chart.split("<rect x=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert!(left(1) < left(2) && left(2) > 22.0 * LETTER && left(3) < WIDTH / 2.0 + 10.0);
        let chart = bars(&report_of(Workload::Goodbye, &rows).tasks[0], Measure::CpuSeconds).unwrap();
        assert!(chart.contains(">threads --link, always<") && chart.contains("that i…<"), "{chart}");
    }

    #[test]
    fn no_two_curves_look_alike() {
        let subjects = ["threads", "threads --secure", "select", "ncat --broker", "other", "another"];
        let rows = subjects.map(|subject| (subject, Measure::P50Microseconds, [1.0; 5]));
        let report = report_of(Workload::Hub, &rows);
        let styles = styles(&[&report.tasks[0], &report.tasks[0]]);
        let looks: BTreeSet<_> = styles.values().map(|style| (style.color, style.dashes)).collect();
        assert_eq!((styles.len(), looks.len()), (6, 6), "{styles:?}");
        assert_eq!(styles["threads"].color, styles["threads --secure"].color);
    }
}
