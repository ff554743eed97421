//! A hub with many clients: how much it delivers when one or ten of them send as fast as they can, and how long a line
//! takes when one sends now and then. The clients are another process, so that only the hub is measured.

pub(crate) mod crowd;
mod deliveries;

use crate::lab::compare::harness::Harness;
use crate::lab::compare::harness::children::{Process, Started};
use crate::lab::compare::harness::pair::Endpoint;
use crate::lab::compare::harness::resources;
use crate::lab::compare::harness::subject::Subject;
use crate::lab::compare::measure::Figures;
use crate::rules::failure::{Context, Failure};
use crowd::{Crowd, Custom};
use std::io::{BufRead, BufReader};
use std::thread;

/// Without a crowd, the hub starts and ends.
pub(super) fn run(harness: &Harness, subject: &Subject, crowd: Option<Crowd>) -> Result<Figures, Failure> {
    let (mut hub, port) = Endpoint::listen(harness, subject, |port| subject.hub(port), None)?;
    let Endpoint { process, screen, .. } = &mut hub;
    let done = thread::scope(|scope| {
        // Some hubs print who comes and goes, and would stop if nobody read it.
        scope.spawn(|| screen.ignore());
        let done = match crowd {
            Some(crowd) => measure(harness, subject, process, port, crowd),
            None => Ok(Figures::default()),
        };
        match &done {
            Ok(_) => process.interrupt(),
            Err(fault) => harness.children.fail(fault),
        }
        done
    });
    hub.end(harness, done)
}

/// Starts the crowd, and waits for its figures.
fn measure(
    harness: &Harness,
    subject: &Subject,
    hub: &Process,
    port: u16,
    crowd: Crowd,
) -> Result<Figures, Failure> {
    let command =
        crowd.command(port, Custom { names: subject.asks_for_names(), secure: subject.is_encrypted() });
    // The crowd stays until its input ends, so that the hub can be sampled while all clients are connected.
    let Started { process: _process, keyboard: _input, screen, .. } = harness.start(command, None)?;
    for line in BufReader::new(screen).lines() {
        let line = line.context("cannot read the figures")?;
        harness.heartbeat.beat();
        if !line.is_empty() {
            let figures = serde_json::from_str::<Result<Figures, String>>(&line);
            let mut figures = figures.context("cannot parse the figures")??;
            resources::sample(&[hub], &mut figures);
            return Ok(figures);
        }
    }
    Err("the crowd ended without figures".into())
}
