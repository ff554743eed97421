//! The own key, and `threadchat key`.

use super::folder::folder;
use crate::platform::{
    create_once, create_private_folder, forbid_core_dumps, is_open_to_others, read_at_most,
};
use crate::rules::failure::{Context, Failure};
use crate::rules::secure::{Fingerprint, Identity, MAX_PEM};
use clap::Args;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(super) const HELP: &str = "\
Others know you by this hash of your public key, once you and they had the same code. It stands in their file of known
peers, and does not change as long as the key is there. The first command that needs the key makes it.

Examples:
  threadchat key              sha256: and 43 characters
  threadchat key --key FILE   of another private key that threadchat made";

/// `threadchat key`.
#[derive(Debug, Args)]
pub struct Key {
    /// Read the private key in FILE instead of your own
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key: Option<PathBuf>,
}

impl Key {
    /// The hash of the key.
    ///
    /// # Errors
    /// There is no key, and none can be made.
    pub fn fingerprint(&self) -> Result<Fingerprint, Failure> {
        forbid_core_dumps();
        let identity = match &self.key {
            Some(path) => read(path)?.ok_or_else(|| Failure::new(cannot(path), "there is no such file"))?,
            None => own(&folder()?)?,
        };
        Ok(identity.fingerprint())
    }
}

/// The key in this folder. A missing one is made: of several programs that make it at the same time, all use the key of the one
/// that was first.
///
/// # Errors
/// It cannot be read or made, or is not private.
pub(super) fn own(folder: &Path) -> Result<Identity, Failure> {
    let path = folder.join("key");
    if let Some(identity) = read_own(&path)? {
        return Ok(identity);
    }
    let (_, pem) = Identity::generate().context("cannot make a key")?;
    let create = || create_private_folder(folder).and_then(|()| create_once(&path, pem.as_bytes()));
    create().context(format_args!("cannot keep a new key in {}", path.display()))?;
    read_own(&path)?.ok_or_else(|| Failure::new(cannot(&path), "it is a link to a file that is not there"))
}

/// None: there is no such file.
fn read_own(path: &Path) -> Result<Option<Identity>, Failure> {
    if is_open_to_others(path).unwrap_or(false) {
        return Err(Failure::new(
            cannot(path),
            format_args!(
                "others may read or change it. If nobody did: chmod 600 {0}; otherwise remove it, and a new key will be made",
                path.display()
            ),
        ));
    }
    read(path)
}

fn read(path: &Path) -> Result<Option<Identity>, Failure> {
    match read_at_most(MAX_PEM, path) {
        Ok(pem) => Identity::from_pem(&Zeroizing::new(pem)).map(Some).context(cannot(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(cannot(path), error)),
    }
}

fn cannot(path: &Path) -> String {
    format!("cannot use the key {}", path.display())
}

/// The private key and the certificate in these files.
///
/// # Errors
/// They cannot be read or used.
pub(super) fn issued(certificate: &Path, key: &Path) -> Result<Identity, Failure> {
    let read = |path: &Path| {
        let content = read_at_most(MAX_PEM, path).map(Zeroizing::new);
        content.context(format_args!("cannot read {}", path.display()))
    };
    let cannot =
        format!("cannot use the certificate {} with the key {}", certificate.display(), key.display());
    Identity::from_files(&read(certificate)?, &read(key)?).context(cannot)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;
    use std::fs;
    use std::sync::Barrier;
    use std::thread;
    use tempfile::TempDir;

    fn error(folder: &TempDir) -> String {
        own(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_key_is_made_once_and_kept_in_a_private_file() {
        let home = TempDir::new().unwrap();
        let folder = home.path().join("config").join("threadchat");
        let first = own(&folder).unwrap().fingerprint();
        assert_eq!(own(&folder).unwrap().fingerprint(), first);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
            assert_eq!((mode(&folder), mode(&folder.join("key"))), (0o700, 0o600));
        }
    }

    #[test]
    fn programs_that_make_the_key_at_the_same_time_use_the_same_one() {
        for _ in 0..20 {
            let (folder, start) = (TempDir::new().unwrap(), Barrier::new(8));
            let make = || {
                start.wait();
                own(folder.path()).unwrap().fingerprint()
            };
            let made: HashSet<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(made.len(), 1);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_is_no_key_is_left_as_it_is() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key");
        create_once(&path, b"my notes\n").unwrap();
        assert!(error(&folder).contains("it has no private key"), "{}", error(&folder));
        assert_eq!(fs::read(&path).unwrap(), b"my notes\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = TempDir::new().unwrap();
        own(folder.path()).unwrap();
        let path = folder.path().join("key");
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert!(error(&folder).contains("chmod 600 "), "{}", error(&folder));
        }
        fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert!(own(folder.path()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_key_is_read_and_never_written() {
        use std::os::unix::fs::symlink;
        let (real, linked) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        symlink(real.path().join("key"), linked.path().join("key")).unwrap();
        assert!(error(&linked).contains("a link to a file that is not there"), "{}", error(&linked));
        assert_eq!(fs::read_dir(real.path()).unwrap().count(), 0);
        let key = own(real.path()).unwrap().fingerprint();
        assert_eq!(own(linked.path()).unwrap().fingerprint(), key);
        assert!(linked.path().join("key").is_symlink());
    }
}
