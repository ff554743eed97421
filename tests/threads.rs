//! The threads design: all tests of a chat, and its threads.
#![allow(clippy::unwrap_used)]

mod chat;
mod common;

use common::*;

/// The design under test.
const DESIGN: &str = "threads";

#[test]
fn verbose_reports_what_each_thread_does() {
    let (mut serve, port) = serve(&["--once", "-v"]);
    let mut connect = connect(port, &["-v"]);
    connect.types("hello\n");
    // Otherwise the goodbye may come in the same read.
    serve.out.wait_for("hello");
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    assert!(connect.err.text().contains("[stdin-reader] read "), "{}", connect.err.text());
    assert!(serve.err.text().contains("[socket-reader] read 33 bytes"), "{}", serve.err.text());
}

#[cfg(all(target_os = "linux", signals))]
#[test]
fn threads_have_names_and_serve_one_conversation_after_the_other() {
    let (serve, port) = serve_with(threadchat(&["serve", "127.0.0.1:0"]));
    wait_until("its threads run", || serve.threads() == THREADS_OF_SERVE);
    for said in ["first", "second"] {
        let mut connect = connect(port, &[]);
        connect.types(format!("{said}\n"));
        serve.out.wait_for(said);
        assert_eq!(serve.threads(), THREADS_OF_SERVE);
        connect.types("88\n");
        connect.exits(0);
    }
    wait_until("its threads have stayed", || serve.threads() == THREADS_OF_SERVE);
}

#[cfg(target_os = "linux")]
#[test]
fn there_is_a_transcript_thread_only_if_there_is_a_transcript() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (connect, _socket) = accept_connect(&["--transcript", file.path().to_str().unwrap()]);
    wait_until("the transcript thread runs", || connect.threads().contains(&"transcript".to_owned()));
    let (without, _socket) = accept_connect(&[]);
    without.err.wait_for("...connected to");
    assert!(!without.threads().contains(&"transcript".to_owned()));
}
