//! One conversation, and the two threads that serve every conversation: the socket-reader and the socket-writer.

use super::channel::{Sender, bounded};
use super::event::{Event, ToMain};
use super::outbox::{Outbox, Writer, Written};
use super::pool::Pool;
use super::reader::{BUFFERS, READ_SIZE, Reader};
use super::screen::Screen;
use super::thread::Worker;
use crate::designs::net;
use crate::observe::thread::{SOCKET_READER, SOCKET_WRITER};
use crate::observe::{Observer, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::action::Outgoing;
use crate::rules::event::{PeerState, Status};
use crate::rules::messages::{Messages, Streams};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

/// The socket-reader and the socket-writer. They live as long as the program, and serve one session after the other.
pub(super) struct SocketThreads {
    reader: Worker<(Reader<Event>, Arc<Connection>)>,
    writer: Worker<Writer>,
    /// The buffers of the socket-reader, the same for all sessions: those that a stuck screen still holds from the last one
    /// are missing in the next.
    received: Pool,
    to_main: ToMain<Event>,
}

impl SocketThreads {
    /// Starts them. They wait for a session.
    pub(super) fn start(to_main: ToMain<Event>) -> io::Result<Self> {
        let reader = Worker::start(
            SOCKET_READER,
            &to_main.observer,
            |(reader, input): (Reader<Event>, Arc<Connection>)| {
                let received = |buffer| Event::Received(buffer, Instant::now());
                reader.run(&*input, received, Event::HeardAll);
            },
        )?;
        let writer = Worker::start(SOCKET_WRITER, &to_main.observer, Writer::run)?;
        Ok(Self { reader, writer, received: Pool::new(BUFFERS, READ_SIZE), to_main })
    }

    /// Hands them a session. The last one is over.
    pub(super) fn begin(&self, socket: TcpStream, peer: SocketAddr, screen: &Screen) -> Session {
        // Keep-alive is optional; ignore failure.
        let _ = platform::prepare(&socket);
        let observer = self.to_main.observer.clone();
        let streams = observer.begins(|| net::ends(&socket));
        let connection = Arc::new(Connection::new(socket));
        let (running, stop) = bounded(0);
        let (outbox, writer) =
            Outbox::new(Arc::clone(&connection), self.to_main.clone(), screen.recorder(peer));
        let reader = Reader {
            pool: self.received.clone(),
            stop,
            to_main: self.to_main.clone(),
            place: Place::Peer,
            counter: Some(streams.receiver()),
        };
        self.reader.give((reader, Arc::clone(&connection)));
        self.writer.give(writer);
        let written = Arc::clone(&outbox.written);
        Session { connection, outbox: Some(outbox), running: Some(running), written, streams, observer }
    }

    /// Ends them. No session is left.
    pub(super) fn end(self) {
        self.reader.end();
        self.writer.end();
    }
}

/// What main has of one conversation. It ends when both threads have sent their last event of it.
pub(super) struct Session {
    connection: Arc<Connection>,
    /// None when nothing more can be written.
    outbox: Option<Outbox>,
    /// Dropped, it wakes the reader from waiting for a buffer.
    running: Option<Sender<Infallible>>,
    written: Arc<Written>,
    streams: Streams,
    observer: Observer,
}

impl Session {
    /// Hands it to the outbox. `typed` are the lines that are dealt with by it.
    pub(super) fn send(&mut self, mut outgoing: Outgoing, typed: Messages) {
        let messages = outgoing.messages_in(self.streams.sent);
        self.observer.emit(|| Step::Decides { decision: (&outgoing).into(), typed, messages });
        if let Some(outbox) = &self.outbox {
            outbox.push(outgoing);
        }
    }

    /// Whether the outbox takes more.
    pub(super) fn has_capacity(&self) -> bool {
        self.outbox.as_ref().is_none_or(Outbox::has_capacity)
    }

    /// Nothing more can be written.
    pub(super) fn end_outbox(&mut self) {
        self.outbox = None;
    }

    /// What is known about the session now.
    pub(super) fn status(&self, screen: &Screen, is_quiet: bool) -> Status {
        Status {
            written: self.written.bytes(),
            peer: self.peer_state(),
            output_is_behind: screen.is_behind(),
            is_quiet,
        }
    }

    fn peer_state(&self) -> PeerState {
        platform::peer_state(&self.connection.socket).unwrap_or_default()
    }

    /// Lets go of it.
    pub(super) fn close(self, cleanly: bool) {
        if cleanly {
            platform::reset_at_close(&self.connection.socket, false);
        }
    }

    /// Ends both halves by force. Returns how many messages were written that the peer's system has not confirmed.
    pub(super) fn disconnect(&mut self) -> usize {
        self.running = None;
        self.outbox = None;
        let unconfirmed = self.written.messages_in_last(self.peer_state().unconfirmed);
        self.connection.hang_up();
        unconfirmed
    }
}
