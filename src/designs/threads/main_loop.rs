//! Main: one loop that takes an event, asks the rules what it means, and hands the outcome to the writers.

use super::callers::{Caller, Callers};
use super::channel::{Receiver, at, bounded, never, select_biased};
use super::connector::Connector;
use super::console::Console;
use super::event::{ConsoleEvent, Event, ProgramEvent, ToMain};
use super::session::{Session, SocketThreads};
use super::spin::Spin;
use crate::designs::clock::Clock;
use crate::designs::environment::{Environment, Remember};
use crate::designs::pending::Pending;
use crate::observe::{Decision, For, Step};
use crate::platform::{self, Connection};
use crate::rules::action::{Action, Ending};
use crate::rules::buffer::Buffer;
use crate::rules::calling::Call;
use crate::rules::endpoint::{CALLERS, Endpoint};
use crate::rules::errors::MORE_THREADS;
use crate::rules::event::{self, Capacity, ConnectionId};
use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use crate::rules::messages::Messages;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::settings::Settings;
use std::io;
use std::mem::replace;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// How many events the channel holds. It is never full for long, because main never blocks.
const EVENTS: usize = 64;

/// Everything that main knows. Only main touches it.
pub(super) struct MainLoop {
    events: Receiver<Event>,
    endpoint: Endpoint,
    source: Source,
    /// Connections about which the endpoint has not decided yet.
    pending: Pending,
    clock: Clock,
    console: Console,
    socket_threads: SocketThreads,
    session: Option<Session>,
    spin: Spin,
    remember: Option<Remember>,
}

/// Where connections come from.
enum Source {
    Callers(Callers),
    Connector(Connector),
}

impl MainLoop {
    /// Waits for callers, and talks to one after the other.
    pub(super) fn serve(
        mut environment: Environment,
        settings: Settings,
        listeners: Vec<TcpListener>,
        port_was_chosen: bool,
        once: bool,
    ) -> io::Result<Self> {
        let keyboard_is_terminal = environment.keyboard_is_terminal;
        let (security, remember) = (environment.security.take(), environment.remember.take());
        let (console, to_main, events) = Self::console(environment)?;
        let socket_threads = SocketThreads::start(to_main.clone())?;
        let callers = Callers::start(listeners, &to_main)?;
        let endpoint =
            Endpoint::serve(settings, keyboard_is_terminal, callers.addresses(), port_was_chosen, once)
                .encrypted(security);
        Ok(Self {
            remember,
            ..Self::new(endpoint, Source::Callers(callers), console, socket_threads, events)
        })
    }

    /// Calls somebody, and talks to them.
    pub(super) fn connect(mut environment: Environment, settings: Settings, call: Call) -> io::Result<Self> {
        let endpoint = Endpoint::connect(settings, call.caller.clone(), environment.keyboard_is_terminal)
            .waiting(call.wait.map(|wait| Instant::now() + wait))
            .encrypted(environment.security.take());
        let remember = environment.remember.take();
        let (console, to_main, events) = Self::console(environment)?;
        let socket_threads = SocketThreads::start(to_main.clone())?;
        let connector = Connector::start(call, to_main)?;
        Ok(Self {
            remember,
            ..Self::new(endpoint, Source::Connector(connector), console, socket_threads, events)
        })
    }

    /// The channel, and those who send into it for as long as the program runs.
    fn console(environment: Environment) -> io::Result<(Console, ToMain<Event>, Receiver<Event>)> {
        let (channel, events) = bounded(EVENTS);
        let to_main = ToMain::new(channel, environment.observer.clone());
        let (console, to_main) = Console::start(environment, &to_main)?;
        Ok((console, to_main, events))
    }

    fn new(
        mut endpoint: Endpoint,
        source: Source,
        console: Console,
        socket_threads: SocketThreads,
        events: Receiver<Event>,
    ) -> Self {
        let clock = Clock::new();
        if clock.lacks_local_time() {
            endpoint.handle(event::Event::Report(Notice::NoLocalTime), Instant::now());
        }
        Self {
            events,
            endpoint,
            source,
            pending: Pending::default(),
            clock,
            console,
            socket_threads,
            session: None,
            spin: Spin::default(),
            remember: None,
        }
    }

    /// The whole life of the endpoint.
    pub(super) fn run(mut self) -> Exit {
        loop {
            if let Some(ending) = self.perform_actions() {
                return self.end(ending);
            }
            self.console.screen.draw();
            if let Some(event) = self.next_event() {
                self.handle(event);
            }
            // Also when events never cease.
            self.handle_timeout(Instant::now());
        }
    }

    /// Waits for the next event, or for the next moment at which something is to be done. What has happened
    /// comes before what is due.
    fn next_event(&mut self) -> Option<Event> {
        let event = self.events.try_recv().ok().or_else(|| {
            self.console.observer().emit(|| Step::Waits(For::Event));
            self.wait()
        });
        event.map(|event| event.taken(self.events.len(), self.console.observer()))
    }

    fn wait(&mut self) -> Option<Event> {
        let began = Instant::now();
        let event = self.spin(began).or_else(|| self.park());
        self.spin.waited(began.elapsed());
        event
    }

    /// Looks for an event for a while.
    fn spin(&mut self, mut now: Instant) -> Option<Event> {
        let parks_at = self.spin.parks_at(now)?;
        while now < parks_at {
            thread::yield_now();
            let event = self.events.try_recv().ok();
            let before = replace(&mut now, Instant::now());
            self.spin.yielded(before, now);
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// Sleeps until there is an event, or something is due.
    fn park(&self) -> Option<Event> {
        let due = self.endpoint.poll_timeout().map_or_else(never, at);
        select_biased! {
            // The channel cannot be closed, because we hold a sender of it ourselves.
            recv(self.events) -> event => event.ok(),
            recv(due) -> _ => None,
        }
    }

    /// Tells the rules what happened.
    fn handle(&mut self, event: Event) {
        let event = match event {
            Event::Console(event) => return self.handle_console(event),
            Event::Received(buffer, received_at) => event::Event::Received(buffer, received_at),
            Event::HeardAll(result) => event::Event::ReceivedAll(result),
            Event::WriteFailed(error) => {
                self.session.as_mut().map(Session::end_outbox);
                event::Event::WriteFailed(error)
            }
            Event::GoodbyeWritten(written_at) => event::Event::GoodbyeWritten(written_at),
            Event::Delivered(delivery) => {
                self.session.as_mut().map(Session::end_outbox);
                event::Event::Delivered(delivery)
            }
            Event::Connected(outcome) => {
                event::Event::Connected(outcome.map(|(socket, peer)| (self.pending.add(socket), peer)))
            }
        };
        self.endpoint.handle(event, Instant::now());
    }

    fn handle_console(&mut self, event: ConsoleEvent) {
        let event = match event {
            ConsoleEvent::Typed(buffer) => return self.handle_typed(buffer),
            ConsoleEvent::InputEnded(result) => event::Event::InputEnded(result),
            ConsoleEvent::Called(caller) => self.called(caller),
            ConsoleEvent::Signal(signal) => event::Event::Signal(signal),
            ConsoleEvent::Terminal(change) => return self.console.terminal_changed(change),
            ConsoleEvent::ScreenFailed(error) => event::Event::ScreenFailed(error),
            ConsoleEvent::TranscriptFailed(error) => {
                event::Event::Report(Notice::CannotWriteTranscript(error))
            }
            ConsoleEvent::Report(notice) => event::Event::Report(notice),
            // `perform_actions` does what follows, after every event.
            ConsoleEvent::Capacity
            | ConsoleEvent::ScreenDone
            | ConsoleEvent::NoticesDone
            | ConsoleEvent::TranscriptDone => return,
        };
        self.endpoint.handle(event, Instant::now());
    }

    fn handle_typed(&mut self, buffer: Buffer) {
        for typed in self.console.typed(buffer) {
            self.endpoint.handle(typed.into(), Instant::now());
        }
    }

    fn called(&mut self, Caller { socket, peer, .. }: Caller) -> event::Event {
        let being_turned_away = match &mut self.source {
            Source::Callers(callers) => callers.being_turned_away().len(),
            Source::Connector(_) => 0,
        };
        event::Event::Called { id: self.pending.add(socket), peer, being_turned_away }
    }

    /// Tells the rules that time has passed, if they wait for that.
    fn handle_timeout(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|due| due <= now) {
            let (screen, is_quiet) = (&self.console.screen, self.events.is_empty());
            let status = self.session.as_mut().map(|session| session.status(screen, is_quiet));
            self.endpoint.handle_timeout(now, status.unwrap_or_default());
        }
    }

    /// Does what the rules ask for. An ending, if the program is to end.
    fn perform_actions(&mut self) -> Option<Ending> {
        loop {
            let now = Moment { instant: Instant::now(), stamp: self.clock.stamp() };
            match self.endpoint.poll_action(now, self.capacity())? {
                Action::Report(notice) => self.console.screen.report(&notice),
                Action::Prompt(state) => self.console.screen.set_prompt(state),
                Action::Call => self.call_again(),
                Action::Start { id, peer, resets } => self.start(id, peer, resets),
                Action::Send { outgoing, typed } => {
                    if let Some(session) = &mut self.session {
                        session.send(outgoing, typed);
                    }
                }
                Action::Show(buffer) => self.show(buffer),
                Action::Disconnect => {
                    let unconfirmed = self.session.as_mut().map_or(0, Session::disconnect);
                    self.endpoint.handle(event::Event::Disconnected { unconfirmed }, now.instant);
                }
                Action::Close { cleanly } => {
                    if let Some(session) = self.session.take() {
                        session.close(cleanly);
                    }
                    self.console.screen.closed(cleanly);
                }
                Action::Remember(text) => self.remember(&text),
                Action::TurnAway { id, peer } => self.turn_away(id, peer),
                Action::Drop(id) => drop(self.pending.take(id)),
                Action::End(ending) => return Some(ending),
            }
        }
    }

    /// What the outputs can take. An output that cannot take more sends an event when it can again.
    fn capacity(&self) -> Capacity {
        Capacity {
            peer: self.session.as_ref().is_none_or(Session::has_capacity),
            transcript: self.console.screen.transcript_has_capacity(),
        }
    }

    fn call_again(&mut self) {
        if let Source::Connector(connector) = &mut self.source
            && let Err(error) = connector.call_again()
        {
            let failure = Failure::new("cannot start a thread", error).hint(MORE_THREADS);
            self.endpoint.handle(event::Event::Connected(Err(failure)), Instant::now());
        }
    }

    /// A session begins.
    fn start(&mut self, id: ConnectionId, peer: SocketAddr, resets: bool) {
        let Some(socket) = self.pending.take(id) else { return };
        if resets {
            platform::reset_at_close(&socket, true);
        }
        self.session = Some(self.socket_threads.begin(socket, peer, &self.console.screen));
    }

    /// Appends to the file of known peers. That may take a moment, but happens once for each peer.
    fn remember(&mut self, text: &str) {
        if let Some(remember) = &mut self.remember
            && let Err(error) = remember(text)
        {
            self.endpoint.handle(event::Event::Report(Notice::CannotRemember(error)), Instant::now());
        }
    }

    fn show(&mut self, buffer: Buffer) {
        let (decision, typed, messages) = (Decision::Show, Messages::NONE, buffer.messages);
        self.console.observer().emit(|| Step::Decides { decision, typed, messages });
        self.console.screen.show(buffer);
    }

    fn turn_away(&mut self, id: ConnectionId, peer: SocketAddr) {
        if let Source::Callers(callers) = &mut self.source
            && let Some(socket) = self.pending.take(id)
        {
            let connection = Arc::new(Connection::new(socket));
            let result = callers.turn_away(connection, self.endpoint.busy(&self.clock.stamp()));
            self.endpoint.handle(event::Event::TurnedAway(peer, result), Instant::now());
        }
    }

    /// Ends all threads, when what is to be shown has been shown.
    fn end(mut self, mut ending: Ending) -> Exit {
        self.console.close_keyboard();
        let (pending, source) = (&mut self.pending, &mut self.source);
        self.console.finish_outputs(&self.events, &mut ending, |caller| {
            if let Source::Callers(callers) = source
                && pending.len() + callers.being_turned_away().len() < CALLERS
            {
                pending.add(caller.socket);
            }
        });
        if let Source::Callers(callers) = self.source {
            let in_a_hurry = matches!(ending.exit, Exit::Signal(_));
            callers.end(
                self.pending.into_all(),
                &self.events,
                &self.endpoint.busy(&self.clock.stamp()),
                in_a_hurry,
            );
        }
        // A thread that waits for us to take its event is woken by this.
        drop(self.events);
        // The end of the process ends a session that was not closed, and its threads.
        if self.session.is_none() {
            self.socket_threads.end();
        }
        self.console.end();
        ending.exit
    }
}
