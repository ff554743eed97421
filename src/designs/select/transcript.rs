//! The way to the transcript: what happened, in order, as far as it is not written.

use crate::designs::clock::utc_now;
use crate::designs::transcript::{Format, Sink, Target};
use crate::platform::Out;
use crate::rules::notice::Notice;
use crate::rules::record::{Entry, Journal, What};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// From how many unwritten bytes on nothing more is read or sent.
const CAPACITY: usize = 256 * 1024;

/// How often to check whether somebody reads a named pipe. The system does not report it.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// Records what happened, if there is a transcript.
pub(super) struct Transcript {
    format: Option<Box<dyn Format>>,
    to: To,
    /// Lines that are not written yet.
    lines: VecDeque<u8>,
    journal: Journal,
}

enum To {
    /// A named pipe that nobody reads, and when to check again.
    Unread {
        pipe: Target,
        check_at: Option<Instant>,
    },
    Open {
        out: Out,
        is_full: bool,
    },
    /// There is no transcript, or writing it failed.
    Nowhere,
}

impl Transcript {
    pub(super) fn new(sink: Option<Sink>) -> Self {
        let (format, to) = match sink {
            None => (None, To::Nowhere),
            Some(Sink { format, target: Target::Open(file) }) => {
                (Some(format), To::Open { out: Out::new(Box::new(file)), is_full: false })
            }
            Some(Sink { format, target }) => (Some(format), To::Unread { pipe: target, check_at: None }),
        };
        Self { format, to, lines: VecDeque::new(), journal: Journal::default() }
    }

    /// Records what belongs into a transcript of what the user sees.
    pub(super) fn report(&mut self, notice: &Notice) {
        let has_capacity = || self.lines.len() < CAPACITY;
        let entries = self.journal.report(notice, utc_now(), has_capacity);
        entries.iter().for_each(|entry| self.record_entry(entry));
    }

    /// Records the end of a conversation.
    pub(super) fn closed(&mut self, cleanly: bool) {
        let entries = self.journal.close(cleanly, utc_now());
        entries.iter().for_each(|entry| self.record_entry(entry));
    }

    /// Nothing more happens: records the errors that were not recorded, if any.
    pub(super) fn end(&mut self) {
        let lost = self.journal.take_lost(utc_now());
        lost.iter().for_each(|entry| self.record_entry(entry));
    }

    /// Records what happens in the conversation.
    pub(super) fn record(&mut self, what: What) {
        let entry = self.journal.entry(what, utc_now());
        self.record_entry(&entry);
    }

    pub(super) fn record_entry(&mut self, entry: &Entry) {
        if let Some(format) = &self.format {
            // Writing to memory does not fail.
            let _ = format.write(entry, &mut self.lines);
        }
    }

    /// Whether there is a transcript.
    pub(super) fn is_kept(&self) -> bool {
        self.format.is_some()
    }

    /// Whether more may be read and sent: all of that is recorded.
    pub(super) fn has_capacity(&self) -> bool {
        self.lines.len() < CAPACITY
    }

    /// Whether lines wait to be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.lines.is_empty()
    }

    /// What becomes ready when more can be written, if it is full.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.to {
            To::Open { out, is_full: true } => Some(out.as_fd()),
            _ => None,
        }
    }

    /// The descriptor has become ready.
    pub(super) fn is_ready(&mut self) {
        if let To::Open { is_full, .. } = &mut self.to {
            *is_full = false;
        }
    }

    /// When to [flush](Self::flush) although nothing has become ready.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.to {
            To::Unread { check_at, .. } => check_at.filter(|_| self.is_behind()),
            _ => None,
        }
    }

    /// Writes what is taken without blocking. After an error it records nothing more, so that the chat goes on.
    pub(super) fn flush(&mut self, now: Instant) -> io::Result<()> {
        let result = self.write(now);
        if result.is_err() {
            (self.format, self.to) = (None, To::Nowhere);
            self.lines.clear();
        }
        result
    }

    fn write(&mut self, now: Instant) -> io::Result<()> {
        while self.is_behind() {
            match &mut self.to {
                To::Open { is_full: true, .. } | To::Nowhere => break,
                To::Open { out, is_full } => match out.write(self.lines.as_slices().0) {
                    Ok(written) => drop(self.lines.drain(..written)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => *is_full = true,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                },
                To::Unread { check_at: Some(check_at), .. } if now < *check_at => break,
                To::Unread { pipe: Target::NotOpen(pipe), check_at } => match open_if_read(pipe)? {
                    Some(out) => self.to = To::Open { out, is_full: false },
                    None => *check_at = Some(now + CHECK_EVERY),
                },
                To::Unread { .. } => break,
            }
        }
        Ok(())
    }
}

/// Opens a named pipe, unless nobody reads it.
fn open_if_read(pipe: &Path) -> io::Result<Option<Out>> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(pipe, flags, Mode::empty()) {
        Ok(pipe) => Ok(Some(Out::new(Box::new(pipe)))),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
