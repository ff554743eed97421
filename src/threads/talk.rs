//! The threads of one conversation: a socket-reader and a socket-writer.

use super::event::Event;
use super::outbox::Outbox;
use super::reader::Reader;
use super::screen::Screen;
use crate::buffer::{Buffer, Pool};
use crate::clock::Clock;
use crate::conversation::{Conversation, Delivery, Manners};
use crate::input::Input;
use crate::platform;
use crossbeam_channel::{Sender, bounded};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often to look whether the peer's system has vanished, while it has something to answer.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A conversation and all that runs for it. It ends when both threads have said their last word.
pub(super) struct Talk {
    pub(super) conversation: Conversation,
    socket: Arc<TcpStream>,
    /// None when nothing more can be written.
    outbox: Option<Outbox>,
    /// Dropped, it wakes the reader from waiting for a buffer.
    running: Option<Sender<Infallible>>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
    /// The buffer in which the beginning of a message came: what is shown when nothing follows travels in
    /// it, so that a peer without newlines is held up by a stuck screen like any other.
    unfinished: Option<Buffer>,
    /// How many bytes were read, but for what follows a goodbye.
    moved: u64,
    /// How many bytes were written.
    written: u64,
    look_at: Option<Instant>,
}

impl Talk {
    /// Starts the threads.
    pub(super) fn start(
        socket: TcpStream,
        peer: SocketAddr,
        manners: Manners,
        only_listens: bool,
        pool: &Pool,
        to_main: &Sender<Event>,
        screen: &Screen,
    ) -> io::Result<Self> {
        // Without keep-alive it can be talked nevertheless.
        let _ = platform::prepare(&socket);
        let socket = Arc::new(socket);
        let observer = screen.observer();
        let (running, stop) = bounded(0);
        let (outbox, writer) =
            Outbox::new(Arc::clone(&socket), to_main.clone(), observer.clone(), screen.recorder());
        // The writer begins when the reader has been started, too: else it would tell of a conversation that is none.
        let (begin, begins) = bounded::<()>(1);
        let writer = thread::Builder::new().name("socket-writer".to_owned()).spawn(move || {
            if begins.recv().is_ok() {
                writer.run();
            }
        })?;
        let reader = Reader { pool: pool.clone(), stop, to_main: to_main.clone(), observer };
        let input = Arc::clone(&socket);
        let reader = thread::Builder::new().name("socket-reader".to_owned()).spawn(move || {
            let received = |buffer| Event::Received(buffer, Instant::now());
            reader.run(&*input, received, Event::HeardAll);
        })?;
        let _ = begin.send(());
        Ok(Self {
            conversation: Conversation::new(peer, Instant::now(), manners, only_listens),
            socket,
            outbox: Some(outbox),
            running: Some(running),
            reader,
            writer,
            unfinished: None,
            moved: 0,
            written: 0,
            look_at: None,
        })
    }

    /// A read returned this, at that moment.
    pub(super) fn received(&mut self, mut buffer: Buffer, at: Instant, screen: &Screen) {
        if !self.conversation.heard_goodbye() {
            self.moved += buffer.input().len() as u64;
        }
        self.conversation.hear(&mut buffer, at);
        if buffer.shows_nothing() {
            self.unfinished = Some(buffer);
        } else {
            self.unfinished = None;
            screen.show(buffer);
        }
    }

    /// The peer sends no more.
    pub(super) fn heard_all(&mut self, result: io::Result<()>, screen: &Screen) {
        let mut buffer = self.unfinished.take().unwrap_or_default();
        self.conversation.heard_all(result, &mut buffer);
        screen.show(buffer);
    }

    /// Nothing more can be written.
    pub(super) fn write_failed(&mut self, error: io::Error) {
        self.conversation.write_failed(error);
        self.outbox = None;
    }

    /// The writer has ended.
    pub(super) fn delivered(&mut self, delivery: Delivery) {
        self.conversation.delivered(delivery);
        self.outbox = None;
    }

    /// Hands out what there is to send, while there is room for it. (A goodbye needs none.)
    pub(super) fn send(&mut self, input: &mut Input, clock: &mut Clock) {
        let stamp = clock.stamp();
        while let Some(outbox) =
            self.outbox.as_ref().filter(|outbox| self.conversation.is_ending() || outbox.has_room())
            && let Some(outgoing) = self.conversation.next_outgoing(input, &stamp)
        {
            outbox.push(outgoing);
            self.look_at.get_or_insert_with(|| Instant::now() + LOOK_EVERY);
        }
    }

    /// Whether more may be handed out.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.as_ref().is_none_or(Outbox::has_room)
    }

    /// When to call [`tick`](Self::tick).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.conversation.deadline().into_iter().chain(self.look_at).min()
    }

    /// Looks at the time, and at what moves. `is_quiet` if nothing that has arrived waits to be heard.
    pub(super) fn tick(&mut self, now: Instant, is_quiet: bool, screen: &Screen) {
        if is_quiet {
            let mut buffer = self.unfinished.take().unwrap_or_default();
            self.conversation.quiet(now, &mut buffer);
            if buffer.shows_nothing() {
                self.unfinished = Some(buffer);
            } else {
                screen.show(buffer);
            }
        }
        let state = platform::peer_state(&self.socket).unwrap_or_default();
        self.written = self.outbox.as_ref().map_or(self.written, Outbox::written);
        self.conversation.tick(now, self.moved + self.written + state.confirmed, screen.is_behind());
        if state.silent >= platform::SILENCE_LIMIT {
            self.conversation.vanished(state.silent);
        }
        if self.look_at.is_some_and(|look_at| look_at <= now) {
            self.look_at = (state.unconfirmed > 0).then(|| now + LOOK_EVERY);
        }
        if self.conversation.is_cut() {
            self.cut();
        }
    }

    /// Ends both threads by force.
    pub(super) fn cut(&mut self) {
        self.conversation.cut_now();
        self.look_at = None;
        if let Some(outbox) = self.outbox.take() {
            let unconfirmed = platform::peer_state(&self.socket).unwrap_or_default().unconfirmed;
            self.conversation.unconfirmed(outbox.messages_in_last(unconfirmed));
        }
        self.running = None;
        platform::hang_up(&self.socket);
    }

    /// Joins the threads of a conversation that is over.
    pub(super) fn join(self) -> Conversation {
        // They have said their last word, so this does not wait.
        let _ = self.reader.join();
        let _ = self.writer.join();
        self.conversation
    }
}
