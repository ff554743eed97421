//! Messages that arrive while a line is typed.

use super::*;

#[test]
fn a_message_appears_above_the_typed_line_and_the_cursor_stays() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("hello wrld\x1b[D\x1b[D\x1b[D");
    terminal.wait_for_end(&format!("{prompt} hello wrld"));
    says(&peer, "first\nsecond\n");
    terminal.wait_for_end(&format!("< first\n< second\n{prompt} hello wrld"));
    let (before, after) = terminal.look(Emulator::cursor_row);
    assert_eq!((before, after.as_str()), (format!("{prompt} hello w"), "rld"));
    // The next key goes between the letters.
    terminal.types("o\r");
    assert_eq!(text(&read_line(&peer)), "hello world");
}

#[test]
fn a_line_longer_than_the_row_scrolls_sideways_and_messages_do_not_damage_it() {
    let (terminal, peer, prompt) = connect_at_terminal(12, 40);
    let line = "a line which is so long that it takes more than two rows of this narrow screen";
    terminal.types(line);
    terminal.wait_for_end("narrow screen");
    let mut said = Vec::new();
    for n in 0..30 {
        said.push(format!("message {n}, which is so long that the terminal wraps it"));
        says(&peer, &format!("{}\n", said[n]));
    }
    let row = terminal.seen().lines().last().unwrap().to_owned();
    assert!(row.starts_with(&prompt), "{row}");
    wait_for_messages(&terminal, &said, &row);
    // Its beginning, when the cursor is there.
    terminal.types("\x1b[H");
    terminal.wait_until("its beginning", |seen| {
        seen.lines().last().is_some_and(|row| row.starts_with(&format!("{prompt} a line which")))
    });
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), line);
}

/// At every length around the width of the screen, with characters one and two columns wide.
#[test]
fn a_line_that_just_fills_the_row_does_not_damage_the_messages_above_it() {
    for filler in ["x", "漢", "e\u{301}", "👩\u{200d}👩\u{200d}👧"] {
        let (terminal, peer, prompt) = connect_at_terminal(12, 40);
        let mut said = Vec::new();
        for n in 0..24 {
            terminal.types(filler);
            said.push(format!("message {n}"));
            says(&peer, &format!("message {n}\n"));
        }
        terminal.types(".");
        terminal.wait_until("the whole line", |seen| {
            seen.lines().last().is_some_and(|row| row.starts_with(&prompt) && row.ends_with('.'))
        });
        let row = terminal.seen().lines().last().unwrap().to_owned();
        wait_for_messages(&terminal, &said, &row);
        terminal.types("\r");
        assert_eq!(text(&read_line(&peer)), format!("{}.", filler.repeat(24)));
    }
}

/// As after Ctrl-S, or when the network to the terminal is stuck.
#[test]
fn a_screen_that_takes_nothing_does_not_hold_up_what_is_typed() {
    let setup = at(24, 80).stuck();
    let (mut terminal, mut peer, _) = start_connect(|address| setup.start(&["connect", address]));
    // More than the system keeps for a terminal.
    peer.write_all("a message\n".repeat(20_000).as_bytes()).unwrap();
    for n in 0..20 {
        terminal.types(format!("line x\x7f{n}\r"));
        assert_eq!(text(&read_line(&peer)), format!("line {n}"));
    }
    terminal.types("\x03");
    assert_eq!(read_rest(&peer), b"88");
    drop(peer);
    terminal.exits(130);
}

#[test]
fn colours_follow_the_option_and_the_environment() {
    let seen = |args: &[&str], env: &[(&str, &str)]| {
        let terminal = at(12, 100).env(env).start(args);
        terminal.wait_for_end("* waiting for connection...\nwaiting>");
        terminal.look(|screen| (0..100).any(|column| screen.is_coloured(0, column)))
    };
    // `at` sets NO_COLOR.
    assert!(!seen(&["serve", "0"], &[]));
    assert!(seen(&["serve", "0", "--color", "always"], &[]));
    assert!(seen(&["serve", "0"], &[("NO_COLOR", "")]));
    assert!(!seen(&["serve", "0", "--color", "never"], &[("NO_COLOR", "")]));
    assert!(seen(&["serve", "0"], &[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1"), ("TERM", "xterm-mono")]));
}
