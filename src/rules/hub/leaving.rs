//! The ways out: a member leaves the room, gets what is in its outbox, and is disconnected.

use super::announcements::Announcement;
use super::browser::Close;
use super::deeds::Deed;
use super::event::Action;
use super::id::{Id, OPERATOR};
use super::inbox::Inbox;
use super::member::{Half, Member, Parting};
use super::post::Kind;
use super::state::Hub;
use crate::rules::exit::Exit;
use crate::rules::moment::Moment;
use crate::rules::record::What;
use crate::rules::wire::{PAUSE, REPEAT_AFTER};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

impl Hub {
    /// Others have waited for a member too long.
    pub(super) fn handle_stalled(&mut self, id: Id, now: Moment) {
        if id == OPERATOR {
            let Some(operator) = self.members.get_mut(&id) else { return };
            return self.outboxes.begin_dropping(operator, now.instant);
        }
        let seconds = self.settings.stall.as_secs_f64();
        let reason =
            format!("you were disconnected: you read too slowly, and the room waited {seconds} s for you");
        self.send_away(id, &format!("was disconnected: the room waited {seconds} s for it"), &reason, now);
    }

    /// A member leaves because its connection takes nothing, and is told why, as far as it takes that.
    pub(super) fn send_away(&mut self, id: Id, why: &str, reason: &str, now: Moment) {
        // The others were held up, so they must know by whom.
        self.believe(id, now);
        let Some(member) = self.members.get_mut(&id) else { return };
        member.outbox.cut();
        let (name, room) = (Arc::clone(member.name.shown()), Arc::clone(&member.room));
        self.reply(id, reason, now);
        self.close_with(id, Close::TryAgainLater, reason);
        self.announce_leaving(id, why, false, now);
        self.tell_operator_elsewhere(&room, &format!("{name} {why}"), now);
    }

    /// Tells the operator what was announced in a room, unless the operator is there.
    pub(super) fn tell_operator_elsewhere(&mut self, room: &Arc<str>, text: &str, now: Moment) {
        if self.members.get(&OPERATOR).is_some_and(|operator| operator.room != *room) {
            self.reply(OPERATOR, text, now);
        }
    }

    /// A member leaves, and the others in the room are told why, if they were told that it joined.
    pub(super) fn announce_leaving(&mut self, id: Id, why: &str, sends_goodbye: bool, now: Moment) {
        if !self.forget_arrival(id) {
            self.does(id, Deed::Leaves(why.to_owned()), now);
        }
        self.leave(id, sends_goodbye, now.instant);
    }

    pub(super) fn apply_leaving(&mut self, id: Id, how: &str, now: Moment) {
        let Some(member) = self.members.get(&id) else { return };
        let text = format!("{} {how}", member.name.shown());
        self.announce(id, Announcement::Left, &text, now);
        self.record(id, |name, room| What::Left { name, room, why: how.into() });
        self.withdraw(id);
    }

    /// From here on only what is in the outbox is delivered, and then a goodbye if it is wanted.
    pub(super) fn leave(&mut self, id: Id, sends_goodbye: bool, now: Instant) {
        if !self.leaves_by_log(id) {
            self.withdraw(id);
        }
        self.let_go(id, now);
        if let Some(member) = self.members.get_mut(&id) {
            self.outboxes.release(member, id);
            member.begin_leaving(sends_goodbye, now);
            // Those whom the hub sends away are not bounded: all of them get the reason.
            if let Some(peer) = member.peer.filter(|_| !sends_goodbye) {
                self.admission.bound_lingering(peer.ip());
            }
            self.continue_leaving(id, now);
        }
    }

    /// Takes a member out of the room and of the list of names, if it is there.
    pub(super) fn withdraw(&mut self, id: Id) {
        let is_listed = |member: &mut Member| std::mem::take(&mut member.is_listed);
        if !self.members.get_mut(&id).is_some_and(is_listed) {
            return;
        }
        self.leave_room(id);
        let Some(member) = self.members.get(&id) else { return };
        if self.names.get(member.name.key()) == Some(&id) {
            self.names.remove(member.name.key());
        }
        self.looks.remove(&member.name, &id);
    }

    /// Whether it leaves when all linked hubs know, and not before.
    fn leaves_by_log(&self, id: Id) -> bool {
        #[cfg(feature = "link")]
        return self.members.get(&id).is_some_and(|member| {
            member.is_listed && (member.link.leaves.is_some() || self.is_taking_leave())
        });
        #[cfg(not(feature = "link"))]
        {
            let _ = id;
            false
        }
    }

    /// Whether the room was told that it joined: linked hubs tell it when the log has that.
    fn has_joined(&self, id: Id) -> bool {
        #[cfg(feature = "link")]
        return !self.is_linked() || self.members.get(&id).is_some_and(|member| member.link.is_public);
        #[cfg(not(feature = "link"))]
        {
            let _ = id;
            true
        }
    }

    /// Nobody waits for a client any more, and its address may have another one.
    fn let_go(&mut self, id: Id, now: Instant) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return;
        };
        self.outboxes.resume_senders(member, id, now);
        self.outboxes.unblock(member, id, now);
        if let Some(peer) = member.peer {
            self.admission.left(peer.ip(), id);
        }
    }

    /// Sends the goodbye, closes our half, or disconnects, whatever it is time for.
    pub(super) fn continue_leaving(&mut self, id: Id, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let is_browser = member.is_browser();
        let Some(leaving) = &mut member.leaving else { return };
        let Inbox { decoder, ended, .. } = &member.inbox;
        let (is_framed, has_ended) = (decoder.is_framed() || decoder.is_terminal(), ended.is_some());
        if leaving.parting == Parting::Repeat && (is_framed || has_ended) {
            leaving.parting = Parting::Nothing;
        }
        let since = now.saturating_duration_since(member.progress_at);
        let (is_due, next) = match leaving.parting {
            // A frame cannot be taken for anything else.
            Parting::Goodbye if is_browser => (true, Parting::Nothing),
            Parting::Goodbye => (is_framed || since >= PAUSE, Parting::Repeat),
            Parting::Repeat => (since >= REPEAT_AFTER, Parting::Nothing),
            Parting::Nothing => (false, Parting::Nothing),
        };
        if is_due && member.outbox.pending() == 0 {
            leaving.parting = next;
            let goodbye = self.outboxes.memory.post(Kind::Answer, None, member.goodbye(), 0);
            self.outboxes.post_exactly(member, id, goodbye, now);
        }
        let Some(leaving) = &mut member.leaving else { return };
        let is_delivered = member.outbox.pending() == 0
            && (leaving.parting == Parting::Nothing || member.outbox.is_closed());
        if is_delivered && leaving.our_half == Half::Open {
            leaving.our_half = Half::Closing;
            self.actions.push_back(Action::HalfClose(id));
        }
        let is_closed = leaving.our_half == Half::Closed || member.outbox.is_closed();
        let is_late = member.disconnect_at().is_some_and(|late| late <= now);
        if is_late || (is_delivered && is_closed && has_ended) {
            self.disconnect(id, now);
        } else {
            self.update_timer(id);
        }
    }

    /// Everything that a member was to get has been written, down to the end of our half.
    pub(super) fn handle_half_closed(&mut self, id: Id, now: Instant) {
        if let Some(leaving) = self.members.get_mut(&id).and_then(|member| member.leaving.as_mut()) {
            leaving.our_half = Half::Closed;
            self.continue_leaving(id, now);
        }
    }

    /// Ends the connection of a member, and forgets the member unless other hubs still have to know that it leaves.
    pub(super) fn disconnect(&mut self, id: Id, now: Instant) {
        let is_kept = self.leaves_by_log(id);
        if !is_kept {
            self.withdraw(id);
        }
        self.let_go(id, now);
        let Some(member) = self.members.get_mut(&id).filter(|member| member.is_here) else { return };
        if let Some(peer) = member.peer {
            self.admission.closed(peer.ip(), id);
        }
        if let Some(timer) = member.timer.take() {
            self.timers.remove(&(timer, id));
        }
        if is_kept {
            member.is_here = false;
            member.outbox.close();
            self.not_here += 1;
        } else {
            self.members.remove(&id);
        }
        self.actions.push_back(Action::Disconnect(id));
        if self.trim.left(self.here()) {
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
        let clients = self.members.iter().filter(|(id, member)| **id != OPERATOR && member.is_here);
        for id in clients.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.disconnect(id, now);
        }
    }

    /// Says goodbye to everybody. The hub ends when all have got what is in their outboxes.
    pub(super) fn say_goodbye_to_all(&mut self, now: Instant) {
        #[cfg(feature = "secure")]
        self.end_callers();
        #[cfg(feature = "web")]
        self.end_visitors();
        let is_present =
            |id: &Id, member: &Member| *id != OPERATOR && member.is_here && member.leaving.is_none();
        let present = self.members.iter().filter(|(id, member)| is_present(id, member));
        // The first to come is the first to leave.
        for id in present.map(|(id, _)| *id).collect::<BTreeSet<_>>() {
            if !self.forget_arrival(id) && self.has_joined(id) {
                self.record(id, |name, room| What::Left { name, room, why: "the hub ended".into() });
            }
            self.close_with(id, Close::GoingAway, "the hub ends");
            self.leave(id, true, now);
        }
        self.end_if_empty();
    }

    fn end_if_empty(&mut self) {
        if let Some(exit) = self.ending
            && !self.is_taking_leave()
            && self.here() == usize::from(self.members.contains_key(&OPERATOR))
        {
            self.actions.extend(self.refused.take().map(Action::Report));
            let exit = if self.input_goes_on && exit == Exit::Success { Exit::Failed } else { exit };
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
