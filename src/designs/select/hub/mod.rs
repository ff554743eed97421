//! Many people: one thread, one wait, and the same [`Hub`] as in the threads design.
//!
//! ```text
//!                 ┌───────── wait: poll ─────────┐
//!                 │ keyboard, screen, callers, … │
//!  client ──▶ ┐   │                              │
//!  client ──▶ ├ epoll                            │
//!  client ──▶ ┘   ▼                              │
//!   each that has sent something is read once ──▶ decide ──▶ each is written what it accepts
//! ```
//!
//! What all clients have sent by then is one batch, and what the batch put into a client's outbox is written with one call.
//!
//! `log.rs` has the two connections that make it one of several hubs.

mod clients;
#[cfg(feature = "link")]
mod log;
#[cfg(feature = "secure")]
mod secure;

use super::callers::Callers;
use super::console::Console;
use super::wait::{Interests, Ready};
#[cfg(feature = "link")]
use crate::designs::Link;
use crate::designs::Web;
use crate::designs::clock::{Clock, utc_now};
use crate::designs::environment::Environment;
#[cfg(feature = "secure")]
use crate::designs::environment::Remember;
use crate::designs::hub::relay;
use crate::designs::net;
#[cfg(feature = "web")]
use crate::observe::Live;
use crate::observe::{For, Goodbye, Step};
use crate::platform;
use crate::rules::exit::Exit;
use crate::rules::hub::{self as rules, Action, Hub, Id, Port, Refusal, Settings};
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::record::Entry;
use crate::rules::secure::Security;
use clients::{Clients, Done, Taken};
#[cfg(feature = "link")]
use log::Log;
use rustix::event::PollFlags;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(feature = "web")]
use std::sync::Arc;
use std::time::Instant;

/// The most callers that are accepted between two waits, so that clients do not wait for all of them.
const MAX_ACCEPTED: usize = 64;

/// Everything there is.
pub(super) struct HubLoop {
    hub: Hub,
    callers: Callers,
    clients: Clients,
    console: Console,
    clock: Clock,
    /// If it is linked to others.
    #[cfg(feature = "link")]
    log: Option<Log>,
    /// Appends to the file of known peers.
    #[cfg(feature = "secure")]
    remember: Option<Remember>,
    /// If browsers may come.
    #[cfg(feature = "web")]
    web: Option<Box<Web>>,
    /// The steps of the one thread, for the page of the hub.
    #[cfg(feature = "web")]
    live: Arc<Live>,
}

impl HubLoop {
    /// Prepares everything. Nothing happens before [`run`](Self::run).
    pub(super) fn start(
        environment: Environment,
        settings: Settings,
        mut listeners: Vec<TcpListener>,
        port_was_chosen: bool,
        mut web: Option<Box<Web>>,
    ) -> io::Result<Self> {
        let at = net::local_addresses(&listeners)?;
        listeners.extend(web.iter_mut().flat_map(|web| web.take_listeners()));
        let callers = Callers::new(listeners)?;
        let keyboard_is_terminal = environment.keyboard_is_terminal;
        let encrypted = environment.security.as_ref().map(Security::options);
        #[cfg(any(feature = "secure", feature = "web"))]
        let mut environment = environment;
        #[cfg(feature = "web")]
        let live = Live::beside(&mut environment.observer);
        #[cfg(feature = "secure")]
        let (security, remember) = (environment.security.take(), environment.remember.take());
        let mut console = Console::new(environment);
        let clients = Clients::new(console.observer.clone())?;
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
            callers,
            clients,
            console,
            clock,
            #[cfg(feature = "link")]
            log: None,
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
    pub(super) fn linked(mut self, link: Option<&Link>) -> Self {
        if let Some(link) = link {
            self.hub.link(&link.name());
            self.name_operator();
            self.log = Some(Log::new(link, &self.console.observer));
        }
        self
    }

    /// Runs the hub until it ends.
    pub(super) fn run(mut self) -> Exit {
        loop {
            let now = self.now();
            if let Some(exit) = self.perform_actions(now) {
                return self.end(exit);
            }
            #[cfg(feature = "link")]
            if self.go_on_with_log(now) {
                continue;
            }
            let ready = self.wait();
            let now = self.now();
            for ready in ready {
                self.handle(ready, now);
            }
            self.read_clients(now);
        }
    }

    fn now(&mut self) -> Moment {
        Moment { instant: Instant::now(), stamp: self.clock.stamp() }
    }

    /// Waits until something has become possible or is due.
    fn wait(&self) -> Vec<Ready> {
        self.console.observer.emit(|| Step::Waits(For::Anything));
        let now = Instant::now();
        let mut interests = Interests::default();
        self.console.add_to(&mut interests, true);
        self.callers.add_to(&mut interests, now);
        interests.add(self.clients.descriptor(), PollFlags::IN, Ready::Clients);
        let reads_on = self.clients.may_read().then_some(now);
        let transcript = self.console.screen.transcript.deadline();
        let deadlines = reads_on.into_iter().chain(self.hub.poll_timeout()).chain(self.callers.deadline());
        #[cfg(feature = "link")]
        let deadlines = deadlines.chain(self.log.as_ref().and_then(Log::deadline));
        #[cfg(feature = "link")]
        if let Some(log) = &self.log {
            log.add_to(&mut interests);
        }
        interests.wait(deadlines.chain(transcript).min())
    }

    /// Takes in what has become possible.
    fn handle(&mut self, ready: Ready, now: Moment) {
        match ready {
            Ready::Signal => {
                while let Some(signal) = self.console.take_signal() {
                    self.pass_on(rules::Event::Signal(signal), now);
                }
            }
            Ready::Keyboard => {
                for typed in self.console.read_keyboard() {
                    self.pass_on(typed.into(), now);
                }
            }
            Ready::Clients => {
                for id in self.clients.find_ready() {
                    self.write(id, now);
                }
            }
            Ready::Caller => self.accept(now),
            // `perform_actions` writes then.
            Ready::Messages | Ready::Notices | Ready::Transcript => self.console.output_is_ready(ready),
            // `perform_actions` reads from those who are turned away.
            Ready::TurnedAway => {}
            #[cfg(feature = "link")]
            Ready::LogReader | Ready::LogWriter => {
                if let Some(log) = &mut self.log {
                    log.read(ready);
                }
            }
            // Of a conversation of two.
            Ready::Received | Ready::Peer | Ready::Connected => {}
        }
    }

    fn pass_on(&mut self, event: rules::Event, now: Moment) {
        relay(&mut self.hub, event, now, &self.console.observer);
    }

    fn accept(&mut self, now: Moment) {
        for _ in 0..MAX_ACCEPTED {
            match self.callers.accept(now.instant) {
                Ok(Some((socket, peer))) => self.handle_caller(socket, peer, now),
                Ok(None) => return,
                Err(notice) => return self.console.screen.report(&notice),
            }
        }
    }

    /// Sends what is to be logged, and passes on what has happened to the log. Returns whether something has.
    #[cfg(feature = "link")]
    fn go_on_with_log(&mut self, now: Moment) -> bool {
        let Some(log) = &mut self.log else { return false };
        log.rest(!self.hub.reads_log());
        let events = log.go_on();
        let has_events = !events.is_empty();
        for event in events {
            let stamp = event.logged_at().map_or(now.stamp, |ms| self.clock.stamp_at(ms));
            self.pass_on(rules::Event::Link(event, stamp), now);
        }
        has_events
    }

    /// Adds a client for a caller, or tells the caller why not.
    fn handle_caller(&mut self, socket: TcpStream, peer: SocketAddr, now: Moment) {
        let port = self.hub.port(socket.local_addr().ok());
        let (socket, refusal) = match self.hub.admit(peer, port) {
            Ok(id) => match self.add_client(id, socket, (peer, port), now) {
                Ok(event) => return self.pass_on(event, now),
                Err(socket) => (socket, Refusal::NoResources),
            },
            Err(refusal) => (socket, refusal),
        };
        self.pass_on(rules::Event::Refused(peer, refusal), now);
        // An error means that the caller has gone, which is the purpose.
        if rules::gets_slow_farewell(peer.ip(), &self.callers.being_turned_away()) {
            let _ = self.callers.turn_away(
                socket,
                &self.hub.refusal_line(refusal, port, &now.stamp),
                now.instant,
            );
        } else {
            let _ =
                platform::try_write(&socket, &self.hub.refusal_line_and_goodbye(refusal, port, &now.stamp));
        }
    }

    /// Adds a client. Returns what that means for the hub, or the socket if the system lacks something.
    fn add_client(
        &mut self,
        id: Id,
        socket: TcpStream,
        (peer, port): (SocketAddr, Port),
        now: Moment,
    ) -> Result<rules::Event, TcpStream> {
        platform::prepare_client(&socket);
        #[cfg(feature = "secure")]
        match self.hub.channel(peer, port, now.instant) {
            Ok(Some(channel)) => {
                self.clients.add(id, socket, port)?;
                self.clients.encrypt(id, channel);
                return Ok(rules::Event::Called(id, peer, port));
            }
            Ok(None) => {}
            Err(_) => return Err(socket),
        }
        #[cfg(not(feature = "secure"))]
        let _ = now;
        self.clients.add(id, socket, port)?;
        Ok(rules::Event::arrived(id, peer, port))
    }

    /// Reads once from each client that has sent something, unless what it sent before is still waiting.
    fn read_clients(&mut self, now: Moment) {
        for id in self.clients.take_readable() {
            match self.clients.read(id) {
                Some(Ok(Taken::Input(buffer))) => self.pass_on(rules::Event::Read(id, buffer), now),
                #[cfg(feature = "secure")]
                Some(Ok(Taken::Channel(opening, input))) => {
                    self.pass_on(secure::event(id, opening), now);
                    if let Some(buffer) = input {
                        self.pass_on(rules::Event::Read(id, buffer), now);
                    }
                }
                Some(Ok(Taken::End)) => self.pass_on(rules::Event::ReadEnded(id, Ok(())), now),
                Some(Err(error)) => self.pass_on(rules::Event::ReadEnded(id, Err(error)), now),
                None => {}
            }
        }
    }

    /// Does everything there is to do after a batch. Returns how to end when it is time to.
    fn perform_actions(&mut self, now: Moment) -> Option<Exit> {
        let is_behind = !self.console.screen.transcript.has_capacity();
        self.pass_on(rules::Event::TranscriptBehind(is_behind), now);
        self.callers.tick(now.instant);
        self.hub.handle_timeout(now);
        while let Some(action) = self.hub.poll_action() {
            match action {
                Action::Write(id) => self.write(id, now),
                Action::HalfClose(id) => {
                    if self.clients.half_close(id) {
                        self.hub.handle(rules::Event::HalfClosed(id), now);
                    }
                }
                Action::Disconnect(id) => self.clients.remove(id),
                Action::Probe(id) => {
                    let state = self.clients.peer_state(id);
                    self.pass_on(rules::Event::PeerState(id, state), now);
                }
                #[cfg(feature = "web")]
                Action::Watch(looks) => self.live.watch(looks),
                #[cfg(feature = "web")]
                Action::TakeSteps(ids) => {
                    let streams = |id: Id| Some((id.0, self.clients.streams(id)?));
                    let steps = self.live.take("select", ids.into_iter().filter_map(streams));
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
                    self.console.screen.transcript.record_entry(&Entry { time, peer, what });
                }
                Action::GoodbyeReceived => self.console.observer.emit(|| Step::Goodbye(Goodbye::Heard)),
                #[cfg(feature = "link")]
                Action::Log(order) => {
                    if let Some(log) = &mut self.log {
                        log.order(order);
                    }
                }
                Action::Report(notice) => self.console.screen.report(&notice),
                Action::End(exit) => return Some(exit),
            }
        }
        self.show(now);
        None
    }

    /// Writes to a client what it accepts.
    fn write(&mut self, id: Id, now: Moment) {
        while let Some(outbox) = self.hub.outbox(id) {
            match self.clients.write(id, outbox) {
                Some(Ok(Done::Wrote(bytes))) => self.hub.handle(rules::Event::Written(id, bytes), now),
                #[cfg(feature = "secure")]
                Some(Ok(Done::HalfClosed)) => return self.hub.handle(rules::Event::HalfClosed(id), now),
                Some(Err(error)) => {
                    self.clients.shut_down(id);
                    return self.pass_on(rules::Event::WriteFailed(id, error), now);
                }
                None => return,
            }
        }
    }

    /// Shows the operator's lines while the screen keeps up. If this leads to actions, the hub's time-out is due at once.
    fn show(&mut self, now: Moment) {
        self.flush(now);
        while !self.console.screen.has_messages()
            && let Some(lines) = self.hub.next_screen_output(now)
        {
            self.console.screen.show_unrecorded(lines);
            self.flush(now);
        }
    }

    /// Writes what the transcript and the screen accept: the screen comes last, so that it shows at once what the transcript reports.
    fn flush(&mut self, now: Moment) {
        let screen = &mut self.console.screen;
        while let Err(notice) = screen.transcript.flush(now.instant) {
            screen.report(&notice);
        }
        if let Err(error) = screen.flush().and_then(|()| screen.draw()) {
            self.pass_on(rules::Event::ScreenFailed(error), now);
        }
    }

    /// Shows what is left, and turns away those who have called by now.
    fn end(mut self, exit: Exit) -> Exit {
        let mut ending = rules::ending(exit, Instant::now());
        if let Some(lines) = self.hub.last_screen_output() {
            self.console.screen.show_unrecorded(lines);
        }
        self.console.finish_outputs(&mut ending);
        // Callers of an encrypted hub would not understand it.
        if !matches!(exit, Exit::Signal(_)) && !self.hub.is_encrypted() {
            self.callers.end(Vec::new(), &Refusal::Ending.line(&self.clock.stamp()));
        }
        ending.exit
    }
}
