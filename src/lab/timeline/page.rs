//! The page around the drawing: one file with everything in it.

use super::draw::Drawing;
use super::layout::{AXIS, NAMES};
use super::model::Timeline;
use super::picture;
use super::summary;
use super::words::{Directions, range};
use crate::lab::svg::{Element, escaped};
use std::fmt::Write;
use time::OffsetDateTime;
use time::macros::format_description;

const STYLE: &str = concat!(include_str!("../../rules/web/pages/themes.css"), include_str!("page.css"));
const SCRIPT: &str = include_str!("page.js");

const CONTROLS: &str = "\
<div class=\"controls\">\
<button id=\"back\" title=\"previous event (←)\">◀ Back</button>\
<button id=\"forth\" title=\"next event (→)\">Next ▶</button>\
<button id=\"play\" title=\"play and pause (Space)\" aria-pressed=\"false\">▶ Play</button>\
<label>Speed <select id=\"speed\"></select></label>\
<button id=\"closer\" title=\"zoom in (+)\">+</button>\
<button id=\"farther\" title=\"zoom out (-)\">−</button>\
<button id=\"fit\" title=\"show everything (0)\">All</button>\
<button id=\"natural\" title=\"readable size (1)\">1:1</button>\
<span>Scale <button id=\"even\" title=\"room for every step: distances grow with the logarithm of the time (s)\" aria-pressed=\"true\">even</button> \
<button id=\"true\" title=\"true to time: one second is as wide as another (s)\" aria-pressed=\"false\">true</button></span>\
<label><input type=\"checkbox\" id=\"helpers\"> helpers</label>\
<button id=\"theme\" title=\"light or dark\">◐</button>\
<span id=\"shown\"></span></div>\n\
<p id=\"details\" aria-live=\"polite\"></p>";

const KEYS: &str = "\
<details class=\"no-print\"><summary>Keys, when the drawing has the focus</summary>\n\
<p><kbd>←</kbd> <kbd>→</kbd> previous and next event, <kbd>Home</kbd> <kbd>End</kbd> first and last event, <kbd>+</kbd> \
<kbd>-</kbd> or the wheel zoom in and out, <kbd>0</kbd> show everything, <kbd>1</kbd> readable size, <kbd>Space</kbd> play and \
pause, <kbd>s</kbd> the other scale, <kbd>Esc</kbd> no highlighted message. Drag to pan; click an arrow, a box or a row \
of the table to follow a message.</p></details>\n";

/// The kinds of steps, by their class in the drawing.
const LEGEND: &str = include_str!("../../rules/web/pages/legend.txt");

/// The whole page.
pub(super) fn render(timeline: &Timeline, drawing: &Drawing) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>threadchat timeline</title>\n\
         <style>{}{STYLE}</style></head>\n<body>\n<h1>What each thread did, and the path of each message</h1>\n",
        picture::STYLE
    );
    let sentences: Vec<_> = summary::sentences(timeline).iter().map(|text| escaped(text)).collect();
    // Below the drawing, so that both endpoints are in view on a small screen.
    let summary = format!("<p id=\"summary\">{} {}</p>\n", sentences.join(" "), began(timeline));
    // Writing to memory does not fail.
    for note in &timeline.notes {
        let _ = writeln!(page, "<p class=\"note\">Note: {}.</p>", escaped(note));
    }
    // The rows for print are copies of the drawing, which would all be moved with it: the script inserts them only to print.
    let _ = write!(
        page,
        "<figure id=\"figure\" tabindex=\"0\" aria-label=\"The timeline. All its messages are in the table below.\">\n\
         <div class=\"bar\">{CONTROLS}</div>\n{}{}</figure>\n{summary}{}{}{KEYS}{}\
         <noscript id=\"print\"><div class=\"printed\" aria-hidden=\"true\">\n{}</div></noscript>\n",
        map(drawing),
        figure(drawing),
        legend(drawing),
        reading(),
        table(timeline),
        picture::printed(drawing)
    );
    let _ = write!(
        page,
        "<script type=\"application/json\" id=\"axis\">{}</script>\n<script>{SCRIPT}</script>\n</body></html>\n",
        axis(timeline, drawing)
    );
    page
}

fn began(timeline: &Timeline) -> String {
    let origin = timeline.endpoints.iter().map(|endpoint| endpoint.origin).min().unwrap_or_default();
    let began = OffsetDateTime::from_unix_timestamp(origin + timeline.zero / 1_000_000_000);
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let began = began.ok().and_then(|began| began.format(format).ok()).unwrap_or_default();
    format!("Times are in seconds since the first recorded step, at {began} UTC.")
}

fn map(drawing: &Drawing) -> String {
    format!(
        "<svg id=\"map\" viewBox=\"0 0 {:.1} 24\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{}\
         <rect id=\"window\" y=\"0\" height=\"24\" vector-effect=\"non-scaling-stroke\"/></svg>\n",
        drawing.scale.width().max(1.0),
        drawing.map
    )
}

fn figure(drawing: &Drawing) -> String {
    let (width, height) = (drawing.scale.width() + 30.0, drawing.height);
    let whole = width + NAMES;
    format!(
        "<div id=\"frame\"><svg id=\"timeline\" class=\"timeline\" width=\"{whole:.1}\" height=\"{height}\" \
         viewBox=\"0 0 {whole:.1} {height}\" data-height=\"{height}\" data-full=\"{}\">\n<defs>{}</defs>\n\
         <g id=\"rows\">{}</g>\n<svg id=\"view\" x=\"{NAMES}\" width=\"{width:.1}\" height=\"{height}\">\
         <rect width=\"100%\" height=\"100%\" fill=\"none\" pointer-events=\"all\"/>\n\
         <line id=\"head\" y1=\"{AXIS}\" y2=\"100%\"/>\n<g id=\"content\">{}</g></svg>\n<g id=\"names\">{}</g></svg></div>\n",
        drawing.full_height,
        picture::DEFS,
        drawing.rows,
        drawing.content,
        drawing.names
    )
}

/// Of the kinds of steps that are in the drawing.
fn legend(drawing: &Drawing) -> String {
    let is_drawn = |(class, _): &(&str, &str)| {
        let is_first = drawing.content.contains(&format!("class=\"{class}"));
        is_first || *class == "step stuck" && drawing.content.contains(" stuck")
    };
    let item = |width: f64, sign: Element, text: &str| {
        let svg = Element::new("svg").set("class", "timeline").pixels([("width", width), ("height", 24.0)]);
        format!("<li>{}{text}</li>\n", svg.with(sign))
    };
    let kind = |(class, text): (&str, &str)| {
        let rect = Element::rect(1.0, 1.0, 32.0, 22.0).set("rx", 2);
        item(34.0, Element::new("g").set("class", class).with(rect), text)
    };
    let arrow = |(class, text): (&str, &str)| {
        let line = Element::line((2.0, 12.0), (50.0, 12.0)).set("class", format!("arrow wire {class}"));
        item(54.0, line.set("marker-end", format!("url(#head-{class})")), text)
    };
    let kinds: String =
        LEGEND.lines().filter_map(|line| line.split_once(": ")).filter(is_drawn).map(kind).collect();
    let arrows = [("there", "a message, downwards"), ("back", "a message, upwards"), ("bye", "the goodbye")];
    format!("<ul class=\"legend\">\n{kinds}{}</ul>\n", arrows.map(arrow).concat())
}

/// How to read the scales and the letters.
fn reading() -> String {
    let letters = picture::LETTERS.map(|(letter, meaning)| format!("{letter} {meaning}")).join(", ");
    format!(
        "<p class=\"no-print\">On the even scale, distances grow with the logarithm of the time, so that every step can be seen; a grey \
         break is a pause of more than a millisecond. The true scale is linear: zoom in. A box that is too narrow for words has a \
         letter: {letters}.</p>\n"
    )
}

fn table(timeline: &Timeline) -> String {
    let directions = Directions::of(&timeline.endpoints);
    let mut table = String::from(
        "<h2>Every message</h2>\n<div class=\"table\"><table>\n<thead><tr><th>row</th><th>direction</th><th>message</th>\
         <th>typed at</th><th>shown at</th><th>took</th></tr></thead>\n<tbody>\n",
    );
    for (number, flow) in timeline.flows.iter().enumerate() {
        let which = if flow.is_goodbye() { "88".to_owned() } else { range(flow.first, flow.count) };
        let with = with(timeline, number);
        let [typed, shown, took] = summary::times(timeline, flow);
        let _ = writeln!(
            table,
            "<tr data-m=\"{number}\"{with}><td>{}</td><td>{}</td><td>{which}</td><td>{typed}</td><td>{shown}</td><td>{took}</td></tr>",
            number + 1,
            escaped(&directions.name(flow.stream))
        );
    }
    table.push_str("</tbody></table></div>\n");
    table
}

/// The messages that are highlighted with this one: what a hub relays, and what it has made of it.
fn with(timeline: &Timeline, number: usize) -> String {
    let flows = &timeline.flows;
    let effects = flows.iter().enumerate().filter(|(_, other)| other.cause == Some(number));
    let with: Vec<_> = effects.map(|(effect, _)| effect).chain(flows[number].cause).collect();
    if with.is_empty() {
        return String::new();
    }
    let with: String = with.iter().map(|other| format!(" {other}")).collect();
    format!(" data-with=\"{number}{with}\"")
}

/// The moments on both scales: nanoseconds since the first one, and pixels.
fn axis(timeline: &Timeline, drawing: &Drawing) -> String {
    let times = drawing.scale.moments().iter().map(|at| (at - timeline.zero).to_string());
    let even = drawing.scale.even().iter().map(|x| format!("{x:.1}"));
    format!(
        "{{\"true\":[{}],\"even\":[{}]}}",
        times.collect::<Vec<_>>().join(","),
        even.collect::<Vec<_>>().join(",")
    )
}
