//! How a conversation ends, and the cases that break the programs of the php.cn tutorial (2018).

use crate::common::*;
use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Instant;

/// A `serve --once` and a connection to it.
fn serve_one(args: &[&str]) -> (Program, std::net::TcpStream) {
    let (program, port) = serve(&[&["--once"], args].concat());
    (program, call(port))
}

#[test]
fn a_message_is_a_stamped_line_and_the_goodbye_is_88_and_the_end_of_the_stream() {
    let (mut connect, socket) = accept_connect(&[]);
    connect.types("hello\n88\n");
    let line = read_line(&socket);
    assert_eq!(text(&line), "hello");
    let form = time::macros::format_description!(
        "[[[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]] hello"
    );
    time::PlainDateTime::parse(&line, &form).unwrap();
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    connect.exits(0);
}

#[test]
fn an_unframed_message_has_no_newline_but_a_pause_follows_it() {
    if is_for_clear_text("only lines are encrypted") {
        return;
    }
    let (mut connect, socket) = accept_connect(&["--wire", "unframed"]);
    let began = Instant::now();
    connect.types("one\ntwo\n88\n");
    let (one, two) = ([0_u8; 30], [0_u8; 30]);
    for (mut message, expected) in [(one, "one"), (two, "two")] {
        std::io::Read::read_exact(&mut &socket, &mut message).unwrap();
        assert_eq!(text(std::str::from_utf8(&message).unwrap()), expected);
    }
    assert_eq!(read_rest(&socket), b"88");
    // One pause after each of the two messages.
    assert!(began.elapsed() >= 2 * threadchat::rules::wire::PAUSE);
}

#[test]
fn a_peer_without_newlines_that_does_not_answer_our_88_hears_it_again_before_our_half_ends() {
    let (mut connect, socket) = accept_connect(&[]);
    connect.types("hello\n88\n");
    assert_eq!(text(&read_line(&socket)), "hello");
    expect_bytes(&socket, b"88");
    let (began, mut rest) = (Instant::now(), Vec::new());
    std::io::Read::read_to_end(&mut &socket, &mut rest).unwrap();
    assert_eq!(rest, b"88");
    // What our side had to wait for has begun somewhat before we read.
    assert!(began.elapsed() >= threadchat::rules::wire::REPEAT_AFTER / 2);
    drop(socket);
    connect.exits(0);
}

#[test]
fn a_peer_that_closes_its_half_hears_88_once_and_the_end_at_once() {
    let (mut connect, socket) = accept_connect(&[]);
    connect.types("hello\n88\n");
    assert_eq!(text(&read_line(&socket)), "hello");
    expect_bytes(&socket, b"88");
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_rest(&socket), b"");
    connect.exits(0);
}

#[test]
fn a_goodbye_may_come_in_one_read_with_the_message_before_it() {
    let (mut serve, mut socket) = serve_one(&[]);
    socket.write_all(b"one\ntwo\n88").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    serve.exits(0);
    assert_eq!(serve.out.text(), "one\ntwo\n");
    assert!(serve.err.text().contains("they said 88"));
}

#[test]
fn a_goodbye_glued_to_a_message_still_ends_the_chat() {
    let (mut serve, mut socket) = serve_one(&[]);
    socket.write_all(b"born in 1988").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    serve.exits(0);
    assert_eq!(serve.out.text(), "born in 1988\n");
}

#[test]
fn verbose_reports_a_received_goodbye_before_the_decision_to_close() {
    let (mut serve, mut socket) = serve_one(&["-v"]);
    socket.write_all(b"88\n").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    serve.exits(0);
    let stderr = serve.err.text();
    let before = stderr.split_once("decides to close its half").map(|(before, _)| before);
    assert!(before.is_some_and(|before| before.contains("heard 88")), "{stderr}");
}

#[test]
fn an_88_within_a_text_does_not_end_the_chat() {
    let (mut serve, mut socket) = serve_one(&[]);
    socket.write_all(b" 88\n1988\n88 \n[Mon Nov  9 06:18:34 2026] 88\n").unwrap();
    serve.out.wait_for("2026] 88");
    serve.types("still here\n");
    assert_eq!(text(&read_line(&socket)), "still here");
    socket.write_all(b"88\n").unwrap();
    drop(socket);
    serve.exits(0);
}

#[test]
fn a_peer_that_sends_no_newlines_is_understood_when_it_pauses() {
    let (mut serve, mut socket) = serve_one(&[]);
    socket.write_all(b"[Mon Nov  9 06:18:34 2026] hello").unwrap();
    serve.out.wait_for("hello");
    socket.write_all(b"88").unwrap();
    // The stream does not end. The two bytes count as the goodbye because a pause follows them.
    serve.err.wait_for("they said 88");
    drop(socket);
    serve.exits(0);
}

#[test]
fn a_message_longer_than_one_read_is_one_message() {
    let (mut serve, mut socket) = serve_one(&[]);
    let long = "x".repeat(60_000);
    // After a peer has sent a newline, a pause within a line no longer ends the message.
    socket.write_all(format!("\n{long}\n88\n").as_bytes()).unwrap();
    serve.exits(0);
    assert_eq!(serve.out.text(), format!("\n{long}\n"));
}

#[test]
fn a_peer_that_drips_one_byte_at_a_time_is_understood() {
    let (mut serve, mut socket) = serve_one(&[]);
    // After a peer has sent a newline, a pause within a line no longer ends the message.
    socket.write_all(b"one\n").unwrap();
    for byte in b"two\r\nborn in 1988\n88\n" {
        socket.write_all(&[*byte]).unwrap();
    }
    drop(socket);
    serve.exits(0);
    assert_eq!(serve.out.text(), "one\ntwo\nborn in 1988\n");
}

#[test]
fn a_peer_that_leaves_without_88_is_reported_and_the_exit_code_is_1() {
    let (mut serve, mut socket) = serve_one(&[]);
    socket.write_all(b"hello\n").unwrap();
    drop(socket);
    serve.exits(1);
    assert!(serve.err.text().contains("without 88: their last message may be missing"));

    let (mut connect, mut socket) = accept_connect(&[]);
    socket.write_all(b"and then").unwrap();
    drop(socket);
    connect.exits(1);
    assert_eq!(connect.out.text(), "and then\n");
}

#[test]
fn a_peer_that_is_killed_is_noticed() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    connect.types("hello\n");
    serve.out.wait_for("hello");
    connect.kill();
    serve.exits(1);
}

#[test]
fn the_end_of_the_input_says_88_to_the_peer() {
    let (mut serve, socket) = serve_one(&[]);
    serve.types("last words\n");
    serve.ends_input();
    assert_eq!(text(&read_line(&socket)), "last words");
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    serve.exits(0);
}

#[test]
fn with_an_input_that_ends_without_a_line_it_listens_until_the_peer_leaves() {
    let (mut serve, mut socket) = serve_one(&[]);
    serve.ends_input();
    socket.write_all(b"one\n").unwrap();
    serve.out.wait_for("one");
    socket.write_all(b"two\n88\n").unwrap();
    assert_eq!(read_rest(&socket), b"", "it has nothing to say");
    drop(socket);
    serve.exits(0);
    assert_eq!(serve.out.text(), "one\ntwo\n");
}

#[test]
fn with_wait_the_end_of_the_stream_is_no_error_and_sending_continues() {
    let (mut connect, socket) = accept_connect(&["--on-eof", "wait"]);
    socket.shutdown(Shutdown::Write).unwrap();
    connect.err.wait_for("they have finished");
    connect.types("one\n");
    assert_eq!(text(&read_line(&socket)), "one");
    connect.ends_input();
    assert_eq!(read_rest(&socket), b"");
    drop(socket);
    connect.exits(0);
}

#[test]
fn what_arrives_after_our_88_is_shown_as_long_as_it_keeps_arriving() {
    const BYTES: usize = 30_000_000;
    let (mut connect, mut socket) = accept_connect(&[]);
    // More than all buffers on the way hold, sent before the peer reads our 88.
    let line = [&[b'x'; 99][..], b"\n"].concat();
    thread::scope(|scope| {
        let writer = scope.spawn(|| socket.write_all(&line.repeat(BYTES / 100)));
        connect.types("88\n");
        writer.join().unwrap().unwrap();
    });
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_rest(&socket), b"88");
    connect.exits(0);
    assert_eq!(connect.out.bytes().len(), BYTES);
}

#[test]
fn what_the_peer_sends_after_our_88_does_not_reset_the_connection_before_the_peer_reads_it() {
    let (mut connect, mut socket) = accept_connect(&[]);
    connect.types("hello\n88\n");
    // Data that nobody has read when the goodbye is said.
    socket.write_all(&vec![b'x'; 1_000_000]).unwrap();
    thread::sleep(threadchat::rules::wire::PAUSE);
    assert_eq!(text(&read_line(&socket)), "hello");
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    connect.exits(0);
}

/// The message has 100 MB.
#[test]
fn an_endless_message_is_split_without_loss_and_in_little_memory() {
    const BYTES: usize = 100_000_000;
    let (mut serve, mut socket) = serve_one(&[]);
    let digits = b"0123456789".repeat(100_000);
    // After a peer has sent a newline, a pause within a line no longer ends the message.
    socket.write_all(b"\n").unwrap();
    for _ in 0..BYTES / digits.len() {
        socket.write_all(&digits).unwrap();
    }
    socket.write_all(b"\n").unwrap();
    serve.out.wait_until("all", |said| said.len() == 1 + BYTES + BYTES.div_ceil(65_536));
    #[cfg(target_os = "linux")]
    assert!(serve.peak_memory() < 32 << 20, "{} bytes", serve.peak_memory());
    socket.write_all(b"88\n").unwrap();
    serve.exits(0);
    let heard = serve.out.bytes();
    let mut lines = heard.split(|byte| *byte == b'\n');
    assert!(lines.all(|line| line.len() <= 65_536));
    let mut without_ends = heard;
    without_ends.retain(|byte| *byte != b'\n');
    assert!(without_ends == digits.repeat(BYTES / digits.len()));
}
