//! Whether clients are still there. A machine that was switched off or lost its network closes nothing, and while something is
//! unanswered the system repeats it for a quarter of an hour before it gives up.
//!
//! The rules ask for what the system knows about a client some time after something was written to it, and disconnect a client
//! whose system has been silent for too long. One that answers and merely does not read is not silent.

use super::event::Action;
use super::id::Id;
use super::member::Member;
use super::name::Name;
use super::state::Hub;
use crate::rules::event::{PeerState, SILENCE_LIMIT};
use crate::rules::moment::Moment;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after something was written to a client to ask.
const PROBE_AFTER: Duration = Duration::from_secs(10);

/// A client that has not answered for this many seconds gives its name to somebody at its address who asks for it.
const YIELD_AFTER: u64 = 10;

/// How often to ask about a client whose name somebody wants.
const WISH_INTERVAL: Duration = Duration::from_secs(1);

/// A client is sent a line because somebody asks for its name at most this often.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// A wish ends after this long although nothing is certain: a client may confirm a part of what it is sent from time to time.
const WISH_LASTS: Duration = Duration::from_secs(15);

/// What is known about the presence of one client.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// The system will be asked.
    is_watched: bool,
    /// How many bytes the client had confirmed, and since when nothing more, although something is to be confirmed.
    unanswered: Option<(u64, Instant)>,
    /// When the client was last sent a line because somebody asks for its name: whether it confirms that shows whether it is there.
    asked_at: Option<Instant>,
}

/// Whom to ask about, and who waits for a name.
#[derive(Debug, Default)]
pub(super) struct Presences {
    /// When to ask about whom.
    due: BTreeSet<(Instant, Id)>,
    /// At most one of each member.
    wishes: Vec<Wish>,
}

/// Somebody asks for the name of another member, whose connection may be dead.
#[derive(Debug)]
struct Wish {
    by: Id,
    holder: Id,
    name: Name,
    since: Instant,
    /// When to ask about the holder again.
    ask_at: Instant,
}

/// What becomes of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Grant,
    /// Whether the holder is there is not known yet.
    Wait,
    /// To find that out, it must be sent something.
    Ask,
    Refuse,
}

impl Presences {
    /// Something is being written to this client.
    pub(super) fn writes(&mut self, member: &mut Member, id: Id, now: Instant) {
        self.watch(member, id, now + PROBE_AFTER);
    }

    /// When somebody is next to be asked about.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let wishes = self.wishes.iter().map(|wish| wish.ask_at);
        self.due.first().map(|(due, _)| *due).into_iter().chain(wishes).min()
    }

    /// A member has another name now, and does not want the one for which it waited.
    pub(super) fn forget_wish(&mut self, by: Id) {
        self.wishes.retain(|wish| wish.by != by);
    }

    fn watch(&mut self, member: &mut Member, id: Id, due: Instant) {
        if !std::mem::replace(&mut member.presence.is_watched, true) {
            self.due.insert((due, id));
        }
    }
}

impl Presence {
    /// Nothing was written after `written_at`, so what is unconfirmed has been so since then at least.
    fn observe(&mut self, state: PeerState, written_at: Instant) {
        match self.unanswered {
            _ if state.unconfirmed == 0 => self.unanswered = None,
            Some((confirmed, _)) if confirmed == state.confirmed => {}
            _ => self.unanswered = Some((state.confirmed, written_at)),
        }
    }

    /// For how long the client has owed an answer. Its silence alone does not tell: that counts from the last answer, and there
    /// may have been nothing to answer since.
    fn overdue(&self, silent: Duration, now: Instant) -> Option<Duration> {
        self.unanswered.map(|(_, since)| silent.min(now.saturating_duration_since(since)))
    }
}

impl Hub {
    /// Asks the system about those for whom it is time.
    pub(super) fn probe_clients(&mut self, now: Instant) {
        while let Some((_, id)) = self.presences.due.first().copied().filter(|(due, _)| *due <= now) {
            self.presences.due.pop_first();
            if let Some(member) = self.members.get_mut(&id) {
                member.presence.is_watched = false;
                self.actions.push_back(Action::Probe(id));
            }
        }
        for wish in self.presences.wishes.iter_mut().filter(|wish| wish.ask_at <= now) {
            wish.ask_at = now + WISH_INTERVAL;
            self.actions.push_back(Action::Probe(wish.holder));
        }
    }

    /// Somebody asks for the name of another member. At the same address that may be the same person, whose old connection is
    /// dead. The refusal does not wait for what the system knows, because answers to commands keep their order.
    pub(super) fn ask_for_name(&mut self, by: Id, holder: Id, name: Name, now: Moment) {
        let address = |id: &Id| self.members.get(id).and_then(Member::address);
        let shown = name.shown();
        if address(&by).is_none_or(|own| address(&holder) != Some(own)) {
            return self.reply(by, &format!("the name {shown} is taken"), now);
        }
        let line = format!(
            "the name {shown} is taken; if you were {shown}, you get it when your old connection has not answered for \
             {YIELD_AFTER} seconds"
        );
        self.reply(by, &line, now);
        self.presences.forget_wish(by);
        let (since, ask_at) = (now.instant, now.instant + WISH_INTERVAL);
        self.presences.wishes.push(Wish { by, holder, name, since, ask_at });
        self.actions.push_back(Action::Probe(holder));
    }

    /// The system has answered what it knows about a client, if it can tell.
    pub(super) fn handle_peer_state(&mut self, id: Id, state: Option<PeerState>, now: Moment) {
        let silent = self.observe(id, state, now.instant);
        let presence = self.members.get(&id).map(|member| &member.presence);
        // Where the system cannot tell, the silence began with the last write.
        let overdue = match state {
            Some(_) => {
                presence.and_then(|presence| presence.overdue(silent, now.instant)).unwrap_or_default()
            }
            None => silent,
        };
        if silent >= SILENCE_LIMIT && overdue >= PROBE_AFTER {
            self.handle_vanished(id, silent, now);
        }
        self.grant_free_names(now);
        let wishes: Vec<_> = self.presences.wishes.extract_if(.., |wish| wish.holder == id).collect();
        for wish in wishes {
            self.consider(wish, silent, now);
        }
    }

    /// Returns how long a client has been silent, and arranges to ask again if that may become too long.
    fn observe(&mut self, id: Id, state: Option<PeerState>, now: Instant) -> Duration {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return Duration::ZERO;
        };
        let (is_asked, silent) = match state {
            Some(state) => {
                member.presence.observe(state, member.progress_at);
                (state.unconfirmed > 0, state.silent)
            }
            // Then a client that accepts nothing counts as silent, and keep-alive finds those to whom nothing is to be written.
            None if member.outbox.pending() > 0 => (true, now.saturating_duration_since(member.progress_at)),
            None => (false, Duration::ZERO),
        };
        if is_asked {
            let left = SILENCE_LIMIT.saturating_sub(silent);
            let left = if silent.is_zero() || left.is_zero() { PROBE_AFTER } else { left };
            self.presences.watch(member, id, now + left);
        }
        silent
    }

    /// Gives a name to those who asked for it in vain, if it has become free.
    pub(super) fn grant_free_names(&mut self, now: Moment) {
        let (members, names) = (&self.members, &self.names);
        let is_free = |wish: &mut Wish| {
            !members.contains_key(&wish.by) || names.get(wish.name.key()) != Some(&wish.holder)
        };
        for wish in self.presences.wishes.extract_if(.., is_free).collect::<Vec<_>>() {
            if self.is_present(wish.by) {
                self.rename(wish.by, wish.name.shown(), now);
            }
        }
    }

    /// Does what has become of a wish, now that it is known for how long the holder of the name has been silent.
    fn consider(&mut self, wish: Wish, silent: Duration, now: Moment) {
        let Some(holder) = self.members.get(&wish.holder).filter(|_| self.is_present(wish.by)) else {
            return;
        };
        if self.names.get(wish.name.key()) != Some(&wish.holder) {
            // Somebody else who asked for it has it now.
            return self.rename(wish.by, wish.name.shown(), now);
        }
        let overdue = holder.presence.overdue(silent, now.instant);
        let asked_at = holder.presence.asked_at.filter(|asked_at| *asked_at + ASK_EVERY > now.instant);
        let verdict = match overdue {
            Some(overdue) if overdue >= Duration::from_secs(YIELD_AFTER) => Verdict::Grant,
            _ if wish.since + WISH_LASTS <= now.instant => Verdict::Refuse,
            Some(_) => Verdict::Wait,
            None => match asked_at {
                None => Verdict::Ask,
                Some(asked_at) if asked_at + WISH_INTERVAL <= now.instant => Verdict::Refuse,
                Some(_) => Verdict::Wait,
            },
        };
        let (by, name) = (wish.by, Arc::clone(wish.name.shown()));
        match verdict {
            Verdict::Grant => self.take_over(wish, overdue.unwrap_or_default(), now),
            Verdict::Refuse => self.reply(by, &format!("{name} is still connected and keeps the name"), now),
            Verdict::Wait => self.presences.wishes.push(wish),
            Verdict::Ask => {
                self.reply(wish.holder, "somebody at your address asks for your name", now);
                if let Some(holder) = self.members.get_mut(&wish.holder) {
                    holder.presence.asked_at = Some(now.instant);
                }
                let ask_at = now.instant + WISH_INTERVAL;
                self.presences.wishes.push(Wish { ask_at, ..wish });
            }
        }
    }

    /// Gives somebody the name of a member that does not answer, which leaves.
    fn take_over(&mut self, Wish { by, holder, name, .. }: Wish, silent: Duration, now: Moment) {
        let (shown, seconds) = (name.shown(), silent.as_secs());
        let reason = format!(
            "this connection has not answered for {seconds} s, and somebody at your address has taken the name {shown}"
        );
        self.send_away(holder, &format!("vanished: no answer for {seconds} s"), &reason, now);
        let line =
            format!("the old connection of {shown} has not answered for {seconds} s and was disconnected");
        self.reply(by, &line, now);
        if self.names.get(name.key()) != Some(&holder) {
            return self.rename(by, shown, now);
        }
        // Other hubs have to know first that the name is free.
        let (since, ask_at) = (now.instant, now.instant + WISH_INTERVAL);
        self.presences.wishes.push(Wish { by, holder, name, since, ask_at });
    }

    fn handle_vanished(&mut self, id: Id, silent: Duration, now: Moment) {
        if self.is_present(id) {
            self.announce_leaving(id, &format!("vanished: no answer for {} s", silent.as_secs()), false, now);
            self.disconnect(id, now.instant);
        }
    }
}
