//! The whole in some sentences, for whoever cannot see the drawing, or wants to know what to look for.

use super::journey::{Journey, Stage, step};
use super::model::{At, Endpoint, Kind, Lane, Step, Time, Timeline};
use super::words::{Streams, length, many, moment};
use std::collections::BTreeMap;

/// Sentences, in plain text.
pub(super) fn sentences(timeline: &Timeline) -> Vec<String> {
    let mut sentences = vec![who(timeline)];
    sentences.extend(how_many(timeline));
    sentences.push(at_once(timeline));
    sentences.extend(waits(timeline));
    sentences.extend(goodbye(timeline));
    sentences
}

fn who(timeline: &Timeline) -> String {
    let one = |endpoint: &Endpoint| {
        let Endpoint { letter, command, design, lanes, .. } = endpoint;
        let threads = match lanes.len() {
            1 => "one thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        format!("{letter} is threadchat {command} in the design {design}, with {threads}")
    };
    let all: Vec<_> = timeline.endpoints.iter().map(one).collect();
    format!("{}.", all.join("; "))
}

/// Messages in each direction, and how long they took.
fn how_many(timeline: &Timeline) -> Vec<String> {
    let streams = Streams::of(&timeline.endpoints);
    let mut directions: BTreeMap<String, (u64, Vec<Time>)> = BTreeMap::new();
    for journey in timeline.journeys.iter().filter(|journey| !journey.is_goodbye()) {
        let direction = directions.entry(streams.name(journey.stream)).or_default();
        direction.0 += journey.count;
        direction.1.extend(journey.took(&timeline.journeys, &timeline.endpoints));
    }
    let one = |(name, (count, mut times)): (String, (u64, Vec<Time>))| {
        times.sort_unstable();
        let who = if count == 1 { "It" } else { "The one that can be followed" };
        let took = match times.as_slice() {
            [] => String::new(),
            [only] => format!(" {who} took {} from the keyboard to the other screen.", length(*only)),
            [least, .., most] => format!(
                " From the keyboard to the other screen they took {} (median; {} to {}).",
                length(times[times.len() / 2]),
                length(*least),
                length(*most)
            ),
        };
        format!("{name}: {}.{took}", many(count, "message"))
    };
    if directions.is_empty() {
        return vec!["There is no message.".to_owned()];
    }
    directions.into_iter().map(one).collect()
}

fn at_once(timeline: &Timeline) -> String {
    let longest = timeline.together.iter().map(|(from, to)| to - from).max();
    match (longest, timeline.together.len()) {
        (None, _) => "Never were messages of both directions under way at once.".to_owned(),
        (Some(longest), 1) => {
            format!("Once messages of both directions were under way at once, for {}.", length(longest))
        }
        (Some(longest), times) => format!(
            "{times} times messages of both directions were under way at once, for up to {}.",
            length(longest)
        ),
    }
}

/// The longest of each kind of waiting that says something.
fn waits(timeline: &Timeline) -> Vec<String> {
    let longest = |is: &dyn Fn(&Lane, &Step) -> bool| {
        let steps = timeline.endpoints.iter().flat_map(|endpoint| {
            endpoint
                .lanes
                .iter()
                .flat_map(move |lane| lane.steps.iter().map(move |step| (endpoint, lane, step)))
        });
        steps.filter(|(_, lane, step)| is(lane, step)).max_by_key(|(_, _, step)| step.lasts())
    };
    let mut sentences = Vec::new();
    if let Some((endpoint, _, step)) = longest(&|lane, step| lane.name == "main" && step.is_wait()) {
        sentences.push(format!(
            "The longest main waited was {} ({}).",
            length(step.lasts()),
            endpoint.letter
        ));
    }
    if let Some((endpoint, lane, step)) = longest(&|_, step| step.kind == Kind::Writes) {
        sentences.push(format!(
            "The longest write took {} ({} of {}, to {}).",
            length(step.lasts()),
            lane.name,
            endpoint.letter,
            step.what
        ));
    }
    if let Some((endpoint, lane, step)) = longest(&|_, step| step.is_wait() && step.what == "buffer") {
        sentences.push(format!(
            "Backpressure: {} of {} had no buffer left for up to {}.",
            lane.name,
            endpoint.letter,
            length(step.lasts())
        ));
    }
    sentences
}

fn goodbye(timeline: &Timeline) -> Vec<String> {
    let of = |kind, what: &str| {
        let first = |endpoint: &Endpoint| {
            let is = |step: &&Step| step.kind == kind && step.what == what;
            endpoint.steps().filter(is).map(|step| step.at).min()
        };
        let all = timeline.endpoints.iter().filter_map(|endpoint| Some((first(endpoint)?, &endpoint.letter)));
        let mut all: Vec<_> = all.collect();
        all.sort();
        all
    };
    let mut sentences = Vec::new();
    let (written, heard) = (of(Kind::Goodbye, "written"), of(Kind::Goodbye, "heard"));
    for (at, letter) in &written {
        sentences.push(format!("{letter} said 88, {} after the beginning.", moment(at - timeline.zero)));
    }
    for (at, letter) in &heard {
        let before =
            written.iter().filter(|(said, who)| said <= at && who != letter).map(|(said, _)| said).max();
        sentences.push(match before {
            Some(said) => format!("{letter} heard it {} later.", length(at - said)),
            None => format!("{letter} heard 88, {} after the beginning.", moment(at - timeline.zero)),
        });
    }
    if written.is_empty() && heard.is_empty() {
        sentences.push("Nobody said 88.".to_owned());
    }
    sentences
}

/// When a journey began and ended, and how long it took: as far as the traces tell.
pub(super) fn times(timeline: &Timeline, journey: &Journey) -> [String; 3] {
    let since = |at: Option<At>| at.map(|at| step(&timeline.endpoints, at).at - timeline.zero);
    let first = journey.typed(&timeline.journeys).or(journey.at(Stage::ToSend));
    let last = match journey.is_goodbye() {
        true => journey.at(Stage::ToShow).or(journey.at(Stage::Read)),
        false => journey.at(Stage::Shown).or(journey.at(Stage::ToShow)),
    };
    let (begins, ends) = (since(first), since(last));
    let unknown = || "–".to_owned();
    [
        begins.map_or_else(unknown, moment),
        ends.map_or_else(unknown, moment),
        begins.zip(ends).map_or_else(unknown, |(from, to)| length(to - from)),
    ]
}
