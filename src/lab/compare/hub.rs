//! A hub with many clients: how much it delivers when one or ten of them speak as fast as they can, and how long a line takes when
//! one speaks now and then. What is measured is the hub; the clients are another process.

use super::bench::Bench;
use super::children::{Process, Started};
use super::crowd::Crowd;
use super::measure::Figures;
use super::pair::End;
use super::resources;
use super::rows::Row;
use std::io::{BufRead, BufReader};
use std::thread;

/// Without a crowd, the hub starts and ends.
pub(super) fn run(bench: &Bench, row: Row, crowd: Option<Crowd>) -> Result<Figures, String> {
    let (mut end, port) = End::listen(bench, row, |port| row.hub(port), None)?;
    let End { process, screen, .. } = &mut end;
    let done = thread::scope(|scope| {
        // Some tell there who comes and goes, and would stop if nobody read it.
        scope.spawn(|| screen.ignore());
        let done = crowd.map_or_else(|| Ok(Figures::new()), |crowd| work(bench, row, process, port, crowd));
        match &done {
            Ok(_) => process.interrupt(),
            Err(fault) => bench.children.fail(fault),
        }
        done
    });
    match done {
        Ok(mut figures) => end.interrupt(&mut figures).map(|()| figures),
        Err(fault) => Err(end.blame(bench, fault)),
    }
}

/// Lets a crowd in, and waits for its figures.
fn work(bench: &Bench, row: Row, hub: &Process, port: u16, crowd: Crowd) -> Result<Figures, String> {
    let command = crowd.command(port, row.asks_for_names());
    // Killed when dropped, with its input, at whose end it would end by itself.
    let Started { process: _crowd, keyboard: _input, screen, .. } = bench.start(command, None)?;
    for line in BufReader::new(screen).lines() {
        let line = line.map_err(|error| format!("cannot read the figures: {error}"))?;
        bench.beats.beat();
        if !line.is_empty() {
            let figures: Result<Figures, String> =
                serde_json::from_str(&line).map_err(|error| format!("these are no figures: {error}"))?;
            let mut figures = figures?;
            // While everybody is still there.
            resources::look(&[hub], &mut figures);
            return Ok(figures);
        }
    }
    Err("the crowd ended without figures".to_owned())
}
