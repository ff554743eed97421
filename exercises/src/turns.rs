//! Two people who type and read.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Sends what is typed, and shows what comes, until the other side sends no more.
pub fn chat(keyboard: impl Read + Send + 'static, peer: TcpStream, mut screen: impl Write) {
    // To do: a read blocks. Who waits for the keyboard does not hear the other side.
    let mut keyboard = BufReader::new(keyboard).lines();
    let mut received = BufReader::new(&peer).lines();
    loop {
        if let Some(Ok(line)) = keyboard.next() {
            let _ = writeln!(&peer, "{line}");
        }
        match received.next() {
            Some(Ok(line)) => drop(writeln!(screen, "{line}")),
            _ => return,
        }
    }
}
