//! The drawing, as pieces of SVG.
//!
//! Each element on the time axis says between which moments it lies, by their indices: `data-a` and `data-b`. Here it is
//! drawn where the even scale has them; the page's script moves it from there.

use super::arrows::{self, Arrow, Kind};
use super::channel;
use super::layout::{AXIS, Layout, NAMES, Row, THIN, WIDTH};
use super::model::{Endpoint, Flow, Slice, SliceId, Time, Timeline, Track};
use super::scale::Scale;
use super::words::{self, Directions};
use crate::lab::svg::{Element, round};
use crate::observe::{Decision, Goodbye, Step};
use std::collections::HashMap;
use std::fmt::Write;

/// The approximate width of a letter, in pixels.
const LETTER: f64 = 8.0;

/// Pixels beside a label.
const MARGIN: f64 = 4.0;

/// A write that takes longer is blocked, because its destination does not accept bytes. The line editor alone takes 20 ms
/// to make space for a message.
const BLOCKED: Time = 50_000_000;

/// The minimum distance of two times on the axis, in pixels.
const TICKS: f64 = 96.0;

/// Pixels around a part.
const SPACE: f64 = 60.0;

/// The most rows of a picture.
const MAX_ROWS: usize = 30;

pub(super) struct Drawing {
    pub(super) scale: Scale,
    /// Where the rows of a picture begin and end.
    pub(super) cuts: Vec<(f64, f64)>,
    /// Without the helpers.
    pub(super) height: f64,
    pub(super) full_height: f64,
    /// The backgrounds of the tracks, and their names. They do not move.
    pub(super) rows: String,
    pub(super) names: String,
    /// What lies on the time axis.
    pub(super) content: String,
    /// An overview, of the width of the scale.
    pub(super) map: String,
}

impl Drawing {
    pub(super) fn of(timeline: &Timeline) -> Self {
        Self::with_rows(timeline, |scale| scale.rows(WIDTH - NAMES - 10.0, MAX_ROWS), |_, _, _| true)
    }

    /// With one row, from here to there, and some space around it. The steps outside are left out, and those of helpers.
    pub(super) fn of_part(timeline: &Timeline, (from, until): (Time, Time)) -> Self {
        let is_seen = |scale: &Scale, track: &Track, slice: &Slice| {
            let is_there =
                scale.x(slice.until) > scale.x(from) - SPACE && scale.x(slice.from) < scale.x(until) + SPACE;
            is_there && !track.is_helper()
        };
        Self::with_rows(timeline, |scale| vec![(scale.x(from) - SPACE, scale.x(until) + SPACE)], is_seen)
    }

    fn with_rows(
        timeline: &Timeline,
        cuts: impl FnOnce(&Scale) -> Vec<(f64, f64)>,
        is_seen: impl Fn(&Scale, &Track, &Slice) -> bool,
    ) -> Self {
        let layout = Layout::of(&timeline.endpoints, &timeline.flows);
        let scale = scale(timeline);
        let cuts = cuts(&scale);
        let mut flows: HashMap<_, Vec<_>> = HashMap::new();
        for (number, flow) in timeline.flows.iter().enumerate() {
            for stop in &flow.stops {
                flows.entry(stop.slice).or_default().push(number);
            }
        }
        let directions = Directions::of(&timeline.endpoints);
        let mut painter = Painter {
            timeline,
            scale: &scale,
            layout: &layout,
            directions,
            flows,
            cuts: &cuts,
            out: String::new(),
        };
        painter.both_ways();
        painter.axis();
        painter.goodbyes();
        painter.channels();
        painter.slices(is_seen);
        painter.arrows();
        let (content, map) = (std::mem::take(&mut painter.out), painter.map());
        let (rows, names) = rows(timeline, &layout);
        let (height, full_height) = (layout.height, layout.full_height);
        Self { height, full_height, rows, names, content, map, cuts, scale }
    }

    /// Whether it is too long for a picture, which has only its beginning.
    pub(super) fn exceeds_picture(&self) -> bool {
        self.cuts.last().is_some_and(|(_, to)| *to < self.scale.width())
    }
}

/// The moments of all threads on the path of a message. Helpers lie between them, so that they make nothing longer.
fn scale(timeline: &Timeline) -> Scale {
    let slices = timeline.endpoints.iter().flat_map(|endpoint| {
        let only_helpers = endpoint.tracks.iter().all(Track::is_helper);
        let tracks = endpoint.tracks.iter().filter(move |track| only_helpers || !track.is_helper());
        tracks.flat_map(|track| &track.slices)
    });
    Scale::new(slices.flat_map(|slice| [slice.from, slice.until]).collect())
}

/// Draws what lies on the time axis.
struct Painter<'a> {
    timeline: &'a Timeline,
    scale: &'a Scale,
    layout: &'a Layout,
    directions: Directions,
    /// The flows that touch each slice.
    flows: HashMap<SliceId, Vec<usize>>,
    cuts: &'a [(f64, f64)],
    out: String,
}

impl Painter<'_> {
    fn add(&mut self, element: &Element) {
        // Writing to memory does not fail.
        let _ = writeln!(self.out, "{element}");
    }

    fn x(&self, moment: Time) -> f64 {
        self.scale.x(moment)
    }

    /// Rounded: as an attribute it stands in the file for every element.
    fn index(&self, moment: Time) -> f64 {
        (self.scale.index(moment) * 1000.0).round() / 1000.0
    }

    /// A group that is drawn from one moment to another, with the first label that fits.
    fn span(&self, class: &str, (from, to): (Time, Time), row: Row, labels: &[String]) -> Element {
        let (x, width) = (self.x(from), self.x(to) - self.x(from));
        // A picture cuts the content, but no label should be cut.
        let (begin, end) = self.cuts.iter().copied().find(|cut| cut.1 > x).unwrap_or((x, f64::MAX));
        let indent = (begin - x).max(0.0) + MARGIN;
        let fits = |label: &&String| indent + text_width(label) <= width.min(end - x);
        let rect = Element::rect(0.0, row.y, width.max(1.0), row.height).set("rx", 2);
        let span = self.group(class, from).set("data-b", self.index(to)).with(rect);
        if labels.is_empty() {
            return span;
        }
        let label = labels.iter().find(fits).map_or("", String::as_str);
        let text = Element::label(indent, row.middle() + 5.0).set("data-l", labels.join("|"));
        span.with(text.text(label))
    }

    /// A group that is drawn at a moment.
    fn group(&self, class: &str, moment: Time) -> Element {
        let place = format!("translate({},0)", round(self.x(moment)));
        Element::new("g").set("class", class).set("data-a", self.index(moment)).set("transform", place)
    }

    /// The moments when both directions moved at once.
    fn both_ways(&mut self) {
        for (from, to) in &self.timeline.both_ways {
            let row = Row { y: AXIS - 6.0, height: self.layout.height - AXIS };
            let text = format!("both directions at once, for {}", words::duration(to - from));
            self.add(&self.span("together", (*from, *to), row, &[]).with(title(&text)));
        }
    }

    /// The times, and the breaks between them.
    fn axis(&mut self) {
        let mut begins: Vec<Time> = self.scale.moments().first().copied().into_iter().collect();
        for (from, to) in self.scale.breaks() {
            let duration = words::duration(to - from);
            let (row, axis) =
                (Row { y: AXIS, height: self.layout.height - AXIS - 12.0 }, Row { y: AXIS, height: 20.0 });
            let text = format!("nothing happens for {duration}");
            self.add(&self.span("break", (from, to), row, &[]));
            self.add(&self.span("pause", (from, to), axis, &[duration]).with(title(&text)));
            begins.push(to);
        }
        let mut last = f64::NEG_INFINITY;
        for moment in begins {
            let x = self.x(moment);
            let line = Element::line((0.0, AXIS), (0.0, AXIS + 42.0));
            let text = words::moment(moment - self.timeline.zero);
            let text = Element::label(4.0, AXIS + 38.0).text(&text);
            let mut tick = self.group("tick", moment).with(line).with(text);
            // The script decides again which of them fit.
            if x - last < TICKS {
                tick = tick.set("visibility", "hidden");
            } else {
                last = x;
            }
            self.add(&tick);
        }
    }

    /// The moments of the goodbye: decided, written, heard.
    fn goodbyes(&mut self) {
        let mut marks = Vec::new();
        for endpoint in &self.timeline.endpoints {
            for slice in endpoint.slices() {
                let what = match slice.step {
                    Step::Decides { decision: Decision::Leave, .. } => "decides: 88",
                    Step::Goodbye(Goodbye::Heard) => "heard 88",
                    Step::Goodbye(Goodbye::Written) => "wrote 88",
                    _ => continue,
                };
                marks.push((slice.from, format!("{} {what}", endpoint.letter)));
            }
        }
        marks.sort();
        for (number, (moment, text)) in marks.iter().enumerate() {
            // They follow each other closely: two stand to the left of their lines, and the next two to the right.
            let (class, x) = if number % 4 < 2 { ("goodbye", -5.0) } else { ("goodbye after", 5.0) };
            let y = (number % 2) as f64 * 18.0;
            let line = Element::line((0.0, y + 2.0), (0.0, self.layout.height - 12.0));
            let text = Element::label(x, y + 16.0).text(text);
            self.add(&self.group(class, *moment).with(line).with(text));
        }
    }

    /// How many events are in each channel.
    fn channels(&mut self) {
        for (endpoint, rows) in self.timeline.endpoints.iter().zip(&self.layout.endpoints) {
            let Some(row) = rows.channel else { continue };
            for level in channel::levels(endpoint) {
                // Only the number distinguishes more than five.
                let height = row.inner().height * (0.5 + 0.1 * level.events.min(5) as f64);
                let bar = Row { y: row.bottom() - 4.0 - height, height };
                let events = words::count(level.events as u64, "event");
                let text = format!("{} · channel\nholds {events}", endpoint.letter);
                let span = self.span("level", (level.from, level.until), bar, &[level.events.to_string()]);
                self.add(&span.with(title(&text)));
            }
        }
    }

    fn slices(&mut self, is_seen: impl Fn(&Scale, &Track, &Slice) -> bool) {
        let numbers = self.order();
        for (number, endpoint) in self.timeline.endpoints.iter().enumerate() {
            for (id, slice) in endpoint.identified(number) {
                let row = self.layout.endpoints[number].tracks[id.track].inner();
                let track = &endpoint.tracks[id.track];
                if !is_seen(self.scale, track, slice) {
                    continue;
                }
                self.add(&self.slice(id, endpoint, track, slice, row, numbers.get(&id)));
            }
        }
    }

    /// The position of each slice among those that the arrow keys visit: all that do something, by their time.
    fn order(&self) -> HashMap<SliceId, usize> {
        let mut ids = Vec::new();
        for (number, endpoint) in self.timeline.endpoints.iter().enumerate() {
            let visited =
                |(id, slice): &(SliceId, &Slice)| !slice.is_wait() && !endpoint.tracks[id.track].is_helper();
            ids.extend(endpoint.identified(number).filter(visited).map(|(id, slice)| (slice.from, id)));
        }
        ids.sort_unstable();
        ids.into_iter().enumerate().map(|(number, (_, id))| (id, number)).collect()
    }

    fn slice(
        &self,
        id: SliceId,
        endpoint: &Endpoint,
        track: &Track,
        slice: &Slice,
        row: Row,
        number: Option<&usize>,
    ) -> Element {
        let mut class = format!("step {}", slice.step.class());
        if is_stuck(slice) {
            class.push_str(" stuck");
        }
        if track.is_helper() {
            class.push_str(" helper");
        }
        let mut labels = slice.step.labels();
        if let Step::Writes { to, .. } = slice.step
            && is_stuck(slice)
        {
            labels[0] = format!("writes {}: blocked", to.name());
        }
        let mut span = self.span(&class, (slice.from, slice.until), row, &labels);
        if let Some(number) = number {
            span = span.set("data-n", number);
        }
        if let Some(flows) = self.flows.get(&id) {
            span = span.set("data-m", list(flows));
        }
        span.with(title(&format!(
            "{} · {}\n{}\nat {}, for {}",
            endpoint.letter,
            track.name,
            self.directions.sentence(slice),
            words::moment(slice.from - self.timeline.zero),
            words::duration(slice.duration())
        )))
    }

    fn arrows(&mut self) {
        for (arrow, flows) in arrows::all(self.timeline, self.layout) {
            self.arrow(&arrow, &flows);
        }
    }

    fn arrow(&mut self, arrow: &Arrow, flows: &[usize]) {
        let Arrow { from: (begin, y1), to: (end, y2), kind } = *arrow;
        let of: Vec<_> = flows.iter().map(|flow| &self.timeline.flows[*flow]).collect();
        let class = direction(of[0]);
        let stream = self.directions.name(of[0].stream);
        let count = of.iter().map(|flow| flow.count).sum();
        let label = if of[0].is_goodbye() { "88".to_owned() } else { words::range(of[0].first, count) };
        let what = if of[0].is_goodbye() { "the goodbye".to_owned() } else { format!("message {label}") };
        let text = format!("{what} {stream}\n{}, {}", kind.words(), words::duration(end - begin));
        let (x1, x2, y1, y2) = (self.x(begin), self.x(end), y1 as f64, y2 as f64);
        let (a, b, m) = (self.index(begin), self.index(end), list(flows));
        let mark = |element: Element, class: &str| {
            element.set("class", class).set("data-a", a).set("data-b", b).set("data-m", &m)
        };
        let line = mark(Element::line((x1, y1), (x2, y2)), &format!("arrow {} {class}", kind.class()));
        let line = line.set("marker-end", format!("url(#head-{class})")).with(title(&text));
        self.add(&line);
        // The number stands at the rim where a message is typed and shown, and in the middle of the wire.
        let (x, y) = match kind {
            Kind::Typed => (x1, y1 - THIN / 2.0),
            Kind::Shown => (x2, y2 + THIN / 2.0),
            Kind::Wire => ((x1 + x2) / 2.0, (y1 + y2) / 2.0),
            Kind::IntoChannel | Kind::OutOfChannel | Kind::Handed => return,
        };
        let width = (text_width(&label) * 1.15 + 8.0).max(20.0);
        let number = mark(Element::new("g"), &format!("number {class}"))
            .set("data-mid", 1)
            .set("transform", format!("translate({},0)", round(x)))
            .with(Element::rect(-width / 2.0, y - 10.0, width, 20.0).set("rx", 10))
            .with(Element::label(0.0, y + 5.0).text(&label));
        self.add(&number.with(title(&text)));
    }

    /// The overview: when messages were under way, both directions at once, and the goodbye.
    fn map(&self) -> String {
        let rect = |class, from, width, y, height| {
            Element::rect(from, y, width, height).set("class", class).to_string()
        };
        let both_ways = self
            .timeline
            .both_ways
            .iter()
            .map(|(from, to)| rect("together", self.x(*from), self.x(*to) - self.x(*from), 0.0, 24.0));
        let flows = self.timeline.flows.iter().map(|flow| {
            let (from, to) = flow.span(&self.timeline.endpoints);
            let class = direction(flow);
            let y = match class {
                "there" => 3.0,
                "bye" => 9.0,
                _ => 15.0,
            };
            rect(class, self.x(from), (self.x(to) - self.x(from)).max(2.0), y, 6.0)
        });
        both_ways.chain(flows).collect()
    }
}

/// The backgrounds of the rows, and their names.
fn rows(timeline: &Timeline, layout: &Layout) -> (String, String) {
    let (mut backgrounds, mut names, mut titles) = (String::new(), String::new(), String::new());
    let mut add = |class: &str, row: Row, name: &str| {
        let rect = Element::new("rect").set("class", class);
        let rect = rect.pixels([("y", row.y + 1.0), ("height", row.height - 2.0)]).set("width", "100%");
        let text = Element::label(NAMES - 10.0, row.middle() + 5.0).set("class", class).text(name);
        let _ = writeln!(backgrounds, "{rect}");
        let _ = writeln!(names, "{text}");
    };
    for (endpoint, rows) in timeline.endpoints.iter().zip(&layout.endpoints) {
        let Endpoint { letter, command, design, file, tracks, .. } = endpoint;
        for (class, row, name) in [
            ("rim", rows.keyboard, "keyboard"),
            ("rim", rows.screen, "screen"),
            ("rim", rows.network, "network"),
            ("pipe", rows.channel, "channel"),
        ] {
            if let Some(row) = row {
                add(class, row, name);
            }
        }
        for (track, row) in tracks.iter().zip(&rows.tracks) {
            match track.is_helper() {
                true => add("track helper", *row, &format!("{letter} {}", track.name)),
                false => add("track", *row, &track.name),
            }
        }
        let threads = words::count(tracks.len() as u64, "thread");
        let text = Element::label(12.0, rows.title.middle() + 7.0).set("class", "head");
        let letter = Element::new("tspan").set("class", "letter").text(letter);
        let text = text.with(letter).text(&format!("  {command} · {design} · {threads} · {file}"));
        let _ = writeln!(titles, "{text}");
    }
    (backgrounds, names + &titles)
}

fn title(text: &str) -> Element {
    Element::new("title").text(text)
}

/// The class of a flow: the goodbye, or where it goes in the drawing.
fn direction(flow: &Flow) -> &'static str {
    match (flow.from(), flow.to()) {
        _ if flow.is_goodbye() => "bye",
        (Some(from), Some(to)) if from > to => "back",
        (None, _) => "back",
        _ => "there",
    }
}

/// Backpressure: a reader without a buffer, or a write that is blocked.
fn is_stuck(slice: &Slice) -> bool {
    match slice.step {
        Step::Writes { .. } => slice.duration() > BLOCKED,
        _ => slice.waits_for_buffer(),
    }
}

fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

fn list(numbers: &[usize]) -> String {
    let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
    numbers.join(" ")
}
