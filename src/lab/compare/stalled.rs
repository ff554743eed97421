//! A stalled peer: the listener's screen takes nothing. What does the caller's side take before it takes no more,
//! how much memory does that need, and do lines still come the other way?

use super::bench::Bench;
use super::lines::LINE;
use super::measure::{Figures, Measure};
use super::pair::{Pair, type_line};
use super::resources;
use super::times::Times;
use super::work::Material;
use std::io::Write;
use std::process::ChildStdin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// How much is typed at once. Not more, for the progress to be seen as it is.
const CHUNK: usize = 64 * LINE;
/// For how long nothing is taken before it counts as stalled. Nothing tells from outside that it always will be.
const STILL: Duration = Duration::from_millis(300);
/// How long a line the other way may take before that way counts as stopped.
const LIMIT: Duration = Duration::from_secs(2);

pub(super) fn run(bench: &Bench, pair: &mut Pair, material: &Material) -> Result<Figures, String> {
    let feeder = Feeder::default();
    feeder.quota.store(material.forth.len(), SeqCst);
    let mut figures = Figures::new();
    let (requests, to_check) = crossbeam_channel::unbounded();
    let (to_main, arrivals) = crossbeam_channel::unbounded();
    let Pair { caller, listener } = pair;
    thread::scope(|scope| {
        let feeding = scope.spawn(|| feeder.feed(&mut caller.keyboard, &material.forth));
        let checking = scope.spawn(|| {
            for line in to_check {
                caller.screen.expect(line)?;
                let _ = to_main.send(Instant::now());
            }
            Ok(())
        });
        let unstalled = (|| {
            let taken = feeder.wait_until_it_stalls(bench);
            figures.insert(Measure::TakenBytes, taken as f64);

            let mut times = Times::new()?;
            let mut arrived = 0;
            for line in material.back.chunks(LINE) {
                let typed = Instant::now();
                type_line(&mut listener.keyboard, line)?;
                let _ = requests.send(line);
                let Ok(shown) = arrivals.recv_timeout(LIMIT) else { break };
                times.record(shown - typed);
                arrived += 1;
            }
            figures.insert(Measure::OtherWayLines, f64::from(arrived));
            if arrived as usize * LINE >= material.back.len() {
                figures.insert(Measure::OtherWayP50Microseconds, times.within(0.5));
            }
            if let Some(bytes) = resources::peak_memory(&caller.process) {
                figures.insert(Measure::SenderPeakMemoryBytes, bytes);
            }
            resources::look(&[&caller.process, &listener.process], &mut figures);

            // Whatever was taken has to arrive when the screen takes again.
            let whole = (taken + CHUNK).min(material.forth.len());
            feeder.quota.store(whole, SeqCst);
            listener.screen.expect(&material.forth[..whole])?;
            while !feeding.is_finished() {
                thread::sleep(Duration::from_millis(1));
            }
            listener.screen.expect(&material.forth[whole..feeder.fed.load(SeqCst)])
        })();
        drop(requests);
        if let Err(fault) = &unstalled {
            bench.children.fail(fault);
        }
        let checked = checking.join().map_err(|_| "a thread panicked".to_owned())?;
        unstalled.and(checked)
    })?;
    Ok(figures)
}

/// Types as fast as lines are taken.
#[derive(Default)]
struct Feeder {
    fed: AtomicUsize,
    /// How much is to be typed: whole chunks.
    quota: AtomicUsize,
}

impl Feeder {
    fn feed(&self, keyboard: &mut ChildStdin, lines: &[u8]) {
        for chunk in lines.chunks(CHUNK) {
            if self.fed.load(SeqCst) >= self.quota.load(SeqCst) || keyboard.write_all(chunk).is_err() {
                return;
            }
            self.fed.fetch_add(chunk.len(), SeqCst);
        }
    }

    /// How many bytes were taken until then.
    fn wait_until_it_stalls(&self, bench: &Bench) -> usize {
        let mut last = (0, Instant::now());
        while last.1.elapsed() < STILL {
            thread::sleep(Duration::from_millis(5));
            let fed = self.fed.load(SeqCst);
            if fed != last.0 {
                last = (fed, Instant::now());
                bench.beats.beat();
            }
        }
        last.0
    }
}
