//! A steady rate: lines in both directions, at moments that are fixed before. Each line is timed from when it was due and not from
//! when it could be typed, so that a line that waits behind a stuck one counts with its waiting: no *coordinated omission*.

use super::task::Material;
use super::times::Times;
use crate::lab::compare::harness::Harness;
use crate::lab::compare::harness::lines::{LINE, Screen};
use crate::lab::compare::harness::pair::{Pair, type_line};
use crate::lab::compare::measure::Figures;
use crate::rules::failure::Failure;
use std::process::{ChildStdin, ChildStdout};
use std::thread;
use std::time::{Duration, Instant};

/// All threads are ready by then.
const LEAD: Duration = Duration::from_millis(10);

pub(super) fn run(harness: &Harness, pair: &mut Pair, material: &Material) -> Result<Figures, Failure> {
    let Pair { caller, listener } = pair;
    let (began, second) = (Instant::now() + LEAD, Duration::from_secs(1));
    let due = |line: usize| began + second.mul_f64(line as f64 / f64::from(material.lines_per_second));
    let type_all = |keyboard: &mut ChildStdin, lines: &[u8]| {
        lines.chunks(LINE).enumerate().try_for_each(|(number, line)| {
            thread::sleep(due(number).saturating_duration_since(Instant::now()));
            type_line(keyboard, line)
        })
    };
    let check = |screen: &mut Screen<ChildStdout>, lines: &[u8]| {
        let mut times = Times::new()?;
        for (number, line) in lines.chunks(LINE).enumerate() {
            // Killing the children ends the other threads, which would wait for lines that never come.
            screen.expect(line).inspect_err(|fault| harness.children.fail(fault))?;
            times.record(due(number).elapsed());
        }
        Ok::<_, Failure>(times)
    };
    let times = thread::scope(|scope| {
        // A line that cannot be typed is missing on the screen, and that is reported.
        scope.spawn(|| type_all(&mut caller.keyboard, &material.forth));
        scope.spawn(|| type_all(&mut listener.keyboard, &material.back));
        let back = scope.spawn(|| check(&mut caller.screen, &material.back));
        let forth = check(&mut listener.screen, &material.forth)?;
        back.join().map_err(|_| "a thread panicked")??.and(&forth)
    })?;
    let mut figures = times.figures();
    pair.sample(&mut figures);
    Ok(figures)
}
