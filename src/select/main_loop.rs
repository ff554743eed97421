//! The one loop: waits until something has become possible, and does it.

use super::callers::Callers;
use super::connector::{Connector, Progress};
use super::desk::{BUFFERS, Desk, READ_SIZE, Typed};
use super::talk::Talk;
use super::wait::{Interests, Ready};
use super::world::World;
use crate::buffer::Pool;
use crate::call::Call;
use crate::clock::Clock;
use crate::conversation::Manners;
use crate::endpoint::{Action, Behind, Ending, Endpoint};
use crate::exit::Exit;
use crate::notice::{Notice, busy};
use crate::observer::{For, Step};
use rustix::event::PollFlags;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

/// All there is.
pub(super) struct MainLoop {
    endpoint: Endpoint<TcpStream>,
    source: Source,
    clock: Clock,
    desk: Desk,
    received: Pool,
    talk: Option<Talk>,
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
        world: World,
        manners: Manners,
        listener: TcpListener,
        port_was_chosen: bool,
        once: bool,
    ) -> io::Result<Self> {
        let at = listener.local_addr()?;
        let callers = Callers::new(listener)?;
        let endpoint = Endpoint::serve(manners, world.keyboard_is_terminal, at, port_was_chosen, once);
        Ok(Self::new(world, endpoint, Source::Callers(callers)))
    }

    /// Calls somebody, and talks with them.
    pub(super) fn connect(world: World, manners: Manners, call: Call) -> Self {
        let endpoint = Endpoint::connect(manners, world.keyboard_is_terminal);
        Self::new(world, endpoint, Source::Connector(Connector::new(call, Instant::now())))
    }

    fn new(world: World, mut endpoint: Endpoint<TcpStream>, source: Source) -> Self {
        let clock = Clock::new();
        if clock.lacks_local_time() {
            endpoint.tell(Notice::NoLocalTime);
        }
        Self {
            endpoint,
            source,
            clock,
            desk: Desk::new(world),
            received: Pool::new(BUFFERS, READ_SIZE),
            talk: None,
        }
    }

    /// The whole life of the endpoint.
    pub(super) fn run(mut self) -> Exit {
        loop {
            if let Some(ending) = self.settle() {
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
        self.desk.observer.sees(|| Step::Waits(For::Anything));
        let mut interests = Interests::default();
        let has_room = self.desk.screen.transcript.has_room();
        // At a terminal typing is always read, if only to be refused.
        self.desk.add_to(&mut interests, self.desk.keyboard_is_terminal || has_room);
        if let Some(talk) = &self.talk {
            if !self.received.is_empty() && has_room {
                interests.add(talk.to_read(), PollFlags::IN, Ready::Received);
            }
            interests.add(talk.to_write(), PollFlags::OUT, Ready::Peer);
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
        let talk = self.talk.as_ref().and_then(Talk::deadline);
        let transcript = self.desk.screen.transcript.deadline();
        self.endpoint.deadline().into_iter().chain(source).chain(talk).chain(transcript).min()
    }

    /// Does what has become possible. What is written then, `settle` writes.
    fn handle(&mut self, ready: Ready) {
        let now = Instant::now();
        match ready {
            Ready::Signal => {
                while let Some(signal) = self.desk.take_signal() {
                    self.endpoint.signalled(signal, now);
                }
            }
            Ready::Keyboard => match self.desk.read_keyboard() {
                Some(Typed::Input(buffer)) => self.endpoint.typed(buffer, self.behind()),
                Some(Typed::Ended(result)) => {
                    // A terminal that is closed ends its input and sends a signal, which tells why.
                    self.handle(Ready::Signal);
                    self.endpoint.input_ended(result);
                }
                None => {}
            },
            Ready::Received => {
                if let (Some(talk), Some(conversation)) = (&mut self.talk, self.endpoint.conversation()) {
                    talk.read(conversation, &self.received, &mut self.desk.screen);
                }
            }
            Ready::Peer => {
                if let Some(talk) = &mut self.talk {
                    talk.is_writable();
                }
            }
            Ready::Caller => {
                if let Source::Callers(callers) = &mut self.source {
                    match callers.accept(now) {
                        Ok(Some((socket, peer))) => {
                            self.endpoint.called(socket, peer, now, callers.being_turned_away());
                        }
                        Ok(None) => {}
                        Err(notice) => self.endpoint.tell(notice),
                    }
                }
            }
            Ready::Connected => self.go_on_calling(now, true),
            Ready::Messages | Ready::Notices | Ready::Transcript => self.desk.output_is_ready(ready),
            // That is looked after with the time.
            Ready::TurnedAway => {}
            // There is no hub here.
            #[cfg(feature = "hub")]
            Ready::Clients => {}
        }
    }

    /// What cannot take more of what is typed.
    fn behind(&self) -> Option<Behind> {
        match &self.talk {
            Some(_) if !self.desk.screen.transcript.has_room() => Some(Behind::Transcript),
            Some(talk) if !talk.has_room() => Some(Behind::Peer),
            _ => None,
        }
    }

    fn go_on_calling(&mut self, now: Instant, is_decided: bool) {
        let Source::Connector(connector) = &mut self.source else { return };
        match connector.go_on(now, is_decided) {
            Progress::None => {}
            Progress::Tell(notice) => self.endpoint.tell(notice),
            Progress::Ended(outcome) => {
                self.source = Source::None;
                self.endpoint.connected(outcome, now);
            }
        }
    }

    /// Some time has passed.
    fn tick(&mut self, now: Instant) {
        self.endpoint.tick(now);
        if let (Some(talk), Some(conversation)) = (&mut self.talk, self.endpoint.conversation()) {
            talk.tick(conversation, now, &mut self.desk.screen);
        }
        match &mut self.source {
            Source::Callers(callers) => callers.tick(now),
            Source::Connector(_) => self.go_on_calling(now, false),
            Source::None => {}
        }
    }

    /// Does all that is to be done after what happened, and writes what is taken. An ending, if the program is to
    /// end.
    fn settle(&mut self) -> Option<Ending> {
        loop {
            if let Some(talk) = &mut self.talk {
                talk.send(&mut self.endpoint, &mut self.clock, &mut self.desk.screen);
            }
            self.flush();
            // A transcript that does not keep up holds up the next conversation.
            let may_begin = self.talk.is_some() || self.desk.screen.transcript.has_room();
            match self.endpoint.next_action(Instant::now(), may_begin)? {
                Action::Tell(notice) => self.desk.screen.tell(&notice),
                // Ordinary line input has none.
                Action::Prompt(_) => {}
                Action::Begin(socket, peer) => match Talk::start(socket, self.desk.observer.clone()) {
                    Ok(talk) => self.talk = Some(talk),
                    Err(error) => self.endpoint.cannot_talk(peer, error),
                },
                Action::Close { in_order } => {
                    self.talk = None;
                    self.desk.screen.transcript.closed(in_order);
                }
                Action::TurnAway(socket, peer) => self.turn_away(socket, peer),
                Action::End(ending) => return Some(ending),
            }
        }
    }

    /// Writes what the outputs take.
    fn flush(&mut self) {
        if let Err(error) = self.desk.screen.flush() {
            self.endpoint.screen_failed(error);
        }
        if let Err(error) = self.desk.screen.transcript.flush(Instant::now()) {
            self.endpoint.tell(Notice::CannotWriteTranscript(error));
        }
    }

    fn turn_away(&mut self, socket: TcpStream, peer: SocketAddr) {
        if let Source::Callers(callers) = &mut self.source {
            let turned_away = callers.turn_away(socket, &busy(&self.clock.stamp()), Instant::now());
            self.endpoint.tell(match turned_away {
                Ok(()) => Notice::TurnedAway(peer),
                Err(error) => Notice::CannotTurnAway(error),
            });
        }
    }

    /// Ends, when what is to be shown has been shown, and those who called have been told.
    fn end(mut self, mut ending: Ending) -> Exit {
        self.desk.finish_outputs(&mut ending);
        if let Source::Callers(callers) = self.source
            && !matches!(ending.exit, Exit::Signal(_))
        {
            callers.end(self.endpoint.take_held().collect(), &busy(&self.clock.stamp()));
        }
        ending.exit
    }
}
