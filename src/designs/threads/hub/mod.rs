//! Many people: a reader for each client, one channel, and main, which alone touches the [`Hub`].
//!
//! ```text
//!  client ──▶ [client-reader] ──┐                       ┌──▶ client
//!  client ──▶ [client-reader] ──┼─▶ one channel ─▶ main ─┼──▶ [client-writer] ──▶ client that is behind
//!  keyboard ─▶ [stdin-reader] ──┘    of Event           └──▶ [screen-writer] ──▶ screen
//! ```
//!
//! Main takes everything that waits in the channel as one batch, and then writes to each client what the batch put into its
//! outbox. That never blocks: what a client does not accept at once goes to a writer of its own.
//!
//! `log.rs` has the two threads that make it one of several hubs.

mod client;
mod event;
#[cfg(feature = "link")]
mod log;
#[cfg(feature = "secure")]
mod secure;

use super::callers::{Caller, Callers};
use super::channel::{Receiver, bounded};
use super::console::Console;
use super::event::{ConsoleEvent, ProgramEvent, ToMain};
use super::thread::Thread;
#[cfg(feature = "link")]
use crate::designs::Link;
use crate::designs::Web;
use crate::designs::clock::{Clock, utc_now};
use crate::designs::environment::Environment;
#[cfg(feature = "secure")]
use crate::designs::environment::Remember;
#[cfg(feature = "secure")]
use crate::designs::hub::Sealer;
use crate::designs::hub::{observe_written, relay};
use crate::designs::net;
#[cfg(feature = "web")]
use crate::observe::Live;
use crate::observe::{For, Goodbye, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::buffer::Buffer;
use crate::rules::exit::Exit;
use crate::rules::hub::{self as rules, Action, Hub, Id, OPERATOR, Port, Refusal, Settings};
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::record::Entry;
use crate::rules::secure::Security;
use client::{Client, Lent, SLICES};
use event::Event;
#[cfg(feature = "link")]
use log::Log;
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many events the channel holds. Readers wait while it is full; main never sends.
const EVENTS: usize = 1024;

/// The most events in a batch, so that clients do not wait long for what the first of them led to.
const MAX_BATCH: usize = 256;

/// When the system has no thread left for a writer, how soon to try again.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// Everything that main knows. No other thread touches it.
pub(super) struct HubLoop {
    events: Receiver<Event>,
    hub: Hub,
    callers: Callers,
    clients: HashMap<Id, Client>,
    /// The writers of clients that have left, which are about to end.
    retired: Vec<Thread>,
    /// Clients that are behind and for which no writer could be started.
    unserved: Vec<Id>,
    retry_at: Option<Instant>,
    console: Console,
    to_main: ToMain<Event>,
    clock: Clock,
    /// If it is linked to others.
    #[cfg(feature = "link")]
    log: Option<Log>,
    #[cfg(feature = "secure")]
    sealer: Sealer,
    /// Appends to the file of known peers.
    #[cfg(feature = "secure")]
    remember: Option<Remember>,
    /// If browsers may come.
    #[cfg(feature = "web")]
    web: Option<Box<Web>>,
    /// The steps of all threads, for the page of the hub.
    #[cfg(feature = "web")]
    live: Arc<Live>,
}

impl HubLoop {
    /// Starts the threads that do not belong to a client.
    pub(super) fn start(
        environment: Environment,
        settings: Settings,
        mut listeners: Vec<TcpListener>,
        port_was_chosen: bool,
        mut web: Option<Box<Web>>,
    ) -> io::Result<Self> {
        let keyboard_is_terminal = environment.keyboard_is_terminal;
        let encrypted = environment.security.as_ref().map(Security::options);
        #[cfg(any(feature = "secure", feature = "web"))]
        let mut environment = environment;
        #[cfg(feature = "web")]
        let live = Live::beside(&mut environment.observer);
        #[cfg(feature = "secure")]
        let (security, remember) = (environment.security.take(), environment.remember.take());
        let (channel, events) = bounded(EVENTS);
        let to_main = ToMain::new(channel, environment.observer.clone());
        let (mut console, to_main) = Console::start(environment, &to_main)?;
        let at = net::local_addresses(&listeners)?;
        listeners.extend(web.iter_mut().flat_map(|web| web.take_listeners()));
        let callers = Callers::start(listeners, &to_main)?;
        let clock = Clock::new();
        if clock.lacks_local_time() {
            console.screen.report(&Notice::NoLocalTime);
        }
        console.screen.report(&Notice::Listening { at, port_was_chosen, command: "hub", encrypted });
        let mut hub = Hub::new(settings, keyboard_is_terminal, Instant::now());
        #[cfg(feature = "secure")]
        if let Some(security) = security {
            hub.encrypt(security);
        }
        if let Some(notice) = web.as_ref().and_then(|web| web.open(&mut hub)) {
            console.screen.report(&notice);
        }
        let mut hub_loop = Self {
            hub,
            events,
            callers,
            clients: HashMap::new(),
            retired: Vec::new(),
            unserved: Vec::new(),
            retry_at: None,
            console,
            to_main,
            clock,
            #[cfg(feature = "link")]
            log: None,
            #[cfg(feature = "secure")]
            sealer: Sealer::default(),
            #[cfg(feature = "secure")]
            remember,
            #[cfg(feature = "web")]
            web,
            #[cfg(feature = "web")]
            live,
        };
        hub_loop.name_operator();
        Ok(hub_loop)
    }

    /// Shows the operator's name in front of what is typed.
    fn name_operator(&mut self) {
        if let ((Some(terminal), _), Some((room, name))) =
            (self.console.screen.terminal(), self.hub.operator())
        {
            terminal.operate(room, name);
        }
    }

    /// The same hub, as one of several.
    #[cfg(feature = "link")]
    pub(super) fn linked(mut self, link: Option<&Link>) -> io::Result<Self> {
        if let Some(link) = link {
            self.hub.link(&link.name());
            self.name_operator();
            self.log = Some(Log::start(link, &self.to_main)?);
        }
        Ok(self)
    }

    /// Runs the hub until it ends.
    pub(super) fn run(mut self) -> Exit {
        loop {
            let now = self.now();
            if let Some(exit) = self.perform_actions(now) {
                return self.end(exit);
            }
            if let Some(event) = self.next_event() {
                let now = self.now();
                self.handle(event, now);
                for event in self.more_events() {
                    self.handle(event, now);
                }
            }
        }
    }

    fn now(&mut self) -> Moment {
        Moment { instant: Instant::now(), stamp: self.clock.stamp() }
    }

    /// Waits for the next event, or until something is due.
    fn next_event(&self) -> Option<Event> {
        let event = self.events.try_recv().ok().or_else(|| {
            self.console.observer().emit(|| Step::Waits(For::Event));
            match self.hub.poll_timeout().into_iter().chain(self.retry_at).min() {
                Some(deadline) => self.events.recv_deadline(deadline).ok(),
                None => self.events.recv().ok(),
            }
        });
        event.map(|event| event.taken(self.events.len(), self.console.observer()))
    }

    /// The events that have come in meanwhile.
    fn more_events(&self) -> Vec<Event> {
        let more = self.events.try_iter().take(MAX_BATCH - 1);
        more.map(|event| event.taken(self.events.len(), self.console.observer())).collect()
    }

    fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Console(event) => self.handle_console(event, now),
            Event::Heard(id, buffer) => self.pass_on(rules::Event::Read(id, buffer), now),
            #[cfg(feature = "secure")]
            Event::Opened(id, other) => self.pass_on(rules::Event::Opened(id, other), now),
            #[cfg(feature = "secure")]
            Event::NotOpened(id, error) => self.pass_on(rules::Event::NotOpened(id, error), now),
            Event::HeardAllOf(id, result) => {
                self.pass_on(rules::Event::ReadEnded(id, result), now);
                if let Some(reader) = self.clients.get_mut(&id).and_then(|client| client.reader.take()) {
                    reader.join();
                }
                self.forget_if_over(id);
            }
            Event::Wrote(id, bytes) => {
                self.pass_on(rules::Event::Written(id, bytes), now);
                self.write(id, now);
            }
            #[cfg(feature = "secure")]
            Event::HalfClosed(id) => self.pass_on(rules::Event::HalfClosed(id), now),
            Event::WriteFailedTo(id, error) => self.handle_write_failed(id, error, now),
            #[cfg(feature = "link")]
            Event::Log(events, has_credit) => {
                for event in events {
                    let stamp = event.logged_at().map_or(now.stamp, |ms| self.clock.stamp_at(ms));
                    self.pass_on(rules::Event::Link(event, stamp), now);
                }
                if let Some(log) = &mut self.log {
                    log.got(has_credit);
                }
            }
        }
    }

    fn handle_console(&mut self, event: ConsoleEvent, now: Moment) {
        match event {
            ConsoleEvent::Called(caller) => self.handle_caller(caller, now),
            ConsoleEvent::Typed(buffer) => self.handle_typed(buffer, now),
            ConsoleEvent::InputEnded(result) => self.pass_on(rules::Event::ReadEnded(OPERATOR, result), now),
            ConsoleEvent::Signal(signal) => self.pass_on(rules::Event::Signal(signal), now),
            ConsoleEvent::Terminal(change) => self.console.terminal_changed(change),
            ConsoleEvent::ScreenFailed(error) => self.pass_on(rules::Event::ScreenFailed(error), now),
            ConsoleEvent::TranscriptFailed(error) => {
                self.console.screen.report(&Notice::CannotWriteTranscript(error));
            }
            ConsoleEvent::Report(notice) => self.console.screen.report(&notice),
            // `perform_actions` does what follows, after every batch.
            ConsoleEvent::Capacity
            | ConsoleEvent::ScreenDone
            | ConsoleEvent::NoticesDone
            | ConsoleEvent::TranscriptDone => {}
        }
    }

    fn handle_typed(&mut self, buffer: Buffer, now: Moment) {
        for typed in self.console.typed(buffer) {
            self.pass_on(typed.into(), now);
        }
    }

    fn pass_on(&mut self, event: rules::Event, now: Moment) {
        relay(&mut self.hub, event, now, self.console.observer());
    }

    /// Starts a client for a caller, or tells the caller why not.
    fn handle_caller(&mut self, Caller { socket, peer, .. }: Caller, now: Moment) {
        let port = self.hub.port(socket.local_addr().ok());
        let connection = Arc::new(Connection::new(socket));
        let admitted = self.hub.admit(peer, port);
        let admitted = admitted.and_then(|id| self.start_client(id, &connection, (peer, port), now));
        match admitted {
            Ok(event) => self.pass_on(event, now),
            Err(refusal) => {
                self.pass_on(rules::Event::Refused(peer, refusal), now);
                if rules::gets_slow_farewell(peer.ip(), &self.callers.being_turned_away()) {
                    // Fails if there is no thread for it, after telling the caller what fits into one call.
                    let line = self.hub.refusal_line(refusal, port, &now.stamp);
                    let _ = self.callers.turn_away(connection, line);
                } else {
                    // The caller may be gone.
                    let farewell = self.hub.refusal_line_and_goodbye(refusal, port, &now.stamp);
                    let _ = platform::write_first(&connection.socket, &farewell);
                }
            }
        }
    }

    /// Starts a client. Returns what that means for the hub.
    fn start_client(
        &mut self,
        id: Id,
        connection: &Arc<Connection>,
        (peer, port): (SocketAddr, Port),
        now: Moment,
    ) -> Result<rules::Event, Refusal> {
        platform::prepare_client(&connection.socket);
        let mut streams = self.console.observer().begins(|| net::ends(&connection.socket));
        streams.in_frames = port != Port::Chat;
        #[cfg(feature = "secure")]
        if let Some(client) = self.start_encrypted(id, connection, (peer, port), streams, now.instant)? {
            self.clients.insert(id, client);
            return Ok(rules::Event::Called(id, peer, port));
        }
        #[cfg(not(feature = "secure"))]
        let _ = now;
        let client =
            Client::start(id, connection, &self.to_main, streams).map_err(|_| Refusal::NoResources)?;
        self.clients.insert(id, client);
        Ok(rules::Event::arrived(id, peer, port))
    }

    /// Does everything there is to do after a batch. Returns how to end when it is time to.
    fn perform_actions(&mut self, now: Moment) -> Option<Exit> {
        let is_behind = !self.console.screen.transcript_has_capacity();
        self.pass_on(rules::Event::TranscriptBehind(is_behind), now);
        self.hub.handle_timeout(now);
        if self.retry_at.is_some_and(|retry_at| retry_at <= now.instant) {
            self.retry_at = None;
            for id in std::mem::take(&mut self.unserved) {
                self.write(id, now);
            }
        }
        while let Some(action) = self.hub.poll_action() {
            match action {
                Action::Write(id) => self.write(id, now),
                Action::HalfClose(id) => self.half_close(id, now),
                Action::Disconnect(id) => self.disconnect(id),
                Action::Probe(id) => {
                    let client = self.clients.get(&id);
                    let state = client.and_then(|client| platform::peer_state(&client.connection.socket));
                    self.pass_on(rules::Event::PeerState(id, state), now);
                }
                #[cfg(feature = "web")]
                Action::Watch(looks) => self.live.watch(looks),
                #[cfg(feature = "web")]
                Action::TakeSteps(ids) => {
                    let streams = |id: Id| Some((id.0, self.clients.get(&id)?.streams));
                    let steps = self.live.take("threads", ids.into_iter().filter_map(streams));
                    self.pass_on(rules::Event::Steps(steps), now);
                }
                #[cfg(feature = "secure")]
                Action::Remember(line) => {
                    if let Some(Err(error)) = self.remember.as_mut().map(|remember| remember(&line)) {
                        self.console.screen.report(&Notice::CannotRemember(error));
                    }
                }
                #[cfg(feature = "web")]
                Action::KeepTickets(tickets) => {
                    if let Some(notice) = self.web.as_ref().and_then(|web| web.keep(&tickets)) {
                        self.console.screen.report(&notice);
                    }
                }
                Action::ReopenFiles => self.console.reopen_files(),
                Action::TrimMemory => platform::trim_memory(),
                Action::Record { peer, what } => {
                    let time = utc_now();
                    self.console.screen.record_entry(Entry { time, peer, what });
                }
                Action::GoodbyeReceived => {
                    self.console.observer().emit(|| Step::Goodbye(Goodbye::Heard));
                }
                #[cfg(feature = "link")]
                Action::Log(order) => {
                    if let Some(log) = &self.log {
                        log.order(order);
                    }
                }
                Action::Report(notice) => self.console.screen.report(&notice),
                Action::End(exit) => return Some(exit),
            }
        }
        #[cfg(feature = "link")]
        if let Some(log) = &mut self.log
            && self.hub.reads_log()
        {
            log.give_back();
        }
        self.show(now);
        None
    }

    /// Writes to a client what it accepts without blocking. The rest goes to its writer.
    fn write(&mut self, id: Id, now: Moment) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        #[cfg(feature = "secure")]
        if client.secure.is_some() {
            return self.write_encrypted(id, now);
        }
        while let Some(outbox) = self.hub.outbox(id)
            && let Some(queue) = outbox.queue()
        {
            let mut slices = [IoSlice::new(&[]); SLICES];
            self.console.observer().emit(|| Step::Writes { to: Place::Client, bytes: queue.bytes() });
            match platform::try_write_vectored(&client.connection.socket, queue.fill(&mut slices, usize::MAX))
            {
                Ok(written) => {
                    observe_written(queue, written, &mut client.sent, self.console.observer());
                    self.hub.handle(rules::Event::Written(id, written), now);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let first = client.count_lent(queue);
                    match client.writer(id, &self.to_main) {
                        // This cannot block: while the writer has something, the outbox does not show its queue.
                        Ok(writer) => drop(writer.send(Lent::Posts(outbox.lend(), first))),
                        Err(_) => {
                            client.sent = first;
                            self.try_again(id, now);
                        }
                    }
                    return;
                }
                Err(error) => return self.handle_write_failed(id, error, now),
            }
        }
    }

    /// Closes our half of the connection to a client, which has been written everything.
    fn half_close(&mut self, id: Id, now: Moment) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        #[cfg(feature = "secure")]
        if let Some(rest) = client.close_channel(&mut self.sealer) {
            return self.give_rest(id, rest, now);
        }
        // Fails only if the client has gone, which its reader notices.
        let _ = client.connection.socket.shutdown(Shutdown::Write);
        self.pass_on(rules::Event::HalfClosed(id), now);
    }

    /// There is no thread for the writer of a client now.
    fn try_again(&mut self, id: Id, now: Moment) {
        self.unserved.push(id);
        self.retry_at.get_or_insert(now.instant + RETRY_AFTER);
    }

    fn handle_write_failed(&mut self, id: Id, error: io::Error, now: Moment) {
        if let Some(client) = self.clients.get(&id) {
            client.connection.hang_up();
        }
        self.pass_on(rules::Event::WriteFailed(id, error), now);
    }

    /// Shows the operator's lines while the screen keeps up. If this leads to actions, the hub's time-out is due at once.
    fn show(&mut self, now: Moment) {
        self.console.screen.draw();
        while self.console.screen.has_capacity()
            && let Some(lines) = self.hub.next_screen_output(now)
        {
            self.console.screen.show_unrecorded(lines);
            self.console.screen.draw();
        }
    }

    /// Ends the threads of a client.
    fn disconnect(&mut self, id: Id) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.connection.hang_up();
            client.running = None;
            self.retired.extend(client.end_writer());
            self.forget_if_over(id);
        }
        for writer in self.retired.extract_if(.., |writer| writer.has_ended()) {
            writer.join();
        }
    }

    fn forget_if_over(&mut self, id: Id) {
        if self.clients.get(&id).is_some_and(|client| client.running.is_none() && client.reader.is_none()) {
            self.clients.remove(&id);
        }
    }

    /// Shows what is left, and ends all threads.
    fn end(mut self, exit: Exit) -> Exit {
        let mut ending = rules::ending(exit, Instant::now());
        self.console.close_keyboard();
        #[cfg(feature = "link")]
        let log = self.log.map(Log::stop);
        if let Some(lines) = self.hub.last_screen_output() {
            self.console.screen.show_unrecorded(lines);
        }
        let mut late = Vec::new();
        // They keep their credits, so that the listener accepts no more while the outputs take their time.
        self.console.finish_outputs(&self.events, &mut ending, |caller| late.push(caller));
        let late = late.into_iter().map(|caller| caller.socket).collect();
        let line = Refusal::Ending.line(&self.clock.stamp());
        // Callers of an encrypted hub would not understand it.
        let in_a_hurry = matches!(exit, Exit::Signal(_)) || self.hub.is_encrypted();
        self.callers.end(late, &self.events, &line, in_a_hurry);
        // This wakes threads that wait for space in the channel.
        drop(self.events);
        let readers = self.clients.into_values().filter_map(|client| client.reader);
        for thread in readers.chain(self.retired) {
            thread.join();
        }
        #[cfg(feature = "link")]
        if let Some(log) = log {
            Log::join(log);
        }
        self.console.end();
        ending.exit
    }
}
