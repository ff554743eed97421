//! The half-duplex design, which the others replace, kept as a lesson: two people take turns, and the caller speaks
//! first.
//!
//! One thread blocks in reads and writes. A user feels at once what is wrong with that: it receives nothing while it waits
//! for the keyboard, and sends nothing while it waits for the other side. Messages look the same as in the other designs
//! ([`wire`](crate::rules::wire)).

mod endpoint;
mod side;

#[cfg(feature = "hub")]
use crate::designs::NO_HUB_IN_TURNS;
use crate::designs::Task;
use crate::designs::connect::{Calls, Progress, look_up};
use crate::designs::environment::Environment;
use crate::designs::net;
use crate::observe::{Decision, For, Goodbye, Place, Step};
use crate::platform;
use crate::rules::calling::{Call, Calling, RETRY_AFTER};
use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use crate::rules::messages::{Counter, Messages};
use crate::rules::notice::{AcceptFailures, Notice};
use crate::rules::turned_away::FirstLine;
use crate::rules::wire::{GOODBYE, PAUSE};
use endpoint::Endpoint;
use side::{Said, Side};
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// One conversation.
struct Session<'a> {
    endpoint: &'a mut Endpoint,
    socket: TcpStream,
    peer: SocketAddr,
    theirs: Side,
    /// What a side that we called says first.
    first_line: FirstLine,
    /// Number what is sent and what is shown.
    sent: Counter,
    shown: Counter,
    /// After a goodbye: when to stop waiting for them.
    until: Option<Instant>,
}

impl<'a> Session<'a> {
    fn new(endpoint: &'a mut Endpoint, socket: TcpStream, peer: SocketAddr) -> Self {
        // Keep-alive is optional; ignore failure.
        let _ = platform::prepare(&socket);
        let observer = endpoint.observer.clone();
        let streams = observer.begins(|| net::ends(&socket));
        let theirs = Side::new(Place::Peer, streams.received, endpoint.settings.max_line, observer);
        let (sent, shown) = (Counter::new(streams.sent), Counter::new(streams.received));
        Self { endpoint, socket, peer, theirs, first_line: FirstLine::Expected, sent, shown, until: None }
    }

    /// The whole design: they take turns until somebody leaves.
    fn run(mut self, mut our_turn: bool) {
        if !our_turn {
            // They called us.
            self.first_line = FirstLine::Heard;
        }
        let why = loop {
            match if our_turn { self.speak() } else { self.listen() } {
                Ok(()) => our_turn = !our_turn,
                Err(why) => break why,
            }
        };
        self.endpoint.report(&why);
        self.close(&why);
    }

    /// Our turn: waits for a line and sends it. Nothing is received meanwhile.
    fn speak(&mut self) -> Result<(), Notice> {
        let text = match self.endpoint.next_typed() {
            // A typed line that only ends in 88 is no goodbye.
            Said::Text(text) | Said::LastWords(text) => text,
            Said::Goodbye => {
                self.endpoint.decides(Decision::Leave, Messages::NONE);
                return Err(Notice::YouSaidGoodbye);
            }
            Said::End(Ok(())) => return Err(Notice::InputEndedGoodbye),
            Said::End(Err(error)) => return Err(Notice::CannotReadInput(error)),
        };
        let message = self.endpoint.message(&text);
        let (to, bytes, messages) = (Place::Peer, message.output.len(), self.sent.next(1));
        self.endpoint.decides(Decision::Send, messages);
        self.endpoint.observer.emit(|| Step::Writes { to, bytes });
        self.socket.write_all(&message.output).map_err(|error| Notice::Broke { peer: self.peer, error })?;
        self.endpoint.observer.emit(|| Step::Wrote { to, bytes, messages });
        if !message.ends.is_empty() {
            // Nothing but time separates it from the next message.
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Their turn: waits for a message and shows it. Nothing is sent meanwhile.
    fn listen(&mut self) -> Result<(), Notice> {
        match self.hear() {
            Said::Text(text) => {
                self.show_if_let_in(&text)?;
                match self.first_line.is_heard() {
                    true => Ok(()),
                    false => self.listen(),
                }
            }
            Said::LastWords(text) => self.show(&text).and(Err(Notice::TheirLastWords)),
            Said::Goodbye => Err(match self.first_line.end() {
                Some(reason) => Notice::NotLetIn { peer: self.peer, reason },
                None => Notice::TheySaidGoodbye,
            }),
            Said::End(Ok(())) => Err(Notice::ClosedWithoutGoodbye(self.peer)),
            Said::End(Err(error)) => Err(Notice::Broke { peer: self.peer, error }),
        }
    }

    /// Shows what they say, unless it may be why they do not let us in.
    fn show_if_let_in(&mut self, text: &[u8]) -> Result<(), Notice> {
        let mut messages = Vec::new();
        self.first_line.hear(text, |text| messages.push(text.to_vec()));
        messages.iter().try_for_each(|text| self.show(text))
    }

    fn show(&mut self, text: &[u8]) -> Result<(), Notice> {
        self.endpoint.show(text, self.shown.next(1))
    }

    /// Waits for what they say next.
    fn hear(&mut self) -> Said {
        loop {
            if let Some(said) = self.theirs.said.pop_front() {
                return said;
            }
            let now = Instant::now();
            if self.until.is_some_and(|until| until <= now) {
                return Said::End(Ok(()));
            }
            // Without a timeout, unless what has arrived may be a message without a newline. (Zero would mean none.)
            let due = self.theirs.decoder.quiet_at().into_iter().chain(self.until).min();
            let timeout = due.map(|due| due.saturating_duration_since(now).max(Duration::from_millis(1)));
            let _ = self.socket.set_read_timeout(timeout);
            self.theirs.read(&mut &self.socket, timeout.is_some());
        }
    }

    /// Ends the conversation: says 88 if we leave, and reads what is still on its way.
    fn close(&mut self, why: &Notice) {
        let (we_leave, listening) = match why {
            Notice::YouSaidGoodbye | Notice::InputEndedGoodbye | Notice::CannotReadInput(_) => (true, true),
            Notice::CannotWriteScreen(_) => (true, false),
            Notice::Broke { .. } => (false, true),
            _ => (false, false),
        };
        if we_leave {
            self.say_goodbye();
        }
        // Fails only if they have gone.
        let _ = self.socket.shutdown(Shutdown::Write);
        self.drain(listening, we_leave);
    }

    fn say_goodbye(&mut self) {
        let pause = self.endpoint.encoder().pause_before_goodbye(self.theirs.decoder.is_framed());
        thread::sleep(pause.unwrap_or_default());
        match self.socket.write_all(GOODBYE) {
            Ok(()) => self.endpoint.observer.emit(|| Step::Goodbye(Goodbye::Written)),
            Err(_) => self.endpoint.report(&Notice::GoodbyeNotDelivered),
        }
    }

    /// Reads the stream to its end: closing it with unread bytes would reset the connection, and the reset can overtake
    /// the goodbye. Shows what they say if we are still `listening`.
    fn drain(&mut self, mut listening: bool, we_leave: bool) {
        self.until = Some(Instant::now() + self.endpoint.settings.patience);
        loop {
            match self.hear() {
                Said::Text(text) | Said::LastWords(text) if listening => {
                    let shown = self.show_if_let_in(&text).map_err(|notice| self.endpoint.report(&notice));
                    listening = shown.is_ok();
                }
                Said::Text(_) | Said::LastWords(_) => {}
                Said::Goodbye => {
                    listening = false;
                    if let Some(reason) = self.first_line.end() {
                        self.endpoint.report(&Notice::NotLetIn { peer: self.peer, reason });
                    }
                }
                Said::End(end) => {
                    // It was no reason, because no 88 followed.
                    let mut held = Vec::new();
                    self.first_line.release(|text| held = text.to_vec());
                    if !held.is_empty()
                        && let Err(notice) = self.show(&held)
                    {
                        self.endpoint.report(&notice);
                    }
                    // They had gone before we said it.
                    if end.is_err() && we_leave {
                        self.endpoint.report(&Notice::GoodbyeNotDelivered);
                    }
                    return;
                }
            }
        }
    }
}

/// Does a task from start to end.
///
/// # Errors
/// Nobody answered the call, or it is a hub.
pub(super) fn run(task: Task, environment: Environment) -> Result<Exit, Failure> {
    let observer = environment.observer.clone();
    observer.watch(|| match task {
        Task::Serve { listeners, port_was_chosen, once, settings } => {
            Ok(serve(Endpoint::new(environment, settings), &listeners, port_was_chosen, once))
        }
        Task::Connect { call, settings } => connect(Endpoint::new(environment, settings), call),
        #[cfg(feature = "hub")]
        Task::Hub { .. } => Err(NO_HUB_IN_TURNS.into()),
    })
}

/// Talks with one caller after the other until the input ends, or with one only (`once`). A caller during a conversation
/// waits unnoticed.
fn serve(mut endpoint: Endpoint, listeners: &[TcpListener], port_was_chosen: bool, once: bool) -> Exit {
    if let Ok(at) = net::local_addresses(listeners) {
        endpoint.report(&Notice::Listening { at, port_was_chosen, command: "serve", encrypted: None });
    }
    let mut failures = AcceptFailures::default();
    endpoint.report(&Notice::Waiting);
    loop {
        endpoint.observer.emit(|| Step::Waits(For::Caller));
        match platform::accept_any(listeners) {
            Ok((socket, peer)) => {
                endpoint.begin(&Notice::ConnectedFrom(peer));
                Session::new(&mut endpoint, socket, peer).run(false);
                if once || endpoint.is_over {
                    return endpoint.end();
                }
                endpoint.report(&Notice::Waiting);
            }
            Err(error) => {
                if let Some(notice) = failures.failed(error, Instant::now()) {
                    endpoint.report(&notice);
                }
                thread::sleep(RETRY_AFTER);
            }
        }
    }
}

/// Calls somebody and talks with them.
fn connect(mut endpoint: Endpoint, call: Call) -> Result<Exit, Failure> {
    let (socket, peer) = reach(call, &mut endpoint)?;
    endpoint.begin(&Notice::ConnectedTo(peer));
    Session::new(&mut endpoint, socket, peer).run(true);
    Ok(endpoint.end())
}

fn reach(call: Call, endpoint: &mut Endpoint) -> Result<(TcpStream, SocketAddr), Failure> {
    endpoint.observer.emit(|| Step::Waits(For::Connection));
    let mut calls = Calls::new(Calling::new(call, Instant::now()));
    loop {
        match calls.go_on(look_up) {
            Progress::None => calls.wait(),
            Progress::Report(notice) => endpoint.report(&notice),
            Progress::Ended(outcome) => return outcome,
        }
    }
}
