//! Every end leaves the terminal as it was.

use super::*;
use alacritty_terminal::term::TermMode;
use rustix::process::{Pid, Signal, kill_process};

/// Runs the program in a shell that prints the modes of the terminal before and after, ends it with `how`, and checks
/// that the modes are the same.
#[track_caller]
fn assert_restores_terminal(end: &str, env: &[(&str, &str)], how: impl FnOnce(&Terminal, TcpStream)) {
    let script = "stty -g; sh -c 'echo \"pid $$\"; exec \"$0\" \"$@\"' \"$0\" \"$@\"; echo \"code $?\"; stty -g; echo over";
    let (terminal, peer, prompt) = start_connect(|address| {
        let args = with_design(&["connect", address]);
        let args = [&["-c", script, env!("CARGO_BIN_EXE_threadchat")], &args[..]].concat();
        at(20, 120).env(env).start_program("sh", &args)
    });
    terminal.wait_for_end(&prompt);
    terminal.types("half a li");
    terminal.wait_for_end(&format!("{prompt} half a li"));
    let pastes = |terminal: &Terminal| terminal.look(|screen| screen.has_mode(TermMode::BRACKETED_PASTE));
    assert!(pastes(&terminal), "a paste is distinguished from typing");
    how(&terminal, peer);
    let seen = terminal.wait_until("its end", |seen| seen.ends_with("over"));
    let modes: Vec<&str> = seen.lines().filter(|line| line.matches(':').count() > 20).collect();
    assert_eq!(modes.len(), 2, "{end}: {seen}");
    assert_eq!(modes[0], modes[1], "{end}: {seen}");
    terminal.look(|screen| {
        assert!(!screen.has_mode(TermMode::BRACKETED_PASTE), "{end}");
        assert!(screen.has_mode(TermMode::SHOW_CURSOR | TermMode::LINE_WRAP), "{end}");
    });
    let goes_on = seen.lines().any(|line| line.starts_with("code "));
    assert!(goes_on, "the shell goes on in a line of its own, {end}: {seen}");
}

#[test]
fn a_goodbye_of_the_peer_leaves_the_terminal_as_it_was() {
    assert_restores_terminal("88", &[], |_, peer| says(&peer, "88\n"));
}

#[test]
fn a_peer_that_vanishes_leaves_the_terminal_as_it_was() {
    assert_restores_terminal("closed", &[], |_, peer| drop(peer));
    assert_restores_terminal("reset", &[], |_, peer| {
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    });
}

#[test]
fn a_goodbye_leaves_the_terminal_as_it_was() {
    for (end, keys) in
        [("88", "\x0388\r"), ("the interrupt key", "\x03\x03"), ("the end of input", "\x15\x04")]
    {
        assert_restores_terminal(end, &[], |terminal, peer| {
            terminal.types(keys);
            assert_eq!(read_rest(&peer), b"88", "{end}");
        });
    }
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        assert_restores_terminal("a signal", &[], |terminal, peer| {
            let seen = terminal.seen();
            let id = seen.split("pid ").nth(1).unwrap().split_whitespace().next().unwrap();
            kill_process(Pid::from_raw(id.parse().unwrap()).unwrap(), signal).unwrap();
            assert_eq!(read_rest(&peer), b"88");
        });
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("now");
    let env = [("THREADCHAT_PANIC_WHEN", file.to_str().unwrap())];
    assert_restores_terminal("a panic", &env, |terminal, _peer| {
        std::fs::File::create(&file).unwrap();
        terminal.wait_until("what the panic says", |seen| {
            seen.contains("on request") && seen.contains("code 101")
        });
    });
}

/// The row is not left behind, and what is shown at last is whole.
#[test]
fn the_last_messages_and_notices_are_shown_and_the_row_is_gone() {
    let (mut terminal, peer, prompt) = connect_at_terminal(10, 60);
    terminal.types("half a li");
    terminal.wait_for_end(&format!("{prompt} half a li"));
    says(&peer, "one\ntwo\n88\n");
    drop(peer);
    terminal.exits(0);
    terminal.wait_until("the last notice", |seen| seen.ends_with("< one\n< two\n* they said 88"));
}

/// A window that is closed, or an `ssh` whose connection breaks.
#[test]
fn a_terminal_that_goes_away_ends_the_program_and_the_peer_is_told() {
    let (pty, pts) = pty_process::blocking::open().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_threadchat"));
    reset_ignored_signals();
    let command = command.args(with_design(&["connect", &address])).envs(NO_SETTINGS).env("TERM", "xterm");
    let mut connect = command.spawn(pts).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    (&pty).write_all(b"hello\rhalf a li").unwrap();
    assert_eq!(text(&read_line(&peer)), "hello");
    says(&peer, "hi\n");
    drop(pty);
    assert_eq!(read_rest(&peer), b"88");
    drop(peer);
    wait_until("it has exited", || connect.try_wait().unwrap().is_some());
    // SIGHUP, not a screen that cannot be written.
    assert_eq!(connect.wait().unwrap().code(), Some(129));
}
