//! A hub that gets too little of the machine says so in words, and its members lose nothing: the same runs, with the same faults.

use super::run::{self, Figures};
use super::subject::Subject;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const DESIGNS: &[&str] = if cfg!(poll) { &["threads", "select"] } else { &["threads"] };

/// Those who come are too many for the limits below.
const CROWD: usize = 50;

fn runs(subject: Subject) -> Figures {
    run::run(subject, fastrand::u64(..), Duration::from_secs(1), None)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn with_few_descriptors_a_hub_refuses_callers_in_words() {
    for &design in DESIGNS {
        let subject = Subject { clients: CROWD, first: "ulimit -n 64", ..Subject::hub(design) };
        assert!(runs(subject).refused > 0, "{subject}");
    }
}

/// A slow machine may need more than one run.
fn runs_until_it_cannot_record(subject: Subject) {
    assert!((0..10).any(|_| runs(subject).told_that_it_cannot_record), "{subject}");
}

#[test]
fn a_transcript_that_may_not_grow_is_reported_and_the_talk_goes_on() {
    for &design in DESIGNS {
        runs_until_it_cannot_record(Subject { first: "ulimit -f 8", ..Subject::hub(design) });
    }
}

#[test]
fn a_full_disk_is_reported_and_the_talk_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    if SmallDisk::mounts(folder.path()).is_none() {
        println!("left out: only root may mount a small disk");
        return;
    }
    for &design in DESIGNS {
        runs_until_it_cannot_record(Subject { has_full_disk: true, ..Subject::hub(design) });
    }
}

/// A thread for each client is what the threads design needs. The limit does not hold for root.
#[test]
fn with_few_threads_a_hub_refuses_callers_in_words() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root may start a hub as a user who runs nothing else");
        return;
    }
    // By its descriptor: that user may not enter the folder of root where the program may be.
    let first = "exec 9<\"$0\"; \
        exec setpriv --reuid=64123 --regid=64123 --clear-groups prlimit --nproc=24 /proc/self/fd/9 \"$@\"";
    let subject = Subject { clients: CROWD, first, ..Subject::hub("threads") };
    assert!(runs(subject).refused > 0, "{subject}");
}

/// A disk of 64 KiB. Gone when it is dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None: this user may not mount.
    pub fn mounts(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(at).stderr(std::process::Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
