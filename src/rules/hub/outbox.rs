//! What has not been written to a member yet.

use super::post::{Post, Queue};
use std::sync::Arc;

/// What has not been written to a member yet. Part of it may have been lent to a writer.
///
/// This is the hub's data path. On [`Action::Write`](super::Action::Write), and when a client accepts bytes again, a design
/// writes from the [`queue`](Self::queue) itself, or [lends](Self::lend) it to a thread, and passes
/// [`Event::Written`](super::Event::Written) for what has been written.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Queue,
    /// How many bytes of what was lent have not been written.
    lent: usize,
    /// Nothing can be written any more.
    is_closed: bool,
}

impl Outbox {
    /// What to write next; nothing while a writer has something that comes before it.
    #[must_use]
    pub fn queue(&self) -> Option<&Queue> {
        Some(&self.queue).filter(|queue| self.lent == 0 && !queue.is_empty())
    }

    /// Hands the [`queue`](Self::queue) to a writer. Call it only if there is one.
    #[must_use]
    pub fn lend(&mut self) -> Queue {
        self.lent = self.queue.bytes();
        std::mem::take(&mut self.queue)
    }

    /// How many bytes have not been written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.bytes() + self.lent
    }

    /// Removes bytes that have been written: of what was lent, if something was.
    pub(super) fn advance(&mut self, written: usize) {
        match self.lent {
            0 => self.queue.advance(written.min(self.queue.bytes())),
            lent => self.lent = lent.saturating_sub(written),
        }
    }

    pub(super) fn push(&mut self, post: Arc<Post>) {
        if !self.is_closed && !post.lines.is_empty() {
            self.queue.push(post);
        }
    }

    /// Nothing can be written any more: drops everything.
    pub(super) fn close(&mut self) {
        *self = Self { is_closed: true, ..Self::default() };
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Drops all but the first post, which may have been written in part. Returns how many lines that were.
    pub(super) fn drop_rest(&mut self) -> usize {
        self.queue.drop_rest()
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
            outbox.push(Post::of_hub(lines.into()));
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
        outbox.push(Post::of_hub("one\n".into()));
        let lent = outbox.lend();
        outbox.push(Post::of_hub("two\n".into()));
        assert_eq!(written(&lent), b"one\n");
        assert!(outbox.queue().is_none());
        outbox.advance(3);
        assert!(outbox.queue().is_none());
        assert_eq!(outbox.pending(), 5);
        outbox.advance(1);
        assert_eq!(outbox.queue().map(written), Some(b"two\n".to_vec()));
    }
}
