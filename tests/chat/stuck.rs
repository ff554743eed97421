//! A peer that does not read, a screen that accepts nothing, and what must continue then.

use crate::common::*;
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const LINE: &[u8] = b"sixty-three characters, so that it is 64 bytes with its newline\n";

/// Types lines until the program closes its input.
fn type_endlessly(mut input: Box<dyn Write + Send>) -> JoinHandle<()> {
    let lines = LINE.repeat(1000);
    thread::spawn(move || while input.write_all(&lines).is_ok() {})
}

#[test]
fn messages_of_a_peer_that_does_not_read_are_still_shown() {
    let (mut connect, mut socket) = accept_connect(&[]);
    let typing = type_endlessly(connect.stdin.take().unwrap());
    #[cfg(target_os = "linux")]
    connect.wait_until_it_stops_reading();
    socket.write_all(b"I hear nothing, but I speak\n").unwrap();
    connect.out.wait_for("I hear nothing, but I speak");
    #[cfg(target_os = "linux")]
    assert!(connect.peak_memory() < 32 << 20, "{} bytes", connect.peak_memory());
    connect.kill();
    typing.join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_when_a_peer_does_not_read_a_flood_of_empty_lines() {
    let (mut connect, _socket) = accept_connect(&[]);
    let mut input = connect.stdin.take().unwrap();
    let typing = thread::spawn(move || while input.write_all(&[b'\n'; 65_536]).is_ok() {});
    connect.wait_until_it_stops_reading();
    assert!(connect.peak_memory() < 32 << 20, "{} bytes", connect.peak_memory());
    connect.kill();
    typing.join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_when_the_input_is_a_file_of_empty_lines() {
    let (connect, mut socket) = accept_connect_with_file(&[b'\n'; 5_000_000], &[]);
    // So it tells the goodbye from a line, and hears it once.
    socket.write_all(b"\n").unwrap();
    let (mut heard, mut part) = (0, vec![0; 1 << 20]);
    while let read @ 1.. = socket.read(&mut part).unwrap() {
        heard += read;
        assert!(heard == 5_000_000 * 28 + 2 || connect.peak_memory() < 32 << 20, "{}", connect.peak_memory());
    }
    assert_eq!(heard, 5_000_000 * 28 + 2);
}

/// Main always has an event to handle then, and must still check its time-outs.
#[cfg(signals)]
#[test]
fn a_flood_of_tiny_lines_does_not_delay_a_signal_or_the_answer_to_a_second_caller() {
    let (mut serve, port) = serve_with({
        let mut command = threadchat(&["serve", "0", "--max-line", "32"]);
        command.stdout(Stdio::null());
        command
    });
    let mut first = call(port);
    let flood = thread::spawn(move || while first.write_all(&b"\r\n".repeat(50_000)).is_ok() {});
    hears_that_the_line_is_busy(&call_in_clear_text(port));
    serve.signal(rustix::process::Signal::TERM);
    serve.exits(143);
    flood.join().unwrap();
}

#[test]
fn after_a_goodbye_from_a_peer_that_does_not_read_the_number_of_undelivered_lines_is_reported() {
    let (mut connect, mut socket) = accept_connect_with_file(&LINE.repeat(500_000), &[]);
    #[cfg(target_os = "linux")]
    connect.wait_until_it_stops_reading();
    socket.write_all(b"88\n").unwrap();
    connect.exits(1);
    let stderr = connect.err.text();
    assert!(stderr.contains("lines were not delivered"), "{stderr}");
    assert!(stderr.contains("your input was cut short"), "{stderr}");
}

#[test]
fn a_peer_that_reads_slowly_gets_every_line_and_the_goodbye() {
    let (mut connect, mut socket) = accept_connect(&[]);
    // So it tells the goodbye from a line, and hears it once.
    socket.write_all(b"\n").unwrap();
    connect.out.wait_for("\n");
    let lines = LINE.repeat(100_000);
    let mut input = connect.stdin.take().unwrap();
    let typing = thread::spawn(move || input.write_all(&lines).unwrap());
    // It takes at least 4 s, with pauses of nearly 1 s.
    let mut heard = Vec::new();
    while (&socket).take(2_000_000).read_to_end(&mut heard).unwrap() == 2_000_000 {
        thread::sleep(Duration::from_millis(900));
    }
    drop(socket);
    typing.join().unwrap();
    connect.exits(0);
    assert_eq!(heard.len(), 100_000 * (27 + LINE.len()) + 2);
    assert!(heard.ends_with(b"88"));
}

/// A `connect` whose screen is a pipe that nobody reads yet, the connection, and the reading end of the pipe.
fn accept_connect_with_stuck_screen() -> (Program, std::net::TcpStream, std::io::PipeReader) {
    let (screen, to_screen) = std::io::pipe().unwrap();
    let (connect, socket) = accept_from(|port| {
        let mut command = threadchat(&["connect", port]);
        command.stdin(Stdio::piped()).stdout(to_screen).stderr(Stdio::piped());
        Program::spawn(command)
    });
    (connect, socket, screen)
}

/// Sends until the connection accepts no more, and returns the number of bytes sent.
fn send_until_it_is_stuck(socket: &mut std::net::TcpStream) -> usize {
    socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let (lines, mut sent) = (LINE.repeat(1000), 0);
    loop {
        match socket.write(&lines[sent % LINE.len()..]) {
            Ok(bytes) => sent += bytes,
            Err(_) => return sent,
        }
    }
}

#[test]
fn with_a_stuck_screen_our_lines_are_still_sent_and_nothing_is_lost() {
    let (mut connect, mut socket, mut screen) = accept_connect_with_stuck_screen();
    let sent = send_until_it_is_stuck(&mut socket);
    connect.types("can you hear me?\n");
    assert_eq!(text(&read_line(&socket)), "can you hear me?");
    #[cfg(target_os = "linux")]
    assert!(connect.peak_memory() < 32 << 20, "{} bytes", connect.peak_memory());
    // The goodbye goes out, too, and the program waits for the screen without a limit.
    connect.types("88\n");
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    thread::sleep(Duration::from_millis(2500));
    assert!(connect.is_running());
    let mut shown = Vec::new();
    screen.read_to_end(&mut shown).unwrap();
    connect.exits(0);
    let expected: Vec<u8> = LINE.iter().copied().cycle().take(sent).collect();
    assert_eq!(shown.len() - expected.len(), usize::from(!expected.ends_with(b"\n")));
    assert!(shown.starts_with(&expected));
}

#[cfg(signals)]
#[test]
fn a_signal_ends_the_program_although_screen_and_peer_are_stuck() {
    let (mut connect, mut socket, screen) = accept_connect_with_stuck_screen();
    send_until_it_is_stuck(&mut socket);
    let typing = type_endlessly(connect.stdin.take().unwrap());
    #[cfg(target_os = "linux")]
    connect.wait_until_it_stops_reading();
    connect.signal(rustix::process::Signal::TERM);
    connect.exits(143);
    typing.join().unwrap();
    drop((socket, screen));
}

#[test]
fn notices_are_shown_while_the_screen_is_stuck() {
    let (mut connect, mut socket, screen) = accept_connect_with_stuck_screen();
    send_until_it_is_stuck(&mut socket);
    connect.types("88\n");
    connect.err.wait_for("you said 88");
    drop(screen);
}

#[test]
fn a_stuck_standard_error_does_not_delay_the_chat() {
    let (notices, to_notices) = std::io::pipe().unwrap();
    let (mut connect, mut socket) = accept_from(|port| {
        let mut command = threadchat(&["connect", "-v", port]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(to_notices);
        Program::spawn(command)
    });
    // With -v each line is reported several times, which is more than the pipe holds.
    for n in 0..2000 {
        connect.types(format!("line {n}\n"));
        assert_eq!(text(&read_line(&socket)), format!("line {n}"));
    }
    socket.write_all(b"all heard\n88\n").unwrap();
    connect.out.wait_for("all heard");
    drop(socket);
    connect.exits(0);
    drop(notices);
}
