//! Main: one loop that takes an event, asks what it means, and hands the outcome to the writers.

use super::callers::Callers;
use super::connector;
use super::console::Console;
use super::event::{ConsoleEvent, Event, ProgramEvent, ToMain};
use super::pool::Pool;
use super::reader::{BUFFERS, READ_SIZE};
use super::session::Session;
use super::thread::spawn;
use crate::designs::clock::Clock;
use crate::designs::connect::Call;
use crate::designs::environment::Environment;
use crate::observe::{For, Step};
use crate::platform::Connection;
use crate::rules::endpoint::{Action, Behind, Ending, Endpoint};
use crate::rules::exit::Exit;
use crate::rules::notice::{Notice, busy};
use crate::rules::settings::Settings;
use crossbeam_channel::{Receiver, Sender, at, bounded, never, select_biased};
use std::convert::Infallible;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How many events the channel holds. It is never full for long, because main never blocks.
const EVENTS: usize = 64;

/// How long main looks out for the next event before it goes to sleep. To be woken costs tens of microseconds, and where
/// something happens more is about to. Whoever else has something to do is let through each time it looks.
const AWAKE: Duration = Duration::from_micros(50);

/// All that main knows. Only main touches it.
pub(super) struct MainLoop {
    events: Receiver<Event>,
    endpoint: Endpoint<TcpStream>,
    source: Source,
    clock: Clock,
    console: Console,
    to_main: ToMain<Event>,
    /// The buffers of the socket-reader, the same for all conversations: those that a stuck screen still
    /// holds from the last one are missing in the next.
    received: Pool,
    session: Option<Session>,
}

/// Where connections come from.
enum Source {
    Callers(Callers),
    /// The connector thread ends when this is dropped. It may be left behind when a signal ends the program:
    /// nothing can wake a thread that waits for the system to look up a name or to reach an address.
    Connector {
        _running: Sender<Infallible>,
    },
}

impl MainLoop {
    /// Waits for callers, and talks with one after the other.
    pub(super) fn serve(
        environment: Environment,
        settings: Settings,
        listener: TcpListener,
        port_was_chosen: bool,
        once: bool,
    ) -> io::Result<Self> {
        let keyboard_is_terminal = environment.keyboard_is_terminal;
        let (console, to_main, events) = Self::console(environment)?;
        let callers = Callers::start(listener, to_main.clone())?;
        let endpoint =
            Endpoint::serve(settings, keyboard_is_terminal, callers.address(), port_was_chosen, once);
        Ok(Self::new(endpoint, Source::Callers(callers), console, to_main, events))
    }

    /// Calls somebody, and talks with them.
    pub(super) fn connect(environment: Environment, settings: Settings, call: Call) -> io::Result<Self> {
        let endpoint = Endpoint::connect(settings, environment.keyboard_is_terminal);
        let (console, to_main, events) = Self::console(environment)?;
        let (running, stop) = bounded(0);
        let connected = to_main.clone();
        spawn("connector", console.observer(), move || {
            connected.observer.emit(|| Step::Waits(For::Connection));
            let outcome = connector::run(call, &stop, &connected);
            connected.send(Event::Connected(outcome));
        })?;
        Ok(Self::new(endpoint, Source::Connector { _running: running }, console, to_main, events))
    }

    /// The channel, and those who send into it for as long as the program runs.
    fn console(environment: Environment) -> io::Result<(Console, ToMain<Event>, Receiver<Event>)> {
        let (channel, events) = bounded(EVENTS);
        let to_main = ToMain::new(channel, environment.observer.clone());
        let (console, to_main) = Console::start(environment, &to_main)?;
        Ok((console, to_main, events))
    }

    fn new(
        mut endpoint: Endpoint<TcpStream>,
        source: Source,
        console: Console,
        to_main: ToMain<Event>,
        events: Receiver<Event>,
    ) -> Self {
        let clock = Clock::new();
        if clock.lacks_local_time() {
            endpoint.report(Notice::NoLocalTime);
        }
        Self {
            events,
            endpoint,
            source,
            clock,
            console,
            to_main,
            received: Pool::new(BUFFERS, READ_SIZE),
            session: None,
        }
    }

    /// The whole life of the endpoint.
    pub(super) fn run(mut self) -> Exit {
        loop {
            if let Some(ending) = self.perform_actions() {
                return self.end(ending);
            }
            if let Some(event) = self.next_event() {
                self.handle(event);
            }
            // Also when events never cease.
            self.tick(Instant::now());
        }
    }

    /// Waits for the next event, or for the next moment at which something is to be done. What has happened
    /// comes before what is due.
    fn next_event(&self) -> Option<Event> {
        let event = self.events.try_recv().ok().or_else(|| {
            self.console.observer().emit(|| Step::Waits(For::Event));
            self.wait()
        });
        event.map(|event| event.taken(self.events.len(), self.console.observer()))
    }

    fn wait(&self) -> Option<Event> {
        let asleep_at = Instant::now() + AWAKE;
        while Instant::now() < asleep_at {
            thread::yield_now();
            if let Ok(event) = self.events.try_recv() {
                return Some(event);
            }
        }
        let due = self.endpoint.deadline().map_or_else(never, at);
        select_biased! {
            // The channel cannot be closed, because we hold a sender of it ourselves.
            recv(self.events) -> event => event.ok(),
            recv(due) -> _ => None,
        }
    }

    /// Something happened.
    fn handle(&mut self, event: Event) {
        match event {
            Event::Console(event) => self.handle_console(event),
            Event::Connected(outcome) => self.endpoint.connected(outcome, Instant::now()),
            Event::Received(..) | Event::HeardAll(_) | Event::WriteFailed(_) | Event::Delivered(_) => {
                self.handle_session(event);
            }
        }
    }

    fn handle_console(&mut self, event: ConsoleEvent) {
        let now = Instant::now();
        match event {
            ConsoleEvent::Typed(buffer) => self.endpoint.typed(buffer, self.behind()),
            ConsoleEvent::InputEnded(result) => self.endpoint.input_ended(result),
            ConsoleEvent::Called(socket, peer) => {
                if let Source::Callers(callers) = &mut self.source {
                    self.endpoint.called(socket, peer, now, callers.being_turned_away());
                }
            }
            ConsoleEvent::Signal(signal) => self.endpoint.signalled(signal, now),
            ConsoleEvent::ScreenFailed(error) => self.endpoint.screen_failed(error),
            ConsoleEvent::TranscriptFailed(error) => {
                self.endpoint.report(Notice::CannotWriteTranscript(error));
            }
            ConsoleEvent::Report(notice) => self.endpoint.report(notice),
            // What there is to do then, `perform_actions` does after every event.
            ConsoleEvent::Capacity
            | ConsoleEvent::ScreenDone
            | ConsoleEvent::NoticesDone
            | ConsoleEvent::TranscriptDone => {}
        }
    }

    /// Something happened in the conversation.
    fn handle_session(&mut self, event: Event) {
        let (Some(session), Some(conversation)) = (&mut self.session, self.endpoint.conversation()) else {
            return;
        };
        match event {
            Event::Received(buffer, at) => {
                session.received(conversation, buffer, at, &mut self.console.screen);
            }
            Event::HeardAll(result) => session.heard_all(conversation, result, &mut self.console.screen),
            Event::WriteFailed(error) => session.write_failed(conversation, error),
            Event::Delivered(delivery) => session.delivered(conversation, delivery),
            _ => {}
        }
    }

    /// Some time has passed.
    fn tick(&mut self, now: Instant) {
        self.endpoint.tick(now);
        if let (Some(session), Some(conversation)) = (&mut self.session, self.endpoint.conversation()) {
            session.tick(conversation, now, self.events.is_empty(), &mut self.console.screen);
        }
    }

    /// What cannot take more of what is typed.
    fn behind(&self) -> Option<Behind> {
        match &self.session {
            Some(session) if !session.has_capacity() && self.console.screen.transcript_has_capacity() => {
                Some(Behind::Peer)
            }
            Some(session) if !session.has_capacity() => Some(Behind::Transcript),
            _ => None,
        }
    }

    /// Does all that is to be done after what happened. An ending, if the program is to end.
    fn perform_actions(&mut self) -> Option<Ending> {
        loop {
            if let Some(session) = &mut self.session {
                session.send(&mut self.endpoint, &mut self.clock);
            }
            // A transcript that does not keep up holds up the next conversation, whose events no buffers bound.
            let may_begin = self.session.is_some() || self.console.screen.transcript_has_capacity();
            match self.endpoint.next_action(Instant::now(), may_begin)? {
                Action::Report(notice) => self.console.screen.report(&notice),
                Action::Prompt(state) => self.console.screen.set_prompt(&state),
                Action::Begin(socket, peer) => {
                    match Session::start(socket, &self.received, &self.to_main, &self.console.screen) {
                        Ok(session) => self.session = Some(session),
                        Err(error) => self.endpoint.cannot_start(peer, error),
                    }
                }
                Action::Close { in_order } => {
                    if let Some(session) = self.session.take() {
                        session.join();
                    }
                    self.console.screen.closed(in_order);
                }
                Action::TurnAway(socket, peer) => {
                    if let Source::Callers(callers) = &mut self.source {
                        let turned_away =
                            callers.turn_away(Arc::new(Connection::new(socket)), busy(&self.clock.stamp()));
                        self.endpoint.report(match turned_away {
                            Ok(()) => Notice::TurnedAway(peer),
                            Err(error) => Notice::CannotTurnAway(error),
                        });
                    }
                }
                Action::End(ending) => return Some(ending),
            }
        }
    }

    /// Ends all threads, when what is to be shown has been shown.
    fn end(mut self, mut ending: Ending) -> Exit {
        self.console.close_keyboard();
        let (endpoint, source) = (&mut self.endpoint, &mut self.source);
        self.console.finish_outputs(&self.events, &mut ending, |socket, peer| {
            if let Source::Callers(callers) = source {
                endpoint.called(socket, peer, Instant::now(), callers.being_turned_away());
            }
        });
        if let Source::Callers(callers) = self.source {
            let in_a_hurry = matches!(ending.exit, Exit::Signal(_));
            let held = self.endpoint.take_held().collect();
            callers.end(held, &self.events, &busy(&self.clock.stamp()), in_a_hurry);
        }
        // Whoever waits for us to take an event is woken by this.
        drop(self.events);
        self.console.end();
        ending.exit
    }
}
