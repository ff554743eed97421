//! Finds the flow of each message: the slices it passes, on both sides.
//!
//! Steps name ranges of message numbers, and each side cuts a stream into other ranges as it happens to read and write. So
//! the ranges of all steps are laid over each other: messages between two neighbouring limits have gone the same way.

use super::model::{Endpoint, Flow, Slice, SliceId, Stage, Stop, Time, is_network};
use crate::observe::{Decision, Goodbye, Place, Step};
use crate::rules::messages::{Messages, Stream};
use std::collections::{BTreeMap, HashMap};

/// The most messages that went the same way and have a flow each. More of them share one.
const MAX_SINGLE: u64 = 8;

/// The most stops of all flows of a stream: a limit to what a damaged file may ask for.
const MAX_STOPS: usize = 400_000;

/// A range of messages that passed a stop.
#[derive(Clone, Copy)]
struct Visit {
    first: u64,
    last: u64,
    stop: Stop,
}

/// All flows, in the order in which they begin.
pub(super) fn find(endpoints: &[Endpoint]) -> Vec<Flow> {
    let mut streams: BTreeMap<u32, Vec<Visit>> = BTreeMap::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let keyboard = Keyboard::of(number, endpoint);
        for (id, slice) in endpoint.identified(number) {
            let Some((stage, messages)) = stage(&slice.step) else { continue };
            let visits = streams.entry(messages.stream.0).or_default();
            visits.push(visit(stage, id, messages));
            if let (Stage::Read, Some(sends)) = (stage, sends(endpoint, id)) {
                visits.push(visit(Stage::ReadSent, sends, messages));
            }
            if let Step::Decides { decision: Decision::Send, typed, .. } = slice.step {
                visits.extend(keyboard.visits(typed, messages));
            }
        }
    }
    let overlay = |(stream, visits): (u32, Vec<Visit>)| overlay(Stream(stream), &visits);
    let mut flows: Vec<_> = streams.into_iter().flat_map(overlay).collect();
    flows.extend(goodbyes(endpoints));
    flows.sort_by_key(|flow| flow.stops.first().map(|first| first.slice.of(endpoints).from));
    find_causes(endpoints, &mut flows);
    flows
}

/// What a hub writes to its clients comes from the message that it has decided about since it waited or wrote last.
fn find_causes(endpoints: &[Endpoint], flows: &mut [Flow]) {
    let places: HashMap<_, _> =
        flows.iter().enumerate().map(|(place, flow)| ((flow.stream, flow.first), place)).collect();
    for flow in flows.iter_mut().filter(|flow| flow.at(Stage::ToSend).is_none()) {
        let Some(id) = flow.at(Stage::HandedToWriter).or(flow.at(Stage::Written)) else { continue };
        let is_writing = |slice: &&Slice| {
            matches!(slice.step, Step::Writes { .. } | Step::Wrote { .. } | Step::HandsOut { .. })
        };
        let batch = id.before(endpoints).skip_while(is_writing);
        let batch = batch.take_while(|slice| !slice.is_wait() && !is_writing(slice));
        let decided: Vec<_> = batch
            .filter_map(|slice| match slice.step {
                Step::Decides { messages, .. } => Some(messages),
                _ => None,
            })
            .collect();
        // Of several messages it is not known which one.
        if let [Messages { stream, first, count: 1 }] = decided[..] {
            flow.cause = places.get(&(stream, first)).copied();
        }
    }
}

/// The stage of a step, and the messages it names. Lines that were typed have no stream yet.
fn stage(step: &Step) -> Option<(Stage, Messages)> {
    let (stage, messages) = match *step {
        Step::Read { from, messages, .. } if is_network(from) => (Stage::Read, messages),
        Step::Takes { messages, .. } => (Stage::ReadTaken, messages),
        Step::Decides { decision: Decision::Send, messages, .. } => (Stage::ToSend, messages),
        Step::Decides { decision: Decision::Show | Decision::Relay, messages, .. } => {
            (Stage::ToShow, messages)
        }
        Step::HandsOut { to: Place::Screen, messages } => (Stage::HandedToScreen, messages),
        Step::HandsOut { messages, .. } => (Stage::HandedToWriter, messages),
        Step::Wrote { to, messages, .. } if is_network(to) => (Stage::Written, messages),
        Step::Wrote { to: Place::Screen, messages, .. } => (Stage::Shown, messages),
        _ => return None,
    };
    (messages.count > 0 && messages.stream != Stream::KEYBOARD).then_some((stage, messages))
}

fn visit(stage: Stage, slice: SliceId, messages: Messages) -> Visit {
    Visit { first: messages.first, last: messages.last(), stop: Stop { stage, slice } }
}

/// The slice in which a reader puts into the channel what it has read.
fn sends(endpoint: &Endpoint, read: SliceId) -> Option<SliceId> {
    let slices = endpoint.tracks[read.track].slices.iter().enumerate().skip(read.slice + 1);
    let mut until_next = slices.take_while(|(_, slice)| !matches!(slice.step, Step::Read { .. }));
    let (slice, _) = until_next.find(|(_, slice)| matches!(slice.step, Step::Sends { .. }))?;
    Some(SliceId { slice, ..read })
}

/// The lines typed at an endpoint, by their numbers there.
struct Keyboard {
    /// Read, put into the channel, and taken out of it. Within each the ranges follow each other.
    stages: [Vec<Visit>; 3],
}

impl Keyboard {
    fn of(number: usize, endpoint: &Endpoint) -> Self {
        let mut stages = [Vec::new(), Vec::new(), Vec::new()];
        let is_typed = |messages: &Messages| messages.count > 0 && messages.stream == Stream::KEYBOARD;
        for (id, slice) in endpoint.identified(number) {
            match slice.step {
                Step::Read { messages: typed, .. } if is_typed(&typed) => {
                    stages[0].push(visit(Stage::Typed, id, typed));
                    stages[1].extend(sends(endpoint, id).map(|id| visit(Stage::TypedSent, id, typed)));
                }
                Step::Takes { messages: typed, .. } if is_typed(&typed) => {
                    stages[2].push(visit(Stage::TypedTaken, id, typed));
                }
                _ => {}
            }
        }
        stages.iter_mut().for_each(|stage| stage.sort_by_key(|visit| visit.first));
        Self { stages }
    }

    /// Where the messages were that are sent for these lines. If a line has become several messages, or none, it is not
    /// known which of them; then all have been everywhere.
    fn visits(&self, typed: Messages, messages: Messages) -> impl Iterator<Item = Visit> {
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

    fn overlapping(&self, typed: Messages) -> impl Iterator<Item = Visit> {
        let stages = self.stages.iter().filter(move |_| typed.count > 0);
        stages.flat_map(move |visits| {
            let from = visits.partition_point(|visit| visit.last < typed.first);
            visits[from..].iter().take_while(move |visit| visit.first <= typed.last()).copied()
        })
    }
}

/// Lays the ranges of a stream over each other.
fn overlay(stream: Stream, visits: &[Visit]) -> Vec<Flow> {
    let mut limits: Vec<u64> =
        visits.iter().flat_map(|visit| [visit.first, visit.last.saturating_add(1)]).collect();
    limits.sort_unstable();
    limits.dedup();
    let mut parts: Vec<Vec<Stop>> = vec![Vec::new(); limits.len()];
    let mut left = MAX_STOPS;
    for visit in visits {
        let from = limits.partition_point(|limit| *limit < visit.first);
        for (limit, part) in limits[from..].iter().zip(&mut parts[from..]) {
            if *limit > visit.last || left == 0 {
                break;
            }
            part.push(visit.stop);
            left -= 1;
        }
    }
    let mut flows = Vec::new();
    for (range, mut stops) in limits.windows(2).zip(parts) {
        if stops.is_empty() {
            continue;
        }
        stops.sort_unstable();
        stops.dedup();
        let whole = Flow { stream, first: range[0], count: range[1] - range[0], stops, cause: None };
        if whole.count > MAX_SINGLE {
            flows.push(whole);
        } else {
            flows.extend((range[0]..range[1]).map(|first| Flow { first, count: 1, ..whole.clone() }));
        }
    }
    flows
}

/// The flows of the goodbyes, which have no number: each from the decision to the write, and to the moment when the peer
/// has heard it.
fn goodbyes(endpoints: &[Endpoint]) -> Vec<Flow> {
    let mut flows = Vec::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let keyboard = Keyboard::of(number, endpoint);
        for connection in &endpoint.connections {
            let begins = endpoint.connections.iter().map(|other| other.begins);
            let next = begins.filter(|begins| *begins > connection.begins).min();
            let during = connection.begins..next.unwrap_or(Time::MAX);
            let slices = || endpoint.identified(number).filter(|(_, slice)| during.contains(&slice.from));
            let is_written = |step: &Step| *step == Step::Goodbye(Goodbye::Written);
            let Some((written, _)) = slices().find(|(_, slice)| is_written(&slice.step)) else { continue };
            let leaves = slices().find_map(|(id, slice)| match slice.step {
                Step::Decides { decision: Decision::Leave, typed, .. } => Some((id, typed)),
                _ => None,
            });
            let mut stops = Vec::new();
            if let Some((slice, typed)) = leaves {
                // The last of the lines it deals with is the 88.
                let last = Messages { first: typed.last(), count: typed.count.min(1), ..typed };
                stops.extend(keyboard.overlapping(last).map(|visit| visit.stop));
                stops.push(Stop { stage: Stage::ToSend, slice });
            }
            stops.push(Stop { stage: Stage::Written, slice: written });
            stops.extend(heard(endpoints, connection.sent));
            flows.push(Flow { stream: connection.sent, first: 0, count: 1, stops, cause: None });
        }
    }
    flows
}

/// Where the other side reads and understands the goodbye of this stream.
fn heard(endpoints: &[Endpoint], stream: Stream) -> Vec<Stop> {
    for (number, endpoint) in endpoints.iter().enumerate() {
        let Some(connection) = endpoint.connections.iter().find(|other| other.received == stream) else {
            continue;
        };
        let heard = endpoint.identified(number).find(|(_, slice)| {
            slice.step == Step::Goodbye(Goodbye::Heard) && slice.from >= connection.begins
        });
        // A hub does not say whose goodbye it has heard: there it is the last read on the track of this client.
        let is_of_stream = |step: &Step| stage(step).is_some_and(|(_, messages)| messages.stream == stream);
        let reads_stream =
            |track: usize| endpoint.tracks[track].slices.iter().any(|slice| is_of_stream(&slice.step));
        let is_read = |(id, slice): &(SliceId, &Slice)| match (&slice.step, heard) {
            (Step::Read { bytes: 0, .. }, _) => false,
            (Step::Read { from: Place::Peer, .. }, Some((_, heard))) => slice.from <= heard.from,
            (Step::Read { from: Place::Client, messages, .. }, None) => {
                messages.count == 0 && reads_stream(id.track)
            }
            _ => false,
        };
        let read = endpoint.identified(number).filter(is_read).max_by_key(|(_, slice)| slice.from);
        let read = read.map(|(id, _)| id);
        let sends = read.and_then(|read| sends(endpoint, read));
        let stops = [
            read.map(|slice| Stop { stage: Stage::Read, slice }),
            sends.map(|slice| Stop { stage: Stage::ReadSent, slice }),
            heard.map(|(slice, _)| Stop { stage: Stage::ToShow, slice }),
        ];
        return stops.into_iter().flatten().collect();
    }
    Vec::new()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::lab::timeline::model::Track;
    use crate::observe::For;

    pub(in crate::lab::timeline) fn messages(stream: u32, first: u64, count: u64) -> Messages {
        Messages { stream: Stream(stream), first, count }
    }

    pub(in crate::lab::timeline) fn read(from: Place, messages: Messages) -> Step {
        Step::Read { from, bytes: 1, messages }
    }

    pub(in crate::lab::timeline) fn wrote(to: Place, messages: Messages) -> Step {
        Step::Wrote { to, bytes: 1, messages }
    }

    fn writes(to: Place) -> Step {
        Step::Writes { to, bytes: 1 }
    }

    fn decides(decision: Decision, typed: Messages, messages: Messages) -> Step {
        Step::Decides { decision, typed, messages }
    }

    /// An endpoint whose one thread does this.
    pub(in crate::lab::timeline) fn endpoint(steps: impl IntoIterator<Item = (Time, Step)>) -> Endpoint {
        let slices = steps.into_iter().map(|(from, step)| Slice { from, until: from + 1, step }).collect();
        let main = Track { name: "main".to_owned(), slices, ..Track::default() };
        Endpoint { tracks: vec![main], ..Endpoint::default() }
    }

    fn stages(flow: &Flow) -> Vec<Stage> {
        flow.stops.iter().map(|stop| stop.stage).collect()
    }

    #[test]
    fn a_message_is_followed_from_the_keyboard_to_the_other_screen() {
        let (line, message) = (messages(0, 4, 1), messages(7, 1, 1));
        let one = endpoint([
            (1, read(Place::Keyboard, line)),
            (2, Step::Takes { event: "Typed".into(), waiting: 0, messages: line }),
            (3, decides(Decision::Send, line, message)),
            (4, wrote(Place::Peer, message)),
        ]);
        let other = endpoint([
            (5, read(Place::Peer, message)),
            (6, decides(Decision::Show, Messages::NONE, message)),
            (7, wrote(Place::Screen, message)),
        ]);
        let endpoints = [one, other];
        let flows = find(&endpoints);
        assert_eq!(flows.len(), 1);
        use Stage::*;
        assert_eq!(stages(&flows[0]), [Typed, TypedTaken, ToSend, Written, Read, ToShow, Shown]);
        assert_eq!((flows[0].from(), flows[0].to()), (Some(0), Some(1)));
        assert_eq!(flows[0].took(&flows, &endpoints), Some(6));
    }

    #[test]
    fn batches_that_each_side_cuts_differently_are_matched_by_their_numbers() {
        let one = endpoint([
            (1, wrote(Place::Peer, messages(7, 1, 60))),
            (2, wrote(Place::Peer, messages(7, 61, 41))),
        ]);
        let other = endpoint([
            (5, read(Place::Peer, messages(7, 1, 58))),
            (6, read(Place::Peer, messages(7, 59, 43))),
        ]);
        let flows = find(&[one, other]);
        let ranges: Vec<_> = flows.iter().map(|flow| (flow.first, flow.count)).collect();
        assert_eq!(ranges, [(1, 58), (59, 1), (60, 1), (61, 41)]);
        for flow in &flows {
            assert_eq!(stages(flow), [Stage::Written, Stage::Read]);
        }
    }

    #[test]
    fn a_line_of_a_batch_that_was_typed_in_one_read_has_its_own_message() {
        let flows = find(&[endpoint([
            (1, read(Place::Keyboard, messages(0, 1, 2))),
            (2, read(Place::Keyboard, messages(0, 3, 1))),
            (3, decides(Decision::Send, messages(0, 2, 2), messages(7, 1, 2))),
        ])]);
        let typed_by: Vec<_> = flows.iter().map(|flow| flow.at(Stage::Typed).unwrap().slice).collect();
        assert_eq!(typed_by, [0, 1]);
    }

    #[test]
    fn what_a_hub_relays_comes_from_the_message_before() {
        let hub = endpoint([
            (1, read(Place::Client, messages(7, 1, 1))),
            (2, decides(Decision::Relay, Messages::NONE, messages(7, 1, 1))),
            (3, writes(Place::Client)),
            (4, wrote(Place::Client, messages(8, 5, 1))),
            (5, writes(Place::Client)),
            (6, wrote(Place::Client, messages(9, 2, 1))),
            (7, Step::Waits(For::Event)),
            (8, wrote(Place::Client, messages(9, 3, 1))),
        ]);
        let causes: Vec<_> = find(&[hub]).iter().map(|flow| (flow.stream.0, flow.cause)).collect();
        assert_eq!(causes, [(7, None), (8, Some(0)), (9, Some(0)), (9, None)]);
    }

    #[test]
    fn what_else_happens_meanwhile_does_not_hide_what_a_hub_relays() {
        let takes = |event: &'static str, messages| Step::Takes { event: event.into(), waiting: 0, messages };
        let [one, other] = [messages(7, 1, 1), messages(7, 2, 1)];
        let hub = endpoint([
            (1, takes("Received", one)),
            (2, decides(Decision::Relay, Messages::NONE, one)),
            (3, takes("Room", Messages::NONE)),
            (4, writes(Place::Client)),
            (5, wrote(Place::Client, messages(8, 5, 1))),
            (6, takes("Received", one)),
            (7, decides(Decision::Relay, Messages::NONE, one)),
            (8, takes("Received", other)),
            (9, decides(Decision::Relay, Messages::NONE, other)),
            (10, wrote(Place::Client, messages(8, 6, 1))),
        ]);
        let flows = find(&[hub]);
        let causes: Vec<_> =
            flows.iter().filter(|flow| flow.stream.0 == 8).map(|flow| flow.cause.is_some()).collect();
        assert_eq!(causes, [true, false]);
    }

    #[test]
    fn absurd_numbers_do_no_harm() {
        let steps = (0..100).map(|time| (time, wrote(Place::Peer, messages(7, time as u64, u64::MAX))));
        assert!(find(&[endpoint(steps)]).len() < 1000);
    }
}
