//! What a member has sent that has not been executed yet.

use super::id::{Id, OPERATOR};
use super::turns::Wait;
use crate::rules::buffer::Buffer;
use crate::rules::commands::Remainder;
use crate::rules::wire::Decoder;
use std::collections::VecDeque;
use std::io;
use std::time::Instant;

/// From the bytes that were read to the lines that were executed.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) decoder: Decoder,
    /// What was read and has not been decoded, each with the time at which it was read.
    pub(super) buffers: VecDeque<(Buffer, Instant)>,
    /// How many bytes of the first of these have been decoded.
    pub(super) decoded: usize,
    /// Nothing more will be read, and how reading ended.
    pub(super) ended: Option<io::Result<()>>,
    /// Whether there has ever been a line.
    pub(super) has_had_line: bool,
    pub(super) backlog: Backlog,
}

/// Lines that could not be executed when they came.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// At most one line of a client, because its buffers wait meanwhile. The operator's may be many: commands overtake them.
    lines: VecDeque<PendingLine>,
    bytes: usize,
    /// What the remainder of the last line means, if that line was cut.
    pub(super) remainder: Option<Remainder>,
    /// With `--rate`: when the next line is not early any more.
    pub(super) on_time_at: Option<Instant>,
    /// The first line is early until then, for `--rate` or because it is a command that is limited.
    pub(super) early_until: Option<Instant>,
    /// What the member waits for.
    pub(super) wait: Option<Wait>,
}

#[derive(Debug)]
pub(super) struct PendingLine {
    pub(super) text: Box<[u8]>,
    /// The line is the remainder of one that was cut, and means this.
    pub(super) remainder: Option<Remainder>,
}

impl Inbox {
    pub(super) fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            buffers: VecDeque::new(),
            decoded: 0,
            ended: None,
            has_had_line: false,
            backlog: Backlog::default(),
        }
    }

    /// Whether a line without a newline counts as complete by now. It never does at the hub's own keyboard, where a person
    /// may pause within a line.
    pub(super) fn is_quiet(&self, id: Id, now: Instant) -> bool {
        id != OPERATOR && self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= now)
    }

    /// Whether something that was read waits to be executed.
    pub(super) fn is_waiting(&self) -> bool {
        !self.backlog.is_empty() || !self.buffers.is_empty()
    }

    /// Drops what has not been executed.
    pub(super) fn clear(&mut self) {
        self.buffers.clear();
        self.backlog.lines.clear();
        self.backlog.bytes = 0;
    }
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How much memory the lines take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, line: PendingLine) {
        self.bytes += line.size();
        self.lines.push_back(line);
    }

    pub(super) fn pop(&mut self) -> Option<PendingLine> {
        let line = self.lines.pop_front()?;
        self.bytes -= line.size();
        Some(line)
    }

    /// Puts a line back that was [popped](Self::pop) and has to wait longer.
    pub(super) fn put_back(&mut self, line: PendingLine) {
        self.bytes += line.size();
        self.lines.push_front(line);
    }
}

impl PendingLine {
    fn size(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }
}
