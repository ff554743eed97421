//! The ways out: a member leaves the room, gets what is in its outbox, and is disconnected.

use super::announcements::Announcement;
use super::event::Action;
use super::id::{Id, OPERATOR};
use super::member::Member;
use super::post::Kind;
use super::state::Hub;
use crate::rules::moment::Moment;
use crate::rules::record::What;
use crate::rules::wire::{GOODBYE, PAUSE};
use std::time::Instant;

impl Hub {
    /// Others have waited for a member too long.
    pub(super) fn handle_stalled(&mut self, id: Id, now: Moment) {
        if id == OPERATOR {
            let Some(operator) = self.members.get_mut(&id) else { return };
            return self.outboxes.begin_dropping(operator, now.instant);
        }
        let why = format!("was disconnected: the room waited {} s for it", self.settings.stall.as_secs_f64());
        self.announce_leaving(id, &why, false, now);
        self.disconnect(id, now.instant);
    }

    /// A member leaves, and the others in the room are told why.
    pub(super) fn announce_leaving(&mut self, id: Id, why: &str, sends_goodbye: bool, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let text = format!("{} {why}", member.name.shown());
        self.announce(id, Announcement::Left, &text, now);
        self.record(id, |name, room| What::Left { name, room, why: why.into() });
        self.leave(id, sends_goodbye, now.instant);
    }

    /// From here on only what is in the outbox is delivered, and then a goodbye if it is wanted.
    pub(super) fn leave(&mut self, id: Id, sends_goodbye: bool, now: Instant) {
        self.withdraw(id, now);
        if let Some(member) = self.members.get_mut(&id) {
            member.begin_leaving(sends_goodbye, now);
            // Those whom the hub sends away are not bounded: all of them get the reason.
            if let Some(peer) = member.peer.filter(|_| !sends_goodbye) {
                self.admission.bound_lingering(peer.ip());
            }
            self.continue_leaving(id, now);
        }
    }

    /// Takes a member out of the room and of the lists of names and addresses.
    fn withdraw(&mut self, id: Id, now: Instant) {
        if !self.is_present(id) {
            return;
        }
        self.leave_room(id);
        let Some(member) = self.members.get_mut(&id) else { return };
        self.outboxes.resume_senders(member, id, now);
        self.outboxes.unblock(member, id, now);
        self.names.remove(member.name.key());
        self.looks.remove(&member.name);
        if let Some(peer) = member.peer {
            self.admission.left(peer.ip(), id);
        }
    }

    /// Sends the goodbye, closes our half, or disconnects, whatever it is time for.
    pub(super) fn continue_leaving(&mut self, id: Id, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(leaving) = &mut member.leaving else { return };
        let is_framed = member.inbox.decoder.is_framed();
        if leaving.sends_goodbye
            && member.outbox.pending() == 0
            && (is_framed || member.progress_at + PAUSE <= now)
        {
            leaving.sends_goodbye = false;
            let goodbye = self.outboxes.memory.post(Kind::Answer, None, GOODBYE.to_vec(), 0);
            self.outboxes.post(member, id, &goodbye, now);
        }
        let Some(leaving) = &mut member.leaving else { return };
        let is_delivered =
            member.outbox.pending() == 0 && (!leaving.sends_goodbye || member.outbox.is_closed());
        if is_delivered && !leaving.is_half_closed {
            leaving.is_half_closed = true;
            self.actions.push_back(Action::HalfClose(id));
        }
        let has_ended = member.inbox.ended.is_some();
        let is_late = member.disconnect_at().is_some_and(|late| late <= now);
        if is_late || (is_delivered && has_ended) {
            self.disconnect(id, now);
        } else {
            self.update_timer(id);
        }
    }

    /// Forgets a member.
    pub(super) fn disconnect(&mut self, id: Id, now: Instant) {
        self.withdraw(id, now);
        let Some(member) = self.members.remove(&id) else { return };
        if let Some(peer) = member.peer {
            self.admission.closed(peer.ip(), id);
        }
        if let Some(timer) = member.timer {
            self.timers.remove(&(timer, id));
        }
        self.actions.push_back(Action::Disconnect(id));
        if self.trim.left(self.members.len()) {
            self.actions.push_back(Action::TrimMemory);
        }
        self.end_if_empty();
    }

    /// Closes connections of clients that have left if too many of one address linger. Call it when everything that clients
    /// accept has been written: most have got everything by then. While the hub is ending nobody joins, and the number of
    /// connections cannot grow.
    pub(super) fn close_surplus(&mut self) {
        while self.ending.is_none()
            && let Some(id) =
                self.admission.next_surplus(|id| self.members.get(&id).is_some_and(Member::is_done))
        {
            self.disconnect(id, self.now);
        }
    }

    /// Disconnects all clients, whatever is in their outboxes.
    pub(super) fn disconnect_all(&mut self, now: Instant) {
        let clients = self.members.keys().copied().filter(|id| *id != OPERATOR);
        for id in clients.collect::<Vec<_>>() {
            self.disconnect(id, now);
        }
    }

    /// Says goodbye to everybody. The hub ends when all have got what is in their outboxes.
    pub(super) fn say_goodbye_to_all(&mut self, now: Instant) {
        let present = self.members.iter().filter(|(id, member)| **id != OPERATOR && member.leaving.is_none());
        for id in present.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.record(id, |name, room| What::Left { name, room, why: "the hub ended".into() });
            self.leave(id, true, now);
        }
        self.end_if_empty();
    }

    fn end_if_empty(&mut self) {
        if let Some(exit) = self.ending
            && self.members.len() == usize::from(self.members.contains_key(&OPERATOR))
        {
            self.actions.extend(self.refused.take().map(Action::Report));
            self.actions.push_back(Action::End(exit));
        }
    }

    /// Keeps the list of timers up to date with what a member waits for.
    pub(super) fn update_timer(&mut self, id: Id) {
        let Some(member) = self.members.get_mut(&id) else { return };
        // A line at the operator's keyboard is never complete because of a pause.
        let is_timed = id != OPERATOR || member.inbox.backlog.wait.is_some();
        let next = member.next_timer().filter(|_| is_timed);
        if next != member.timer {
            if let Some(timer) = member.timer {
                self.timers.remove(&(timer, id));
            }
            self.timers.extend(next.map(|next| (next, id)));
            member.timer = next;
        }
    }
}
