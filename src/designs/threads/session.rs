//! The threads of one conversation: a socket-reader and a socket-writer.

use super::event::{Event, ToMain};
use super::outbox::Outbox;
use super::pool::Pool;
use super::reader::Reader;
use super::screen::Screen;
use super::thread::{Thread, spawn};
use crate::designs::net;
use crate::observe::thread::{SOCKET_READER, SOCKET_WRITER};
use crate::observe::{Observer, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::action::Outgoing;
use crate::rules::event::{PeerState, Status};
use crate::rules::messages::{Messages, Streams};
use crossbeam_channel::{Sender, bounded};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

/// Everything that runs for one conversation. It ends when both threads have sent their last event.
pub(super) struct Session {
    connection: Arc<Connection>,
    /// None when nothing more can be written.
    outbox: Option<Outbox>,
    /// Dropped, it wakes the reader from waiting for a buffer.
    running: Option<Sender<Infallible>>,
    reader: Thread,
    writer: Thread,
    /// How many bytes were written, as of the last look.
    written: u64,
    streams: Streams,
    observer: Observer,
}

impl Session {
    /// Starts the threads.
    pub(super) fn start(
        socket: TcpStream,
        peer: SocketAddr,
        pool: &Pool,
        to_main: &ToMain<Event>,
        screen: &Screen,
    ) -> io::Result<Self> {
        // Keep-alive is optional; ignore failure.
        let _ = platform::prepare(&socket);
        let observer = to_main.observer.clone();
        let streams = observer.begins(|| net::ends(&socket));
        let connection = Arc::new(Connection::new(socket));
        let (running, stop) = bounded(0);
        let (outbox, writer) = Outbox::new(Arc::clone(&connection), to_main.clone(), screen.recorder(peer));
        // The writer waits until the reader has started. If that fails, the writer must not report on a session that
        // never was.
        let (begin, begins) = bounded::<()>(1);
        let writer = spawn(SOCKET_WRITER, &observer, move || {
            if begins.recv().is_ok() {
                writer.run();
            }
        })?;
        let reader = Reader {
            pool: pool.clone(),
            stop,
            to_main: to_main.clone(),
            place: Place::Peer,
            stream: Some(streams.received),
        };
        let input = Arc::clone(&connection);
        let reader = spawn(SOCKET_READER, &observer, move || {
            let received = |buffer| Event::Received(buffer, Instant::now());
            reader.run(&*input, received, Event::HeardAll);
        })?;
        let _ = begin.send(());
        Ok(Self {
            connection,
            outbox: Some(outbox),
            running: Some(running),
            reader,
            writer,
            written: 0,
            streams,
            observer,
        })
    }

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
        self.written = self.written();
        self.outbox = None;
    }

    /// What is known about the session now.
    pub(super) fn status(&mut self, screen: &Screen, is_quiet: bool) -> Status {
        self.written = self.written();
        Status {
            written: self.written,
            peer: self.peer_state(),
            output_is_behind: screen.is_behind(),
            is_quiet,
        }
    }

    fn written(&self) -> u64 {
        self.outbox.as_ref().map_or(self.written, Outbox::written)
    }

    fn peer_state(&self) -> PeerState {
        platform::peer_state(&self.connection.socket).unwrap_or_default()
    }

    /// Ends both threads by force. Returns how many messages were written that the peer's system has not confirmed.
    pub(super) fn disconnect(&mut self) -> usize {
        self.running = None;
        let unconfirmed =
            self.outbox.take().map(|outbox| outbox.messages_in_last(self.peer_state().unconfirmed));
        self.connection.hang_up();
        unconfirmed.unwrap_or(0)
    }

    /// Joins the threads of a session that is over. They have sent their last event, so this does not wait.
    pub(super) fn join(self) {
        self.reader.join();
        self.writer.join();
    }
}
