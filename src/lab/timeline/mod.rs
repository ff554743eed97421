//! `threadchat timeline`: draws what each thread did and which path each message took, from traces (`docs/trace.md`).
//!
//! Read it in this order:
//!
//! 1. `model.rs`: endpoints, the slices on the tracks of their threads, and the flows of messages (Perfetto's words).
//! 2. `read.rs`: the files, line by line.
//! 3. `flows.rs`: which slices of which threads, on both sides, belong to the same message.
//! 4. `clock.rs`: why no message arrives before it was sent, although each machine has its own clock.
//! 5. `overlap.rs` and `channel.rs`: when both directions moved at once, and how full the channel was.
//! 6. `scale.rs`, `layout.rs` and `arrows.rs`: where a moment, a track and a flow are drawn.
//! 7. `draw.rs`: the drawing, in pieces; `picture.rs` and `page.rs` put them into a picture and a page.
//! 8. `words.rs` and `summary.rs`: the same in words.
//!
//! Everything is drawn here, once. The page's script (`page.js`) only moves what has been drawn along the time axis: each
//! element says between which moments it lies.

mod arrows;
mod channel;
mod clock;
mod draw;
mod flows;
#[cfg(test)]
mod hostile;
mod layout;
mod model;
mod overlap;
mod page;
mod picture;
mod read;
mod scale;
mod summary;
mod words;

use crate::platform;
use crate::rules::errors::NAME_A_FILE;
use crate::rules::exit::Exit;
use crate::rules::failure::{Context, Failure};
use draw::Drawing;
use model::{Time, Timeline};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The most steps that are drawn: browsers are still fast with them, and nobody follows more.
const MAX_STEPS: usize = 20_000;

/// Which traces to draw, and where. The path `-` is standard input or standard output.
#[derive(Debug)]
pub struct Options {
    /// Traces of one or more processes.
    pub traces: Vec<PathBuf>,
    /// The file for the page.
    pub output: Option<PathBuf>,
    /// The file for the drawing alone.
    pub svg: Option<PathBuf>,
    /// Draw there only the message in this row of the table, counted from 1, as a slide.
    pub message: Option<usize>,
}

/// Draws the traces into the files that `options` names.
///
/// # Errors
/// A file is not a trace or cannot be read, or an output cannot be written, in a sentence for the user.
pub fn run(options: &Options) -> Result<Exit, Failure> {
    if options.output.is_some() && options.output == options.svg {
        return Err("-o and --svg name the same file: each needs one of its own".into());
    }
    if options.traces.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err("standard input can be read only once: give one - and files beside it".into());
    }
    let timeline = timeline(read::files(&options.traces, MAX_STEPS)?, MAX_STEPS);
    let drawing = Drawing::of(&timeline);
    let cut = options.svg.is_some() && options.message.is_none() && drawing.exceeds_picture();
    let cut = cut
        .then(|| "the picture has only the first rows of the drawing: the page has all of them".to_owned());
    for note in timeline.notes.iter().chain(&cut) {
        let _ = writeln!(platform::Patient(io::stderr()), "threadchat: {note}");
    }
    if let Some(path) = &options.output {
        write(path, &page::render(&timeline, &drawing))?;
    }
    if let Some(path) = &options.svg {
        let picture = match options.message {
            Some(number) => slide(&timeline, number)?,
            None => picture::render(&drawing),
        };
        write(path, &picture)?;
    }
    Ok(Exit::Success)
}

/// The picture of one message.
fn slide(timeline: &Timeline, number: usize) -> Result<String, Failure> {
    let flow = number.checked_sub(1).and_then(|at| timeline.flows.get(at));
    let slices = flow.into_iter().flat_map(|flow| &flow.stops).map(|stop| stop.slice.of(&timeline.endpoints));
    let (from, until): (Vec<_>, Vec<_>) = slices.map(|slice| (slice.from, slice.until)).unzip();
    let Some((from, until)) = from.into_iter().min().zip(until.into_iter().max()) else {
        let rows = words::count(timeline.flows.len() as u64, "row");
        return Err(format!("there is no row {number}: the table of messages has {rows}").into());
    };
    let title = flow.map(|flow| summary::message(timeline, flow)).unwrap_or_default();
    Ok(format!("{}\n", picture::slide(&Drawing::of_part(timeline, (from, until)), &title)))
}

fn timeline(read::Traces { mut endpoints, mut notes, cuts }: read::Traces, limit: usize) -> Timeline {
    clock::put_on_one_axis(&mut endpoints);
    let flows = flows::find(&endpoints);
    notes.extend(clock::align(&mut endpoints, &flows));
    // Only now are the times of one file comparable with those of another.
    let cuts = cuts.into_iter().map(|(endpoint, time)| time.saturating_add(endpoints[endpoint].moved));
    let mut begins: Vec<Time> =
        endpoints.iter().flat_map(model::Endpoint::slices).map(|slice| slice.from).collect();
    begins.sort_unstable();
    let until = begins.get(limit).map(|time| time - 1).into_iter().chain(cuts).min();
    if let Some(until) = until {
        let left = begins.partition_point(|time| *time <= until);
        notes.push(format!("only the first {left} steps are drawn: more would be too slow in a browser"));
        endpoints.iter_mut().for_each(|endpoint| endpoint.cut(until));
    }
    // Again, because times have moved and slices have been removed.
    let flows = flows::find(&endpoints);
    let zero = begins.first().copied().unwrap_or_default();
    let both_ways = overlap::both_ways(&endpoints, &flows);
    Timeline { endpoints, flows, both_ways, zero, notes }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if path != Path::new("-") {
        // It holds addresses.
        return platform::create_private(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .context(format_args!("cannot write to {}", path.display()))
            .map_err(|failure| failure.hint(NAME_A_FILE));
    }
    platform::print(text.as_bytes())
}
