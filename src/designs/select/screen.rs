//! The way to the user: messages to standard output, notices to standard error. What is not taken at once waits.

use super::transcript::Transcript;
use crate::observe::{Goodbye, Observe, Observer, Place, Step};
use crate::platform::Out;
use crate::rules::buffer::Buffer;
use crate::rules::messages::Messages;
use crate::rules::notice::{Importance, Notice};
use crate::rules::record::What;
use crate::rules::settings::Verbosity;
use crate::terminal::{Display, Kind, mark};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// From how many items on notices are dropped and counted. Messages are few, because they come in the buffers of the
/// socket.
const NOTICES: usize = 224;

/// What the user is shown.
pub(super) struct Screen {
    messages: Output,
    /// None if they are shown where messages are, so that they stay in order.
    notices: Option<Output>,
    marked: Option<bool>,
    verbosity: Verbosity,
    /// Whoever watches, with `-v` the user, too, and what the user is to be shown of it.
    observer: Observer,
    told: Option<Arc<Told>>,
    /// Messages can be shown.
    works: bool,
    /// Notices that were dropped.
    lost: usize,
    /// Whatever is shown passes here, and is recorded if it is to be.
    pub(super) transcript: Transcript,
}

/// Something to write to, and what waits to be written there.
struct Output {
    out: Out,
    place: Place,
    queue: VecDeque<Buffer>,
    is_full: bool,
}

impl Screen {
    /// What is shown goes there.
    pub(super) fn new(
        screen: Box<dyn Display>,
        notices: Option<Box<dyn Display>>,
        verbosity: Verbosity,
        observer: Observer,
        transcript: Transcript,
    ) -> Self {
        let told = (verbosity == Verbosity::Verbose).then(Arc::<Told>::default);
        let observer = told.iter().fold(observer, |observer, told| observer.and(Arc::clone(told) as _));
        Self {
            marked: screen.marks(),
            messages: Output::new(screen, Place::Screen),
            notices: notices.map(|notices| Output::new(notices, Place::Notices)),
            observer,
            told,
            verbosity,
            works: true,
            lost: 0,
            transcript,
        }
    }

    /// Shows messages, and records them.
    pub(super) fn show(&mut self, mut buffer: Buffer) {
        if buffer.shows_nothing() {
            return;
        }
        if self.transcript.is_kept() {
            let shared = Arc::new(buffer);
            self.transcript.record(What::Received(Arc::clone(&shared)));
            let Some(again) = Arc::into_inner(shared) else { return };
            buffer = again;
        }
        self.show_unrecorded(buffer);
    }

    /// Shows messages that the transcript does not get.
    pub(super) fn show_unrecorded(&mut self, mut buffer: Buffer) {
        if let Some(color) = self.marked {
            buffer.output = mark(Kind::Message, &buffer.output, color);
        }
        if self.works {
            self.messages.queue.push_back(buffer);
        }
    }

    /// Shows a notice, if it is important enough.
    pub(super) fn report(&mut self, notice: &Notice) {
        if notice.is_goodbye_heard() {
            self.observer.emit(|| Step::Goodbye(Goodbye::Heard));
        }
        self.observer.emit(|| Step::Tells(notice.to_string()));
        self.show_told();
        self.transcript.report(notice);
        let importance = notice.importance();
        if self.verbosity == Verbosity::Quiet && importance == Importance::Information {
            return;
        }
        if self.lost > 0 && self.try_notice(Kind::Error, &Notice::NoticesLost(self.lost)) {
            self.lost = 0;
        }
        let kind = if importance == Importance::Error { Kind::Error } else { Kind::Notice };
        if !self.try_notice(kind, notice) {
            self.lost += 1;
        }
    }

    /// Whoever watches, with `-v` the user, too.
    pub(super) fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Shows what the user has seen with `-v` since this was last done.
    fn show_told(&mut self) {
        let told = self.told.as_ref().map(|told| told.take()).unwrap_or_default();
        for line in told {
            // Not counted if it is dropped: what is told must not hold up what it is told of.
            self.try_notice(Kind::Notice, &line);
        }
    }

    fn try_notice(&mut self, kind: Kind, text: &dyn fmt::Display) -> bool {
        let output = match &mut self.notices {
            Some(notices) => notices,
            // On a terminal that is gone, there is nobody left to tell.
            None if !self.works => return true,
            None => &mut self.messages,
        };
        let has_room = output.queue.len() < NOTICES;
        if has_room {
            let line = format!("{text}\n").into_bytes();
            let line = match self.marked {
                Some(color) => mark(kind, &line, color),
                None => line,
            };
            output.queue.push_back(Buffer::with_output(line));
        }
        has_room
    }

    /// Whether messages wait to be written.
    pub(super) fn has_messages(&self) -> bool {
        self.messages.is_behind()
    }

    /// Whether notices wait to be written.
    pub(super) fn has_notices(&self) -> bool {
        self.notices.as_ref().is_some_and(Output::is_behind)
    }

    /// What becomes ready when more messages are taken, if that is waited for, and the same for notices.
    pub(super) fn descriptors(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [self.messages.descriptor(), self.notices.as_ref().and_then(Output::descriptor)]
    }

    /// The one for messages has become ready.
    pub(super) fn messages_are_ready(&mut self) {
        self.messages.is_full = false;
    }

    /// The one for notices has become ready.
    pub(super) fn notices_are_ready(&mut self) {
        if let Some(notices) = &mut self.notices {
            notices.is_full = false;
        }
    }

    /// Writes as much as is taken. After an error messages are dropped.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.show_told();
        if let Some(notices) = &mut self.notices {
            // If notices cannot be written, there is nobody left to tell.
            let _ = notices.flush(&self.observer);
        }
        let result = self.messages.flush(&self.observer);
        self.works &= result.is_ok();
        result
    }
}

/// `-v`: the user watches. What they see is kept until it can be shown.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines())
    }
}

impl Observe for Told {
    fn emit(&self, step: &Step) {
        let mut lines = self.lines();
        // What the user is told, and is shown, is there to be seen.
        let is_seen =
            matches!(step, Step::Tells(_) | Step::Writes { to: Place::Screen | Place::Notices, .. })
                || matches!(step, Step::Wrote { to: Place::Screen | Place::Notices, .. });
        if !is_seen && lines.len() < NOTICES {
            lines.push(format!("[main] {step}"));
        }
    }
}

impl Output {
    fn new(to: Box<dyn Display>, place: Place) -> Self {
        Self { out: Out::new(to), place, queue: VecDeque::new(), is_full: false }
    }

    fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.is_full.then(|| self.out.as_fd())
    }

    /// After an error what waits is dropped.
    fn flush(&mut self, observer: &Observer) -> io::Result<()> {
        while !self.is_full
            && let Some(buffer) = self.queue.front_mut()
        {
            let bytes = buffer.next_shown().len();
            observer.emit(|| Step::Writes { to: self.place, bytes });
            match self.out.write(buffer.next_shown()) {
                Ok(written) => {
                    buffer.written += written;
                    let messages =
                        if buffer.next_shown().is_empty() { buffer.messages } else { Messages::NONE };
                    observer.emit(|| Step::Wrote { to: self.place, bytes: written, messages });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_full = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.queue.clear();
                    return Err(error);
                }
            }
            if buffer.next_shown().is_empty() {
                self.queue.pop_front();
            }
        }
        Ok(())
    }
}
