//! Bars with quartiles, and curves over the number of clients, as SVG that stands in the page itself: nothing to load.

use super::measure::Measure;
use super::report::WorkReport;
use super::stats::Spread;
use plotters::prelude::*;
use std::collections::BTreeMap;
use std::error::Error;

const WIDTH: u32 = 500;
const FONT: &str = "sans-serif";

/// A figure of all rows that have it. `None` if none has, or if it cannot be drawn.
pub(super) fn bars(work: &WorkReport, measure: Measure) -> Option<String> {
    // A chart grows from the bottom up.
    let rows: Vec<(&str, Spread)> = (work.rows.iter().rev())
        .filter_map(|row| Some((&*row.row, row.figures()?.get(&measure)?.spread)))
        .collect();
    let largest = rows.iter().map(|(_, spread)| spread.q3).fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    let mut svg = String::new();
    draw(&mut svg, measure, &rows, largest).ok().map(|()| svg)
}

fn draw(
    svg: &mut String,
    measure: Measure,
    rows: &[(&str, Spread)],
    largest: f64,
) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::with_string(svg, (WIDTH, 60 + 40 * rows.len() as u32)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .margin_right(32)
        .x_label_area_size(32)
        .y_label_area_size(96)
        // With room for a figure behind the longest bar.
        .build_cartesian_2d(0.0..largest * 1.25, (0..rows.len()).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_labels(4)
        .y_labels(rows.len())
        .label_style((FONT, 19))
        .x_label_formatter(&|value| measure.show(*value))
        .y_label_formatter(&|row| match row {
            SegmentValue::CenterOf(at) => {
                rows.get(*at).map_or_else(String::new, |(name, _)| (*name).to_owned())
            }
            _ => String::new(),
        })
        .draw()?;
    for (at, (name, spread)) in rows.iter().enumerate() {
        let (bottom, middle, top) =
            (SegmentValue::Exact(at), SegmentValue::CenterOf(at), SegmentValue::Exact(at + 1));
        let mut bar = Rectangle::new([(0.0, bottom), (spread.median, top)], color(name).filled());
        bar.set_margin(6, 6, 0, 0);
        let quartiles = [(spread.q1, middle.clone()), (spread.q3, middle.clone())];
        let figure = EmptyElement::at((spread.q3.max(spread.median), middle))
            + Text::new(measure.show(spread.median), (8, -8), (FONT, 20));
        chart.draw_series([bar])?;
        chart.draw_series([PathElement::new(quartiles.clone(), BLACK.stroke_width(3))])?;
        chart.draw_series(
            quartiles.map(|end| EmptyElement::at(end) + PathElement::new([(0, -6), (0, 6)], BLACK)),
        )?;
        chart.draw_series([figure])?;
    }
    area.present()?;
    Ok(())
}

/// A figure over the number of clients, a curve for each row that has it with several. `None` if none has, or if it cannot be drawn.
pub(super) fn curves(works: &[&WorkReport], measure: Measure) -> Option<String> {
    let mut curves: BTreeMap<&str, Vec<(f64, Spread)>> = BTreeMap::new();
    for work in works {
        for row in &work.rows {
            let spread = row.figures().and_then(|figures| Some(figures.get(&measure)?.spread));
            // Zero has no place on a logarithmic axis.
            if let (Some(clients), Some(spread)) = (work.clients, spread.filter(|spread| spread.q1 > 0.0)) {
                curves.entry(&row.row).or_default().push((clients as f64, spread));
            }
        }
    }
    curves.retain(|_, points| points.len() > 1);
    let mut svg = String::new();
    (!curves.is_empty()).then(|| draw_curves(&mut svg, measure, &curves).ok().map(|()| svg))?
}

fn draw_curves(
    svg: &mut String,
    measure: Measure,
    curves: &BTreeMap<&str, Vec<(f64, Spread)>>,
) -> Result<(), Box<dyn Error>> {
    let points = || curves.values().flatten();
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let (fewest, all) = (least(&mut points().map(|point| point.0)), most(&mut points().map(|point| point.0)));
    let (low, high) =
        (least(&mut points().map(|(_, spread)| spread.q1)), most(&mut points().map(|(_, spread)| spread.q3)));
    let area = SVGBackend::with_string(svg, (WIDTH, 320)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .margin_right(32)
        .x_label_area_size(48)
        .y_label_area_size(96)
        .build_cartesian_2d(
            (fewest..all).log_scale(),
            (low / 1.3..high * 1.3).log_scale().with_key_points(ticks(low / 1.3, high * 1.3)),
        )?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("clients")
        .x_labels(4)
        .y_labels(5)
        .label_style((FONT, 19))
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| measure.show(*value))
        .draw()?;
    for (name, points) in curves {
        let color = color(name);
        let medians = points.iter().map(|(clients, spread)| (*clients, spread.median));
        chart.draw_series([PathElement::new(medians.clone().collect::<Vec<_>>(), color.stroke_width(3))])?;
        chart.draw_series(medians.map(|at| Circle::new(at, 4, color.filled())))?;
        let quartiles = |(clients, spread): &(f64, Spread)| {
            PathElement::new([(*clients, spread.q1), (*clients, spread.q3)], color.stroke_width(1))
        };
        chart.draw_series(points.iter().map(quartiles))?;
    }
    area.present()?;
    Ok(())
}

/// What a logarithmic axis is labelled with: 1, 2 and 5, and these with zeros.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let ticks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|tick| tick * 10_f64.powi(power)));
    ticks.filter(|tick| (low..=high).contains(tick)).collect()
}

/// The same in all charts, and legible on light and on dark.
pub(super) fn color(row: &str) -> RGBColor {
    match row {
        "floor" => RGBColor(140, 140, 140),
        "threads" => RGBColor(66, 133, 244),
        "select" => RGBColor(230, 145, 56),
        "half-duplex" => RGBColor(80, 170, 90),
        "ncat" | "nc" | "socat" | "ncat --broker" => RGBColor(160, 120, 190),
        _ => RGBColor(60, 160, 170),
    }
}
