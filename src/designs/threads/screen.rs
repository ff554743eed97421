//! The way to the user: messages to standard output, notices to standard error. Each has a thread that writes, so
//! that a screen that has stopped does not block main.

use super::event::{ConsoleEvent, ProgramEvent, ToMain};
use super::queue::{Consumer, Limit, Producer, queue};
use super::thread::{Thread, spawn};
use super::transcript::{Recorder, Transcript};
use crate::designs::clock::Clock;
use crate::designs::transcript::Sink;
use crate::designs::typed;
use crate::designs::verbose;
use crate::observe::thread::SCREEN_WRITER;
use crate::observe::{Observer, Place, Step};
use crate::platform::TerminalChange;
use crate::rules::buffer::Buffer;
use crate::rules::messages::Messages;
use crate::rules::notice::{Notice, Reporter};
#[cfg(feature = "hub")]
use crate::rules::record::Entry;
use crate::rules::settings::Verbosity;
use crate::rules::wire::Stamp;
use crate::terminal::{Frame, NOTICES, Output, Terminal, between_frames};
use std::io::{self, Write};
use std::mem::take;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Two people are bounded by the buffers of the socket-reader. A hub shows the next messages when the last are
/// written, and a terminal gets the next frame then.
const LIMIT: Limit = Limit { items: 1, bytes: usize::MAX };

enum Item {
    /// These count in the queue. The transcript may have the same buffer.
    Messages(Arc<Buffer>),
    /// This counts, too.
    Frame(Frame),
    /// A line, with its newline.
    Notice(String),
    End,
}

/// Main's end of the way to the user.
///
/// While no message waits, main itself writes what is taken without blocking, where the platform can do that: a hop
/// through another thread would cost a message tens of microseconds. The screen-writer is for a screen that is behind.
///
/// At a terminal the screen-writer writes frames, one at a time: what comes meanwhile waits for the next.
pub(super) struct Screen {
    direct: Option<Box<dyn Write>>,
    messages: Producer<Item>,
    /// The same as `messages` if one terminal shows both.
    notices: Producer<Item>,
    terminal: Option<Terminal>,
    /// For what arrives at the terminal.
    clock: Clock,
    reporter: Reporter,
    /// With `-v`, the user observes, too.
    observer: Observer,
    screen_writer: Thread,
    notice_writer: Option<Thread>,
    transcript: Option<Transcript>,
}

impl Screen {
    /// Starts the screen-writer and, unless one terminal shows both, the notice-writer.
    ///
    /// They may be left behind when the program ends: nothing can wake a thread that is blocked in writing to a
    /// terminal or a pipe.
    pub(super) fn start<E: ProgramEvent>(
        direct: Option<Box<dyn Write>>,
        screen: Box<dyn Output>,
        notices: Option<Box<dyn Output>>,
        terminal: Option<Terminal>,
        verbosity: Verbosity,
        to_main: &ToMain<E>,
    ) -> io::Result<Self> {
        let to = |place, output, done| Writer::new(place, output, done, to_main);
        let (messages, screen_writer) = to(Place::Screen, screen, ConsoleEvent::ScreenDone);
        let screen_writer = screen_writer.start(SCREEN_WRITER)?;
        let (notices, notice_writer) = match notices {
            Some(output) => {
                let (notices, writer) = to(Place::Notices, output, ConsoleEvent::NoticesDone);
                (notices, Some(writer.start("notice-writer")?))
            }
            None => (messages.clone(), None),
        };
        let shown = notices.clone();
        let mark = if terminal.is_some() && notice_writer.is_none() { "* " } else { "" };
        // The writers keep the observer without the user: they would report that they report.
        let observer = verbose::observer(to_main.observer.clone(), verbosity, move |line| {
            try_notice(&shown, format!("{mark}{line}"));
        });
        Ok(Self {
            direct,
            messages,
            notices,
            terminal,
            clock: Clock::new(),
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

    /// The terminal, if there is one, and the present time.
    pub(super) fn terminal(&mut self) -> (Option<&mut Terminal>, Stamp) {
        (self.terminal.as_mut(), self.clock.stamp())
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

    fn queue(&mut self, buffer: Arc<Buffer>) {
        self.observer.emit(|| Step::HandsOut { to: Place::Screen, messages: buffer.messages });
        match &mut self.terminal {
            Some(terminal) => terminal.show(buffer, self.clock.stamp()),
            None => self.messages.push(Item::Messages(buffer), 0),
        }
    }

    /// Hands the next frame to the screen-writer, if it has written the last one. Otherwise a `Capacity` event follows when
    /// it has.
    pub(super) fn draw(&mut self) {
        while let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.wants_frame())
            && self.messages.has_capacity()
        {
            self.messages.push(Item::Frame(terminal.next_frame()), 0);
        }
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
        !self.terminal.as_ref().is_some_and(Terminal::is_behind) && self.messages.has_capacity()
    }

    /// Records what happened, if there is a transcript.
    #[cfg(feature = "hub")]
    pub(super) fn record_entry(&self, entry: Entry) {
        if let Some(transcript) = &self.transcript {
            transcript.record(entry);
        }
    }

    /// Opens the transcript again, if there is one.
    #[cfg(feature = "hub")]
    pub(super) fn reopen_transcript(&self) {
        self.transcript.iter().for_each(Transcript::reopen);
    }

    /// Records a notice, and shows it if it is important enough.
    pub(super) fn report(&mut self, notice: &Notice) {
        verbose::observe_notice(notice, &self.observer);
        if let Some(transcript) = &mut self.transcript {
            transcript.report(notice);
        }
        let (mut terminal, now) =
            (self.terminal.as_mut().filter(|_| self.notice_writer.is_none()), self.clock.stamp());
        self.reporter.report(notice, |kind, notice| match &mut terminal {
            Some(terminal) => terminal.try_notice(kind, notice.to_string(), now),
            None => try_notice(&self.notices, notice.to_string()),
        });
    }

    /// Shows, where lines are typed, the other side or what we wait for.
    pub(super) fn set_prompt(&mut self, state: String) {
        if let Some(terminal) = &mut self.terminal {
            terminal.set_prompt(state);
        }
    }

    /// Records the end of a conversation.
    pub(super) fn closed(&mut self, cleanly: bool) {
        if let Some(transcript) = &mut self.transcript {
            transcript.closed(cleanly);
        }
    }

    /// For what is sent to this peer.
    pub(super) fn recorder(&self, peer: SocketAddr) -> Option<Recorder> {
        self.transcript.as_ref().map(|transcript| transcript.recorder(peer))
    }

    /// Whether the transcript, if there is one, keeps up. If not, a `Capacity` event follows when it does.
    pub(super) fn transcript_has_capacity(&self) -> bool {
        self.transcript.as_ref().is_none_or(Transcript::has_capacity)
    }

    /// Whether messages or entries of the transcript wait to be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.messages.is_idle()
            || self.terminal.as_ref().is_some_and(Terminal::is_behind)
            || self.transcript.as_ref().is_some_and(Transcript::is_behind)
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
    pub(super) fn end_messages(&mut self) {
        // They are bounded, because what they show is.
        while let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.wants_frame()) {
            self.messages.push(Item::Frame(terminal.next_frame()), 0);
        }
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

fn try_notice(queue: &Producer<Item>, mut line: String) -> bool {
    line.push('\n');
    queue.try_push_uncounted(Item::Notice(line), NOTICES)
}

/// Writes what is shown.
struct Writer<E> {
    queue: Consumer<Item>,
    place: Place,
    output: Box<dyn Output>,
    /// What the last frame has left where lines are typed.
    row: Vec<u8>,
    /// Its last event.
    done: ConsoleEvent,
    to_main: ToMain<E>,
}

impl<E: ProgramEvent> Writer<E> {
    /// A writer that does not run yet, and the way to it.
    fn new(
        place: Place,
        output: Box<dyn Output>,
        done: ConsoleEvent,
        to_main: &ToMain<E>,
    ) -> (Producer<Item>, Self) {
        let (producer, queue) = queue(LIMIT, to_main.waker());
        (producer, Self { queue, place, output, row: Vec::new(), done, to_main: to_main.clone() })
    }

    fn start(self, name: &str) -> io::Result<Thread> {
        let observer = self.to_main.observer.clone();
        spawn(name, &observer, move || self.run())
    }

    /// Writes until the end. After an error it drops messages.
    fn run(mut self) {
        let mut works = true;
        while let Some(item) = self.queue.next(&self.to_main.observer) {
            let result = match item {
                Item::Messages(_) | Item::Frame(_) if !works => Ok(()),
                Item::Messages(buffer) => self.write_messages(&buffer),
                Item::Frame(frame) => self.write_frame(frame),
                Item::Notice(line) => {
                    // If notices cannot be written, there is no way left to report that.
                    let _ = self.write([&between_frames(&self.row, line.as_bytes()), &[]]);
                    continue;
                }
                Item::End => break,
            };
            self.queue.done(0);
            if let Err(error) = result {
                works = false;
                self.to_main.send(ConsoleEvent::ScreenFailed(error));
            }
        }
        // Fails only if main has gone.
        self.to_main.send(self.done);
    }

    fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<()> {
        let bytes = parts.iter().map(|part| part.len()).sum();
        self.to_main.observer.emit(|| Step::Writes { to: self.place, bytes });
        parts.into_iter().try_for_each(|part| self.output.write_all(part))?;
        self.output.flush()
    }

    fn write_messages(&mut self, buffer: &Buffer) -> io::Result<()> {
        let [first, rest] = buffer.shown();
        let written = buffer.written;
        self.write([&first[written.min(first.len())..], &rest[written.saturating_sub(first.len())..]])?;
        self.wrote(first.len() + rest.len() - written, buffer.messages);
        Ok(())
    }

    fn write_frame(&mut self, frame: Frame) -> io::Result<()> {
        self.write([&frame.bytes, &[]])?;
        let mut bytes = frame.bytes.len();
        for messages in frame.messages() {
            self.wrote(take(&mut bytes), messages);
        }
        self.row = frame.row;
        if frame.suspends {
            typed::suspend();
            self.to_main.send(ConsoleEvent::Terminal(TerminalChange::Continued));
        }
        Ok(())
    }

    fn wrote(&self, bytes: usize, messages: Messages) {
        self.to_main.observer.emit(|| Step::Wrote { to: self.place, bytes, messages });
    }
}
