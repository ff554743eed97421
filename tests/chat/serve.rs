//! `serve` has one conversation after another: its callers, and the lines typed between calls.

use crate::common::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn three_callers_are_served_one_after_the_other() {
    let (mut serve, port) = serve(&[]);
    for name in ["one", "two", "three"] {
        let mut connect = connect(port, &[]);
        connect.types(format!("{name} calling\n"));
        serve.out.wait_for(&format!("{name} calling"));
        serve.types(format!("hello {name}\n"));
        assert_eq!(connect.out.wait_for_texts(1), [format!("hello {name}")]);
        connect.types("88\n");
        connect.exits(0);
    }
    let waiting =
        |said: &[u8]| String::from_utf8_lossy(said).matches("waiting for connection...").count() == 4;
    serve.err.wait_until("the fourth waiting", waiting);
    serve.types("88\n");
    serve.exits(0);
}

/// The line is free as soon as the last caller has exited.
#[test]
fn a_caller_may_call_the_moment_the_last_one_has_left() {
    let (mut serve, port) = serve(&[]);
    for n in 0..30 {
        let mut connect = connect(port, &["-q"]);
        connect.types(format!("{n}\n88\n"));
        connect.exits(0);
        assert_eq!(connect.out.text(), "");
    }
    assert_eq!(serve.out.wait_for_texts(30), (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
    serve.types("88\n");
    serve.exits(0);
}

#[test]
fn a_caller_that_was_killed_leaves_the_line_to_the_next() {
    let (serve, port) = serve(&[]);
    let mut killed = connect(port, &[]);
    killed.types("hello\n");
    serve.out.wait_for("hello");
    killed.kill();
    let mut next = connect(port, &[]);
    next.types("next\n88\n");
    next.exits(0);
    serve.out.wait_for("next");
    serve.err.wait_for(if is_encrypted() { "the connection was cut off" } else { "without 88" });
}

/// Somebody who has called and is heard, so that the line is busy.
fn talking(serve: &Program, port: u16) -> Program {
    let mut first = connect(port, &[]);
    first.types("hello\n");
    serve.out.wait_for("hello");
    first
}

#[test]
fn a_second_caller_hears_that_the_line_is_busy_and_the_conversation_only_sees_a_notice() {
    let (mut serve, port) = serve(&["--once"]);
    let mut first = talking(&serve, port);
    let mut second = Program::start(threadchat(&["connect", &port.to_string()]));
    // A line from a rejected caller is discarded.
    let _ = second.stdin.as_mut().unwrap().write_all(b"let me in\n");
    second.exits(1);
    assert_eq!(second.out.text(), "", "it is no message");
    let said = second.err.text();
    let reason = match is_encrypted() {
        true => "the line may be busy; please call again later",
        false => "did not let us in: the line is busy: others are talking here; please call again later",
    };
    assert!(said.contains(reason) && !said.contains("they said 88"), "{said}");
    serve.err.wait_for("was told that the line is busy");
    first.types("still here\n88\n");
    first.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(2), ["hello", "still here"]);
}

#[test]
fn with_wait_a_caller_waits_until_the_line_is_free_and_loses_nothing() {
    let (serve, port) = serve(&[]);
    let mut first = talking(&serve, port);
    let mut second = Program::start(threadchat(&["connect", "--wait", "60", &port.to_string()]));
    second.types("one\ntwo\n");
    second.ends_input();
    second.err.wait_for("; calling again");
    first.types("88\n");
    first.exits(0);
    second.exits(0);
    assert_eq!(serve.out.wait_for_texts(3), ["hello", "one", "two"]);
    assert_eq!(second.out.text(), "");
}

#[test]
fn a_caller_that_was_not_let_in_until_its_time_was_up_has_failed() {
    let (serve, port) = serve(&[]);
    let _first = talking(&serve, port);
    let mut second = Program::start(threadchat(&["connect", "--wait", "0.5", &port.to_string()]));
    second.exits(1);
    assert!(second.err.text().contains("busy"), "{}", second.err.text());
}

#[test]
fn a_rejected_caller_that_does_not_close_is_disconnected_after_a_second() {
    let (serve, port) = serve(&[]);
    let _first = talking(&serve, port);
    let mut second = call_in_clear_text(port);
    hears_that_the_line_is_busy(&second);
    // Until then it is read, and not reset. Afterwards the connection is closed.
    let began = Instant::now();
    while second.write_all(b"more and more").is_ok() {
        assert!(began.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn of_many_callers_at_once_some_hear_that_the_line_is_busy_and_the_rest_are_disconnected() {
    let (serve, port) = serve(&[]);
    let mut first = talking(&serve, port);
    let mut callers: Vec<TcpStream> = (0..40).map(|_| call_in_clear_text(port)).collect();
    let end: &[u8] = if is_encrypted() { &ACCESS_DENIED } else { b"88" };
    let notified = callers.iter_mut().filter_map(|caller| {
        let mut said = Vec::new();
        // Those that are only disconnected may see a reset.
        let _ = caller.read_to_end(&mut said);
        said.ends_with(end).then_some(())
    });
    let notified = notified.count();
    assert!((16..40).contains(&notified), "{notified}");
    serve.err.wait_for("too many calls at once");
    first.types("undisturbed\n");
    serve.out.wait_for("undisturbed");
}

#[test]
fn callers_who_are_turned_away_are_reported_once_a_second() {
    let (serve, port) = serve(&[]);
    let _first = talking(&serve, port);
    let began = Instant::now();
    // Those that are only disconnected may see a reset.
    (0..500).for_each(|_| drop(TcpStream::connect(("127.0.0.1", port))));
    let reported = || -> Vec<usize> {
        let count = |line: &str| match line.split_once(" more callers were turned away; ") {
            Some((count, _)) => count.parse().ok(),
            None => line.contains(" called and was ").then_some(1),
        };
        serve.err.text().lines().filter_map(count).collect()
    };
    wait_until("all are reported", || reported().iter().sum::<usize>() == 500);
    assert!(reported().len() as u64 <= began.elapsed().as_secs() + 2, "{}", serve.err.text());
}

#[test]
fn lines_typed_before_a_call_are_kept_for_the_caller_and_an_88_among_them_ends_that_call() {
    let (mut serve, port) = serve(&[]);
    serve.types("one\ntwo\n88\nthree\n");
    serve.err.wait_for("your input is kept");
    let mut first = connect(port, &[]);
    first.exits(0);
    assert_eq!(first.out.wait_for_texts(2), ["one", "two"]);
    let mut second = connect(port, &[]);
    assert_eq!(second.out.wait_for_texts(1), ["three"]);
    second.types("88\n");
    second.exits(0);
    // Now nothing is kept.
    serve.types("88\n");
    serve.exits(0);
}

#[test]
fn an_88_ends_a_waiting_serve_when_nothing_is_kept() {
    let (mut serve, _) = serve(&[]);
    serve.types("8");
    serve.types("8\r\n");
    serve.exits(0);
}

#[test]
fn the_end_of_the_input_is_kept_too_and_messages_of_later_callers_are_shown() {
    let (mut serve, port) = serve(&[]);
    serve.types("only line\n");
    serve.ends_input();
    serve.err.wait_for("your input is kept");
    let mut first = connect(port, &[]);
    first.exits(0);
    assert_eq!(first.out.wait_for_texts(1), ["only line"]);
    let mut second = connect(port, &[]);
    second.types("hello\n");
    serve.out.wait_for("hello");
    second.types("88\n");
    second.exits(0);
    assert_eq!(second.out.text(), "");
}

#[test]
fn after_an_input_that_ended_with_88_messages_of_later_callers_are_shown() {
    let (mut serve, port) = serve(&[]);
    serve.types("hello\n88\n");
    serve.ends_input();
    let mut first = connect(port, &[]);
    first.exits(0);
    assert_eq!(first.out.wait_for_texts(1), ["hello"]);
    let mut second = connect(port, &[]);
    second.types("are you there?\n");
    serve.out.wait_for("are you there?");
    second.types("88\n");
    second.exits(0);
}

#[test]
fn a_rejected_caller_gets_its_goodbye_although_the_program_is_ending() {
    let (mut serve, port) = serve(&["--once"]);
    let mut first = talking(&serve, port);
    let mut second = call_in_clear_text(port);
    // Its unread line must not reset the connection before it has read the answer.
    second.write_all(b"hello?\n").unwrap();
    first.types("88\n");
    first.exits(0);
    hears_that_the_line_is_busy(&second);
    drop(second);
    serve.exits(0);
}

/// The system must not reset these connections when the listener closes.
#[test]
fn a_caller_that_calls_while_the_program_is_ending_gets_a_goodbye_too() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = threadchat(&["serve", "0", "--once"]);
    command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped());
    let (mut serve, port) = Program::spawn(command).with_port();
    let mut first = call(port);
    // A little more than the screen accepts, so that the program has to wait for it before it exits; but not more than it reads
    // nevertheless, in however small pieces. A pipe holds 64 KiB, or 4 KiB on Windows.
    first.write_all(&b"a line\n".repeat(if cfg!(windows) { 700 } else { 10_000 })).unwrap();
    first.write_all(b"88\n").unwrap();
    first.shutdown(std::net::Shutdown::Write).unwrap();
    serve.err.wait_for("they said 88");
    let mut callers: Vec<_> = (0..3).map(|_| call_in_clear_text(port)).collect();
    for caller in &mut callers {
        caller.write_all(b"hello?\n").unwrap();
    }
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    callers.iter().for_each(hears_that_the_line_is_busy);
    drop(callers);
    serve.exits(0);
}

#[test]
fn a_peer_that_keeps_sending_after_its_88_does_not_delay_the_next_caller() {
    let (serve, port) = serve(&[]);
    let mut first = call(port);
    first.write_all(b"88\n").unwrap();
    // The stream ends without an 88, because its own 88 has arrived.
    assert_eq!(read_rest(&first), b"");
    let drip = std::thread::spawn(move || {
        while first.write_all(b".").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut next = connect(port, &[]);
    next.types("my turn\n");
    serve.out.wait_for("my turn");
    drip.join().unwrap();
}

/// A line belongs to the caller that was connected when `serve` read it.
#[test]
fn undelivered_lines_are_counted_and_not_passed_to_the_next_caller() {
    let (mut serve, port) = serve(&[]);
    let stuck = call(port);
    serve.err.wait_for("...connected from");
    // More than fits into the system's buffers, so some lines are read and never delivered.
    let line = [&b"for the first"[..], &[b'.'; 1000], b"\n"].concat();
    let mut input = serve.stdin.take().unwrap();
    let typed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&typed);
    let typing = std::thread::spawn(move || {
        for _ in 0..20_000 {
            input.write_all(&line).unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
        input.write_all(b"for the last\n").unwrap();
        input
    });
    wait_until_stable("no more lines are read", || typed.load(Ordering::Relaxed));
    // Closing with unread data resets the connection.
    drop(stuck);
    serve.err.wait_for("not delivered");
    // Lines that had not been read yet go to the next caller.
    let mut next = connect(port, &[]);
    next.out.wait_for("for the last");
    drop(typing.join().unwrap());
    next.exits(0);
}

#[test]
fn connect_with_wait_connects_when_a_listener_appears() {
    let free = free_port();
    let mut connect = Program::start(threadchat(&["connect", &free.to_string(), "--wait", "60"]));
    connect.err.wait_for("trying for 60 s");
    let mut serve = Program::start(threadchat(&["serve", "--once", &free.to_string()]));
    connect.types("at last\n88\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(1), ["at last"]);
}

/// Whatever these connections are, the line is free for the caller who comes then.
#[test]
fn connections_that_are_no_callers_leave_no_trace_but_a_notice_of_those_that_sent_something() {
    if is_for_clear_text("it counts notices, and looks at the bytes of a browser") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chat.jsonl");
    let (mut serve, port) = serve(&["--once", "--transcript", file.to_str().unwrap()]);
    serve.types("kept for somebody who chats\n");
    serve.err.wait_for("your input is kept");
    for _ in 0..10 {
        // As `nc -z` does.
        drop(call(port));
    }
    let mut browser = call(port);
    browser.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n/name mallory\nhello\n88\n").unwrap();
    let answer = String::from_utf8(read_rest(&browser)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("threadchat"), "{answer}");
    drop(browser);
    serve.err.wait_for("sent an HTTP request");
    let mut connect = connect(port, &[]);
    connect.types("hello\n");
    assert_eq!(connect.out.wait_for_texts(1), ["kept for somebody who chats"]);
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(1), ["hello"]);
    let said = serve.err.text();
    assert_eq!(said.matches("connected from").count(), 1, "{said}");
    // Where it listens, that it waits and keeps, the browser, the caller, their goodbye, and that our input had not ended.
    assert_eq!(said.lines().count(), 7, "{said}");
    let recorded = std::fs::read_to_string(file).unwrap();
    assert_eq!((recorded.matches("\"connected\"").count(), recorded.matches("\"closed\"").count()), (1, 1));
    assert!(!recorded.contains("mallory") && !recorded.contains("HTTP"), "{recorded}");
}

/// The answer must not be overtaken by a reset.
#[test]
fn a_browser_that_sends_much_still_reads_the_answer() {
    let (_serve, port) = serve(&[]);
    let mut browser = call(port);
    browser.write_all(b"POST / HTTP/1.1\r\n\r\n").unwrap();
    // Fails when the connection is closed.
    while browser.write_all(&[b'x'; 100_000]).is_ok() && !has_input(&browser) {}
    let _ = browser.write_all(&[b'x'; 1_000_000]);
    let answer = String::from_utf8(read_rest(&browser)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

fn has_input(socket: &TcpStream) -> bool {
    socket.set_nonblocking(true).unwrap();
    let is_ready = socket.peek(&mut [0]).is_ok();
    socket.set_nonblocking(false).unwrap();
    is_ready
}

#[test]
fn a_caller_that_keeps_silent_is_greeted_after_a_second() {
    if is_for_clear_text("who has opened TLS is no probe") {
        return;
    }
    let (mut serve, port) = serve(&[]);
    let began = Instant::now();
    let caller = call(port);
    serve.types("hello?\n");
    assert_eq!(text(&read_line(&caller)), "hello?");
    assert!(began.elapsed() >= threadchat::rules::settings::PROBE_TIME);
    serve.err.wait_for("...connected from");
}

#[test]
fn telnet_gets_its_answers_and_lines_that_end_as_it_needs() {
    let (mut serve, port) = serve(&["--once"]);
    let mut telnet = call(port);
    // Interrupt and DO TIMING-MARK: what telnet sends for Ctrl-C.
    telnet.write_all(b"forget this\xff\xf4\xff\xfd\x06hello\r\n").unwrap();
    expect_bytes(&telnet, b"\xff\xfb\x06");
    assert_eq!(serve.out.wait_for("\n"), "hello\n");
    serve.types("hi\n");
    assert_eq!(text(&read_line(&telnet)), "hi\r");
    telnet.write_all(b"88\r\n").unwrap();
    assert_eq!(read_rest(&telnet), b"");
    drop(telnet);
    serve.exits(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_telnet_that_asks_without_end_and_reads_nothing_costs_no_memory() {
    let (mut serve, port) = serve(&[]);
    let mut telnet = call(port);
    let asks = b"\xff\xfd\x06".repeat(100_000);
    telnet.write_all(&asks).unwrap();
    serve.forget_peak_memory();
    let before = serve.peak_memory();
    for _ in 0..200 {
        telnet.write_all(&asks).unwrap();
    }
    telnet.write_all(b"that was all\r\n").unwrap();
    serve.out.wait_for("that was all");
    assert!(serve.peak_memory() < before + (16 << 20), "{} after {before}", serve.peak_memory());
    assert!(serve.is_running());
}
