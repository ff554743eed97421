//! What keys do.

use super::*;
use alacritty_terminal::term::TermMode;

#[test]
fn a_line_is_edited_sent_and_shown_above_the_empty_row() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("hello wrld\x1b[D\x1b[D\x1b[Do\r");
    assert_eq!(text(&read_line(&peer)), "hello world");
    terminal.wait_for_end(&format!("\n> hello world\n{prompt}"));
}

/// In pipes, an empty line counts.
#[test]
fn enter_on_an_empty_line_sends_nothing() {
    let (terminal, peer, _) = connect_at_terminal(10, 60);
    terminal.types("\r\r\rhello\r");
    assert_eq!(text(&read_line(&peer)), "hello");
}

#[test]
fn wide_and_combining_characters_are_edited_as_the_user_sees_them() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("漢字 e\u{301}x");
    says(&peer, "between\n");
    terminal.wait_for_end(&format!("< between\n{prompt} 漢字 e\u{301}x"));
    // Left past the x, then delete one character, with its accent.
    terminal.types("\x1b[D\x7f");
    terminal.wait_for_end(&format!("{prompt} 漢字 x"));
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "漢字 x");
}

#[test]
fn a_paste_of_200_lines_is_sent_as_200_messages_and_its_rest_stays_on_the_line() {
    for (begin, end) in [("\x1b[200~", "\x1b[201~"), ("", "")] {
        for newline in ["\r", "\n", "\r\n"] {
            let (terminal, peer, prompt) = connect_at_terminal(10, 60);
            let lines: Vec<String> = (0..200).map(|n| format!("pasted line {n}")).collect();
            terminal.types(format!("{begin}{}{newline}and a rest{end}", lines.join(newline)));
            for line in &lines {
                assert_eq!(text(&read_line(&peer)), line);
            }
            terminal.wait_for_end(&format!("> pasted line 199\n{prompt} and a rest"));
            terminal.types(", completed\r");
            assert_eq!(text(&read_line(&peer)), "and a rest, completed");
        }
    }
}

#[test]
fn the_history_keeps_lines_and_finds_them_while_messages_arrive() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    for line in ["first thing", "second thing"] {
        terminal.types(format!("{line}\r"));
        assert_eq!(text(&read_line(&peer)), line);
        says(&peer, "yes\n");
        terminal.wait_for_end(&format!("< yes\n{prompt}"));
    }
    terminal.types("\x1b[A\x1b[A");
    terminal.wait_for_end(&format!("{prompt} first thing"));
    terminal.types(" again\r");
    assert_eq!(text(&read_line(&peer)), "first thing again");
    terminal.types("\x12second");
    terminal.wait_until("the line that was searched for", |seen| seen.ends_with("second thing"));
    terminal.types("\r");
    terminal.wait_for_end(&format!("{prompt} second thing"));
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "second thing");
}

#[test]
fn messages_are_shown_during_a_search_of_the_history_and_do_not_disturb_it() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("find me\r");
    assert_eq!(text(&read_line(&peer)), "find me");
    terminal.types("\x12fin");
    terminal.wait_until("the search", |seen| seen.contains("(search: fin)") && seen.ends_with("find me"));
    says(&peer, "meanwhile\n");
    terminal.wait_until("the message", |seen| seen.contains("< meanwhile\n") && seen.ends_with("find me"));
    terminal.types("d");
    terminal.wait_until("the search going on", |seen| seen.contains("(search: find)"));
    terminal.types("\r");
    terminal.wait_for_end(&format!("< meanwhile\n{prompt} find me"));
    // The interrupt key ends the search, not the program.
    terminal.types("\x03\x12fi\x03");
    terminal.wait_for_end(&format!("< meanwhile\n{prompt}"));
    terminal.types("still here\r");
    assert_eq!(text(&read_line(&peer)), "still here");
}

#[test]
fn clearing_the_screen_keeps_the_line() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("kept\x0c");
    terminal.wait_until("the line alone", |seen| seen == format!("{prompt} kept"));
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "kept");
}

#[test]
fn the_interrupt_key_clears_the_line_and_says_88_on_an_empty_one() {
    let (mut terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("not this");
    terminal.wait_for_end("not this");
    terminal.types("\x03");
    terminal.wait_for_end(&prompt);
    terminal.types("\x03");
    assert_eq!(read_rest(&peer), b"88");
    drop(peer);
    terminal.exits(130);
}

#[test]
fn the_end_of_input_key_says_88_on_an_empty_line_only() {
    let (mut terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("xy\x1b[H\x04");
    terminal.wait_for_end(&format!("{prompt} y"));
    terminal.types("\x04\x04");
    assert_eq!(read_rest(&peer), b"88");
    drop(peer);
    terminal.exits(0);
}

#[test]
fn the_prompt_shows_that_it_waits_or_the_address_of_the_caller() {
    let terminal = Terminal::start(12, 100, &["serve", "0"]);
    terminal.wait_for_end("waiting for connection...\nwaiting>");
    let seen = terminal.seen();
    let port = seen.split("listening on 127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap();
    // The line being typed stays while callers come and go.
    terminal.types("half a li");
    for _ in 0..2 {
        let peer = call(port.parse().unwrap());
        let caller = peer.local_addr().unwrap();
        terminal.wait_for_end(&format!("* ...connected from: {caller}\n{caller}> half a li"));
        says(&peer, "88\n");
        drop(peer);
        terminal.wait_for_end("* they said 88\n* waiting for connection...\nwaiting> half a li");
    }
    let peer = call(port.parse().unwrap());
    terminal.types("ne\r");
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(text(&read_line(&peer)), "half a line");
}

/// Starts `connect` in a shell with job control, which runs `first` before it.
fn connect_in_shell(first: &str, args: &[&str]) -> (Terminal, TcpStream, String) {
    let (terminal, peer, prompt) = start_connect(|address| {
        let terminal = at(20, 100).env(&[("PS1", "shell$ ")]).start_program("sh", &["-i"]);
        terminal.wait_for_end("shell$");
        let args = with_design(&[&["connect", address], args].concat()).join(" ");
        terminal.types(format!("set -m; {first} {} {args}\r", env!("CARGO_BIN_EXE_threadchat")));
        terminal
    });
    terminal.wait_for_end(&prompt);
    (terminal, peer, prompt)
}

/// So does `fg` after the suspend key: a shell gets the terminal as it gave it.
#[test]
fn the_suspend_key_stops_the_program_and_fg_shows_the_line_again() {
    let (terminal, peer, prompt) = connect_in_shell("stty -g;", &[]);
    for _ in 0..2 {
        terminal.types("half a li\x1a");
        terminal.wait_for_end("shell$");
        says(&peer, "while it is stopped\n");
        terminal.types("stty -g\r");
        terminal.wait_until("the modes", |seen| {
            let modes: Vec<_> = seen.lines().filter(|line| line.matches(':').count() > 20).collect();
            modes.len() > 1 && modes.iter().all(|line| *line == modes[0]) && seen.ends_with("shell$")
        });
        terminal.types("fg\r");
        terminal.wait_for_end(&format!("< while it is stopped\n{prompt} half a li"));
        terminal.types("ne\r");
        assert_eq!(text(&read_line(&peer)), "half a line");
    }
}

#[test]
fn a_program_that_was_stopped_and_continued_from_outside_goes_on() {
    use rustix::process::{Pid, Signal, kill_process};
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    let process = Pid::from_child(&terminal.child);
    terminal.types("half");
    terminal.wait_for_end(&format!("{prompt} half"));
    kill_process(process, Signal::STOP).unwrap();
    says(&peer, "while it is stopped\n");
    terminal.types(" a line");
    kill_process(process, Signal::CONT).unwrap();
    terminal.wait_for_end(&format!("< while it is stopped\n{prompt} half a line"));
    terminal.types("\r");
    assert_eq!(text(&read_line(&peer)), "half a line");
}

#[test]
fn the_suspend_key_changes_nothing_where_no_shell_could_continue_the_program() {
    let (terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("half\x1a");
    terminal.wait_for_end(&format!("{prompt} half"));
    let marks_pastes =
        |terminal: &Terminal| terminal.look(|screen| screen.has_mode(TermMode::BRACKETED_PASTE));
    wait_until("pastes are marked", || marks_pastes(&terminal));
    terminal.types("\x1b[200~\ta line\x1b[201~\r");
    assert_eq!(text(&read_line(&peer)), "half\ta line");
}

#[test]
fn a_program_that_is_stopped_can_be_ended() {
    let (terminal, peer, _) = connect_in_shell("", &[]);
    terminal.types("\x1a");
    terminal.wait_for_end("shell$");
    terminal.types("kill %1; kill -CONT %1\r");
    assert_eq!(read_rest(&peer), b"88");
    drop(peer);
    terminal.types("wait; echo it has $((1 + 1))ended\r");
    terminal.wait_until("its end", |seen| seen.contains("it has 2ended"));
}

#[test]
fn the_suspend_key_stops_a_program_whose_input_has_ended() {
    let (terminal, peer, _) = connect_in_shell("", &["--on-eof", "wait"]);
    terminal.types("last\r\x04");
    assert_eq!(text(&read_line(&peer)), "last");
    terminal.wait_until("the end of the input", |seen| seen.contains("listening until"));
    terminal.types("\x1a");
    terminal.wait_for_end("shell$");
    says(&peer, "while it is stopped\n");
    terminal.types("fg\r");
    terminal.wait_until("the message", |seen| seen.contains("< while it is stopped"));
    terminal.types("\x03");
    terminal.wait_for_end("shell$");
}
