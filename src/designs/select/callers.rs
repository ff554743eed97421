//! The listening sockets, and the callers who are turned away because others talk.

use super::wait::{Interests, Ready};
use crate::rules::calling::RETRY_AFTER;
use crate::rules::endpoint::CALLERS;
use crate::rules::farewell::{Farewell, Next};
use crate::rules::notice::{AcceptFailures, Notice};
use crate::rules::wire::GOODBYE;
use rustix::event::PollFlags;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

/// The listening sockets, and the callers who are being turned away.
pub(super) struct Callers {
    /// The one that gave us the last caller is asked last for the next, so that no address keeps the others waiting.
    listeners: Vec<TcpListener>,
    failures: AcceptFailures,
    /// When to accept again, after a failure.
    retry_at: Option<Instant>,
    turned_away: Vec<TurnedAway>,
}

/// A caller who was sent a line that says why nobody talks with them.
struct TurnedAway {
    socket: TcpStream,
    address: IpAddr,
    farewell: Farewell,
    /// When to continue although the caller has sent nothing.
    due: Instant,
}

impl Callers {
    pub(super) fn new(listeners: Vec<TcpListener>) -> io::Result<Self> {
        // No other process accepts callers at these sockets, even one that has passed them to this one.
        listeners.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
        Ok(Self { listeners, failures: AcceptFailures::default(), retry_at: None, turned_away: Vec::new() })
    }

    /// Adds the listening sockets, and the callers who are being turned away, who may send or close.
    pub(super) fn add_to<'a>(&'a self, interests: &mut Interests<'a>, now: Instant) {
        if self.retry_at.is_none_or(|retry_at| retry_at <= now) {
            for listener in &self.listeners {
                interests.add(listener.as_fd(), PollFlags::IN, Ready::Caller);
            }
        }
        self.add_turned_away(interests);
    }

    fn add_turned_away<'a>(&'a self, interests: &mut Interests<'a>) {
        for caller in self.turned_away.iter().filter(|caller| caller.farewell.reads()) {
            interests.add(caller.socket.as_fd(), PollFlags::IN, Ready::TurnedAway);
        }
    }

    /// Accepts a caller, if there is one.
    pub(super) fn accept(&mut self, now: Instant) -> Result<Option<(TcpStream, SocketAddr)>, Notice> {
        for place in 0..self.listeners.len() {
            match self.listeners[place].accept() {
                Ok(caller) => {
                    self.listeners.rotate_left(place + 1);
                    return Ok(Some(caller));
                }
                // Nobody calls here, or the caller has gone again.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::Interrupted
                            | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    self.retry_at = Some(now + RETRY_AFTER);
                    return self.failures.failed(error, now).map_or(Ok(None), Err);
                }
            }
        }
        Ok(None)
    }

    /// The addresses of the callers who are being turned away.
    pub(super) fn being_turned_away(&self) -> Vec<IpAddr> {
        self.turned_away.iter().map(|caller| caller.address).collect()
    }

    /// Sends a caller a line that says why nobody talks with them, and later a goodbye.
    pub(super) fn turn_away(&mut self, socket: TcpStream, line: &[u8], now: Instant) -> io::Result<()> {
        // Without an address the caller has gone, as it should.
        let Ok(peer) = socket.peer_addr() else { return Ok(()) };
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        // A new connection takes a line at once. An error means that the caller has gone, as it should.
        let _ = (&socket).write_all(line);
        self.turned_away.push(TurnedAway {
            socket,
            address: peer.ip(),
            farewell: Farewell::after(line, now),
            due: now,
        });
        Ok(())
    }

    /// When to call [`tick`](Self::tick) although nothing has become readable.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.turned_away.iter().map(|caller| caller.due).chain(self.retry_at).min()
    }

    /// Continues with the callers who are being turned away.
    pub(super) fn tick(&mut self, now: Instant) {
        self.retry_at.take_if(|retry_at| *retry_at <= now);
        self.turned_away.retain_mut(|caller| caller.goes_on(now));
    }

    /// Turns away the callers who are held or have called by now, and waits until all have gone.
    pub(super) fn end(mut self, mut held: Vec<TcpStream>, line: &[u8]) {
        // The system would reset the callers whom nobody has accepted.
        while held.len() < CALLERS
            && let Ok(Some((socket, _))) = self.accept(Instant::now())
        {
            held.push(socket);
        }
        for socket in held {
            let _ = self.turn_away(socket, line, Instant::now());
        }
        while !self.turned_away.is_empty() {
            let mut interests = Interests::default();
            self.add_turned_away(&mut interests);
            interests.wait(self.deadline());
            self.tick(Instant::now());
        }
    }
}

impl TurnedAway {
    /// False if the caller has closed, or has had the time for it.
    fn goes_on(&mut self, now: Instant) -> bool {
        loop {
            let done = match self.farewell.next(now) {
                Next::SayGoodbye => self.socket.write_all(GOODBYE),
                Next::HalfClose => self.socket.shutdown(Shutdown::Write),
                Next::Wait(until) => {
                    self.due = until;
                    return !self.farewell.reads() || self.read(now);
                }
                Next::Close => return false,
            };
            if done.is_err() {
                return false;
            }
        }
    }

    /// Reads once. False if the connection is broken.
    fn read(&mut self, now: Instant) -> bool {
        let mut discarded = [0; 4096];
        match self.socket.read(&mut discarded) {
            Ok(bytes) => {
                self.farewell.received(&discarded[..bytes]);
                self.due = now;
                true
            }
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn callers_at_one_address_do_not_keep_those_at_another_waiting() {
        let listeners: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let [first, second] = [0, 1].map(|place: usize| listeners[place].local_addr().unwrap());
        let mut callers = Callers::new(listeners).unwrap();
        let _connected = [first, first, second].map(|address| TcpStream::connect(address).unwrap());
        let accepted = [(); 3].map(|()| {
            let (socket, _) = callers.accept(Instant::now()).unwrap().unwrap();
            socket.local_addr().unwrap()
        });
        assert_eq!(accepted, [first, second, first]);
        assert!(callers.accept(Instant::now()).unwrap().is_none());
    }
}
