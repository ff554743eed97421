//! The one loop: waits until something has become possible, and does it.

use super::callers::Callers;
use super::connector::{Connector, Progress};
use super::console::{BUFFERS, Console, READ_SIZE, Typed};
use super::pool::Pool;
use super::session::Session;
use super::wait::{Interests, Ready};
use crate::designs::clock::Clock;
use crate::designs::connect::Call;
use crate::designs::environment::Environment;
use crate::observe::{For, Step};
use crate::rules::endpoint::{Action, Behind, Ending, Endpoint};
use crate::rules::exit::Exit;
use crate::rules::notice::{Notice, busy};
use crate::rules::settings::Settings;
use rustix::event::PollFlags;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

/// All there is.
pub(super) struct MainLoop {
    endpoint: Endpoint<TcpStream>,
    source: Source,
    clock: Clock,
    console: Console,
    received: Pool,
    session: Option<Session>,
}

/// Where connections come from.
enum Source {
    Callers(Callers),
    Connector(Connector),
    /// Somebody has been reached.
    None,
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
        let at = listener.local_addr()?;
        let callers = Callers::new(listener)?;
        let endpoint = Endpoint::serve(settings, environment.keyboard_is_terminal, at, port_was_chosen, once);
        Ok(Self::new(environment, endpoint, Source::Callers(callers)))
    }

    /// Calls somebody, and talks with them.
    pub(super) fn connect(environment: Environment, settings: Settings, call: Call) -> Self {
        let endpoint = Endpoint::connect(settings, environment.keyboard_is_terminal);
        Self::new(environment, endpoint, Source::Connector(Connector::new(call, Instant::now())))
    }

    fn new(environment: Environment, mut endpoint: Endpoint<TcpStream>, source: Source) -> Self {
        let clock = Clock::new();
        if clock.lacks_local_time() {
            endpoint.report(Notice::NoLocalTime);
        }
        Self {
            endpoint,
            source,
            clock,
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
            for ready in self.wait() {
                self.handle(ready);
            }
            self.tick(Instant::now());
        }
    }

    /// Waits until something has become possible, or for the next moment at which something is to be done. What
    /// nobody could take is not read.
    fn wait(&self) -> Vec<Ready> {
        self.console.observer.emit(|| Step::Waits(For::Anything));
        let mut interests = Interests::default();
        let has_room = self.console.screen.transcript.has_room();
        // At a terminal typing is always read, if only to be refused.
        self.console.add_to(&mut interests, self.console.keyboard_is_terminal || has_room);
        if let Some(session) = &self.session {
            if !self.received.is_empty() && has_room {
                interests.add(session.to_read(), PollFlags::IN, Ready::Received);
            }
            interests.add(session.to_write(), PollFlags::OUT, Ready::Peer);
        }
        match &self.source {
            Source::Callers(callers) => callers.add_to(&mut interests, Instant::now()),
            Source::Connector(connector) => {
                interests.add(connector.to_connect(), PollFlags::OUT, Ready::Connected);
            }
            Source::None => {}
        }
        interests.wait(self.deadline())
    }

    fn deadline(&self) -> Option<Instant> {
        let source = match &self.source {
            Source::Callers(callers) => callers.deadline(),
            Source::Connector(connector) => connector.deadline(),
            Source::None => None,
        };
        let session = self.session.as_ref().and_then(Session::deadline);
        let transcript = self.console.screen.transcript.deadline();
        self.endpoint.deadline().into_iter().chain(source).chain(session).chain(transcript).min()
    }

    /// Does what has become possible. What is written then, `perform_actions` writes.
    fn handle(&mut self, ready: Ready) {
        let now = Instant::now();
        match ready {
            Ready::Signal => {
                while let Some(signal) = self.console.take_signal() {
                    self.endpoint.signalled(signal, now);
                }
            }
            Ready::Keyboard => match self.console.read_keyboard() {
                Some(Typed::Input(buffer)) => self.endpoint.typed(buffer, self.behind()),
                Some(Typed::Ended(result)) => {
                    // A terminal that is closed ends its input and sends a signal, which tells why.
                    self.handle(Ready::Signal);
                    self.endpoint.input_ended(result);
                }
                None => {}
            },
            Ready::Received => {
                if let (Some(session), Some(conversation)) = (&mut self.session, self.endpoint.conversation())
                {
                    session.read(conversation, &self.received, &mut self.console.screen);
                }
            }
            Ready::Peer => {
                if let Some(session) = &mut self.session {
                    session.is_writable();
                }
            }
            Ready::Caller => {
                if let Source::Callers(callers) = &mut self.source {
                    match callers.accept(now) {
                        Ok(Some((socket, peer))) => {
                            self.endpoint.called(socket, peer, now, callers.being_turned_away());
                        }
                        Ok(None) => {}
                        Err(notice) => self.endpoint.report(notice),
                    }
                }
            }
            Ready::Connected => self.go_on_calling(now, true),
            Ready::Messages | Ready::Notices | Ready::Transcript => self.console.output_is_ready(ready),
            // That is looked after with the time.
            Ready::TurnedAway => {}
            // There is no hub here.
            #[cfg(feature = "hub")]
            Ready::Clients => {}
        }
    }

    /// What cannot take more of what is typed.
    fn behind(&self) -> Option<Behind> {
        match &self.session {
            Some(_) if !self.console.screen.transcript.has_room() => Some(Behind::Transcript),
            Some(session) if !session.has_room() => Some(Behind::Peer),
            _ => None,
        }
    }

    fn go_on_calling(&mut self, now: Instant, is_decided: bool) {
        let Source::Connector(connector) = &mut self.source else { return };
        match connector.go_on(now, is_decided) {
            Progress::None => {}
            Progress::Report(notice) => self.endpoint.report(notice),
            Progress::Ended(outcome) => {
                self.source = Source::None;
                self.endpoint.connected(outcome, now);
            }
        }
    }

    /// Some time has passed.
    fn tick(&mut self, now: Instant) {
        self.endpoint.tick(now);
        if let (Some(session), Some(conversation)) = (&mut self.session, self.endpoint.conversation()) {
            session.tick(conversation, now, &mut self.console.screen);
        }
        match &mut self.source {
            Source::Callers(callers) => callers.tick(now),
            Source::Connector(_) => self.go_on_calling(now, false),
            Source::None => {}
        }
    }

    /// Does all that is to be done after what happened, and writes what is taken. An ending, if the program is to
    /// end.
    fn perform_actions(&mut self) -> Option<Ending> {
        loop {
            if let Some(session) = &mut self.session {
                session.send(&mut self.endpoint, &mut self.clock, &mut self.console.screen);
            }
            self.flush();
            // A transcript that does not keep up holds up the next conversation.
            let may_begin = self.session.is_some() || self.console.screen.transcript.has_room();
            match self.endpoint.next_action(Instant::now(), may_begin)? {
                Action::Report(notice) => self.console.screen.report(&notice),
                // Ordinary line input has none.
                Action::Prompt(_) => {}
                Action::Begin(socket, peer) => match Session::start(socket, self.console.observer.clone()) {
                    Ok(session) => self.session = Some(session),
                    Err(error) => self.endpoint.cannot_start(peer, error),
                },
                Action::Close { in_order } => {
                    self.session = None;
                    self.console.screen.transcript.closed(in_order);
                }
                Action::TurnAway(socket, peer) => self.turn_away(socket, peer),
                Action::End(ending) => return Some(ending),
            }
        }
    }

    /// Writes what the outputs take.
    fn flush(&mut self) {
        if let Err(error) = self.console.screen.flush() {
            self.endpoint.screen_failed(error);
        }
        if let Err(error) = self.console.screen.transcript.flush(Instant::now()) {
            self.endpoint.report(Notice::CannotWriteTranscript(error));
        }
    }

    fn turn_away(&mut self, socket: TcpStream, peer: SocketAddr) {
        if let Source::Callers(callers) = &mut self.source {
            let turned_away = callers.turn_away(socket, &busy(&self.clock.stamp()), Instant::now());
            self.endpoint.report(match turned_away {
                Ok(()) => Notice::TurnedAway(peer),
                Err(error) => Notice::CannotTurnAway(error),
            });
        }
    }

    /// Ends, when what is to be shown has been shown, and those who called have been told.
    fn end(mut self, mut ending: Ending) -> Exit {
        self.console.finish_outputs(&mut ending);
        if let Source::Callers(callers) = self.source
            && !matches!(ending.exit, Exit::Signal(_))
        {
            callers.end(self.endpoint.take_held().collect(), &busy(&self.clock.stamp()));
        }
        ending.exit
    }
}
