//! `--rate` delays lines and loses none.

use super::*;
use std::time::{Duration, Instant};

#[test]
fn a_rate_delays_lines_and_loses_none() {
    let (_hub, [mut bob, mut alice]) = hub_with(&["--rate", "20"], ["bob", "alice"]);
    // Earlier lines may count.
    let began = Instant::now();
    (0..10).for_each(|n| bob.says(&n.to_string()));
    (0..10).for_each(|n| alice.hears_next(&format!("<bob> {n}")));
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
}

#[test]
fn the_rate_of_one_member_delays_nobody_else() {
    let (mut hub, [mut bob, mut alice, mut carol]) = hub_with(&["--rate", "5"], ["bob", "alice", "carol"]);
    (0..1000).for_each(|n| bob.says(&format!("line {n}")));
    carol.hears("<bob> line 0");
    alice.says("quickly");
    let before = carol.hears_until("<alice> quickly");
    assert!(before.len() < 100, "{} lines", before.len());
    hub.types("so do I\n");
    let before = carol.hears_until("<@operator> so do I");
    assert!(before.len() < 100, "{} lines", before.len());
}

#[test]
fn without_a_rate_nothing_is_delayed() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    let began = Instant::now();
    (0..2000).for_each(|n| bob.says(&format!("line {n}")));
    (0..2000).for_each(|n| alice.hears_next(&format!("<bob> line {n}")));
    // This is generous: a delay of 10 ms per line would add up to 20 s.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
