//! All members get the same order, and each sender's lines stay in order.

use super::*;
use std::io::Write;
use std::thread;

/// How many members speak at once.
const SPEAKERS: usize = 5;
/// How many lines each of them says.
const LINES: usize = 300;

#[test]
fn five_members_who_speak_at_once_are_heard_in_the_same_order_by_everybody() {
    let (_hub, port) = hub(&[]);
    let mut listener = Client::joins(port);
    let mut speakers: [Client; SPEAKERS] = std::array::from_fn(|_| Client::joins(port));
    speakers.iter_mut().for_each(Client::catches_up);
    listener.catches_up();
    thread::scope(|scope| {
        for speaker in &speakers {
            let mut voice = speaker.voice();
            // One write per line, so that the lines of different speakers mix.
            scope.spawn(move || {
                for n in 0..LINES {
                    voice.write_all(format!("line {n}\n").as_bytes()).unwrap();
                }
            });
        }
    });
    let by_all: Vec<_> = (0..SPEAKERS * LINES).map(|_| listener.hears_a_line()).collect();
    for speaker in &mut speakers {
        let own = format!("<{}> ", speaker.name);
        let heard: Vec<_> = (0..(SPEAKERS - 1) * LINES).map(|_| speaker.hears_a_line()).collect();
        let others: Vec<_> = by_all.iter().filter(|line| !line.starts_with(&own)).cloned().collect();
        assert!(heard == others, "{} heard another order", speaker.name);
        let said: Vec<_> = by_all.iter().filter_map(|line| line.strip_prefix(&own)).collect();
        assert_eq!(said, (0..LINES).map(|n| format!("line {n}")).collect::<Vec<_>>());
        speaker.has_heard(&[]);
    }
    listener.has_heard(&[]);
}

#[test]
fn a_thousand_pasted_lines_arrive() {
    let (hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    let lines: Vec<_> = (0..1000).map(|n| format!("{n} {}", filler(n % 100))).collect();
    bob.says(&lines.join("\n"));
    for line in &lines {
        alice.hears_next(&format!("<bob> {line}"));
        carol.hears_next(&format!("<bob> {line}"));
    }
    bob.has_heard(&[]);
    hub.out.wait_for(&format!("<bob> {}\n", lines[999]));
    assert_eq!(hub.out.text().matches("<bob> ").count(), 1000);
}

#[test]
fn the_operators_lines_are_in_the_same_order_for_everybody() {
    let (mut hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    let mut voice = bob.voice();
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..LINES).for_each(|n| voice.write_all(format!("line {n}\n").as_bytes()).unwrap());
        });
        (0..LINES).for_each(|n| hub.types(format!("line {n}\n")));
    });
    let by_alice: Vec<_> = (0..2 * LINES).map(|_| alice.hears_a_line()).collect();
    let by_carol: Vec<_> = (0..2 * LINES).map(|_| carol.hears_a_line()).collect();
    assert!(by_alice == by_carol);
    let of_operator: Vec<_> = by_alice.iter().filter_map(|line| line.strip_prefix("<@operator> ")).collect();
    assert_eq!(of_operator, (0..LINES).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert_eq!(
        bob.heard_so_far(),
        of_operator.iter().map(|n| format!("<@operator> {n}")).collect::<Vec<_>>()
    );
}
