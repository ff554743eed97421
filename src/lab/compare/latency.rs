//! Latency: one line at a time, alternately from either side. From the moment it is typed to the moment it is shown.

use super::lines::LINE;
use super::measure::{Figures, Measure};
use super::pair::{Pair, type_line};
use super::times::Times;
use super::work::Material;
use std::time::Instant;

pub(super) fn run(pair: &mut Pair, material: &Material) -> Result<Figures, String> {
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
    let mut figures = Figures::from([
        (Measure::P50Microseconds, times.within(0.5)),
        (Measure::P99Microseconds, times.within(0.99)),
        (Measure::P999Microseconds, times.within(0.999)),
    ]);
    pair.look(&mut figures);
    Ok(figures)
}
