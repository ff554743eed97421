//! At a terminal, with the terminal's own line input.

use crate::common::*;
use std::io::Write;

/// Starts `connect` at a terminal, and accepts its connection.
fn accept_connect_at_terminal(args: &[&str]) -> (Program, std::net::TcpStream) {
    accept_from(|port| Program::start_at_terminal(&[&["connect", port, "--plain"], args].concat()))
}

#[test]
fn control_characters_in_messages_do_not_reach_the_terminal() {
    let (terminal, mut socket) = accept_connect_at_terminal(&[]);
    socket.write_all(b"\x1b[31mred\x07 \xff\tend\xe2\x80\xae\n").unwrap();
    terminal.out.wait_for("< ^[[31mred^G \u{fffd}\tend<U+202E>\r\n");
}

#[test]
fn messages_and_notices_are_shown_in_order() {
    let (mut terminal, mut socket) = accept_connect_at_terminal(&["--timestamps", "none"]);
    socket.write_all(b"one\ntwo\n88\n").unwrap();
    drop(socket);
    terminal.exits(0);
    let seen = terminal.out.text();
    assert!(seen.ends_with("< one\r\n< two\r\n* they said 88\r\n"), "{seen:?}");
}

#[test]
fn the_end_of_input_key_says_88_and_ends_the_program() {
    let (mut terminal, socket) = accept_connect_at_terminal(&[]);
    terminal.out.wait_for("...connected to");
    terminal.types(b"\x04");
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    terminal.exits(0);

    // Also while it waits for a caller.
    let mut waiting = Program::start_at_terminal(&["serve", "0", "--plain"]);
    waiting.out.wait_for("waiting for connection...");
    waiting.types(b"\x04");
    waiting.exits(0);
}

#[cfg(signals)]
#[test]
fn the_interrupt_key_says_88_and_exits_with_130() {
    let (mut terminal, socket) = accept_connect_at_terminal(&[]);
    terminal.out.wait_for("...connected to");
    terminal.types(b"\x03");
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    terminal.exits(130);
}

#[test]
fn an_88_works_after_many_short_lines_for_a_caller_that_does_not_read() {
    let mut terminal = Program::start_at_terminal(&["serve", "0", "--plain"]);
    let shown = terminal.out.wait_for("waiting for connection...");
    let port =
        shown.split("listening on 127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    terminal.types("x\n".repeat(150_000));
    let caller = call(port);
    terminal.out.wait_for("...connected from");
    terminal.types("88\n");
    // If many lines were refused, the notice about the 88 may be lost. So wait for the end of the conversation.
    terminal.out.wait_until("the end of the conversation", |out| {
        String::from_utf8_lossy(out).matches("waiting for connection...").count() == 2
    });
    drop(caller);
}

#[test]
fn while_the_peer_is_stuck_typed_lines_are_read_and_refused_when_the_outbox_is_full_and_88_works() {
    let (mut terminal, socket) = accept_connect_at_terminal(&["--max-line", "1024"]);
    terminal.out.wait_for("...connected to");
    let lines = [&[b'x'; 900][..], b"\n"].concat().repeat(100);
    let refused = |terminal: &Program| terminal.out.text().contains("that line was refused");
    // First the system's buffers fill up, then the outbox.
    wait_until("a line is refused", || {
        terminal.types(&lines);
        refused(&terminal)
    });
    terminal.types("88\n");
    terminal.out.wait_for("you said 88");
    terminal.exits(1);
    assert!(terminal.out.text().contains("lines were not delivered"));
    drop(socket);
}

/// Even if a message arrives that cannot be shown any more.
#[test]
fn a_closed_terminal_ends_the_program() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (terminal, pts) = pty_process::blocking::open().unwrap();
    let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_threadchat"));
    reset_ignored_signals();
    let command = command.args(with_design(&["connect", &port, "--plain"])).envs(NO_SETTINGS);
    let mut connect = command.spawn(pts).unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    socket.write_all(b"hello\n").unwrap();
    drop(terminal);
    // Fails if the program has closed the connection already.
    let _ = socket.write_all(b"is anybody there?\n");
    wait_until("it has exited", || connect.try_wait().unwrap().is_some());
}
