//! The connections that the rules know by their ids.

use crate::rules::event::ConnectionId;
use std::collections::BTreeMap;
use std::net::TcpStream;

/// The connections that the rules know by their ids, and have not decided about yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    sockets: BTreeMap<ConnectionId, TcpStream>,
    last: u64,
}

impl Pending {
    /// Keeps a connection, and gives it an id.
    pub(super) fn add(&mut self, socket: TcpStream) -> ConnectionId {
        self.last += 1;
        let id = ConnectionId(self.last);
        self.sockets.insert(id, socket);
        id
    }

    /// The rules have decided about this one.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<TcpStream> {
        self.sockets.remove(&id)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// All that are left when the program ends, in the order in which they came.
    pub(super) fn into_all(self) -> Vec<TcpStream> {
        self.sockets.into_values().collect()
    }
}
