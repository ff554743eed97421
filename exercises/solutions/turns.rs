//! Two people who type and read.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::sync_channel;
use std::thread;

/// What can happen.
enum Event {
    Typed(String),
    Received(String),
    ReceivedAll,
}

/// Sends what is typed, and shows what comes, until the other side sends no more. A thread for each input, one channel, and only
/// this function decides.
pub fn chat(keyboard: impl Read + Send + 'static, peer: TcpStream, mut screen: impl Write) {
    // Bounded, so that a slow screen stops the readers and does not fill the memory.
    let (to_main, events) = sync_channel(4);
    let (typed, received) = (to_main.clone(), to_main);
    let Ok(socket) = peer.try_clone() else { return };
    thread::spawn(move || {
        for line in BufReader::new(keyboard).lines().map_while(Result::ok) {
            if typed.send(Event::Typed(line)).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for line in BufReader::new(socket).lines().map_while(Result::ok) {
            if received.send(Event::Received(line)).is_err() {
                return;
            }
        }
        let _ = received.send(Event::ReceivedAll);
    });
    for event in events {
        match event {
            Event::Typed(line) => drop(writeln!(&peer, "{line}")),
            Event::Received(line) => drop(writeln!(screen, "{line}")),
            Event::ReceivedAll => return,
        }
    }
}
