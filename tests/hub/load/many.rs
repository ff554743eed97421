//! Many clients at once.

use super::crowd::{Crowd, may_have_many_descriptors};
use crate::common::*;
use crate::hub::*;
use std::time::{Duration, Instant};

/// What each client may cost a hub, in bytes. Code without optimization needs larger stacks.
const EACH: usize = if cfg!(debug_assertions) { 64 << 10 } else { 24 << 10 };

/// `count` clients join at once, more than `descriptors`, the soft limit with which the hub starts.
fn many_at_once(count: usize, descriptors: usize) {
    may_have_many_descriptors();
    let first = format!("ulimit -Sn {descriptors}");
    let (hub, port) = serve_with(threadchat_after(&first, &["hub", "0"]));
    // The first client costs more than the others.
    Client::joins(port).leaves();
    let before = hub.resident_memory();

    let (mut crowd, mut greeted) = (Crowd::new(port, count), 0);
    let began = Instant::now();
    let is_welcome = |line: &[u8]| usize::from(line.starts_with(b"* hub: welcome to lobby, "));
    for number in 0..count {
        // A port cannot be used again for a while, and an address has 28,000 of them.
        crowd.joins(number, [127, 0, 1, u8::try_from(number / 2000).unwrap()]);
        crowd.hears(0, |_, line| greeted += is_welcome(line));
    }
    wait_until("all are greeted", || {
        crowd.hears(10, |_, line| greeted += is_welcome(line));
        greeted == count
    });
    assert_eq!(crowd.count(), count);
    let joined = began.elapsed();

    let began = Instant::now();
    crowd.says(0, "can you all hear me?");
    let mut heard = vec![0; count];
    wait_until("all have heard it", || {
        crowd.hears(10, |number, line| {
            heard[number] += usize::from(line.ends_with(b"> can you all hear me?"));
        });
        heard.iter().sum::<usize>() >= count - 1
    });
    let said = began.elapsed();
    assert_eq!(heard[0], 0);
    assert!(heard[1..].iter().all(|times| *times == 1));

    let began = Instant::now();
    let newcomer = Client::joins(port);
    let newcomer_in = began.elapsed();
    let here = present(newcomer.greeting.last().unwrap()).unwrap();
    assert_eq!(here.count, count + 2);

    let memory = hub.resident_memory();
    let each = memory.saturating_sub(before) / count;
    eprintln!(
        "{}: {count} clients joined in {joined:.1?}; all heard a message in {said:.1?}; a newcomer was greeted in \
         {newcomer_in:.1?}; {:.1} MiB resident, {:.1} KiB for each",
        crate::DESIGN,
        memory as f64 / f64::from(1 << 20),
        each as f64 / 1024.0,
    );
    assert!(newcomer_in < Duration::from_secs(1), "{newcomer_in:?}");
    assert!(each <= EACH, "{each} bytes for each");
}

#[test]
fn three_hundred_at_once_all_hear_a_message_and_cost_little() {
    many_at_once(300, 128);
}

#[test]
#[ignore = "load"]
fn ten_thousand_at_once_all_hear_a_message_and_cost_little() {
    // This fails with a clear message where the hard limit is lower.
    many_at_once(10_000, 1024);
}
