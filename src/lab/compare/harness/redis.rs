//! A Redis server of our own, for hubs that are linked: on a Unix socket, in the folder of the comparison.

use super::Harness;
use super::children::{Process, Started};
use super::resources;
use super::subject::{REDIS, folder, words_of};
use super::watchdog::PATIENCE;
use crate::lab::compare::measure::Figures;
use crate::platform::create_private_folder;
use crate::rules::failure::{Context, Failure};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{ChildStderr, ChildStdin};
use std::thread;

/// When Redis has a line on the disk, if the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fsync {
    /// After a second at most.
    EverySecond,
    /// Before it answers.
    Always,
}

/// Creates the folder for what servers save. A run must not do it: it could come after the end of the comparison.
pub(crate) fn create_folder() -> Result<(), Failure> {
    let folder = folder().join(REDIS);
    create_private_folder(&folder).context(format_args!("cannot create {}", folder.display()))
}

/// A running server. It is empty at first, and killed when dropped.
pub(crate) struct Redis {
    pub(crate) process: Process,
    _pipes: (ChildStdin, ChildStderr),
}

impl Redis {
    /// Starts one, and waits until it is ready.
    pub(crate) fn start(harness: &Harness, fsync: Fsync) -> Result<Self, Failure> {
        let folder = folder().join(REDIS);
        // What the server of the run before has saved.
        let _ = fs::remove_dir_all(folder.join("appendonlydir"));
        let fsync = match fsync {
            Fsync::EverySecond => "everysec",
            Fsync::Always => "always",
        };
        let mut words = words_of(&format!(
            "redis-server --port 0 --unixsocket {{redis}} --appendonly yes --appendfsync {fsync}"
        ));
        words.extend(["--dir".into(), folder.into(), "--save".into(), "".into()]);
        let Started { process, keyboard, screen, notices } = harness.start(words, None)?;
        let mut log = BufReader::new(screen);
        wait_until_ready(&mut log)?;
        // A full pipe would block the server.
        thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        Ok(Self { process, _pipes: (keyboard, notices) })
    }

    /// Records what it has used so far as one thread: it has no more than one that works.
    pub(crate) fn sample(&self, figures: &mut Figures) {
        figures.threads.insert("redis-server".to_owned(), resources::cpu_seconds(&self.process));
    }

    /// Ends it, and adds what it used.
    pub(crate) fn end(self, figures: &mut Figures) -> Result<(), Failure> {
        self.process.interrupt();
        let (_, usage) = self.process.wait(PATIENCE).context("redis-server")?;
        if let Some(usage) = usage {
            resources::add(&usage, figures);
        }
        Ok(())
    }
}

/// Reads what the server reports while it starts.
fn wait_until_ready(log: &mut impl Read) -> Result<(), Failure> {
    let mut last = String::new();
    for line in BufReader::with_capacity(1, log).lines() {
        let line = line.context("cannot read what redis-server reports")?;
        // The first letter differs from version to version.
        if line.contains("eady to accept connections") {
            return Ok(());
        }
        last = line;
    }
    Err(format!("redis-server does not start (it said: {})", last.trim()).into())
}
