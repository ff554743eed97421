//! What is on its way to a member.

use super::member::Member;
use super::{Id, OPERATOR};
use crate::observe::{Goodbye, Observer, Place, Step};
use crate::rules::messages::Counter;
use crate::rules::wire::GOODBYE;
use memchr::memchr_iter;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines that are said at once, written once and shared by all who are to get them.
#[derive(Debug)]
pub struct Post {
    /// Whose lines they are; nobody's if the hub's. Who said them does not get them back.
    pub author: Option<Id>,
    /// The lines, each with its end.
    pub lines: Vec<u8>,
    /// How many bytes of each line, its stamp and its author, are in front of the text.
    pub prefix: usize,
}

impl Post {
    /// The hub's own.
    pub(super) fn of_hub(lines: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { author: None, lines, prefix: 0 })
    }

    /// How many lines it has.
    fn count(&self) -> usize {
        bytecount::count(&self.lines, b'\n')
    }

    /// The text of each line, without what is in front of it.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        memchr_iter(b'\n', &self.lines).map(move |end| {
            let line = &self.lines[start..end];
            start = end + 1;
            line.get(self.prefix..).unwrap_or_default()
        })
    }
}

/// Posts in order, of which the first may have been written in part.
#[derive(Debug, Default)]
pub struct Queue {
    posts: VecDeque<Arc<Post>>,
    /// How many bytes of the first one have been written.
    written: usize,
    /// How many bytes have not.
    bytes: usize,
}

impl Queue {
    /// Whether all was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// How many bytes are to be written.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many lines end in it.
    #[must_use]
    pub fn lines(&self) -> u64 {
        bytecount::count(&self.copy(usize::MAX), b'\n') as u64
    }

    /// Whoever watches sees that so many bytes were written to a client, whose lines are numbered by `sent`.
    pub fn was_written(&self, bytes: usize, sent: &mut Counter, observer: &Observer) {
        if observer.watches() {
            let written = self.copy(bytes);
            let messages = sent.next(bytecount::count(&written, b'\n') as u64);
            observer.emit(|| Step::Wrote { to: Place::Client, bytes, messages });
            // It is written when nothing else is to be.
            if written == GOODBYE {
                observer.emit(|| Step::Goodbye(Goodbye::Written));
            }
        }
    }

    /// What is to be written next, at most so many bytes, as far as there is room for it in `slices`.
    pub fn fill<'a, 'b>(&'a self, slices: &'b mut [IoSlice<'a>], mut most: usize) -> &'b [IoSlice<'a>] {
        let (mut start, mut filled) = (self.written, 0);
        for (slice, post) in slices.iter_mut().zip(&self.posts) {
            if most == 0 {
                break;
            }
            let part = &post.lines[start..];
            let part = &part[..part.len().min(most)];
            *slice = IoSlice::new(part);
            (start, filled, most) = (0, filled + 1, most - part.len());
        }
        &slices[..filled]
    }

    /// A copy of what is to be written next, of so many bytes at most.
    #[must_use]
    pub fn copy(&self, most: usize) -> Vec<u8> {
        let (mut copy, mut start) = (Vec::with_capacity(self.bytes.min(most)), self.written);
        for post in &self.posts {
            let part = &post.lines[start..];
            copy.extend_from_slice(&part[..part.len().min(most - copy.len())]);
            start = 0;
        }
        copy
    }

    /// So many bytes of it were written.
    pub fn advance(&mut self, written: usize) {
        self.written += written;
        self.bytes -= written;
        while let Some(first) = self.posts.front().filter(|first| first.lines.len() <= self.written) {
            self.written -= first.lines.len();
            self.posts.pop_front();
        }
    }

    fn push(&mut self, post: Arc<Post>) {
        self.bytes += post.lines.len();
        self.posts.push_back(post);
    }
}

/// What a member has not taken yet. Part of it may have been lent to a writer.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Queue,
    /// How many bytes that were lent have not been written.
    lent: usize,
    /// Nothing can be written any more.
    closed: bool,
}

impl Outbox {
    /// What is to be written, unless a writer has something that is in front of it.
    #[must_use]
    pub fn queue(&self) -> Option<&Queue> {
        Some(&self.queue).filter(|queue| self.lent == 0 && !queue.is_empty())
    }

    /// Hands all that is queued to a writer. There must be something.
    #[must_use]
    pub fn lend(&mut self) -> Queue {
        self.lent = self.queue.bytes;
        std::mem::take(&mut self.queue)
    }

    /// How many bytes have not been taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.bytes + self.lent
    }

    /// So many bytes were taken, of what was lent if something was.
    pub(super) fn taken(&mut self, bytes: usize) {
        match self.lent {
            0 => self.queue.advance(bytes.min(self.queue.bytes)),
            lent => self.lent = lent.saturating_sub(bytes),
        }
    }

    pub(super) fn push(&mut self, post: Arc<Post>) {
        if !self.closed && !post.lines.is_empty() {
            self.queue.push(post);
        }
    }

    /// Nothing can be written any more: what waits is dropped.
    pub(super) fn close(&mut self) {
        *self = Self { closed: true, ..Self::default() };
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Drops what is queued behind the first post, which may have been taken in part; how many lines that were.
    pub(super) fn clear(&mut self) -> usize {
        let first = self.queue.posts.len().min(1);
        let dropped = self.queue.posts.drain(first..);
        let (lines, bytes) =
            dropped.fold((0, 0), |(lines, bytes), post| (lines + post.count(), bytes + post.lines.len()));
        self.queue.bytes -= bytes;
        lines
    }
}

/// What is known about all outboxes.
#[derive(Debug)]
pub(super) struct Outboxes {
    /// From how many bytes on one is full.
    limit: usize,
    /// Who has taken nothing for so long while it was full is cut off.
    stall: Duration,
    /// In those something is to be written.
    pub(super) to_write: Vec<Id>,
    /// Those are full.
    full: BTreeSet<Id>,
    /// How many of them are in which room.
    full_in: HashMap<Arc<str>, usize>,
    /// When to look whether they still are.
    pub(super) look_at: Option<Instant>,
    /// One that was full is not any more: those who waited may go on.
    pub(super) has_new_room: bool,
    /// The operator's screen does not take anything. How many lines it was not given.
    lost: Option<usize>,
}

impl Outboxes {
    pub(super) fn new(limit: usize, stall: Duration) -> Self {
        Self {
            limit,
            stall,
            to_write: Vec::new(),
            full: BTreeSet::new(),
            full_in: HashMap::new(),
            look_at: None,
            has_new_room: false,
            lost: None,
        }
    }

    /// Puts a post into the outbox of a member.
    pub(super) fn post(&mut self, member: &mut Member, id: Id, post: &Arc<Post>, now: Instant) {
        if let Some(lost) = self.lost.as_mut().filter(|_| id == OPERATOR) {
            *lost += post.count();
            return;
        }
        if member.outbox.waiting() == 0 {
            member.took_at = now;
        }
        member.outbox.push(Arc::clone(post));
        if !std::mem::replace(&mut member.is_to_be_written, true) {
            self.to_write.push(id);
        }
        if !member.is_full && member.outbox.waiting() >= self.limit && member.leaving.is_none() {
            self.hold_up(member, id);
        }
    }

    /// A member has taken so many bytes. Half of an outbox must be free before the others go on, lest that happens for
    /// every line. How many lines the operator did not get, when his screen has taken those before them.
    pub(super) fn taken(&mut self, member: &mut Member, id: Id, bytes: usize, now: Instant) -> Option<usize> {
        member.outbox.taken(bytes);
        member.took_at = now;
        if member.outbox.waiting() <= self.limit / 2 {
            self.release(member, id);
        }
        self.lost.take_if(|_| id == OPERATOR && member.outbox.waiting() == 0)
    }

    /// How many in this room have a full outbox.
    pub(super) fn full_in(&self, room: &str) -> usize {
        self.full_in.get(room).copied().unwrap_or(0)
    }

    /// The outbox of this member is full: the others in the room wait.
    fn hold_up(&mut self, member: &mut Member, id: Id) {
        member.is_full = true;
        self.full.insert(id);
        *self.full_in.entry(Arc::clone(&member.room)).or_default() += 1;
        let stalls_at = member.took_at + self.stall;
        self.look_at = Some(self.look_at.map_or(stalls_at, |look_at| look_at.min(stalls_at)));
    }

    /// The outbox of this member holds nobody up any more, if it did.
    pub(super) fn release(&mut self, member: &mut Member, id: Id) {
        if !std::mem::take(&mut member.is_full) {
            return;
        }
        self.full.remove(&id);
        self.has_new_room = true;
        if let Some(full) = self.full_in.get_mut(&member.room) {
            *full -= 1;
            if *full == 0 {
                self.full_in.remove(&member.room);
            }
        }
    }

    /// A member goes to another room, with a full outbox perhaps.
    pub(super) fn take_along(&mut self, member: &mut Member, id: Id, room: Arc<str>) {
        let was_full = member.is_full;
        self.release(member, id);
        member.room = room;
        if was_full {
            self.hold_up(member, id);
        }
    }

    /// Those who have taken nothing for too long while their outbox was full.
    pub(super) fn take_stalled(&mut self, members: &HashMap<Id, Member>, now: Instant) -> Vec<Id> {
        if self.look_at.is_none_or(|look_at| now < look_at) {
            return Vec::new();
        }
        let stalls_at = |id: &Id| members.get(id).map(|member| (member.took_at + self.stall, *id));
        let (stalled, other): (Vec<_>, Vec<_>) =
            self.full.iter().filter_map(stalls_at).partition(|(stalls_at, _)| *stalls_at <= now);
        self.look_at = other.iter().map(|(stalls_at, _)| *stalls_at).min();
        stalled.into_iter().map(|(_, id)| id).collect()
    }

    /// The operator's screen cannot be hung up on: what it does not take is counted from now on. What comes next stays: that
    /// it is taken tells that the screen takes something again.
    pub(super) fn begin_to_lose(&mut self, operator: &mut Member) {
        self.release(operator, OPERATOR);
        self.lost = Some(operator.outbox.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(queue: &Queue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 2];
        queue.fill(&mut slices, 99).iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn what_was_taken_in_any_pieces_is_not_written_again() {
        let mut outbox = Outbox::default();
        for lines in ["one\n", "two\n", "three\n"] {
            outbox.push(Post::of_hub(lines.into()));
        }
        outbox.taken(2);
        assert_eq!(outbox.queue().map(written), Some(b"e\ntwo\n".to_vec()));
        outbox.taken(4);
        assert_eq!(outbox.queue().map(written), Some(b"o\nthree\n".to_vec()));
        assert_eq!(outbox.waiting(), 8);
        outbox.taken(8);
        assert!(outbox.queue().is_none());
    }

    #[test]
    fn what_is_said_behind_something_lent_waits_until_that_was_taken() {
        let mut outbox = Outbox::default();
        outbox.push(Post::of_hub("one\n".into()));
        let lent = outbox.lend();
        outbox.push(Post::of_hub("two\n".into()));
        assert_eq!(written(&lent), b"one\n");
        assert!(outbox.queue().is_none());
        outbox.taken(3);
        assert!(outbox.queue().is_none());
        assert_eq!(outbox.waiting(), 5);
        outbox.taken(1);
        assert_eq!(outbox.queue().map(written), Some(b"two\n".to_vec()));
    }
}
