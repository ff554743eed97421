//! The rules of one side, from its start to its exit code: whom it talks to, what it keeps for whom, and what ends it.
//!
//! One door in, one way out. A design tells the endpoint what happened, and then asks what to do:
//!
//! 1. [`handle`](Endpoint::handle) for each event;
//! 2. [`poll_action`](Endpoint::poll_action) until it returns `None`, after every event and every time-out, and again when
//!    an output has capacity again;
//! 3. [`poll_timeout`](Endpoint::poll_timeout) after that: how long to wait at most;
//! 4. [`handle_timeout`](Endpoint::handle_timeout) when that moment has passed.
//!
//! Actions come out in one order: the order in which their causes happened. What was received is shown before it is
//! reported what followed it, and what was received or typed is reported before the endpoint acts on it. Only when no
//! such action is left is the next batch of typed lines sent.

use super::action::{Action, Ending, Outgoing};
use super::buffer::Buffer;
use super::commands::Line;
use super::conversation::{Actions, Conversation};
use super::errors::is_broken_pipe;
use super::event::{Capacity, ConnectionId, Event, Status};
use super::exit::Exit;
use super::failure::Failure;
use super::input::{self, Input};
use super::moment::Moment;
use super::notice::Notice;
use super::reconnection::Reconnection;
use super::refused::RefusedCallers;
use super::secure::{ChannelError, Security};
use super::settings::{Caller, PATIENCE, Settings};
use super::signal::Signal;
use super::turned_away::busy;
use super::wire::Stamp;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many callers are dealt with at a time, beside the conversation. Further ones are just closed.
pub const CALLERS: usize = 16;

/// How long a caller is held before it is told that the line is busy: the conversation may just be ending.
const HOLD: Duration = Duration::from_millis(200);

/// How often callers who are turned away are reported.
const REPORT_REFUSED_EVERY: Duration = Duration::from_secs(1);

/// Who does not let us in says so within this time, unless the network is slow.
const TURNED_AWAY_WITHIN: Duration = Duration::from_secs(1);

/// How long nobody is admitted by a code after a wrong one. A code for two people has 24 bits: who tries one after another has to
/// try for two years on average.
const CODE_PAUSE: Duration = Duration::from_secs(4);

/// What a caller over TLS is sent while others talk: a fatal alert (RFC 8446, section 6), `access_denied`.
const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// How long a caller who is turned away may take to close.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// How an endpoint gets somebody to talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is called; `once` if the first conversation is the only one.
    Serve { once: bool },
    /// It calls.
    Connect,
}

/// One side.
#[derive(Debug)]
pub struct Endpoint {
    role: Role,
    settings: Settings,
    input: Input,
    conversation: Option<Conversation>,
    /// Of one that calls.
    reconnection: Reconnection,
    /// The lines that introduce us are to be sent before any other.
    introduces: bool,
    /// Who called while others talk.
    held: VecDeque<Held>,
    refused: RefusedCallers,
    /// How conversations are encrypted. None if they are in clear text.
    security: Option<Security>,
    /// When a code that was spent by a wrong one is replaced.
    renew_code_at: Option<Instant>,
    /// An encrypted connection has opened.
    has_opened: bool,
    /// The program is to end.
    ending: Option<Ending>,
    /// The user knows that lines are kept for the next caller.
    reported_keeping: bool,
    /// Why we were not let in, as the user knows, until we are.
    not_let_in: Option<String>,
    /// The connection that follows such a one, and when it is reported at the latest: most say at once that nothing has changed.
    connected: Option<(Notice, Instant)>,
    /// Not all of the input could be read.
    input_failed: bool,
    /// What the outputs could take when they were last asked.
    capacity: Capacity,
    actions: Actions,
}

#[derive(Debug)]
struct Held {
    id: ConnectionId,
    peer: SocketAddr,
    until: Instant,
}

impl Endpoint {
    /// An endpoint that listens at these addresses. They are reported even with `-q` unless the user chose the port.
    #[must_use]
    pub fn serve(
        settings: Settings,
        keyboard_is_terminal: bool,
        at: Vec<SocketAddr>,
        port_was_chosen: bool,
        once: bool,
    ) -> Self {
        let mut endpoint = Self::new(Role::Serve { once }, settings, keyboard_is_terminal);
        endpoint.report(Notice::Listening { at, port_was_chosen, command: "serve", encrypted: None });
        endpoint.wait();
        endpoint
    }

    /// An endpoint that is calling somebody.
    #[must_use]
    pub fn connect(settings: Settings, caller: Caller, keyboard_is_terminal: bool) -> Self {
        let mut endpoint = Self::new(Role::Connect, settings, keyboard_is_terminal);
        endpoint.reconnection = Reconnection::new(caller, keyboard_is_terminal && settings.to_terminal);
        endpoint.actions.push_back(Action::Prompt("connecting".to_owned()));
        endpoint
    }

    fn new(role: Role, settings: Settings, keyboard_is_terminal: bool) -> Self {
        Self {
            role,
            settings,
            input: match settings.is_raw() {
                true => Input::raw(keyboard_is_terminal),
                false => Input::new(keyboard_is_terminal, settings.max_line, settings.literal),
            },
            conversation: None,
            reconnection: Reconnection::new(Caller::default(), false),
            introduces: false,
            held: VecDeque::new(),
            refused: RefusedCallers::new(REPORT_REFUSED_EVERY),
            security: None,
            renew_code_at: None,
            has_opened: false,
            ending: None,
            reported_keeping: false,
            not_let_in: None,
            connected: None,
            input_failed: false,
            capacity: Capacity::FREE,
            actions: VecDeque::new(),
        }
    }

    /// One that calls again until then if it is not let in: nobody has let it in yet. A raw one has passed on by then what it was
    /// told.
    #[must_use]
    pub fn waiting(mut self, until: Option<Instant>) -> Self {
        self.reconnection.wait_until = until.filter(|_| !self.settings.is_raw());
        self
    }

    /// Encrypts all conversations, and admits whom `security` trusts.
    #[must_use]
    pub fn encrypted(mut self, security: Option<Security>) -> Self {
        self.security = security;
        if let (Role::Serve { .. }, Some(security)) = (self.role, &self.security) {
            if let Some(Action::Report(Notice::Listening { encrypted, .. })) = self.actions.front_mut() {
                *encrypted = Some(security.options());
            }
            self.actions.extend(security.code().map(|code| Action::Report(Notice::Code(code))));
        }
        self
    }

    /// What to send to a caller while others talk.
    #[must_use]
    pub fn busy(&self, stamp: &Stamp) -> Vec<u8> {
        if self.security.is_some() { ACCESS_DENIED.to_vec() } else { busy(stamp) }
    }

    /// Something happened. Afterwards call [`poll_action`](Self::poll_action).
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Typed(buffer) => self.typed(buffer),
            Event::InputEnded(result) => self.input_ended(result),
            Event::Called { id, peer, being_turned_away } => self.called(id, peer, being_turned_away, now),
            Event::Connected(Ok((id, peer))) => self.start(id, peer, now),
            Event::Connected(Err(failure)) => self.call_failed(failure, now),
            Event::CannotStart(error) => self.cannot_start(error, now),
            Event::Signal(signal) => self.signalled(signal, now),
            Event::ScreenFailed(error) => self.screen_failed(error),
            Event::TurnedAway(peer, Ok(())) => self.report_refused(Notice::TurnedAway(peer), now),
            Event::TurnedAway(_, Err(error)) => self.report_refused(Notice::CannotTurnAway(error), now),
            Event::Report(notice) => self.report(notice),
            Event::Received(..)
            | Event::ReceivedAll(_)
            | Event::WriteFailed(_)
            | Event::GoodbyeWritten(_)
            | Event::Delivered(_)
            | Event::Disconnected { .. } => self.handle_session(event),
        }
    }

    /// Something happened in the conversation.
    fn handle_session(&mut self, event: Event) {
        let Some(conversation) = &mut self.conversation else { return };
        let before = self.actions.len();
        match event {
            Event::Received(buffer, received_at) => {
                conversation.receive(buffer, received_at, &mut self.actions);
                if let (Some(peer), Some(security)) = (conversation.take_opened(), &mut self.security) {
                    self.has_opened = true;
                    security.spend_code_of(&peer);
                    self.actions.extend(security.met(&peer, conversation.peer()).map(Action::Remember));
                }
            }
            Event::ReceivedAll(result) => {
                conversation.received_all(result, &mut self.actions);
                if self.settings.is_raw() && self.input.is_terminal {
                    // Nobody wants to type more.
                    self.input.end();
                }
            }
            Event::WriteFailed(error) => conversation.write_failed(error),
            Event::GoodbyeWritten(written_at) => conversation.goodbye_written(written_at),
            Event::Delivered(delivery) => conversation.delivered(delivery),
            Event::Disconnected { unconfirmed } => conversation.disconnected(unconfirmed),
            _ => {}
        }
        let mut is_let_in = false;
        for action in self.actions.range(before..) {
            if let Action::Show(buffer) = action {
                buffer.shown().into_iter().for_each(|lines| self.reconnection.hear(lines));
                is_let_in = true;
            }
        }
        if is_let_in && let Some(notice) = self.let_in() {
            self.actions.insert(before, Action::Report(notice));
        }
    }

    /// We were let in after all. Returns what the user does not know yet.
    fn let_in(&mut self) -> Option<Notice> {
        self.not_let_in = None;
        self.connected.take().map(|(notice, _)| notice)
    }

    /// What to do next, in order, until it returns `None`. `capacity` is what the outputs can take now; it also decides
    /// whether the next line that is typed at a terminal is refused.
    pub fn poll_action(&mut self, now: Moment, capacity: Capacity) -> Option<Action> {
        self.capacity = capacity;
        if self.actions.is_empty() {
            self.advance(now);
        }
        self.actions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). Ask after [`poll_action`](Self::poll_action) has returned
    /// `None`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let conversation = self.conversation.as_ref().and_then(Conversation::poll_timeout);
        let callers = self.turn_away_at().into_iter().chain(self.refused.poll_timeout());
        let reconnection = self.reconnection.poll_timeout();
        let code = self.renew_code_at;
        conversation
            .into_iter()
            .chain(self.disconnect_at())
            .chain(callers)
            .chain(reconnection)
            .chain(code)
            .chain(self.connected.as_ref().map(|(_, at)| *at))
            .min()
    }

    /// The moment of [`poll_timeout`](Self::poll_timeout) has passed. Afterwards call
    /// [`poll_action`](Self::poll_action).
    pub fn handle_timeout(&mut self, now: Instant, status: Status) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.turn_away_at())
            && let Some(Held { id, peer, .. }) = self.held.pop_front()
        {
            self.actions.push_back(Action::TurnAway { id, peer });
        }
        self.actions.extend(self.refused.handle_timeout(now).map(Action::Report));
        if is_due(self.connected.as_ref().map(|(_, at)| *at)) {
            let notice = self.let_in();
            self.actions.extend(notice.map(Action::Report));
        }
        if is_due(self.renew_code_at) {
            self.renew_code_at = None;
            self.renew_code();
        }
        if self.reconnection.handle_timeout(now, &status) {
            self.actions.push_back(Action::Call);
        }
        let has_run_out = is_due(self.disconnect_at());
        if let Some(conversation) = &mut self.conversation {
            if has_run_out {
                conversation.disconnect(&mut self.actions);
            }
            conversation.handle_timeout(now, status, &mut self.actions);
        }
    }

    /// Nothing is left to be done because of what happened: goes on.
    fn advance(&mut self, now: Moment) {
        match &mut self.conversation {
            None => self.look_for_peer(now.instant),
            Some(conversation) if conversation.is_over() => self.conclude(now.instant),
            Some(conversation) => {
                if self.capacity.peer
                    && let Some(bytes) = conversation.send_reply(&mut self.actions)
                {
                    return self.reconnection.unconfirmed.skip(bytes);
                }
                // A goodbye needs no capacity.
                let has_capacity = self.capacity == Capacity::FREE && conversation.is_believed();
                if has_capacity || conversation.is_ending() {
                    self.send_next(now);
                }
            }
        }
    }

    /// Sends who we are, what may not have arrived over an earlier connection, and then what is typed.
    fn send_next(&mut self, now: Moment) {
        let Some(conversation) = &mut self.conversation else { return };
        let Reconnection { introduction, unconfirmed, said_goodbye, .. } = &mut self.reconnection;
        if conversation.takes_messages() {
            if std::mem::take(&mut self.introduces) {
                let room = unconfirmed.room().unwrap_or_else(|| introduction.room());
                let lines = conversation.encode(introduction.lines(room), &now.stamp);
                if lines.messages.count > 0 {
                    let actions = &mut self.actions;
                    let bytes = conversation.send_first(lines, &mut self.input, now.instant, actions);
                    return unconfirmed.skip(bytes);
                }
            }
            if let Some(messages) = unconfirmed.send_again() {
                let actions = &mut self.actions;
                let bytes = conversation.send_first(messages, &mut self.input, now.instant, actions);
                return unconfirmed.hand_out_next(bytes, now.instant);
            }
            if std::mem::take(said_goodbye) {
                conversation.say_goodbye(None, &mut self.actions);
            }
            if unconfirmed.is_full() && !conversation.is_ending() {
                return;
            }
        }
        conversation.send_next(&mut self.input, now.instant, &now.stamp, &mut self.actions);
        for action in &self.actions {
            if let Action::Send { outgoing: Outgoing::Messages(messages), .. } = action {
                self.reconnection.sent(messages, now.instant);
            }
        }
    }

    /// At a terminal a line is refused when there is no capacity for it, but never a goodbye.
    fn typed(&mut self, buffer: Buffer) {
        // A connection that breaks takes nothing more, and the next one may take it.
        let is_broken =
            |conversation: &Conversation| conversation.has_trouble() && self.reconnection.is_wanted();
        let is_goodbye = self.input.is_goodbye(buffer.input());
        let talk = self.conversation.as_mut().filter(|conversation| conversation.is_believed());
        let has_capacity = self.input.waiting() < input::CAPACITY
            && (talk.as_deref().is_none_or(is_broken) || self.capacity == Capacity::FREE);
        match talk {
            _ if has_capacity || !self.input.is_terminal => self.input.push(buffer),
            None if is_goodbye => self.input.push(buffer),
            None => self.report(Notice::KeptInputRefused),
            // It overtakes what waits for capacity.
            Some(conversation) if is_goodbye => {
                conversation.say_goodbye(Notice::YouSaidGoodbye, &mut self.actions);
            }
            Some(_) if !self.capacity.transcript => self.report(Notice::LineRefusedByTranscript),
            Some(_) => self.report(Notice::LineRefused),
        }
    }

    fn input_ended(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.report(Notice::CannotReadInput(error));
            self.input_failed = true;
            if self.settings.is_raw() {
                return self.abort(Exit::Failed);
            }
        }
        self.input.end();
    }

    fn called(&mut self, id: ConnectionId, peer: SocketAddr, being_turned_away: usize, now: Instant) {
        if self.held.len() + being_turned_away < CALLERS {
            self.held.push_back(Held { id, peer, until: now + HOLD });
        } else {
            self.actions.push_back(Action::Drop(id));
            self.report_refused(Notice::Closed(peer), now);
        }
    }

    fn call_failed(&mut self, failure: Failure, now: Instant) {
        if self.reconnection.is_lost() && !self.reconnection.has_waited(now) {
            let notice = self.reconnection.call_failed(failure, now);
            self.actions.extend(notice.map(Action::Report));
        } else {
            self.report(Notice::Failed(failure));
            self.end_with(Exit::Failed);
        }
    }

    fn cannot_start(&mut self, error: io::Error, now: Instant) {
        let Some(conversation) = self.conversation.take() else { return };
        if self.reconnection.is_wanted() && self.ending.is_none() {
            return self.lose(&conversation, format!("cannot start a thread: {error}"), now);
        }
        self.report(Notice::CannotStart { peer: conversation.peer(), error });
        self.actions.push_back(Action::Close { cleanly: false });
        if self.has_one_conversation() {
            self.end_with(Exit::Failed);
        } else {
            self.wait();
        }
    }

    /// Ends the program: at once if nobody is connected, else after a goodbye for which there is
    /// [`GRACE`](super::action::GRACE). A second signal does not wait.
    fn signalled(&mut self, signal: Signal, now: Instant) {
        let ending = self.ending.get_or_insert(Ending { exit: Exit::Signal(signal), by_force: None });
        let is_second = ending.signalled(signal, now);
        if self.settings.is_raw() {
            return self.abort(Exit::Signal(signal));
        }
        if let Some(conversation) = &mut self.conversation {
            // A caller that has kept silent so far must not take the end for a crash.
            conversation.believe(&mut self.actions);
            if conversation.is_open() {
                conversation.say_goodbye(Notice::SignalSaidGoodbye(signal.name), &mut self.actions);
            }
            if is_second || !conversation.is_open() {
                conversation.disconnect(&mut self.actions);
            }
        }
    }

    /// Nobody reads our output any more (`| head`), which is a reason to leave, or it cannot be written.
    fn screen_failed(&mut self, error: io::Error) {
        let is_closed = is_broken_pipe(&error);
        if !is_closed {
            self.report(Notice::CannotWriteScreen(error));
        }
        if self.settings.is_raw() {
            return self.abort(Exit::Failed);
        }
        if let Some(conversation) = &mut self.conversation {
            let notice = (!is_closed).then_some(Notice::ScreenFailedGoodbye);
            conversation.believe(&mut self.actions);
            match conversation.is_open() {
                true => conversation.say_goodbye(notice, &mut self.actions),
                false => conversation.disconnect(&mut self.actions),
            }
        }
        self.end_with(if is_closed { Exit::Success } else { Exit::Failed });
    }

    /// Ends the program in the middle of a file, so that the other side does not take that for the end of the file.
    fn abort(&mut self, exit: Exit) {
        self.conversation = None;
        self.end_with(exit);
    }

    fn report(&mut self, notice: Notice) {
        self.actions.push_back(Action::Report(notice));
    }

    fn report_refused(&mut self, notice: Notice, now: Instant) {
        self.actions.extend(self.refused.refused(notice, now).map(Action::Report));
    }

    /// When to end the conversation by force because of a signal.
    fn disconnect_at(&self) -> Option<Instant> {
        let is_disconnected = self.conversation.as_ref().is_none_or(Conversation::is_disconnected);
        self.ending.and_then(Ending::disconnect_at).filter(|_| !is_disconnected)
    }

    /// When to tell the caller that was held longest that the line is busy. While the conversation is ending, that caller
    /// may well be the next: an end in which nothing moves takes [`PATIENCE`] from the last moment at which something
    /// did, so twice that is enough also where everything is slow. Nobody is turned away for the sake of somebody who may be
    /// nobody.
    fn turn_away_at(&self) -> Option<Instant> {
        let conversation = self.conversation.as_ref().filter(|conversation| conversation.is_believed())?;
        let patience = if conversation.is_ending() { 2 * PATIENCE } else { Duration::ZERO };
        self.held.front().map(|held| held.until + patience)
    }

    /// Reports that the next caller is waited for.
    fn wait(&mut self) {
        self.reported_keeping = false;
        self.report(Notice::Waiting);
        if self.renew_code_at.is_none() {
            self.renew_code();
        }
        self.actions.push_back(Action::Prompt("waiting".to_owned()));
    }

    /// Replaces a code that was spent.
    fn renew_code(&mut self) {
        if let (Role::Serve { .. }, Some(security)) = (self.role, &mut self.security) {
            self.actions.extend(security.renew_code().map(|code| Action::Report(Notice::Code(code))));
        }
    }

    /// Nobody is connected.
    fn look_for_peer(&mut self, now: Instant) {
        if self.ending.is_none() {
            match self.reconnection.is_lost() {
                true => self.leave_if_asked(),
                false => self.start_or_leave(now),
            }
        }
        if let Some(ending) = self.ending {
            if self.reconnection.is_lost() {
                let messages = self.reconnection.unconfirmed_messages() + self.waiting_lines().0;
                let notice = (messages > 0).then_some(Notice::MayNotBeDelivered { messages });
                self.actions.extend(notice.map(Action::Report));
            } else if self.reported_keeping
                && let messages @ 1.. = self.waiting_lines().0
            {
                self.report(match self.settings.is_raw() {
                    true => Notice::NotAllDelivered,
                    false => Notice::NotDelivered { messages },
                });
            }
            self.actions.extend(self.refused.take().map(Action::Report));
            self.actions.push_back(Action::End(ending));
        }
    }

    /// The connection is lost. Somebody at a terminal need not wait for another one to leave; a pipe is sent to its end.
    fn leave_if_asked(&mut self) {
        let says_goodbye = self.input.is_terminal && self.waiting_lines().1;
        if says_goodbye {
            self.report(Notice::YouSaidGoodbye);
        }
        if says_goodbye || self.input.is_terminal && self.input.has_ended() {
            self.end_with(Exit::Failed);
        }
    }

    /// How many lines wait for another connection, and whether the user wants to leave. A hub's user may say `/quit`.
    fn waiting_lines(&self) -> (usize, bool) {
        let is_hub = self.reconnection.introduction.is_hub() == Some(true);
        let quits = |line: &[u8]| matches!(Line::parse(line.trim_ascii_end(), None, false), Line::Quit(_));
        self.input.waiting_lines(|line| self.input.is_goodbye(line) || is_hub && quits(line))
    }

    fn start_or_leave(&mut self, now: Instant) {
        let may_leave = self.role != Role::Connect || self.input.is_terminal;
        let waiting = self.input.waiting();
        if may_leave && let Some(rest) = self.input.behind_goodbye() {
            self.report(Notice::YouSaidGoodbye);
            let is_cut = rest > 0 && !self.input.is_terminal;
            self.actions.extend(is_cut.then_some(Action::Report(Notice::RestNotSent)));
            self.end_with(if is_cut { Exit::Failed } else { Exit::Success });
        } else if self.input.is_terminal && self.input.has_ended() && waiting == 0 {
            self.end_with(Exit::Success);
        // No buffers bound what a conversation records: a transcript that is behind holds up the next one.
        } else if self.capacity.transcript
            && let Some(Held { id, peer, .. }) = self.held.pop_front()
        {
            self.start(id, peer, now);
        } else if waiting > 0 && may_leave && !std::mem::replace(&mut self.reported_keeping, true) {
            self.report(Notice::KeptForLater);
        }
    }

    /// A conversation begins.
    fn start(&mut self, id: ConnectionId, peer: SocketAddr, now: Instant) {
        match self.reconnection.is_lost() {
            true => self.input.continue_conversation(),
            // Each side of a raw conversation learns of the end of the other's input, even if there is nothing before it.
            false if self.settings.is_raw() => {}
            false => self.input.begin_conversation(),
        }
        self.reconnection.connected();
        self.introduces = self.role == Role::Connect;
        let (settings, only_listens) = (self.settings, self.input.is_over());
        let mut conversation = match self.role {
            Role::Serve { .. } => Conversation::with_caller(peer, now, settings, only_listens),
            Role::Connect => Conversation::new(peer, now, settings, only_listens),
        };
        let connected = match self.role {
            Role::Serve { .. } => Notice::ConnectedFrom(peer),
            Role::Connect => Notice::ConnectedTo(peer),
        };
        match self.security.as_ref().map(|security| security.channel(now)) {
            Some(Ok(channel)) => conversation.encrypt(channel, connected, now),
            Some(Err(error)) => {
                self.actions.push_back(Action::Drop(id));
                return self.refuse(&conversation, error, now);
            }
            None if self.role == Role::Connect => {
                match self.not_let_in {
                    Some(_) => self.connected = Some((connected, now + TURNED_AWAY_WITHIN)),
                    None => self.report(connected),
                }
                self.actions.push_back(Action::Prompt(peer.to_string()));
            }
            None => conversation.believe_if_due(now, &mut self.actions),
        }
        self.conversation = Some(conversation);
        self.actions.push_back(Action::Start { id, peer, resets: self.settings.is_raw() });
    }

    /// The encrypted connection has not opened.
    fn refuse(&mut self, conversation: &Conversation, error: ChannelError, now: Instant) {
        let (peer, spends_code) = (conversation.peer(), error.spends_code());
        if self.role != Role::Connect {
            self.report_refused(Notice::NotTrusted { peer, error }, now);
            self.actions.push_back(Action::Close { cleanly: false });
            if let Some(security) = self.security.as_mut().filter(|_| spends_code) {
                security.spend_code();
                self.renew_code_at = Some(now + CODE_PAUSE);
            }
        } else if error.is_busy() && self.reconnection.waits(now) && self.ending.is_none() {
            self.turned_away(conversation, error.to_string(), now);
        } else if self.has_opened
            && self.reconnection.is_wanted()
            && self.ending.is_none()
            && error.may_pass()
        {
            self.lose(conversation, error.to_string(), now);
        } else {
            let advice = self.security.as_ref().map(|security| security.advice(&error)).unwrap_or_default();
            let failure = Failure::new(format_args!("cannot talk to {peer}"), error).hint(&advice);
            self.report(Notice::Failed(failure));
            let unsent = self.unsent(false);
            self.actions.extend(unsent.map(Action::Report));
            self.actions.push_back(Action::Close { cleanly: false });
            self.end_with(Exit::Failed);
        }
    }

    fn has_one_conversation(&self) -> bool {
        self.role != Role::Serve { once: false }
    }

    /// The conversation is over.
    fn conclude(&mut self, now: Instant) {
        let Some(mut conversation) = self.conversation.take() else { return };
        if let Some(error) = conversation.take_refused() {
            return self.refuse(&conversation, error, now);
        }
        match conversation.turned_away() {
            Some(_) => self.connected = None,
            None => {
                let notice = self.let_in();
                self.actions.extend(notice.map(Action::Report));
            }
        }
        if let Some(foreign) = conversation.foreign() {
            self.report_refused(Notice::Foreign { peer: conversation.peer(), foreign }, now);
        }
        if conversation.was_nobody() {
            self.actions.push_back(Action::Close { cleanly: false });
            if conversation.is_believed() && self.ending.is_none() {
                self.wait();
            }
            return;
        }
        let said_goodbye = conversation.said_goodbye();
        // A person who said goodbye does not want to wait for another connection.
        let must_deliver = !self.input.is_terminal;
        if self.reconnection.is_wanted()
            && self.ending.is_none()
            && let Some(reason) = conversation.broke_off(must_deliver)
        {
            return self.lose(&conversation, reason, now);
        }
        if let Some(reason) = conversation.turned_away()
            && self.reconnection.waits(now)
            && self.ending.is_none()
        {
            return self.turned_away(&conversation, reason.to_owned(), now);
        }
        let cleanly = conversation.conclude(self.reconnection.unconfirmed.waiting(), &mut self.actions);
        let once = self.has_one_conversation();
        let unsent = self.unsent(said_goodbye).filter(|_| once);
        // A file whose rest was not sent must not look delivered to a script.
        let is_cut = unsent.is_some() && self.input.has_text() && !self.input.is_terminal;
        self.reported_keeping &= unsent.is_none();
        self.actions.extend(unsent.map(Action::Report));
        self.actions.push_back(Action::Close { cleanly });
        if once {
            let is_success = cleanly && !self.input_failed && !is_cut;
            self.end_with(if is_success { Exit::Success } else { Exit::Failed });
        } else if self.input.is_terminal && self.input.is_over() {
            self.end_with(Exit::Success);
        } else if self.ending.is_none() {
            self.wait();
        }
    }

    /// The connection broke: another one is looked for.
    fn lose(&mut self, conversation: &Conversation, reason: String, now: Instant) {
        let at_terminal = self.input.is_terminal;
        self.report(Notice::Lost { peer: conversation.peer(), reason, at_terminal });
        self.call_again(conversation, "connection lost, calling again", now);
    }

    /// The other side did not let us in, and may do so later. Who waits for half an hour reads the reason once.
    fn turned_away(&mut self, conversation: &Conversation, reason: String, now: Instant) {
        if self.not_let_in.as_ref() != Some(&reason) {
            self.not_let_in = Some(reason.clone());
            self.report(Notice::WaitsToBeLetIn { peer: conversation.peer(), reason });
        }
        self.call_again(conversation, "not let in, calling again", now);
    }

    fn call_again(&mut self, conversation: &Conversation, state: &str, now: Instant) {
        self.actions.push_back(Action::Close { cleanly: false });
        self.actions.push_back(Action::Prompt(state.to_owned()));
        self.reconnection.said_goodbye |= conversation.said_goodbye();
        self.reconnection.lose(now - conversation.began(), now);
    }

    /// What to report about the rest of an input for which there is no next caller.
    fn unsent(&self, said_goodbye: bool) -> Option<Notice> {
        if said_goodbye {
            return (self.input.waiting() > 0).then_some(Notice::RestNotSent);
        }
        let is_cut_short = self.input.waiting() > 0 || self.input.spoke() && !self.input.has_ended();
        (is_cut_short && !self.input.is_terminal).then_some(Notice::InputCutShort)
    }

    /// Ends the program, unless it is to end already for another reason.
    fn end_with(&mut self, exit: Exit) {
        self.ending.get_or_insert(Ending { exit, by_force: None });
    }
}
