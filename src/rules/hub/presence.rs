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
use std::time::{Duration, Instant};

/// How long after something was written to a client to ask.
const PROBE_AFTER: Duration = Duration::from_secs(10);

/// A client that has not answered for this long gives its name to somebody at its address who asks for it.
const YIELD_AFTER: Duration = Duration::from_secs(3);

/// When somebody who asks in vain can ask again, in seconds, for a person: a bit longer than [`YIELD_AFTER`].
const ASK_AGAIN: u64 = 5;

/// What is known about the presence of one client.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// The system will be asked.
    is_watched: bool,
    /// How many bytes the client had confirmed, and since when nothing more, although something is to be confirmed.
    unanswered: Option<(u64, Instant)>,
    /// When the client was last told that somebody asks for its name.
    told_at: Option<Instant>,
}

/// Whom to ask about, and who waits for a name.
#[derive(Debug, Default)]
pub(super) struct Presences {
    /// When to ask about whom.
    due: BTreeSet<(Instant, Id)>,
    wishes: Vec<Wish>,
}

/// Somebody asks for the name of another member.
#[derive(Debug)]
struct Wish {
    by: Id,
    holder: Id,
    name: Name,
}

impl Presences {
    /// Something is being written to this client.
    pub(super) fn writes(&mut self, member: &mut Member, id: Id, now: Instant) {
        self.watch(member, id, now + PROBE_AFTER);
    }

    /// When somebody is next to be asked about.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    fn watch(&mut self, member: &mut Member, id: Id, due: Instant) {
        if !std::mem::replace(&mut member.presence.is_watched, true) {
            self.due.insert((due, id));
        }
    }
}

impl Presence {
    fn observe(&mut self, state: PeerState, now: Instant) {
        match self.unanswered {
            _ if state.unconfirmed == 0 => self.unanswered = None,
            Some((confirmed, _)) if confirmed == state.confirmed => {}
            _ => self.unanswered = Some((state.confirmed, now)),
        }
    }

    /// Whether the client looks vanished to somebody who asks for its name. Its silence alone does not tell: that counts from
    /// the last answer, and there may have been nothing to answer since.
    fn looks_vanished(&self, silent: Duration, now: Instant) -> bool {
        silent >= YIELD_AFTER && self.unanswered.is_some_and(|(_, since)| since + YIELD_AFTER <= now)
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
    }

    /// Somebody asks for the name of another member. At the same address that may be the same person, whose old connection is
    /// dead. The refusal does not wait for what the system knows, because answers to commands keep their order.
    pub(super) fn ask_for_name(&mut self, by: Id, holder: Id, name: Name, now: Moment) {
        let address = |id: &Id| self.members.get(id)?.peer.map(|peer| peer.ip().to_canonical());
        let shown = name.shown();
        if address(&by).is_none_or(|own| address(&holder) != Some(own)) {
            return self.reply(by, &format!("the name {shown} is taken"), now);
        }
        let line =
            format!("the name {shown} is taken; if you were {shown}, try again in {ASK_AGAIN} seconds");
        self.reply(by, &line, now);
        if self.presences.wishes.iter().all(|wish| wish.by != by) {
            self.presences.wishes.push(Wish { by, holder, name });
            self.actions.push_back(Action::Probe(holder));
        }
    }

    /// The system has answered what it knows about a client, if it can tell.
    pub(super) fn handle_peer_state(&mut self, id: Id, state: Option<PeerState>, now: Moment) {
        let silent = self.observe(id, state, now.instant);
        if silent >= SILENCE_LIMIT {
            self.handle_vanished(id, silent, now);
        }
        let wishes: Vec<_> = self.presences.wishes.extract_if(.., |wish| wish.holder == id).collect();
        for wish in wishes {
            if self.is_present(wish.by) {
                self.grant_name(wish, silent, now);
            }
        }
    }

    /// Returns how long a client has been silent, and arranges to ask again if that may become too long.
    fn observe(&mut self, id: Id, state: Option<PeerState>, now: Instant) -> Duration {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.leaving.is_none()) else {
            return Duration::ZERO;
        };
        let (is_asked, silent) = match state {
            Some(state) => {
                member.presence.observe(state, now);
                (state.unconfirmed > 0, state.silent)
            }
            // Then a client that accepts nothing counts as silent, and keep-alive finds those to whom nothing is to be written.
            None if member.outbox.pending() > 0 => (true, now.saturating_duration_since(member.progress_at)),
            None => (false, Duration::ZERO),
        };
        if is_asked && silent < SILENCE_LIMIT {
            let left = if silent.is_zero() { PROBE_AFTER } else { SILENCE_LIMIT - silent };
            self.presences.watch(member, id, now + left);
        }
        silent
    }

    /// Gives a name to somebody if its holder has vanished. Otherwise an idle holder gets a line: whether its system confirms
    /// that line shows when the other asks again.
    fn grant_name(&mut self, Wish { by, holder, name }: Wish, silent: Duration, now: Moment) {
        let present = self.members.get_mut(&holder).filter(|member| member.leaving.is_none());
        let presence = present.map(|member| &mut member.presence);
        if presence.as_ref().is_none_or(|presence| presence.looks_vanished(silent, now.instant)) {
            self.handle_vanished(holder, silent, now);
            return self.rename(by, name.shown(), now);
        }
        let may_tell = |presence: &&mut Presence| {
            let again = |told_at: Instant| told_at + Duration::from_secs(ASK_AGAIN) <= now.instant;
            presence.unanswered.is_none() && presence.told_at.is_none_or(again)
        };
        if let Some(presence) = presence.filter(may_tell) {
            presence.told_at = Some(now.instant);
            self.reply(holder, "somebody at your address asks for your name", now);
        }
    }

    fn handle_vanished(&mut self, id: Id, silent: Duration, now: Moment) {
        if self.is_present(id) {
            self.announce_leaving(id, &format!("vanished: no answer for {} s", silent.as_secs()), false, now);
            self.disconnect(id, now.instant);
        }
    }
}
