//! What is known of a conversation: processes, the slices on the tracks of their threads, and the flows of messages.

use crate::observe::{For, Place, Step, thread};
use crate::rules::messages::Stream;

/// A moment, or a length of time, in nanoseconds.
pub(super) type Time = i64;

/// All that is drawn.
pub(super) struct Timeline {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) flows: Vec<Flow>,
    /// When messages of both directions of a connection were under way.
    pub(super) both_ways: Vec<(Time, Time)>,
    /// The first moment.
    pub(super) zero: Time,
    /// Sentences for the user.
    pub(super) notes: Vec<String>,
}

/// What the trace of a process contains.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    /// The name in the drawing: `A`, `B` and so on.
    pub(super) letter: String,
    pub(super) file: String,
    pub(super) command: String,
    pub(super) design: String,
    /// The second since 1970 that is 0 on its time axis.
    pub(super) origin: i64,
    /// In the order in which a message passes them.
    pub(super) tracks: Vec<Track>,
    pub(super) connections: Vec<Connection>,
    /// By how much its times have been moved since they were read.
    pub(super) moved: Time,
    /// The trace has an end. Otherwise the process was killed.
    pub(super) is_whole: bool,
}

/// One of the conversations of an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) begins: Time,
    pub(super) sent: Stream,
    pub(super) received: Stream,
    pub(super) peer: String,
}

/// A thread.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) tid: u32,
    pub(super) name: String,
    pub(super) slices: Vec<Slice>,
}

/// What a thread did for some time.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) step: Step,
}

/// The indices of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SliceId {
    pub(super) endpoint: usize,
    pub(super) track: usize,
    pub(super) slice: usize,
}

/// The path of a message, or of several that took the same path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) stream: Stream,
    /// The number of the first message in its stream; 0 for the goodbye.
    pub(super) first: u64,
    pub(super) count: u64,
    /// In the order in which they are passed.
    pub(super) stops: Vec<Stop>,
    /// The index of the flow of the message that a hub relays with this one.
    pub(super) cause: Option<usize>,
}

/// A slice on the path of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stop {
    pub(super) stage: Stage,
    pub(super) slice: SliceId,
}

/// The stages on the path of a message, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Typed,
    TypedSent,
    TypedTaken,
    ToSend,
    HandedToWriter,
    Written,
    Read,
    ReadSent,
    ReadTaken,
    ToShow,
    HandedToScreen,
    Shown,
}

impl Endpoint {
    pub(super) fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.tracks.iter().flat_map(|track| &track.slices)
    }

    /// The slices with their ids. `endpoint` is the index of this endpoint.
    pub(super) fn identified(&self, endpoint: usize) -> impl Iterator<Item = (SliceId, &Slice)> {
        self.tracks.iter().enumerate().flat_map(move |(track, of)| {
            of.slices.iter().enumerate().map(move |(slice, is)| (SliceId { endpoint, track, slice }, is))
        })
    }

    /// Whether its threads send each other events.
    pub(super) fn has_channel(&self) -> bool {
        self.slices().any(|slice| matches!(slice.step, Step::Sends { .. }))
    }

    pub(super) fn move_by(&mut self, by: Time) {
        self.moved = self.moved.saturating_add(by);
        for slice in self.tracks.iter_mut().flat_map(|track| &mut track.slices) {
            slice.from = slice.from.saturating_add(by);
            slice.until = slice.until.saturating_add(by);
        }
        for connection in &mut self.connections {
            connection.begins = connection.begins.saturating_add(by);
        }
    }

    /// Removes what happened later.
    pub(super) fn cut(&mut self, until: Time) {
        for track in &mut self.tracks {
            track.slices.retain(|slice| slice.from <= until);
            track.slices.iter_mut().for_each(|slice| slice.until = slice.until.min(until));
        }
    }
}

impl Track {
    /// The position on the path of a message; none for a helper.
    pub(super) fn position(&self) -> Option<usize> {
        thread::position(&self.name)
    }

    pub(super) fn is_helper(&self) -> bool {
        self.position().is_none()
    }

    pub(super) fn is_reader(&self) -> bool {
        self.name.ends_with("-reader")
    }
}

impl Slice {
    pub(super) fn duration(&self) -> Time {
        self.until - self.from
    }

    pub(super) fn is_wait(&self) -> bool {
        matches!(self.step, Step::Waits(_))
    }

    pub(super) fn waits_for_buffer(&self) -> bool {
        self.step == Step::Waits(For::Buffer)
    }
}

impl SliceId {
    pub(super) fn of(self, endpoints: &[Endpoint]) -> &Slice {
        &endpoints[self.endpoint].tracks[self.track].slices[self.slice]
    }

    /// Those before it on its track, the last one first.
    pub(super) fn before(self, endpoints: &[Endpoint]) -> impl Iterator<Item = &Slice> {
        endpoints[self.endpoint].tracks[self.track].slices[..self.slice].iter().rev()
    }
}

impl Flow {
    pub(super) fn is_goodbye(&self) -> bool {
        self.first == 0
    }

    /// Its first slice at this stage.
    pub(super) fn at(&self, stage: Stage) -> Option<SliceId> {
        self.stops.iter().find(|stop| stop.stage == stage).map(|stop| stop.slice)
    }

    /// The endpoint that sends, if there is a trace of it.
    pub(super) fn from(&self) -> Option<usize> {
        self.stops.iter().find(|stop| stop.stage <= Stage::Written).map(|stop| stop.slice.endpoint)
    }

    /// The endpoint that receives.
    pub(super) fn to(&self) -> Option<usize> {
        self.stops.iter().find(|stop| stop.stage >= Stage::Read).map(|stop| stop.slice.endpoint)
    }

    /// From when to when it was under way, as far as is known.
    pub(super) fn span(&self, endpoints: &[Endpoint]) -> (Time, Time) {
        let time = |stop: Option<&Stop>| stop.map_or(0, |stop| stop.slice.of(endpoints).from);
        (time(self.stops.first()), time(self.stops.last()))
    }

    /// How long it took from the keyboard, through the hub if there is one, to the other screen, if both ends are known.
    pub(super) fn took(&self, flows: &[Self], endpoints: &[Endpoint]) -> Option<Time> {
        let (typed, shown) = (self.typed(flows)?, self.at(Stage::Shown)?);
        Some(shown.of(endpoints).from - typed.of(endpoints).from)
    }

    /// Where it was typed, for a message that a hub relays: at its first sender.
    pub(super) fn typed(&self, flows: &[Self]) -> Option<SliceId> {
        let cause = self.cause.map(|cause| &flows[cause]);
        self.at(Stage::Typed).or_else(|| cause?.at(Stage::Typed))
    }

    /// When the write of it began: the peer may have read it before the write returned.
    pub(super) fn leaves(&self, endpoints: &[Endpoint]) -> Option<Time> {
        let written = self.at(Stage::Written)?;
        let before = written.before(endpoints).next();
        let before = before.filter(|slice| matches!(slice.step, Step::Writes { .. }));
        Some(before.unwrap_or(written.of(endpoints)).from)
    }

    pub(super) fn arrives(&self, endpoints: &[Endpoint]) -> Option<Time> {
        self.at(Stage::Read).map(|read| read.of(endpoints).from)
    }
}

/// Whether this is the socket of a chat, or of one of a hub's clients.
pub(super) fn is_network(place: Place) -> bool {
    matches!(place, Place::Peer | Place::Client)
}
