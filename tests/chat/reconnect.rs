//! A connection that breaks, and the next one.

use crate::common::*;
use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A listener, and a `connect` that has called it.
fn called(args: &[&str]) -> (TcpListener, Program, TcpStream) {
    called_by(|port| Program::start(threadchat(&[&["connect", port], args].concat())))
}

fn called_by(start: impl FnOnce(&str) -> Program) -> (TcpListener, Program, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = start(&listener.local_addr().unwrap().port().to_string());
    let socket = answer(&listener);
    (listener, program, socket)
}

fn answer(listener: &TcpListener) -> TcpStream {
    let socket = accept(listener);
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    accepted(socket)
}

#[test]
fn a_name_is_said_in_front_of_what_was_typed_before() {
    let (mut connect, mut socket) = accept_from(|port| {
        let mut connect = Program::start(threadchat(&["connect", port, "--name", "ann"]));
        connect.types("hello\n");
        connect
    });
    assert_eq!(text(&read_line(&socket)), "/name ann");
    assert_eq!(text(&read_line(&socket)), "hello");
    socket.write_all(b"88\n").unwrap();
    drop(socket);
    connect.exits(0);
}

#[test]
fn what_is_typed_while_the_connection_is_lost_is_sent_over_the_next_and_the_chat_can_end_cleanly() {
    let (listener, mut connect, socket) = called(&["--reconnect", "--name", "ann"]);
    connect.types("one\n");
    assert_eq!(text(&read_line(&socket)), "/name ann");
    assert_eq!(text(&read_line(&socket)), "one");
    drop(socket);
    connect.err.wait_for("is lost: it was closed without 88; calling again");
    connect.types("two\n");
    connect.types("three\n");
    let mut socket = answer(&listener);
    assert_eq!(text(&read_line(&socket)), "/name ann");
    // It arrived just before the connection broke, which nobody can know.
    let mut lines = vec![read_line(&socket), read_line(&socket)];
    if text(&lines[0]) == "one" {
        lines.remove(0);
        lines.push(read_line(&socket));
    }
    assert_eq!(lines.iter().map(|line| text(line)).collect::<Vec<_>>(), ["two", "three"]);
    socket.write_all(b"88\n").unwrap();
    drop(socket);
    connect.exits(0);
    assert!(!connect.err.text().contains("not delivered"), "{}", connect.err.text());
}

#[test]
fn without_reconnect_a_connection_that_breaks_ends_the_program() {
    for args in [&["--reconnect=never"][..], &[]] {
        let (_listener, mut connect, mut socket) = called(args);
        socket.write_all(b"* hub: welcome to lobby, user1; 88 leaves, /help lists the commands\n").unwrap();
        connect.out.wait_for("welcome");
        drop(socket);
        // A pipe is no person at a terminal.
        connect.exits(1);
        assert!(connect.err.text().contains("without 88: their last message may be missing"));
    }
}

#[cfg(unix)]
#[test]
fn a_hub_is_called_again_from_a_terminal_until_somebody_types_88() {
    let (listener, mut terminal, mut socket) =
        called_by(|port| Program::start_at_terminal(&["connect", port, "--plain"]));
    socket.write_all(b"* hub: welcome to lobby, user1; 88 leaves, /help lists the commands\n").unwrap();
    terminal.out.wait_for("welcome to lobby");
    drop((listener, socket));
    terminal.out.wait_for("calling again, and what you type until then is kept; 88 leaves");
    // The reason is reported once.
    terminal.out.wait_for("; still calling");
    terminal.types("hello\n");
    terminal.out.wait_for("hello");
    terminal.types("88\n");
    terminal.exits(1);
    let seen = terminal.out.text();
    assert_eq!(seen.matches("still calling").count(), 1, "{seen}");
    assert!(seen.contains("you said 88") && seen.contains("1 line may not have been delivered"), "{seen}");
}

#[cfg(unix)]
#[test]
fn who_is_no_hub_is_not_called_again_from_a_terminal() {
    let (_listener, mut terminal, mut socket) =
        called_by(|port| Program::start_at_terminal(&["connect", port, "--plain"]));
    socket.write_all(b"hello\n").unwrap();
    terminal.out.wait_for("hello");
    drop(socket);
    terminal.exits(1);
}

#[cfg(all(unix, signals))]
#[test]
fn a_signal_ends_the_program_at_once_while_the_connection_is_lost() {
    let (listener, mut connect, socket) = called(&["--reconnect"]);
    drop((listener, socket));
    connect.err.wait_for("still calling");
    connect.signal(rustix::process::Signal::TERM);
    connect.exits(143);
}

#[test]
fn a_peer_that_accepts_and_closes_at_once_is_called_after_growing_pauses() {
    let (listener, connect, socket) = called(&["--reconnect"]);
    drop(socket);
    let began = Instant::now();
    drop(answer(&listener));
    let first = began.elapsed();
    drop(answer(&listener));
    // After 1 and 2 s.
    let second = began.elapsed() - first;
    assert!(first > Duration::from_millis(900), "{first:?}");
    assert!(second > Duration::from_millis(1900), "{second:?}");
    drop(connect);
}

/// The peer reads a part, and resets the connection in the middle of a line while much is on its way.
#[test]
fn a_file_arrives_completely_over_two_connections() {
    const LINES: usize = 200_000;
    let mut file = tempfile::tempfile().unwrap();
    let numbers: Vec<_> = (0..LINES).map(|number| format!("{number:0>60}\n")).collect();
    file.write_all(numbers.concat().as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let (listener, mut connect, mut socket) = called_by(|port| {
        let mut command = threadchat(&["connect", port, "--reconnect"]);
        command.stdin(file).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Program::spawn(command)
    });
    let mut first = vec![0; 3_000_003];
    socket.read_exact(&mut first).unwrap();
    drop(socket);
    connect.err.wait_for("is lost");
    let socket = answer(&listener);
    let second = read_rest(&socket);
    drop(socket);
    connect.exits(0);
    let second = second.strip_suffix(b"88").unwrap();
    // Those that arrived twice count once.
    let mut expected = 0;
    for line in first.lines().chain(second.lines()).map(Result::unwrap) {
        // The line in which the connection broke is not complete.
        if line.get(27..).is_some_and(|line| line.parse() == Ok(expected) && line.len() == 60) {
            expected += 1;
        }
    }
    assert_eq!(expected, LINES);
    assert!(!connect.err.text().contains("not delivered"), "{}", connect.err.text());
}

#[cfg(feature = "hub")]
mod hub {
    use super::*;

    /// Starts a hub that records what is said.
    fn hub(port: &str, transcript: &std::path::Path) -> (Program, u16) {
        let transcript = transcript.to_str().unwrap();
        serve_with(threadchat(&["hub", port, "--no-operator", "--transcript", transcript]))
    }

    #[test]
    fn lines_typed_while_a_hub_is_killed_and_started_again_arrive_in_order_and_none_is_lost() {
        const LINES: usize = 80;
        let folder = tempfile::tempdir().unwrap();
        let transcript = folder.path().join("said.jsonl");
        let (mut running, port) = hub("0", &transcript);
        let mut connect = connect(port, &["--reconnect", "--name", "ann"]);
        connect.types("/join team\n");
        connect.out.wait_for("welcome to team");
        for number in 0..LINES {
            connect.types(format!("line {number}\n"));
            if number % 40 == 20 {
                connect.err.wait_for_times(1 + number / 40, "...connected to");
                running.kill();
                connect.err.wait_for_times(1 + number / 40, "is lost");
                (running, _) = hub(&port.to_string(), &transcript);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        connect.types("88\n");
        connect.exits(0);
        let recorded = || std::fs::read_to_string(&transcript).unwrap();
        let last = format!(r#""text":"line {}""#, LINES - 1);
        wait_until("everything is recorded", || recorded().contains(&last));
        let mut expected = 0;
        for said in recorded().lines().filter(|line| line.contains(r#""event":"said""#)) {
            let is_ann = said.contains(r#""name":"ann","room":"team""#);
            assert!(is_ann, "under another name or in another room: {said}");
            if said.contains(&format!(r#""text":"line {expected}""#)) {
                expected += 1;
            }
        }
        assert_eq!(expected, LINES, "{}", recorded());
    }

    #[test]
    fn a_hub_that_ends_says_goodbye_and_is_not_called_again() {
        let (mut running, port) = serve_with(threadchat(&["hub", "0"]));
        let mut connect = connect(port, &["--reconnect"]);
        connect.out.wait_for("welcome");
        running.types("88\n");
        running.exits(0);
        connect.exits(0);
    }
}
