//! Where each track is drawn: the endpoints below each other, and in each the tracks in the order in which a message passes
//! them. All helpers are below everything, so that they can be left out.

use super::model::{Endpoint, Flow, Stage};

/// Heights in pixels.
const TRACK: f64 = 32.0;
pub(super) const THIN: f64 = 24.0;
const TITLE: f64 = 32.0;
const BETWEEN: f64 = 8.0;

/// The axis lies below the labels of the goodbye.
pub(super) const AXIS: f64 = 42.0;
const TOP: f64 = AXIS + 44.0;

/// The width of a picture.
pub(super) const WIDTH: f64 = 1900.0;

/// The width of the tracks' names.
pub(super) const NAMES: f64 = 150.0;

#[derive(Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub(super) y: f64,
    pub(super) height: f64,
}

/// The rows of an endpoint.
pub(super) struct Rows {
    pub(super) title: Row,
    pub(super) keyboard: Option<Row>,
    pub(super) screen: Option<Row>,
    pub(super) channel: Option<Row>,
    /// The other end of flows if there is no trace of the other side.
    pub(super) network: Option<Row>,
    /// In the order of the tracks.
    pub(super) tracks: Vec<Row>,
}

pub(super) struct Layout {
    /// In the order of the endpoints.
    pub(super) endpoints: Vec<Rows>,
    /// Without the helpers.
    pub(super) height: f64,
    pub(super) full_height: f64,
}

impl Row {
    pub(super) fn middle(self) -> f64 {
        self.y + self.height / 2.0
    }

    pub(super) fn bottom(self) -> f64 {
        self.y + self.height
    }

    /// The part that slices fill.
    pub(super) fn inner(self) -> Self {
        Self { y: self.y + 4.0, height: self.height - 8.0 }
    }
}

impl Layout {
    pub(super) fn of(endpoints: &[Endpoint], flows: &[Flow]) -> Self {
        let mut y = TOP;
        let mut all = Vec::new();
        for (number, endpoint) in endpoints.iter().enumerate() {
            all.push(rows(&mut y, number, endpoint, flows));
            y += BETWEEN;
        }
        let height = y;
        for (endpoint, rows) in endpoints.iter().zip(&mut all) {
            for (track, row) in endpoint.tracks.iter().zip(&mut rows.tracks) {
                if track.is_helper() {
                    *row = next(&mut y, THIN);
                }
            }
        }
        Self { endpoints: all, height, full_height: y + BETWEEN }
    }
}

/// The rows of an endpoint, but for its helpers.
fn rows(y: &mut f64, number: usize, endpoint: &Endpoint, flows: &[Flow]) -> Rows {
    let passes =
        |stage| flows.iter().any(|flow| flow.at(stage).is_some_and(|slice| slice.endpoint == number));
    let is_open = |flow: &Flow| match (flow.from(), flow.to()) {
        _ if flow.is_goodbye() => false,
        (Some(from), None) => from == number && flow.at(Stage::Written).is_some(),
        (None, Some(to)) => to == number,
        _ => false,
    };
    let title = next(y, TITLE);
    let keyboard = passes(Stage::Typed).then(|| next(y, THIN));
    let mut channel = None;
    let mut tracks = Vec::new();
    for track in &endpoint.tracks {
        if track.is_helper() {
            tracks.push(Row { y: 0.0, height: 0.0 });
            continue;
        }
        // The channel lies between the readers and main.
        if endpoint.has_channel() && channel.is_none() && !track.is_reader() {
            channel = Some(next(y, TRACK));
        }
        tracks.push(next(y, TRACK));
    }
    let screen = passes(Stage::Shown).then(|| next(y, THIN));
    let network = flows.iter().any(is_open).then(|| next(y, THIN));
    Rows { title, keyboard, screen, channel, network, tracks }
}

/// The next row below.
fn next(y: &mut f64, height: f64) -> Row {
    let row = Row { y: *y, height };
    *y = row.bottom();
    row
}
