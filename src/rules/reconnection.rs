//! Calling again after a connection broke: whom, when, and what is said then.

use super::buffer::Buffer;
use super::event::Status;
use super::failure::Failure;
use super::introduction::Introduction;
use super::notice::Notice;
use super::settings::{Caller, Reconnect};
use super::unconfirmed::Unconfirmed;
use std::time::{Duration, Instant};

/// How many seconds to wait before each call in a row. A program that its supervisor starts again answers after about a second. A
/// machine that is gone for long must not be called all the time, and somebody who waits for it must notice soon when it
/// is back.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 30];

/// A connection that breaks earlier counts as a call that failed, so that a peer that accepts and closes at once is called
/// no more often than one that does not answer.
const MUST_HOLD: Duration = Duration::from_secs(10);

/// What is needed to go on over another connection.
#[derive(Debug)]
pub(super) struct Reconnection {
    when: Reconnect,
    /// Until when to call again if we are not let in. None once the other side has said something else.
    pub(super) wait_until: Option<Instant>,
    /// The connection was lost before.
    has_called_again: bool,
    pub(super) introduction: Introduction,
    pub(super) unconfirmed: Unconfirmed,
    /// Only while the connection is lost.
    lost: Option<Lost>,
    /// How many calls failed in a row.
    failed: usize,
    /// Our goodbye was handed out, and may not have arrived.
    pub(super) said_goodbye: bool,
}

#[derive(Debug)]
struct Lost {
    /// When to call. None while a call is under way.
    call_at: Option<Instant>,
    /// Why the last call failed, as far as the user knows.
    reason: Option<Failure>,
    /// How many messages were sent and are not confirmed.
    unconfirmed: usize,
}

impl Reconnection {
    /// `is_person`: somebody sits at a terminal.
    pub(super) fn new(caller: Caller, is_person: bool) -> Self {
        let when = if caller.reconnect == Reconnect::Hub && !is_person {
            Reconnect::Never
        } else {
            caller.reconnect
        };
        Self {
            when,
            wait_until: None,
            has_called_again: false,
            introduction: Introduction::new(caller.name),
            unconfirmed: Unconfirmed::default(),
            lost: None,
            failed: 0,
            said_goodbye: false,
        }
    }

    /// Whether to be prepared for a connection that breaks: also while the peer may still turn out to be a hub.
    pub(super) fn is_prepared(&self) -> bool {
        match self.when {
            _ if self.wait_until.is_some() => true,
            Reconnect::Never => false,
            Reconnect::Hub => self.introduction.is_hub() != Some(false),
            Reconnect::Always => true,
        }
    }

    /// Whether to call again if we are not let in now. When we call again after a connection broke, it may be that very connection
    /// which keeps the line busy.
    pub(super) fn waits(&self, now: Instant) -> bool {
        match self.wait_until {
            Some(until) => now < until,
            None => self.has_called_again && self.is_wanted(),
        }
    }

    /// Whether we have not been let in until the time was up.
    pub(super) fn has_waited(&self, now: Instant) -> bool {
        self.wait_until.is_some_and(|until| until <= now)
    }

    /// They have let us in.
    fn admitted(&mut self) {
        self.wait_until = None;
        if !self.is_prepared() {
            self.unconfirmed = Unconfirmed::default();
        }
    }

    /// Whether to call again if the connection breaks now.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_prepared() && (self.when == Reconnect::Always || self.introduction.is_hub() == Some(true))
    }

    /// These messages were typed and are sent for the first time.
    pub(super) fn sent(&mut self, messages: &Buffer, now: Instant) {
        if self.is_prepared() {
            self.unconfirmed.add(messages, self.introduction.room(), now);
        }
        // So much is not sent to somebody who does not read.
        if self.unconfirmed.is_full() {
            self.admitted();
        }
    }

    /// Learns from lines that the peer sent.
    pub(super) fn hear(&mut self, lines: &[u8]) {
        if self.is_prepared() {
            self.introduction.hear(lines);
            self.admitted();
        }
    }

    /// Whether the connection is lost, and another one is looked for.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// The connection broke after it had `held` for that long.
    pub(super) fn lose(&mut self, held: Duration, now: Instant) {
        if held >= MUST_HOLD {
            self.failed = 0;
        }
        let unconfirmed = self.unconfirmed.begin_again();
        self.has_called_again = true;
        self.lost = Some(Lost { call_at: None, reason: None, unconfirmed });
        self.pause(now);
    }

    /// A call failed. Returns what to report: a reason that the user does not know yet.
    pub(super) fn call_failed(&mut self, failure: Failure, now: Instant) -> Option<Notice> {
        self.pause(now);
        let lost = self.lost.as_mut()?;
        let is_new = lost.reason.as_ref() != Some(&failure);
        is_new.then(|| {
            lost.reason = Some(failure.clone());
            Notice::CallFailed(failure)
        })
    }

    /// Waits for the next call, longer than for the last.
    fn pause(&mut self, now: Instant) {
        let pause = Duration::from_secs(PAUSES[self.failed.min(PAUSES.len() - 1)]);
        self.failed += 1;
        let call_at = self.wait_until.map_or(now + pause, |until| until.min(now + pause));
        if let Some(lost) = &mut self.lost {
            lost.call_at = Some(call_at);
        }
    }

    /// A connection begins.
    pub(super) fn connected(&mut self) {
        self.lost = None;
    }

    /// How many messages are not confirmed, while the connection is lost.
    pub(super) fn unconfirmed_messages(&self) -> usize {
        self.lost.as_ref().map_or(0, |lost| lost.unconfirmed)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.lost {
            Some(lost) => lost.call_at,
            // Until they have let us in, nothing counts as arrived.
            None => self.unconfirmed.check_at().filter(|_| self.wait_until.is_none()),
        }
    }

    /// True if it is time to call. While the connection holds, `status` says what the peer's system has confirmed.
    pub(super) fn handle_timeout(&mut self, now: Instant, status: &Status) -> bool {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return false;
        }
        match &mut self.lost {
            Some(lost) => lost.call_at = None,
            None => self.unconfirmed.check(now, status),
        }
        self.is_lost()
    }
}
