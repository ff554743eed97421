//! The way to the transcript: what happened, in order, as far as it is not written.

use crate::designs::clock::utc_now;
#[cfg(feature = "hub")]
use crate::designs::transcript;
use crate::designs::transcript::{Format, Sink, Target};
use crate::platform::Out;
#[cfg(feature = "hub")]
use crate::rules::failure::Failure;
use crate::rules::notice::Notice;
use crate::rules::record::{Entry, Journal, What};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From how many unwritten bytes on nothing more is read or sent.
const CAPACITY: usize = 256 * 1024;

/// How often to check whether somebody reads a named pipe. The system does not report it.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// Records what happened, if there is a transcript.
pub(super) struct Transcript {
    /// Its format and its name, if there is one.
    #[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "only a hub opens it again"))]
    file: Option<(Box<dyn Format>, PathBuf)>,
    to: To,
    /// The file is to be opened again when all lines are written.
    #[cfg(feature = "hub")]
    reopens: bool,
    /// Lines that are not written yet.
    lines: VecDeque<u8>,
    journal: Journal,
}

enum To {
    /// A named pipe that nobody reads, and when to check again.
    Unread {
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
        let (file, to) = match sink {
            None => (None, To::Nowhere),
            Some(Sink { format, target }) => {
                let (path, to) = To::of(target);
                (Some((format, path)), to)
            }
        };
        Self {
            file,
            to,
            #[cfg(feature = "hub")]
            reopens: false,
            lines: VecDeque::new(),
            journal: Journal::default(),
        }
    }

    /// Somebody may have moved the file: what is recorded from here on goes to the one that has its name then.
    #[cfg(feature = "hub")]
    pub(super) fn reopen(&mut self) {
        self.reopens = true;
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
        if let Some((format, _)) = self.file.as_ref().filter(|_| self.is_kept()) {
            // Writing to memory does not fail.
            let _ = format.write(entry, &mut self.lines);
        }
    }

    /// Whether there is a transcript that can be written.
    pub(super) fn is_kept(&self) -> bool {
        !matches!(self.to, To::Nowhere)
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
            To::Unread { check_at } => check_at.filter(|_| self.is_behind()),
            _ => None,
        }
    }

    /// Writes what is taken without blocking. After an error it records nothing more, so that the chat goes on.
    pub(super) fn flush(&mut self, now: Instant) -> Result<(), Notice> {
        let result = self.write(now);
        if result.is_err() {
            self.to = To::Nowhere;
            self.lines.clear();
        }
        #[cfg(feature = "hub")]
        if self.reopens && !self.is_behind() {
            self.reopens = false;
            self.go_on().map_err(Notice::CannotReopenTranscript)?;
        }
        result.map_err(Notice::CannotWriteTranscript)
    }

    /// Goes on in the file that has the name now. If that fails, the old one stays.
    #[cfg(feature = "hub")]
    fn go_on(&mut self) -> Result<(), Failure> {
        if let Some((_, path)) = &self.file {
            self.to = To::of(transcript::open(path)?).1;
        }
        Ok(())
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
                To::Unread { check_at } => {
                    let pipe = self.file.as_ref().map(|(_, path)| open_if_read(path));
                    match pipe.transpose()?.flatten() {
                        Some(out) => self.to = To::Open { out, is_full: false },
                        None => *check_at = Some(now + CHECK_EVERY),
                    }
                }
            }
        }
        Ok(())
    }
}

impl To {
    fn of(target: Target) -> (PathBuf, Self) {
        let (path, file) = target.into_parts();
        match file {
            Some(file) => (path, Self::Open { out: Out::new(Box::new(file)), is_full: false }),
            None => (path, Self::Unread { check_at: None }),
        }
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
