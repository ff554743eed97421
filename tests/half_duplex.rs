//! The half-duplex design: the two sides take strict turns.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(target_os = "linux")]
use std::process::Stdio;

/// The design under test.
const DESIGN: &str = "half-duplex";

/// For a peer with a full-duplex design.
const FULL_DUPLEX: &[&str] = &["--design", "threads"];

/// Starts `serve --once`, and connects this test to it.
fn serve_one() -> (Program, TcpStream) {
    let (serve, port) = serve(&["--once"]);
    let socket = call(port);
    serve.err.wait_for("...connected from");
    (serve, socket)
}

/// Checks that nothing arrives within a time in which a message would have arrived.
#[track_caller]
fn expect_nothing(socket: &TcpStream) {
    socket.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let read = (&*socket).read(&mut [0]);
    assert!(read.is_err(), "{read:?}");
    socket.set_read_timeout(Some(LIMIT)).unwrap();
}

#[test]
fn connect_speaks_first_and_then_they_take_turns() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    for round in ["one", "two", "three"] {
        connect.types(format!("{round}?\n"));
        serve.out.wait_for(&format!("{round}?"));
        serve.types(format!("{round}!\n"));
        connect.out.wait_for(&format!("{round}!"));
    }
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(3), ["one?", "two?", "three?"]);
    assert_eq!(connect.out.wait_for_texts(3), ["one!", "two!", "three!"]);
    assert!(connect.err.text().starts_with("taking turns"), "{}", connect.err.text());
    assert!(connect.err.text().contains("you said 88") && serve.err.text().contains("they said 88"));
}

#[test]
fn verbose_reports_what_it_waits_for() {
    let (mut serve, port) = serve(&["--once", "-v"]);
    serve.err.wait_for("[main] waits for a caller");
    let mut connect = connect(port, &["-v"]);
    connect.err.wait_for("[main] waits for the keyboard");
    serve.err.wait_for("[main] waits for the socket");
    connect.types("hello\n");
    serve.out.wait_for("hello");
    connect.err.wait_for("[main] decides to send (message 1)");
    serve.err.wait_for("[main] waits for the keyboard");
    connect.err.wait_for("[main] waits for the socket");
    serve.types("88\n");
    serve.exits(0);
    connect.exits(0);
}

#[test]
fn a_caller_without_input_that_is_not_let_in_has_failed_and_other_first_lines_are_shown() {
    let busy =
        "[Mon Nov  9 06:18:34 2026] the line is busy: others are talking here; please call again later\n";
    for (said, code, shown) in [(&*format!("{busy}88"), 1, ""), (busy, 0, busy)] {
        let (mut connect, mut socket) = accept_connect(&[]);
        socket.write_all(said.as_bytes()).unwrap();
        connect.ends_input();
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        connect.exits(code);
        assert_eq!(connect.out.text(), shown);
        assert_eq!(connect.err.text().contains("did not let us in: the line is busy"), code == 1);
    }
}

#[test]
fn lines_typed_out_of_turn_are_sent_one_a_turn() {
    let (mut connect, mut socket) = accept_connect(&[]);
    connect.types("one\ntwo\nthree\n");
    for (said, answer) in [("one", "1\n"), ("two", "2\n"), ("three", "88\n")] {
        assert_eq!(text(&read_line(&socket)), said);
        expect_nothing(&socket);
        socket.write_all(answer.as_bytes()).unwrap();
    }
    assert_eq!(read_rest(&socket), b"");
    drop(socket);
    connect.exits(0);
    assert_eq!(connect.out.text(), "1\n2\n");
}

#[test]
fn three_messages_in_a_row_are_shown_one_a_turn_and_none_is_lost() {
    let (mut serve, mut socket) = serve_one();
    socket.write_all(b"one\ntwo\nthr").unwrap();
    serve.out.wait_for("one");
    socket.write_all(b"ee\n88\n").unwrap();
    for (answer, heard) in [("1\n", "one\ntwo\n"), ("2\n", "one\ntwo\nthree\n")] {
        assert!(!serve.out.text().contains(heard));
        serve.types(answer);
        serve.out.wait_for(heard);
    }
    serve.types("3\n");
    serve.exits(0);
    for answer in ["1", "2", "3"] {
        assert_eq!(text(&read_line(&socket)), answer);
    }
    assert_eq!(read_rest(&socket), b"");
    assert!(serve.err.text().contains("they said 88"));
}

#[test]
fn messages_that_are_unread_at_our_goodbye_are_shown_after_it() {
    let (mut serve, mut socket) = serve_one();
    socket.write_all(b"one\ntwo\nthree\n").unwrap();
    serve.out.wait_for("one");
    serve.types("88\n");
    let mut goodbye = [0; 2];
    socket.read_exact(&mut goodbye).unwrap();
    assert_eq!(&goodbye, b"88");
    socket.write_all(b"four").unwrap();
    drop(socket);
    serve.exits(0);
    assert_eq!(serve.out.text(), "one\ntwo\nthree\nfour\n");
}

#[test]
fn what_follows_the_goodbye_of_the_peer_is_discarded() {
    let (mut serve, mut socket) = serve_one();
    socket.write_all(b"88\nafterwards\n").unwrap();
    assert_eq!(read_rest(&socket), b"");
    socket.write_all(b"long afterwards\n").unwrap();
    drop(socket);
    serve.exits(0);
    assert_eq!(serve.out.text(), "");
}

#[test]
fn a_peer_that_keeps_sending_is_read_to_the_end_and_can_read_our_goodbye() {
    let (mut connect, mut socket) = accept_connect(&[]);
    socket.write_all(&b"we speak, although it is not our turn\n".repeat(1000)).unwrap();
    connect.types("88\n");
    connect.err.wait_for("you said 88");
    for _ in 0..10 {
        // The second write to a connection that was reset fails.
        socket.write_all(b"still here\n").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    connect.exits(0);
    assert_eq!(connect.out.text().lines().count(), 1010);
}

#[test]
fn the_program_does_not_wait_long_for_a_peer_that_does_not_close_after_the_goodbye() {
    let (mut connect, mut socket) = accept_connect(&[]);
    connect.types("88\n");
    assert_eq!(read_rest(&socket), b"88");
    // What the peer still sends does not extend the wait.
    std::thread::spawn(move || while socket.write_all(b"still here\n").is_ok() {});
    let began = std::time::Instant::now();
    connect.exits(0);
    assert!(began.elapsed().as_secs() < 10);
}

#[test]
fn the_end_of_the_input_says_88_in_our_next_turn() {
    let (mut serve, mut socket) = serve_one();
    serve.types("one");
    serve.ends_input();
    socket.write_all(b"1\n").unwrap();
    assert_eq!(text(&read_line(&socket)), "one");
    expect_nothing(&socket);
    socket.write_all(b"2\n").unwrap();
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    serve.exits(0);
    assert_eq!(serve.out.text(), "1\n2\n");
    assert!(serve.err.text().contains("end of input: said 88 for you"));
}

#[test]
fn input_that_had_no_turn_is_reported_as_not_sent() {
    let (mut connect, mut socket) = accept_connect(&[]);
    connect.types("one\ntwo\n");
    assert_eq!(text(&read_line(&socket)), "one");
    socket.write_all(b"88").unwrap();
    assert_eq!(read_rest(&socket), b"");
    drop(socket);
    connect.exits(0);
    assert!(connect.err.text().contains("the rest was not sent"), "{}", connect.err.text());
}

#[test]
fn messages_without_newlines_are_received_and_sent() {
    let (mut connect, mut socket) = accept_connect(&["--wire", "unframed"]);
    connect.types("hello\n");
    let mut message = [0; 32];
    socket.read_exact(&mut message).unwrap();
    assert_eq!(text(&String::from_utf8_lossy(&message)), "hello");
    expect_nothing(&socket);
    socket.write_all(b"hi").unwrap();
    connect.out.wait_for("hi");
    connect.types("one more\n");
    socket.read_exact(&mut [0; 35]).unwrap();
    socket.write_all(b"88").unwrap();
    assert_eq!(read_rest(&socket), b"");
    drop(socket);
    connect.exits(0);
}

#[test]
fn a_last_message_that_ends_in_88_is_shown_and_ends_the_chat_cleanly() {
    let (mut serve, mut socket) = serve_one();
    socket.write_all(b"hello88").unwrap();
    drop(socket);
    serve.exits(0);
    assert_eq!(serve.out.text(), "hello88\n");
    assert!(serve.err.text().contains("counts as their goodbye"));
}

#[test]
fn a_peer_that_leaves_without_88_or_is_killed_is_an_error() {
    let (mut serve, mut socket) = serve_one();
    socket.write_all(b"hello\nlast").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    serve.types("one\ntwo\n");
    serve.exits(1);
    assert_eq!(serve.out.text(), "hello\nlast\n");
    assert!(serve.err.text().contains("closed the connection without 88"), "{}", serve.err.text());

    let (mut serve, port) = serve_with(threadchat(&["serve", "0", "--once"]));
    let mut connect = connect(port, &[]);
    connect.types("hello\n");
    serve.out.wait_for("hello");
    connect.kill();
    serve.types("are you there?\n");
    serve.exits(1);
}

#[test]
fn a_killed_peer_does_not_end_a_serve() {
    let (serve, port) = serve(&[]);
    let mut first = connect(port, &[]);
    serve.err.wait_for("...connected from");
    first.kill();
    serve.err.wait_for("closed the connection without 88");
    let mut next = connect(port, &[]);
    next.types("hello\n");
    serve.out.wait_for("hello");
}

#[test]
fn serve_talks_with_callers_at_all_of_its_addresses() {
    let (mut serve, port) = serve(&[]);
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    for address in ["::1", "127.0.0.1"].iter().filter(|address| has_ipv6 || **address != "::1") {
        let mut connect = Program::start(threadchat(&["connect", address, &port.to_string()]));
        connect.types(format!("from {address}\n88\n"));
        serve.out.wait_for(&format!("from {address}\n"));
        serve.types("hello\n");
        connect.exits(0);
    }
    serve.kill();
}

#[test]
fn serve_accepts_a_waiting_caller_after_the_last_one_has_left() {
    let (mut serve, port) = serve(&[]);
    let mut first = connect(port, &[]);
    first.types("from the first\n");
    serve.err.wait_for("...connected from");
    serve.out.wait_for("from the first");
    let mut second = connect(port, &[]);
    second.types("from the second\n");
    serve.types("to the first\n");
    first.out.wait_for("to the first");
    assert_eq!(serve.err.text().matches("...connected from").count(), 1);
    first.types("88\n");
    first.exits(0);
    serve.out.wait_for("from the second");
    serve.types("to the second\n");
    second.out.wait_for("to the second");
    second.types("bye\n");
    serve.out.wait_for("bye");
    serve.types("88\n");
    second.exits(0);
    // A `serve` that takes turns exits when its input has ended.
    serve.ends_input();
    let mut third = connect(port, &[]);
    third.types("hello\n");
    serve.exits(0);
    third.exits(0);
}

#[test]
fn it_talks_with_a_full_duplex_design() {
    let (mut turns, port) = serve(&["--once"]);
    let mut full = connect(port, FULL_DUPLEX);
    full.types("one\ntwo\n");
    turns.out.wait_for("one");
    turns.types("1\n");
    full.out.wait_for("1");
    turns.out.wait_for("two");
    turns.types("88\n");
    turns.exits(0);
    full.exits(0);

    let (mut full, port) = serve(&[&["--once"], FULL_DUPLEX].concat());
    let mut turns = connect(port, &[]);
    turns.types("one\ntwo\n");
    full.out.wait_for("one");
    full.types("1\n88\n");
    full.out.wait_for("two");
    full.exits(0);
    turns.exits(0);
    assert_eq!(full.out.wait_for_texts(2), ["one", "two"]);
    assert_eq!(turns.out.wait_for_texts(1), ["1"]);
}

#[test]
fn quiet_shows_messages_and_errors_only() {
    let (mut serve, port) = serve(&["--once", "-q"]);
    let mut connect = connect(port, &["-q"]);
    connect.types("hello\n");
    serve.out.wait_for("hello");
    serve.types("88\n");
    serve.exits(0);
    connect.exits(0);
    assert_eq!(connect.err.text(), "");
    assert_eq!(serve.err.text().lines().count(), 1, "{}", serve.err.text());
}

#[test]
fn a_long_line_takes_a_turn_for_each_of_its_messages() {
    let (mut connect, mut socket) = accept_connect(&["--max-line", "40"]);
    connect.types("123456789012äb88\n");
    assert_eq!(text(&read_line(&socket)), "123456789012");
    socket.write_all(b"go on\n").unwrap();
    assert_eq!(text(&read_line(&socket)), "äb88");
}

#[test]
fn options_that_need_a_full_duplex_design_are_refused() {
    let refused = [&["--on-eof", "wait"], &["--transcript", "/dev/null"]];
    for option in refused {
        for command in ["serve", "connect"] {
            let mut program = Program::start(threadchat(&[&[command], &option[..]].concat()));
            program.exits(2);
            let stderr = program.err.text();
            assert!(stderr.contains(option[0]) && stderr.contains("needs a full-duplex design"), "{stderr}");
        }
    }
}

#[test]
fn a_refused_connection_is_reported_with_what_to_try() {
    let free = free_port().to_string();
    let mut connect = Program::start(threadchat(&["connect", &free]));
    connect.exits(1);
    let stderr = connect.err.text();
    assert!(stderr.contains(&format!("threadchat: cannot connect to 127.0.0.1:{free}")), "{stderr}");
    assert!(stderr.contains("start threadchat serve first"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_nobody_reads_ends_the_chat_cleanly_and_a_full_disk_is_an_error() {
    let (screen, to_screen) = std::io::pipe().unwrap();
    drop(screen);
    wait_until_nobody_reads(&to_screen);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    for (output, code, expected) in [
        (Stdio::from(to_screen), 0, ""),
        (Stdio::from(full), 1, "cannot write the messages to standard output: No space left"),
    ] {
        let (mut connect, mut socket) = accept_from(|port| {
            let mut command = threadchat(&["connect", port]);
            command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::piped());
            Program::spawn(command)
        });
        connect.types("hello\n");
        assert_eq!(text(&read_line(&socket)), "hello");
        socket.write_all(b"nobody reads this\nnor this\n").unwrap();
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        connect.exits(code);
        let said = connect.err.text();
        assert!(said.contains(expected), "{said}");
        assert_eq!(said.matches("threadchat: ").count(), usize::try_from(code).unwrap(), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_input_that_cannot_be_read_says_88_and_is_an_error() {
    let (mut connect, socket) = accept_from(|port| {
        let mut command = threadchat(&["connect", port]);
        command.stdin(std::fs::File::open("/").unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Program::spawn(command)
    });
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    connect.exits(1);
    assert!(connect.err.text().contains("cannot read standard input: Is a directory"));
}

#[cfg(unix)]
#[test]
fn the_interrupt_signal_kills_the_program() {
    let (mut connect, socket) = accept_connect(&[]);
    connect.err.wait_for("...connected to");
    connect.signal(rustix::process::Signal::INT);
    assert_eq!(connect.status().code(), None);
    assert_eq!(read_rest(&socket), b"");
}

#[cfg(unix)]
#[test]
fn control_characters_in_messages_do_not_reach_the_terminal() {
    let (mut terminal, mut socket) = accept_from(|port| Program::start_at_terminal(&["connect", port]));
    terminal.out.wait_for("...connected to");
    terminal.types("hello\n");
    assert_eq!(text(&read_line(&socket)), "hello");
    socket.write_all(b"\x1b[31mred\x07\n").unwrap();
    terminal.out.wait_for("< ^[[31mred^G\r\n");
    terminal.types(b"\x04");
    assert_eq!(read_rest(&socket), b"88");
    drop(socket);
    terminal.exits(0);
}

/// The client of the php.cn tutorial (2018), and nc. Ignored by default, because the peers must be installed.
mod foreign {
    use super::*;
    use std::process::Command;

    #[test]
    #[ignore = "needs python3"]
    fn a_tutorial_client_takes_turns_with_serve() {
        let (mut serve, port) = serve(&["--once", "--wire", "unframed"]);
        let mut command = Command::new("python3");
        command.args(["tests/peers/tutorial_client.py", &port.to_string()]);
        let mut client = Program::start(command);
        for n in ["one", "two"] {
            client.types(format!("{n}?\n"));
            serve.out.wait_for(&format!("{n}?"));
            serve.types(format!("{n}!\n"));
            client.out.wait_for(&format!("{n}!"));
        }
        client.types("88\n");
        client.exits(0);
        serve.exits(0);
        assert_eq!(serve.out.wait_for_texts(2), ["one?", "two?"]);
    }

    #[test]
    #[ignore = "needs python3"]
    fn a_tutorial_client_reads_our_goodbye() {
        let (mut serve, port) = serve(&["--once"]);
        let mut command = Command::new("python3");
        command.args(["tests/peers/tutorial_client.py", &port.to_string()]);
        let mut client = Program::start(command);
        client.types("hello\n");
        serve.out.wait_for("hello");
        serve.types("hi\n");
        client.out.wait_for("hi");
        client.types("bye\n");
        serve.types("88\n");
        serve.exits(0);
        client.exits(0);
    }

    #[test]
    #[ignore = "needs nc"]
    fn nc_takes_turns_with_serve() {
        let (mut serve, port) = serve(&["--once"]);
        let mut command = Command::new("nc.openbsd");
        command.args(["127.0.0.1", &port.to_string()]);
        let mut nc = Program::start(command);
        nc.types("one\ntwo\n88\n");
        serve.out.wait_for("one");
        serve.types("1\n");
        serve.out.wait_for("two");
        serve.types("2\n");
        nc.ends_input();
        serve.exits(0);
        assert_eq!(serve.out.text(), "one\ntwo\n");
        assert_eq!(nc.out.wait_for_texts(2), ["1", "2"]);
    }
}

#[test]
fn an_input_that_goes_on_behind_a_line_88_was_not_delivered_and_with_literal_that_line_is_a_message() {
    for (args, texts, code) in [(&[][..], &["87"][..], 1), (&["--literal"], &["87", "88", "89"], 0)] {
        let (mut connect, mut socket) = accept_connect(args);
        connect.types("87\n88\n89");
        connect.ends_input();
        for expected in texts {
            assert_eq!(text(&read_line(&socket)), *expected);
            socket.write_all(b"go on\n").unwrap();
        }
        assert_eq!(read_rest(&socket), b"88");
        drop(socket);
        connect.exits(code);
        assert_eq!(connect.err.text().contains("the rest was not sent"), code == 1);
    }
}
