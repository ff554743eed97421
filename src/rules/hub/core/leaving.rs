//! The ways out: whoever leaves is told to the others, gets what is queued, and is hung up on.

use super::Hub;
use crate::rules::hub::member::Leaving;
use crate::rules::hub::outbox::Post;
use crate::rules::hub::rooms::Announcement;
use crate::rules::hub::{Action, Id, Moment, OPERATOR, PAUSE_TO_TAKE, SLOWEST};
use crate::rules::record::What;
use crate::rules::wire::{GOODBYE, PAUSE};
use std::time::{Duration, Instant};

impl Hub {
    /// Somebody has taken nothing for too long.
    pub(super) fn stalled(&mut self, id: Id, at: Moment) {
        if id == OPERATOR {
            let Some(operator) = self.members.get_mut(&id) else { return };
            return self.outboxes.begin_to_lose(operator);
        }
        self.part(
            id,
            &format!("was cut off: took nothing for {} s", self.rules.stall.as_secs_f64()),
            false,
            at,
        );
        self.hang_up(id);
    }

    /// The others are told that somebody leaves, and why.
    pub(super) fn part(&mut self, id: Id, why: &str, goodbye: bool, at: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let text = format!("{} {why}", member.name.shown());
        self.announce(id, Announcement::Left, &text, at);
        self.record(id, |name, room| What::Left { name, room, why: why.into() });
        self.leave(id, goodbye, at.now);
    }

    /// From here on only what is in the outbox is delivered, and then, if that is wanted, a goodbye.
    pub(super) fn leave(&mut self, id: Id, goodbye: bool, now: Instant) {
        self.depart(id);
        if let Some(member) = self.members.get_mut(&id) {
            let needs = Duration::from_secs_f64(member.outbox.waiting() as f64 / SLOWEST);
            let until = now + PAUSE_TO_TAKE + needs;
            // What they say is read on and dropped: whoever cannot write might not read the goodbye either.
            member.speech.input.clear();
            member.speech.lines.clear();
            member.leaving = Some(Leaving { since: now, until, goodbye, is_half_closed: false });
            self.go_on_leaving(id, now);
        }
    }

    /// Takes somebody out of the room, and their name is free.
    fn depart(&mut self, id: Id) {
        self.leave_room(id);
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return;
        };
        self.outboxes.release(member, id);
        self.names.remove(member.name.key());
        if let Some(peer) = member.peer {
            self.door.went(peer.ip());
        }
        for member in self.members.values_mut() {
            member.ignores.retain(|ignored| *ignored != id);
        }
    }

    pub(super) fn go_on_leaving(&mut self, id: Id, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(leaving) = &mut member.leaving else { return };
        let is_framed = member.speech.decoder.is_framed();
        if leaving.goodbye && member.outbox.waiting() == 0 && (is_framed || member.took_at + PAUSE <= now) {
            leaving.goodbye = false;
            let goodbye = Post::of_hub(GOODBYE.to_vec());
            self.outboxes.post(member, id, &goodbye, now);
        }
        let Some(leaving) = &mut member.leaving else { return };
        let is_delivered = member.outbox.waiting() == 0 && (!leaving.goodbye || member.outbox.is_closed());
        if is_delivered && !leaving.is_half_closed {
            leaving.is_half_closed = true;
            self.actions.push_back(Action::HalfClose(id));
        }
        let ended = member.speech.ended.is_some();
        let is_late = member.late_at().is_some_and(|late_at| late_at <= now);
        if is_late || (is_delivered && ended) {
            self.hang_up(id);
        } else {
            self.set_timer(id);
        }
    }

    /// It is over with this client.
    pub(super) fn hang_up(&mut self, id: Id) {
        self.depart(id);
        let Some(member) = self.members.remove(&id) else { return };
        if let Some(timer) = member.timer {
            self.timers.remove(&(timer, id));
        }
        self.actions.push_back(Action::HangUp(id));
        self.end_if_empty();
    }

    pub(super) fn end_if_empty(&mut self) {
        if let Some(exit) = self.ending
            && self.members.keys().all(|id| *id == OPERATOR)
        {
            self.actions.push_back(Action::End(exit));
        }
    }

    /// Keeps the list of times up to date.
    pub(super) fn set_timer(&mut self, id: Id) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let next = member.next_timer().filter(|_| id != OPERATOR);
        if next != member.timer {
            if let Some(timer) = member.timer {
                self.timers.remove(&(timer, id));
            }
            self.timers.extend(next.map(|next| (next, id)));
            member.timer = next;
        }
    }
}
