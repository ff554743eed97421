//! The threads of one conversation: a socket-reader and a socket-writer.

use super::event::{Event, ToMain};
use super::outbox::Outbox;
use super::pool::Pool;
use super::reader::Reader;
use super::screen::Screen;
use super::thread::{Thread, spawn};
use crate::designs::clock::Clock;
use crate::designs::net;
use crate::observe::{Decision, Observer, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::buffer::Buffer;
use crate::rules::conversation::{Conversation, Delivery};
use crate::rules::endpoint::Endpoint;
use crate::rules::messages::{Counter, Messages};
use crossbeam_channel::{Sender, bounded};
use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

/// All that runs for one conversation. It ends when both threads have said their last word.
pub(super) struct Session {
    connection: Arc<Connection>,
    /// None when nothing more can be written.
    outbox: Option<Outbox>,
    /// Dropped, it wakes the reader from waiting for a buffer.
    running: Option<Sender<Infallible>>,
    reader: Thread,
    writer: Thread,
    /// The buffer in which the beginning of a message came: what is shown when nothing follows travels in
    /// it, so that a peer without newlines is held up by a stuck screen like any other.
    unfinished: Option<Buffer>,
    /// How many bytes were written.
    written: u64,
    /// Numbers what is sent.
    sent: Counter,
    observer: Observer,
}

impl Session {
    /// Starts the threads.
    pub(super) fn start(
        socket: TcpStream,
        pool: &Pool,
        to_main: &ToMain<Event>,
        screen: &Screen,
    ) -> io::Result<Self> {
        // Without keep-alive it can be talked nevertheless.
        let _ = platform::prepare(&socket);
        let observer = to_main.observer.clone();
        let streams = observer.begins(|| net::ends(&socket));
        let connection = Arc::new(Connection::new(socket));
        let (running, stop) = bounded(0);
        let (outbox, writer) = Outbox::new(Arc::clone(&connection), to_main.clone(), screen.recorder());
        // The writer begins when the reader has been started, too: else it would tell of a conversation that is none.
        let (begin, begins) = bounded::<()>(1);
        let writer = spawn("socket-writer", &observer, move || {
            if begins.recv().is_ok() {
                writer.run();
            }
        })?;
        let reader = Reader {
            pool: pool.clone(),
            stop,
            to_main: to_main.clone(),
            place: Place::Peer,
            stream: streams.received,
        };
        let input = Arc::clone(&connection);
        let reader = spawn("socket-reader", &observer, move || {
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
            unfinished: None,
            written: 0,
            sent: Counter::new(streams.sent),
            observer,
        })
    }

    /// A read returned this, at that moment.
    pub(super) fn received(
        &mut self,
        conversation: &mut Conversation,
        mut buffer: Buffer,
        at: Instant,
        screen: &mut Screen,
    ) {
        conversation.hear(&mut buffer, at);
        self.show(buffer, screen);
    }

    /// The peer sends no more.
    pub(super) fn heard_all(
        &mut self,
        conversation: &mut Conversation,
        result: io::Result<()>,
        screen: &mut Screen,
    ) {
        let mut buffer = self.unfinished.take().unwrap_or_default();
        conversation.heard_all(result, &mut buffer);
        screen.show(buffer);
    }

    /// Nothing more can be written.
    pub(super) fn write_failed(&mut self, conversation: &mut Conversation, error: io::Error) {
        conversation.write_failed(error);
        self.outbox = None;
    }

    /// The writer has ended.
    pub(super) fn delivered(&mut self, conversation: &mut Conversation, delivery: Delivery) {
        conversation.delivered(delivery);
        self.outbox = None;
    }

    /// Hands out what there is to send, while there is room for it. (A goodbye needs none.)
    pub(super) fn send(&mut self, endpoint: &mut Endpoint<TcpStream>, clock: &mut Clock) {
        let (now, stamp) = (Instant::now(), clock.stamp());
        while let Some(outbox) =
            self.outbox.as_ref().filter(|outbox| endpoint.is_leaving() || outbox.has_capacity())
            && let Some(mut outgoing) = endpoint.next_outgoing(now, &stamp)
        {
            let (decision, messages) = outgoing.decided(&mut self.sent);
            self.observer.emit(|| Step::Decides { decision, typed: endpoint.take_typed(), messages });
            outbox.push(outgoing);
        }
    }

    /// Whether more may be handed out.
    pub(super) fn has_capacity(&self) -> bool {
        self.outbox.as_ref().is_none_or(Outbox::has_capacity)
    }

    /// Looks at the time, and at what moves. `is_quiet` if nothing that has arrived waits to be heard.
    pub(super) fn tick(
        &mut self,
        conversation: &mut Conversation,
        now: Instant,
        is_quiet: bool,
        screen: &mut Screen,
    ) {
        if conversation.deadline().is_some_and(|deadline| deadline <= now) {
            if is_quiet {
                let mut buffer = self.unfinished.take().unwrap_or_default();
                conversation.quiet(now, &mut buffer);
                self.show(buffer, screen);
            }
            self.written = self.outbox.as_ref().map_or(self.written, Outbox::written);
            let peer = platform::peer_state(&self.connection.socket).unwrap_or_default();
            conversation.tick(now, self.written, peer, screen.is_behind());
        }
        if conversation.is_cut() && self.running.take().is_some() {
            self.cut(conversation);
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

    /// Ends both threads by force.
    fn cut(&mut self, conversation: &mut Conversation) {
        if let Some(outbox) = self.outbox.take() {
            let unconfirmed = platform::peer_state(&self.connection.socket).unwrap_or_default().unconfirmed;
            conversation.unconfirmed(outbox.messages_in_last(unconfirmed));
        }
        self.connection.hang_up();
    }

    /// Joins the threads of a conversation that is over.
    pub(super) fn join(self) {
        // They have said their last word, so this does not wait.
        self.reader.join();
        self.writer.join();
    }
}
