//! Files and pipes.

use super::Patient;
use crate::rules::errors::is_broken_pipe;
use crate::rules::failure::Failure;
use std::fs::{File, OpenOptions};
#[cfg(feature = "secure")]
use std::io::ErrorKind;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Prints a whole text on standard output. A reader that stops early, as `head` does, is no error.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &[u8]) -> Result<(), Failure> {
    let mut out = Patient(io::stdout());
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if !is_broken_pipe(&error) => Err(Failure::new("cannot write to standard output", error)),
        _ => Ok(()),
    }
}

/// Opens a file for appending private messages. If it is missing it is created, where files have a mode for its owner alone.
/// A last line that a crash or a full disk left unfinished is ended.
pub(crate) fn append_to_private(path: &Path) -> io::Result<File> {
    let mut file = private().append(true).open(path)?;
    // A file that may be appended to but not read stays as it is.
    if file.metadata()?.is_file() && ends_within_a_line(path).unwrap_or(false) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Whether a file can be written. One that is missing is created for that, and removed again; a named pipe is not opened.
#[cfg(feature = "hub")]
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    if is_named_pipe(path) {
        return Ok(());
    }
    let is_new = !path.exists();
    private().append(true).open(path)?;
    if is_new { std::fs::remove_file(path) } else { Ok(()) }
}

/// Creates a file for private data, or empties the one that is there.
///
/// # Errors
/// The file cannot be written, or is a named pipe that nobody reads.
pub fn create_private(path: &Path) -> io::Result<File> {
    open_without_waiting(private().write(true).truncate(true), path)
}

/// Reads a file, but no more than `max` bytes and one, which says that it is longer. Fails for a named pipe that nobody has
/// written to.
pub(crate) fn read_at_most(max: usize, path: &Path) -> io::Result<Vec<u8>> {
    let file = open_without_waiting(File::options().read(true), path)?;
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(max);
    // With capacity for all of it and the last look, growing leaves no copy of a secret behind.
    let mut bytes = Vec::with_capacity(size.min(max) + 64);
    file.take(max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.is_empty() && is_named_pipe(path) {
        return Err(io::Error::other("nobody writes to this named pipe"));
    }
    Ok(bytes)
}

/// Creates a file for its owner alone with this content, unless there is one. It is whole as soon as it is there, and of several
/// processes that create it at the same time one succeeds.
#[cfg(feature = "secure")]
pub(crate) fn create_once(path: &Path, content: &[u8]) -> io::Result<()> {
    place(path, content, |new| match std::fs::hard_link(new, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Some file systems have no hard links: there the last of two that do this at once succeeds.
        Err(_) if std::fs::symlink_metadata(path).is_err() => std::fs::rename(new, path),
        _ => Ok(()),
    })
}

/// Creates a file for its owner alone with this content, in the place of one that may be there. It is whole at every moment.
#[cfg(feature = "web")]
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    place(path, content, |new| std::fs::rename(new, path))
}

/// Creates a file beside `path` with this content, which `place` brings there.
#[cfg(any(feature = "secure", feature = "web"))]
fn place(path: &Path, content: &[u8], place: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut name = path.as_os_str().to_owned();
    // Chance and not the number of this process, which another one on another machine may have.
    name.push(format!(".{:016x}", RandomState::new().build_hasher().finish()));
    let new = Path::new(&name);
    let write = || {
        let mut file = private().write(true).create_new(true).open(new)?;
        file.write_all(content)?;
        file.sync_all()?;
        place(new)
    };
    let result = write();
    // It is gone if it was renamed.
    let _ = std::fs::remove_file(new);
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        // Without this a crash of the machine may forget the file; some file systems do not offer it.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    result
}

/// Creates the missing folders of a path, where folders have a mode for their owner alone.
#[cfg(any(feature = "lab", feature = "secure", feature = "web"))]
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whether others than its owner may read or change a file, where files have a mode.
#[cfg(feature = "secure")]
pub(crate) fn is_open_to_others(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path)?) & 0o077 != 0);
    #[cfg(not(unix))]
    std::fs::metadata(path).map(|_| false)
}

/// Creates a missing file, where files have a mode for its owner alone.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file. If it is a named pipe, this does not wait for its other end, which may never come.
fn open_without_waiting(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    if is_named_pipe(path) {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags);
        let file = options.open(path).map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => io::Error::other("nobody reads this named pipe"),
            _ => error,
        })?;
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        return Ok(file);
    }
    options.open(path)
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

/// Whether both are open on the same file, pipe or device, whatever their names. Without an answer of the system they are not.
#[cfg(all(feature = "lab", unix))]
pub(crate) fn is_same_file(one: &impl std::os::fd::AsFd, other: &impl std::os::fd::AsFd) -> bool {
    match (rustix::fs::fstat(one), rustix::fs::fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

#[cfg(all(feature = "lab", not(unix)))]
pub(crate) fn is_same_file<One, Other>(_: &One, _: &Other) -> bool {
    false
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
