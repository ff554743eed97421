//! Latency: one line at a time, from either side in turns, from the write at the keyboard to the arrival on the screen.

use super::task::Material;
use super::times::Times;
use crate::lab::compare::harness::lines::LINE;
use crate::lab::compare::harness::pair::{Pair, type_line};
use crate::lab::compare::measure::Figures;
use crate::rules::failure::Failure;
use std::time::Instant;

pub(super) fn run(pair: &mut Pair, material: &Material) -> Result<Figures, Failure> {
    let mut times = Times::new()?;
    let Pair { caller, listener } = pair;
    for (forth, back) in material.forth.chunks(LINE).zip(material.back.chunks(LINE)) {
        for (keyboard, screen, line) in [
            (&mut caller.keyboard, &mut listener.screen, forth),
            (&mut listener.keyboard, &mut caller.screen, back),
        ] {
            let typed = Instant::now();
            type_line(keyboard, line)?;
            screen.expect(line)?;
            times.record(typed.elapsed());
        }
    }
    let mut figures = times.figures();
    pair.sample(&mut figures);
    Ok(figures)
}
