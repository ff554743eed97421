//! A stalled peer: the listener's screen accepts nothing. How much does the caller's side accept before it stops, how
//! much memory does that take, and do lines still arrive the other way?

use super::task::Material;
use super::times::Times;
use crate::lab::compare::harness::Harness;
use crate::lab::compare::harness::lines::LINE;
use crate::lab::compare::harness::pair::{Pair, type_line};
use crate::lab::compare::harness::resources;
use crate::lab::compare::measure::{Figures, Measure};
use crate::rules::failure::Failure;
use crossbeam_channel::{Sender, unbounded};
use std::io::Write;
use std::process::ChildStdin;
use std::thread;
use std::time::{Duration, Instant};

/// How much is typed at once: little, so that progress is seen when it happens.
const CHUNK: usize = 64 * LINE;
/// The caller has stalled when it accepts nothing for this long. There is no sign that it never will again.
const STALL: Duration = Duration::from_millis(300);
/// The other way has stopped when a line takes longer than this.
const LIMIT: Duration = Duration::from_secs(2);

pub(super) fn run(harness: &Harness, pair: &mut Pair, material: &Material) -> Result<Figures, Failure> {
    let mut figures = Figures::default();
    let (typed_line, to_check) = unbounded();
    let (arrived_at, arrivals) = unbounded();
    let (progress, accepted) = unbounded();
    let Pair { caller, listener } = pair;
    let (keyboard, screen) = (&mut caller.keyboard, &mut caller.screen);
    thread::scope(|scope| {
        let feeding = scope.spawn(move || feed(keyboard, &material.forth, &progress));
        let checking = scope.spawn(move || {
            for line in to_check {
                screen.expect(line)?;
                let _ = arrived_at.send(Instant::now());
            }
            Ok(())
        });
        let done = (|| {
            let mut taken = 0;
            while let Ok(bytes) = accepted.recv_timeout(STALL) {
                taken += bytes;
                harness.heartbeat.beat();
            }
            // Nothing is typed after the chunk that waits.
            drop(accepted);
            figures.insert(Measure::TakenBytes, taken as f64);

            let mut times = Times::new()?;
            let mut arrived = 0;
            for line in material.back.chunks(LINE) {
                let typed = Instant::now();
                type_line(&mut listener.keyboard, line)?;
                let _ = typed_line.send(line);
                let Ok(shown) = arrivals.recv_timeout(LIMIT) else { break };
                times.record(shown - typed);
                arrived += 1;
            }
            figures.insert(Measure::OtherWayLines, f64::from(arrived));
            if arrived as usize * LINE >= material.back.len() {
                figures.insert(Measure::OtherWayP50Microseconds, times.quantile(0.5));
            }
            if let Some(bytes) = resources::peak_memory(&caller.process) {
                figures.insert(Measure::SenderPeakMemoryBytes, bytes);
            }
            resources::sample(&[&caller.process, &listener.process], &mut figures);

            // All that was accepted must arrive once the screen accepts lines again.
            let whole = (taken + CHUNK).min(material.forth.len());
            listener.screen.expect(&material.forth[..whole])?;
            let fed = feeding.join().map_err(|_| "a thread panicked")?;
            listener.screen.expect(&material.forth[whole.min(fed)..fed])
        })();
        drop(typed_line);
        if let Err(fault) = &done {
            harness.children.fail(fault);
        }
        done.and(checking.join().map_err(|_| "a thread panicked")?)
    })?;
    Ok(figures)
}

/// Types as fast as lines are accepted, as long as there is somebody to report it to; returns how much was accepted.
fn feed(keyboard: &mut ChildStdin, lines: &[u8], progress: &Sender<usize>) -> usize {
    let mut fed = 0;
    for chunk in lines.chunks(CHUNK) {
        if keyboard.write_all(chunk).is_err() {
            break;
        }
        fed += chunk.len();
        if progress.send(chunk.len()).is_err() {
            break;
        }
    }
    fed
}
