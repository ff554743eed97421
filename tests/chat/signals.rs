//! SIGINT, SIGTERM and SIGHUP are goodbyes.

use crate::common::*;
use rustix::process::Signal;
use std::io::Write;

#[test]
fn a_signal_says_88_delivers_what_is_queued_and_exits_with_its_number() {
    for (signal, name, code) in
        [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143), (Signal::HUP, "SIGHUP", 129)]
    {
        let (mut serve, port) = serve(&["--once"]);
        let mut connect = connect(port, &[]);
        connect.types("last words\n");
        serve.out.wait_for("last words");
        connect.signal(signal);
        connect.exits(code);
        serve.exits(0);
        assert!(connect.err.text().contains(&format!("{name}: said 88 for you")));
        assert!(serve.err.text().contains("they said 88"));
    }
}

#[test]
fn a_signal_ends_a_serve_that_waits_for_a_call_and_one_in_a_conversation() {
    let (mut waiting, _) = serve(&[]);
    waiting.signal(Signal::INT);
    waiting.exits(130);
    let (mut talking, port) = serve(&[]);
    let mut connect = connect(port, &[]);
    talking.err.wait_for("...connected from");
    talking.signal(Signal::TERM);
    talking.exits(143);
    connect.exits(0);
}

#[test]
fn a_signal_while_lines_are_kept_for_the_next_caller_says_that_they_were_not_delivered() {
    for (args, loss) in
        [(&[][..], "2 lines were not delivered"), (&["--raw"], "not everything was delivered")]
    {
        let (mut serve, _) = serve(args);
        serve.types("one\ntwo\n");
        serve.err.wait_for("nobody is connected yet");
        serve.signal(Signal::TERM);
        serve.exits(143);
        assert!(serve.err.text().contains(loss), "{}", serve.err.text());
    }
}

#[test]
fn a_signal_ends_a_connect_that_is_still_trying() {
    let free = free_port();
    let mut connect = Program::start(threadchat(&["connect", &free.to_string(), "--wait", "60"]));
    connect.err.wait_for("trying for 60 s");
    connect.signal(Signal::INT);
    connect.exits(130);
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let (mut connect, socket) = accept_connect(&[]);
    connect.err.wait_for("...connected to");
    connect.signal(Signal::INT);
    connect.err.wait_for("said 88 for you");
    connect.signal(Signal::TERM);
    connect.exits(143);
    drop(socket);
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let (mut connect, mut socket) =
        accept_from(|port| Program::start(threadchat_after("trap '' HUP", &["connect", port])));
    connect.err.wait_for("...connected to");
    connect.signal(Signal::HUP);
    socket.write_all(b"hello\n88\n").unwrap();
    connect.out.wait_for("hello");
    drop(socket);
    connect.exits(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_a_connect_whose_call_nobody_answers() {
    let silent = SilentListener::new();
    let mut connect = Program::start(threadchat(&["connect", &silent.port, "-v"]));
    silent.wait_until_called();
    connect.signal(Signal::INT);
    connect.exits(130);
}
