//! Two people chat, each with a process of their own.

use crate::common::*;
use std::fmt::Write as _;
use std::process::Stdio;
use std::thread;

#[test]
fn both_type_and_read_until_one_says_88() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    connect.types("hello\n");
    assert_eq!(serve.out.wait_for_texts(1), ["hello"]);
    serve.types("hi\n");
    assert_eq!(connect.out.wait_for_texts(1), ["hi"]);
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    assert!(connect.err.text().contains("you said 88"));
    assert!(serve.err.text().contains("waiting for connection...\n...connected from: 127.0.0.1:"));
    assert!(serve.err.text().contains("they said 88"));
    assert_eq!(serve.out.text().lines().count(), 1, "only messages go to standard output");
}

#[test]
fn serve_may_say_88_too() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    serve.types("bye\n88\n");
    serve.exits(0);
    connect.exits(0);
    assert_eq!(connect.out.wait_for_texts(1), ["bye"]);
}

#[test]
fn goodbyes_may_cross() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    // `connect` is connected as soon as the system knows of the call. Until `serve` knows, too, an 88 would end it.
    serve.err.wait_for("...connected from");
    let mut typing = connect.stdin.take().unwrap();
    serve.types("88\n");
    // Fails if the other 88 arrives first.
    let _ = typing.write_all(b"88\n");
    serve.exits(0);
    connect.exits(0);
}

#[test]
fn quiet_shows_messages_and_errors_only() {
    let (mut serve, port) = serve(&["--once", "-q"]);
    let mut connect = connect(port, &["-q"]);
    connect.types("hello\n88\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(1), ["hello"]);
    assert_eq!(connect.err.text(), "");
    // A port that the system chose must be reported.
    assert!(serve.err.text().starts_with("listening on 127.0.0.1:"));
    assert_eq!(serve.err.text().lines().count(), 1);
}

/// All lines differ, so that the test sees a line that is lost, doubled or out of order.
#[test]
fn every_line_arrives_in_order_both_ways_at_once() {
    const LINES: usize = 200_000;
    let lines = |who: &str| {
        (0..LINES).fold(String::new(), |mut lines, n| {
            let _ = writeln!(lines, "{who} says line {n} of many");
            lines
        })
    };
    let (mut serve, port) = serve(&["--once", "--on-eof", "wait"]);
    let mut connect = connect(port, &["--on-eof", "wait"]);
    thread::scope(|scope| {
        scope.spawn(|| {
            serve.types(lines("serve"));
            serve.ends_input();
        });
        connect.types(lines("connect"));
        connect.ends_input();
    });
    serve.exits(0);
    connect.exits(0);
    for (heard, who) in [(&serve.out, "connect"), (&connect.out, "serve")] {
        let expected = lines(who);
        let heard = heard.text();
        assert_eq!(heard.lines().count(), LINES);
        for (heard, expected) in heard.lines().zip(expected.lines()) {
            assert_eq!(text(heard), expected);
        }
    }
}

#[test]
fn a_file_arrives_at_a_peer_without_input_in_either_direction() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
    std::fs::write(file.path(), &lines).unwrap();
    let from_file = |mut command: std::process::Command| {
        command.stdin(file.reopen().unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let listening = |mut command: std::process::Command| {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let texts = |heard: &str| heard.lines().map(|line| format!("{}\n", text(line))).collect::<String>();

    let serving = Program::spawn(listening(threadchat(&["serve", "--once", "0"])));
    let (mut serve, port) = serving.with_port();
    let port = port.to_string();
    let mut connect = Program::spawn(from_file(threadchat(&["connect", &port])));
    connect.exits(0);
    serve.exits(0);
    assert_eq!(texts(&serve.out.text()), lines);

    let serving = Program::spawn(from_file(threadchat(&["serve", "--once", "0"])));
    let (mut serve, port) = serving.with_port();
    let port = port.to_string();
    let mut connect = Program::spawn(listening(threadchat(&["connect", &port])));
    connect.exits(0);
    serve.exits(0);
    assert_eq!(texts(&connect.out.text()), lines);
}

#[test]
fn the_last_line_needs_no_newline() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    connect.types("one\ntwo");
    connect.ends_input();
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(2), ["one", "two"]);
    assert!(connect.err.text().contains("end of input: said 88 for you"));
}

#[test]
fn an_empty_line_is_a_message() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    connect.types("\n\r\n88\r\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(2), ["", ""]);
}

#[test]
fn text_is_shown_unaltered_when_the_output_is_not_a_terminal() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    connect.types(b"\x1b[31mred\x07 \xff\xfe \t end\n88\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(&serve.out.bytes()[27..], b"\x1b[31mred\x07 \xff\xfe \t end\n");
}

#[test]
fn a_long_line_is_sent_as_several_messages() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &["--max-line", "40"]);
    // The stamp takes 27 of the 40 bytes: 13 are left, and an ä takes two.
    connect.types("123456789012äb88\n88\n");
    connect.exits(0);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(2), ["123456789012", "äb88"]);
}

#[test]
fn lines_after_an_88_in_the_input_are_not_sent_and_that_is_reported() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    connect.types("one\n88\ntwo\n");
    connect.exits(1);
    serve.exits(0);
    assert_eq!(serve.out.wait_for_texts(1), ["one"]);
    assert!(connect.err.text().contains("the rest was not sent"));
}

#[test]
fn with_literal_a_file_that_has_a_line_88_arrives_whole() {
    let lines: Vec<String> = (1..=100).map(|n| n.to_string()).collect();
    for who in ["serve", "connect"] {
        let args = |side| if side == who { &["--literal"][..] } else { &[] };
        let (mut serve, port) = serve(&[&["--once"], args("serve")].concat());
        let mut connect = connect(port, args("connect"));
        let (from, to) = match who {
            "serve" => (&mut serve, &mut connect),
            _ => (&mut connect, &mut serve),
        };
        from.types(lines.join("\n"));
        from.ends_input();
        from.exits(0);
        to.exits(0);
        assert_eq!(to.out.wait_for_texts(100), lines);
    }
}

#[test]
fn the_first_input_to_end_ends_the_chat_and_the_other_side_reports_that_its_input_was_cut_short() {
    let (mut serve, port) = serve(&["--once"]);
    let mut connect = connect(port, &[]);
    connect.types("still going\n");
    serve.out.wait_for("still going");
    serve.types("done\n");
    serve.ends_input();
    serve.exits(0);
    connect.exits(0);
    assert!(connect.err.text().contains("your input was cut short"), "{}", connect.err.text());
}

#[cfg(unix)]
#[test]
fn stamps_use_the_time_zone_in_tz() {
    let (mut connect, socket) = accept_from(|port| {
        let mut command = threadchat(&["connect", port]);
        command.env("TZ", "XYZ-13");
        Program::start(command)
    });
    connect.types("what time is it?\n");
    let hour = |stamp: &str| stamp[12..14].parse::<u8>().unwrap();
    let there = hour(&read_line(&socket));
    let here = time::OffsetDateTime::now_utc().hour();
    assert!([13, 12].contains(&((there + 24 - here) % 24)), "{there} there, {here} here");
}
