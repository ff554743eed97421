//! Calling somebody, without waiting for any address. Only the look-up of a name blocks, because systems have no other call for
//! it.

use crate::designs::net;
use crate::platform;
use crate::rules::calling::{Action, Call, Calling};
use crate::rules::failure::Failure;
use crate::rules::notice::Notice;
use socket2::Socket;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// A call that nobody has answered yet.
pub(crate) struct Calls {
    calling: Calling,
    /// Those that may still answer. Dropped, they are called no longer.
    sockets: Vec<(SocketAddr, Socket)>,
}

pub(crate) enum Progress {
    /// Nothing yet.
    None,
    /// This is for the user.
    Report(Notice),
    /// The connection, or why there is none.
    Ended(Result<(TcpStream, SocketAddr), Failure>),
}

impl Calls {
    /// Nothing happens before [`go_on`](Self::go_on).
    pub(crate) fn new(calling: Calling) -> Self {
        Self { calling, sockets: Vec::new() }
    }

    /// What becomes writable when an address has answered or refused.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.sockets.iter().map(|(_, socket)| socket)
    }

    /// When to [go on](Self::go_on) although nothing has become writable.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.calling.poll_timeout()
    }

    /// Waits until it is time to [go on](Self::go_on), in a thread that has nothing else to wait for.
    pub(crate) fn wait(&self) {
        platform::wait_for_answer(&self.sockets().collect::<Vec<_>>(), self.deadline());
    }

    /// Looks who has answered, and does what is due. `look_up` finds the addresses.
    pub(crate) fn go_on(
        &mut self,
        mut look_up: impl FnMut(&Call) -> Result<Vec<SocketAddr>, Failure>,
    ) -> Progress {
        for (address, socket) in std::mem::take(&mut self.sockets) {
            match platform::is_connected(&socket) {
                Ok(false) => self.sockets.push((address, socket)),
                connected => match connected.and_then(|_| take(socket)) {
                    Ok(socket) => {
                        self.sockets.clear();
                        self.calling.end();
                        return Progress::Ended(Ok((socket, address)));
                    }
                    Err(error) => self.calling.failed(address, &error, Instant::now()),
                },
            }
        }
        while let Some(action) = self.calling.poll_action(Instant::now()) {
            match action {
                Action::LookUp => {
                    let found = look_up(&self.calling.call);
                    self.calling.found(found, Instant::now());
                }
                Action::Connect(address) => match platform::connect(address) {
                    Ok(socket) => self.sockets.push((address, socket)),
                    Err(error) => self.calling.failed(address, &error, Instant::now()),
                },
                Action::Abandon(address) => self.sockets.retain(|(other, _)| *other != address),
                Action::Report(notice) => return Progress::Report(notice),
                Action::GiveUp(failure) => return Progress::Ended(Err(failure)),
            }
        }
        Progress::None
    }
}

/// Asks the system for the addresses.
pub(crate) fn look_up(call: &Call) -> Result<Vec<SocketAddr>, Failure> {
    net::resolve(&call.address)
}

/// The connection, as `std` would have made it: it blocks.
fn take(socket: Socket) -> io::Result<TcpStream> {
    socket.set_nonblocking(false)?;
    let socket = TcpStream::from(socket);
    // If nobody listens on a port of this machine, the system may choose that very port for our end, and TCP then connects the
    // socket to itself.
    match socket.local_addr()? == socket.peer_addr()? {
        true => Err(io::ErrorKind::ConnectionRefused.into()),
        false => Ok(socket),
    }
}
