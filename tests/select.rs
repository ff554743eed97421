//! The select design: all that two people can expect.
#![allow(clippy::unwrap_used)]
#![cfg(poll)]

mod chat;
mod common;

use common::*;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

/// The design that is tested here.
const DESIGN: &str = "select";

#[cfg(target_os = "linux")]
#[test]
fn there_is_one_thread_also_while_others_talk_call_and_are_stuck() {
    let (serve, port) = serve(&[]);
    let connect = connect(port, &[]);
    let busy = call(port);
    assert!(read_line(&busy).contains("busy"));
    assert_eq!(serve.threads(), ["threadchat"]);
    assert_eq!(connect.threads(), ["threadchat"]);
}

#[test]
fn the_flags_of_what_it_inherited_are_left_alone() {
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
fn verbose_tells_what_the_thread_does() {
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
