//! The file of a transcript.

use crate::platform;
use crate::rules::failure::{Context, Failure};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// From how many bytes on lines are written although more are to come.
const CHUNK: usize = 64 * 1024;

/// Opens a file to which a transcript is appended. It is created if it is missing, for its owner alone.
///
/// A named pipe is opened when there is something to write, because that waits until somebody reads it.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn open(path: &Path) -> Result<Target, Failure> {
    if platform::is_named_pipe(path) {
        return Ok(Target::NotOpen(path.to_owned()));
    }
    let file = platform::append_to_private(path)
        .context(format_args!("cannot open the transcript {}", path.display()))
        .map_err(|failure| {
            failure.hint("; name a file to which you may append, in a directory that exists")
        })?;
    Ok(Target::Open(file))
}

/// The file of a transcript.
#[derive(Debug)]
pub enum Target {
    /// It is opened when something is to be written.
    NotOpen(PathBuf),
    /// Open.
    Open(File),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Open(file) => return file.write(bytes),
                Self::NotOpen(path) => *self = Self::Open(File::options().append(true).open(path)?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes whole lines together and never in parts, so that another program that appends to the same file does
/// not do it in the middle of a line.
#[derive(Debug)]
pub struct WholeLines<W> {
    to: W,
    lines: Vec<u8>,
}

impl<W> WholeLines<W> {
    /// They are written there.
    pub fn new(to: W) -> Self {
        Self { to, lines: Vec::new() }
    }
}

impl<W: Write> Write for WholeLines<W> {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(line);
        if self.lines.len() >= CHUNK {
            self.flush()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.lines)?;
        self.lines.clear();
        self.to.flush()
    }
}
