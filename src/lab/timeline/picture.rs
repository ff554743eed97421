//! The drawing as a picture: cut into rows, as a score is, so that it is no wider than a slide.

use super::draw::Drawing;
use super::layout::{NAMES, WIDTH};
use crate::lab::svg::{Element, round};

/// The distance of two rows.
const BETWEEN: f64 = 24.0;

/// How everything looks, here and on the page of the hub. The page adds the dark theme.
pub(super) const STYLE: &str = include_str!("../../rules/web/pages/drawing.css");

/// The heads of arrows, and the hatching of backpressure.
pub(super) const DEFS: &str = include_str!("../../rules/web/pages/drawing.svg");

/// A file of its own.
pub(super) fn render(drawing: &Drawing) -> String {
    let group = |id, content| Element::new("g").set("id", id).with(content);
    let paper = Element::new("rect").set("class", "paper").set("width", "100%").set("height", "100%");
    let defs = Element::new("defs")
        .with(DEFS)
        .with(group("rows", &drawing.rows))
        .with(group("names", &drawing.names))
        .with(group("content", &drawing.content));
    let height = drawing.height + BETWEEN;
    let document = Element::document(WIDTH, round(drawing.cuts.len() as f64 * height));
    let document = document.set("class", "timeline").with(Element::new("style").with(STYLE));
    let rows = drawing.cuts.iter().enumerate();
    let rows = rows.map(|(number, cut)| row(drawing, *cut).set("y", number as f64 * height));
    format!("{}\n", rows.fold(document.with(defs).with(paper), Element::with))
}

/// What the letters mean that stand in a box that is too narrow for a word.
pub(super) const LETTERS: [(char, &str); 13] = [
    ('r', "read"),
    ('s', "sends"),
    ('t', "takes"),
    ('d', "decides"),
    ('h', "hands out"),
    ('w', "writes"),
    ('W', "wrote"),
    ('b', "begins"),
    ('i', "reports"),
    ('8', "the goodbye"),
    ('!', "no buffer left"),
    ('▸', "starts"),
    ('■', "ends"),
];

/// The distance of two of them on a slide.
const COLUMN: f64 = 130.0;
const LINE: f64 = 22.0;

/// A slide of 16:9 with the first row, as large as it fits, its title, and what its letters mean.
pub(super) fn slide(drawing: &Drawing, title: &str) -> Element {
    let (from, to) = drawing.cuts[0];
    let group = |id, content| Element::new("g").set("id", id).with(content);
    let defs = Element::new("defs").with(DEFS).with(group("content", &drawing.content));
    let width = (NAMES + to - from).max(drawing.height * 16.0 / 9.0);
    let columns = (((width - NAMES) / COLUMN) as usize).max(1);
    // An 8 may also be the number of a message.
    let steps = || drawing.content.lines().filter(|line| line.starts_with("<g class=\"step"));
    let is_drawn = |(letter, _): &&(char, &str)| {
        let text = format!(">{letter}</text>");
        steps().any(|step| step.contains(&text))
    };
    let drawn: Vec<_> = LETTERS.iter().filter(is_drawn).collect();
    let letters = drawn.iter().enumerate().map(|(number, (letter, meaning))| {
        let (x, y) = ((number % columns) as f64 * COLUMN, (number / columns + 2) as f64 * LINE);
        Element::label(NAMES + x, drawing.height + y).text(&format!("{letter} {meaning}"))
    });
    let title = Element::label(NAMES, drawing.height + LINE).set("class", "head").text(title);
    let whole_height = drawing.height + (drawn.len().div_ceil(columns) + 2) as f64 * LINE;
    let width = width.max(whole_height * 16.0 / 9.0);
    let height = width * 9.0 / 16.0;
    let paper = Element::new("rect").set("class", "paper").pixels([("width", width), ("height", height)]);
    let part = Element::new("svg")
        .pixels([("x", NAMES), ("width", to - from), ("height", drawing.height)])
        .set("viewBox", format!("{} 0 {} {}", round(from), round(to - from), round(drawing.height)))
        .with(Element::new("use").set("href", "#content"));
    // It cuts off the rows of the helpers.
    let rows = Element::new("svg").pixels([("width", width), ("height", drawing.height)]);
    let rows = rows.with(&drawing.rows).with(&drawing.names).with(part);
    let above = (height - whole_height) / 2.0;
    let whole = Element::new("g").set("transform", format!("translate(0 {})", round(above)));
    let whole = letters.fold(whole.with(rows).with(title), Element::with);
    let document =
        Element::document(1600, 900).set("class", "timeline").with(Element::new("style").with(STYLE));
    let slide = Element::new("svg")
        .set("viewBox", format!("0 0 {} {}", round(width), round(height)))
        .with(defs)
        .with(paper)
        .with(whole);
    document.with(slide)
}

/// The rows for a printed page, each a picture that uses the elements of the page.
pub(super) fn printed(drawing: &Drawing) -> String {
    let rows = drawing.cuts.iter().map(|cut| row(drawing, *cut).set("class", "timeline"));
    let rows: String = rows.map(|row| format!("{row}\n")).collect();
    let rest = "<p>The rest is shown on the screen only.</p>\n";
    rows + if drawing.exceeds_picture() { rest } else { "" }
}

fn row(drawing: &Drawing, (from, to): (f64, f64)) -> Element {
    let (height, width) = (drawing.height, round(to - from));
    let use_of = |id| Element::new("use").set("href", id);
    let content = Element::new("svg")
        .pixels([("x", NAMES), ("width", width), ("height", height)])
        .set("viewBox", format!("{} 0 {width} {height}", round(from)))
        .with(use_of("#content"));
    Element::document(WIDTH, height).with(use_of("#rows")).with(use_of("#names")).with(content)
}
