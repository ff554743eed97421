//! Lines on their way to members, written once and shared.

use super::id::Id;
use memchr::memchr_iter;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// Lines that somebody sends at once, shared by all who get them.
#[derive(Debug)]
pub struct Post {
    /// The member who sent them and does not get them back; none for lines of the hub.
    pub author: Option<Id>,
    /// The lines, each with its end.
    pub lines: Vec<u8>,
    /// How many bytes of each line come before the text: its stamp and its author.
    pub prefix: usize,
}

impl Post {
    /// Lines of the hub itself.
    pub(super) fn of_hub(lines: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { author: None, lines, prefix: 0 })
    }

    pub(super) fn count(&self) -> usize {
        bytecount::count(&self.lines, b'\n')
    }

    /// The text of each line, without what comes before it.
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
    /// How many bytes of the first post have been written.
    written: usize,
    /// How many bytes are left.
    bytes: usize,
}

impl Queue {
    /// Whether everything has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// How many bytes are left.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many lines end in it. It counts them, so call it only for observers.
    #[must_use]
    pub fn lines(&self) -> u64 {
        bytecount::count(&self.copy(usize::MAX), b'\n') as u64
    }

    /// Points `slices` at the bytes to write next, `max` of them at most.
    pub fn fill<'a, 'b>(&'a self, slices: &'b mut [IoSlice<'a>], mut max: usize) -> &'b [IoSlice<'a>] {
        let (mut start, mut filled) = (self.written, 0);
        for (slice, post) in slices.iter_mut().zip(&self.posts) {
            if max == 0 {
                break;
            }
            let part = &post.lines[start..];
            let part = &part[..part.len().min(max)];
            *slice = IoSlice::new(part);
            (start, filled, max) = (0, filled + 1, max - part.len());
        }
        &slices[..filled]
    }

    /// A copy of the bytes to write next, `max` of them at most.
    #[must_use]
    pub fn copy(&self, max: usize) -> Vec<u8> {
        let (mut copy, mut start) = (Vec::with_capacity(self.bytes.min(max)), self.written);
        for post in &self.posts {
            let part = &post.lines[start..];
            copy.extend_from_slice(&part[..part.len().min(max - copy.len())]);
            start = 0;
        }
        copy
    }

    /// Removes bytes that have been written.
    pub fn advance(&mut self, written: usize) {
        self.written += written;
        self.bytes -= written;
        while let Some(first) = self.posts.front().filter(|first| first.lines.len() <= self.written) {
            self.written -= first.lines.len();
            self.posts.pop_front();
        }
    }

    pub(super) fn push(&mut self, post: Arc<Post>) {
        self.bytes += post.lines.len();
        self.posts.push_back(post);
    }

    /// Drops all but the first post, which may have been written in part. Returns how many lines that were.
    pub(super) fn drop_rest(&mut self) -> usize {
        let first = self.posts.len().min(1);
        let dropped = self.posts.drain(first..);
        let (lines, bytes) =
            dropped.fold((0, 0), |(lines, bytes), post| (lines + post.count(), bytes + post.lines.len()));
        self.bytes -= bytes;
        lines
    }
}
