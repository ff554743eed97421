//! The hub: takes what was read from whom, and puts into outboxes what is to be written to whom.
//!
//! This file is what a design calls. What is read goes through `hearing.rs`, where lines are carried out or wait; what they
//! do is in `commands.rs`; whatever is told to anybody passes `telling.rs`; and all ways out are in `leaving.rs`.

mod commands;
mod hearing;
mod leaving;
mod telling;

use crate::rules::buffer::Buffer;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::hub::admission::{Doorkeeper, Refusal};
use crate::rules::hub::lines;
use crate::rules::hub::member::{Member, Speech};
use crate::rules::hub::name::OPERATORS_NAME;
use crate::rules::hub::outbox::{Outbox, Outboxes, Post};
use crate::rules::hub::rooms::{Announcement, Room};
use crate::rules::hub::{Action, Id, LOBBY, Moment, Name, OPERATOR, Rules};
use crate::rules::notice::Notice;
use crate::rules::record::What;
use crate::rules::signal::Signal;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Everything a hub knows.
#[derive(Debug)]
pub struct Hub {
    rules: Rules,
    door: Doorkeeper,
    members: HashMap<Id, Member>,
    last_id: usize,
    /// Who has a name, by its key.
    names: HashMap<Arc<str>, Id>,
    last_user: u64,
    /// By the key of the name.
    rooms: HashMap<Arc<str>, Room>,
    /// The rooms in which announcements are counted instead of told.
    counting: BTreeSet<Arc<str>>,
    outboxes: Outboxes,
    /// Members who have said something that waits for somebody's outbox.
    held: VecDeque<Id>,
    /// When to look after members although nothing happens.
    timers: BTreeSet<(Instant, Id)>,
    /// The transcript does not keep up: nobody's text is carried out.
    is_paused: bool,
    /// It is about to end, and how.
    ending: Option<Exit>,
    actions: VecDeque<Action>,
}

impl Hub {
    /// A hub in which nobody is but the operator, if there is one.
    #[must_use]
    pub fn new(rules: Rules, now: Instant) -> Self {
        let lobby = Name::of(LOBBY.to_owned());
        let key = Arc::clone(lobby.key());
        let mut hub = Self {
            door: Doorkeeper::new(rules.door.clone()),
            members: HashMap::new(),
            last_id: OPERATOR.0,
            names: HashMap::new(),
            last_user: 0,
            rooms: HashMap::from([(Arc::clone(&key), Room::new(lobby, rules.history))]),
            counting: BTreeSet::new(),
            outboxes: Outboxes::new(rules.outbox, rules.stall),
            held: VecDeque::new(),
            timers: BTreeSet::new(),
            is_paused: false,
            ending: None,
            actions: VecDeque::new(),
            rules,
        };
        if hub.rules.operator {
            hub.add(OPERATOR, Name::of(OPERATORS_NAME.to_owned()).of_operator(), None, now);
        }
        hub
    }

    /// Whether somebody from there may join now.
    ///
    /// # Errors
    /// What they are to be told.
    pub fn admits(&self, peer: SocketAddr) -> Result<(), Refusal> {
        match self {
            Self { ending: Some(_), .. } => Err(Refusal::Ending),
            Self { is_paused: true, .. } => Err(Refusal::Transcript),
            _ => self.door.admits(peer.ip(), self.members.len()),
        }
    }

    /// For the next one who joins.
    pub fn new_id(&mut self) -> Id {
        self.last_id += 1;
        Id(self.last_id)
    }

    /// Somebody has connected, and is a member from now on.
    pub fn join(&mut self, id: Id, peer: SocketAddr, at: Moment) {
        let name = loop {
            self.last_user += 1;
            let name = Name::of(format!("user{}", self.last_user));
            if !self.names.contains_key(name.key()) {
                break name;
            }
        };
        self.door.came(peer.ip());
        let shown = Arc::clone(name.shown());
        self.add(id, name, Some(peer), at.now);
        let motd = self.rules.motd.iter();
        let motd = motd.flat_map(|line| lines::of_hub(&at.stamp, "* hub: ", line, self.rules.max_line));
        let motd = Post::of_hub(motd.collect());
        self.post(id, &motd, at.now);
        self.welcome(id, at);
        self.announce(id, Announcement::Joined, &format!("{shown} joined"), at);
        self.record(id, |name, room| What::Joined { name, room });
    }

    fn add(&mut self, id: Id, name: Name, peer: Option<SocketAddr>, now: Instant) {
        let room: Arc<str> = LOBBY.into();
        self.names.insert(Arc::clone(name.key()), id);
        if let Some(lobby) = self.rooms.get_mut(&room) {
            lobby.members.insert(id);
        }
        let member = Member {
            name,
            peer,
            room,
            speech: Speech::new(self.rules.max_line),
            outbox: Outbox::default(),
            took_at: now,
            is_full: false,
            is_to_be_written: false,
            ignores: Vec::new(),
            reply_to: None,
            broken: None,
            leaving: None,
            timer: None,
        };
        self.members.insert(id, member);
    }

    /// A read from this member returned this. Dropped when all of it was carried out, the buffer is back with its reader.
    pub fn heard(&mut self, id: Id, buffer: Buffer, at: Moment) {
        let is_heard = |member: &&mut Member| member.leaving.is_none() && member.speech.ended.is_none();
        let Some(member) = self.members.get_mut(&id).filter(is_heard) else { return };
        let had_to_wait = member.speech.waits();
        member.speech.input.push_back((buffer, at.now));
        if !had_to_wait || id == OPERATOR {
            self.carry_out(id, at);
        }
    }

    /// Nothing more will be read from this member.
    pub fn heard_all(&mut self, id: Id, result: io::Result<()>, at: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.speech.ended = Some(result);
        if member.leaving.is_some() {
            self.go_on_leaving(id, at.now);
        } else if !member.speech.waits() {
            self.carry_out(id, at);
        }
    }

    /// The outbox of this member.
    pub fn outbox(&mut self, id: Id) -> Option<&mut Outbox> {
        self.members.get_mut(&id).map(|member| &mut member.outbox)
    }

    /// The members in whose outboxes something is to be written, each once.
    pub fn take_to_write(&mut self) -> Vec<Id> {
        let to_write = std::mem::take(&mut self.outboxes.to_write);
        for id in &to_write {
            if let Some(member) = self.members.get_mut(id) {
                member.is_to_be_written = false;
            }
        }
        to_write
    }

    /// So many bytes were written from this member's outbox.
    pub fn wrote(&mut self, id: Id, bytes: usize, at: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let lost = self.outboxes.taken(member, id, bytes, at.now);
        if member.leaving.is_some() {
            self.go_on_leaving(id, at.now);
        }
        if let Some(lost) = lost {
            self.report(
                id,
                &format!("{lost} lines were not shown, because the screen did not take them"),
                at,
            );
        }
    }

    /// Nothing can be written to this member any more. What it has said is still carried out: hang up, so that its
    /// reader comes to an end.
    pub fn write_failed(&mut self, id: Id, error: io::Error, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        self.outboxes.release(member, id);
        member.outbox.close();
        member.broken.get_or_insert(error);
        if member.leaving.is_some() {
            self.go_on_leaving(id, now);
        }
    }

    /// Whether the transcript keeps up. While it does not, those who speak wait.
    pub fn set_paused(&mut self, is_paused: bool) {
        self.outboxes.has_new_room |= self.is_paused && !is_paused;
        self.is_paused = is_paused;
    }

    /// A signal came: it is over in good order, or if it is about to be, at once.
    pub fn signalled(&mut self, signal: Signal, now: Instant) {
        match self.ending.replace(Exit::Signal(signal)) {
            None => self.say_goodbye(now),
            Some(_) => self.cut_all(),
        }
    }

    /// Nobody reads the operator's screen any more (`| head`), which is a reason to end, or it cannot be written.
    pub fn screen_failed(&mut self, error: io::Error, now: Instant) {
        if errors::is_broken_pipe(&error) {
            return self.end(Exit::InOrder, now);
        }
        self.actions.push_back(Action::Report(Notice::CannotWriteScreen(error)));
        self.end(Exit::Failed, now);
    }

    fn end(&mut self, exit: Exit, now: Instant) {
        if self.ending.is_none() {
            self.ending = Some(exit);
            self.say_goodbye(now);
        }
    }

    /// Everybody is told goodbye, gets what is queued, and then it is over.
    fn say_goodbye(&mut self, now: Instant) {
        let present = self.members.iter().filter(|(id, member)| **id != OPERATOR && member.leaving.is_none());
        for id in present.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.record(id, |name, room| What::Left { name, room, why: "the hub ended".into() });
            self.leave(id, true, now);
        }
        self.end_if_empty();
    }

    /// It is over at once, whatever is queued.
    fn cut_all(&mut self) {
        let clients = self.members.keys().copied().filter(|id| *id != OPERATOR);
        for id in clients.collect::<Vec<_>>() {
            self.hang_up(id);
        }
    }

    /// When to call [`tick`](Self::tick) although nothing has happened.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.outboxes.has_new_room || !self.actions.is_empty() {
            return Some(now);
        }
        let counting = self.counting.iter().filter_map(|room| self.rooms.get(room));
        let announcements = counting.filter_map(|room| room.announced.due_at()).min();
        let timer = self.timers.first().map(|(due, _)| *due);
        timer.into_iter().chain(self.outboxes.look_at).chain(announcements).min()
    }

    /// Some time may have passed, and something may have been written: does what there is to do then.
    pub fn tick(&mut self, at: Moment) {
        while let Some((_, id)) = self.timers.first().copied().filter(|(due, _)| *due <= at.now) {
            self.timers.pop_first();
            if let Some(member) = self.members.get_mut(&id) {
                member.timer = None;
                match member.leaving {
                    Some(_) => self.go_on_leaving(id, at.now),
                    None => self.carry_out(id, at),
                }
            }
        }
        for id in self.outboxes.take_stalled(&self.members, at.now) {
            self.stalled(id, at);
        }
        self.tell_announcements(at);
        self.let_the_held_go_on(at);
    }

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Those who had to wait for an outbox go on, in turn.
    fn let_the_held_go_on(&mut self, at: Moment) {
        if !std::mem::take(&mut self.outboxes.has_new_room) {
            return;
        }
        for id in std::mem::take(&mut self.held) {
            if let Some(member) = self.members.get_mut(&id) {
                member.speech.lines.are_held = false;
                self.carry_out(id, at);
            }
        }
    }
}
