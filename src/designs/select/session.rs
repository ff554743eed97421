//! The socket of one conversation.

use super::outbox::{Flushed, Outbox};
use super::pool::Pool;
use super::screen::Screen;
use crate::designs::clock::Clock;
use crate::designs::net;
use crate::observe::{Decision, Observer, Place, Step};
use crate::platform;
use crate::rules::buffer::Buffer;
use crate::rules::conversation::{Conversation, Delivery};
use crate::rules::endpoint::Endpoint;
use crate::rules::messages::{Counter, Messages};
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
    /// The buffer in which the beginning of a message came: what is shown when nothing follows travels in
    /// it, so that a peer without newlines is held up by a stuck screen like any other.
    unfinished: Option<Buffer>,
    /// Number what is sent and what is received.
    sent: Counter,
    received: Counter,
    observer: Observer,
}

impl Session {
    /// Begins to talk.
    pub(super) fn start(socket: TcpStream, observer: Observer) -> io::Result<Self> {
        // Without keep-alive it can be talked nevertheless.
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
            unfinished: None,
            sent: Counter::new(streams.sent),
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
    pub(super) fn read(&mut self, conversation: &mut Conversation, pool: &Pool, screen: &mut Screen) {
        let Some(mut buffer) = pool.try_take() else { return };
        match self.socket.read(buffer.space()) {
            Ok(0) => self.heard_all(conversation, Ok(()), screen),
            Ok(bytes) => {
                buffer.filled(bytes);
                let messages = self.observer.count(&mut self.received, buffer.input());
                buffer.messages = messages;
                self.observer.emit(|| Step::Read { from: Place::Peer, bytes, messages });
                conversation.hear(&mut buffer, Instant::now());
                self.show(buffer, screen);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => self.heard_all(conversation, Err(error), screen),
        }
    }

    /// The peer sends no more.
    fn heard_all(&mut self, conversation: &mut Conversation, result: io::Result<()>, screen: &mut Screen) {
        self.reads = false;
        let mut buffer = self.unfinished.take().unwrap_or_default();
        conversation.heard_all(result, &mut buffer);
        screen.show(buffer);
    }

    /// Hands out what there is to send, while there is room for it, and writes what the socket takes.
    pub(super) fn send(
        &mut self,
        endpoint: &mut Endpoint<TcpStream>,
        clock: &mut Clock,
        screen: &mut Screen,
    ) {
        let (now, stamp) = (Instant::now(), clock.stamp());
        loop {
            self.flush(endpoint, now, screen);
            // A goodbye needs no room.
            let may_add = endpoint.is_leaving() || self.has_room() && screen.transcript.has_room();
            let Some(outbox) = self.outbox.as_mut().filter(|_| may_add) else { return };
            let Some(mut outgoing) = endpoint.next_outgoing(now, &stamp) else { return };
            let (decision, messages) = outgoing.decided(&mut self.sent);
            self.observer.emit(|| Step::Decides { decision, typed: endpoint.take_typed(), messages });
            outbox.push(outgoing);
        }
    }

    fn flush(&mut self, endpoint: &mut Endpoint<TcpStream>, now: Instant, screen: &mut Screen) {
        let Some(conversation) = endpoint.conversation() else { return };
        let Some(outbox) = self.outbox.as_mut().filter(|_| !self.is_full) else { return };
        let flushed = outbox.flush(&self.socket, now, &mut screen.transcript, &self.observer);
        self.written = outbox.written();
        match flushed {
            Ok(Flushed::Empty) => {}
            Ok(Flushed::Waits) => self.is_full = outbox.waits_for_socket(),
            Ok(Flushed::Ended) => {
                self.outbox = None;
                conversation.delivered(Delivery { complete: true, undelivered: 0 });
            }
            Err(error) => {
                conversation.write_failed(error);
                self.give_up(conversation, screen);
            }
        }
    }

    /// Whether more may be handed out.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.as_ref().is_none_or(Outbox::has_room)
    }

    /// When to [send](Self::send) although the socket has not become writable.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.outbox.as_ref().and_then(Outbox::deadline)
    }

    /// Looks at the time, and at what moves.
    pub(super) fn tick(&mut self, conversation: &mut Conversation, now: Instant, screen: &mut Screen) {
        if conversation.deadline().is_some_and(|deadline| deadline <= now) {
            let mut buffer = self.unfinished.take().unwrap_or_default();
            conversation.quiet(now, &mut buffer);
            self.show(buffer, screen);
            let peer = platform::peer_state(&self.socket).unwrap_or_default();
            let is_behind = screen.has_messages() || screen.transcript.is_behind();
            conversation.tick(now, self.written, peer, is_behind);
        }
        if conversation.is_cut() {
            self.cut(conversation, screen);
        }
    }

    /// Shows what is to be shown. What is not, yet, keeps its buffer.
    fn show(&mut self, buffer: Buffer, screen: &mut Screen) {
        if buffer.shows_nothing() {
            self.unfinished = Some(buffer);
        } else {
            self.unfinished = None;
            let messages = buffer.messages;
            self.observer.emit(|| Step::Decides {
                decision: Decision::Show,
                typed: Messages::NONE,
                messages,
            });
            screen.show(buffer);
        }
    }

    /// Ends both halves by force.
    fn cut(&mut self, conversation: &mut Conversation, screen: &mut Screen) {
        if let Some(outbox) = &self.outbox {
            let unconfirmed = platform::peer_state(&self.socket).unwrap_or_default().unconfirmed;
            conversation.unconfirmed(outbox.messages_in_last(unconfirmed));
        }
        // Fails only if the peer has gone.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.give_up(conversation, screen);
        if self.reads {
            self.heard_all(conversation, Ok(()), screen);
        }
    }

    /// Nothing more can be delivered.
    fn give_up(&mut self, conversation: &mut Conversation, screen: &mut Screen) {
        if let Some(outbox) = self.outbox.take() {
            conversation.delivered(outbox.give_up(&mut screen.transcript));
        }
        self.is_full = false;
    }
}
