//! Where each thread is drawn: the endpoints below each other, and in each the threads in the way of a message. The helpers
//! of all of them are below everything, so that they can be left out.

use super::journey::{Journey, Stage};
use super::model::Endpoint;

/// The heights of what there is, in pixels.
pub(super) const LANE: f64 = 32.0;
pub(super) const THIN: f64 = 24.0;
const HEAD: f64 = 32.0;
const BETWEEN: f64 = 8.0;

/// Where the axis is, above which are the names of the moments of the goodbye.
pub(super) const AXIS: f64 = 42.0;
const TOP: f64 = AXIS + 44.0;

/// How wide the names of the lanes are.
pub(super) const NAMES: f64 = 150.0;

/// A row of the drawing, by its upper edge.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub(super) y: f64,
    pub(super) height: f64,
}

/// The rows of an endpoint.
pub(super) struct Frame {
    /// Its title.
    pub(super) head: Row,
    /// Where lines come from that are typed, and where messages are seen.
    pub(super) keyboard: Option<Row>,
    pub(super) screen: Option<Row>,
    pub(super) channel: Option<Row>,
    /// Where messages come from and go to, if there is no trace of the other side.
    pub(super) network: Option<Row>,
    /// Of each lane, in the same order.
    pub(super) lanes: Vec<Row>,
}

pub(super) struct Layout {
    pub(super) frames: Vec<Frame>,
    /// Without the helpers, and with them.
    pub(super) height: f64,
    pub(super) full_height: f64,
}

impl Row {
    pub(super) fn middle(self) -> f64 {
        self.y + self.height / 2.0
    }

    /// Of the boxes in it.
    pub(super) fn inner(self) -> Self {
        Self { y: self.y + 4.0, height: self.height - 8.0 }
    }

    fn bottom(self) -> f64 {
        self.y + self.height
    }
}

impl Layout {
    pub(super) fn of(endpoints: &[Endpoint], journeys: &[Journey]) -> Self {
        let mut y = TOP;
        let mut frames: Vec<_> = endpoints
            .iter()
            .enumerate()
            .map(|(number, endpoint)| {
                let frame = frame(&mut y, number, endpoint, journeys);
                y += BETWEEN;
                frame
            })
            .collect();
        let height = y;
        for (endpoint, frame) in endpoints.iter().zip(&mut frames) {
            for (lane, row) in endpoint.lanes.iter().zip(&mut frame.lanes) {
                if lane.place().is_none() {
                    *row = next(&mut y, THIN);
                }
            }
        }
        Self { frames, height, full_height: y + BETWEEN }
    }
}

fn frame(y: &mut f64, number: usize, endpoint: &Endpoint, journeys: &[Journey]) -> Frame {
    let passes = |stage| {
        let at = |journey: &Journey| journey.at(stage).is_some_and(|at| at.endpoint == number);
        journeys.iter().any(at)
    };
    let is_open = |journey: &Journey| match (journey.from(), journey.to()) {
        _ if journey.is_goodbye() => false,
        (Some(from), None) => from == number && journey.at(Stage::Written).is_some(),
        (None, Some(to)) => to == number,
        _ => false,
    };
    let head = next(y, HEAD);
    let keyboard = passes(Stage::Typed).then(|| next(y, THIN));
    let mut channel = None;
    let mut lanes = Vec::new();
    for lane in &endpoint.lanes {
        let Some(_) = lane.place() else {
            lanes.push(Row { y: 0.0, height: 0.0 });
            continue;
        };
        // It lies between the readers and main.
        if endpoint.has_channel() && channel.is_none() && !lane.is_reader() {
            channel = Some(next(y, LANE));
        }
        lanes.push(next(y, LANE));
    }
    Frame {
        head,
        keyboard,
        screen: passes(Stage::Shown).then(|| next(y, THIN)),
        channel,
        network: journeys.iter().any(is_open).then(|| next(y, THIN)),
        lanes,
    }
}

/// The next row from above.
fn next(y: &mut f64, height: f64) -> Row {
    let row = Row { y: *y, height };
    *y = row.bottom();
    row
}
