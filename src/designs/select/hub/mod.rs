//! Many people: one thread, one wait, and the same [`Hub`] as in the threads design.
//!
//! ```text
//!                 ┌───────── wait: poll ─────────┐
//!                 │ keyboard, screen, callers, … │
//!  client ──▶ ┐   │                              │
//!  client ──▶ ├ epoll                            │
//!  client ──▶ ┘   ▼                              │
//!   each that has sent something is read once ──▶ decide ──▶ each is written what it takes
//! ```
//!
//! What all have sent by then is one batch, and what that was for each client is written with one call.

mod clients;

use super::callers::Callers;
use super::console::{Console, Typed};
use super::environment::Environment;
use super::wait::{Interests, Ready};
use crate::designs::clock::Clock;
use crate::observe::{Decision, For, Goodbye, Step};
use crate::platform;
use crate::platform::Trimmer;
use crate::rules::action::{Ending, GRACE};
use crate::rules::buffer::Buffer;
use crate::rules::endpoint::CALLERS;
use crate::rules::exit::Exit;
use crate::rules::hub::{Action, Hub, Id, Moment, OPERATOR, Refusal, Rules};
use crate::rules::messages::Messages;
use crate::rules::notice::Notice;
use crate::rules::wire::GOODBYE;
use clients::{Clients, Taken};
use rustix::event::PollFlags;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

/// How many callers are let in between two waits, so that the others need not wait for all of them.
const ACCEPTED: usize = 64;

/// How many bytes the screen is given at a time.
const SHOWN: usize = 64 * 1024;

/// All there is.
pub(super) struct HubLoop {
    hub: Hub,
    callers: Callers,
    clients: Clients,
    trimmer: Trimmer,
    console: Console,
    clock: Clock,
}

impl HubLoop {
    /// Nothing happens before [`run`](Self::run).
    pub(super) fn start(
        environment: Environment,
        rules: Rules,
        listener: TcpListener,
        port_was_chosen: bool,
    ) -> io::Result<Self> {
        let at = listener.local_addr()?;
        let callers = Callers::new(listener)?;
        let mut console = Console::new(environment);
        let clients = Clients::new(console.observer.clone())?;
        let clock = Clock::new();
        if clock.lacks_local_time() {
            console.screen.report(&Notice::NoLocalTime);
        }
        console.screen.report(&Notice::Listening { at, port_was_chosen, command: "hub" });
        let hub = Hub::new(rules, Instant::now());
        Ok(Self { hub, callers, clients, trimmer: Trimmer::default(), console, clock })
    }

    /// The whole life of the hub.
    pub(super) fn run(mut self) -> Exit {
        loop {
            let at = self.moment();
            if let Some(exit) = self.perform_actions(at) {
                return self.end(exit);
            }
            let ready = self.wait();
            let at = self.moment();
            for ready in ready {
                self.handle(ready, at);
            }
            self.read_clients(at);
        }
    }

    fn moment(&mut self) -> Moment {
        Moment { now: Instant::now(), stamp: self.clock.stamp() }
    }

    /// Waits until something has become possible, or for the next moment at which something is to be done.
    fn wait(&self) -> Vec<Ready> {
        self.console.observer.emit(|| Step::Waits(For::Anything));
        let now = Instant::now();
        let mut interests = Interests::default();
        self.console.add_to(&mut interests, true);
        self.callers.add_to(&mut interests, now);
        interests.add(self.clients.descriptor(), PollFlags::IN, Ready::Clients);
        let reads_on = self.clients.may_read().then_some(now);
        let transcript = self.console.screen.transcript.deadline();
        let deadlines = reads_on.into_iter().chain(self.hub.deadline(now)).chain(self.callers.deadline());
        interests.wait(deadlines.chain(transcript).min())
    }

    /// Does what has become possible. What is written then, `perform_actions` writes.
    fn handle(&mut self, ready: Ready, at: Moment) {
        match ready {
            Ready::Signal => {
                while let Some(signal) = self.console.take_signal() {
                    self.hub.signalled(signal, at.now);
                }
            }
            Ready::Keyboard => match self.console.read_keyboard() {
                Some(Typed::Input(buffer)) => {
                    self.relays(buffer.messages, Messages::NONE);
                    self.hub.heard(OPERATOR, buffer, at);
                }
                Some(Typed::Ended(result)) => self.hub.heard_all(OPERATOR, result, at),
                None => {}
            },
            Ready::Clients => {
                for id in self.clients.look() {
                    self.write(id, at);
                }
            }
            Ready::Caller => self.accept(at),
            Ready::Messages | Ready::Notices | Ready::Transcript => self.console.output_is_ready(ready),
            // That is looked after with the time.
            Ready::TurnedAway => {}
            // Of a conversation of two.
            Ready::Received | Ready::Peer | Ready::Connected => {}
        }
    }

    fn accept(&mut self, at: Moment) {
        for _ in 0..ACCEPTED {
            match self.callers.accept(at.now) {
                Ok(Some((socket, peer))) => self.called(socket, peer, at),
                Ok(None) => return,
                Err(notice) => return self.console.screen.report(&notice),
            }
        }
    }

    /// Somebody calls: they join, or are told why not.
    fn called(&mut self, socket: TcpStream, peer: SocketAddr, at: Moment) {
        let (socket, refusal) = match self.hub.admits(peer) {
            Ok(()) => {
                platform::prepare_client(&socket);
                let id = self.hub.new_id();
                match self.clients.add(id, socket) {
                    Ok(()) => {
                        self.trimmer.grew(self.clients.len());
                        return self.hub.join(id, peer, at);
                    }
                    Err(socket) => (socket, Refusal::NoResources),
                }
            }
            Err(refusal) => (socket, refusal),
        };
        self.console.screen.report(&Notice::NotLetIn { peer, refusal });
        let line = refusal.line(&at.stamp);
        // An error means that the caller has gone, which is what is wanted of it.
        if self.callers.being_turned_away() < CALLERS {
            let _ = self.callers.turn_away(socket, &line, at.now);
        } else {
            // So many call that nobody waits until this one has read it.
            let _ = platform::try_write(&socket, &[&line, GOODBYE].concat());
        }
    }

    fn relays(&self, typed: Messages, messages: Messages) {
        self.console.observer.emit(|| Step::Decides { decision: Decision::Relay, typed, messages });
    }

    /// Reads once from each client that has sent something, unless what it sent before still waits.
    fn read_clients(&mut self, at: Moment) {
        for id in self.clients.take_readable() {
            match self.clients.read(id) {
                Some(Ok(Taken::Input(buffer))) => {
                    self.relays(Messages::NONE, buffer.messages);
                    self.hub.heard(id, buffer, at);
                }
                Some(Ok(Taken::End)) => self.hub.heard_all(id, Ok(()), at),
                Some(Err(error)) => self.hub.heard_all(id, Err(error), at),
                None => {}
            }
        }
    }

    /// Does all that is to be done after a batch. How to end, if that is to be done.
    fn perform_actions(&mut self, at: Moment) -> Option<Exit> {
        self.hub.set_paused(!self.console.screen.transcript.has_room());
        self.callers.tick(at.now);
        self.hub.tick(at);
        for id in self.hub.take_to_write() {
            self.write(id, at);
        }
        while let Some(action) = self.hub.next_action() {
            match action {
                Action::HalfClose(id) => self.clients.shutdown(id, Shutdown::Write),
                Action::HangUp(id) => {
                    self.clients.remove(id);
                    self.trimmer.shrunk(self.clients.len());
                }
                Action::Record(entry) => self.console.screen.transcript.record_entry(&entry),
                Action::HeardGoodbye => self.console.observer.emit(|| Step::Goodbye(Goodbye::Heard)),
                Action::Report(notice) => self.console.screen.report(&notice),
                Action::End(exit) => return Some(exit),
            }
        }
        self.show(at);
        None
    }

    /// Writes to a client what it takes.
    fn write(&mut self, id: Id, at: Moment) {
        while let Some(queue) = self.hub.outbox(id).and_then(|outbox| outbox.queue()) {
            match self.clients.write(id, queue) {
                Some(Ok(written)) => self.hub.wrote(id, written, at),
                Some(Err(error)) => {
                    // What it has sent is still read.
                    self.clients.shutdown(id, Shutdown::Both);
                    return self.hub.write_failed(id, error, at.now);
                }
                None => return,
            }
        }
    }

    /// Shows the operator what there is, while the screen takes it.
    fn show(&mut self, at: Moment) {
        self.flush(at);
        while !self.console.screen.has_messages()
            && let Some(queue) = self.hub.outbox(OPERATOR).and_then(|outbox| outbox.queue())
        {
            let lines = queue.copy(SHOWN);
            let written = lines.len();
            self.console.screen.show_unrecorded(Buffer::with_output(lines));
            self.hub.wrote(OPERATOR, written, at);
            self.flush(at);
        }
    }

    /// Writes what the outputs take.
    fn flush(&mut self, at: Moment) {
        if let Err(error) = self.console.screen.flush() {
            self.hub.screen_failed(error, at.now);
        }
        if let Err(error) = self.console.screen.transcript.flush(at.now) {
            self.console.screen.report(&Notice::CannotWriteTranscript(error));
        }
    }

    /// Ends, when what is to be shown has been shown, and those who called have been told.
    fn end(mut self, exit: Exit) -> Exit {
        let in_a_hurry = matches!(exit, Exit::Signal(_));
        let mut ending = Ending { exit, by_force: in_a_hurry.then(|| Instant::now() + GRACE) };
        if let Some(queue) = self.hub.outbox(OPERATOR).and_then(|outbox| outbox.queue()) {
            self.console.screen.show_unrecorded(Buffer::with_output(queue.copy(usize::MAX)));
        }
        self.console.finish_outputs(&mut ending);
        if !in_a_hurry {
            self.callers.end(Vec::new(), &Refusal::Ending.line(&self.clock.stamp()));
        }
        ending.exit
    }
}
