//! What the outboxes of all members have in common: which ones to write, which ones are full, and who waits for them.

use super::account::{Accounts, Holding};
use super::id::{Id, OPERATOR};
use super::member::{Member, Members};
use super::post::{Kind, Memory, Post};
use super::turns::Wait;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A full outbox has space for this many more bytes of what light members say, and for two of the longest lines: the one that
/// filled it and the first of theirs. Those of one address take at least 7 s to fill it, and who does not read is disconnected
/// before that.
const RESERVE: usize = 384 * 1024;

/// With this many bytes of answers in its outbox, a member's next command waits. So it does with a [part](ANSWERS_PART) of the
/// memory that is left, so that many members who do not read their answers leave something for what others say.
const MAX_ANSWERS: usize = 64 * 1024;

/// See [`MAX_ANSWERS`].
const ANSWERS_PART: usize = 64;

/// An outbox has space for this many bytes of private messages. The senders of one address get a [part](PART) of what is left,
/// so that they leave something for others.
const MAX_PRIVATE: usize = 256 * 1024;

/// See [`MAX_PRIVATE`].
const PART: usize = 4;

/// How many full outboxes there is memory for. What many members share is counted once.
const MAX_FULL: usize = 24;

/// However short memory is, an outbox with fewer bytes of what others said is not full, so that who pauses for a moment is not
/// the one who pays for those who took it.
const MIN_CAPACITY: usize = 32 * 1024;

/// The least memory for all outboxes, in bytes.
const MIN_MEMORY: usize = 24 * 1024 * 1024;

/// A light member can only wait for what is left to those at its address, and that grows with time.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// A room is told for whom it waits after this long, and of each further member this long after the one before.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// The room is not told again of the same member for this long.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Outboxes {
    /// An outbox with this many bytes of what others said is full.
    limit: usize,
    /// How much more space it has for what light members say.
    reserve: usize,
    pub(super) memory: Memory,
    /// The members with something new in their outbox, each once.
    pub(super) to_write: VecDeque<Id>,
    /// By the keys of the rooms, only those in which somebody's outbox is full.
    jams: HashMap<Arc<str>, Jam>,
    /// Those who hold up others.
    holdings: BTreeMap<Id, Holding>,
    /// When to look at those.
    pub(super) check_at: Option<Instant>,
    pub(super) accounts: Accounts,
    /// Members that waited for an outbox and can go on.
    pub(super) resumed: Vec<Id>,
    /// While the operator's screen accepts nothing: how many lines were dropped instead of shown.
    dropped: Option<usize>,
}

/// A room in which somebody's outbox is full.
#[derive(Debug, Default)]
struct Jam {
    full: BTreeSet<Id>,
    /// How many of them are full for light members, too.
    brimful: usize,
    /// Who has said something since.
    speakers: Speakers,
    /// Those who wait for them.
    waiting: Vec<Id>,
    /// When the room was last told for whom it waits.
    told_at: Option<Instant>,
}

/// Nobody holds up themselves, so whether a full outbox holds up others depends on who speaks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Speakers {
    #[default]
    None,
    One(Id),
    Several,
}

/// What is to be done about somebody who holds up others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Measure {
    TellRoom,
    Disconnect,
}

impl Outboxes {
    pub(super) fn new(limit: usize, max_line: usize, stall: Duration) -> Self {
        Self {
            limit,
            reserve: RESERVE + 2 * max_line,
            memory: Memory::default(),
            to_write: VecDeque::new(),
            jams: HashMap::new(),
            holdings: BTreeMap::new(),
            accounts: Accounts::new(stall),
            check_at: None,
            resumed: Vec::new(),
            dropped: None,
        }
    }

    /// Puts a post into the outbox of a member, with line ends as this member expects them. Behind the hub's 88 there is nothing:
    /// who leaves linked hubs is a member until all of them know.
    pub(super) fn post(&mut self, member: &mut Member, id: Id, post: &Arc<Post>, now: Instant) {
        if member.leaving.is_some() {
            return;
        }
        self.post_exactly(member, id, post.encoded(member.outbox.encoding()), now);
    }

    /// The same for bytes that are not lines.
    pub(super) fn post_exactly(&mut self, member: &mut Member, id: Id, post: Arc<Post>, now: Instant) {
        if let Some(dropped) = self.dropped.as_mut().filter(|_| id == OPERATOR) {
            *dropped += post.count();
            return;
        }
        if member.outbox.pending() == 0 {
            member.progress_at = now;
        }
        let is_said = post.kind == Kind::Said;
        member.outbox.push(post);
        self.write(member, id);
        if is_said {
            self.fill(member, id, now);
        }
    }

    /// The greeting in the outbox of a client is written from now on.
    pub(super) fn greet(&mut self, member: &mut Member, id: Id) {
        member.outbox.greet();
        self.write(member, id);
    }

    /// All that was kept in the outbox of a client is written from now on.
    pub(super) fn release(&mut self, member: &mut Member, id: Id) {
        member.outbox.release();
        self.write(member, id);
    }

    /// Lets the design write what it can. The operator's outbox is shown, not written.
    fn write(&mut self, member: &mut Member, id: Id) {
        let is_wanted = id != OPERATOR && !member.outbox.is_held();
        if is_wanted && !std::mem::replace(&mut member.write_is_queued, true) {
            self.to_write.push_back(id);
        }
    }

    /// When memory is short, those with a full outbox owe for it even if nobody in their room speaks.
    pub(super) fn check_memory(&mut self, members: &mut Members, now: Instant) {
        if self.free() >= self.limit {
            return;
        }
        for (id, member) in members.iter_mut().filter(|(_, member)| member.leaving.is_none()) {
            self.fill(member, *id, now);
            if member.is_full {
                self.begin_holding(member, *id, now);
            }
        }
    }

    /// Finds out whether an outbox has become full.
    fn fill(&mut self, member: &mut Member, id: Id, now: Instant) {
        if id == OPERATOR && self.dropped.is_some() {
            return;
        }
        let said = member.outbox.said();
        if !member.is_full && said >= self.capacity() {
            member.is_full = true;
            // A newcomer has arrived when it has had a turn.
            self.resumed.extend(member.arrival.is_some().then_some(id));
            let jam = self.jams.entry(Arc::clone(&member.room)).or_default();
            jam.full.insert(id);
            if !matches!(jam.speakers, Speakers::None) && jam.speakers != Speakers::One(id) {
                self.begin_holding(member, id, now);
            }
        }
        if !member.is_brimful && said >= self.light_capacity() {
            member.is_brimful = true;
            if let Some(jam) = self.jams.get_mut(&member.room) {
                jam.brimful += 1;
            }
        }
    }

    /// From how many bytes of what others said on an outbox is full. It gets smaller when memory does.
    fn capacity(&self) -> usize {
        self.limit.min(self.free().max(MIN_CAPACITY))
    }

    /// The same for what light members say.
    fn light_capacity(&self) -> usize {
        self.limit.min(self.free().saturating_add(RESERVE)) + self.reserve
    }

    fn free(&self) -> usize {
        self.limit.saturating_mul(MAX_FULL).max(MIN_MEMORY).saturating_sub(self.memory.used())
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
        let of_others = member.outbox.advance(bytes);
        member.progress_at = now;
        if let Some(holding) = self.holdings.get_mut(&id) {
            holding.pay(of_others, now);
        }
        if member.is_full && member.outbox.said() <= self.capacity() / 2 {
            self.unblock(member, id, now);
        } else if member.is_brimful && member.outbox.said() <= self.light_capacity() - RESERVE / 2 {
            member.is_brimful = false;
            if let Some(jam) = self.jams.get_mut(&member.room) {
                jam.brimful -= 1;
                self.resumed.append(&mut jam.waiting);
            }
        }
        if member.inbox.backlog.wait == Some(Wait::Answers) && member.outbox.answers() <= MAX_ANSWERS / 2 {
            self.resumed.push(id);
        }
        self.resume_senders(member, id, now);
        self.dropped.take_if(|_| id == OPERATOR && member.outbox.pending() == 0)
    }

    /// How many bytes a member may say to its room now. If none, it has to [wait](Self::wait_for_room).
    pub(super) fn may_speak(&mut self, members: &Members, id: Id, now: Instant) -> usize {
        let Some(member) = members.get(&id) else { return 0 };
        if !self.notice_jam(members, id, now) {
            return usize::MAX;
        }
        let brimful = self.jams.get(&member.room).map_or(0, |jam| jam.brimful);
        if brimful > usize::from(member.is_brimful && !member.is_browser()) {
            return 0;
        }
        let share = member.address().map_or(1.0, |address| self.accounts.share_ahead(address, now));
        member.may_say_ahead(share, now)
    }

    /// The members of a room whose outboxes are full.
    #[cfg(feature = "web")]
    pub(super) fn full_in(&self, room: &str) -> impl Iterator<Item = Id> {
        self.jams.get(room).into_iter().flat_map(|jam| jam.full.iter().copied())
    }

    /// Whether not even light members may say something where this one is.
    #[cfg(feature = "link")]
    pub(super) fn is_brimful(&self, member: &Member) -> bool {
        self.jams.get(&member.room).is_some_and(|jam| jam.brimful > usize::from(member.is_brimful))
    }

    /// A member says this much to its room, or something about it is announced there.
    pub(super) fn speaks(&mut self, members: &Members, id: Id, bytes: usize, now: Instant) {
        if self.notice_jam(members, id, now)
            && let Some(address) = members.get(&id).and_then(Member::address)
        {
            self.accounts.went_ahead(address, bytes, now);
        }
    }

    /// Whether outboxes in a speaker's room are full to which its lines go: those of others, and its own if it is a browser, which gets
    /// them back. From then on those others owe for it.
    fn notice_jam(&mut self, members: &Members, speaker: Id, now: Instant) -> bool {
        let Some(member) = members.get(&speaker) else { return false };
        let Some(jam) = self.jams.get_mut(&member.room) else { return false };
        if jam.full.len() == usize::from(!member.is_browser() && jam.full.contains(&speaker)) {
            return false;
        }
        let speakers = match jam.speakers {
            Speakers::None => Speakers::One(speaker),
            Speakers::One(only) if only == speaker => return true,
            Speakers::One(_) => Speakers::Several,
            Speakers::Several => return true,
        };
        jam.speakers = speakers;
        for id in jam.full.iter().copied().filter(|id| *id != speaker).collect::<Vec<_>>() {
            if let Some(member) = members.get(&id) {
                self.begin_holding(member, id, now);
            }
        }
        true
    }

    /// Whether a member at this address can send another one a private message of this many bytes now. If not, it has to wait
    /// for the [receiver](Wait::Receiver), who owes for it.
    pub(super) fn may_send(
        &mut self,
        from: Option<IpAddr>,
        receiver: &Member,
        to: Id,
        bytes: usize,
        now: Instant,
    ) -> bool {
        if to == OPERATOR && self.dropped.is_some() {
            return true;
        }
        let (pending, all) = receiver.outbox.private(from);
        let may_send =
            all == 0 || (pending + bytes) * PART <= MAX_PRIVATE.min(self.free()).saturating_sub(all);
        if !may_send {
            self.begin_holding(receiver, to, now);
        }
        may_send
    }

    /// Whether the answers to a member's commands have capacity. Urgent commands have some of their own.
    pub(super) fn may_answer(&self, member: &Member, is_urgent: bool) -> bool {
        let max = match is_urgent {
            true => 2 * MAX_ANSWERS,
            false => MAX_ANSWERS.min(self.free() / ANSWERS_PART),
        };
        member.outbox.answers() < max.max(1)
    }

    /// Adds a member to those who wait for outboxes in its room. It can be there already: commands of the operator overtake
    /// lines that wait, and light members try again [in time](TRY_AGAIN).
    pub(super) fn wait_for_room(&mut self, member: &mut Member, id: Id, now: Instant) {
        let waited_at = member.wait_for_room(now);
        let again_at = if member.volume.is_light() { now + TRY_AGAIN } else { waited_at };
        member.inbox.backlog.early_until = Some(again_at);
        match self.jams.get_mut(&member.room) {
            // It keeps its place when it only tries again.
            Some(jam) if !std::mem::replace(&mut member.is_in_jam, true) => jam.waiting.push(id),
            Some(_) => {}
            None => self.resumed.push(id),
        }
    }

    /// A member begins to hold up others, if it does not already.
    fn begin_holding(&mut self, member: &Member, id: Id, now: Instant) {
        let Entry::Vacant(entry) = self.holdings.entry(id) else { return };
        let tell_at = (now + TELL_AFTER).max(member.told_at.map_or(now, |told_at| told_at + TELL_EVERY));
        let holding = self.accounts.begin(member, tell_at, now);
        let check_at = entry.insert(holding).due(self.accounts.limit).min(tell_at);
        self.check_at = Some(self.check_at.map_or(check_at, |earlier| earlier.min(check_at)));
    }

    /// Nobody has to wait for this member any more.
    pub(super) fn unblock(&mut self, member: &mut Member, id: Id, now: Instant) {
        let was_brimful = std::mem::take(&mut member.is_brimful);
        if std::mem::take(&mut member.is_full)
            && let Some(jam) = self.jams.get_mut(&member.room)
        {
            jam.full.remove(&id);
            jam.brimful -= usize::from(was_brimful);
            self.resumed.append(&mut jam.waiting);
            if jam.full.is_empty() {
                self.jams.remove(&member.room);
            }
        }
        if member.senders.is_empty() {
            self.end_holding(member, id, now);
        }
    }

    /// Moves a member, perhaps with a full outbox, to another room.
    pub(super) fn change_room(&mut self, member: &mut Member, id: Id, room: Arc<str>, now: Instant) {
        self.unblock(member, id, now);
        (member.room, member.is_in_jam) = (room, false);
        self.fill(member, id, now);
    }

    /// What to do about those who hold up others.
    pub(super) fn measures(&mut self, members: &mut Members, now: Instant) -> Vec<(Id, Measure)> {
        if self.check_at.is_none_or(|check_at| now < check_at) {
            return Vec::new();
        }
        self.check_at = None;
        let mut measures = Vec::new();
        for (id, holding) in &mut self.holdings {
            let due = holding.due(self.accounts.limit);
            if due <= now {
                measures.push((*id, Measure::Disconnect));
                continue;
            }
            if holding.tell_at <= now
                && let Some(member) = members.get_mut(id)
            {
                let is_due = |jam: &&mut Jam| {
                    !jam.waiting.is_empty() && jam.told_at.is_none_or(|told_at| told_at + TELL_AFTER <= now)
                };
                holding.tell_at = now + TELL_AFTER;
                if let Some(jam) = self.jams.get_mut(&member.room).filter(is_due) {
                    (jam.told_at, member.told_at) = (Some(now), Some(now));
                    holding.tell_at = now + TELL_EVERY;
                    measures.push((*id, Measure::TellRoom));
                }
            }
            let check_at = due.min(holding.tell_at);
            self.check_at = Some(self.check_at.map_or(check_at, |earlier| earlier.min(check_at)));
        }
        measures
    }

    /// What a member has cost others, in seconds, less what it has paid and was given back.
    pub(super) fn cost(&self, id: Id, member: &Member, now: Instant) -> f64 {
        self.holdings.get(&id).map_or_else(|| Accounts::cost(member, now), |holding| holding.cost(now))
    }

    /// Lets those go on whose private messages wait for this member.
    pub(super) fn resume_senders(&mut self, member: &mut Member, id: Id, now: Instant) {
        self.resumed.append(&mut member.senders);
        // In a linked hub nobody is in that list: the log waits.
        if !member.is_full {
            self.end_holding(member, id, now);
        }
    }

    fn end_holding(&mut self, member: &mut Member, id: Id, now: Instant) {
        if let Some(holding) = self.holdings.remove(&id) {
            self.accounts.end(&holding, member, now);
        }
    }

    /// The operator's screen cannot be disconnected when it holds up others: from now on lines for it are dropped and counted.
    /// Its first post stays, because writing that shows that the screen accepts bytes again.
    pub(super) fn begin_dropping(&mut self, operator: &mut Member, now: Instant) {
        *self.dropped.get_or_insert(0) += operator.outbox.drop_rest();
        self.resume_senders(operator, OPERATOR, now);
        self.unblock(operator, OPERATOR, now);
        self.resumed.push(OPERATOR);
    }
}
