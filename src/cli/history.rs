//! The file that keeps the lines a person has entered, for the next time.

use crate::platform::{append_to_private, create_private, read_at_most};
use crate::rules::failure::{Context, Failure};
use etcetera::BaseStrategy;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How many lines are read. Of a file that has grown to twice as many, the oldest are removed.
const LINES: usize = 1000;

/// A file larger than this is not a history.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The lines of earlier times, the oldest first, and the file to which those of this time are appended.
pub(super) struct History {
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) file: File,
}

impl History {
    /// Opens the file, or creates it for its owner alone.
    ///
    /// # Errors
    /// It cannot be read and written, or is no history.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let cannot = || format!("cannot use the history {}", path.display());
        let bytes = match path.exists() {
            true if !path.is_file() => return Err(Failure::new(cannot(), "it is not a file")),
            true => read_at_most(MAX_BYTES, path).context(cannot())?,
            false => Vec::new(),
        };
        if bytes.len() > MAX_BYTES {
            return Err(Failure::new(cannot(), format_args!("it is larger than {MAX_BYTES} bytes")));
        }
        let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.retain(|line| !line.is_empty());
        if lines.len() >= 2 * LINES {
            lines.drain(..lines.len() - LINES);
            replace(path, &lines).context(cannot())?;
        }
        lines.drain(..lines.len().saturating_sub(LINES));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).context(cannot())?;
        }
        Ok(Self { lines, file: append_to_private(path).context(cannot())? })
    }
}

/// Puts these lines in the place of the file, which is whole at every moment.
fn replace(path: &Path, lines: &[Vec<u8>]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(name);
    let mut file = create_private(&new)?;
    file.write_all(&[lines.join(&b'\n'), b"\n".to_vec()].concat())?;
    fs::rename(new, path)
}

/// The file in the folder where the platform keeps what programs remember.
///
/// # Errors
/// The user has no such folder.
pub(super) fn default_path() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_base_strategy().context("cannot find a folder for the history")?;
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.cache_dir());
    Ok(folder.join("threadchat").join("history"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tempfile::TempDir;

    fn read(path: &Path) -> Vec<String> {
        let lines = History::open(path).unwrap().lines;
        lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn what_one_program_appends_the_next_one_reads() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("state").join("history");
        let mut history = History::open(&path).unwrap();
        assert_eq!(history.lines.len(), 0);
        history.file.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(read(&path), ["one", "two"]);
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_that_has_grown_is_cut_to_its_last_lines() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("history");
        let lines = |count| (0..count).map(|n| format!("{n}\n")).collect::<String>();
        fs::write(&path, lines(2 * LINES - 1)).unwrap();
        assert_eq!(read(&path)[0], (LINES - 1).to_string());
        assert_eq!(fs::read_to_string(&path).unwrap(), lines(2 * LINES - 1));
        fs::write(&path, lines(2 * LINES)).unwrap();
        assert_eq!(read(&path).len(), LINES);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().next(), Some("1000"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_history_is_left_alone() {
        let folder = TempDir::new().unwrap();
        let error = History::open(folder.path()).err().unwrap().to_string();
        assert!(error.ends_with("it is not a file"), "{error}");
    }
}
