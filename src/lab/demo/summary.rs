//! What stays behind when the demo is over: what was observed, in a few sentences.

use super::side::Side;
use super::story::{Actor, Story};
use crate::designs::Design;
use crate::rules::exit::Exit;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// What happened in a conversation that has ended.
pub(super) struct Summary {
    pub(super) design: Design,
    sentences: Vec<String>,
}

impl Summary {
    /// What is told of this one.
    pub(super) fn of(story: &Story) -> Self {
        let mut sentences = vec![said(story), both_ways(story)];
        match story.design {
            Design::Threads => sentences.push(channels(story)),
            Design::Select => {
                sentences.push("Each side has one thread, which waits for everything at once.".to_owned());
            }
            Design::HalfDuplex => sentences.extend(Side::BOTH.map(|side| kept(side, &story.actors[side]))),
        }
        sentences.extend(Side::BOTH.into_iter().filter_map(|side| unsaid(side, &story.actors[side])));
        sentences.extend([goodbye(story), ends(story)]);
        sentences.extend(Side::BOTH.into_iter().filter_map(|side| trouble(side, &story.actors[side])));
        Self { design: story.design, sentences }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Summary: {}", title(self.design))?;
        self.sentences.iter().try_for_each(|sentence| writeln!(f, "  {sentence}"))
    }
}

/// How a design is called in a heading.
pub(super) fn title(design: Design) -> String {
    let how = match design {
        Design::HalfDuplex => "in turns",
        Design::Threads | Design::Select => "full-duplex",
    };
    format!("design {}, {how}", design.name())
}

fn said(story: &Story) -> String {
    let [a, b] = Side::BOTH.map(|side| count(story.actors[side].sent, "message"));
    format!("A said {a} and B said {b}, in {}.", count(story.steps, "step"))
}

fn both_ways(story: &Story) -> String {
    match story.both_ways {
        0 => "Never were messages under way in both directions at once.".to_owned(),
        times => format!("Messages were under way in both directions at once {}.", count(times, "time")),
    }
}

fn channels(story: &Story) -> String {
    let [a, b] = Side::BOTH.map(|side| story.actors[side].most_events as u64);
    format!("At most {} waited in the channel of A, and {b} in that of B.", count(a, "event"))
}

fn kept(side: Side, actor: &Actor) -> String {
    match actor.kept.times {
        0 => format!("{side} was never kept from talking."),
        times => format!(
            "{side} was kept from talking {}, {} in all, while it waited for {}.",
            count(times, "time"),
            duration(actor.kept.time),
            side.other()
        ),
    }
}

fn unsaid(side: Side, actor: &Actor) -> Option<String> {
    let unsaid = actor.typed - actor.dealt_with.min(actor.typed);
    let were = if unsaid == 1 { "was" } else { "were" };
    (unsaid > 0).then(|| format!("{} of {side} {were} typed and never said.", count(unsaid, "line")))
}

fn goodbye(story: &Story) -> String {
    let [a, b] = Side::BOTH.map(|side| story.actors[side].said_goodbye);
    match (a, b) {
        (true, true) => "A and B said 88.",
        (true, false) => "A said 88.",
        (false, true) => "B said 88.",
        (false, false) => "Nobody said 88.",
    }
    .to_owned()
}

fn ends(story: &Story) -> String {
    let [a, b] = Side::BOTH.map(|side| &story.actors[side]);
    match a.alive() + b.alive() {
        0 => format!("All {} have ended.", count((a.started + b.started) as u64, "thread")),
        alive => format!("{} did not end.", count(alive as u64, "thread")),
    }
}

fn trouble(side: Side, actor: &Actor) -> Option<String> {
    match &actor.outcome {
        Some(Ok(Exit::InOrder)) => None,
        Some(Err(error)) => Some(format!("{side} failed: {error}.")),
        Some(Ok(_)) | None => Some(format!("{side} did not end in good order.")),
    }
}

fn duration(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ ..1000 => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// So many of them, in words that fit.
fn count(number: u64, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}
