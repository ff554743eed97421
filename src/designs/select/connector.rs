//! Calling: tries one address after the other, without waiting for any. Only the look-up of a name blocks, because
//! systems have no other call for it: while it lasts, this design does nothing.

use crate::designs::connect::{Attempts, Call, RETRY_AFTER, not_oneself};
use crate::rules::failure::Failure;
use crate::rules::notice::Notice;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;
use std::vec;

/// A call that nobody has answered yet.
pub(super) struct Connector {
    attempts: Attempts,
    /// The addresses that this attempt has not tried yet.
    addresses: vec::IntoIter<SocketAddr>,
    /// All addresses, as they were looked up for the first call. A look-up for each further one, while the network is gone,
    /// would keep the user from leaving.
    found: Vec<SocketAddr>,
    state: State,
}

enum State {
    /// Try the next address.
    Next,
    /// The socket becomes writable when the address has answered or refused.
    Connecting { socket: Socket, address: SocketAddr, until: Instant },
    /// Begin the next attempt.
    Again { at: Instant },
    /// Nothing is left to do.
    Over,
}

pub(super) enum Progress {
    /// Nothing yet.
    None,
    /// This is for the user.
    Report(Notice),
    /// The connection, or why there is none.
    Ended(Result<(TcpStream, SocketAddr), Failure>),
}

impl Connector {
    /// Nothing happens before [`go_on`](Self::go_on).
    pub(super) fn new(call: Call, now: Instant) -> Self {
        let state = State::Again { at: now };
        let addresses = Vec::new().into_iter();
        Self { attempts: Attempts::new(call, now), addresses, found: Vec::new(), state }
    }

    /// Calls once more, when the last call is over.
    pub(super) fn call_again(&mut self, now: Instant) {
        self.attempts = Attempts::again(self.attempts.call.clone(), now);
        self.addresses = self.found.clone().into_iter();
        self.state = State::Again { at: now };
    }

    /// What becomes writable when an address has answered or refused.
    pub(super) fn to_connect(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Connecting { socket, .. } => Some(socket.as_fd()),
            _ => None,
        }
    }

    /// When to [go on](Self::go_on) although nothing has become writable.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Next | State::Over => None,
            State::Connecting { until, .. } => Some(until),
            State::Again { at } => Some(at),
        }
    }

    /// The socket has become writable (`is_writable`), or time has passed.
    pub(super) fn go_on(&mut self, now: Instant, is_writable: bool) -> Progress {
        match std::mem::replace(&mut self.state, State::Next) {
            State::Again { at } if now < at => self.state = State::Again { at },
            State::Again { .. } => self.look_up(),
            State::Connecting { socket, address, until } if !is_writable && now < until => {
                self.state = State::Connecting { socket, address, until };
            }
            State::Connecting { socket, address, .. } => match connected(socket, is_writable) {
                Ok(socket) => {
                    self.state = State::Over;
                    return Progress::Ended(Ok((socket, address)));
                }
                Err(error) => self.attempts.refused(address, &error),
            },
            State::Over => self.state = State::Over,
            State::Next => {}
        }
        if matches!(self.state, State::Next) { self.next(now) } else { Progress::None }
    }

    fn look_up(&mut self) {
        if self.addresses.len() == 0 {
            self.found = self.attempts.look_up();
            self.addresses = self.found.clone().into_iter();
        }
    }

    /// Tries the next address, or begins to wait for the next attempt.
    fn next(&mut self, now: Instant) -> Progress {
        for address in self.addresses.by_ref() {
            match connect(address) {
                Ok(socket) => {
                    let until = now + self.attempts.call.timeout;
                    self.state = State::Connecting { socket, address, until };
                    return Progress::None;
                }
                Err(error) => self.attempts.refused(address, &error),
            }
        }
        self.state = State::Again { at: now + RETRY_AFTER };
        match self.attempts.next(now) {
            Ok(None) => Progress::None,
            Ok(Some(notice)) => Progress::Report(notice),
            Err(reason) => {
                self.state = State::Over;
                Progress::Ended(Err(reason))
            }
        }
    }
}

/// Begins to connect.
fn connect(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // No other process shares this socket.
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket),
    }
}

/// The connection, if the address has answered.
fn connected(socket: Socket, is_writable: bool) -> io::Result<TcpStream> {
    if !is_writable {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "connection timed out"));
    }
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    let socket = TcpStream::from(socket);
    not_oneself(socket.local_addr()?, socket.peer_addr()?)?;
    Ok(socket)
}
