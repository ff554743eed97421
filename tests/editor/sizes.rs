//! Terminals of every size, also of sizes that are not true.

use super::*;

/// Chats at a terminal that tells the program this size: no message is lost, and the line is sent.
#[track_caller]
fn chat_at(rows: u16, columns: u16, told: (u16, u16)) {
    let setup = at(rows, columns).told(told.0, told.1);
    let (terminal, peer, _) = start_connect(|address| setup.start(&["connect", address]));
    let said: Vec<_> = (0..40).map(|n| format!("message {n}")).collect();
    for (n, message) in said.iter().enumerate() {
        terminal.types(format!("{n} "));
        says(&peer, &format!("{message}\n"));
    }
    terminal.types("\r");
    let line: String = (0..40).map(|n| format!("{n} ")).collect();
    assert_eq!(text(&read_line(&peer)), line, "{told:?}");
    terminal.wait_for("the last message", |screen| {
        screen.text().iter().any(|line| line.ends_with("message 39")).then_some(())
    });
    assert_eq!(messages(&terminal), said, "{told:?}");
}

/// A serial line, `expect`, or a container.
#[test]
fn a_terminal_without_a_size_keeps_all_that_stands_above_the_line() {
    chat_at(24, 80, (0, 0));
    chat_at(24, 80, (24, 0));
    chat_at(24, 80, (0, 80));
    // The row's end is cut.
    chat_at(24, 40, (0, 0));
}

#[test]
fn absurd_sizes_and_tiny_ones_damage_no_messages() {
    for told in [(1, 1), (1, 2), (2, 5), (65535, 65535), (24, 1001)] {
        chat_at(24, 80, told);
    }
    chat_at(1, 80, (1, 80));
    chat_at(2, 12, (2, 12));
    chat_at(24, 5, (24, 5));
}

#[test]
fn a_resized_window_shows_the_line_and_later_messages() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("typed before");
    terminal.wait_for_end("typed before");
    terminal.resize(14, 50);
    terminal.types(", and after");
    terminal.wait_for_end(&format!("{prompt} typed before, and after"));
    says(&peer, "a message\n");
    terminal.wait_for_end(&format!("< a message\n{prompt} typed before, and after"));
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "typed before, and after");
}

/// The row follows the width at once, not only at the next key.
#[test]
fn a_wider_window_shows_more_of_a_long_line_at_once() {
    let (terminal, _peer, prompt) = connect_at_terminal(10, 40);
    let line = "a line that is longer than forty columns, and its beginning cannot be seen";
    terminal.types(line);
    terminal.wait_for_end("cannot be seen");
    assert!(!terminal.seen().contains("a line that"), "{}", terminal.seen());
    terminal.resize(10, 120);
    terminal.wait_for_end(&format!("{prompt} {line}"));
}

#[test]
fn resizing_all_the_time_while_messages_arrive_loses_nothing() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    let said: Vec<_> = (0..100).map(|n| format!("message {n}")).collect();
    let sizes = [(10, 60), (24, 80), (5, 70), (40, 132), (10, 61), (3, 100)];
    for (n, message) in said.iter().enumerate() {
        let (rows, columns) = sizes[n % sizes.len()];
        terminal.resize(rows, columns);
        says(&peer, &format!("{message}\n"));
        terminal.types("x");
    }
    terminal.resize(24, 150);
    let row = format!("{prompt} {}", "x".repeat(100));
    terminal.wait_for_end(&row);
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "x".repeat(100));
    terminal.wait_until("the last message", |seen| seen.contains("< message 99\n"));
    // A window that became narrower than the row may keep a copy of the row's beginning.
    assert_in_order(&terminal, &said);
}

/// Each text appears once, and in this order.
#[track_caller]
fn assert_in_order(terminal: &Terminal, texts: &[String]) {
    let seen = format!("{}\n", terminal.look(Emulator::text).join("\n"));
    let mut last = 0;
    for text in texts {
        let text = format!("< {text}\n");
        let places: Vec<_> = seen.match_indices(&text).map(|(at, _)| at).collect();
        assert!(places.len() == 1 && places[0] >= last, "{text:?} at {places:?} in:\n{seen}");
        last = places[0];
    }
}
