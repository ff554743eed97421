//! The way to the user: messages to standard output, notices to standard error. Each has a thread that writes, so
//! that a screen that has stopped does not block main.

use super::event::{ConsoleEvent, ProgramEvent, ToMain};
use super::queue::{Consumer, Limit, Producer, queue};
use super::thread::{Thread, spawn};
use super::transcript::{Recorder, Transcript};
use crate::designs::transcript::Sink;
use crate::designs::verbose;
use crate::observe::thread::SCREEN_WRITER;
use crate::observe::{Observer, Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::messages::Messages;
use crate::rules::notice::{Kind, Notice, Reporter};
#[cfg(feature = "hub")]
use crate::rules::record::Entry;
use crate::rules::settings::Verbosity;
use crate::terminal;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// How many notices may wait. Further ones are dropped and counted.
const NOTICES: usize = 256;

/// Two people are bounded by the buffers of the socket-reader. A hub shows the next messages when the last are
/// written.
const LIMIT: Limit = Limit { items: 1, bytes: usize::MAX };

enum Item {
    /// These count in the queue. The transcript may have the same buffer.
    Messages(Arc<Buffer>),
    Notice(Kind, String),
    Prompt(String),
    End,
}

/// Main's end of the way to the user.
///
/// While no message waits, main itself writes what is taken without blocking, where the platform can do that: a hop
/// through another thread would cost a message tens of microseconds. The screen-writer is for a screen that is behind.
pub(super) struct Screen {
    direct: Option<Box<dyn Write>>,
    messages: Producer<Item>,
    /// The same as `messages` if one terminal shows both, so that they stay in order.
    notices: Producer<Item>,
    reporter: Reporter,
    /// With `-v`, the user observes, too.
    observer: Observer,
    screen_writer: Thread,
    notice_writer: Option<Thread>,
    transcript: Option<Transcript>,
}

impl Screen {
    /// Starts the screen-writer and, unless one display shows both, the notice-writer.
    ///
    /// They may be left behind when the program ends: nothing can wake a thread that is blocked in writing to a
    /// terminal or a pipe.
    pub(super) fn start<E: ProgramEvent>(
        screen: Box<dyn terminal::Display>,
        direct: Option<Box<dyn Write>>,
        notices: Option<Box<dyn terminal::Display>>,
        verbosity: Verbosity,
        to_main: &ToMain<E>,
    ) -> io::Result<Self> {
        let to = |place, display, done| Writer::new(place, display, done, to_main);
        let (messages, screen_writer) = to(Place::Screen, screen, ConsoleEvent::ScreenDone);
        let screen_writer = screen_writer.start(SCREEN_WRITER)?;
        let (notices, notice_writer) = match notices {
            Some(display) => {
                let (notices, writer) = to(Place::Notices, display, ConsoleEvent::NoticesDone);
                (notices, Some(writer.start("notice-writer")?))
            }
            None => (messages.clone(), None),
        };
        let shown = notices.clone();
        // The writers keep the observer without the user: they would report that they report.
        let observer = verbose::observer(to_main.observer.clone(), verbosity, move |line| {
            try_notice(&shown, Kind::Notice, line);
        });
        Ok(Self {
            direct,
            messages,
            notices,
            reporter: Reporter::new(verbosity),
            observer,
            screen_writer,
            notice_writer,
            transcript: None,
        })
    }

    /// From here on a transcript records what happens.
    pub(super) fn record_to<E: ProgramEvent>(&mut self, sink: Sink, to_main: ToMain<E>) -> io::Result<()> {
        self.transcript = Some(Transcript::start(sink, to_main)?);
        Ok(())
    }

    /// Shows and records messages, which came in the buffers of the socket-reader.
    pub(super) fn show(&mut self, buffer: Buffer) {
        match &self.transcript {
            None => self.show_unrecorded(buffer),
            Some(_) if buffer.shows_nothing() => {}
            Some(transcript) => {
                let buffer = Arc::new(buffer);
                transcript.received(Arc::clone(&buffer));
                self.queue(buffer);
            }
        }
    }

    /// Shows messages that the transcript does not record.
    pub(super) fn show_unrecorded(&mut self, mut buffer: Buffer) {
        self.try_write(&mut buffer);
        if !buffer.next_shown().is_empty() {
            self.queue(Arc::new(buffer));
        }
    }

    fn queue(&self, buffer: Arc<Buffer>) {
        self.observer.emit(|| Step::HandsOut { to: Place::Screen, messages: buffer.messages });
        self.messages.push(Item::Messages(buffer), 0);
    }

    /// Writes what the screen takes, unless something else waits for it. An error is left to the writer, which meets it
    /// again.
    fn try_write(&mut self, buffer: &mut Buffer) {
        let Some(direct) = self.direct.as_mut().filter(|_| self.messages.is_idle()) else { return };
        while !buffer.next_shown().is_empty() {
            let bytes = buffer.next_shown().len();
            self.observer.emit(|| Step::Writes { to: Place::Screen, bytes });
            let Ok(written @ 1..) = direct.write(buffer.next_shown()) else { return };
            buffer.written += written;
            let messages = if buffer.next_shown().is_empty() { buffer.messages } else { Messages::NONE };
            self.observer.emit(|| Step::Wrote { to: Place::Screen, bytes: written, messages });
        }
    }

    /// Whether all messages are written: for messages that no reader's buffers bound. If not, a
    /// `Capacity` event follows when they are.
    #[cfg(feature = "hub")]
    pub(super) fn has_capacity(&self) -> bool {
        self.messages.has_capacity()
    }

    /// Records what happened, if there is a transcript.
    #[cfg(feature = "hub")]
    pub(super) fn record_entry(&self, entry: Entry) {
        if let Some(transcript) = &self.transcript {
            transcript.record(entry);
        }
    }

    /// Records a notice, and shows it if it is important enough.
    pub(super) fn report(&mut self, notice: &Notice) {
        verbose::observe_notice(notice, &self.observer);
        if let Some(transcript) = &mut self.transcript {
            transcript.report(notice);
        }
        self.reporter.report(notice, |kind, notice| try_notice(&self.notices, kind, notice));
    }

    /// Shows, where lines are typed, the other side or what we wait for.
    pub(super) fn set_prompt(&self, state: &str) {
        // Dropped only while more is to be shown than anybody could read.
        self.messages.try_push_uncounted(Item::Prompt(state.to_owned()), NOTICES);
    }

    /// Records the end of a conversation.
    pub(super) fn closed(&mut self, cleanly: bool) {
        if let Some(transcript) = &mut self.transcript {
            transcript.closed(cleanly);
        }
    }

    /// For what is sent in the conversation that has just begun.
    pub(super) fn recorder(&self) -> Option<Recorder> {
        self.transcript.as_ref().map(Transcript::recorder)
    }

    /// Whether the transcript, if there is one, keeps up. If not, a `Capacity` event follows when it does.
    pub(super) fn transcript_has_capacity(&self) -> bool {
        self.transcript.as_ref().is_none_or(Transcript::has_capacity)
    }

    /// Whether messages or entries of the transcript wait to be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.messages.is_idle() || self.transcript.as_ref().is_some_and(Transcript::is_behind)
    }

    /// For the threads that the user observes with `-v`.
    pub(super) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Whether notices have a thread of their own.
    pub(super) fn has_notice_writer(&self) -> bool {
        self.notice_writer.is_some()
    }

    /// No more messages follow: the screen-writer ends when it has written what it has, and reports that.
    pub(super) fn end_messages(&self) {
        self.messages.try_push_uncounted(Item::End, usize::MAX);
    }

    /// The same for notices and the notice-writer.
    pub(super) fn end_notices(&self) {
        self.notices.try_push_uncounted(Item::End, usize::MAX);
    }

    /// The same for the transcript and its thread. False if there is none.
    pub(super) fn end_transcript(&mut self) -> bool {
        self.transcript.as_mut().map(Transcript::end).is_some()
    }

    /// Joins the writer of the transcript, which has sent its last event.
    pub(super) fn join_transcript(&mut self) {
        if let Some(transcript) = self.transcript.take() {
            transcript.join();
        }
    }

    /// Joins the writers that have ended.
    pub(super) fn join(self) {
        for writer in [Some(self.screen_writer), self.notice_writer].into_iter().flatten() {
            writer.join_within(Duration::ZERO);
        }
    }
}

fn try_notice(queue: &Producer<Item>, kind: Kind, text: impl Display) -> bool {
    queue.try_push_uncounted(Item::Notice(kind, format!("{text}\n")), NOTICES)
}

/// Writes what is shown.
struct Writer<E> {
    queue: Consumer<Item>,
    place: Place,
    display: Box<dyn terminal::Display>,
    /// Its last event.
    done: ConsoleEvent,
    to_main: ToMain<E>,
}

impl<E: ProgramEvent> Writer<E> {
    /// A writer that does not run yet, and the way to it.
    fn new(
        place: Place,
        display: Box<dyn terminal::Display>,
        done: ConsoleEvent,
        to_main: &ToMain<E>,
    ) -> (Producer<Item>, Self) {
        let (producer, queue) = queue(LIMIT, to_main.waker());
        (producer, Self { queue, place, display, done, to_main: to_main.clone() })
    }

    fn start(self, name: &str) -> io::Result<Thread> {
        let observer = self.to_main.observer.clone();
        spawn(name, &observer, move || self.run())
    }

    /// Writes until the end. After an error it drops messages.
    fn run(mut self) {
        let mut works = true;
        while let Some(item) = self.queue.next(&self.to_main.observer) {
            match item {
                Item::Messages(buffer) => {
                    let result = if works { self.write(&buffer) } else { Ok(()) };
                    drop(buffer);
                    self.queue.done(0);
                    if let Err(error) = result {
                        works = false;
                        self.to_main.send(ConsoleEvent::ScreenFailed(error));
                    }
                }
                Item::Notice(kind, lines) => {
                    self.to_main.observer.emit(|| Step::Writes { to: self.place, bytes: lines.len() });
                    // If notices cannot be written, there is no way left to report that.
                    let _ = self.display.show(kind, lines.as_bytes());
                }
                Item::Prompt(state) => self.display.set_prompt(&state),
                Item::End => break,
            }
        }
        // Fails only if main has gone.
        self.to_main.send(self.done);
    }

    fn write(&mut self, buffer: &Buffer) -> io::Result<()> {
        let [first, rest] = buffer.shown();
        let written = buffer.written;
        let bytes = first.len() + rest.len() - written;
        self.to_main.observer.emit(|| Step::Writes { to: self.place, bytes });
        self.display.show(Kind::Message, &first[written.min(first.len())..])?;
        self.display.show(Kind::Message, &rest[written.saturating_sub(first.len())..])?;
        self.to_main.observer.emit(|| Step::Wrote { to: self.place, bytes, messages: buffer.messages });
        Ok(())
    }
}
