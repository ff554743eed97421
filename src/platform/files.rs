//! Files and pipes.

use crate::rules::errors::is_broken_pipe;
use crate::rules::failure::Failure;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Prints a whole text on standard output. A reader that stops early, as `head` does, is no error.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if !is_broken_pipe(&error) => Err(Failure::new("cannot write to standard output", error)),
        _ => Ok(()),
    }
}

/// Opens a file for appending private messages. If it is missing it is created, where files have a mode for its owner alone.
/// A last line that a crash or a full disk left unfinished is ended.
pub(crate) fn append_to_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // A file that may be appended to but not read stays as it is.
    if file.metadata()?.is_file() && ends_within_a_line(path).unwrap_or(false) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Whether this is a named pipe, which cannot be opened for writing until somebody reads it.
pub(crate) fn is_named_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    return std::fs::metadata(path)
        .is_ok_and(|data| std::os::unix::fs::FileTypeExt::is_fifo(&data.file_type()));
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
