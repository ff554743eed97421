//! A room: every line goes to everybody.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// How many lines may wait for a client.
pub const OUTBOX: usize = 100;

/// Those who are in the room.
#[derive(Default)]
pub struct Room {
    clients: Vec<Client>,
}

struct Client {
    outbox: SyncSender<String>,
    connection: TcpStream,
}

impl Room {
    pub fn join(&mut self, connection: TcpStream) {
        let (outbox, lines) = sync_channel::<String>(OUTBOX);
        let Ok(mut writing) = connection.try_clone() else { return };
        thread::spawn(move || lines.iter().try_for_each(|line| writeln!(writing, "{line}")));
        self.clients.push(Client { outbox, connection });
    }

    /// Sends a line to everybody. It never blocks: whose outbox is full is disconnected, which also ends the blocked write.
    pub fn post(&mut self, line: &str) {
        self.clients.retain(|client| {
            let is_taken = client.outbox.try_send(line.to_owned()).is_ok();
            if !is_taken {
                let _ = client.connection.shutdown(Shutdown::Both);
            }
            is_taken
        });
    }
}
