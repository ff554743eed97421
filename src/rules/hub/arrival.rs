//! The first second of a client: when it is greeted, and when the others are told of it.
//!
//! Every program that opens a TCP connection is a client, and some are no chat. A browser must get an HTTP answer as the
//! first bytes, or it cannot show it: so the greeting waits a moment for what the client sends. A probe such as `nc -z` only
//! finds out whether somebody listens: so a client is announced when there is reason to believe in it, and learns nothing about
//! the room before, so that nobody can listen unannounced.

use super::announcements::Announcement;
use super::deeds::Deed;
use super::event::Action;
use super::format::hub_lines;
use super::id::Id;
use super::name::Name;
use super::post::Kind;
#[cfg(feature = "secure")]
use super::refusal::Refusal;
use super::room::LOBBY;
use super::state::Hub;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::record::What;
use crate::rules::secure::Peer;
use crate::rules::settings::PROBE_TIME;
use crate::rules::wire::Foreign;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A client that sends nothing is greeted after this long. A browser sends its request directly after the connection was made,
/// and 100 ms is what a person begins to notice.
const GREETING_HOLD: Duration = Duration::from_millis(20);

/// A client that nobody has been told of.
#[derive(Debug)]
pub(super) struct Arrival {
    since: Instant,
    /// The number in its name, if the next client may have it after this one.
    user: Option<u64>,
}

/// What a newcomer wants to begin with. Whether it may has been found out.
#[derive(Debug, Default)]
pub(super) struct Wish {
    pub(super) name: Option<Name>,
    pub(super) room: Option<Name>,
}

impl Arrival {
    /// When there is something to do although nothing happens. A full outbox holds up others, and can only be read when the client
    /// is somebody.
    pub(super) fn due_at(&self, is_greeted: bool, is_full: bool) -> Instant {
        match (is_greeted, is_full) {
            (false, _) => self.since + GREETING_HOLD,
            (true, false) => self.since + PROBE_TIME,
            (true, true) => self.since,
        }
    }
}

impl Hub {
    /// A client joins. The lobby is its room from here on, so nothing that is said there is missing after the greeting.
    pub(super) fn join(&mut self, id: Id, peer: SocketAddr, secured: Option<Arc<Peer>>, now: Moment) {
        self.arrive(id, peer, secured, Wish::default(), now);
        self.greet_newcomer(id, now);
    }

    /// Sends a newcomer what it should know, which is kept until there is reason to believe in it.
    pub(super) fn greet_newcomer(&mut self, id: Id, now: Moment) {
        let motd = self.settings.motd.iter();
        let motd = motd.flat_map(|line| hub_lines(&now.stamp, "* hub: ", line, self.settings.max_line));
        self.post(id, Kind::Answer, motd.collect(), now.instant);
        self.welcome(id, now);
        #[cfg(feature = "link")]
        self.tell_newcomer_of_link(id, now);
        if let Some(member) = self.members.get_mut(&id) {
            member.outbox.keep();
        }
        self.show_room(id, now);
        self.update_timer(id);
    }

    /// A caller that could be told nothing before its channel was open may not join: tells it why.
    #[cfg(feature = "secure")]
    pub(super) fn turn_away(&mut self, id: Id, peer: SocketAddr, refusal: Refusal, now: Moment) {
        let notice = self.refused.refused(Notice::NotAdmitted { peer, refusal }, now.instant);
        self.actions.extend(notice.map(Action::Report));
        self.arrive(id, peer, None, Wish::default(), now);
        self.post(id, Kind::Answer, refusal.line(&now.stamp), now.instant);
        self.announce_leaving(id, "was not admitted", true, now);
        // Any number of them may come.
        self.admission.bound_lingering(peer.ip());
    }

    /// Adds a client of whom nobody is told.
    pub(super) fn arrive(
        &mut self,
        id: Id,
        peer: SocketAddr,
        secured: Option<Arc<Peer>>,
        wish: Wish,
        now: Moment,
    ) {
        let mut found = wish.name.map(|name| (name, None));
        let (name, user) = loop {
            let (name, user) = found.take().unwrap_or_else(|| {
                let (name, user) = self.newcomers_name(id);
                (Name::of(name), user)
            });
            if self.looks.like(&name).next().is_none() {
                break (name, user);
            }
        };
        self.admission.joined(peer.ip());
        let room = wish.room.unwrap_or_else(|| Name::of(LOBBY.to_owned()));
        self.add_member(id, name, Some(peer), room, now.instant);
        if let Some(member) = self.members.get_mut(&id) {
            member.secured = secured;
            member.arrival = Some(Arrival { since: now.instant, user });
            member.outbox.hold();
        }
        self.trim.joined(self.here());
    }

    /// The name of a new client, and its number.
    fn newcomers_name(&mut self, id: Id) -> (String, Option<u64>) {
        #[cfg(feature = "link")]
        if let Some(name) = self.linked_newcomers_name(id) {
            return name;
        }
        let _ = id;
        self.last_user += 1;
        (format!("user{}", self.last_user), Some(self.last_user))
    }

    /// A client has been there for a while: greets it, or believes in it.
    pub(super) fn continue_arrival(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        match member.outbox.is_held() {
            true => self.outboxes.greet(member, id),
            false => self.believe(id, now),
        }
        self.update_timer(id);
    }

    /// There is reason to believe that this client is somebody: the room is told that it joined, if it was not.
    pub(super) fn believe(&mut self, id: Id, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.arrival.take().is_none() {
            return;
        }
        self.outboxes.release(member, id);
        self.does(id, Deed::Joins, now);
    }

    pub(super) fn apply_joining(&mut self, id: Id, now: Moment) {
        let Some(shown) = self.members.get(&id).map(|member| Arc::clone(member.name.shown())) else { return };
        self.announce(id, Announcement::Joined, &format!("{shown} joined"), now);
        let secured = self.members.get(&id).and_then(|member| member.secured.clone());
        self.record(id, |name, room| What::Joined { name, room, secured });
    }

    /// Whether nobody has been told of a client, which leaves. Then the next one may have its name.
    pub(super) fn forget_arrival(&mut self, id: Id) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        let Some(arrival) = member.arrival.take() else { return false };
        member.outbox.forget_kept();
        if let Some(user) = arrival.user
            && user == self.last_user
        {
            self.last_user -= 1;
            #[cfg(feature = "link")]
            self.give_number_back(user);
        }
        true
    }

    /// The client is a browser or another program that does not chat: it gets an answer that it understands, and nothing else.
    pub(super) fn dismiss(&mut self, id: Id, foreign: Foreign, now: Moment) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if let Some(peer) = member.peer {
            let notice = self.refused.refused(Notice::Foreign { peer, foreign }, now.instant);
            self.actions.extend(notice.map(Action::Report));
        }
        member.outbox.cut();
        let answer = self.outboxes.memory.post(Kind::Answer, None, foreign.answer(), 0);
        self.outboxes.post_exactly(member, id, answer, now.instant);
        self.announce_leaving(id, "was disconnected: it does not chat", false, now);
    }
}
