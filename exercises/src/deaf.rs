//! A room: every line goes to everybody.

use std::io::Write;
use std::net::TcpStream;

/// How many lines may wait for a client.
pub const OUTBOX: usize = 100;

/// Those who are in the room.
#[derive(Default)]
pub struct Room {
    clients: Vec<TcpStream>,
}

impl Room {
    pub fn join(&mut self, client: TcpStream) {
        self.clients.push(client);
    }

    /// Sends a line to everybody.
    pub fn post(&mut self, line: &str) {
        // To do: one client that does not read fills its connection, and then this blocks. Give each client an outbox of OUTBOX lines
        // and a thread that writes; who is further behind is disconnected.
        for client in &mut self.clients {
            let _ = writeln!(client, "{line}");
        }
    }
}
