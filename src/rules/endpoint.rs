//! The rules of one side, from its start to its exit code: with whom it talks, what it keeps for whom, and what
//! ends it. No I/O: like the [conversation](crate::rules::conversation), it is told what happened and asked what
//! to do next, whichever way the design around it waits.

use crate::rules::buffer::Buffer;
use crate::rules::conversation::{Conversation, Outgoing, PATIENCE};
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::input::{self, Input, ROOM};
use crate::rules::messages::Messages;
use crate::rules::notice::Notice;
use crate::rules::settings::Settings;
use crate::rules::signal::Signal;
use crate::rules::wire::Stamp;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the goodbye may take after a signal, all in all; and how long notices may take at the end.
pub const GRACE: Duration = Duration::from_secs(2);

/// The part of [`GRACE`] that is kept for telling and recording how a conversation ended that had to be cut.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How many callers are dealt with at a time, beside the conversation; further ones are just closed.
pub(crate) const CALLERS: usize = 16;

/// How long a caller is held before it is told that the line is busy: the conversation may just be ending.
const HOLD: Duration = Duration::from_millis(200);

/// How long it may take a caller who is turned away to close.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// How an endpoint comes by somebody to talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is called; `once` if the first conversation is the only one.
    Serve { once: bool },
    /// It calls.
    Connect,
}

/// What is to be done next. `S` is a connection, which is only passed on here.
#[derive(Debug)]
pub enum Action<S> {
    /// Tell the user.
    Report(Notice),
    /// Show where lines are typed whom we talk with, or what we wait for.
    Prompt(String),
    /// Session over this connection: the [conversation](Endpoint::conversation) has begun.
    Begin(S, SocketAddr),
    /// The conversation is over: let go of all that ran for it.
    Close {
        /// It ended in good order.
        in_order: bool,
    },
    /// Tell this caller that the line is busy.
    TurnAway(S, SocketAddr),
    /// End the program. What is to be shown still is.
    End(Ending),
}

/// How the program is to end.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// Its outcome.
    pub exit: Exit,
    /// When nothing is waited for any more: after a signal.
    pub by_force: Option<Instant>,
}

impl Ending {
    /// A signal came. True if it is not the first: nothing is to be waited for.
    pub fn signalled(&mut self, signal: Signal, now: Instant) -> bool {
        let is_second = self.by_force.is_some();
        *self = Self { exit: Exit::Signal(signal), by_force: Some(now + GRACE) };
        is_second
    }

    /// When a conversation is cut that has not ended by then.
    fn cut_at(self) -> Option<Instant> {
        self.by_force.map(|by_force| by_force - LAST_WORDS)
    }
}

/// What does not keep up, so that no more can be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The other side.
    Peer,
    /// The transcript.
    Transcript,
}

/// One side.
#[derive(Debug)]
pub struct Endpoint<S> {
    role: Role,
    settings: Settings,
    input: Input,
    conversation: Option<Conversation>,
    /// Those who called while others talk.
    held: VecDeque<Held<S>>,
    /// The program is to end.
    ending: Option<Ending>,
    /// The user has been told that lines are kept.
    reported_keeping: bool,
    /// Not all of the input could be read.
    input_failed: bool,
    actions: VecDeque<Action<S>>,
}

#[derive(Debug)]
struct Held<S> {
    socket: S,
    peer: SocketAddr,
    until: Instant,
}

impl<S> Endpoint<S> {
    /// One that listens there, which is told together with the way to let others in unless the user chose the port.
    #[must_use]
    pub fn serve(
        settings: Settings,
        keyboard_is_terminal: bool,
        at: SocketAddr,
        port_was_chosen: bool,
        once: bool,
    ) -> Self {
        let mut endpoint = Self::new(Role::Serve { once }, settings, keyboard_is_terminal);
        endpoint.report(Notice::Listening { at, port_was_chosen, command: "serve" });
        endpoint.wait();
        endpoint
    }

    /// One that is calling somebody.
    #[must_use]
    pub fn connect(settings: Settings, keyboard_is_terminal: bool) -> Self {
        let mut endpoint = Self::new(Role::Connect, settings, keyboard_is_terminal);
        endpoint.actions.push_back(Action::Prompt("connecting".to_owned()));
        endpoint
    }

    fn new(role: Role, settings: Settings, keyboard_is_terminal: bool) -> Self {
        Self {
            role,
            settings,
            input: Input::new(keyboard_is_terminal, settings.max_line),
            conversation: None,
            held: VecDeque::new(),
            ending: None,
            reported_keeping: false,
            input_failed: false,
            actions: VecDeque::new(),
        }
    }

    /// What to do next, until there is nothing. `may_begin` if another conversation may begin.
    pub fn next_action(&mut self, now: Instant, may_begin: bool) -> Option<Action<S>> {
        if self.actions.is_empty() {
            self.perform_actions(now, may_begin);
        }
        self.actions.pop_front()
    }

    /// What to send next in the conversation, if anything, and no [action](Self::next_action) comes before it.
    pub fn next_outgoing(&mut self, now: Instant, stamp: &Stamp) -> Option<Outgoing> {
        let conversation = self.conversation.as_mut().filter(|_| self.actions.is_empty())?;
        conversation.next_outgoing(&mut self.input, now, stamp)
    }

    /// Which lines of the input are dealt with by what [`next_outgoing`](Self::next_outgoing) returned.
    pub fn take_typed(&mut self) -> Messages {
        self.input.take_typed()
    }

    /// The conversation, while there is one.
    pub fn conversation(&mut self) -> Option<&mut Conversation> {
        self.conversation.as_mut()
    }

    /// Whether the end of the conversation has begun: what is left to be sent needs no room.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.conversation.as_ref().is_some_and(Conversation::is_ending)
    }

    /// Standard input returned this. At a terminal it is refused when there is no room for it, but a goodbye.
    pub fn typed(&mut self, buffer: Buffer, behind: Option<Behind>) {
        let has_room = self.input.waiting() < ROOM && behind.is_none();
        let is_goodbye = input::is_goodbye(buffer.input());
        match &mut self.conversation {
            _ if has_room || !self.input.is_terminal => self.input.push(buffer),
            None if is_goodbye => self.input.push(buffer),
            None => self.report(Notice::KeptInputRefused),
            // Not behind what waits for room: it need not wait.
            Some(conversation) if is_goodbye => conversation.say_goodbye(Notice::YouSaidGoodbye),
            Some(_) if behind == Some(Behind::Transcript) => self.report(Notice::LineRefusedByTranscript),
            Some(_) => self.report(Notice::LineRefused),
        }
    }

    /// Standard input has ended.
    pub fn input_ended(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.report(Notice::CannotReadInput(error));
            self.input_failed = true;
        }
        self.input.end();
    }

    /// Somebody calls. So many others are `being_turned_away`.
    pub fn called(&mut self, socket: S, peer: SocketAddr, now: Instant, being_turned_away: usize) {
        if self.held.len() + being_turned_away < CALLERS {
            self.held.push_back(Held { socket, peer, until: now + HOLD });
        } else {
            self.report(Notice::Closed(peer));
        }
    }

    /// We have reached whom we called, or not, for which the error is a sentence.
    pub fn connected(&mut self, outcome: Result<(S, SocketAddr), String>, now: Instant) {
        match outcome {
            Ok((socket, peer)) => self.begin(socket, peer, Notice::ConnectedTo(peer), now),
            Err(reason) => {
                self.report(Notice::Failed(reason));
                self.end_with(Exit::Failed);
            }
        }
    }

    /// What a conversation needs cannot be had: instead of [`Action::Begin`].
    pub fn cannot_start(&mut self, peer: SocketAddr, error: io::Error) {
        self.conversation = None;
        self.report(Notice::CannotTalk { peer, error });
        self.actions.push_back(Action::Close { in_order: false });
        if self.has_one_conversation() {
            self.end_with(Exit::Failed);
        } else {
            self.wait();
        }
    }

    /// The program is to end: at once if nobody is connected, else when the goodbye has been said, but in
    /// [`GRACE`]. A second signal does not wait.
    pub fn signalled(&mut self, signal: Signal, now: Instant) {
        let ending = self.ending.get_or_insert(Ending { exit: Exit::Signal(signal), by_force: None });
        let is_second = ending.signalled(signal, now);
        if let Some(conversation) = &mut self.conversation {
            conversation.say_goodbye(Notice::SignalSaidGoodbye(signal.name));
            if is_second {
                conversation.cut_now();
            }
        }
    }

    /// Nobody reads our output any more (`| head`), which is a reason to leave, or it cannot be written.
    pub fn screen_failed(&mut self, error: io::Error) {
        let is_closed = errors::is_broken_pipe(&error);
        if let Some(conversation) = &mut self.conversation {
            conversation.say_goodbye((!is_closed).then_some(Notice::ScreenFailedGoodbye));
        }
        if is_closed {
            self.end_with(Exit::InOrder);
        } else {
            self.report(Notice::CannotWriteScreen(error));
            self.end_with(Exit::Failed);
        }
    }

    /// The user is to be told.
    pub fn report(&mut self, notice: Notice) {
        self.actions.push_back(Action::Report(notice));
    }

    /// When to call [`tick`](Self::tick), and that of the conversation.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let conversation = self.conversation.as_ref()?;
        conversation.deadline().into_iter().chain(self.cut_at()).chain(self.turn_away_at()).min()
    }

    /// Some time has passed.
    pub fn tick(&mut self, now: Instant) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.turn_away_at())
            && let Some(Held { socket, peer, .. }) = self.held.pop_front()
        {
            self.actions.push_back(Action::TurnAway(socket, peer));
        }
        if is_due(self.cut_at())
            && let Some(conversation) = &mut self.conversation
        {
            conversation.cut_now();
        }
    }

    /// Those who called and were not talked with, when the program ends.
    pub fn take_held(&mut self) -> impl Iterator<Item = S> + use<S> {
        std::mem::take(&mut self.held).into_iter().map(|held| held.socket)
    }

    /// When the conversation is cut because of a signal.
    fn cut_at(&self) -> Option<Instant> {
        let is_cut = self.conversation.as_ref().is_none_or(Conversation::is_cut);
        self.ending.and_then(Ending::cut_at).filter(|_| !is_cut)
    }

    /// When whoever has been held longest is told that the line is busy. Who calls while the conversation is ending
    /// may well be the next: an end in which nothing moves takes [`PATIENCE`] from the last moment at which something
    /// did, so twice that is enough also where everything is slow.
    fn turn_away_at(&self) -> Option<Instant> {
        let patience = if self.conversation.as_ref()?.is_ending() { 2 * PATIENCE } else { Duration::ZERO };
        self.held.front().map(|held| held.until + patience)
    }

    /// What there is to do after what happened.
    fn perform_actions(&mut self, now: Instant, may_begin: bool) {
        let Some(conversation) = &mut self.conversation else {
            return self.look_for_somebody(now, may_begin);
        };
        self.actions.extend(conversation.notices().map(Action::Report));
        if conversation.is_over() {
            self.conclude();
        }
    }

    /// Tells that the next caller is waited for.
    fn wait(&mut self) {
        self.report(Notice::Waiting);
        self.actions.push_back(Action::Prompt("waiting".to_owned()));
    }

    /// Nobody is connected.
    fn look_for_somebody(&mut self, now: Instant, may_begin: bool) {
        if self.ending.is_none() {
            self.begin_or_leave(now, may_begin);
        }
        if let Some(ending) = self.ending {
            self.actions.push_back(Action::End(ending));
        }
    }

    fn begin_or_leave(&mut self, now: Instant, may_begin: bool) {
        let may_leave = self.role != Role::Connect || self.input.is_terminal;
        let waiting = self.input.waiting();
        if may_leave && self.input.starts_with_goodbye() {
            self.report(Notice::YouSaidGoodbye);
            self.end_with(Exit::InOrder);
        } else if self.input.is_terminal && self.input.has_ended() && waiting == 0 {
            self.end_with(Exit::InOrder);
        } else if may_begin && let Some(Held { socket, peer, .. }) = self.held.pop_front() {
            self.begin(socket, peer, Notice::ConnectedFrom(peer), now);
        } else if waiting > 0 && may_leave && !std::mem::replace(&mut self.reported_keeping, true) {
            self.report(Notice::KeptForLater);
        }
    }

    /// A conversation begins.
    fn begin(&mut self, socket: S, peer: SocketAddr, notice: Notice, now: Instant) {
        self.report(notice);
        self.reported_keeping = false;
        self.input.begin_conversation();
        self.conversation = Some(Conversation::new(peer, now, self.settings, self.input.is_over()));
        self.actions.push_back(Action::Prompt(peer.to_string()));
        self.actions.push_back(Action::Begin(socket, peer));
    }

    /// Whether there is only one conversation.
    fn has_one_conversation(&self) -> bool {
        self.role != Role::Serve { once: false }
    }

    /// The conversation is over.
    fn conclude(&mut self) {
        let Some(mut conversation) = self.conversation.take() else { return };
        let in_order = conversation.conclude();
        self.actions.extend(conversation.notices().map(Action::Report));
        let once = self.has_one_conversation();
        if once && let Some(notice) = self.unsent(conversation.said_goodbye()) {
            self.report(notice);
        }
        self.actions.push_back(Action::Close { in_order });
        if once {
            self.end_with(if in_order && !self.input_failed { Exit::InOrder } else { Exit::Failed });
        } else if self.input.is_terminal && self.input.is_over() {
            self.end_with(Exit::InOrder);
        } else if self.ending.is_none() {
            self.wait();
        }
    }

    /// What there is to be said about the rest of an input for which there is no next caller.
    fn unsent(&self, said_goodbye: bool) -> Option<Notice> {
        if said_goodbye {
            return (self.input.waiting() > 0).then_some(Notice::RestNotSent);
        }
        let is_cut_short = self.input.waiting() > 0 || self.input.spoke() && !self.input.has_ended();
        (is_cut_short && !self.input.is_terminal).then_some(Notice::InputCutShort)
    }

    /// The program is to end, unless it already is for another reason.
    fn end_with(&mut self, exit: Exit) {
        self.ending.get_or_insert(Ending { exit, by_force: None });
    }
}
