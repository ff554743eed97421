//! How a transcript is written: its format and its file. What it records is in [`record`](crate::rules::record).
//!
//! `docs/transcript.md` describes the format of the file that `--transcript FILE` writes.

mod file;
#[cfg(test)]
mod hostile;
mod json;

pub(crate) use file::WholeLines;
pub use file::{Target, open};
pub use json::JsonLines;

use crate::rules::record::Entry;
use std::io::{self, Write};

/// The format of a transcript.
pub trait Format: Send {
    /// Writes an entry as whole lines, each with one call.
    ///
    /// # Errors
    /// `to` cannot be written to.
    fn write(&self, entry: &Entry, to: &mut dyn Write) -> io::Result<()>;
}

/// Where an endpoint writes its transcript, and how.
pub struct Sink {
    /// The format.
    pub format: Box<dyn Format>,
    /// The file.
    pub target: Target,
}
