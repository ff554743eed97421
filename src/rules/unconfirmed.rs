//! What was sent and may not have arrived. If the connection breaks, it is sent again over the next one.
//!
//! TCP tells what the peer's system has confirmed, not what its program has read. So a message counts as arrived when it is
//! confirmed and the connection has held for a while after that, without anything that the peer's system leaves
//! unconfirmed: a program that does not read looks like that. What is in doubt is sent again, because twice is better than
//! never.

use super::buffer::Buffer;
use super::event::{SILENCE_LIMIT, Status};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often to check what the peer's system has confirmed. What it had confirmed at one check has arrived at the next:
/// within that time a program reads what its system holds for it.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The same while no more can be kept, so that the sender hardly waits.
const CHECK_FULL_EVERY: Duration = Duration::from_millis(10);

/// How long messages are kept where the system does not report what the peer has confirmed: a broken connection goes
/// unnoticed for up to [`SILENCE_LIMIT`].
const KEEP_FOR: Duration = SILENCE_LIMIT.saturating_add(Duration::from_secs(10));

/// How many bytes are kept at most: more than an outbox, the buffer of our socket (4 MiB on Linux) and that of the peer's
/// (6 MiB) hold together. So a sender does not wait for confirmations that are on their way, and what is forgotten to make
/// space was read.
const LIMIT: usize = 16 * 1024 * 1024;

/// How many are left then.
const LEFT: usize = LIMIT - 2 * 1024 * 1024;

/// What was sent and may not have arrived, in order.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    kept: VecDeque<Kept>,
    /// How many of these were sent over this connection. The others are from an earlier one.
    sent: usize,
    /// How many bytes they take.
    size: usize,
    /// How many bytes were handed out over this connection.
    handed_out: u64,
    /// How many of them the peer's system had confirmed at the last check.
    confirmed: u64,
    /// How many it had confirmed at a check when nothing was unconfirmed. They have arrived at the next such check.
    noted: Option<(Instant, u64)>,
    check_at: Option<Instant>,
}

/// Messages that were handed out together.
#[derive(Debug)]
struct Kept {
    output: Vec<u8>,
    /// See [`Buffer::ends`].
    ends: Vec<usize>,
    /// How many bytes were handed out over the connection, up to the end of this.
    end: u64,
    sent_at: Instant,
    /// The room of a hub to which they were said.
    room: Option<Arc<str>>,
}

impl Unconfirmed {
    /// These messages are sent for the first time, to this room.
    pub(super) fn add(&mut self, messages: &Buffer, room: Option<Arc<str>>, now: Instant) {
        let (output, ends) = (messages.output.clone(), messages.ends.clone());
        self.kept.push_back(Kept { output, ends, end: 0, sent_at: now, room });
        self.size += self.kept.back().map_or(0, Kept::size);
        self.hand_out_next(messages.wire().len(), now);
        if self.is_full() {
            self.check_at = Some(now);
        }
    }

    /// This many bytes are sent that need not be kept.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.handed_out += bytes as u64;
    }

    /// The next messages to send again, if any are left. When they are handed out, call
    /// [`hand_out_next`](Self::hand_out_next).
    pub(super) fn send_again(&self) -> Option<Buffer> {
        let kept = self.kept.get(self.sent)?;
        let mut buffer = Buffer::with_output(kept.output.clone());
        buffer.ends.clone_from(&kept.ends);
        buffer.messages.count = kept.messages_after(0) as u64;
        Some(buffer)
    }

    /// The next of the kept messages are handed out, and take that many bytes on the wire.
    pub(super) fn hand_out_next(&mut self, bytes: usize, now: Instant) {
        let kept = &mut self.kept[self.sent];
        self.handed_out += bytes as u64;
        (kept.end, kept.sent_at) = (self.handed_out, now);
        self.sent += 1;
        self.check_at.get_or_insert(now + CHECK_EVERY);
    }

    /// The room to which the first messages were said, if there are any.
    pub(super) fn room(&self) -> Option<Option<Arc<str>>> {
        self.kept.front().map(|kept| kept.room.clone())
    }

    /// Whether no more can be kept before the next check.
    pub(super) fn is_full(&self) -> bool {
        self.size >= LIMIT
    }

    /// How many messages wait to be sent again.
    pub(super) fn waiting(&self) -> usize {
        self.kept.range(self.sent..).map(|kept| kept.messages_after(0)).sum()
    }

    /// When to call [`check`](Self::check). None while all that was sent has arrived, so that silence costs no wake-up.
    pub(super) fn check_at(&self) -> Option<Instant> {
        self.check_at
    }

    /// Forgets what has arrived.
    pub(super) fn check(&mut self, now: Instant, status: &Status) {
        let is_full = self.is_full();
        let is_known = status.confirmed().is_some();
        let confirmed = status.confirmed().unwrap_or(status.written);
        self.confirmed = confirmed;
        let mut arrived = 0;
        if is_known
            && status.peer.unconfirmed == 0
            && self.noted.is_none_or(|(noted_at, _)| noted_at + CHECK_EVERY <= now)
            && let Some((_, noted)) = self.noted.replace((now, confirmed))
        {
            arrived = noted;
        }
        self.forget_while(|kept, size| {
            let is_old = !is_known && kept.sent_at + KEEP_FOR <= now;
            kept.end <= arrived || kept.end <= confirmed && (is_old || is_full && size > LEFT)
        });
        let check_at = match self.kept.front() {
            _ if self.is_full() => now + CHECK_FULL_EVERY,
            Some(first) if !is_known => (now + CHECK_EVERY).max(first.sent_at + KEEP_FOR),
            _ => now + CHECK_EVERY,
        };
        self.check_at = Some(check_at).filter(|_| self.sent > 0);
    }

    /// Forgets messages that were sent over this connection, from the first on.
    fn forget_while(&mut self, mut has_arrived: impl FnMut(&Kept, usize) -> bool) {
        while self.sent > 0 && self.kept.front().is_some_and(|kept| has_arrived(kept, self.size)) {
            self.size -= self.kept.pop_front().map_or(0, |kept| kept.size());
            self.sent -= 1;
        }
    }

    /// The connection broke: all that has not arrived is to be sent again. Returns how many messages the peer's system has
    /// not confirmed, as far as is known.
    pub(super) fn begin_again(&mut self) -> usize {
        let confirmed = self.confirmed;
        let unconfirmed = |kept: &Kept| kept.messages_after(kept.bytes_before(confirmed));
        let sent: usize = self.kept.range(..self.sent).map(unconfirmed).sum();
        let messages = sent + self.waiting();
        (self.sent, self.handed_out, self.confirmed) = (0, 0, 0);
        (self.noted, self.check_at) = (None, None);
        messages
    }
}

impl Kept {
    /// How many bytes of memory it takes.
    fn size(&self) -> usize {
        size_of::<Self>() + self.output.len() + size_of_val(&self.ends[..])
    }

    /// How many of its bytes are before this position in what was handed out.
    fn bytes_before(&self, position: u64) -> usize {
        let start = self.end - self.output.len() as u64;
        self.output.len().min(usize::try_from(position.saturating_sub(start)).unwrap_or(usize::MAX))
    }

    /// How many messages end after the first `bytes` bytes.
    fn messages_after(&self, bytes: usize) -> usize {
        match self.ends.is_empty() {
            true => bytecount::count(&self.output[bytes..], b'\n'),
            false => self.ends.iter().filter(|end| **end > bytes).count(),
        }
    }
}
