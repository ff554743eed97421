//! Connections that are no member's yet: how many there may be, and until when each of them may stay.

use super::admission::address_key;
use super::id::Id;
use super::refusal::Refusal;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// How many connections may wait, beyond which the newest is refused. A handshake takes two round trips and a millisecond of
/// the processor, so that a thousand members a second still come in from around the world; and those who come in and say
/// nothing take no more than some 8 MiB.
pub(super) const MAX_WAITING: usize = 256;

/// How many from one address. It takes eight addresses to keep others out.
pub(super) const MAX_OF_ADDRESS: usize = 32;

/// Connections that are no member's yet, and what is known of each.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    connections: HashMap<Id, Connection<T>>,
    pub(super) by_address: HashMap<IpAddr, usize>,
    /// When the time of each is up.
    due: BTreeSet<(Instant, Id)>,
}

#[derive(Debug)]
struct Connection<T> {
    peer: SocketAddr,
    /// When its time is up. None: it may stay.
    until: Option<Instant>,
    known: T,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { connections: HashMap::new(), by_address: HashMap::new(), due: BTreeSet::new() }
    }
}

impl<T> Waiting<T> {
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// When the time of the next one is up.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether there is a place for another one from this address.
    pub(super) fn check_places(&self, address: IpAddr) -> Result<(), Refusal> {
        let of_address = self.by_address.get(&address_key(address)).copied().unwrap_or(0);
        let is_free = self.len() < MAX_WAITING && of_address < MAX_OF_ADDRESS;
        if is_free { Ok(()) } else { Err(Refusal::TooManyCallers) }
    }

    pub(super) fn add(&mut self, id: Id, peer: SocketAddr, until: Instant, known: T) {
        *self.by_address.entry(address_key(peer.ip())).or_default() += 1;
        self.connections.insert(id, Connection { peer, until: None, known });
        self.allow(id, Some(until));
    }

    /// Lets one of them stay until then, or for as long as it likes.
    pub(super) fn allow(&mut self, id: Id, until: Option<Instant>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(before) = std::mem::replace(&mut connection.until, until) {
            self.due.remove(&(before, id));
        }
        self.due.extend(until.map(|until| (until, id)));
    }

    /// Lets one of them stay until then at most.
    #[cfg(feature = "secure")]
    pub(super) fn hurry(&mut self, id: Id, latest: Instant) {
        let until = self.connections.get(&id).and_then(|connection| connection.until);
        self.allow(id, Some(until.map_or(latest, |until| until.min(latest))));
    }

    /// One whose time is up.
    pub(super) fn next_late(&self, now: Instant) -> Option<Id> {
        self.due.first().filter(|(due, _)| *due <= now).map(|(_, id)| *id)
    }

    pub(super) fn take(&mut self, id: Id) -> Option<(SocketAddr, T)> {
        let Connection { peer, until, known } = self.connections.remove(&id)?;
        if let Some(until) = until {
            self.due.remove(&(until, id));
        }
        let key = address_key(peer.ip());
        if let Some(count) = self.by_address.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&key);
            }
        }
        Some((peer, known))
    }

    pub(super) fn peer(&self, id: Id) -> Option<SocketAddr> {
        self.connections.get(&id).map(|connection| connection.peer)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.connections.get_mut(&id).map(|connection| &mut connection.known)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Id, &mut T)> {
        self.connections.iter_mut().map(|(id, connection)| (*id, &mut connection.known))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.connections.keys().copied()
    }
}
