//! The file of a transcript: how it is opened, and that only whole lines reach it.

use crate::platform::{self, Patient};
use crate::rules::failure::{Context, Failure};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// From how many bytes on lines are written although more follow.
const CHUNK: usize = 64 * 1024;

/// Opens a file to append to. If it is missing it is created, readable by its owner only.
///
/// A named pipe is opened when there is something to write, because opening it waits for a reader.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn open(path: &Path) -> Result<Target, Failure> {
    let path = path.to_owned();
    if platform::is_named_pipe(&path) {
        return Ok(Target { path, file: None });
    }
    let file = platform::append_to_private(&path)
        .context(format_args!("cannot open the transcript {}", path.display()))
        .map_err(|failure| {
            failure.hint("; name a file to which you may append, in a directory that exists")
        })?;
    Ok(Target { path, file: Some(file) })
}

/// The file of a transcript.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    /// None if it is a named pipe, which is opened when there is something to write.
    file: Option<File>,
}

impl Target {
    /// Opens what has this name now, because somebody may have moved the file.
    ///
    /// # Errors
    /// It cannot be opened.
    #[cfg(feature = "hub")]
    pub(crate) fn reopen(&mut self) -> Result<(), Failure> {
        *self = open(&self.path)?;
        Ok(())
    }

    /// Its name, and the file if it is open.
    #[cfg(poll)]
    pub(crate) fn into_parts(self) -> (PathBuf, Option<File>) {
        (self.path, self.file)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match &self.file {
                Some(file) => return Patient(file).write(bytes),
                None => self.file = Some(File::options().append(true).open(&self.path)?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Never writes a part of a line, so that another program that appends to the same file cannot write into the middle
/// of one.
#[derive(Debug)]
pub(crate) struct WholeLines<W> {
    to: W,
    lines: Vec<u8>,
}

impl<W> WholeLines<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, lines: Vec::new() }
    }
}

#[cfg(feature = "hub")]
impl WholeLines<Target> {
    /// See [`Target::reopen`]. What the old file did not take is lost with it.
    pub(crate) fn reopen(&mut self) -> Result<(), Failure> {
        self.to.reopen()?;
        self.lines.clear();
        Ok(())
    }
}

impl<W: Write> Write for WholeLines<W> {
    /// Takes a whole line, and holds it back until a flush or until there are many.
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

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::thread;

    /// Where `/dev/stdout` is the same open file as standard output, whose flags others set.
    #[test]
    fn a_file_that_does_not_block_gets_all_lines() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let reader = thread::spawn(move || {
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).unwrap();
            read
        });
        let target = Target { path: PathBuf::new(), file: Some(OwnedFd::from(ours).into()) };
        let mut transcript = WholeLines::new(target);
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..1000 {
            transcript.write_all(&line).unwrap();
        }
        transcript.flush().unwrap();
        drop(transcript);
        assert!(reader.join().unwrap() == line.repeat(1000));
    }
}
