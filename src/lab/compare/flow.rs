//! One way, and both ways at once: as many lines as go through. From the first that is typed to the last that is shown.

use super::bench::Bench;
use super::lines::Screen;
use super::measure::{Figures, Measure};
use super::pair::Pair;
use super::work::Material;
use std::io::Write;
use std::process::ChildStdout;
use std::thread;
use std::time::Instant;

pub(super) fn run(bench: &Bench, pair: &mut Pair, material: &Material) -> Result<Figures, String> {
    let Pair { caller, listener } = pair;
    let check = |screen: &mut Screen<ChildStdout>, due| {
        let checked = screen.expect(due);
        if let Err(fault) = &checked {
            // The others would wait for what never comes.
            bench.children.fail(fault);
        }
        checked
    };
    let began = Instant::now();
    thread::scope(|scope| {
        // What cannot be typed is not shown, and that is what is reported.
        scope.spawn(|| caller.keyboard.write_all(&material.forth));
        scope.spawn(|| listener.keyboard.write_all(&material.back));
        let back = scope.spawn(|| check(&mut caller.screen, &material.back));
        check(&mut listener.screen, &material.forth)?;
        back.join().map_err(|_| "a thread panicked".to_owned())?
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let mut figures = Figures::from([
        (Measure::LinesPerSecond, material.lines() as f64 / seconds),
        (Measure::MegabytesPerSecond, material.bytes() as f64 / 1e6 / seconds),
    ]);
    pair.look(&mut figures);
    Ok(figures)
}
