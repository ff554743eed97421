//! A terminal far away, while messages arrive: what is typed takes effect after the delay and little more. The goal is
//! 100 ms, but the tests must pass on slow and busy machines. They print what they measure.

use super::flood::Flood;
use super::*;
use crate::DESIGN;
use std::time::Instant;

/// How much longer than the delay anything may take.
const PATIENCE: Duration = Duration::from_millis(2100);

/// How long something took beyond its delay. Fails if that is too long.
#[track_caller]
fn overtime(what: &str, began: Instant, delay: Duration) -> Duration {
    let elapsed = began.elapsed();
    assert!(elapsed >= delay, "{what} takes {elapsed:?}, with a delay of {delay:?}");
    assert!(elapsed < delay + PATIENCE, "{what} takes {elapsed:?}, with a delay of {delay:?}");
    elapsed - delay
}

fn message(n: usize) -> String {
    format!("message {n}\n")
}

/// Types, erases and sends lines at each rate, at a terminal with this delay each way.
#[track_caller]
fn take_effect(delay: u64, rates: &[usize]) {
    let delay = Duration::from_millis(delay);
    let (mut terminal, peer, prompt) = connect_at(at(24, 80).delayed(delay), &[]);
    let mut said = 0;
    for rate in rates {
        let flood = Flood::start(&peer, said, *rate, message);
        wait_until("messages arrive", || flood.said() >= said + rate / 20);
        let began = Instant::now();
        terminal.types("not th");
        terminal.types("is");
        let row = format!("{prompt} not this");
        terminal.wait_for("what was typed", |screen| (screen.cursor_row().0 == row).then_some(()));
        let shown = overtime("a key", began, 2 * delay);
        let began = Instant::now();
        terminal.types(format!("\x03line at {rate}\r"));
        assert_eq!(
            text(&read_line(&peer)),
            format!("line at {rate}"),
            "whole, and the key has erased the other"
        );
        let sent = overtime("a line", began, delay);
        eprintln!(
            "{DESIGN}, {delay:?} each way, {rate} messages/s: a key shows {shown:?} late, a line is sent {sent:?} late"
        );
        let row = format!("{prompt} ");
        said = flood.stop(said + (*rate).min(10));
        terminal.wait_for("the last message", |screen| (screen.cursor_row().0 == row).then_some(()));
    }
    let last = format!("< message {}", said.saturating_sub(1));
    terminal.wait_until("the last message", |seen| said == 0 || seen.lines().any(|line| line == last));
    let expected: Vec<_> = (0..said).map(|n| format!("message {n}")).collect();
    assert!(messages(&terminal) == expected, "each message once and in order; {}", terminal.seen());
    let own = |line: &&String| without_time(line).starts_with("> ");
    let own: Vec<_> =
        terminal.look(Emulator::text).iter().filter(own).map(|line| without_time(line).to_owned()).collect();
    assert_eq!(own, rates.iter().map(|rate| format!("> line at {rate}")).collect::<Vec<_>>());

    let flood = Flood::start(&peer, said, 20_000, message);
    wait_until("messages arrive", || flood.said() > said + 1000);
    let began = Instant::now();
    terminal.types("\x03");
    assert_eq!(read_rest(&peer), b"88");
    let left = overtime("the interrupt key", began, delay);
    eprintln!("{DESIGN}, {delay:?} each way: the interrupt key takes effect {left:?} late");
    drop(peer);
    flood.stop(0);
    terminal.exits(130);
}

#[test]
fn without_a_delay_typing_takes_effect_at_once_whatever_arrives() {
    take_effect(0, &[0, 20, 50, 1000, 20_000]);
}

#[test]
fn with_50_ms_each_way_typing_takes_effect_after_it_whatever_arrives() {
    take_effect(50, &[0, 20, 50, 1000, 20_000]);
}

#[test]
fn with_100_ms_each_way_typing_takes_effect_after_it_whatever_arrives() {
    take_effect(100, &[0, 20, 50, 1000, 20_000]);
}

#[test]
fn with_200_ms_each_way_typing_takes_effect_after_it_whatever_arrives() {
    take_effect(200, &[0, 20, 1000, 20_000]);
}

#[test]
fn with_1000_ms_each_way_typing_takes_effect_after_it_while_little_arrives() {
    take_effect(1000, &[20]);
}

#[test]
fn with_1000_ms_each_way_typing_takes_effect_after_it_while_much_arrives() {
    take_effect(1000, &[20_000]);
}
