//! The timeline in sentences, for those who cannot see the drawing or want to know what to look for.

use super::model::{Endpoint, Flow, Slice, SliceId, Stage, Time, Timeline, Track};
use super::words::{Directions, count, duration, moment, range};
use crate::observe::{Goodbye, Step, thread};
use std::collections::BTreeMap;

pub(super) fn sentences(timeline: &Timeline) -> Vec<String> {
    let mut sentences = vec![endpoints(timeline)];
    sentences.extend(messages(timeline));
    sentences.push(both_ways(timeline));
    sentences.extend(waits(timeline));
    sentences.extend(goodbye(timeline));
    sentences
}

fn endpoints(timeline: &Timeline) -> String {
    let one = |endpoint: &Endpoint| {
        let Endpoint { letter, command, design, tracks, .. } = endpoint;
        let threads = count(tracks.len() as u64, "thread");
        format!("{letter} is threadchat {command} in the {design} design, with {threads}")
    };
    let all: Vec<_> = timeline.endpoints.iter().map(one).collect();
    format!("{}.", all.join("; "))
}

/// Messages in each direction, and how long they took.
fn messages(timeline: &Timeline) -> Vec<String> {
    let names = Directions::of(&timeline.endpoints);
    let mut directions: BTreeMap<String, (u64, Vec<Time>)> = BTreeMap::new();
    for flow in timeline.flows.iter().filter(|flow| !flow.is_goodbye()) {
        let direction = directions.entry(names.name(flow.stream)).or_default();
        direction.0 += flow.count;
        direction.1.extend(flow.took(&timeline.flows, &timeline.endpoints));
    }
    let one = |(name, (number, mut times)): (String, (u64, Vec<Time>))| {
        times.sort_unstable();
        let took = match times.as_slice() {
            [] => String::new(),
            [only] => format!(" It took {} from the keyboard to the other screen.", duration(*only)),
            [min, .., max] => format!(
                " From the keyboard to the other screen they took {} (median; {} to {}).",
                duration(times[times.len() / 2]),
                duration(*min),
                duration(*max)
            ),
        };
        let took = if number == 1 { took } else { took.replace(" It took", " One took") };
        format!("{name}: {}.{took}", count(number, "message"))
    };
    if directions.is_empty() {
        return vec!["There are no messages.".to_owned()];
    }
    directions.into_iter().map(one).collect()
}

fn both_ways(timeline: &Timeline) -> String {
    let longest = timeline.both_ways.iter().map(|(from, to)| to - from).max();
    match (longest, timeline.both_ways.len()) {
        (None, _) => "Messages were never under way in both directions at once.".to_owned(),
        (Some(longest), 1) => {
            format!("Messages were under way in both directions at once, for {}.", duration(longest))
        }
        (Some(longest), times) => format!(
            "Messages were under way in both directions at once {times} times, for up to {}.",
            duration(longest)
        ),
    }
}

/// The longest wait of main, for a write, and for a buffer.
fn waits(timeline: &Timeline) -> Vec<String> {
    let longest = |is: &dyn Fn(&Track, &Slice) -> bool| {
        let tracks = timeline
            .endpoints
            .iter()
            .flat_map(|endpoint| endpoint.tracks.iter().map(move |track| (&endpoint.letter, track)));
        let slices =
            tracks.flat_map(|(letter, track)| track.slices.iter().map(move |slice| (letter, track, slice)));
        slices.filter(|(_, track, slice)| is(track, slice)).max_by_key(|(_, _, slice)| slice.duration())
    };
    let main = longest(&|track, slice| track.name == thread::MAIN && slice.is_wait());
    let main = main.map(|(letter, _, slice)| {
        format!("The longest wait of main took {} ({letter}).", duration(slice.duration()))
    });
    let write = longest(&|_, slice| matches!(slice.step, Step::Writes { .. }));
    let write = write.map(|(letter, track, slice)| {
        let (took, thread) = (duration(slice.duration()), &track.name);
        let to = if let Step::Writes { to, .. } = slice.step { to.name() } else { "" };
        format!("The longest write took {took} ({thread} of {letter}, to the {to}).")
    });
    let buffer = longest(&|_, slice| slice.waits_for_buffer());
    let buffer = buffer.map(|(letter, track, slice)| {
        let (took, thread) = (duration(slice.duration()), &track.name);
        format!("Backpressure: {thread} of {letter} waited up to {took} for a buffer.")
    });
    main.into_iter().chain(write).chain(buffer).collect()
}

fn goodbye(timeline: &Timeline) -> Vec<String> {
    let all = |goodbye| {
        let first = |endpoint: &Endpoint| {
            let is = |slice: &&Slice| slice.step == Step::Goodbye(goodbye);
            endpoint.slices().filter(is).map(|slice| slice.from).min()
        };
        let all = timeline.endpoints.iter().filter_map(|endpoint| Some((first(endpoint)?, &endpoint.letter)));
        let mut all: Vec<_> = all.collect();
        all.sort();
        all
    };
    let (written, heard) = (all(Goodbye::Written), all(Goodbye::Heard));
    if written.is_empty() && heard.is_empty() {
        return vec!["Nobody said 88.".to_owned()];
    }
    let since = |time: &Time| moment(time - timeline.zero);
    let mut sentences = Vec::new();
    for (time, letter) in &written {
        sentences.push(format!("{letter} said 88 {} after the beginning.", since(time)));
    }
    for (time, letter) in &heard {
        let before = written.iter().filter(|(said, who)| said <= time && who != letter).map(|(said, _)| said);
        sentences.push(match before.max() {
            Some(said) => format!("{letter} heard it {} later.", duration(time - said)),
            None => format!("{letter} heard 88 {} after the beginning.", since(time)),
        });
    }
    sentences
}

/// Which message this is, where it went, and how long that took.
pub(super) fn message(timeline: &Timeline, flow: &Flow) -> String {
    let what = match flow.is_goodbye() {
        true => "The goodbye".to_owned(),
        false => format!("Message {}", range(flow.first, flow.count)),
    };
    let direction = Directions::of(&timeline.endpoints).name(flow.stream);
    let took = flow.took(&timeline.flows, &timeline.endpoints);
    let took = took.map(|took| format!(": {} from the keyboard to the other screen", duration(took)));
    format!("{what}, {direction}{}", took.unwrap_or_default())
}

/// When a flow began and ended, and how long it took, as far as the traces say.
pub(super) fn times(timeline: &Timeline, flow: &Flow) -> [String; 3] {
    let since =
        |slice: Option<SliceId>| slice.map(|slice| slice.of(&timeline.endpoints).from - timeline.zero);
    let first = flow.typed(&timeline.flows).or(flow.at(Stage::ToSend));
    let last = match flow.is_goodbye() {
        true => flow.at(Stage::ToShow).or(flow.at(Stage::Read)),
        false => flow.at(Stage::Shown).or(flow.at(Stage::ToShow)),
    };
    let (begins, ends) = (since(first), since(last));
    let unknown = || "–".to_owned();
    [
        begins.map_or_else(unknown, moment),
        ends.map_or_else(unknown, moment),
        begins.zip(ends).map_or_else(unknown, |(from, to)| duration(to - from)),
    ]
}
