//! One way, and both ways at once: from the first line that is typed to the last one that is shown.

use super::task::Material;
use crate::lab::compare::harness::Harness;
use crate::lab::compare::harness::lines::Screen;
use crate::lab::compare::harness::pair::Pair;
use crate::lab::compare::measure::{Figures, Measure};
use crate::rules::failure::Failure;
use std::io::Write;
use std::process::ChildStdout;
use std::thread;
use std::time::Instant;

pub(super) fn run(harness: &Harness, pair: &mut Pair, material: &Material) -> Result<Figures, Failure> {
    let Pair { caller, listener } = pair;
    let check = |screen: &mut Screen<ChildStdout>, due| {
        // Killing the children ends the other threads, which would wait for lines that never come.
        screen.expect(due).inspect_err(|fault| harness.children.fail(fault))
    };
    let began = Instant::now();
    thread::scope(|scope| {
        // A line that cannot be typed is missing on the screen, and that is reported.
        scope.spawn(|| caller.keyboard.write_all(&material.forth));
        scope.spawn(|| listener.keyboard.write_all(&material.back));
        let back = scope.spawn(|| check(&mut caller.screen, &material.back));
        check(&mut listener.screen, &material.forth)?;
        back.join().map_err(|_| "a thread panicked")?
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let mut figures = Figures::from([
        (Measure::LinesPerSecond, material.lines() as f64 / seconds),
        (Measure::MegabytesPerSecond, material.bytes() as f64 / 1e6 / seconds),
    ]);
    pair.sample(&mut figures);
    Ok(figures)
}
