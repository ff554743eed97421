//! The connections of the clients, and which of them have become ready.
//!
//! `poll` would look at each of ten thousand connections for every line. So they are registered once with the system's
//! poller for many (epoll, kqueue), which is one more descriptor to wait for.

#[cfg(feature = "secure")]
use super::secure::{Line, Opening};
#[cfg(feature = "secure")]
use crate::designs::hub::Sealer;
use crate::designs::hub::observe_written;
use crate::designs::net;
use crate::designs::select::pool::Pool;
use crate::observe::{Observer, Place, Step};
use crate::platform;
use crate::rules::buffer::Buffer;
use crate::rules::event::PeerState;
use crate::rules::hub::{Id, Outbox, Port};
use crate::rules::messages::Counter;
#[cfg(feature = "web")]
use crate::rules::messages::Streams;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// The size of a client's buffer, in bytes: twice the last read. Ten thousand people who type need little memory, and a client
/// that sends a file is read in few calls.
const BUFFER_SIZE: RangeInclusive<usize> = 1024..=64 * 1024;

/// The most posts that are written with one call.
const SLICES: usize = 32;

/// The most connections that one call finds ready. The next call finds the others.
const MAX_EVENTS: usize = 1024;

/// The connections of all clients.
pub(super) struct Clients {
    poll: Poll,
    events: Events,
    clients: HashMap<Id, Client>,
    /// The clients from which something can be read.
    readable: Vec<Id>,
    #[cfg(feature = "secure")]
    pub(super) sealer: Sealer,
    pub(super) observer: Observer,
}

/// One connection. The system reports once that it has become readable or writable, so this is kept until a read or write
/// finds otherwise.
pub(super) struct Client {
    pub(super) socket: TcpStream,
    /// If it is encrypted.
    #[cfg(feature = "secure")]
    pub(super) secure: Option<Box<Line>>,
    /// One buffer. While the hub has it, nothing is read.
    pool: Pool,
    /// It is in the list of readable clients.
    pub(super) is_readable: bool,
    /// It sends nothing more. Reads still have to get there.
    is_closed: bool,
    /// It accepts nothing more for now.
    pub(super) is_full: bool,
    /// Number what is sent to it and received from it, for observers.
    pub(super) sent: Counter,
    received: Counter,
}

/// What a read returned.
pub(super) enum Taken {
    Input(Buffer),
    /// The channel has opened, or failed, and what came behind it.
    #[cfg(feature = "secure")]
    Channel(Opening, Option<Buffer>),
    End,
}

/// What a write has done.
pub(super) enum Done {
    /// This many bytes of the outbox have been written.
    Wrote(usize),
    /// Our half of the connection is closed.
    #[cfg(feature = "secure")]
    HalfClosed,
}

impl Clients {
    pub(super) fn new(observer: Observer) -> io::Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(MAX_EVENTS));
        Ok(Self {
            poll,
            events,
            clients: HashMap::new(),
            readable: Vec::new(),
            #[cfg(feature = "secure")]
            sealer: Sealer::default(),
            observer,
        })
    }

    /// Adds a client. Returns the socket if the system cannot watch it.
    pub(super) fn add(&mut self, id: Id, socket: TcpStream, port: Port) -> Result<(), TcpStream> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let register = |socket: &TcpStream| {
            // Nobody shares this socket.
            socket.set_nonblocking(true)?;
            self.poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(id.0), both)
        };
        if register(&socket).is_err() {
            return Err(socket);
        }
        let pool = Pool::growing(1, BUFFER_SIZE);
        let mut streams = self.observer.begins(|| net::ends(&socket));
        streams.in_frames = port != Port::Chat;
        let client = Client {
            socket,
            #[cfg(feature = "secure")]
            secure: None,
            pool,
            is_readable: false,
            is_closed: false,
            is_full: false,
            sent: Counter::new(streams.sent),
            received: streams.receiver(),
        };
        self.clients.insert(id, client);
        Ok(())
    }

    /// Closes the connection of a client.
    pub(super) fn remove(&mut self, id: Id) {
        if let Some(client) = self.clients.remove(&id) {
            // Closing it does the same.
            let _ = self.poll.registry().deregister(&mut SourceFd(&client.socket.as_raw_fd()));
        }
    }

    #[cfg(feature = "secure")]
    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Client> {
        self.clients.get_mut(&id)
    }

    /// Closes our half of the connection to a client, which has been written everything. False if that takes another
    /// [`write`](Self::write).
    pub(super) fn half_close(&mut self, id: Id) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        #[cfg(feature = "secure")]
        if !client.close_channel(&mut self.sealer) {
            return false;
        }
        // Fails only if the client has gone, which reading notices.
        let _ = client.socket.shutdown(Shutdown::Write);
        true
    }

    /// Closes both halves. Fails only if the client has gone, which reading notices.
    pub(super) fn shut_down(&self, id: Id) {
        let _ = self.clients.get(&id).map(|client| client.socket.shutdown(Shutdown::Both));
    }

    /// What the system knows about a client.
    pub(super) fn peer_state(&self, id: Id) -> Option<PeerState> {
        self.clients.get(&id).and_then(|client| platform::peer_state(&client.socket))
    }

    /// The numbers of the streams of a client, for observers.
    #[cfg(feature = "web")]
    pub(super) fn streams(&self, id: Id) -> Option<Streams> {
        let client = self.clients.get(&id)?;
        Some(Streams { sent: client.sent.stream(), received: client.received.stream(), ..Streams::default() })
    }

    /// Becomes readable when a client has become ready.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }

    /// Whether there is something to read, and a buffer for it.
    pub(super) fn may_read(&self) -> bool {
        let pool = |id| self.clients.get(id).map(|client| &client.pool);
        self.readable.iter().filter_map(pool).any(|pool| !pool.is_empty())
    }

    /// Finds out which clients have become ready. Returns those that accept bytes again.
    pub(super) fn find_ready(&mut self) -> Vec<Id> {
        let mut writable = Vec::new();
        // It fails only if a signal interrupts it, and is called again soon.
        if self.poll.poll(&mut self.events, Some(Duration::ZERO)).is_err() {
            return writable;
        }
        for event in &self.events {
            let id = Id(event.token().0);
            let Some(client) = self.clients.get_mut(&id) else { continue };
            if event.is_writable() && std::mem::take(&mut client.is_full) {
                writable.push(id);
            }
            client.is_closed |= event.is_read_closed() || event.is_error();
            if (event.is_readable() || client.is_closed) && !std::mem::replace(&mut client.is_readable, true)
            {
                self.readable.push(id);
            }
        }
        writable
    }

    /// The clients that may be readable, for [`read`](Self::read). Of those whose channels are not open only a few: the others
    /// are next.
    pub(super) fn take_readable(&mut self) -> Vec<Id> {
        #[cfg(feature = "secure")]
        {
            let mut openings = 0;
            let mut is_due = |id: &Id| {
                let line = self.clients.get(id).and_then(|client| client.secure.as_ref());
                let is_opening = line.is_some_and(|line| line.is_opening());
                openings += usize::from(is_opening);
                !is_opening || openings <= super::secure::MAX_OPENINGS
            };
            let (due, later) = std::mem::take(&mut self.readable).into_iter().partition(|id| is_due(id));
            self.readable = later;
            due
        }
        #[cfg(not(feature = "secure"))]
        std::mem::take(&mut self.readable)
    }

    /// Reads once, if the buffer is back and the socket has something.
    pub(super) fn read(&mut self, id: Id) -> Option<io::Result<Taken>> {
        let client = self.clients.get_mut(&id)?;
        let result = client.read(&self.observer);
        if client.is_readable {
            self.readable.push(id);
        }
        result
    }

    /// Writes what a client accepts, if it accepts anything.
    pub(super) fn write(&mut self, id: Id, outbox: &mut Outbox) -> Option<io::Result<Done>> {
        let client = self.clients.get_mut(&id).filter(|client| !client.is_full)?;
        #[cfg(feature = "secure")]
        if client.secure.is_some() {
            return client.write_encrypted(outbox, &mut self.sealer, &self.observer);
        }
        let queue = outbox.queue()?;
        let mut slices = [IoSlice::new(&[]); SLICES];
        let slices = queue.fill(&mut slices, usize::MAX);
        loop {
            self.observer.emit(|| Step::Writes { to: Place::Client, bytes: queue.bytes() });
            match client.socket.write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    client.is_full = true;
                    return None;
                }
                Ok(written) => {
                    observe_written(queue, written, &mut client.sent, &self.observer);
                    return Some(Ok(Done::Wrote(written)));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Client {
    fn read(&mut self, observer: &Observer) -> Option<io::Result<Taken>> {
        let mut buffer = self.pool.try_take()?;
        #[cfg(feature = "secure")]
        if let Some(end) = self.secure.as_mut().and_then(|line| line.take_end()) {
            self.is_readable = false;
            return Some(end.map(|()| Taken::End));
        }
        match self.socket.read(buffer.space()) {
            Ok(0) => {
                self.is_readable = false;
                Some(Ok(Taken::End))
            }
            Ok(bytes) => {
                buffer.filled(bytes);
                let was_filled = bytes == buffer.space().len();
                #[cfg(feature = "secure")]
                if self.secure.is_some() {
                    self.is_readable = self.is_closed || was_filled;
                    let taken = self.decrypt(buffer);
                    return taken.map(|taken| Ok(self.count(taken, observer)));
                }
                let messages = observer.count(&mut self.received, buffer.input());
                buffer.messages = messages;
                observer.emit(|| Step::Read { from: Place::Client, bytes, messages });
                // A short read has emptied the socket, and the system will report what comes later.
                self.is_readable = self.is_closed || was_filled;
                Some(Ok(Taken::Input(buffer)))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => {
                self.is_readable = false;
                (error.kind() != io::ErrorKind::WouldBlock).then_some(Err(error))
            }
        }
    }

    /// Numbers the messages that were decrypted, for observers.
    #[cfg(feature = "secure")]
    fn count(&mut self, mut taken: Taken, observer: &Observer) -> Taken {
        if let Taken::Input(buffer) | Taken::Channel(_, Some(buffer)) = &mut taken {
            let (bytes, messages) =
                (buffer.input().len(), observer.count(&mut self.received, buffer.input()));
            buffer.messages = messages;
            observer.emit(|| Step::Read { from: Place::Client, bytes, messages });
        }
        taken
    }
}
