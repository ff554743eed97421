//! One member: what they say and have not been heard of yet, and what is on its way to them.

use super::command::Remainder;
use super::outbox::Outbox;
use super::{Id, Name, OPERATOR, PAUSE_TO_CLOSE, PAUSE_TO_TAKE};
use crate::rules::buffer::Buffer;
use crate::rules::wire::{Decoder, PAUSE};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// One member, from the greeting until the connection is closed.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Name,
    /// None for the operator.
    pub(super) peer: Option<SocketAddr>,
    /// The key of the room they are in, also when they have left it.
    pub(super) room: Arc<str>,
    pub(super) speech: Speech,
    pub(super) outbox: Outbox,
    /// When something was last taken out of the outbox, or put into it while it was empty.
    pub(super) took_at: Instant,
    /// The outbox is full: others in the room wait.
    pub(super) is_full: bool,
    /// The outbox is on the list of those in which there is something to be written.
    pub(super) is_to_be_written: bool,
    /// Whom they do not want to hear.
    pub(super) ignores: Vec<Id>,
    /// Who last wrote to them alone.
    pub(super) reply_to: Option<Id>,
    /// Why nothing can be written to them any more.
    pub(super) broken: Option<io::Error>,
    /// They have left, and what is on its way is being delivered.
    pub(super) leaving: Option<Leaving>,
    /// When the member is next to be looked after, as the hub's list of these times has it.
    pub(super) timer: Option<Instant>,
}

/// What is said, from the bytes to the lines that were carried out.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) decoder: Decoder,
    /// What was read and has not been looked at.
    /// Each with the moment at which that was.
    pub(super) input: VecDeque<(Buffer, Instant)>,
    /// How much of the first of these was, in bytes.
    pub(super) taken: usize,
    /// Nothing more will be read, and how that ended.
    pub(super) ended: Option<io::Result<()>>,
    /// Whether there ever was a line.
    pub(super) spoke: bool,
    pub(super) lines: Lines,
}

/// The lines that could not be carried out when they came.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Of a client there is one at most; the operator's commands pass by.
    kept: VecDeque<Kept>,
    /// How much memory they take, in bytes.
    bytes: usize,
    /// What the remainder of the last line is, if it was cut.
    pub(super) remainder: Option<Remainder>,
    /// With a rate, when the next line is not early any more.
    pub(super) on_time_at: Option<Instant>,
    /// The first of them is early, and until when.
    pub(super) early_until: Option<Instant>,
    /// They are on the list of those that wait for somebody's outbox.
    pub(super) are_held: bool,
}

impl Speech {
    pub(super) fn new(max_line: usize) -> Self {
        Self {
            decoder: Decoder::new(max_line),
            input: VecDeque::new(),
            taken: 0,
            ended: None,
            spoke: false,
            lines: Lines::default(),
        }
    }

    /// Whether what came without a newline is a line by now. A person may pause within one at the hub's keyboard.
    pub(super) fn is_quiet(&self, id: Id, now: Instant) -> bool {
        id != OPERATOR && self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= now)
    }

    /// Whether something that was read waits to be carried out.
    pub(super) fn waits(&self) -> bool {
        !self.lines.is_empty() || !self.input.is_empty()
    }
}

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How much memory they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a line behind the others.
    pub(super) fn keep(&mut self, kept: Kept) {
        self.bytes += kept.size();
        self.kept.push_back(kept);
    }

    /// The first that was kept.
    pub(super) fn take(&mut self) -> Option<Kept> {
        let kept = self.kept.pop_front()?;
        self.bytes -= kept.size();
        Some(kept)
    }

    /// It has to wait longer.
    pub(super) fn put_back(&mut self, kept: Kept) {
        self.bytes += kept.size();
        self.kept.push_front(kept);
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }
}

/// A line that could not be carried out when it came.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) line: Box<[u8]>,
    /// It is the remainder of one that was cut.
    pub(super) remainder: Option<Remainder>,
}

impl Kept {
    fn size(&self) -> usize {
        size_of::<Self>() + self.line.len()
    }
}

/// The way out of somebody who has left.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) since: Instant,
    /// When they must have taken it all.
    pub(super) until: Instant,
    /// They are still to be told 88.
    pub(super) goodbye: bool,
    /// All was written, and our half was closed.
    pub(super) is_half_closed: bool,
}

impl Member {
    /// When to look after this member although nothing happens.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        if let Some(leaving) = &self.leaving {
            let says_goodbye = leaving.goodbye && self.outbox.waiting() == 0;
            let goodbye_at = says_goodbye.then(|| self.took_at + PAUSE);
            return goodbye_at.into_iter().chain(self.late_at()).min();
        }
        match self.speech.waits() {
            true => self.speech.lines.early_until,
            false => self.speech.decoder.quiet_at(),
        }
    }

    /// When somebody who has left is hung up on.
    pub(super) fn late_at(&self) -> Option<Instant> {
        let leaving = self.leaving.as_ref()?;
        let moved_at = leaving.since.max(self.took_at);
        match self.outbox.waiting() {
            0 => Some(moved_at + PAUSE_TO_CLOSE),
            _ => Some(leaving.until.min(moved_at + PAUSE_TO_TAKE)),
        }
    }
}
