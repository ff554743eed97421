//! What a terminal must not obey or drop: control characters in a paste, late answers, bytes that are not UTF-8.

use super::*;
use std::io::Read;

#[test]
fn a_pasted_control_sequence_is_text_that_the_terminal_does_not_obey() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    says(&peer, "earlier\n");
    terminal.types("\x1b[200~a\x1b[2Jgone\x07\x1b[201~");
    terminal.wait_until("the paste", |seen| {
        seen.contains("< earlier\n") && seen.ends_with(&format!("{prompt} a^[[2Jgone^G"))
    });
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "a\x1b[2Jgone\x07");
    terminal.wait_for_end(&format!("< earlier\n> a^[[2Jgone^G\n{prompt}"));
}

/// Then it is what a key sends, and no key sends this.
#[test]
fn a_control_sequence_pasted_without_brackets_types_nothing_and_loses_no_text_around_it() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    says(&peer, "earlier\n");
    terminal.types("a\x1b[2Jgone");
    terminal.wait_until("the paste", |seen| {
        seen.contains("< earlier\n") && seen.ends_with(&format!("{prompt} agone"))
    });
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "agone");
}

#[test]
fn a_pasted_tab_in_a_long_line_leaves_no_ghosts() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    let line = format!("{}\t{}", "before ".repeat(10), "after ".repeat(10));
    terminal.types(format!("\x1b[200~{line}\x1b[201~"));
    let mut said = Vec::new();
    for n in 0..20 {
        // So that the tab passes each edge of the row.
        terminal.types("\x1b[D".repeat(7));
        said.push(format!("message {n}"));
        says(&peer, &format!("message {n}\n"));
    }
    terminal.types("\x1b[F!");
    let row = terminal.wait_until("the end of the line", |seen| seen.ends_with("after !"));
    wait_for_messages(&terminal, &said, row.lines().last().unwrap());
    let text_above = terminal.look(Emulator::text);
    let others = text_above.iter().map(|line| without_time(line)).filter(|line| !line.starts_with("< "));
    let others: Vec<_> = others.collect();
    assert_eq!(others.len(), 2, "only the notice and the row besides the messages: {others:?}");
    assert!(others[1].starts_with(&prompt), "{others:?}");
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), format!("{line}!"));
}

#[test]
fn families_of_emoji_in_the_line_erase_no_messages() {
    let (terminal, peer, prompt) = connect_at_terminal(24, 80);
    let line = "👩\u{200d}👩\u{200d}👧".repeat(12);
    let said = ["zero", "one", "two", "three"].map(str::to_owned);
    says(&peer, "zero\none\n");
    terminal.types(&line);
    says(&peer, "two\nthree\n");
    terminal.types("!");
    let row =
        terminal.wait_until("the line", |seen| seen.ends_with("👧!")).lines().last().unwrap().to_owned();
    assert!(row.starts_with(&prompt), "{row}");
    wait_for_messages(&terminal, &said, &row);
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), format!("{line}!"));
}

/// As a terminal's answer to a question of an earlier program, whole and cut.
#[test]
fn late_answers_of_the_terminal_type_nothing() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("hel");
    for part in [
        "\x1b[2;1R",
        "\x1b[?62;22c",
        "\x1b",
        "[24;",
        "80R",
        "\x1b]11;rgb:0000/0000/0000\x1b\\",
        "\x1b[?2026;2$y",
    ] {
        terminal.types(part);
    }
    terminal.types("lo");
    terminal.wait_for_end(&format!("{prompt} hello"));
    terminal.types("\r\x1b[2;1Rhello\r");
    for _ in 0..2 {
        assert_eq!(text(&read_line(&peer)), "hello");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_sent_as_they_were_typed() {
    let (terminal, mut peer, prompt) = connect_at_terminal(10, 60);
    terminal.types(b"caf\xe9 x");
    terminal.wait_for_end(&format!("{prompt} caf\u{fffd} x"));
    terminal.types(b"\r");
    let mut line = [0; 27 + 7];
    peer.read_exact(&mut line).unwrap();
    assert_eq!(&line[27..], b"caf\xe9 x\n");
    terminal.wait_for_end(&format!("> caf\u{fffd} x\n{prompt}"));
}
