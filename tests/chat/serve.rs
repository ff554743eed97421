//! One conversation after the other: callers, and what is typed between them.

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

/// However soon one calls after the other has left: the line is not busy then.
#[test]
fn a_caller_may_come_the_moment_the_one_before_has_left() {
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
    serve.err.wait_for("without 88");
}

#[test]
fn a_second_caller_is_told_that_the_line_is_busy_and_the_conversation_notices_only_a_notice() {
    let (mut serve, port) = serve(&["--once"]);
    let mut first = connect(port, &[]);
    serve.err.wait_for("...connected from");
    let mut second = connect(port, &[]);
    // What the one who is turned away says is thrown away.
    let _ = second.stdin.as_mut().unwrap().write_all(b"let me in\n");
    second.exits(0);
    assert!(second.out.wait_for_texts(1)[0].contains("the line is busy"));
    assert!(second.err.text().contains("they said 88"));
    serve.err.wait_for("was told that the line is busy");
    first.types("still here\n88\n");
    first.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(1), ["still here"]);
}

#[test]
fn a_caller_that_is_turned_away_and_does_not_close_is_closed_after_a_second() {
    let (serve, port) = serve(&[]);
    let _first = connect(port, &[]);
    serve.err.wait_for("...connected from");
    let mut second = call(port);
    assert!(read_line(&second).contains("the line is busy"));
    expect_bytes(&second, b"88");
    // It is read until then, and not reset; afterwards it is gone.
    let began = Instant::now();
    while second.write_all(b"more and more").is_ok() {
        assert!(began.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn of_many_callers_at_once_only_so_many_are_told_and_the_rest_are_closed() {
    let (serve, port) = serve(&[]);
    let mut first = connect(port, &[]);
    serve.err.wait_for("...connected from");
    let mut callers: Vec<TcpStream> = (0..40).map(|_| call(port)).collect();
    let told = callers.iter_mut().filter_map(|caller| {
        let mut said = Vec::new();
        // Those that are just closed may see a reset.
        let _ = caller.read_to_end(&mut said);
        String::from_utf8(said).unwrap().ends_with("88").then_some(())
    });
    let told = told.count();
    assert!((16..40).contains(&told), "{told}");
    serve.err.wait_for("too many calls at once");
    first.types("undisturbed\n");
    serve.out.wait_for("undisturbed");
}

#[test]
fn lines_typed_before_a_call_are_kept_for_the_caller_and_an_88_among_them_ends_that_call() {
    let (mut serve, port) = serve(&[]);
    serve.types("one\ntwo\n88\nthree\n");
    serve.err.wait_for("what you type is kept");
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
fn the_end_of_the_input_is_kept_too_and_later_callers_are_listened_to() {
    let (mut serve, port) = serve(&[]);
    serve.types("only line\n");
    serve.ends_input();
    serve.err.wait_for("what you type is kept");
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
fn an_input_that_ended_after_its_88_leaves_the_next_callers_to_be_listened_to() {
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
fn a_caller_still_gets_its_goodbye_when_the_program_ends() {
    let (mut serve, port) = serve(&["--once"]);
    let mut first = connect(port, &[]);
    serve.err.wait_for("...connected from");
    let mut second = call(port);
    // What it has said must not reset the connection before it has read what it is told.
    second.write_all(b"hello?\n").unwrap();
    first.types("88\n");
    first.exits(0);
    assert!(read_line(&second).contains("the line is busy"));
    expect_bytes(&second, b"88");
    drop(second);
    serve.exits(0);
}

/// Not even the listener's system may reset it.
#[test]
fn who_calls_while_the_program_is_ending_gets_a_goodbye_too() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = threadchat(&["serve", "0", "--once"]);
    command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped());
    let (mut serve, port) = Program::spawn(command).with_port();
    let mut first = call(port);
    // More than the screen takes, so that the end has to wait for it.
    first.write_all(&b"a line\n".repeat(20_000)).unwrap();
    first.write_all(b"88\n").unwrap();
    first.shutdown(std::net::Shutdown::Write).unwrap();
    serve.err.wait_for("they said 88");
    let mut callers: Vec<_> = (0..3).map(|_| call(port)).collect();
    for caller in &mut callers {
        caller.write_all(b"hello?\n").unwrap();
    }
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    for caller in callers {
        assert!(read_line(&caller).contains("the line is busy"));
        expect_bytes(&caller, b"88");
    }
    serve.exits(0);
}

#[test]
fn a_peer_that_drips_after_its_88_holds_nobody_up() {
    let (serve, port) = serve(&[]);
    let mut first = call(port);
    serve.err.wait_for("...connected from");
    first.write_all(b"88\n").unwrap();
    // Nothing more is sent to it: the 88 was heard.
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

/// A line belongs to whoever was connected when it was taken.
#[test]
fn what_was_not_delivered_is_counted_and_not_passed_to_the_next_caller() {
    let (mut serve, port) = serve(&[]);
    let stuck = call(port);
    serve.err.wait_for("...connected from");
    // More than fits into the system's buffers: some of it is taken and never delivered.
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
    wait_until_stable("no more is taken", || typed.load(Ordering::Relaxed));
    // With what it has not read: a reset.
    drop(stuck);
    serve.err.wait_for("not delivered");
    // What had not been taken is for the next ones.
    let mut next = connect(port, &[]);
    next.out.wait_for("for the last");
    drop(typing.join().unwrap());
    next.exits(0);
}

#[test]
fn connect_waits_for_somebody_to_listen() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut connect = Program::start(threadchat(&["connect", &free.to_string(), "--wait", "60"]));
    connect.err.wait_for("trying for 60 s");
    let mut serve = Program::start(threadchat(&["serve", "--once", &free.to_string()]));
    serve.err.wait_for("...connected from");
    connect.types("at last\n88\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(1), ["at last"]);
}
