//! What a transcript tells: who was connected, what was said and when. No thread; the time is passed in.
//!
//! `docs/transcript.md` describes the format of the file that `--transcript FILE` writes.

mod file;
mod json;

pub use file::{Target, WholeLines, open};
pub use json::JsonLines;

use crate::rules::record::Entry;
use std::io::{self, Write};

/// How entries are written down.
pub trait Format: Send {
    /// Writes an entry: whole lines, each with one call.
    ///
    /// # Errors
    /// What writing said.
    fn write(&self, entry: &Entry, to: &mut dyn Write) -> io::Result<()>;
}

/// What an endpoint is given to keep a transcript.
pub struct Sink {
    /// How.
    pub format: Box<dyn Format>,
    /// Where.
    pub target: Target,
}
