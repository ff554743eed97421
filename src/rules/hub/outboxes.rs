//! What the outboxes of all members have in common: which ones to write, and which ones are full.

use super::id::{Id, OPERATOR};
use super::member::Member;
use super::post::Post;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Outboxes {
    /// An outbox with this many bytes is full.
    limit: usize,
    /// A member whose outbox is full and who accepts nothing for this long has stalled.
    stall: Duration,
    /// The members with something new in their outbox, each once.
    pub(super) to_write: VecDeque<Id>,
    /// The members whose outbox is full.
    full: BTreeSet<Id>,
    /// How many of them are in each room. A member who speaks looks at this one number.
    full_in: HashMap<Arc<str>, usize>,
    /// When to look for members that have stalled.
    pub(super) check_at: Option<Instant>,
    /// An outbox that was full is not any more: held members may resume.
    pub(super) may_resume: bool,
    /// While the operator's screen accepts nothing: how many lines were dropped instead of shown.
    dropped: Option<usize>,
}

impl Outboxes {
    pub(super) fn new(limit: usize, stall: Duration) -> Self {
        Self {
            limit,
            stall,
            to_write: VecDeque::new(),
            full: BTreeSet::new(),
            full_in: HashMap::new(),
            check_at: None,
            may_resume: false,
            dropped: None,
        }
    }

    /// Puts a post into the outbox of a member.
    pub(super) fn post(&mut self, member: &mut Member, id: Id, post: &Arc<Post>, now: Instant) {
        if let Some(dropped) = self.dropped.as_mut().filter(|_| id == OPERATOR) {
            *dropped += post.count();
            return;
        }
        if member.outbox.pending() == 0 {
            member.progress_at = now;
        }
        member.outbox.push(Arc::clone(post));
        // The operator's outbox is shown, not written.
        if id != OPERATOR && !std::mem::replace(&mut member.write_is_queued, true) {
            self.to_write.push_back(id);
        }
        if !member.is_full && member.outbox.pending() >= self.limit && member.leaving.is_none() {
            self.block(member, id);
        }
    }

    /// Bytes of a member's outbox have been written. Half of the outbox must be free before others resume, or they would
    /// stop and resume for every line. Returns how many lines the operator missed, once the screen has accepted what came
    /// before them.
    pub(super) fn written(
        &mut self,
        member: &mut Member,
        id: Id,
        bytes: usize,
        now: Instant,
    ) -> Option<usize> {
        member.outbox.advance(bytes);
        member.progress_at = now;
        if member.outbox.pending() <= self.limit / 2 {
            self.unblock(member, id);
        }
        self.dropped.take_if(|_| id == OPERATOR && member.outbox.pending() == 0)
    }

    /// How many members of this room have a full outbox.
    pub(super) fn full_in(&self, room: &str) -> usize {
        self.full_in.get(room).copied().unwrap_or(0)
    }

    /// The outbox of this member is full: others in the room have to wait.
    fn block(&mut self, member: &mut Member, id: Id) {
        member.is_full = true;
        self.full.insert(id);
        *self.full_in.entry(Arc::clone(&member.room)).or_default() += 1;
        let stalls_at = member.progress_at + self.stall;
        self.check_at = Some(self.check_at.map_or(stalls_at, |check_at| check_at.min(stalls_at)));
    }

    /// Nobody has to wait for this member any more.
    pub(super) fn unblock(&mut self, member: &mut Member, id: Id) {
        if !std::mem::take(&mut member.is_full) {
            return;
        }
        self.full.remove(&id);
        self.may_resume = true;
        if let Some(full) = self.full_in.get_mut(&member.room) {
            *full -= 1;
            if *full == 0 {
                self.full_in.remove(&member.room);
            }
        }
    }

    /// Moves a member, perhaps with a full outbox, to another room.
    pub(super) fn change_room(&mut self, member: &mut Member, id: Id, room: Arc<str>) {
        let was_full = member.is_full;
        self.unblock(member, id);
        member.room = room;
        if was_full {
            self.block(member, id);
        }
    }

    /// The members that have stalled.
    pub(super) fn stalled(&mut self, members: &HashMap<Id, Member>, now: Instant) -> Vec<Id> {
        if self.check_at.is_none_or(|check_at| now < check_at) {
            return Vec::new();
        }
        let stalls_at = |id: &Id| members.get(id).map(|member| (member.progress_at + self.stall, *id));
        let (stalled, other): (Vec<_>, Vec<_>) =
            self.full.iter().filter_map(stalls_at).partition(|(stalls_at, _)| *stalls_at <= now);
        self.check_at = other.iter().map(|(stalls_at, _)| *stalls_at).min();
        stalled.into_iter().map(|(_, id)| id).collect()
    }

    /// The operator's screen cannot be disconnected when it stalls: from now on lines for it are dropped and counted. Its
    /// first post stays, because writing that shows that the screen accepts bytes again.
    pub(super) fn begin_dropping(&mut self, operator: &mut Member) {
        self.unblock(operator, OPERATOR);
        self.dropped = Some(operator.outbox.drop_rest());
    }
}
