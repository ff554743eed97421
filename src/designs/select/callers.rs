//! Those who call: the listening socket, and what becomes of a caller while others talk.

use super::wait::{Interests, Ready};
use crate::designs::connect::RETRY_AFTER;
use crate::rules::endpoint::{CALLERS, CLOSE_WITHIN};
use crate::rules::notice::Notice;
use crate::rules::wire::{GOODBYE, PAUSE};
use rustix::event::PollFlags;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

/// The listening socket, and the callers who are being turned away.
pub(super) struct Callers {
    listener: TcpListener,
    /// What is in the way, too many open files for instance, has been said, and when to try again.
    failing: Option<Instant>,
    turned_away: Vec<TurnedAway>,
}

/// A caller who has been told that the line is busy.
struct TurnedAway {
    socket: TcpStream,
    /// When to say goodbye. None when it has been said, and what it sends is thrown away so that it gets to read that.
    goodbye_at: Option<Instant>,
    until: Instant,
}

impl Callers {
    /// Callers come there.
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        // Nobody shares this socket.
        listener.set_nonblocking(true)?;
        Ok(Self { listener, failing: None, turned_away: Vec::new() })
    }

    /// Waits for callers, and for those who were turned away to send or to close.
    pub(super) fn add_to<'a>(&'a self, interests: &mut Interests<'a>, now: Instant) {
        if self.failing.is_none_or(|again| again <= now) {
            interests.add(self.listener.as_fd(), PollFlags::IN, Ready::Caller);
        }
        self.add_turned_away(interests);
    }

    fn add_turned_away<'a>(&'a self, interests: &mut Interests<'a>) {
        for caller in self.turned_away.iter().filter(|caller| caller.goodbye_at.is_none()) {
            interests.add(caller.socket.as_fd(), PollFlags::IN, Ready::TurnedAway);
        }
    }

    /// Somebody calls.
    pub(super) fn accept(&mut self, now: Instant) -> Result<Option<(TcpStream, SocketAddr)>, Notice> {
        match self.listener.accept() {
            Ok(caller) => {
                self.failing = None;
                Ok(Some(caller))
            }
            // The caller has gone again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                ) =>
            {
                // Whoever could not be accepted has gone.
                self.failing = None;
                Ok(None)
            }
            Err(error) => match self.failing.replace(now + RETRY_AFTER) {
                None => Err(Notice::CannotAccept(error)),
                Some(_) => Ok(None),
            },
        }
    }

    /// How many are being turned away.
    pub(super) fn being_turned_away(&self) -> usize {
        self.turned_away.len()
    }

    /// Tells a caller this, and goodbye.
    pub(super) fn turn_away(&mut self, socket: TcpStream, line: &[u8], now: Instant) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        // A new connection takes so little at once, unless the caller has gone, which is what is wanted of it.
        let _ = (&socket).write_all(line);
        self.turned_away.push(TurnedAway {
            socket,
            goodbye_at: Some(now + PAUSE),
            until: now + CLOSE_WITHIN,
        });
        Ok(())
    }

    /// When to call [`tick`](Self::tick) although nothing has become readable.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.turned_away.iter().map(|caller| caller.goodbye_at.unwrap_or(caller.until));
        due.chain(self.failing).min()
    }

    /// Goes on with those who are being turned away.
    pub(super) fn tick(&mut self, now: Instant) {
        self.turned_away.retain_mut(|caller| caller.goes_on(now));
    }

    /// Turns away who is held or has called by now, and waits until all have gone.
    pub(super) fn end(mut self, mut held: Vec<TcpStream>, line: &[u8]) {
        // The system would reset those whom nobody has accepted.
        while held.len() < CALLERS
            && let Ok(Some((socket, _))) = self.accept(Instant::now())
        {
            held.push(socket);
        }
        for socket in held {
            let _ = self.turn_away(socket, line, Instant::now());
        }
        while self.being_turned_away() > 0 {
            let mut interests = Interests::default();
            self.add_turned_away(&mut interests);
            interests.wait(self.deadline());
            self.tick(Instant::now());
        }
    }
}

impl TurnedAway {
    /// False if it has closed, or has had the time for it.
    fn goes_on(&mut self, now: Instant) -> bool {
        if self.goodbye_at.is_some_and(|at| at <= now) {
            self.goodbye_at = None;
            let said = self.socket.write_all(GOODBYE).and_then(|()| self.socket.shutdown(Shutdown::Write));
            if said.is_err() {
                return false;
            }
        }
        now < self.until && (self.goodbye_at.is_some() || self.may_send_more())
    }

    fn may_send_more(&mut self) -> bool {
        match self.socket.read(&mut [0; 4096]) {
            Ok(bytes) => bytes > 0,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }
}
