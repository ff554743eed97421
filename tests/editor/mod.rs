//! Typing a line while messages arrive, seen on the screen of a terminal emulator. The tests are the same for both
//! full-duplex designs.

mod delays;
mod ends;
mod flood;
mod foreign;
mod idle;
mod keys;
mod measure;
mod messages;
mod random;
mod sizes;
mod streams;

use crate::common::emulator::Emulator;
use crate::common::terminal::{Setup, Terminal, at, without_time};
use crate::common::*;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Starts `connect` at a terminal of this size. Returns also its connection and its prompt.
fn connect_at_terminal(rows: u16, columns: u16) -> (Terminal, TcpStream, String) {
    connect_at(at(rows, columns), &[])
}

fn connect_at(terminal: Setup, args: &[&str]) -> (Terminal, TcpStream, String) {
    let (terminal, socket, prompt) =
        start_connect(|address| terminal.start(&[&["connect", address], args].concat()));
    terminal.wait_for_end(&prompt);
    (terminal, socket, prompt)
}

/// Calls `start` with an address to connect to, and accepts the connection.
fn start_connect(start: impl FnOnce(&str) -> Terminal) -> (Terminal, TcpStream, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let terminal = start(&address);
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_nodelay(true).unwrap();
    (terminal, socket, format!("{address}>"))
}

/// All messages of the peer, also those that have scrolled out, without their marks.
fn messages(terminal: &Terminal) -> Vec<String> {
    let lines = terminal.look(Emulator::text);
    lines.iter().filter_map(|line| without_time(line).strip_prefix("< ")).map(str::to_owned).collect()
}

/// Waits until these are the peer's messages, each once and in this order, with the row below them.
#[track_caller]
fn wait_for_messages(terminal: &Terminal, expected: &[String], row: &str) {
    let last = format!("< {}", expected.last().unwrap());
    terminal.wait_for("the last message", |screen| {
        let text = screen.text();
        let mut end = text.iter().rev();
        (end.next()? == row && without_time(end.next()?) == last).then_some(())
    });
    assert_eq!(messages(terminal), expected);
}

fn says(mut peer: &TcpStream, lines: &str) {
    peer.write_all(lines.as_bytes()).unwrap();
}
