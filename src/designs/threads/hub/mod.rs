//! Many people: a reader for each client, one channel, and main, which alone touches the [`Hub`].
//!
//! ```text
//!  client ──▶ [client-reader] ──┐                       ┌──▶ client
//!  client ──▶ [client-reader] ──┼─▶ one channel ─▶ main ─┼──▶ [client-writer] ──▶ client that is behind
//!  keyboard ─▶ [stdin-reader] ──┘    of Event           └──▶ [screen-writer] ──▶ screen
//! ```
//!
//! Main takes all that waits in the channel as one batch, and then writes to each client at once what that was for it. It
//! does not block in that: what a client does not take at once goes to a writer of its own.

mod client;

use super::callers::Callers;
use super::console::Console;
use super::event::{Event, ToMain};
use crate::designs::clock::Clock;
use crate::designs::environment::Environment;
use crate::designs::net;
use crate::observe::{Decision, For, Goodbye, Place, Step};
use crate::platform::Trimmer;
use crate::platform::{self, Connection};
use crate::rules::action::{Ending, GRACE};
use crate::rules::buffer::Buffer;
use crate::rules::endpoint::CALLERS;
use crate::rules::exit::Exit;
use crate::rules::hub::{Action, Hub, Id, Moment, OPERATOR, Refusal, Rules};
use crate::rules::messages::Messages;
use crate::rules::notice::Notice;
use crate::rules::wire::GOODBYE;
use client::{Client, SLICES};
use crossbeam_channel::{Receiver, bounded};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many events the channel holds. Readers wait while it is full; main never does.
const EVENTS: usize = 1024;

/// How many events are one batch at most, so that what they led to is written before the next.
const BATCH: usize = 256;

/// How many bytes the screen is given at a time.
const SHOWN: usize = 64 * 1024;

/// How soon to try again to start a writer, when the system has no thread left.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// All that main knows. Only main touches it.
pub(super) struct HubLoop {
    events: Receiver<Event>,
    hub: Hub,
    callers: Callers,
    clients: HashMap<Id, Client>,
    trimmer: Trimmer,
    /// Writers of clients that have gone, which are about to end.
    retired: Vec<JoinHandle<()>>,
    /// Clients that are behind and for which no writer could be started, and when to try again.
    unserved: Vec<Id>,
    retry_at: Option<Instant>,
    console: Console,
    clock: Clock,
}

impl HubLoop {
    /// Starts the threads that do not belong to a client.
    pub(super) fn start(
        environment: Environment,
        rules: Rules,
        listener: TcpListener,
        port_was_chosen: bool,
    ) -> io::Result<Self> {
        let (channel, events) = bounded(EVENTS);
        let to_main = ToMain::new(channel, environment.observer.clone());
        let mut console = Console::start(environment, &to_main)?;
        let callers = Callers::start(listener, console.to_main.clone())?;
        let clock = Clock::new();
        if clock.lacks_local_time() {
            console.screen.report(&Notice::NoLocalTime);
        }
        console.screen.report(&Notice::Listening { at: callers.address(), port_was_chosen, command: "hub" });
        console.screen.set_prompt("hub");
        Ok(Self {
            hub: Hub::new(rules, Instant::now()),
            events,
            callers,
            clients: HashMap::new(),
            trimmer: Trimmer::default(),
            retired: Vec::new(),
            unserved: Vec::new(),
            retry_at: None,
            console,
            clock,
        })
    }

    /// The whole life of the hub.
    pub(super) fn run(mut self) -> Exit {
        loop {
            let at = self.moment();
            if let Some(exit) = self.perform_actions(at) {
                return self.end(exit);
            }
            if let Some(event) = self.next_event() {
                let at = self.moment();
                self.handle(event, at);
                for event in self.more_events() {
                    self.handle(event, at);
                }
            }
        }
    }

    fn moment(&mut self) -> Moment {
        Moment { now: Instant::now(), stamp: self.clock.stamp() }
    }

    /// Waits for the next event, or for the next moment at which something is to be done.
    fn next_event(&self) -> Option<Event> {
        let event = self.events.try_recv().ok().or_else(|| {
            self.console.observer().emit(|| Step::Waits(For::Event));
            match self.hub.deadline(Instant::now()).into_iter().chain(self.retry_at).min() {
                Some(deadline) => self.events.recv_deadline(deadline).ok(),
                None => self.events.recv().ok(),
            }
        });
        event.map(|event| event.taken(self.events.len(), self.console.observer()))
    }

    /// What has happened meanwhile, without waiting.
    fn more_events(&self) -> Vec<Event> {
        let more = self.events.try_iter().take(BATCH - 1);
        more.map(|event| event.taken(self.events.len(), self.console.observer())).collect()
    }

    /// Something happened.
    fn handle(&mut self, event: Event, at: Moment) {
        match event {
            Event::Heard(id, buffer) => {
                self.relays(Messages::NONE, buffer.messages);
                self.hub.heard(id, buffer, at);
            }
            Event::HeardAllOf(id, result) => {
                self.hub.heard_all(id, result, at);
                if let Some(client) = self.clients.get_mut(&id) {
                    client.reader.take().map(JoinHandle::join);
                }
                self.forget_if_over(id);
            }
            Event::Wrote(id, bytes) => {
                self.hub.wrote(id, bytes, at);
                self.write(id, at);
            }
            Event::WriteFailedTo(id, error) => self.write_failed(id, error, at),
            Event::Called(socket, peer) => self.called(socket, peer, at),
            Event::Typed(buffer) => {
                self.relays(buffer.messages, Messages::NONE);
                self.hub.heard(OPERATOR, buffer, at);
            }
            Event::InputEnded(result) => self.hub.heard_all(OPERATOR, result, at),
            Event::Signal(signal) => self.hub.signalled(signal, at.now),
            Event::ScreenFailed(error) => self.hub.screen_failed(error, at.now),
            Event::TranscriptFailed(error) => {
                self.console.screen.report(&Notice::CannotWriteTranscript(error));
            }
            Event::Report(notice) => self.console.screen.report(&notice),
            // What there is to do then, `perform_actions` does after every batch.
            Event::Room | Event::ScreenDone | Event::NoticesDone | Event::TranscriptDone => {}
            // Of a conversation of two.
            Event::Received(..)
            | Event::HeardAll(_)
            | Event::WriteFailed(_)
            | Event::Delivered(_)
            | Event::Connected(_) => {}
        }
    }

    fn relays(&self, typed: Messages, messages: Messages) {
        self.console.observer().emit(|| Step::Decides { decision: Decision::Relay, typed, messages });
    }

    /// Somebody calls: they join, or are told why not.
    fn called(&mut self, socket: TcpStream, peer: SocketAddr, at: Moment) {
        let connection = Arc::new(Connection::new(socket));
        let admitted = self.hub.admits(peer).and_then(|()| {
            platform::prepare_client(&connection.socket);
            let id = self.hub.new_id();
            let streams = self.console.observer().begins(|| net::ends(&connection.socket));
            let client = Client::start(id, &connection, &self.console.to_main, streams);
            client.map(|client| (id, client)).map_err(|_| Refusal::NoResources)
        });
        match admitted {
            Ok((id, client)) => {
                self.clients.insert(id, client);
                self.trimmer.grew(self.clients.len());
                self.hub.join(id, peer, at);
            }
            Err(refusal) => {
                self.console.screen.report(&Notice::NotLetIn { peer, refusal });
                let line = refusal.line(&at.stamp);
                if self.callers.being_turned_away() < CALLERS {
                    // If there is no thread for it, it was told at once.
                    let _ = self.callers.turn_away(connection, line);
                } else {
                    // So many call that nobody waits until this one has read it.
                    let _ = platform::write_first(&connection.socket, &[&line, GOODBYE].concat());
                }
            }
        }
    }

    /// Does all that is to be done after a batch. How to end, if that is to be done.
    fn perform_actions(&mut self, at: Moment) -> Option<Exit> {
        self.hub.set_paused(!self.console.screen.transcript_has_room());
        self.hub.tick(at);
        if self.retry_at.is_some_and(|retry_at| retry_at <= at.now) {
            self.retry_at = None;
            for id in std::mem::take(&mut self.unserved) {
                self.write(id, at);
            }
        }
        for id in self.hub.take_to_write() {
            self.write(id, at);
        }
        self.show(at);
        while let Some(action) = self.hub.next_action() {
            match action {
                // Fails only if the client has gone, which its reader notices.
                Action::HalfClose(id) => {
                    let _ = self
                        .clients
                        .get(&id)
                        .map(|client| client.connection.socket.shutdown(Shutdown::Write));
                }
                Action::HangUp(id) => self.hang_up(id),
                Action::Record(entry) => self.console.screen.record_entry(entry),
                Action::HeardGoodbye => self.console.observer().emit(|| Step::Goodbye(Goodbye::Heard)),
                Action::Report(notice) => self.console.screen.report(&notice),
                Action::End(exit) => return Some(exit),
            }
        }
        None
    }

    /// Writes to a client what it takes without blocking. The rest goes to its writer.
    fn write(&mut self, id: Id, at: Moment) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        while let Some(outbox) = self.hub.outbox(id)
            && let Some(queue) = outbox.queue()
        {
            let mut slices = [IoSlice::new(&[]); SLICES];
            self.console.observer().emit(|| Step::Writes { to: Place::Client, bytes: queue.bytes() });
            match platform::try_write_vectored(&client.connection.socket, queue.fill(&mut slices, usize::MAX))
            {
                Ok(written) => {
                    queue.was_written(written, &mut client.sent, self.console.observer());
                    self.hub.wrote(id, written, at);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let first = client.count_lent(queue);
                    match client.writer(id, &self.console.to_main) {
                        // It has nothing to write, or the outbox would not have shown its queue.
                        Ok(writer) => drop(writer.send((outbox.lend(), first))),
                        Err(_) => {
                            client.sent = first;
                            self.unserved.push(id);
                            self.retry_at.get_or_insert(at.now + RETRY_AFTER);
                        }
                    }
                    return;
                }
                Err(error) => return self.write_failed(id, error, at),
            }
        }
    }

    fn write_failed(&mut self, id: Id, error: io::Error, at: Moment) {
        if let Some(client) = self.clients.get(&id) {
            client.connection.hang_up();
        }
        self.hub.write_failed(id, error, at.now);
    }

    /// Shows the operator what there is, while the screen takes it.
    fn show(&mut self, at: Moment) {
        while self.console.screen.has_room()
            && let Some(queue) = self.hub.outbox(OPERATOR).and_then(|outbox| outbox.queue())
        {
            let lines = queue.copy(SHOWN);
            let written = lines.len();
            self.console.screen.show_unrecorded(Buffer::with_output(lines));
            self.hub.wrote(OPERATOR, written, at);
        }
    }

    /// It is over with this client: its threads end.
    fn hang_up(&mut self, id: Id) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.connection.hang_up();
            client.running = None;
            self.retired.extend(client.end_writer());
            self.forget_if_over(id);
        }
        for writer in self.retired.extract_if(.., |writer| writer.is_finished()) {
            let _ = writer.join();
        }
    }

    fn forget_if_over(&mut self, id: Id) {
        if self.clients.get(&id).is_some_and(|client| client.running.is_none() && client.reader.is_none()) {
            self.clients.remove(&id);
            self.trimmer.shrunk(self.clients.len());
        }
    }

    /// Ends all threads, when what is to be shown has been shown.
    fn end(mut self, exit: Exit) -> Exit {
        let in_a_hurry = matches!(exit, Exit::Signal(_));
        let mut ending = Ending { exit, by_force: in_a_hurry.then(|| Instant::now() + GRACE) };
        self.console.close_keyboard();
        if let Some(queue) = self.hub.outbox(OPERATOR).and_then(|outbox| outbox.queue()) {
            self.console.screen.show_unrecorded(Buffer::with_output(queue.copy(usize::MAX)));
        }
        let mut late = Vec::new();
        self.console.finish_outputs(&self.events, &mut ending, |socket, _| late.push(socket));
        let line = Refusal::Ending.line(&self.clock.stamp());
        self.callers.end(late, &self.events, &line, in_a_hurry);
        // Whoever waits for us to take an event is woken by this.
        drop(self.events);
        let readers = self.clients.into_values().filter_map(|client| client.reader);
        for thread in readers.chain(self.retired) {
            let _ = thread.join();
        }
        self.console.end();
        ending.exit
    }
}
