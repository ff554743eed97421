//! The way of each message: which steps of which threads it passes, on both sides.
//!
//! Steps tell ranges of numbers of a stream, and each side cuts the stream as it happens to read and write. So the ranges of
//! all steps are laid over each other, and where none of them begins or ends, the messages have gone the same way.

use super::model::{At, Endpoint, Kind, Numbers, Step, Time};
use std::collections::{BTreeMap, HashMap};

/// Up to how many messages that went the same way have a journey each. With more they share one.
const SINGLE: u64 = 8;

/// How many stations all journeys have together at most: a bound for what a damaged file may ask for.
const STATIONS: usize = 400_000;

/// The way of a message, or of several that went the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journey {
    pub(super) stream: u32,
    /// The number of the first in its stream; 0 for the goodbye.
    pub(super) first: u64,
    pub(super) count: u64,
    /// In the order in which they are passed.
    pub(super) stations: Vec<Station>,
    /// The journey of the message that a hub says on with this one, by its place in the list.
    pub(super) cause: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Station {
    pub(super) stage: Stage,
    pub(super) at: At,
}

/// What there is on the way, in its order.
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

/// These messages were at that station.
#[derive(Clone, Copy)]
struct Visit {
    first: u64,
    last: u64,
    station: Station,
}

/// All of them, in the order of their beginnings.
pub(super) fn find(endpoints: &[Endpoint]) -> Vec<Journey> {
    let mut streams: BTreeMap<u32, Vec<Visit>> = BTreeMap::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let keyboard = Keyboard::of(number, endpoint);
        for (at, step) in steps(number, endpoint) {
            let Some((stage, numbers)) = stage(step) else { continue };
            let visits = streams.entry(numbers.stream).or_default();
            visits.push(visit(stage, at, numbers));
            if let (Stage::Read, Some(sends)) = (stage, sends(endpoint, at)) {
                visits.push(visit(Stage::ReadSent, sends, numbers));
            }
            if let (Stage::ToSend, Some(typed)) = (stage, step.typed) {
                visits.extend(keyboard.visits(typed, numbers));
            }
        }
    }
    let mut journeys: Vec<_> =
        streams.into_iter().flat_map(|(stream, visits)| overlay(stream, &visits)).collect();
    journeys.extend(goodbyes(endpoints));
    journeys.sort_by_key(|journey| journey.stations.first().map(|first| step(endpoints, first.at).at));
    find_causes(endpoints, &mut journeys);
    journeys
}

/// What a hub writes to its clients comes from one of them: from the message it has decided about just before.
fn find_causes(endpoints: &[Endpoint], journeys: &mut [Journey]) {
    let numbers = |(place, journey): (usize, &Journey)| ((journey.stream, journey.first), place);
    let places: HashMap<_, _> = journeys.iter().enumerate().map(numbers).collect();
    for journey in journeys.iter_mut().filter(|journey| journey.at(Stage::ToSend).is_none()) {
        let Some(at) = journey.at(Stage::HandedToWriter).or(journey.at(Stage::Written)) else { continue };
        let before = endpoints[at.endpoint].lanes[at.lane].steps[..at.step].iter().rev();
        let mut before =
            before.skip_while(|step| matches!(step.kind, Kind::Writes | Kind::Wrote | Kind::HandsOut));
        let decided = before.next().filter(|step| step.kind == Kind::Decides).and_then(|step| step.messages);
        // Of several it is not known which.
        let decided = decided.filter(|messages| messages.count == 1);
        journey.cause = decided.and_then(|of| places.get(&(of.stream, of.first)).copied());
    }
}

/// Where a step lies on the way of the messages it tells of. Those that were typed have no stream yet.
fn stage(step: &Step) -> Option<(Stage, Numbers)> {
    let stage = match (step.kind, step.what.as_str()) {
        (Kind::Read, "socket" | "client") => Stage::Read,
        (Kind::Takes, _) => Stage::ReadTaken,
        (Kind::Decides, "send") => Stage::ToSend,
        (Kind::Decides, "show" | "relay") => Stage::ToShow,
        (Kind::HandsOut, "screen") => Stage::HandedToScreen,
        (Kind::HandsOut, _) => Stage::HandedToWriter,
        (Kind::Wrote, "socket" | "client") => Stage::Written,
        (Kind::Wrote, "screen") => Stage::Shown,
        _ => return None,
    };
    step.messages.filter(|messages| messages.stream != 0).map(|messages| (stage, messages))
}

fn visit(stage: Stage, at: At, numbers: Numbers) -> Visit {
    Visit { first: numbers.first, last: numbers.last(), station: Station { stage, at } }
}

/// The step in which a reader puts into the channel what it has read.
fn sends(endpoint: &Endpoint, read: At) -> Option<At> {
    let steps = endpoint.lanes[read.lane].steps.iter().enumerate().skip(read.step + 1);
    let (step, _) =
        steps.take_while(|(_, step)| step.kind != Kind::Read).find(|(_, step)| step.kind == Kind::Sends)?;
    Some(At { step, ..read })
}

fn steps(number: usize, endpoint: &Endpoint) -> impl Iterator<Item = (At, &Step)> {
    endpoint.lanes.iter().enumerate().flat_map(move |(lane, of)| {
        of.steps.iter().enumerate().map(move |(step, is)| (At { endpoint: number, lane, step }, is))
    })
}

pub(super) fn step(endpoints: &[Endpoint], at: At) -> &Step {
    &endpoints[at.endpoint].lanes[at.lane].steps[at.step]
}

/// What was typed at an endpoint, by its numbers there.
struct Keyboard {
    /// Read, put into the channel, and taken out of it: in each the ranges follow each other.
    stages: [Vec<Visit>; 3],
}

impl Keyboard {
    fn of(number: usize, endpoint: &Endpoint) -> Self {
        let mut stages = [Vec::new(), Vec::new(), Vec::new()];
        for (at, step) in steps(number, endpoint) {
            let Some(typed) = step.messages.filter(|messages| messages.stream == 0) else { continue };
            if step.kind == Kind::Read {
                stages[0].push(visit(Stage::Typed, at, typed));
                stages[1].extend(sends(endpoint, at).map(|at| visit(Stage::TypedSent, at, typed)));
            } else if step.kind == Kind::Takes {
                stages[2].push(visit(Stage::TypedTaken, at, typed));
            }
        }
        stages.iter_mut().for_each(|stage| stage.sort_by_key(|visit| visit.first));
        Self { stages }
    }

    /// Where the messages were that are sent for these lines. If a line has become several messages, or none, it is not
    /// known which of them; then all have been everywhere.
    fn visits(&self, typed: Numbers, messages: Numbers) -> impl Iterator<Item = Visit> {
        self.overlapping(typed).map(move |visit| {
            if typed.count != messages.count {
                return Visit { first: messages.first, last: messages.last(), ..visit };
            }
            let number = |line: u64| messages.first.saturating_add(line - typed.first);
            Visit {
                first: number(visit.first.max(typed.first)),
                last: number(visit.last.min(typed.last())),
                ..visit
            }
        })
    }

    fn overlapping(&self, typed: Numbers) -> impl Iterator<Item = Visit> {
        self.stages.iter().flat_map(move |visits| {
            let from = visits.partition_point(|visit| visit.last < typed.first);
            visits[from..].iter().take_while(move |visit| visit.first <= typed.last()).copied()
        })
    }
}

/// Lays the ranges of a stream over each other.
fn overlay(stream: u32, visits: &[Visit]) -> Vec<Journey> {
    let mut cuts: Vec<u64> =
        visits.iter().flat_map(|visit| [visit.first, visit.last.saturating_add(1)]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut parts: Vec<Vec<Station>> = vec![Vec::new(); cuts.len()];
    let mut left = STATIONS;
    for visit in visits {
        let from = cuts.partition_point(|cut| *cut < visit.first);
        for (cut, part) in cuts[from..].iter().zip(&mut parts[from..]) {
            if *cut > visit.last || left == 0 {
                break;
            }
            part.push(visit.station);
            left -= 1;
        }
    }
    let mut journeys = Vec::new();
    for (range, mut stations) in cuts.windows(2).zip(parts) {
        if stations.is_empty() {
            continue;
        }
        stations.sort_unstable();
        stations.dedup();
        let whole = Journey { stream, first: range[0], count: range[1] - range[0], stations, cause: None };
        if whole.count > SINGLE {
            journeys.push(whole);
        } else {
            journeys.extend((range[0]..range[1]).map(|first| Journey { first, count: 1, ..whole.clone() }));
        }
    }
    journeys
}

/// The ways of the goodbyes, which have no number: each from the decision to the moment it was written, and to that at
/// which the other side has heard it.
fn goodbyes(endpoints: &[Endpoint]) -> Vec<Journey> {
    let mut journeys = Vec::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let keyboard = Keyboard::of(number, endpoint);
        for connection in &endpoint.connections {
            let next =
                endpoint.connections.iter().map(|other| other.at).filter(|at| *at > connection.at).min();
            let during = connection.at..next.unwrap_or(Time::MAX);
            let find = |kind, what: &str| {
                let is = |step: &Step| step.kind == kind && step.what == what && during.contains(&step.at);
                steps(number, endpoint).find(|(_, step)| is(step))
            };
            let Some((written, _)) = find(Kind::Goodbye, "written") else { continue };
            let mut stations = Vec::new();
            if let Some((at, step)) = find(Kind::Decides, "leave") {
                // The last of the lines it deals with is the 88.
                let typed = step.typed.map(|typed| Numbers { first: typed.last(), count: 1, ..typed });
                stations.extend(
                    typed.iter().flat_map(|typed| keyboard.overlapping(*typed)).map(|visit| visit.station),
                );
                stations.push(Station { stage: Stage::ToSend, at });
            }
            stations.push(Station { stage: Stage::Written, at: written });
            stations.extend(heard(endpoints, connection.sent));
            journeys.push(Journey { stream: connection.sent, first: 0, count: 1, stations, cause: None });
        }
    }
    journeys
}

/// Where the other side reads and understands the goodbye of this stream.
fn heard(endpoints: &[Endpoint], stream: u32) -> Vec<Station> {
    for (number, endpoint) in endpoints.iter().enumerate() {
        let Some(connection) = endpoint.connections.iter().find(|other| other.received == stream) else {
            continue;
        };
        let is_heard =
            |step: &Step| step.kind == Kind::Goodbye && step.what == "heard" && step.at >= connection.at;
        let heard = steps(number, endpoint).find(|(_, step)| is_heard(step));
        // A hub, which hears so many, has no step for it: there it is the last that was read of this client.
        let lane_of = |at: At| &endpoint.lanes[at.lane];
        let has_read = |step: &Step| step.messages.is_some_and(|messages| messages.stream == stream);
        let is_read = |at: At, step: &Step| match heard {
            Some((_, heard)) => step.what == "socket" && step.at <= heard.at,
            None => {
                step.what == "client" && step.messages.is_none() && lane_of(at).steps.iter().any(has_read)
            }
        };
        let reads = steps(number, endpoint)
            .filter(|(at, step)| step.kind == Kind::Read && step.bytes > Some(0) && is_read(*at, step));
        let read = reads.max_by_key(|(_, step)| step.at).map(|(at, _)| at);
        let sends = read.and_then(|at| sends(endpoint, at));
        let stations = [
            read.map(|at| Station { stage: Stage::Read, at }),
            sends.map(|at| Station { stage: Stage::ReadSent, at }),
            heard.map(|(at, _)| Station { stage: Stage::ToShow, at }),
        ];
        return stations.into_iter().flatten().collect();
    }
    Vec::new()
}

impl Journey {
    pub(super) fn is_goodbye(&self) -> bool {
        self.first == 0
    }

    /// Its first station of this kind.
    pub(super) fn at(&self, stage: Stage) -> Option<At> {
        self.stations.iter().find(|station| station.stage == stage).map(|station| station.at)
    }

    /// Who sends, if that is among the endpoints.
    pub(super) fn from(&self) -> Option<usize> {
        self.stations
            .iter()
            .find(|station| station.stage <= Stage::Written)
            .map(|station| station.at.endpoint)
    }

    /// Who receives.
    pub(super) fn to(&self) -> Option<usize> {
        self.stations.iter().find(|station| station.stage >= Stage::Read).map(|station| station.at.endpoint)
    }

    /// From when to when it was under way, as far as is known.
    pub(super) fn span(&self, endpoints: &[Endpoint]) -> (Time, Time) {
        let at = |station: Option<&Station>| station.map_or(0, |station| step(endpoints, station.at).at);
        (at(self.stations.first()), at(self.stations.last()))
    }

    /// How long it took from the keyboard, over the hub if there is one, to the other screen; if it is known from end to end.
    pub(super) fn took(&self, journeys: &[Self], endpoints: &[Endpoint]) -> Option<Time> {
        let (typed, shown) = (self.typed(journeys)?, self.at(Stage::Shown)?);
        Some(step(endpoints, shown).at - step(endpoints, typed).at)
    }

    /// Where it was typed.
    pub(super) fn typed(&self, journeys: &[Self]) -> Option<At> {
        let cause = self.cause.map(|cause| &journeys[cause]);
        self.at(Stage::Typed).or_else(|| cause?.at(Stage::Typed))
    }

    /// When it left: while it was being written. The other side may have read it before the writer knows that it has been
    /// taken.
    pub(super) fn leaves(&self, endpoints: &[Endpoint]) -> Option<Time> {
        let at = self.at(Stage::Written)?;
        let steps = &endpoints[at.endpoint].lanes[at.lane].steps;
        let before = at.step.checked_sub(1).map(|step| &steps[step]).filter(|step| step.kind == Kind::Writes);
        Some(before.unwrap_or(&steps[at.step]).at)
    }

    /// When it arrived.
    pub(super) fn arrives(&self, endpoints: &[Endpoint]) -> Option<Time> {
        self.at(Stage::Read).map(|at| step(endpoints, at).at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::lab::timeline::model::Lane;

    /// A step of an endpoint with one lane, about these messages.
    pub(in crate::lab::timeline) fn doing(
        at: Time,
        kind: Kind,
        what: &str,
        numbers: (u32, u64, u64),
    ) -> Step {
        let (stream, first, count) = numbers;
        Step {
            at,
            until: at + 1,
            kind,
            what: what.to_owned(),
            bytes: None,
            waiting: None,
            messages: (count > 0).then_some(Numbers { stream, first, count }),
            typed: None,
            text: String::new(),
        }
    }

    pub(in crate::lab::timeline) fn endpoint(steps: Vec<Step>) -> Endpoint {
        Endpoint {
            lanes: vec![Lane { name: "main".to_owned(), steps, ..Lane::default() }],
            ..Endpoint::default()
        }
    }

    fn stages(journey: &Journey) -> Vec<Stage> {
        journey.stations.iter().map(|station| station.stage).collect()
    }

    #[test]
    fn a_message_is_followed_from_the_keyboard_to_the_other_screen() {
        let mut decides = doing(3, Kind::Decides, "send", (7, 1, 1));
        decides.typed = Some(Numbers { stream: 0, first: 4, count: 1 });
        let one = endpoint(vec![
            doing(1, Kind::Read, "keyboard", (0, 4, 1)),
            doing(2, Kind::Takes, "Typed", (0, 4, 1)),
            decides,
            doing(4, Kind::Wrote, "socket", (7, 1, 1)),
        ]);
        let other = endpoint(vec![
            doing(5, Kind::Read, "socket", (7, 1, 1)),
            doing(6, Kind::Decides, "show", (7, 1, 1)),
            doing(7, Kind::Wrote, "screen", (7, 1, 1)),
        ]);
        let endpoints = [one, other];
        let journeys = find(&endpoints);
        assert_eq!(journeys.len(), 1);
        use Stage::*;
        assert_eq!(stages(&journeys[0]), [Typed, TypedTaken, ToSend, Written, Read, ToShow, Shown]);
        assert_eq!((journeys[0].from(), journeys[0].to()), (Some(0), Some(1)));
        assert_eq!(journeys[0].took(&journeys, &endpoints), Some(6));
    }

    #[test]
    fn batches_that_each_side_cuts_differently_are_matched_by_their_numbers() {
        let one = endpoint(vec![
            doing(1, Kind::Wrote, "socket", (7, 1, 60)),
            doing(2, Kind::Wrote, "socket", (7, 61, 41)),
        ]);
        let other = endpoint(vec![
            doing(5, Kind::Read, "socket", (7, 1, 58)),
            doing(6, Kind::Read, "socket", (7, 59, 43)),
        ]);
        let journeys = find(&[one, other]);
        let ranges: Vec<_> = journeys.iter().map(|journey| (journey.first, journey.count)).collect();
        assert_eq!(ranges, [(1, 58), (59, 1), (60, 1), (61, 41)]);
        for journey in &journeys {
            assert_eq!(stages(journey), [Stage::Written, Stage::Read]);
        }
    }

    #[test]
    fn a_line_of_a_batch_that_was_typed_in_one_read_has_its_own_message() {
        let mut decides = doing(3, Kind::Decides, "send", (7, 1, 2));
        decides.typed = Some(Numbers { stream: 0, first: 2, count: 2 });
        let steps = vec![
            doing(1, Kind::Read, "keyboard", (0, 1, 2)),
            doing(2, Kind::Read, "keyboard", (0, 3, 1)),
            decides,
        ];
        let journeys = find(&[endpoint(steps)]);
        let typed_by: Vec<_> =
            journeys.iter().map(|journey| journey.at(Stage::Typed).unwrap().step).collect();
        assert_eq!(typed_by, [0, 1]);
    }

    #[test]
    fn what_a_hub_says_on_comes_from_the_message_before() {
        let hub = endpoint(vec![
            doing(1, Kind::Read, "client", (7, 1, 1)),
            doing(2, Kind::Decides, "relay", (7, 1, 1)),
            doing(3, Kind::Writes, "client", (0, 0, 0)),
            doing(4, Kind::Wrote, "client", (8, 5, 1)),
            doing(5, Kind::Writes, "client", (0, 0, 0)),
            doing(6, Kind::Wrote, "client", (9, 2, 1)),
            doing(7, Kind::Waits, "event", (0, 0, 0)),
            doing(8, Kind::Wrote, "client", (9, 3, 1)),
        ]);
        let causes: Vec<_> = find(&[hub]).iter().map(|journey| (journey.stream, journey.cause)).collect();
        assert_eq!(causes, [(7, None), (8, Some(0)), (9, Some(0)), (9, None)]);
    }

    #[test]
    fn absurd_numbers_do_no_harm() {
        let steps = (0..100).map(|at| doing(at, Kind::Wrote, "socket", (7, at as u64, u64::MAX))).collect();
        assert!(find(&[endpoint(steps)]).len() < 1000);
    }
}
