//! What every run needs: the place where processes are started, and the watchdog over them.

use super::children::{Children, Started};
use super::counter::Counter;
use super::goodbye;
use super::hub;
use super::measure::Figures;
use super::pair::Pair;
use super::rows::Row;
use super::watchdog::{self, Beats};
use super::work::{Material, Work};
use super::{flow, latency, stalled};
use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::sync::Arc;

/// Where runs take place, one at a time.
pub(super) struct Bench {
    pub(super) children: Arc<Children>,
    pub(super) beats: Beats,
}

impl Bench {
    pub(super) fn new() -> io::Result<Self> {
        let bench = Self { children: Arc::default(), beats: Beats::default() };
        watchdog::watch(Arc::clone(&bench.children), bench.beats.clone())?;
        Ok(bench)
    }

    /// Does the work once. With a counter, the system calls are counted, and the other figures are worth nothing.
    ///
    /// # Errors
    /// Why it failed: a line was lost or damaged, or nothing moved any more.
    pub(super) fn run(
        &self,
        row: Row,
        work: Work,
        material: &Material,
        counter: Option<Counter>,
    ) -> Result<Figures, String> {
        self.beats.beat();
        let done = match work {
            Work::Goodbye => goodbye::run(self, row, material, counter),
            Work::Hub => hub::run(self, row, material.crowd),
            _ => self.run_pair(row, work, material, counter),
        };
        // Killed children end in many ways; why they were killed is what counts.
        self.children.take_fault().map_or(done, Err)
    }

    fn run_pair(
        &self,
        row: Row,
        work: Work,
        material: &Material,
        counter: Option<Counter>,
    ) -> Result<Figures, String> {
        let mut pair = Pair::start(self, row, counter)?;
        let done = match work {
            Work::Latency => latency::run(&mut pair, material),
            Work::Stalled => stalled::run(self, &mut pair, material),
            _ => flow::run(self, &mut pair, material),
        };
        match done {
            Ok(mut figures) => pair.end(&mut figures).map(|()| figures),
            Err(fault) => Err(pair.blame(self, fault)),
        }
    }

    /// Starts a program, with a counter around it.
    pub(super) fn start(&self, words: Vec<OsString>, counter: Option<Counter>) -> Result<Started, String> {
        let words = match counter {
            Some(counter) => counter.wrap(words),
            None => words,
        };
        let (program, args) = words.split_first().ok_or("there is nothing to start")?;
        let mut command = Command::new(program);
        command.args(args);
        self.children.start(command)
    }
}
