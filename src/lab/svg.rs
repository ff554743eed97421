//! A small SVG writer, shared by the timeline and the charts of `compare`: elements, attributes and escaped text.

use std::fmt::{self, Display, Formatter, Write};

/// An element. It is turned into text with `to_string` or as the content of another element.
#[derive(Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: String::new(), content: String::new() }
    }

    /// A picture of this size in pixels. It can be a file of its own or stand in a page.
    pub(super) fn document(width: impl Display, height: impl Display) -> Self {
        let view_box = format!("0 0 {width} {height}");
        let root = Self::new("svg").set("xmlns", "http://www.w3.org/2000/svg");
        root.set("width", width).set("height", height).set("viewBox", view_box)
    }

    pub(super) fn rect(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self::new("rect").pixels([("x", x), ("y", y), ("width", width), ("height", height)])
    }

    pub(super) fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Self {
        Self::new("line").pixels([("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)])
    }

    /// A text element at this point of its baseline.
    pub(super) fn label(x: f64, y: f64) -> Self {
        Self::new("text").pixels([("x", x), ("y", y)])
    }

    pub(super) fn set(mut self, name: &str, value: impl Display) -> Self {
        // Writing to memory does not fail.
        let _ = write!(self.attributes, " {name}=\"{}\"", escaped(&value.to_string()));
        self
    }

    /// Sets positions and sizes in pixels, to a tenth of one.
    pub(super) fn pixels<const N: usize>(self, attributes: [(&str, f64); N]) -> Self {
        attributes.into_iter().fold(self, |element, (name, value)| element.set(name, round(value)))
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.content.push_str(&escaped(text));
        self
    }

    /// Adds an element, or pieces of SVG that have been written already.
    pub(super) fn with(mut self, content: impl Display) -> Self {
        let _ = write!(self.content, "{content}");
        self
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, attributes, content } = self;
        match content.is_empty() {
            true => write!(f, "<{name}{attributes}/>"),
            false => write!(f, "<{name}{attributes}>{content}</{name}>"),
        }
    }
}

/// To a tenth of a pixel, so that a number has no long tail of digits.
pub(super) fn round(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

/// Escapes text for SVG and HTML.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    // XML allows no control characters, not even escaped ones.
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_numbers_are_short() {
        let bar = Element::rect(0.1 + 0.2, 0.0, 40.0, 5.0);
        let group =
            Element::new("g").set("class", "bar").with(&bar).with(Element::label(1.0, 2.0).text("a < b"));
        assert_eq!(
            Element::document(80, 20).with(group).to_string(),
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"80\" height=\"20\" viewBox=\"0 0 80 20\">\
             <g class=\"bar\"><rect x=\"0.3\" y=\"0\" width=\"40\" height=\"5\"/><text x=\"1\" y=\"2\">a &lt; b</text></g></svg>"
        );
    }

    #[test]
    fn no_text_can_become_a_tag_or_end_an_attribute() {
        assert_eq!(escaped("<a b=\"&\">\u{1b}"), "&lt;a b=&quot;&amp;&quot;&gt;\u{fffd}");
        assert_eq!(Element::new("g").set("class", "\" on=\"").to_string(), "<g class=\"&quot; on=&quot;\"/>");
    }
}
