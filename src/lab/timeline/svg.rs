//! The drawing as a picture: cut into rows as a score is, so that it is no wider than a slide.

use super::draw::Drawing;
use super::layout::NAMES;
use super::scale::Scale;
use std::fmt::Write;

/// How wide a row is, with the names of the lanes.
const WIDTH: f64 = 1900.0;

/// How many rows there are at most. More are no picture any more.
const ROWS: usize = 30;

/// Between two rows.
const BETWEEN: f64 = 24.0;

/// How everything looks. The page has the same, and what is different there.
pub(super) const STYLE: &str = include_str!("drawing.css");

/// What is drawn with: the heads of arrows, and hatching.
pub(super) fn defs() -> String {
    let heads = ["there", "back", "bye"].map(|kind| {
        format!(
            "<marker id=\"head-{kind}\" class=\"head {kind}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"10\" \
             markerHeight=\"10\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0 10 5 0 10z\"/></marker>\n"
        )
    });
    let hatch = "<pattern id=\"hatch\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"#d55e00\"/>\
         <rect width=\"3\" height=\"8\" fill=\"#ffc9a3\"/></pattern>\n";
    heads.concat() + hatch
}

/// A file of its own.
pub(super) fn picture(drawing: &Drawing) -> String {
    let parts = parts(&drawing.scale);
    let height = parts.len() as f64 * (drawing.height + BETWEEN);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"timeline\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\">\n<style>{STYLE}</style>\n<defs>{}\
         <g id=\"rows\">{}</g>\n<g id=\"names\">{}</g>\n<g id=\"content\">{}</g></defs>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
        defs(),
        drawing.rows,
        drawing.names,
        drawing.content
    );
    for (number, part) in parts.iter().enumerate() {
        let y = number as f64 * (drawing.height + BETWEEN);
        let _ = writeln!(picture, "{}", row(drawing, *part, &format!("y=\"{y}\"")));
    }
    picture.push_str("</svg>\n");
    picture
}

/// The rows for a page that is printed, each a picture that uses what the page has.
pub(super) fn printed(drawing: &Drawing) -> String {
    let rows = parts(&drawing.scale).into_iter();
    let rows: String = rows.map(|part| row(drawing, part, "class=\"timeline\"") + "\n").collect();
    if is_cut(drawing) { rows + "<p>What comes later is to be seen on a screen.</p>\n" } else { rows }
}

/// Whether it is too long for a picture, so that its end is missing.
pub(super) fn is_cut(drawing: &Drawing) -> bool {
    parts(&drawing.scale).last().is_some_and(|(_, to)| *to < drawing.scale.width())
}

fn row(drawing: &Drawing, (from, to): (f64, f64), more: &str) -> String {
    let (height, width) = (drawing.height, to - from);
    format!(
        "<svg {more} width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\"><use href=\"#rows\"/>\
         <use href=\"#names\"/><svg x=\"{NAMES}\" width=\"{width:.1}\" height=\"{height}\" \
         viewBox=\"{from:.1} 0 {width:.1} {height}\"><use href=\"#content\"/></svg></svg>"
    )
}

/// What is at the side of the last moment of a row, and belongs to the next.
const EDGE: f64 = 14.0;

/// From where to where each row goes. It ends with a break if it can.
pub(super) fn parts(scale: &Scale) -> Vec<(f64, f64)> {
    let room = WIDTH - NAMES - 10.0;
    let breaks: Vec<f64> = scale.breaks().map(|(_, to)| scale.x(to) - EDGE).collect();
    // What is drawn at the last moment needs some room.
    let end = scale.width() + 20.0;
    let (mut parts, mut from) = (Vec::new(), -EDGE);
    while from < end && parts.len() < ROWS {
        let fits = |x: &f64| *x > from + room / 2.0 && *x - from <= room;
        let to =
            if end - from <= room { end } else { breaks.iter().copied().rfind(fits).unwrap_or(from + room) };
        parts.push((from, to));
        from = to;
    }
    parts
}
