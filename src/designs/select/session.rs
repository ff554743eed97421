//! The socket of one conversation.

use super::outbox::{Flushed, Outbox};
use super::pool::Pool;
use super::screen::Screen;
use super::transcript::Transcript;
use crate::designs::net;
use crate::observe::{Observer, Place, Step};
use crate::platform;
use crate::rules::action::Outgoing;
use crate::rules::buffer::LastWrites;
use crate::rules::event::{Delivery, Event, PeerState, Status};
use crate::rules::messages::{Counter, Messages, Streams};
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// What belongs to one conversation.
pub(super) struct Session {
    socket: TcpStream,
    /// The peer may send more.
    reads: bool,
    /// None when nothing more can be written.
    outbox: Option<Outbox>,
    /// The socket takes no more for now.
    is_full: bool,
    /// How many bytes were written.
    written: u64,
    /// The last of them.
    last: LastWrites,
    streams: Streams,
    /// Numbers what is received.
    received: Counter,
    observer: Observer,
}

impl Session {
    /// A session over this connection.
    pub(super) fn start(socket: TcpStream, observer: Observer) -> io::Result<Self> {
        // Keep-alive is optional; ignore failure.
        let _ = platform::prepare(&socket);
        // Nobody shares this socket.
        socket.set_nonblocking(true)?;
        let streams = observer.begins(|| net::ends(&socket));
        Ok(Self {
            socket,
            reads: true,
            outbox: Some(Outbox::default()),
            is_full: false,
            written: 0,
            last: LastWrites::default(),
            streams,
            received: Counter::new(streams.received),
            observer,
        })
    }

    /// What becomes readable when the peer sends more, unless it sends no more.
    pub(super) fn to_read(&self) -> Option<BorrowedFd<'_>> {
        self.reads.then(|| self.socket.as_fd())
    }

    /// What becomes writable when the peer takes more, if that is waited for.
    pub(super) fn to_write(&self) -> Option<BorrowedFd<'_>> {
        self.is_full.then(|| self.socket.as_fd())
    }

    /// The socket has become writable.
    pub(super) fn is_writable(&mut self) {
        self.is_full = false;
    }

    /// The socket has become readable: reads once.
    pub(super) fn read(&mut self, pool: &Pool) -> Option<Event> {
        let mut buffer = pool.try_take()?;
        let result = match self.socket.read(buffer.space()) {
            Ok(0) => Ok(()),
            Ok(bytes) => {
                buffer.filled(bytes);
                let messages = self.observer.count(&mut self.received, buffer.input());
                buffer.messages = messages;
                self.observer.emit(|| Step::Read { from: Place::Peer, bytes, messages });
                return Some(Event::Received(buffer, Instant::now()));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return None;
            }
            Err(error) => Err(error),
        };
        self.reads = false;
        Some(Event::ReceivedAll(result))
    }

    /// Hands it to the outbox. `typed` are the lines that are dealt with by it.
    pub(super) fn send(&mut self, mut outgoing: Outgoing, typed: Messages) {
        let messages = outgoing.messages_in(self.streams.sent);
        self.observer.emit(|| Step::Decides { decision: (&outgoing).into(), typed, messages });
        if let Some(outbox) = &mut self.outbox {
            outbox.push(outgoing);
        }
    }

    /// Writes what the socket takes. What that led to, in order.
    pub(super) fn flush(&mut self, now: Instant, transcript: &mut Transcript) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(outbox) = self.outbox.as_mut().filter(|_| !self.is_full) {
            let flushed = outbox.flush(&self.socket, now, &mut self.last, transcript, &self.observer);
            self.written = outbox.written();
            match flushed {
                Ok(Flushed::Empty) => break,
                Ok(Flushed::Waits) => {
                    self.is_full = outbox.waits_for_socket();
                    break;
                }
                Ok(Flushed::GoodbyeWritten) => events.push(Event::GoodbyeWritten(now)),
                Ok(Flushed::Ended) => {
                    self.outbox = None;
                    events.push(Event::Delivered(Delivery { complete: true, undelivered: 0 }));
                }
                Err(error) => {
                    events.push(Event::WriteFailed(error));
                    events.extend(self.give_up(transcript));
                }
            }
        }
        events
    }

    /// Whether the outbox takes more.
    pub(super) fn has_capacity(&self) -> bool {
        self.outbox.as_ref().is_none_or(Outbox::has_capacity)
    }

    /// When to [flush](Self::flush) although the socket has not become writable.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.outbox.as_ref().and_then(Outbox::deadline)
    }

    /// What is known about the session now.
    pub(super) fn status(&self, screen: &Screen) -> Status {
        Status {
            written: self.written,
            peer: self.peer_state(),
            output_is_behind: screen.has_messages() || screen.transcript.is_behind(),
            is_quiet: true,
        }
    }

    fn peer_state(&self) -> PeerState {
        platform::peer_state(&self.socket).unwrap_or_default()
    }

    /// Lets go of it.
    pub(super) fn close(self, cleanly: bool) {
        if cleanly {
            platform::reset_at_close(&self.socket, false);
        }
    }

    /// Ends both halves by force. What that led to, in order.
    pub(super) fn disconnect(&mut self, transcript: &mut Transcript) -> Vec<Event> {
        let unconfirmed = self.last.messages_in(self.peer_state().unconfirmed);
        // Fails only if the peer has gone.
        let _ = self.socket.shutdown(Shutdown::Both);
        let mut events = vec![Event::Disconnected { unconfirmed }];
        events.extend(self.give_up(transcript));
        events.extend(std::mem::take(&mut self.reads).then_some(Event::ReceivedAll(Ok(()))));
        events
    }

    /// Nothing more can be delivered.
    fn give_up(&mut self, transcript: &mut Transcript) -> Option<Event> {
        self.is_full = false;
        self.outbox.take().map(|outbox| Event::Delivered(outbox.give_up(transcript)))
    }
}
