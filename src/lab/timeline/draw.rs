//! The drawing, as pieces of SVG.
//!
//! Each element that lies on the time axis says between which moments, by their place in the list of moments: `data-a` and
//! `data-b`. Here it is drawn where the even scale has them; the page's script moves it from there.

use super::channel;
use super::journey::{self, Journey, Stage};
use super::layout::{AXIS, Layout, NAMES, Row, THIN};
use super::model::{At, Endpoint, Kind, Lane, Step, Time, Timeline};
use super::scale::Scale;
use super::svg;
use super::words::{self, Streams, escaped};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// How wide a letter is, about, in pixels.
const LETTER: f64 = 8.0;

/// What a label has at its sides.
const MARGIN: f64 = 4.0;

/// A write that takes longer is blocked, because whoever is to take it does not. The line editor alone takes 20 ms to make
/// room for a message.
const BLOCKED: Time = 50_000_000;

/// How far apart times are written at the axis at least.
const TICKS: f64 = 96.0;

pub(super) struct Drawing {
    pub(super) scale: Scale,
    /// Without the helpers, and with them.
    pub(super) height: f64,
    pub(super) full_height: f64,
    /// The rows, and their names. They do not move.
    pub(super) rows: String,
    pub(super) names: String,
    /// What lies on the time axis.
    pub(super) content: String,
    /// A small picture of the whole, of the width of the scale.
    pub(super) map: String,
}

/// Draws.
struct Pen<'a> {
    timeline: &'a Timeline,
    scale: &'a Scale,
    layout: &'a Layout,
    streams: Streams,
    /// In which journeys each step has a part.
    journeys: HashMap<At, Vec<usize>>,
    /// Where the rows of a picture end: no label is cut there.
    ends: Vec<f64>,
    out: String,
}

/// An arrow: from where, to where, and how it looks. Times and pixels.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: (Time, i64),
    to: (Time, i64),
    class: &'static str,
}

impl Drawing {
    pub(super) fn of(timeline: &Timeline) -> Self {
        let layout = Layout::of(&timeline.endpoints, &timeline.journeys);
        let scale = scale(timeline);
        let mut journeys: HashMap<_, Vec<_>> = HashMap::new();
        for (number, journey) in timeline.journeys.iter().enumerate() {
            for station in &journey.stations {
                journeys.entry(station.at).or_default().push(number);
            }
        }
        let streams = Streams::of(&timeline.endpoints);
        let ends = svg::parts(&scale).into_iter().map(|part| part.1).collect();
        let mut pen =
            Pen { timeline, scale: &scale, layout: &layout, streams, journeys, ends, out: String::new() };
        pen.together();
        pen.axis();
        pen.goodbyes();
        pen.channels();
        pen.steps();
        pen.arrows();
        let (content, map) = (std::mem::take(&mut pen.out), pen.map());
        let (rows, names) = pen.rows();
        Self { height: layout.height, full_height: layout.full_height, rows, names, content, map, scale }
    }
}

/// The moments: of all threads that a message passes. Helpers lie between them, so that they make nothing longer.
fn scale(timeline: &Timeline) -> Scale {
    let on_the_way = |endpoint: &Endpoint| endpoint.lanes.iter().any(|lane| lane.place().is_some());
    let lanes = timeline.endpoints.iter().flat_map(|endpoint| {
        let all = !on_the_way(endpoint);
        endpoint.lanes.iter().filter(move |lane| all || lane.place().is_some())
    });
    Scale::new(lanes.flat_map(|lane| &lane.steps).flat_map(|step| [step.at, step.until]).collect())
}

impl Pen<'_> {
    /// Formatting into memory does not fail.
    fn add(&mut self, piece: std::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(piece);
    }

    fn index(&self, at: Time) -> String {
        let index = format!("{:.3}", self.scale.index(at));
        index.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    fn x(&self, at: Time) -> f64 {
        self.scale.x(at)
    }

    /// What is drawn from one moment to another.
    fn span(
        &mut self,
        class: &str,
        (from, to): (Time, Time),
        row: Row,
        labels: &[String],
        more: &str,
        title: &str,
    ) {
        let (x, width) = (self.x(from), self.x(to) - self.x(from));
        let (a, b) = (self.index(from), self.index(to));
        let end =
            self.ends[self.ends.partition_point(|end| *end <= x)..].first().copied().unwrap_or(f64::MAX);
        let room = width.min(end - x);
        let fits = labels.iter().find(|label| text_width(label) + MARGIN <= room);
        let middle = row.middle() + 5.0;
        self.add(format_args!(
            "<g class=\"{class}\" data-a=\"{a}\" data-b=\"{b}\"{more} transform=\"translate({x:.1},0)\">\
             <rect y=\"{}\" height=\"{}\" width=\"{:.1}\" rx=\"2\"/>",
            row.y,
            row.height,
            width.max(1.0)
        ));
        if !labels.is_empty() {
            let label = escaped(fits.map_or("", String::as_str));
            let all = escaped(&labels.join("|"));
            self.add(format_args!("<text x=\"{MARGIN}\" y=\"{middle}\" data-l=\"{all}\">{label}</text>"));
        }
        if !title.is_empty() {
            self.add(format_args!("<title>{}</title>", escaped(title)));
        }
        self.add(format_args!("</g>\n"));
    }

    /// The moments when both directions moved at once.
    fn together(&mut self) {
        for (from, to) in &self.timeline.together {
            let row = Row { y: AXIS - 6.0, height: self.layout.height - AXIS };
            let title = format!("both directions at once, for {}", words::length(to - from));
            self.span("together", (*from, *to), row, &[], "", &title);
        }
    }

    /// The times, and the breaks between them.
    fn axis(&mut self) {
        let breaks: Vec<_> = self.scale.breaks().collect();
        let mut begins: Vec<Time> = self.scale.moments().first().copied().into_iter().collect();
        for (from, to) in breaks {
            let row = Row { y: AXIS, height: self.layout.height - AXIS - 12.0 };
            self.span("break", (from, to), row, &[], "", "");
            let label = vec![words::length(to - from)];
            let title = format!("nothing happens for {}", words::length(to - from));
            self.span("pause", (from, to), Row { y: AXIS, height: 20.0 }, &label, "", &title);
            begins.push(to);
        }
        let mut last = f64::NEG_INFINITY;
        for at in begins {
            // The script decides anew which of them have room.
            let x = self.x(at);
            let hidden = if x - last < TICKS {
                " visibility=\"hidden\""
            } else {
                last = x;
                ""
            };
            let (a, when) = (self.index(at), words::moment(at - self.timeline.zero));
            self.add(format_args!(
                "<g class=\"tick\" data-a=\"{a}\" transform=\"translate({x:.1},0)\"{hidden}>\
                 <line y1=\"{AXIS}\" y2=\"{:.1}\"/><text x=\"4\" y=\"{}\">{when}</text></g>\n",
                AXIS + 42.0,
                AXIS + 38.0
            ));
        }
    }

    /// The moments of the goodbye: decided, written, heard.
    fn goodbyes(&mut self) {
        let mut marks = Vec::new();
        for endpoint in &self.timeline.endpoints {
            for step in endpoint.steps() {
                let what = match (step.kind, step.what.as_str()) {
                    (Kind::Decides, "leave") => "decides: 88",
                    (Kind::Goodbye, "heard") => "heard 88",
                    (Kind::Goodbye, _) => "wrote 88",
                    _ => continue,
                };
                marks.push((step.at, format!("{} {what}", endpoint.letter)));
            }
        }
        marks.sort();
        for (number, (at, text)) in marks.iter().enumerate() {
            // They follow each other closely: two stand to the left of their lines, and the next two to the right.
            let (side, shift) = if number % 4 < 2 { ("", -5) } else { (" after", 5) };
            let (a, x, top) = (self.index(*at), self.x(*at), (number % 2) as f64 * 18.0);
            self.add(format_args!(
                "<g class=\"goodbye{side}\" data-a=\"{a}\" transform=\"translate({x:.1},0)\">\
                 <line y1=\"{}\" y2=\"{:.1}\"/><text x=\"{shift}\" y=\"{}\">{}</text></g>\n",
                top + 2.0,
                self.layout.height - 12.0,
                top + 16.0,
                escaped(text)
            ));
        }
    }

    /// How many events are in each channel.
    fn channels(&mut self) {
        for (endpoint, frame) in self.timeline.endpoints.iter().zip(&self.layout.frames) {
            let Some(row) = frame.channel else { continue };
            for filling in channel::fillings(endpoint) {
                // The more, the higher; what is above five is told by the number alone.
                let height = row.inner().height * (0.5 + 0.1 * filling.events.min(5) as f64);
                let bar = Row { y: row.y + row.height - 4.0 - height, height };
                let count = filling.events.to_string();
                let title =
                    format!("{} · channel\nholds {}", endpoint.letter, words::many(filling.events, "event"));
                self.span("filling", (filling.from, filling.to), bar, &[count], "", &title);
            }
        }
    }

    fn steps(&mut self) {
        let numbers = self.order();
        for (endpoint, (of, frame)) in self.timeline.endpoints.iter().zip(&self.layout.frames).enumerate() {
            for (lane, (thread, row)) in of.lanes.iter().zip(&frame.lanes).enumerate() {
                for (step, is) in thread.steps.iter().enumerate() {
                    let at = At { endpoint, lane, step };
                    self.step(at, of, thread, is, row.inner(), numbers.get(&at));
                }
            }
        }
    }

    /// The steps among which one goes with the arrow keys: all that do something, by their time.
    fn order(&self) -> HashMap<At, usize> {
        let mut steps = Vec::new();
        for (endpoint, of) in self.timeline.endpoints.iter().enumerate() {
            for (lane, thread) in of.lanes.iter().enumerate().filter(|(_, thread)| thread.place().is_some()) {
                let does = thread.steps.iter().enumerate().filter(|(_, step)| !step.is_wait());
                steps.extend(does.map(|(step, is)| (is.at, At { endpoint, lane, step })));
            }
        }
        steps.sort_unstable();
        steps.into_iter().enumerate().map(|(number, (_, at))| (at, number)).collect()
    }

    fn step(
        &mut self,
        at: At,
        endpoint: &Endpoint,
        lane: &Lane,
        step: &Step,
        row: Row,
        number: Option<&usize>,
    ) {
        let mut class = format!("step {}", class(step.kind));
        if is_stuck(step) {
            class.push_str(" stuck");
        }
        if lane.place().is_none() {
            class.push_str(" helper");
        }
        let mut more = String::new();
        if let Some(number) = number {
            let _ = write!(more, " data-n=\"{number}\"");
        }
        if let Some(journeys) = self.journeys.get(&at) {
            let _ = write!(more, " data-m=\"{}\"", list(journeys));
        }
        let does = self.streams.describe(step);
        let title = format!(
            "{} · {}\n{does}\nat {}, for {}",
            endpoint.letter,
            lane.name,
            words::moment(step.at - self.timeline.zero),
            words::length(step.lasts())
        );
        let mut labels = words::labels(step);
        if step.kind == Kind::Writes && is_stuck(step) {
            labels[0] = format!("writes {}: blocked", step.what);
        }
        self.span(&class, (step.at, step.until), row, &labels, &more, &title);
    }

    fn arrows(&mut self) {
        // Messages that go the same way in the same steps share their arrows.
        let mut arrows: BTreeMap<Arrow, Vec<usize>> = BTreeMap::new();
        for (number, journey) in self.timeline.journeys.iter().enumerate() {
            for arrow in self.arrows_of(journey) {
                arrows.entry(arrow).or_default().push(number);
            }
        }
        for (arrow, journeys) in arrows {
            let of: Vec<_> = journeys.iter().map(|journey| &self.timeline.journeys[*journey]).collect();
            let first = of[0];
            let direction = if is_back(first) { "back" } else { "there" };
            let kind = if first.is_goodbye() { "bye" } else { direction };
            let label = match first.is_goodbye() {
                true => "88".to_owned(),
                false => words::range(first.first, of.iter().map(|journey| journey.count).sum()),
            };
            let (a, b) = (self.index(arrow.from.0), self.index(arrow.to.0));
            let (x1, x2) = (self.x(arrow.from.0), self.x(arrow.to.0));
            let (y1, y2) = (arrow.from.1, arrow.to.1);
            let ids = list(&journeys);
            let title = match first.is_goodbye() {
                true => format!("the goodbye {}", self.streams.name(first.stream)),
                false => format!("message {label} {}", self.streams.name(first.stream)),
            };
            let title =
                format!("{title}\n{}, {}", arrow.class_in_words(), words::length(arrow.to.0 - arrow.from.0));
            let class = arrow.class;
            self.add(format_args!(
                "<line class=\"arrow {class} {kind}\" data-a=\"{a}\" data-b=\"{b}\" data-m=\"{ids}\" \
                 x1=\"{x1:.1}\" y1=\"{y1}\" x2=\"{x2:.1}\" y2=\"{y2}\" marker-end=\"url(#head-{kind})\">\
                 <title>{}</title></line>\n",
                escaped(&title)
            ));
            if matches!(class, "wire" | "typed" | "shown") {
                let (x, y) = match class {
                    // Where it is typed and shown, on the rim; else in the middle.
                    "typed" => (x1, y1 as f64 - THIN / 2.0),
                    "shown" => (x2, y2 as f64 + THIN / 2.0),
                    _ => ((x1 + x2) / 2.0, (y1 + y2) as f64 / 2.0),
                };
                let width = (text_width(&label) * 1.15 + 8.0).max(20.0);
                self.add(format_args!(
                    "<g class=\"number {kind}\" data-a=\"{a}\" data-b=\"{b}\" data-mid=\"1\" data-m=\"{ids}\" \
                     transform=\"translate({x:.1},0)\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
                     height=\"20\" rx=\"10\"/><text y=\"{:.1}\">{label}</text><title>{}</title></g>\n",
                    -width / 2.0,
                    y - 10.0,
                    y + 5.0,
                    escaped(&title)
                ));
            }
        }
    }

    fn arrows_of(&self, journey: &Journey) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        let frames = &self.layout.frames;
        let row = |at: At| frames[at.endpoint].lanes[at.lane].inner();
        let when = |at: At| journey::step(&self.timeline.endpoints, at).at;
        if let Some((typed, keyboard)) = journey
            .at(Stage::Typed)
            .and_then(|at| frames[at.endpoint].keyboard.map(|keyboard| (at, keyboard)))
        {
            arrows.push(Arrow::new("typed", when(typed), keyboard, when(typed), row(typed)));
        }
        for pair in journey.stations.windows(2) {
            let (from, to) = (pair[0].at, pair[1].at);
            if (from.endpoint, from.lane) == (to.endpoint, to.lane) {
                continue;
            }
            if from.endpoint != to.endpoint {
                // The other side may have read it before the writer knows that it has been taken.
                let left = when(from).min(when(to));
                arrows.push(Arrow::new("wire", left, row(from), when(to), row(to)));
                continue;
            }
            match frames[from.endpoint].channel {
                Some(channel) if matches!(pair[0].stage, Stage::TypedSent | Stage::ReadSent) => {
                    arrows.push(Arrow::new("into", when(from), row(from), when(from), channel.inner()));
                    arrows.push(Arrow::new("out", when(to), channel.inner(), when(to), row(to)));
                }
                _ => arrows.push(Arrow::new("handed", when(from), row(from), when(to), row(to))),
            }
        }
        let network =
            |at: Option<At>| at.and_then(|at| frames[at.endpoint].network.map(|network| (at, network)));
        match (journey.from(), journey.to()) {
            (Some(_), None) => arrows.extend(
                network(journey.at(Stage::Written))
                    .map(|(at, network)| Arrow::new("wire", when(at), row(at), when(at), network)),
            ),
            (None, Some(_)) => arrows.extend(
                network(journey.at(Stage::Read))
                    .map(|(at, network)| Arrow::new("wire", when(at), network, when(at), row(at))),
            ),
            _ => (),
        }
        if let Some((shown, screen)) =
            journey.at(Stage::Shown).and_then(|at| frames[at.endpoint].screen.map(|screen| (at, screen)))
        {
            arrows.push(Arrow::new("shown", when(shown), row(shown), when(shown), screen));
        }
        arrows
    }

    /// The whole at a glance: where something is typed or shown, both at once, and the goodbye.
    fn map(&mut self) -> String {
        for (from, to) in self.timeline.together.clone() {
            let (x, width) = (self.x(from), self.x(to) - self.x(from));
            self.add(format_args!(
                "<rect class=\"together\" x=\"{x:.1}\" y=\"0\" width=\"{width:.1}\" height=\"24\"/>"
            ));
        }
        for journey in &self.timeline.journeys {
            let (from, to) = journey.span(&self.timeline.endpoints);
            let (x, width) = (self.x(from), (self.x(to) - self.x(from)).max(2.0));
            let (kind, y) = match (journey.is_goodbye(), is_back(journey)) {
                (true, _) => ("bye", 9),
                (false, false) => ("there", 3),
                (false, true) => ("back", 15),
            };
            self.add(format_args!(
                "<rect class=\"{kind}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"6\"/>"
            ));
        }
        std::mem::take(&mut self.out)
    }

    /// The rows and their names.
    fn rows(mut self) -> (String, String) {
        let (mut names, mut heads) = (String::new(), String::new());
        let mut name = |class: &str, row: Row, text: &str| {
            let y = row.middle() + 5.0;
            let x = NAMES - 10.0;
            let _ =
                writeln!(names, "<text class=\"{class}\" x=\"{x}\" y=\"{y:.1}\">{}</text>", escaped(text));
        };
        for (endpoint, frame) in self.timeline.endpoints.iter().zip(&self.layout.frames) {
            let rim = |row: Option<Row>, text| row.map(|row| ("rim", row, text));
            let rims =
                [rim(frame.keyboard, "keyboard"), rim(frame.screen, "screen"), rim(frame.network, "network")];
            for (class, row, text) in rims.into_iter().flatten() {
                self.row(class, row);
                name(class, row, text);
            }
            if let Some(row) = frame.channel {
                self.row("pipe", row);
                name("pipe", row, "channel");
            }
            for (lane, row) in endpoint.lanes.iter().zip(&frame.lanes) {
                let class = if lane.place().is_some() { "lane" } else { "lane helper" };
                self.row(class, *row);
                match lane.place() {
                    Some(_) => name(class, *row, &lane.name),
                    None => name(class, *row, &format!("{} {}", endpoint.letter, lane.name)),
                }
            }
            let (head, y) = (title(endpoint), frame.head.middle() + 7.0);
            let _ = writeln!(
                heads,
                "<text class=\"head\" x=\"12\" y=\"{y:.1}\"><tspan class=\"letter\">{}</tspan>{}</text>",
                escaped(&endpoint.letter),
                escaped(&head)
            );
        }
        (self.out, names + &heads)
    }

    fn row(&mut self, class: &str, row: Row) {
        self.add(format_args!(
            "<rect class=\"{class}\" y=\"{}\" height=\"{}\" width=\"100%\"/>\n",
            row.y + 1.0,
            row.height - 2.0
        ));
    }
}

/// What an endpoint is, after its letter.
fn title(endpoint: &Endpoint) -> String {
    let threads = endpoint.lanes.len() as u64;
    let Endpoint { command, design, file, .. } = endpoint;
    format!("  {command} · {design} · {} · {file}", words::many(threads, "thread"))
}

impl Arrow {
    /// From the edge of one row to that of another.
    fn new(class: &'static str, from: Time, source: Row, to: Time, target: Row) -> Self {
        let (y1, y2) = if source.y < target.y {
            (source.y + source.height, target.y)
        } else {
            (source.y, target.y + target.height)
        };
        Self { from: (from, y1.round() as i64), to: (to, y2.round() as i64), class }
    }

    fn class_in_words(&self) -> &'static str {
        match self.class {
            "typed" => "from the keyboard",
            "into" => "into the channel",
            "out" => "out of the channel",
            "handed" => "to another thread",
            "shown" => "onto the screen",
            _ => "over the network",
        }
    }
}

/// Whether it goes up in the drawing.
fn is_back(journey: &Journey) -> bool {
    match (journey.from(), journey.to()) {
        (Some(from), Some(to)) => from > to,
        (from, _) => from.is_none(),
    }
}

/// Waiting for a buffer, and writing that is blocked: somebody does not keep up.
fn is_stuck(step: &Step) -> bool {
    match step.kind {
        Kind::Waits => step.what == "buffer",
        Kind::Writes => step.lasts() > BLOCKED,
        _ => false,
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Starts | Kind::Ends => "life",
        Kind::Waits => "waits",
        Kind::Read => "read",
        Kind::Sends | Kind::HandsOut => "sends",
        Kind::Takes => "takes",
        Kind::Decides => "decides",
        Kind::Writes | Kind::Wrote => "writes",
        Kind::Begins | Kind::Tells => "tells",
        Kind::Goodbye => "says88",
    }
}

fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

fn list(numbers: &[usize]) -> String {
    let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
    numbers.join(" ")
}
