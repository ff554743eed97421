//! What the demo leaves behind when it has ended: a few sentences about each conversation.

use super::model::{Endpoint, Model};
use super::side::Side;
use crate::designs::Design;
use crate::rules::exit::Exit;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

pub(super) struct Summary {
    pub(super) design: Design,
    sentences: Vec<String>,
}

impl Summary {
    pub(super) fn of(model: &Model) -> Self {
        let each = |sentence: fn(Side, &Endpoint) -> Option<String>| {
            Side::BOTH.into_iter().filter_map(move |side| sentence(side, &model.endpoints[side]))
        };
        let mut sentences = vec![messages(model), both_ways(model)];
        match model.design {
            Design::Threads => sentences.push(channels(model)),
            Design::Select => {
                sentences.push("Each side has one thread, which waits for everything at once.".to_owned());
            }
            Design::HalfDuplex => sentences.extend(each(turns)),
        }
        sentences.extend(each(unsent));
        sentences.extend([goodbye(model), threads(model)]);
        sentences.extend(each(failure));
        Self { design: model.design, sentences }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Summary: {}", title(self.design))?;
        self.sentences.iter().try_for_each(|sentence| writeln!(f, "  {sentence}"))
    }
}

/// The name of a design in a heading.
pub(super) fn title(design: Design) -> String {
    let how = match design {
        Design::HalfDuplex => "in turns",
        Design::Threads | Design::Select => "full-duplex",
    };
    format!("design {}, {how}", design.name())
}

fn messages(model: &Model) -> String {
    let [a, b] = Side::BOTH.map(|side| count(model.endpoints[side].sent, "message"));
    format!("A sent {a} and B sent {b}, in {}.", count(model.steps, "step"))
}

fn both_ways(model: &Model) -> String {
    match model.both_ways {
        0 if model.design != Design::HalfDuplex => {
            "This time, messages were not under way in both directions at once; they could have been."
                .to_owned()
        }
        0 => "Messages were never under way in both directions at once.".to_owned(),
        1 => "Once, messages were under way in both directions at the same time.".to_owned(),
        times => format!("{times} times, messages were under way in both directions at the same time."),
    }
}

fn channels(model: &Model) -> String {
    let [a, b] = Side::BOTH.map(|side| model.endpoints[side].max_events as u64);
    format!("The channel of A held at most {}, that of B {b}.", count(a, "event"))
}

fn turns(side: Side, endpoint: &Endpoint) -> Option<String> {
    let blocked = &endpoint.blocked;
    Some(match blocked.times {
        0 => format!("{side} never had to wait for its turn."),
        times => format!(
            "{side} had to wait for its turn {}, {} in total.",
            count(times, "time"),
            duration(blocked.time)
        ),
    })
}

fn unsent(side: Side, endpoint: &Endpoint) -> Option<String> {
    let unsent = endpoint.typed.saturating_sub(endpoint.handled);
    let were = if unsent == 1 { "was" } else { "were" };
    (unsent > 0).then(|| format!("{} typed by {side} {were} never sent.", count(unsent, "line")))
}

fn goodbye(model: &Model) -> String {
    let [a, b] = Side::BOTH.map(|side| model.endpoints[side].said_goodbye);
    match (a, b) {
        (true, true) => "A and B said 88.",
        (true, false) => "A said 88.",
        (false, true) => "B said 88.",
        (false, false) => "Nobody said 88.",
    }
    .to_owned()
}

fn threads(model: &Model) -> String {
    let sum = |number: fn(&Endpoint) -> usize| model.endpoints.iter().map(number).sum::<usize>() as u64;
    match sum(Endpoint::alive) {
        0 => format!("All {} have ended.", count(sum(|endpoint| endpoint.threads_started), "thread")),
        alive => format!("{} did not end.", count(alive, "thread")),
    }
}

fn failure(side: Side, endpoint: &Endpoint) -> Option<String> {
    match &endpoint.outcome {
        Some(Ok(Exit::Success)) => None,
        Some(Err(error)) => Some(format!("{side} failed: {error}.")),
        Some(Ok(_)) | None => Some(format!("{side} did not end cleanly.")),
    }
}

fn duration(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ ..1000 => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// `number` with the noun in the singular or plural.
fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
