//! `--raw`: a copy is byte for byte the file, or the exit code is 1.

use crate::common::*;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

/// Files with which something could go wrong.
fn files() -> Vec<Vec<u8>> {
    let all: Vec<u8> = (0..=255).cycle().take(2_000_000).collect();
    let stamped = b"[Mon Nov  9 06:18:34 2026] hello\n";
    let texts: [&[u8]; 7] = [
        b"",
        b"88",
        b"88\n88\r\nno line end",
        b"\xef\xbb\xbfa byte order mark\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfb\x1f\xff\xf4 telnet\0",
        stamped,
    ];
    texts.iter().map(|text| text.to_vec()).chain([all]).collect()
}

/// A program with this file as its input.
fn with_input(args: &[&str], file: impl AsRef<[u8]>) -> Program {
    let mut command = threadchat(args);
    command.stdin(file_of(file)).stdout(Stdio::piped()).stderr(Stdio::piped());
    Program::spawn(command)
}

#[test]
fn a_file_arrives_as_it_is_in_both_directions_at_once() {
    for (there, back) in files().into_iter().zip(files().into_iter().rev()) {
        let (mut serve, port) = with_input(&["serve", "--raw", "0"], &back).with_port();
        let mut connect = with_input(&["connect", "--raw", &port.to_string()], &there);
        connect.exits(0);
        serve.exits(0);
        assert!(serve.out.bytes() == there && connect.out.bytes() == back);
    }
}

#[test]
fn a_plain_program_sends_and_gets_the_bytes_as_they_are() {
    if is_for_clear_text("the plain program does not encrypt") {
        return;
    }
    for file in files() {
        let (mut serve, port) = with_input(&["serve", "--raw", "0"], &file).with_port();
        let mut plain = call_in_clear_text(port);
        plain.write_all(&file).unwrap();
        let mut copy = Vec::new();
        if !file.is_empty() {
            plain.shutdown(std::net::Shutdown::Write).unwrap();
        }
        plain.read_to_end(&mut copy).unwrap();
        drop(plain);
        serve.exits(0);
        assert!(copy == file && serve.out.bytes() == file);
    }
}

/// Both sides of a file that is cut short: the one that sends it, and the one that gets it.
fn in_the_middle() -> (Program, Program) {
    let (mut serve, port) = Program::start(threadchat(&["serve", "--raw", "0"])).with_port();
    let connect = with_input(&["connect", "--raw", &port.to_string()], "");
    serve.types("the first half\n");
    connect.out.wait_for("the first half\n");
    (serve, connect)
}

#[test]
fn a_file_whose_sender_was_killed_is_not_taken_for_a_whole_one() {
    let (mut serve, mut connect) = in_the_middle();
    serve.kill();
    connect.exits(1);
}

#[cfg(all(unix, signals))]
#[test]
fn nor_is_one_whose_sender_was_ended_by_a_signal() {
    let (mut serve, mut connect) = in_the_middle();
    serve.signal(rustix::process::Signal::TERM);
    serve.exits(128 + 15);
    connect.exits(1);
}

#[test]
fn a_sender_knows_when_the_other_side_was_killed() {
    let (mut serve, mut connect) = in_the_middle();
    connect.kill();
    serve.exits(1);
}

#[test]
fn a_chat_at_the_other_side_is_an_error() {
    let (mut serve, port) = serve_with(threadchat(&["serve", "--once", "0"]));
    serve.types("hello\n");
    serve.ends_input();
    let mut connect = with_input(&["connect", "--raw", &port.to_string()], "");
    connect.exits(1);
    assert!(connect.err.text().contains("does not use --raw"), "{}", connect.err.text());
}

#[test]
fn a_chat_that_gets_a_file_says_what_it_lost_behind_an_88_in_it() {
    let (_serve, port) = with_input(&["serve", "--raw", "0"], "one\n88\ntwo\n").with_port();
    let mut connect = connect(port, &[]);
    connect.exits(1);
    assert_eq!(connect.out.text(), "one\n");
    assert!(connect.err.text().contains("sent 4 bytes more after 88"), "{}", connect.err.text());
}

#[test]
fn a_busy_line_is_an_error_with_its_reason() {
    if is_for_clear_text("it gets an alert instead") {
        return;
    }
    let (serve, port) = serve(&[]);
    let mut first = connect(port, &[]);
    first.types("hello\n");
    serve.out.wait_for("hello");
    let mut second = with_input(&["connect", "--raw", &port.to_string()], "a file");
    second.exits(1);
    assert!(second.err.text().contains("did not let us in: the line is busy"), "{}", second.err.text());
}

#[test]
fn a_copy_that_cannot_be_written_is_an_error_on_both_sides() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (mut serve, port) = Program::start(threadchat(&["serve", "--raw", "0"])).with_port();
    let mut command = threadchat(&["connect", "--raw", &port.to_string()]);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let mut connect = Program::spawn(command);
    serve.types("one\n");
    drop(reader);
    serve.types("two\n");
    connect.exits(1);
    serve.exits(1);
}
