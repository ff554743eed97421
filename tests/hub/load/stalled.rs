//! A client that never reads, and one that reads slowly, among others that must get everything.

use crate::common::*;
use crate::hub::*;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// How many clients listen, beside one that speaks and one that does not read.
const LISTENERS: usize = 19;

/// Line `n`, which has this many bytes with its line end.
fn numbered(n: usize, bytes: usize) -> String {
    format!("{n:07} {}\n", filler(bytes - 9))
}

/// Sends lines as fast as they are accepted.
fn says_lines(speaker: &Client, lines: usize, bytes: usize) {
    let mut voice = speaker.voice();
    voice.set_write_timeout(Some(LIMIT)).unwrap();
    for first in (0..lines).step_by(100) {
        let batch: String = (first..lines.min(first + 100)).map(|n| numbered(n, bytes)).collect();
        voice.write_all(batch.as_bytes()).unwrap();
    }
}

/// Reads these lines, complete and in order, and calls `after` after each.
fn hears_lines(client: &mut Client, lines: usize, bytes: usize, mut after: impl FnMut(usize)) {
    let mut next = 0;
    while next < lines {
        let line = client.stamped_line().unwrap();
        if let Some(text) = line[STAMP.len()..].strip_prefix(b"<speaker> ") {
            assert_eq!(String::from_utf8_lossy(text), numbered(next, bytes).trim_end());
            next += 1;
            after(next);
        }
    }
}

/// One of 21 clients never reads. All others get all lines.
fn one_never_reads(lines: usize, bytes: usize, args: &[&str]) {
    let (hub, port) = hub(args);
    let speaker = Client::joins_as(port, "speaker");
    let mut listeners: Vec<_> = (0..LISTENERS).map(|_| Client::joins(port)).collect();
    let stalled = Client::joins(port);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| says_lines(&speaker, lines, bytes));
        for listener in &mut listeners {
            scope.spawn(|| hears_lines(listener, lines, bytes, |_| {}));
        }
    });
    let took = began.elapsed();
    hub.out.wait_for(&format!("* {} {STALLED}", stalled.name));
    let (memory, deliveries) = (hub.peak_memory(), lines * LISTENERS);
    eprintln!(
        "{}: one of 21 never reads: {deliveries} of {deliveries} deliveries of {lines} lines of {bytes} bytes in \
         {took:.1?}, {:.2} M/s; at most {:.1} MiB resident",
        crate::DESIGN,
        deliveries as f64 / took.as_secs_f64() / 1e6,
        memory as f64 / f64::from(1 << 20),
    );
    assert!(memory <= 64 << 20, "{memory} bytes");
}

#[test]
fn a_client_that_never_reads_costs_nobody_a_line() {
    one_never_reads(20_000, 400, &["--stall", "1", "--outbox", "65536"]);
}

#[test]
#[ignore = "load"]
fn a_client_that_never_reads_costs_nobody_a_line_of_300_000() {
    one_never_reads(300_000, 64, &[]);
}

/// Its outbox is full for much longer than the default of `--stall`.
#[test]
#[ignore = "load"]
fn a_client_that_reads_64_kib_per_second_is_never_disconnected_and_loses_nothing() {
    const RATE: usize = 64 << 10;
    const LINES: usize = 12_000;
    const BYTES: usize = 400;
    let (hub, port) = hub(&["--outbox", "65536"]);
    let speaker = Client::joins_as(port, "speaker");
    let (mut slow, mut quick) = (Client::joins(port), Client::joins(port));
    // The room is held up for longer than clients wait for a line by default.
    slow.waits_for(10 * LIMIT);
    quick.waits_for(10 * LIMIT);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| says_lines(&speaker, LINES, BYTES));
        scope.spawn(|| hears_lines(&mut quick, LINES, BYTES, |_| {}));
        hears_lines(&mut slow, LINES, BYTES, |count| {
            let due = Duration::from_secs_f64((count * (BYTES + 36)) as f64 / RATE as f64);
            thread::sleep(due.saturating_sub(began.elapsed()));
        });
    });
    slow.says("I have it all");
    quick.hears(&format!("<{}> I have it all", slow.name));
    assert!(!hub.out.text().contains(STALLED));
    eprintln!("{}: who reads 64 KiB/s got {LINES} lines in {:.1?}", crate::DESIGN, began.elapsed());
}
