//! The port for browsers seen from outside, by programs of others that speak HTTP and WebSocket. The tests are the same for each
//! design. What people see in real browsers is in `tests/browser/`.

mod browser;
mod crowd;
mod first_message;
#[cfg(feature = "secure")]
mod foreign;
mod messages;
mod requests;

use crate::common::web::Hub;
use crate::common::*;
use browser::{Browser, hello};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// A request for a path, without the blank line at its end.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n")
}

/// What a program gets that sends these bytes, up to the end of the stream.
#[track_caller]
fn answer(hub: &Hub, request: impl AsRef<[u8]>) -> String {
    let mut socket = call(hub.web);
    socket.write_all(request.as_ref()).unwrap();
    rest(socket)
}

/// What comes until the hub closes its half.
#[track_caller]
fn rest(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn has_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer:.300}");
}

/// Somebody with netcat who has joined.
fn netcat(hub: &Hub, name: &str) -> TcpStream {
    let mut socket = call(hub.port);
    writeln!(socket, "/name {name}").unwrap();
    reads_until(&socket, &format!("* hub: you are now {name}"));
    socket
}

/// Reads lines until one ends with this.
#[track_caller]
fn reads_until(socket: &TcpStream, end: &str) {
    while !read_line(socket).ends_with(end) {}
}
