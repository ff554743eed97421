//! The arrows of each flow: from which row to which, and when.

use super::layout::{Layout, Row};
use super::model::{Flow, SliceId, Stage, Time, Timeline};
use std::collections::BTreeMap;

/// An arrow from one row to another. Rows are given by their edges, in pixels.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    pub(super) from: (Time, i64),
    pub(super) to: (Time, i64),
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// From the keyboard.
    Typed,
    IntoChannel,
    OutOfChannel,
    /// To another thread.
    Handed,
    /// Over the network.
    Wire,
    /// Onto the screen.
    Shown,
}

impl Kind {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::IntoChannel => "into",
            Self::OutOfChannel => "out",
            Self::Handed => "handed",
            Self::Wire => "wire",
            Self::Shown => "shown",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Typed => "from the keyboard",
            Self::IntoChannel => "into the channel",
            Self::OutOfChannel => "out of the channel",
            Self::Handed => "to another thread",
            Self::Wire => "over the network",
            Self::Shown => "onto the screen",
        }
    }
}

/// All arrows, with the indices of the flows that share them: messages that go the same way in the same slices.
pub(super) fn all(timeline: &Timeline, layout: &Layout) -> BTreeMap<Arrow, Vec<usize>> {
    let mut arrows: BTreeMap<Arrow, Vec<usize>> = BTreeMap::new();
    for (number, flow) in timeline.flows.iter().enumerate() {
        for arrow in of(flow, timeline, layout) {
            arrows.entry(arrow).or_default().push(number);
        }
    }
    arrows
}

fn of(flow: &Flow, timeline: &Timeline, layout: &Layout) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    let mut arrow = |kind, from, source, to, target| arrows.push(Arrow::new(kind, from, source, to, target));
    let rows = |id: SliceId| &layout.endpoints[id.endpoint];
    let row = |id: SliceId| rows(id).tracks[id.track].inner();
    let time = |id: SliceId| id.of(&timeline.endpoints).from;
    if let Some(typed) = flow.at(Stage::Typed)
        && let Some(keyboard) = rows(typed).keyboard
    {
        arrow(Kind::Typed, time(typed), keyboard, time(typed), row(typed));
    }
    for pair in flow.stops.windows(2) {
        let (from, to) = (pair[0].slice, pair[1].slice);
        if (from.endpoint, from.track) == (to.endpoint, to.track) {
            continue;
        }
        if from.endpoint != to.endpoint {
            // The peer may have read it before the write returned.
            arrow(Kind::Wire, time(from).min(time(to)), row(from), time(to), row(to));
            continue;
        }
        match rows(from).channel {
            Some(channel) if matches!(pair[0].stage, Stage::TypedSent | Stage::ReadSent) => {
                arrow(Kind::IntoChannel, time(from), row(from), time(from), channel.inner());
                arrow(Kind::OutOfChannel, time(to), channel.inner(), time(to), row(to));
            }
            _ => arrow(Kind::Handed, time(from), row(from), time(to), row(to)),
        }
    }
    let network = |id: Option<SliceId>| id.and_then(|id| Some((id, rows(id).network?)));
    match (flow.from(), flow.to()) {
        (Some(_), None) => {
            if let Some((written, network)) = network(flow.at(Stage::Written)) {
                arrow(Kind::Wire, time(written), row(written), time(written), network);
            }
        }
        (None, Some(_)) => {
            if let Some((read, network)) = network(flow.at(Stage::Read)) {
                arrow(Kind::Wire, time(read), network, time(read), row(read));
            }
        }
        _ => (),
    }
    if let Some(shown) = flow.at(Stage::Shown)
        && let Some(screen) = rows(shown).screen
    {
        arrow(Kind::Shown, time(shown), row(shown), time(shown), screen);
    }
    arrows
}

impl Arrow {
    fn new(kind: Kind, from: Time, source: Row, to: Time, target: Row) -> Self {
        let (y1, y2) = match source.y < target.y {
            true => (source.bottom(), target.y),
            false => (source.y, target.bottom()),
        };
        Self { from: (from, y1.round() as i64), to: (to, y2.round() as i64), kind }
    }
}
