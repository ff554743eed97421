//! The one loop: waits until something has become possible, and does it.

use super::callers::Callers;
use super::connector::Connector;
use super::console::{BUFFERS, Console, READ_SIZE};
use super::pool::Pool;
use super::session::Session;
use super::wait::{Interests, Ready};
use crate::designs::clock::Clock;
use crate::designs::connect::Progress;
use crate::designs::environment::{Environment, Remember};
use crate::designs::net;
use crate::designs::pending::Pending;
use crate::designs::typed::Typed;
use crate::observe::{Decision, For, Step};
use crate::platform;
use crate::rules::action::{Action, Ending};
use crate::rules::buffer::Buffer;
use crate::rules::calling::Call;
use crate::rules::endpoint::Endpoint;
use crate::rules::event::{Capacity, ConnectionId, Event};
use crate::rules::exit::Exit;
use crate::rules::messages::Messages;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::settings::Settings;
use rustix::event::PollFlags;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

/// Everything there is.
pub(super) struct MainLoop {
    endpoint: Endpoint,
    source: Source,
    /// Connections about which the endpoint has not decided yet.
    pending: Pending,
    clock: Clock,
    console: Console,
    received: Pool,
    session: Option<Session>,
    remember: Option<Remember>,
}

/// Where connections come from.
enum Source {
    Callers(Callers),
    Connector(Box<Connector>),
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
        let at = net::local_addresses(&listeners)?;
        let callers = Callers::new(listeners)?;
        let endpoint = Endpoint::serve(settings, environment.keyboard_is_terminal, at, port_was_chosen, once)
            .encrypted(environment.security.take());
        Ok(Self::new(environment, endpoint, Source::Callers(callers)))
    }

    /// Calls somebody, and talks to them.
    pub(super) fn connect(mut environment: Environment, settings: Settings, call: Call) -> Self {
        let endpoint = Endpoint::connect(settings, call.caller.clone(), environment.keyboard_is_terminal)
            .waiting(call.wait.map(|wait| Instant::now() + wait))
            .encrypted(environment.security.take());
        Self::new(environment, endpoint, Source::Connector(Box::new(Connector::new(call, Instant::now()))))
    }

    fn new(mut environment: Environment, mut endpoint: Endpoint, source: Source) -> Self {
        let clock = Clock::new();
        if clock.lacks_local_time() {
            endpoint.handle(Event::Report(Notice::NoLocalTime), Instant::now());
        }
        Self {
            endpoint,
            source,
            pending: Pending::default(),
            clock,
            remember: environment.remember.take(),
            console: Console::new(environment),
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
            if let Err(error) = self.console.screen.draw() {
                self.endpoint.handle(Event::ScreenFailed(error), Instant::now());
                continue;
            }
            for ready in self.wait() {
                self.handle(ready);
            }
            self.handle_timeout(Instant::now());
        }
    }

    /// Waits until something has become possible, or for the next moment at which something is to be done. What
    /// nobody could take is not read.
    fn wait(&self) -> Vec<Ready> {
        self.console.observer.emit(|| Step::Waits(For::Anything));
        let mut interests = Interests::default();
        let has_capacity = self.console.screen.transcript.has_capacity();
        // At a terminal typing is always read, if only to be refused.
        self.console.add_to(&mut interests, self.console.keyboard_is_terminal || has_capacity);
        if let Some(session) = &self.session {
            if !self.received.is_empty() && has_capacity {
                interests.add(session.to_read(), PollFlags::IN, Ready::Received);
            }
            interests.add(session.to_write(), PollFlags::OUT, Ready::Peer);
        }
        match &self.source {
            Source::Callers(callers) => callers.add_to(&mut interests, Instant::now()),
            Source::Connector(connector) => {
                for socket in connector.to_connect() {
                    interests.add(socket, PollFlags::OUT, Ready::Connected);
                }
            }
        }
        interests.wait(self.deadline())
    }

    fn deadline(&self) -> Option<Instant> {
        let source = match &self.source {
            Source::Callers(callers) => callers.deadline(),
            Source::Connector(connector) => connector.deadline(),
        };
        let session = self.session.as_ref().and_then(Session::deadline);
        let transcript = self.console.screen.transcript.deadline();
        self.endpoint.poll_timeout().into_iter().chain(source).chain(session).chain(transcript).min()
    }

    /// Does what has become possible, and tells the rules. What is written then, `perform_actions` writes.
    fn handle(&mut self, ready: Ready) {
        let now = Instant::now();
        match ready {
            Ready::Signal => {
                while let Some(signal) = self.console.take_signal() {
                    self.endpoint.handle(Event::Signal(signal), now);
                }
            }
            Ready::Keyboard => {
                for typed in self.console.read_keyboard() {
                    // A terminal that is closed ends its input and sends a signal, which says why.
                    if matches!(typed, Typed::Ended(_)) {
                        self.handle(Ready::Signal);
                    }
                    self.endpoint.handle(typed.into(), now);
                }
            }
            Ready::Received => {
                if let Some(event) = self.session.as_mut().and_then(|session| session.read(&self.received)) {
                    self.endpoint.handle(event, now);
                }
            }
            Ready::Peer => {
                if let Some(session) = &mut self.session {
                    session.is_writable();
                }
            }
            Ready::Caller => self.accept(now),
            // `handle_timeout` goes on with calls.
            Ready::Connected => {}
            Ready::Messages | Ready::Notices | Ready::Transcript => self.console.output_is_ready(ready),
            // `handle_timeout` looks after them.
            Ready::TurnedAway => {}
            // There is no hub here.
            #[cfg(feature = "hub")]
            Ready::Clients => {}
            #[cfg(feature = "link")]
            Ready::LogReader | Ready::LogWriter => {}
        }
    }

    fn accept(&mut self, now: Instant) {
        let Source::Callers(callers) = &mut self.source else { return };
        let event = match callers.accept(now) {
            Ok(Some((socket, peer))) => {
                let being_turned_away = callers.being_turned_away().len();
                Event::Called { id: self.pending.add(socket), peer, being_turned_away }
            }
            Ok(None) => return,
            Err(notice) => Event::Report(notice),
        };
        self.endpoint.handle(event, now);
    }

    fn go_on_calling(&mut self, now: Instant) {
        let Source::Connector(connector) = &mut self.source else { return };
        let event = match connector.go_on() {
            Progress::None => return,
            Progress::Report(notice) => Event::Report(notice),
            Progress::Ended(outcome) => {
                Event::Connected(outcome.map(|(socket, peer)| (self.pending.add(socket), peer)))
            }
        };
        self.endpoint.handle(event, now);
    }

    /// Tells the rules that time has passed, if they wait for that, and goes on with callers and calls.
    fn handle_timeout(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|due| due <= now) {
            let status = self.session.as_ref().map(|session| session.status(&self.console.screen));
            self.endpoint.handle_timeout(now, status.unwrap_or_default());
        }
        match &mut self.source {
            Source::Callers(callers) => callers.tick(now),
            Source::Connector(_) => self.go_on_calling(now),
        }
    }

    /// Does what the rules ask for, and writes what the outputs take. An ending, if the program is to end.
    fn perform_actions(&mut self) -> Option<Ending> {
        loop {
            let now = Moment { instant: Instant::now(), stamp: self.clock.stamp() };
            self.flush(now.instant);
            match self.endpoint.poll_action(now, self.capacity())? {
                Action::Report(notice) => self.console.screen.report(&notice),
                Action::Prompt(state) => self.console.screen.set_prompt(state),
                Action::Call => {
                    if let Source::Connector(connector) = &mut self.source {
                        connector.call_again(now.instant);
                    }
                }
                Action::Start { id, resets, .. } => self.start(id, resets),
                Action::Send { outgoing, typed } => {
                    if let Some(session) = &mut self.session {
                        session.send(outgoing, typed);
                    }
                }
                Action::Show(buffer) => self.show(buffer),
                Action::Disconnect => {
                    let transcript = &mut self.console.screen.transcript;
                    let events = self.session.as_mut().map(|session| session.disconnect(transcript));
                    self.handle_all(events.unwrap_or_default(), now.instant);
                }
                Action::Close { cleanly } => {
                    if let Some(session) = self.session.take() {
                        session.close(cleanly);
                    }
                    self.console.screen.transcript.closed(cleanly);
                }
                Action::Remember(text) => self.remember(&text),
                Action::TurnAway { id, peer } => self.turn_away(id, peer),
                Action::Drop(id) => drop(self.pending.take(id)),
                Action::End(ending) => return Some(ending),
            }
        }
    }

    /// What the outputs can take.
    fn capacity(&self) -> Capacity {
        Capacity {
            peer: self.session.as_ref().is_none_or(Session::has_capacity),
            transcript: self.console.screen.transcript.has_capacity(),
        }
    }

    /// Writes what the peer and the outputs take.
    fn flush(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            let events = session.flush(now, &mut self.console.screen.transcript);
            self.handle_all(events, now);
        }
        if let Err(error) = self.console.screen.flush() {
            self.endpoint.handle(Event::ScreenFailed(error), now);
        }
        if let Err(notice) = self.console.screen.transcript.flush(now) {
            self.endpoint.handle(Event::Report(notice), now);
        }
    }

    fn handle_all(&mut self, events: Vec<Event>, now: Instant) {
        events.into_iter().for_each(|event| self.endpoint.handle(event, now));
    }

    /// A session begins.
    fn start(&mut self, id: ConnectionId, resets: bool) {
        let Some(socket) = self.pending.take(id) else { return };
        if resets {
            platform::reset_at_close(&socket, true);
        }
        match Session::start(socket, self.console.observer.clone()) {
            Ok(session) => self.session = Some(session),
            Err(error) => self.endpoint.handle(Event::CannotStart(error), Instant::now()),
        }
    }

    fn show(&mut self, buffer: Buffer) {
        let (decision, typed, messages) = (Decision::Show, Messages::NONE, buffer.messages);
        self.console.observer.emit(|| Step::Decides { decision, typed, messages });
        self.console.screen.show(buffer);
    }

    /// Appends to the file of known peers. That may take a moment, but happens once for each peer.
    fn remember(&mut self, text: &str) {
        if let Some(remember) = &mut self.remember
            && let Err(error) = remember(text)
        {
            self.endpoint.handle(Event::Report(Notice::CannotRemember(error)), Instant::now());
        }
    }

    fn turn_away(&mut self, id: ConnectionId, peer: SocketAddr) {
        if let Source::Callers(callers) = &mut self.source
            && let Some(socket) = self.pending.take(id)
        {
            let now = Instant::now();
            let result = callers.turn_away(socket, &self.endpoint.busy(&self.clock.stamp()), now);
            self.endpoint.handle(Event::TurnedAway(peer, result), now);
        }
    }

    /// Ends, when what is to be shown has been shown, and those who called have been told.
    fn end(mut self, mut ending: Ending) -> Exit {
        self.console.finish_outputs(&mut ending);
        if let Source::Callers(callers) = self.source
            && !matches!(ending.exit, Exit::Signal(_))
        {
            callers.end(self.pending.into_all(), &self.endpoint.busy(&self.clock.stamp()));
        }
        ending.exit
    }
}
