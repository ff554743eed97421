//! Main: one loop that takes an event, asks what it means, and hands the outcome to the writers.

use super::callers::Callers;
use super::connector::Call;
use super::event::Event;
use super::reader::Reader;
use super::screen::Screen;
use super::talk::Talk;
use crate::buffer::{Buffer, Pool};
use crate::clock::Clock;
use crate::conversation::{Manners, PATIENCE};
use crate::exit::Exit;
use crate::input::{self, Input, ROOM};
use crate::notice::Notice;
use crate::platform::Signal;
use crate::world::World;
use crossbeam_channel::{Receiver, Sender, at, bounded, never, select_biased};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many events the channel holds. It is never full for long, because main never blocks.
const EVENTS: usize = 64;

/// How long the goodbye may take after a signal, all in all; and how long notices may take at the end.
const GRACE: Duration = Duration::from_secs(2);

/// The part of [`GRACE`] that is kept for telling and recording how a conversation ended that had to be cut.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How the endpoint comes by somebody to talk to.
enum Role {
    Serve {
        callers: Callers,
        once: bool,
    },
    /// The connector thread ends when this is dropped. It may be left behind when a signal ends the program:
    /// nothing can wake a thread that waits for the system to look up a name or to reach an address.
    Connect {
        _running: Sender<Infallible>,
    },
}

/// All that main knows. Only main touches it.
pub(super) struct Endpoint {
    events: Receiver<Event>,
    to_main: Sender<Event>,
    manners: Manners,
    role: Role,
    input: Input,
    clock: Clock,
    screen: Screen,
    /// The buffers of the socket-reader, the same for all conversations: those that a stuck screen still
    /// holds from the last one are missing in the next.
    received: Pool,
    talk: Option<Talk>,
    /// The program is to end.
    ending: Option<Ending>,
    /// The user has been told that lines are kept.
    told_of_keeping: bool,
    /// Not all of the input could be read.
    input_failed: bool,
    others: Others,
}

/// How the program is to end.
#[derive(Clone, Copy)]
struct Ending {
    exit: Exit,
    /// When it does so by force: after a signal.
    by_force: Option<Instant>,
}

impl Ending {
    /// When a conversation is cut that has not ended by then.
    fn cut_at(self) -> Option<Instant> {
        self.by_force.map(|by_force| by_force - LAST_WORDS)
    }
}

/// What is ended, one after the other, when nothing more is to be told.
#[derive(Clone, Copy)]
enum Output {
    Messages,
    Transcript,
    Notices,
}

/// The small threads that live as long as the endpoint.
struct Others {
    stdin_reader: JoinHandle<()>,
    /// Dropped, it wakes the stdin-reader from waiting for a buffer.
    typing: Sender<Infallible>,
    /// Ends the stdin-reader, if something can.
    close_keyboard: Option<Box<dyn FnOnce() -> bool + Send>>,
    signals: JoinHandle<()>,
    close_signals: Box<dyn FnOnce()>,
}

impl Endpoint {
    /// Waits for callers, and talks with one after the other.
    pub(super) fn serve(
        world: World,
        manners: Manners,
        listener: TcpListener,
        port_was_chosen: bool,
        once: bool,
    ) -> io::Result<Self> {
        let (to_main, events) = bounded(EVENTS);
        let callers = Callers::start(listener, to_main.clone())?;
        let at = callers.address();
        let mut endpoint = Self::start(world, manners, Role::Serve { callers, once }, to_main, events)?;
        endpoint.screen.tell(&Notice::Listening { at, port_was_chosen });
        endpoint.wait();
        Ok(endpoint)
    }

    /// Calls somebody, and talks with them.
    pub(super) fn connect(world: World, manners: Manners, call: Call) -> io::Result<Self> {
        let (to_main, events) = bounded(EVENTS);
        let (running, stop) = bounded(0);
        let connected = to_main.clone();
        thread::Builder::new().name("connector".to_owned()).spawn(move || {
            let outcome = call.run(&stop, &connected);
            let _ = connected.send(Event::Connected(outcome));
        })?;
        let endpoint = Self::start(world, manners, Role::Connect { _running: running }, to_main, events)?;
        endpoint.screen.set_prompt("connecting");
        Ok(endpoint)
    }

    fn start(
        world: World,
        manners: Manners,
        role: Role,
        to_main: Sender<Event>,
        events: Receiver<Event>,
    ) -> io::Result<Self> {
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(run)
        };
        let mut screen = Screen::start(world.screen, world.notices, world.verbosity, &to_main)?;
        if let Some(transcript) = world.transcript {
            screen.record(transcript, to_main.clone())?;
        }
        let clock = Clock::new();
        if clock.lacks_local_time() {
            screen.tell(&Notice::NoLocalTime);
        }
        let close_signals = Box::new(world.signals.closer());
        let came = to_main.clone();
        let signals = spawn(
            "signals",
            Box::new(move || world.signals.for_each(|signal| came.send(Event::Signal(signal)).is_ok())),
        )?;
        let (typing, stop) = bounded(0);
        let reader =
            Reader { pool: Pool::new(), stop, to_main: to_main.clone(), observer: screen.observer() };
        let keyboard = world.keyboard;
        let stdin_reader =
            spawn("stdin-reader", Box::new(move || reader.run(keyboard, Event::Typed, Event::InputEnded)))?;
        Ok(Self {
            events,
            to_main,
            manners,
            role,
            input: Input::new(world.keyboard_is_terminal, manners.max_line),
            clock,
            screen,
            received: Pool::new(),
            talk: None,
            ending: None,
            told_of_keeping: false,
            input_failed: false,
            others: Others {
                stdin_reader,
                typing,
                close_keyboard: world.close_keyboard,
                signals,
                close_signals,
            },
        })
    }

    /// The whole life of the endpoint.
    pub(super) fn run(mut self) -> Exit {
        loop {
            if let Some(event) = self.next_event() {
                self.handle(event);
            }
            // Also when events never cease.
            self.tick(Instant::now());
            if let Some(exit) = self.settle() {
                return self.end(exit);
            }
        }
    }

    /// Waits for the next event, or for the next moment at which something is to be done. What has happened
    /// comes before what is due.
    fn next_event(&self) -> Option<Event> {
        let due = self.deadline().map_or_else(never, at);
        select_biased! {
            // The channel cannot be closed, because we hold a sender of it ourselves.
            recv(self.events) -> event => event.ok(),
            recv(due) -> _ => None,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let talk = self.talk.as_ref();
        let cut_at = self.ending.and_then(Ending::cut_at);
        let cut_at = cut_at.filter(|_| talk.is_some_and(|talk| !talk.conversation.is_cut()));
        let caller = match (&self.role, talk) {
            (Role::Serve { callers, .. }, Some(talk)) => {
                callers.deadline().map(|deadline| deadline + Self::patience_of_callers(talk))
            }
            _ => None,
        };
        talk.and_then(Talk::deadline).into_iter().chain(cut_at).chain(caller).min()
    }

    /// How much longer than usual a caller is held: who calls while the conversation is ending may well be the next.
    fn patience_of_callers(talk: &Talk) -> Duration {
        if talk.conversation.is_ending() { PATIENCE } else { Duration::ZERO }
    }

    /// Something happened.
    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Typed(buffer) => self.typed(buffer),
            Event::InputEnded(result) => {
                if let Err(error) = result {
                    self.screen.tell(&Notice::CannotReadInput(error));
                    self.input_failed = true;
                }
                self.input.end();
            }
            Event::Called(socket, peer) => self.called(socket, peer, now),
            Event::Connected(Ok((socket, peer))) => self.begin(socket, peer, &Notice::ConnectedTo(peer)),
            Event::Connected(Err(reason)) => {
                self.screen.tell(&Notice::Failed(reason));
                self.end_with(Exit::Failed);
            }
            Event::Signal(signal) => self.signalled(signal, now),
            Event::ScreenFailed(error) => self.screen_failed(error),
            Event::TranscriptFailed(error) => self.screen.tell(&Notice::CannotWriteTranscript(error)),
            Event::Tell(notice) => self.screen.tell(&notice),
            // What there is to do then, `settle` does after every event.
            Event::Room | Event::ScreenDone | Event::NoticesDone | Event::TranscriptDone => {}
            Event::Received(..) | Event::HeardAll(_) | Event::WriteFailed(_) | Event::Delivered(_) => {
                self.handle_talk(event);
            }
        }
    }

    /// Something happened in the conversation.
    fn handle_talk(&mut self, event: Event) {
        let Some(talk) = &mut self.talk else { return };
        match event {
            Event::Received(buffer, at) => talk.received(buffer, at, &self.screen),
            Event::HeardAll(result) => talk.heard_all(result, &self.screen),
            Event::WriteFailed(error) => talk.write_failed(error),
            Event::Delivered(delivery) => talk.delivered(delivery),
            _ => {}
        }
    }

    /// Some time has passed.
    fn tick(&mut self, now: Instant) {
        let Some(talk) = &mut self.talk else { return };
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(talk.deadline()) {
            talk.tick(now, self.events.is_empty(), &self.screen);
        }
        if is_due(self.ending.and_then(Ending::cut_at)) && !talk.conversation.is_cut() {
            talk.cut();
        }
        let patience = Self::patience_of_callers(talk);
        if let Role::Serve { callers, .. } = &mut self.role
            && is_due(callers.deadline().map(|deadline| deadline + patience))
            && let Some(notice) = callers.turn_away(self.clock.stamp())
        {
            self.screen.tell(&notice);
        }
    }

    /// Brings everything up to date with what happened. An exit, if the program is to end.
    fn settle(&mut self) -> Option<Exit> {
        let Some(talk) = &mut self.talk else { return self.wait_for_somebody() };
        talk.send(&mut self.input, &mut self.clock);
        for notice in talk.conversation.notices() {
            self.screen.tell(&notice);
        }
        if talk.conversation.is_over() { self.conclude() } else { None }
    }

    /// Tells that the next caller is waited for.
    fn wait(&mut self) {
        self.screen.tell(&Notice::Waiting);
        self.screen.set_prompt("waiting");
    }

    /// Nobody is connected.
    fn wait_for_somebody(&mut self) -> Option<Exit> {
        if let Some(ending) = self.ending {
            return Some(ending.exit);
        }
        let is_serve = matches!(self.role, Role::Serve { .. });
        let may_leave = is_serve || self.input.is_terminal;
        if may_leave && self.input.starts_with_goodbye() {
            self.screen.tell(&Notice::YouSaidGoodbye);
            return Some(Exit::InOrder);
        }
        let waiting = self.input.waiting();
        if self.input.is_terminal && self.input.has_ended() && waiting == 0 {
            return Some(Exit::InOrder);
        }
        // A transcript that does not keep up holds up the next conversation, whose events no buffers bound.
        if let Role::Serve { callers, .. } = &mut self.role
            && self.screen.transcript_has_room()
            && let Some((socket, peer)) = callers.next()
        {
            self.begin(socket, peer, &Notice::ConnectedFrom(peer));
            return self.settle();
        }
        if waiting > 0 && may_leave && !std::mem::replace(&mut self.told_of_keeping, true) {
            self.screen.tell(&Notice::KeptForLater);
        }
        None
    }

    /// A conversation begins.
    fn begin(&mut self, socket: TcpStream, peer: SocketAddr, notice: &Notice) {
        self.screen.tell(notice);
        self.screen.set_prompt(&peer.to_string());
        self.told_of_keeping = false;
        self.input.begin_conversation();
        let only_listens = self.input.is_over();
        match Talk::start(
            socket,
            peer,
            self.manners,
            only_listens,
            &self.received,
            &self.to_main,
            &self.screen,
        ) {
            Ok(talk) => self.talk = Some(talk),
            Err(error) => {
                self.screen.tell(&Notice::CannotTalk { peer, error });
                self.screen.closed(false);
                if self.ends_with_conversation() {
                    self.end_with(Exit::Failed);
                } else {
                    self.wait();
                }
            }
        }
    }

    /// Whether there is only one conversation.
    fn ends_with_conversation(&self) -> bool {
        !matches!(self.role, Role::Serve { once: false, .. })
    }

    /// The conversation is over. An exit, if the program is to end with it.
    fn conclude(&mut self) -> Option<Exit> {
        let mut conversation = self.talk.take()?.join();
        let in_order = conversation.conclude();
        for notice in conversation.notices() {
            self.screen.tell(&notice);
        }
        let once = self.ends_with_conversation();
        if once && let Some(notice) = self.unsent(conversation.said_goodbye()) {
            self.screen.tell(&notice);
        }
        self.screen.closed(in_order);
        if let Some(ending) = self.ending {
            return Some(ending.exit);
        }
        if once {
            return Some(if in_order && !self.input_failed { Exit::InOrder } else { Exit::Failed });
        }
        if self.input.is_terminal && self.input.is_over() {
            return Some(Exit::InOrder);
        }
        self.wait();
        self.wait_for_somebody()
    }

    /// What there is to be said about the rest of an input for which there is no next caller.
    fn unsent(&self, said_goodbye: bool) -> Option<Notice> {
        if said_goodbye {
            return (self.input.waiting() > 0).then_some(Notice::RestNotSent);
        }
        let is_cut_short = self.input.waiting() > 0 || self.input.spoke() && !self.input.has_ended();
        (is_cut_short && !self.input.is_terminal).then_some(Notice::InputCutShort)
    }

    /// Standard input returned this. At a terminal it is refused when there is no room for it, but a goodbye.
    fn typed(&mut self, buffer: Buffer) {
        let has_room = self.input.waiting() < ROOM && self.talk.as_ref().is_none_or(Talk::has_room);
        let is_goodbye = input::is_goodbye(buffer.input());
        if has_room || !self.input.is_terminal || is_goodbye && self.talk.is_none() {
            self.input.push(buffer);
        } else if let Some(talk) = &mut self.talk
            && is_goodbye
        {
            // Not behind what waits for room: it need not wait.
            talk.conversation.say_goodbye(Notice::YouSaidGoodbye);
        } else if self.talk.is_none() {
            self.screen.tell(&Notice::KeptInputRefused);
        } else if self.screen.transcript_has_room() {
            self.screen.tell(&Notice::LineRefused);
        } else {
            self.screen.tell(&Notice::LineRefusedByTranscript);
        }
    }

    fn called(&mut self, socket: TcpStream, peer: SocketAddr, now: Instant) {
        if let Role::Serve { callers, .. } = &mut self.role
            && let Some(notice) = callers.hold(socket, peer, now)
        {
            self.screen.tell(&notice);
        }
    }

    /// The program is to end: at once if nobody is connected, else when the goodbye has been said, but in
    /// [`GRACE`]. A second signal does not wait.
    fn signalled(&mut self, signal: Signal, now: Instant) {
        let is_second = self.ending.is_some_and(|ending| ending.by_force.is_some());
        self.ending = Some(Ending { exit: Exit::Signal(signal), by_force: Some(now + GRACE) });
        if let Some(talk) = &mut self.talk {
            talk.conversation.say_goodbye(Notice::SignalSaidGoodbye(signal.name));
            if is_second {
                talk.cut();
            }
        }
    }

    /// Nobody reads our output any more (`| head`), which is a reason to leave, or it cannot be written.
    fn screen_failed(&mut self, error: io::Error) {
        let is_closed = error.kind() == io::ErrorKind::BrokenPipe;
        if let Some(talk) = &mut self.talk {
            talk.conversation.say_goodbye((!is_closed).then_some(Notice::ScreenFailedGoodbye));
        }
        if is_closed {
            self.end_with(Exit::InOrder);
        } else {
            self.screen.tell(&Notice::CannotWriteScreen(error));
            self.end_with(Exit::Failed);
        }
    }

    /// The program is to end, unless it already is for another reason.
    fn end_with(&mut self, exit: Exit) {
        self.ending.get_or_insert(Ending { exit, by_force: None });
    }

    /// Ends all threads, when what is to be shown has been shown.
    fn end(mut self, exit: Exit) -> Exit {
        let keyboard_ends = self.others.close_keyboard.take().is_some_and(|close| close());
        let exit = self.finish_outputs(exit);
        // Whoever waits for us to take an event is woken by this.
        drop(self.events);
        if let Role::Serve { callers, .. } = self.role {
            callers.end(self.clock.stamp(), matches!(exit, Exit::Signal(_)));
        }
        (self.others.close_signals)();
        let _ = self.others.signals.join();
        drop(self.others.typing);
        // Without a line editor the stdin-reader may be left behind: nothing can wake a thread that is blocked in
        // reading from a terminal or a pipe.
        let began = Instant::now();
        while keyboard_ends && !self.others.stdin_reader.is_finished() && began.elapsed() < GRACE / 2 {
            // A line editor ends within its next look, unless its terminal is gone.
            thread::sleep(Duration::from_millis(5));
        }
        if self.others.stdin_reader.is_finished() {
            let _ = self.others.stdin_reader.join();
        }
        self.screen.join();
        exit
    }

    /// Waits until the screen has taken all messages and the transcript all entries, as long as that takes, and
    /// then all notices. After a signal the wait is short, and after a second one it is over.
    fn finish_outputs(&mut self, mut exit: Exit) -> Exit {
        let mut by_force = self.ending.and_then(|ending| ending.by_force);
        // What goes wrong with one is told by the next. At one terminal the screen-writer writes notices, too.
        let order: &[Output] = match self.screen.is_apart() {
            true => &[Output::Messages, Output::Transcript, Output::Notices],
            false => &[Output::Transcript, Output::Messages],
        };
        for output in order {
            match output {
                Output::Messages => self.screen.end_messages(),
                Output::Transcript if !self.screen.end_transcript() => continue,
                Output::Transcript => {}
                Output::Notices => {
                    self.screen.end_notices();
                    by_force = by_force.or(Some(Instant::now() + GRACE));
                }
            }
            loop {
                let due = by_force.map_or_else(never, at);
                let event = select_biased! {
                    recv(self.events) -> event => event.ok(),
                    recv(due) -> _ => None,
                };
                match event {
                    Some(Event::ScreenDone | Event::NoticesDone) => break,
                    Some(Event::TranscriptDone) => {
                        self.screen.join_transcript();
                        break;
                    }
                    Some(Event::ScreenFailed(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                        self.screen.tell(&Notice::CannotWriteScreen(error));
                        exit = Exit::Failed;
                    }
                    Some(Event::TranscriptFailed(error)) => {
                        self.screen.tell(&Notice::CannotWriteTranscript(error));
                    }
                    Some(Event::Signal(_)) if by_force.is_some() => return exit,
                    Some(Event::Signal(signal)) => {
                        exit = Exit::Signal(signal);
                        by_force = Some(Instant::now() + GRACE);
                    }
                    None => return exit,
                    // The last words of what is being ended.
                    Some(_) => {}
                }
            }
        }
        exit
    }
}
