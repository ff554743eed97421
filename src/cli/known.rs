//! The file of known peers.

use crate::designs::environment::Remember;
use crate::platform::{append_to_private, create_private_folder, read_at_most};
use crate::rules::failure::{Context, Failure};
use crate::rules::secure::{Known, MAX_FILE};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

pub(super) const NAME: &str = "known_hosts";

/// Who is known. In a file that is not there, nobody is.
///
/// # Errors
/// There is a file, but it cannot be read: somebody may be known.
pub(super) fn read(path: &Path) -> Result<Known, Failure> {
    let cannot = || format!("cannot use the file of known peers {}", path.display());
    match read_at_most(MAX_FILE, path) {
        Ok(content) => Known::parse(&content).context(cannot()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Known::default())
        }
        Err(error) => Err(Failure::new(cannot(), error)),
    }
}

/// Appends lines to the file, each with one write. So other programs that append to it at the same time lose nothing: the system
/// finds the end and writes there in one step. What a crash cuts off is only a peer that needs a code again.
pub(super) fn remember(path: PathBuf) -> Remember {
    Box::new(move |text| {
        if let Some(folder) = path.parent() {
            create_private_folder(folder)?;
        }
        // Where the last line was cut off, a line end is written as the file is opened.
        let mut file = append_to_private(&path)?;
        if path.metadata()?.len() as usize + text.len() > MAX_FILE {
            return Err(std::io::Error::other("it is full: remove lines"));
        }
        file.write_all(text.trim_start_matches('\n').as_bytes())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::address::Address;
    use crate::rules::secure::Identity;
    use std::fs;
    use std::thread;
    use tempfile::TempDir;

    #[test]
    fn who_was_met_is_known_to_the_next_program_beside_strange_lines() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("threadchat").join(NAME);
        let (address, key) = (Address::default(), Identity::generate().unwrap().0.fingerprint());
        let mut known = read(&path).unwrap();
        remember(path.clone())(&known.add_server(&address, ([192, 0, 2, 7], 9).into(), key).unwrap())
            .unwrap();
        assert_eq!(read(&path).unwrap().server(&address).unwrap().keys, [key]);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap()) & 0o777, 0o600);

        // The last line was cut off after the file was read, too.
        let strange = b"\xff\xfe\0 nonsense\n\n# mine\nserver\ncaller sha256:x\nserver [:: sha256:\nserver a";
        fs::write(&path, strange).unwrap();
        let caller = Identity::generate().unwrap().0.fingerprint();
        remember(path.clone())(&known.add_caller(caller).unwrap()).unwrap();
        assert!(read(&path).unwrap().callers().contains(&caller));
        assert_eq!(fs::read(&path).unwrap(), [strange, format!("\ncaller {caller}\n").as_bytes()].concat());
    }

    #[test]
    #[cfg_attr(windows, ignore = "Wine finds the end and writes there in two steps")]
    fn programs_that_remember_at_the_same_time_lose_nothing() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(NAME);
        let keys: Vec<_> = (0..64).map(|_| Identity::generate().unwrap().0.fingerprint()).collect();
        thread::scope(|scope| {
            for keys in keys.chunks(8) {
                let mut append = remember(path.clone());
                scope.spawn(move || {
                    for key in keys {
                        append(&Known::default().add_caller(*key).unwrap()).unwrap();
                    }
                });
            }
        });
        let known = read(&path).unwrap();
        assert!(keys.iter().all(|key| known.callers().contains(key)));
    }

    #[test]
    fn a_file_that_cannot_be_read_or_is_too_large_is_an_error() {
        let folder = TempDir::new().unwrap();
        assert!(read(folder.path()).is_err());
        let path = folder.path().join(NAME);
        fs::write(&path, vec![b'\n'; MAX_FILE + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("1024 KiB"));
        assert!(read(&path.join("below a file")).is_ok());
    }
}
