//! The way to the transcript: what happened, in order, as far as it has not been written.

use crate::designs::transcript::{Format, Sink, Target};
use crate::platform::Out;
use crate::rules::notice::Notice;
use crate::rules::record::{Entry, What};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// From how many bytes of unwritten lines on nothing more is read or sent.
const ROOM: usize = 256 * 1024;

/// How often to look whether somebody reads a named pipe. Nothing tells.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Records what happened, if that is wanted.
pub(super) struct Transcript {
    format: Option<Box<dyn Format>>,
    to: To,
    /// Lines that are not written yet.
    lines: VecDeque<u8>,
    /// With whom the conversation is.
    peer: Option<SocketAddr>,
    /// Errors that were not recorded because there was no room.
    lost: usize,
}

enum To {
    /// A named pipe that nobody reads, and when to look again.
    Unread {
        pipe: Target,
        look_at: Option<Instant>,
    },
    Open {
        out: Out,
        is_full: bool,
    },
    /// Nothing is recorded, or it could not be written.
    Nowhere,
}

impl Transcript {
    /// Records go there.
    pub(super) fn new(sink: Option<Sink>) -> Self {
        let (format, to) = match sink {
            None => (None, To::Nowhere),
            Some(Sink { format, target: Target::Open(file) }) => {
                (Some(format), To::Open { out: Out::new(Box::new(file)), is_full: false })
            }
            Some(Sink { format, target }) => (Some(format), To::Unread { pipe: target, look_at: None }),
        };
        Self { format, to, lines: VecDeque::new(), peer: None, lost: 0 }
    }

    /// Records what the user is told, as far as it belongs into a transcript. What can go wrong any number of times
    /// is counted when there is no room for it.
    pub(super) fn report(&mut self, notice: &Notice) {
        if let Notice::ConnectedFrom(peer) | Notice::ConnectedTo(peer) = notice {
            self.peer = Some(*peer);
        }
        let Some(what) = What::told(notice).filter(|_| self.is_kept()) else { return };
        if matches!(what, What::Error(_)) {
            if !self.has_room() && notice.is_repeatable() {
                self.lost += 1;
                return;
            }
            self.tell_lost();
        }
        self.record(what);
    }

    fn tell_lost(&mut self) {
        if self.lost > 0 && self.has_room() {
            let lost = What::lost(std::mem::take(&mut self.lost));
            self.record(lost);
        }
    }

    /// The conversation is over.
    pub(super) fn closed(&mut self, in_order: bool) {
        self.tell_lost();
        self.record(What::Closed { in_order });
        self.peer = None;
    }

    /// This happened.
    pub(super) fn record(&mut self, what: What) {
        if self.is_kept() {
            self.record_entry(&Entry { time: OffsetDateTime::now_utc(), peer: self.peer, what });
        }
    }

    /// The same of what somebody else has put together.
    pub(super) fn record_entry(&mut self, entry: &Entry) {
        if let Some(format) = &self.format {
            // Writing to memory does not fail.
            let _ = format.write(entry, &mut self.lines);
        }
    }

    /// Whether anything is recorded.
    pub(super) fn is_kept(&self) -> bool {
        self.format.is_some()
    }

    /// Whether more may be read and sent: all of that is recorded.
    pub(super) fn has_room(&self) -> bool {
        self.lines.len() < ROOM
    }

    /// Whether lines wait to be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.lines.is_empty()
    }

    /// What becomes ready when more is taken, if that is waited for.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.to {
            To::Open { out, is_full: true } => Some(out.as_fd()),
            _ => None,
        }
    }

    /// That has become ready.
    pub(super) fn is_ready(&mut self) {
        if let To::Open { is_full, .. } = &mut self.to {
            *is_full = false;
        }
    }

    /// When to [flush](Self::flush) although nothing has become ready.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.to {
            To::Unread { look_at, .. } => look_at.filter(|_| self.is_behind()),
            _ => None,
        }
    }

    /// Writes as much as is taken. After an error it drops what it is given, so that the chat goes on.
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
                To::Unread { look_at: Some(look_at), .. } if now < *look_at => break,
                To::Unread { pipe: Target::NotOpen(pipe), look_at } => match open_if_read(pipe)? {
                    Some(out) => self.to = To::Open { out, is_full: false },
                    None => *look_at = Some(now + LOOK_EVERY),
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
