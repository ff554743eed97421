//! The hub's state, and everything that a design calls.

use super::admission::Admission;
#[cfg(feature = "secure")]
use super::encryption::Encryption;
use super::event::{Action, Event, Port};
use super::id::{Id, OPERATOR};
use super::inbox::Inbox;
#[cfg(feature = "link")]
use super::linked::Linked;
use super::looks::Looks;
use super::member::{Member, Members};
use super::name::{Name, OPERATORS_NAME};
use super::outbox::Outbox;
use super::outboxes::{Measure, Outboxes};
use super::presence::Presences;
use super::refusal::Refusal;
use super::room::{LOBBY, Room};
use super::settings::Settings;
use super::trim::Trim;
use super::turns::{Turn, Turns};
#[cfg(feature = "web")]
use super::web::Web;
use crate::rules::action::{Ending, GRACE};
use crate::rules::buffer::Buffer;
use crate::rules::byte_order_mark;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::messages::Messages;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::refused::RefusedCallers;
use crate::rules::signal::Signal;
#[cfg(feature = "web")]
use crate::rules::web;
use crate::rules::wire::{Decoder, Stamp};
use memchr::memrchr;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many bytes the operator's screen gets at a time.
const SCREEN_BYTES: usize = 64 * 1024;

/// About how many bytes the design gets to record at once. After that the transcript is asked whether it is behind.
const MAX_UNRECORDED: usize = 256 * 1024;
/// For how many actions there is space while there are none. A burst of empty lines, each with its record, needs far more.
const IDLE_ACTIONS: usize = 256;
/// How often callers who are turned away are reported.
const REPORT_REFUSED_EVERY: Duration = Duration::from_secs(1);

/// The same without an operator: a log is read later, and kept.
const LOG_REFUSED_EVERY: Duration = Duration::from_secs(60);

/// The rules of a chat with many members.
///
/// A design passes everything that happens to [`handle`](Self::handle). When a batch of events has been handled it calls
/// [`handle_timeout`](Self::handle_timeout), and then [`poll_action`](Self::poll_action) until that returns `None`, performing
/// each action; events that performing one leads to, such as [`Event::Written`], are handled at once. Then it waits for the
/// next event, but no longer than until [`poll_timeout`](Self::poll_timeout).
///
/// Lines for clients go through their [outboxes](Self::outbox), and lines for the operator through
/// [`next_screen_output`](Self::next_screen_output) whenever the screen accepts more.
#[derive(Debug)]
pub struct Hub {
    pub(super) settings: Settings,
    keyboard_is_terminal: bool,
    pub(super) admission: Admission,
    /// None if the hub is in clear text.
    #[cfg(feature = "secure")]
    pub(super) encryption: Option<Encryption>,
    /// None if it does not let browsers in.
    #[cfg(feature = "web")]
    pub(super) web: Option<Box<Web>>,
    /// None if this hub is not linked to others.
    #[cfg(feature = "link")]
    pub(super) linked: Option<Box<Linked>>,
    pub(super) members: Members,
    /// How many of these are not connected to this hub.
    pub(super) not_here: usize,
    last_id: usize,
    /// The members by the keys of their names.
    pub(super) names: HashMap<Arc<str>, Id>,
    pub(super) looks: Looks<Id>,
    /// The number in the last name that was given.
    pub(super) last_user: u64,
    /// By the keys of their names.
    pub(super) rooms: BTreeMap<Arc<str>, Room>,
    /// With the names as they are shown.
    pub(super) room_looks: Looks<Arc<str>>,
    /// The number of the first line in a room that begins: none that a room of this name has had before.
    pub(super) first_line: NonZeroU64,
    /// When rooms get a summary of announcements.
    pub(super) summarizing: BTreeSet<(Instant, Arc<str>)>,
    pub(super) outboxes: Outboxes,
    pub(super) turns: Turns,
    /// The present one.
    pub(super) turn: Turn,
    /// How many bytes the present call has put into outboxes.
    pub(super) deliveries: usize,
    pub(super) timers: BTreeSet<(Instant, Id)>,
    pub(super) presences: Presences,
    pub(super) refused: RefusedCallers,
    transcript_is_behind: bool,
    /// About how many bytes the design has to record.
    pub(super) unrecorded: usize,
    pub(super) waiting_for_transcript: Vec<Id>,
    /// The hub is ending, and how.
    pub(super) ending: Option<Exit>,
    /// More input followed the operator's goodbye.
    pub(super) input_goes_on: bool,
    pub(super) trim: Trim,
    pub(super) actions: VecDeque<Action>,
    /// When something last happened.
    pub(super) now: Instant,
}

/// How a design is to end after [`Action::End`]. After a signal it waits for nothing longer than [`GRACE`].
#[must_use]
pub fn ending(exit: Exit, now: Instant) -> Ending {
    Ending { exit, by_force: matches!(exit, Exit::Signal(_)).then(|| now + GRACE) }
}

impl Hub {
    /// A hub without members except the operator, if there is one.
    #[must_use]
    pub fn new(settings: Settings, keyboard_is_terminal: bool, now: Instant) -> Self {
        let (lobby, first_line) = (Name::of(LOBBY.to_owned()), NonZeroU64::MIN);
        let mut room_looks = Looks::default();
        room_looks.insert(&lobby, lobby.shown());
        let mut hub = Self {
            admission: Admission::new(settings.admission.clone()),
            #[cfg(feature = "secure")]
            encryption: None,
            #[cfg(feature = "web")]
            web: None,
            #[cfg(feature = "link")]
            linked: None,
            members: HashMap::new(),
            not_here: 0,
            last_id: OPERATOR.0,
            names: HashMap::new(),
            looks: Looks::default(),
            last_user: 0,
            rooms: BTreeMap::from([(
                Arc::clone(lobby.key()),
                Room::new(lobby, settings.history, first_line),
            )]),
            room_looks,
            first_line,
            summarizing: BTreeSet::new(),
            outboxes: Outboxes::new(settings.outbox, settings.max_line, settings.stall),
            turns: Turns::default(),
            turn: Turn::default(),
            deliveries: 0,
            timers: BTreeSet::new(),
            presences: Presences::default(),
            refused: RefusedCallers::new(match settings.operator {
                true => REPORT_REFUSED_EVERY,
                false => LOG_REFUSED_EVERY,
            }),
            transcript_is_behind: false,
            unrecorded: 0,
            waiting_for_transcript: Vec::new(),
            ending: None,
            trim: Trim::default(),
            actions: VecDeque::new(),
            now,
            input_goes_on: false,
            keyboard_is_terminal,
            settings,
        };
        if hub.settings.operator {
            let (name, lobby) = (Name::of(OPERATORS_NAME.to_owned()), Name::of(LOBBY.to_owned()));
            hub.add_member(OPERATOR, name.of_operator(), None, lobby, now);
        }
        hub
    }

    /// Where somebody calls who has reached this address of the machine.
    #[must_use]
    pub fn port(&self, local: Option<SocketAddr>) -> Port {
        #[cfg(feature = "web")]
        if self.web.as_ref().is_some_and(|web| local.is_some_and(|local| local.port() == web.port())) {
            return Port::Web;
        }
        let _ = local;
        Port::Chat
    }

    /// Decides whether a caller may join, or, in an encrypted hub, may show who it is. If so, start what its connection needs, and
    /// handle [`Event::Joined`] with this id (at the port for browsers [`Event::Visited`]), or get a `channel` for it.
    ///
    /// # Errors
    /// The caller may not. [`Refusal::line`] is what to send it.
    pub fn admit(&mut self, peer: SocketAddr, port: Port) -> Result<Id, Refusal> {
        if self.ending.is_some() {
            return Err(Refusal::Ending);
        }
        if self.is_paused() {
            return Err(Refusal::Transcript);
        }
        #[cfg(feature = "web")]
        if port.is_web() {
            self.admit_visitor(peer)?;
            return Ok(self.next_id());
        }
        #[cfg(not(feature = "web"))]
        let Port::Chat = port;
        #[cfg(feature = "secure")]
        if let Some(encryption) = &self.encryption {
            self.admission.check_caller(peer.ip(), self.connections())?;
            encryption.callers.check_places(peer.ip())?;
            return Ok(self.next_id());
        }
        let is_done = |id| self.members.get(&id).is_some_and(Member::is_done);
        let to_close = self.admission.admit(peer.ip(), self.connections(), is_done)?;
        to_close.into_iter().for_each(|id| self.disconnect(id, self.now));
        Ok(self.next_id())
    }

    /// What to send to a caller who was refused. In an encrypted hub it is an alert, because nothing else would be understood.
    #[must_use]
    pub fn refusal_line(&self, refusal: Refusal, port: Port, stamp: &Stamp) -> Vec<u8> {
        #[cfg(feature = "secure")]
        if self.is_encrypted() {
            return super::encryption::ACCESS_DENIED.into();
        }
        match port {
            Port::Chat => refusal.line(stamp),
            #[cfg(feature = "web")]
            Port::Web => web::refusal(&refusal.to_string()),
        }
    }

    /// The same and a goodbye, in one write.
    #[must_use]
    pub fn refusal_line_and_goodbye(&self, refusal: Refusal, port: Port, stamp: &Stamp) -> Vec<u8> {
        match !self.is_encrypted() && port == Port::Chat {
            true => refusal.line_and_goodbye(stamp),
            false => self.refusal_line(refusal, port, stamp),
        }
    }

    /// Whether it is [encrypted](Self::encrypt).
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        #[cfg(feature = "secure")]
        return self.encryption.is_some();
        #[cfg(not(feature = "secure"))]
        false
    }

    pub(super) fn next_id(&mut self) -> Id {
        self.last_id += 1;
        Id(self.last_id)
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        #[cfg(feature = "secure")]
        let callers = self.encryption.as_ref().map_or(0, |encryption| encryption.callers.len());
        #[cfg(not(feature = "secure"))]
        let callers = 0;
        #[cfg(feature = "web")]
        let callers = callers + self.web.as_ref().map_or(0, |web| web.visitors.len());
        self.here() + callers
    }

    /// How many members are connected to this hub, with the operator.
    pub(super) fn here(&self) -> usize {
        self.members.len() - self.not_here
    }

    /// The messages that this event brings in to be relayed, for observers: those typed by the operator, and those of a
    /// client. For a browser, [`take_relayed`](Self::take_relayed) tells.
    #[must_use]
    pub fn relayed(&self, event: &Event) -> Option<(Messages, Messages)> {
        match event {
            Event::Read(OPERATOR, buffer) => Some((buffer.messages, Messages::NONE)),
            #[cfg(feature = "web")]
            Event::Read(id, _) if self.is_browser(*id) || self.has_visitor(*id) => None,
            Event::Read(_, buffer) => Some((Messages::NONE, buffer.messages)),
            _ => None,
        }
    }

    /// Takes in something that happened.
    pub fn handle(&mut self, event: Event, now: Moment) {
        self.now = now.instant;
        match event {
            Event::Joined(id, peer) => self.join(id, peer, None, now),
            #[cfg(feature = "secure")]
            Event::Called(id, peer, port) => self.handle_called(id, peer, port, now.instant),
            #[cfg(feature = "secure")]
            Event::Opened(id, other) => self.handle_opened(id, other, now),
            #[cfg(feature = "secure")]
            Event::NotOpened(id, error) => self.handle_not_opened(id, error, now.instant),
            Event::Refused(peer, refusal) => {
                let notice = self.refused.refused(Notice::NotAdmitted { peer, refusal }, now.instant);
                self.actions.extend(notice.map(Action::Report));
            }
            Event::Read(id, buffer) => self.handle_read(id, buffer, now),
            Event::ReadEnded(id, result) => self.handle_read_ended(id, result, now),
            Event::Written(id, bytes) => self.handle_written(id, bytes, now),
            Event::HalfClosed(id) => self.handle_half_closed(id, now.instant),
            #[cfg(feature = "web")]
            Event::Visited(id, peer) => self.handle_visited(id, peer, None, now.instant),
            Event::WriteFailed(id, error) => self.handle_write_failed(id, error, now.instant),
            Event::PeerState(id, state) => self.handle_peer_state(id, state, now),
            Event::Signal(signal) => self.handle_signal(signal, now.instant),
            Event::ScreenFailed(error) => self.handle_screen_failed(error, now.instant),
            Event::TranscriptBehind(is_behind) => self.transcript_is_behind = is_behind,
            #[cfg(feature = "web")]
            Event::Steps(steps) => self.show_steps(&steps),
            #[cfg(feature = "link")]
            Event::Link(event, stamp) => self.handle_link(event, stamp),
        }
    }

    /// The next thing to do: first everything there is to write, then the other actions in the order in which they came up.
    pub fn poll_action(&mut self) -> Option<Action> {
        let Some(id) = self.outboxes.to_write.pop_front() else {
            self.close_surplus();
            let action = self.actions.pop_front();
            if action.is_none() {
                self.actions.shrink_to(IDLE_ACTIONS);
            }
            #[cfg(feature = "link")]
            let action = action.or_else(|| self.take_batch());
            if let Some(Action::Record { what, .. }) = &action {
                self.unrecorded -= what.size();
            }
            return action;
        };
        if let Some(member) = self.members.get_mut(&id) {
            member.write_is_queued = false;
            self.presences.writes(member, id, self.now);
        }
        Some(Action::Write(id))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing happens before. It changes with each event and action.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_resuming =
            !self.outboxes.resumed.is_empty() || !self.waiting_for_transcript.is_empty() && !self.is_paused();
        let has_actions = !self.outboxes.to_write.is_empty() || !self.actions.is_empty();
        if is_resuming || has_actions || !self.turns.is_empty() && !self.is_taking_leave() {
            return Some(self.now);
        }
        #[cfg(feature = "link")]
        let link = self.link_timeout();
        #[cfg(not(feature = "link"))]
        let link = None;
        let summary = self.summarizing.first().map(|(due, _)| *due);
        let timer = self.timers.first().map(|(due, _)| *due);
        let due = [self.presences.due_at(), self.outboxes.check_at, self.refused.poll_timeout(), link];
        let due = due.into_iter().flatten().chain(timer).chain(summary);
        #[cfg(feature = "secure")]
        let due =
            due.chain(self.encryption.as_ref().and_then(|encryption| encryption.callers.poll_timeout()));
        #[cfg(feature = "web")]
        let due = due.chain(self.web.as_ref().and_then(|web| web.poll_timeout()));
        due.min()
    }

    /// Does what is due, and executes what members have sent, each in its turn. Call it after each batch of events, too. What
    /// does not fit into one call is left to the next one, so that new events do not wait long.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.now = now.instant;
        while let Some((_, id)) = self.timers.first().copied().filter(|(due, _)| *due <= now.instant) {
            self.timers.pop_first();
            if let Some(member) = self.members.get_mut(&id) {
                member.timer = None;
                match (&member.leaving, member.arrival_due_at()) {
                    (Some(_), _) => self.continue_leaving(id, now.instant),
                    (None, Some(due)) if due <= now.instant => self.continue_arrival(id, now),
                    (None, _) => self.give_turn(id, now.instant),
                }
            }
        }
        #[cfg(feature = "secure")]
        self.end_late_callers(now.instant);
        #[cfg(feature = "web")]
        {
            self.end_late_visitors(now.instant);
            self.ask_for_steps(now.instant);
        }
        #[cfg(feature = "link")]
        self.continue_link(now);
        self.probe_clients(now.instant);
        self.outboxes.check_memory(&mut self.members, now.instant);
        for (id, measure) in self.outboxes.measures(&mut self.members, now.instant) {
            match measure {
                Measure::TellRoom => self.tell_who_is_slow(id, now),
                Measure::Disconnect => self.handle_stalled(id, now),
            }
        }
        self.announce_summaries(now);
        self.actions.extend(self.refused.handle_timeout(now.instant).map(Action::Report));
        self.take_turns(now);
        self.grant_free_names(now);
    }

    /// The outbox of a member, from which the design writes.
    pub fn outbox(&mut self, id: Id) -> Option<&mut Outbox> {
        match self.members.get_mut(&id) {
            Some(member) => Some(&mut member.outbox),
            #[cfg(feature = "web")]
            None => self.web.as_mut().and_then(|web| web.outbox(id)),
            #[cfg(not(feature = "web"))]
            None => None,
        }
    }

    /// The room and the name of the operator, if there is one.
    #[must_use]
    pub fn operator(&self) -> Option<(&str, &str)> {
        let operator = self.members.get(&OPERATOR)?;
        Some((self.rooms.get(&operator.room)?.name.shown(), operator.name.shown()))
    }

    /// The next lines for the operator's screen, whole ones, which count as written from here on. Ask for them when the screen
    /// has accepted what it got before.
    pub fn next_screen_output(&mut self, now: Moment) -> Option<Buffer> {
        let max = SCREEN_BYTES.max(self.settings.max_line + 1);
        let mut lines = self.outbox(OPERATOR)?.queue()?.copy(max);
        lines.truncate(memrchr(b'\n', &lines).map_or(0, |end| end + 1));
        self.handle(Event::Written(OPERATOR, lines.len()), now);
        Some(Buffer::with_output(lines))
    }

    /// After [`Action::End`]: all remaining lines for the operator's screen.
    pub fn last_screen_output(&mut self) -> Option<Buffer> {
        Some(Buffer::with_output(self.outbox(OPERATOR)?.queue()?.copy(usize::MAX)))
    }

    pub(super) fn add_member(
        &mut self,
        id: Id,
        name: Name,
        peer: Option<SocketAddr>,
        room: Name,
        now: Instant,
    ) {
        self.names.insert(Arc::clone(name.key()), id);
        self.looks.insert(&name, &id);
        let key = Arc::clone(room.key());
        let seat = self.open_room(room).enter(id, false);
        let decoder = match peer {
            Some(_) => Decoder::for_caller(self.settings.max_line),
            None => Decoder::for_keyboard(self.settings.max_line),
        };
        let inbox = Inbox::new(decoder);
        self.members.insert(id, Member::new(name, peer, key, seat, inbox, now));
    }

    pub(super) fn handle_read(&mut self, id: Id, buffer: Buffer, now: Moment) {
        if id == OPERATOR && self.members.get(&id).is_some_and(|operator| operator.inbox.ended.is_some()) {
            return self.note_rest();
        }
        let is_wanted = |member: &&mut Member| member.leaving.is_none() && member.inbox.ended.is_none();
        let Some(member) = self.members.get_mut(&id).filter(is_wanted) else {
            #[cfg(feature = "web")]
            self.hear_visitor(id, buffer.input(), now);
            return;
        };
        #[cfg(feature = "web")]
        if member.browser.is_some() {
            return self.hear_browser(id, buffer, now);
        }
        if id == OPERATOR && !member.inbox.has_had_line && member.inbox.buffers.is_empty() {
            member.inbox.decoded = buffer.input().len() - byte_order_mark::strip(buffer.input()).len();
        }
        self.add_to_inbox(id, buffer, now.instant);
    }

    /// A member has sent these lines, which wait for its turn.
    pub(super) fn add_to_inbox(&mut self, id: Id, buffer: Buffer, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.inbox.buffers.push_back((buffer, now));
        if member.inbox.backlog.wait.is_none() || id == OPERATOR {
            self.give_turn(id, now);
        }
    }

    /// More input follows the operator's goodbye, and nobody gets it. A script must not look as if all of it was said.
    pub(super) fn note_rest(&mut self) {
        if !self.keyboard_is_terminal && !std::mem::replace(&mut self.input_goes_on, true) {
            self.actions.push_back(Action::Report(Notice::RestNotSent));
        }
    }

    pub(super) fn handle_read_ended(&mut self, id: Id, result: io::Result<()>, now: Moment) {
        #[cfg(feature = "secure")]
        if self.end_caller(id) {
            return;
        }
        #[cfg(feature = "web")]
        if self.visitor_has_ended(id) {
            return;
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        member.inbox.ended = Some(result);
        if member.leaving.is_some() {
            self.continue_leaving(id, now.instant);
        } else if member.inbox.backlog.wait.is_none() {
            self.give_turn(id, now.instant);
        }
    }

    fn handle_written(&mut self, id: Id, bytes: usize, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else {
            #[cfg(feature = "web")]
            self.wrote_to_visitor(id, bytes);
            return;
        };
        let missed = self.outboxes.written(member, id, bytes, now.instant);
        if member.leaving.is_some() {
            self.continue_leaving(id, now.instant);
        }
        if let Some(missed) = missed {
            self.reply(id, &format!("{missed} lines were not shown: the screen did not accept them"), now);
        }
    }

    fn handle_write_failed(&mut self, id: Id, error: io::Error, now: Instant) {
        #[cfg(feature = "web")]
        if self.end_visitor(id) {
            return;
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        member.outbox.close();
        self.outboxes.resume_senders(member, id, now);
        self.outboxes.unblock(member, id, now);
        self.outboxes.resumed.push(id);
        member.write_error.get_or_insert(error);
        if member.leaving.is_some() {
            self.continue_leaving(id, now);
        }
    }

    /// The first signal says goodbye to everybody; the second does not wait for that.
    fn handle_signal(&mut self, signal: Signal, now: Instant) {
        if signal.reopens_files() && !self.settings.operator {
            self.actions.extend([Action::Report(Notice::OpeningAgain), Action::ReopenFiles]);
            return;
        }
        match self.ending.replace(Exit::Signal(signal)) {
            None => self.begin_end(now),
            Some(_) => self.disconnect_all(now),
        }
    }

    /// That nobody reads the screen any more (`| head`) is a reason to end, but not a failure.
    fn handle_screen_failed(&mut self, error: io::Error, now: Instant) {
        if errors::is_broken_pipe(&error) {
            return self.end(Exit::Success, now);
        }
        self.actions.push_back(Action::Report(Notice::CannotWriteScreen(error)));
        self.end(Exit::Failed, now);
    }

    pub(super) fn end(&mut self, exit: Exit, now: Instant) {
        if self.ending.is_none() {
            self.ending = Some(exit);
            self.begin_end(now);
        }
    }

    /// Whether this is a member of another hub.
    pub(super) fn is_elsewhere(&self, id: Id) -> bool {
        #[cfg(feature = "link")]
        return self.members.get(&id).is_some_and(|member| member.link.home.is_some());
        #[cfg(not(feature = "link"))]
        {
            let _ = id;
            false
        }
    }

    /// Whether it waits for the other hubs to know that it ends.
    pub(super) fn is_taking_leave(&self) -> bool {
        #[cfg(feature = "link")]
        return self.linked.as_ref().is_some_and(|linked| linked.is_taking_leave());
        #[cfg(not(feature = "link"))]
        false
    }

    fn begin_end(&mut self, now: Instant) {
        #[cfg(feature = "link")]
        if self.takes_leave(now) {
            return;
        }
        self.say_goodbye_to_all(now);
    }

    /// Whether the transcript is behind, so that nobody's lines are executed.
    pub(super) fn is_paused(&self) -> bool {
        self.transcript_is_behind || self.unrecorded >= MAX_UNRECORDED
    }
}
