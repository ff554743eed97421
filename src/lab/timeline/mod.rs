//! `threadchat timeline`: what the threads did and which way each message took, drawn from traces (`docs/trace.md`).
//!
//! Read it in this order:
//!
//! 1. `model.rs`: what is known of a conversation: endpoints, their threads, and the steps of each.
//! 2. `read.rs`: the files, line by line.
//! 3. `journey.rs`: which steps of which threads, on both sides, belong to the same message.
//! 4. `clock.rs`: why no message arrives before it was sent, although each machine has its own clock.
//! 5. `together.rs` and `channel.rs`: when both directions moved at once, and how full the channel was.
//! 6. `scale.rs` and `layout.rs`: where a moment and where a thread is drawn.
//! 7. `draw.rs`: the drawing, in pieces; `svg.rs` puts them into a picture, and `page.rs` into a page.
//! 8. `words.rs` and `summary.rs`: what is told in words.
//!
//! Everything is drawn here, once. The page's script (`page.js`) does no more than move what has been drawn along the time
//! axis: each element says between which moments it lies.

mod channel;
mod clock;
mod draw;
mod journey;
mod layout;
mod model;
mod page;
mod read;
mod scale;
mod summary;
mod svg;
mod together;
mod words;

use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::failure::{Context, Failure};
use draw::Drawing;
use model::{Time, Timeline};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many steps are drawn. A browser is quick with so many, and nobody follows more.
const STEPS: usize = 20_000;

/// Which traces to draw, and where. The path `-` is standard output.
#[derive(Debug)]
pub struct Options {
    /// Traces of one or more processes.
    pub traces: Vec<PathBuf>,
    /// The file for the page.
    pub output: Option<PathBuf>,
    /// The file for the drawing alone.
    pub svg: Option<PathBuf>,
}

/// Draws the traces into the files that were asked for.
///
/// # Errors
/// A file is no trace or cannot be read, or an output cannot be written, in a sentence for the user.
pub fn run(options: &Options) -> Result<Exit, Failure> {
    if options.output.is_some() && options.output == options.svg {
        return Err("-o and --svg name the same file: each needs one of its own".into());
    }
    let timeline = timeline(read::files(&options.traces, STEPS)?, STEPS);
    let drawing = Drawing::of(&timeline);
    let cut = options.svg.is_some() && svg::is_cut(&drawing);
    let cut = cut.then(|| "the picture has only the first rows of the drawing: the page has all".to_owned());
    for note in timeline.notes.iter().chain(&cut) {
        // Nothing else runs that could be held up by it.
        let _ = writeln!(io::stderr(), "threadchat: {note}");
    }
    if let Some(path) = &options.output {
        write(path, &page::render(&timeline, &drawing))?;
    }
    if let Some(path) = &options.svg {
        write(path, &svg::picture(&drawing))?;
    }
    Ok(Exit::InOrder)
}

/// All that is known when the endpoints have been read.
fn timeline(read::Traces { mut endpoints, mut notes, cuts }: read::Traces, limit: usize) -> Timeline {
    clock::put_on_one_axis(&mut endpoints);
    let journeys = journey::find(&endpoints);
    notes.extend(clock::agree(&mut endpoints, &journeys));
    // Only now are the times of one file comparable with those of another.
    let cuts = cuts.into_iter().map(|(endpoint, at)| at.saturating_add(endpoints[endpoint].moved));
    let mut begins: Vec<Time> =
        endpoints.iter().flat_map(model::Endpoint::steps).map(|step| step.at).collect();
    begins.sort_unstable();
    let until = begins.get(limit).map(|at| at - 1).into_iter().chain(cuts).min();
    if let Some(until) = until {
        let left = begins.partition_point(|at| *at <= until);
        notes.push(format!("only the first {left} steps are drawn: more are too much for a browser"));
        endpoints.iter_mut().for_each(|endpoint| endpoint.cut(until));
    }
    // Once more: in the order of the times as they are now, and of what is left.
    let journeys = journey::find(&endpoints);
    let zero = begins.first().copied().unwrap_or_default();
    let together = together::moments(&endpoints, &journeys);
    Timeline { endpoints, journeys, together, zero, notes }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if path != Path::new("-") {
        return fs::write(path, text).context(format_args!("cannot write to {}", path.display()));
    }
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if !errors::is_broken_pipe(&error) => {
            Err(Failure::new("cannot write to standard output", error))
        }
        _ => Ok(()),
    }
}
