//! The file that keeps the lines a person has entered, for the next time.

use crate::platform::{append_to_private, create_private, read_at_most};
use crate::rules::failure::{Context, Failure};
use etcetera::BaseStrategy;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many lines are read. Of a file that has grown to twice as many, the oldest are removed.
const LINES: usize = 1000;

/// A file larger than this is not a history.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The lines of earlier times, the oldest first, and the file to which those of this time are appended.
pub(super) struct History {
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) path: PathBuf,
}

impl History {
    /// Reads the file, or creates it. It is for its owner alone.
    ///
    /// # Errors
    /// It cannot be read and written, or is no history.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let cannot = || format!("cannot use the history {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).context(cannot())?;
        }
        if path.exists() && !path.is_file() {
            return Err(Failure::new(cannot(), "it is not a file"));
        }
        drop(append_to_private(path).context(cannot())?);
        // A link stays one when the file is replaced.
        let path = path.canonicalize().context(cannot())?;
        make_private(&path).context(cannot())?;
        let bytes = read_at_most(MAX_BYTES, &path).context(cannot())?;
        if bytes.len() > MAX_BYTES {
            return Err(Failure::new(cannot(), format_args!("it is larger than {MAX_BYTES} bytes")));
        }
        let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.retain(|line| !line.is_empty());
        if lines.len() >= 2 * LINES {
            lines.drain(..lines.len() - LINES);
            replace(&path, &lines).context(cannot())?;
        }
        lines.drain(..lines.len().saturating_sub(LINES));
        Ok(Self { lines, path })
    }
}

/// Takes a file away from others who may have been allowed to read it.
fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Puts these lines in the place of the file, which is whole at every moment.
fn replace(path: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
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
        let history = History::open(&path).unwrap();
        assert_eq!(history.lines.len(), 0);
        append_to_private(&history.path).unwrap().write_all(b"one\ntwo\n").unwrap();
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

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_could_read_becomes_private_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = TempDir::new().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "line\n".repeat(2 * LINES)).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link).len(), LINES);
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), LINES);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_history_is_left_alone() {
        let folder = TempDir::new().unwrap();
        let error = History::open(folder.path()).err().unwrap().to_string();
        assert!(error.ends_with("it is not a file"), "{error}");
    }
}
