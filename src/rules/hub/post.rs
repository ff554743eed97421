//! Lines on their way to members, written once and shared.

use super::id::Id;
#[cfg(feature = "web")]
use crate::rules::wire::websocket;
use memchr::memchr_iter;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Lines that somebody sends at once, shared by all who get them.
#[derive(Debug)]
pub struct Post {
    /// The member who said them to the room and does not get them back; none for other lines.
    pub author: Option<Id>,
    /// The lines, each with its end. What comes before the first of them has no newline in it.
    pub lines: Vec<u8>,
    /// How many bytes of each line come before the text: its stamp and its author.
    pub prefix: usize,
    pub(super) kind: Kind,
    /// The number of the first line in its room, if the room counts it.
    #[cfg(feature = "web")]
    number: Option<NonZeroU64>,
    memory: Memory,
    /// The same for terminals, once one of them gets it.
    for_terminals: OnceLock<Arc<Self>>,
    /// The same for browsers.
    #[cfg(feature = "web")]
    for_browsers: OnceLock<Arc<Self>>,
}

/// How a client expects what it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// A line ends in `\n`.
    #[default]
    Lines,
    /// A line ends in `\r\n`: a terminal shows it as it comes.
    Terminal,
    /// Lines are in messages of a WebSocket (`docs/web.md`).
    #[cfg(feature = "web")]
    Browser,
}

/// Who is responsible for a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Others: it was said or announced to the room.
    Said,
    /// The member itself: it answers a command.
    Answer,
    /// Somebody at this address, or the operator, who sent it as a private message.
    Private(Option<IpAddr>),
}

/// What a post takes beside its text: itself, its place in a queue, and what the allocator adds.
const POST_SIZE: usize = size_of::<Post>() + 64;

/// How many bytes all posts take that exist, wherever they are. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<AtomicUsize>);

impl Memory {
    pub(super) fn used(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes a post that is counted while it exists.
    pub(super) fn post(&self, kind: Kind, author: Option<Id>, lines: Vec<u8>, prefix: usize) -> Arc<Post> {
        self.numbered(kind, author, lines, prefix, None)
    }

    /// The same with the number of its first line in the room.
    pub(super) fn numbered(
        &self,
        kind: Kind,
        author: Option<Id>,
        lines: Vec<u8>,
        prefix: usize,
        number: Option<NonZeroU64>,
    ) -> Arc<Post> {
        self.0.fetch_add(lines.capacity() + POST_SIZE, Ordering::Relaxed);
        #[cfg(not(feature = "web"))]
        let _ = number;
        Arc::new(Post {
            author,
            lines,
            prefix,
            kind,
            #[cfg(feature = "web")]
            number,
            memory: self.clone(),
            for_terminals: OnceLock::new(),
            #[cfg(feature = "web")]
            for_browsers: OnceLock::new(),
        })
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.lines.capacity() + POST_SIZE, Ordering::Relaxed);
    }
}

impl Post {
    #[cfg(test)]
    pub(super) fn for_test(lines: &str) -> Arc<Self> {
        Memory::default().post(Kind::Said, None, lines.into(), 0)
    }

    /// The same lines as clients with this encoding get them. One copy serves all of them.
    pub(super) fn encoded(self: &Arc<Self>, encoding: Encoding) -> Arc<Self> {
        Arc::clone(match encoding {
            Encoding::Lines => self,
            Encoding::Terminal => self.for_terminals.get_or_init(|| {
                let mut lines = Vec::with_capacity(self.lines.len() + self.count());
                for line in self.lines.split_inclusive(|byte| *byte == b'\n') {
                    match line.strip_suffix(b"\n") {
                        Some(text) => lines.extend([text, b"\r\n"].into_iter().flatten()),
                        None => lines.extend_from_slice(line),
                    }
                }
                self.memory.post(self.kind, self.author, lines, self.prefix)
            }),
            #[cfg(feature = "web")]
            Encoding::Browser => self.for_browsers.get_or_init(|| {
                let words = match (self.kind, self.number, self.author) {
                    (Kind::Said, Some(number), Some(author)) => format!("said {number} {} ", author.0),
                    (Kind::Said, ..) => "news ".to_owned(),
                    (Kind::Answer, ..) => "hub ".to_owned(),
                    (Kind::Private(_), ..) => "told ".to_owned(),
                };
                self.memory.post(self.kind, self.author, websocket::text(&words, &self.lines), 0)
            }),
        })
    }

    /// What it takes in memory, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.lines.len() + POST_SIZE
    }

    /// How many lines it has.
    pub(in crate::rules) fn count(&self) -> usize {
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
#[derive(Debug, Clone, Default)]
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

    /// How many lines end in the next `max` bytes. It counts them, so call it only for observers.
    #[must_use]
    pub fn lines(&self, mut max: usize) -> u64 {
        let (mut start, mut lines) = (self.written, 0);
        for post in &self.posts {
            let part = &post.lines[std::mem::take(&mut start)..];
            let part = &part[..part.len().min(max)];
            lines += bytecount::count(part, b'\n') as u64;
            max -= part.len();
            if max == 0 {
                break;
            }
        }
        lines
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
        let mut copy = Vec::with_capacity(self.bytes.min(max));
        self.copy_to(&mut copy, max);
        copy
    }

    /// The same, appended to `copy`.
    pub fn copy_to(&self, copy: &mut Vec<u8>, mut max: usize) {
        let mut start = self.written;
        for post in &self.posts {
            if max == 0 {
                break;
            }
            let part = &post.lines[start..];
            let part = &part[..part.len().min(max)];
            copy.extend_from_slice(part);
            (start, max) = (0, max - part.len());
        }
    }

    /// Removes bytes that have been written.
    pub fn advance(&mut self, written: usize) {
        self.advance_with(written, |_, _, _| {});
    }

    /// The same. For each post it calls `for_each` with how many bytes of it were among them, and whether it is complete.
    pub(super) fn advance_with(&mut self, mut written: usize, mut for_each: impl FnMut(&Post, usize, bool)) {
        self.bytes -= written;
        while written > 0
            && let Some(first) = self.posts.front()
        {
            let left = first.lines.len() - self.written;
            let is_complete = written >= left;
            for_each(first, written.min(left), is_complete);
            if !is_complete {
                self.written += written;
                return;
            }
            written -= left;
            self.written = 0;
            self.posts.pop_front();
        }
    }

    pub(super) fn push(&mut self, post: Arc<Post>) {
        self.bytes += post.lines.len();
        self.posts.push_back(post);
    }

    /// Takes out all posts of which nothing has been written, nor is among the next `sealed` bytes.
    pub(super) fn take_unwritten(&mut self, sealed: usize) -> VecDeque<Arc<Post>> {
        let begun = self.written + sealed;
        let mut start = 0;
        let is_begun = |post: &&Arc<Post>| {
            let is_begun = start < begun;
            start += post.lines.len();
            is_begun
        };
        self.take_after(self.posts.iter().take_while(is_begun).count())
    }

    /// Takes out all but the first post, which may have been written in part.
    pub(super) fn take_rest(&mut self) -> VecDeque<Arc<Post>> {
        self.take_after(self.posts.len().min(1))
    }

    fn take_after(&mut self, kept: usize) -> VecDeque<Arc<Post>> {
        let rest = self.posts.split_off(kept);
        self.bytes -= rest.iter().map(|post| post.lines.len()).sum::<usize>();
        rest
    }
}
