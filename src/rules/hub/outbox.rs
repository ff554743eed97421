//! What has not been written to a member yet.

use super::post::{Encoding, Kind, Post, Queue};
use crate::rules::wire::Decoder;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// What has not been written to a member yet. Part of it may have been lent to a writer.
///
/// This is the hub's data path. On [`Action::Write`](super::Action::Write), and when a client accepts bytes again, a design
/// writes from the [`queue`](Self::queue) itself, or [lends](Self::lend) it to a thread, and passes
/// [`Event::Written`](super::Event::Written) for what has been written.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Queue,
    /// What a writer has been lent, as far as it has not been written.
    lent: Queue,
    /// How many bytes of the queue have been encrypted and not been written.
    sealed: usize,
    /// Nothing can be written any more.
    is_closed: bool,
    /// The client is not greeted yet: nothing is to be written.
    is_held: bool,
    /// What comes after the greeting, until there is reason to believe in the client. None from then on.
    kept: Option<VecDeque<Arc<Post>>>,
    encoding: Encoding,
    costs: Costs,
}

/// What is in an outbox, in bytes of memory.
#[derive(Debug, Default)]
struct Costs {
    said: usize,
    answers: usize,
    /// By the addresses of the senders.
    private: BTreeMap<Option<IpAddr>, usize>,
    all_private: usize,
}

impl Outbox {
    /// What to write next; nothing while a writer has something that comes before it, or before the client is greeted.
    #[must_use]
    pub fn queue(&self) -> Option<&Queue> {
        let has_more = self.lent.is_empty() && self.sealed == 0 && !self.queue.is_empty();
        Some(&self.queue).filter(|_| has_more && !self.is_held)
    }

    /// The next bytes of the [`queue`](Self::queue) have been encrypted, and the connection did not accept all of that. A
    /// record cannot be taken back: they are written whatever happens, and before anything else.
    pub fn seal(&mut self, bytes: usize) {
        self.sealed = bytes;
    }

    /// Hands the [`queue`](Self::queue) to a writer. Call it only if there is one.
    #[must_use]
    pub fn lend(&mut self) -> Queue {
        self.lent = std::mem::take(&mut self.queue);
        self.lent.clone()
    }

    /// How many bytes have not been written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.bytes() + self.lent.bytes()
    }

    /// How many bytes what others said takes in memory.
    pub(super) fn said(&self) -> usize {
        self.costs.said
    }

    /// How many bytes the answers to the member's own commands take in memory.
    pub(super) fn answers(&self) -> usize {
        self.costs.answers
    }

    /// How many bytes the private messages from one address take in memory, and those from all.
    pub(super) fn private(&self, address: Option<IpAddr>) -> (usize, usize) {
        (self.costs.private.get(&address).copied().unwrap_or(0), self.costs.all_private)
    }

    /// Removes bytes that have been written: of what was lent, if something was. Returns how many of them were of others: not
    /// answers to the member's own commands.
    pub(super) fn advance(&mut self, written: usize) -> usize {
        self.sealed = self.sealed.saturating_sub(written);
        let queue = if self.lent.is_empty() { &mut self.queue } else { &mut self.lent };
        let costs = &mut self.costs;
        let mut of_others = 0;
        queue.advance_with(written.min(queue.bytes()), |post, bytes, is_done| {
            of_others += if post.kind == Kind::Answer { 0 } else { bytes };
            if is_done {
                costs.remove(post);
            }
        });
        of_others
    }

    /// Holds what is posted, the greeting, until the client is [greeted](Self::greet).
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    pub(super) fn greet(&mut self) {
        self.is_held = false;
    }

    /// Keeps what is posted from here on until it is [released](Self::release).
    pub(super) fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    pub(super) fn release(&mut self) {
        self.is_held = false;
        self.kept.take().into_iter().flatten().for_each(|post| self.queue.push(post));
    }

    /// Drops what was kept: nobody was there to read it.
    pub(super) fn forget_kept(&mut self) {
        self.kept.take().into_iter().flatten().for_each(|post| self.costs.remove(&post));
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Sends lines as this client expects them, from what has not been written yet on: the greeting comes before a client has
    /// shown what it is.
    pub(super) fn adapt_to(&mut self, decoder: &Decoder) {
        #[cfg(feature = "web")]
        if self.encoding == Encoding::Browser {
            return;
        }
        let encoding = if decoder.is_terminal() { Encoding::Terminal } else { Encoding::Lines };
        if std::mem::replace(&mut self.encoding, encoding) != encoding {
            let kept = self.kept.take();
            for post in self.take_unwritten() {
                self.push(post.encoded(encoding));
            }
            if let Some(kept) = kept {
                kept.iter().for_each(|post| self.costs.remove(post));
                self.keep();
                kept.iter().for_each(|post| self.push(post.encoded(encoding)));
            }
        }
    }

    /// An outbox of a browser.
    #[cfg(feature = "web")]
    pub(super) fn for_browser() -> Self {
        Self { encoding: Encoding::Browser, ..Self::default() }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn push(&mut self, post: Arc<Post>) {
        if !self.is_closed && !post.lines.is_empty() {
            self.costs.add(&post);
            match &mut self.kept {
                Some(kept) => kept.push_back(post),
                None => self.queue.push(post),
            }
        }
    }

    /// Nothing can be written any more: drops everything.
    pub(super) fn close(&mut self) {
        *self = Self { is_closed: true, ..Self::default() };
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Drops all of which nothing has been written. What a writer has been lent counts as written, and so does what was
    /// [sealed](Self::seal).
    pub(super) fn cut(&mut self) {
        self.forget_kept();
        drop(self.take_unwritten());
    }

    fn take_unwritten(&mut self) -> VecDeque<Arc<Post>> {
        let posts = self.queue.take_unwritten(self.sealed);
        posts.iter().for_each(|post| self.costs.remove(post));
        posts
    }

    /// Drops all but the first post, which may have been written in part. Returns how many lines that were.
    pub(super) fn drop_rest(&mut self) -> usize {
        let dropped = self.queue.take_rest();
        dropped.iter().for_each(|post| self.costs.remove(post));
        dropped.iter().map(|post| post.count()).sum()
    }
}

impl Costs {
    fn add(&mut self, post: &Post) {
        match post.kind {
            Kind::Said => self.said += post.cost(),
            Kind::Answer => self.answers += post.cost(),
            Kind::Private(from) => {
                *self.private.entry(from).or_default() += post.cost();
                self.all_private += post.cost();
            }
        }
    }

    fn remove(&mut self, post: &Post) {
        match post.kind {
            Kind::Said => self.said -= post.cost(),
            Kind::Answer => self.answers -= post.cost(),
            Kind::Private(from) => {
                self.all_private -= post.cost();
                if let Entry::Occupied(mut entry) = self.private.entry(from) {
                    *entry.get_mut() -= post.cost();
                    if *entry.get() == 0 {
                        entry.remove();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::IoSlice;

    fn written(queue: &Queue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 2];
        queue.fill(&mut slices, 99).iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn what_was_written_in_any_pieces_is_not_written_again() {
        let mut outbox = Outbox::default();
        for lines in ["one\n", "two\n", "three\n"] {
            outbox.push(Post::for_test(lines));
        }
        outbox.advance(2);
        assert_eq!(outbox.queue().map(written), Some(b"e\ntwo\n".to_vec()));
        outbox.advance(4);
        assert_eq!(outbox.queue().map(written), Some(b"o\nthree\n".to_vec()));
        assert_eq!(outbox.pending(), 8);
        outbox.advance(8);
        assert!(outbox.queue().is_none());
    }

    #[test]
    fn what_is_posted_after_lending_waits_until_what_was_lent_is_written() {
        let mut outbox = Outbox::default();
        outbox.push(Post::for_test("one\n"));
        let lent = outbox.lend();
        outbox.push(Post::for_test("two\n"));
        assert_eq!(written(&lent), b"one\n");
        assert!(outbox.queue().is_none());
        outbox.advance(3);
        assert!(outbox.queue().is_none());
        assert_eq!(outbox.pending(), 5);
        outbox.advance(1);
        assert_eq!(outbox.queue().map(written), Some(b"two\n".to_vec()));
    }

    #[test]
    fn what_was_sealed_is_written_although_the_rest_is_dropped() {
        let mut outbox = Outbox::default();
        for lines in ["one\n", "two\n", "three\n"] {
            outbox.push(Post::for_test(lines));
        }
        outbox.advance(2);
        outbox.seal(3);
        assert!(outbox.queue().is_none(), "it comes before anything else");
        outbox.cut();
        outbox.push(Post::for_test("last\n"));
        outbox.advance(1);
        assert!(outbox.queue().is_none());
        outbox.advance(2);
        assert_eq!(outbox.queue().map(written), Some(b"wo\nlast\n".to_vec()));
    }
}
