//! The select design: all tests of a chat, and its one thread.
#![allow(clippy::unwrap_used)]
#![cfg(poll)]

mod chat;
mod common;

use common::*;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

/// The design under test.
const DESIGN: &str = "select";

#[cfg(target_os = "linux")]
#[test]
fn there_is_one_thread_even_during_a_conversation_and_a_second_call() {
    let (serve, port) = serve(&[]);
    let connect = connect(port, &[]);
    let busy = call(port);
    assert!(read_line(&busy).contains("busy"));
    assert_eq!(serve.threads(), ["main"]);
    assert_eq!(connect.threads(), ["main"]);
}

#[test]
fn the_flags_of_inherited_descriptors_stay_unchanged() {
    let [(keyboard, typing), (reading, screen), (errors, notices)] =
        [(); 3].map(|()| std::io::pipe().unwrap());
    let ours = [
        OwnedFd::from(keyboard.try_clone().unwrap()),
        screen.try_clone().unwrap().into(),
        notices.try_clone().unwrap().into(),
    ];
    let flags = || ours.each_ref().map(|ours| rustix::fs::fcntl_getfl(ours).unwrap());
    let before = flags();
    let (mut connect, socket) = accept_from(|port| {
        let mut command = threadchat(&["connect", port]);
        command.stdin(keyboard).stdout(screen).stderr(notices);
        Program::spawn(command)
    });
    (&socket).write_all(b"hello\n").unwrap();
    let mut shown = [0; 6];
    (&reading).read_exact(&mut shown).unwrap();
    assert_eq!(&shown, b"hello\n");
    assert_eq!(flags(), before);
    (&typing).write_all(b"88\n").unwrap();
    expect_bytes(&socket, b"88");
    drop(socket);
    connect.exits(0);
    assert_eq!(flags(), before);
    drop(errors);
}

#[test]
fn verbose_reports_what_the_thread_does() {
    let (mut serve, port) = serve(&["--once", "-v"]);
    let mut connect = connect(port, &["-v"]);
    connect.types("hello\nagain\n");
    // Otherwise the goodbye may come in the same read.
    serve.out.wait_for("again");
    connect.types("88\n");
    connect.exits(0);
    serve.exits(0);
    assert!(
        connect.err.text().contains("[main] read 12 bytes (lines 1 to 2) from the keyboard"),
        "{}",
        connect.err.text()
    );
    assert!(
        serve.err.text().contains("[main] read 66 bytes (messages 1 to 2) from the socket"),
        "{}",
        serve.err.text()
    );
}
