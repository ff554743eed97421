//! Where a report goes.

use crate::platform;
use crate::rules::failure::{Context, Failure};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where a report goes. It is known to be writable before the comparison, which may take minutes, but nothing happens to it
/// until the report is there: a comparison that is interrupted leaves everything as it was.
pub(super) enum Destination {
    /// Standard output, by whatever name.
    Stdout,
    /// A file or device that was there.
    Existing(PathBuf, File),
    /// A file that is not there yet.
    New(PathBuf),
}

impl Destination {
    /// The path `-` is standard output.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let destination = match File::options().write(true).open(path) {
            Ok(file) if platform::is_same_file(&file, &io::stdout()) => Ok(Self::Stdout),
            Ok(file) => Ok(Self::Existing(path.to_owned(), file)),
            Err(error) if error.kind() == ErrorKind::NotFound => File::create_new(path)
                .and_then(|_| fs::remove_file(path))
                .map(|()| Self::New(path.to_owned())),
            Err(error) => Err(error),
        };
        destination.context(cannot_write(path))
    }

    pub(super) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// Whether two reports would overwrite each other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stdout, Self::Stdout) => true,
            (Self::Existing(_, one), Self::Existing(_, other)) => platform::is_same_file(one, other),
            (Self::New(one), Self::New(other)) => one == other,
            _ => false,
        }
    }

    pub(super) fn write(self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Stdout => platform::print(text.as_bytes()),
            Self::Existing(path, mut file) => {
                let is_file = file.metadata().is_ok_and(|data| data.is_file());
                let emptied = if is_file { file.set_len(0) } else { Ok(()) };
                emptied.and_then(|()| file.write_all(text.as_bytes())).context(cannot_write(&path))
            }
            Self::New(path) => fs::write(&path, text).context(cannot_write(&path)).inspect_err(|_| {
                // Half a report is none.
                let _ = fs::remove_file(&path);
            }),
        }
    }
}

fn cannot_write(path: &Path) -> impl Display {
    format!("cannot write to {}", path.display())
}
