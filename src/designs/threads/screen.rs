//! The way to the user: messages to standard output, notices to standard error, each written by a thread,
//! so that main is not blocked by a screen that has stopped.

use super::event::{Event, ToMain};
use super::spawn;
use super::transcript::{Recorder, Transcript};
use crate::designs::transcript::Sink;
use crate::observe::{For, Goodbye, Observe, Observer, Place, Step, current_thread_name};
use crate::rules::buffer::Buffer;
use crate::rules::messages::Messages;
use crate::rules::notice::{Importance, Notice};
#[cfg(feature = "hub")]
use crate::rules::record::Entry;
use crate::rules::settings::Verbosity;
use crate::terminal::{self, Kind};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::borrow::Borrow;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// How many items wait for a writer. Messages are few, because they come in the buffers of the
/// socket-reader; notices are dropped and counted when there is no room.
const ITEMS: usize = 256;

/// The room that is kept for messages.
const ROOM_FOR_MESSAGES: usize = 32;

enum Item {
    Messages(Buffer),
    /// Messages that the transcript has, too.
    Shared(Arc<Buffer>),
    Notice(Kind, String),
    Prompt(String),
    End,
}

/// Main's end of the way to the user.
///
/// While no message waits, main writes by itself as much as is taken without blocking, where the platform can do that: a
/// hop through another thread would cost a message tens of microseconds. The screen-writer is for a screen that
/// is behind.
pub(super) struct Screen {
    now: Option<Box<dyn io::Write>>,
    messages: Sender<Item>,
    /// The same as `messages` if both are shown on a terminal, so that they stay in order.
    notices: Sender<Item>,
    /// Messages that are not written yet.
    behind: Arc<AtomicUsize>,
    /// Main waits until they are, and is to be told.
    #[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "two people are bounded by their buffers"))]
    awaited: Arc<AtomicBool>,
    verbosity: Verbosity,
    /// Whoever watches, with `-v` the user, too.
    observer: Observer,
    /// Notices that were dropped.
    lost: usize,
    screen_writer: JoinHandle<()>,
    notice_writer: Option<JoinHandle<()>>,
    /// Whatever is shown passes here, and is recorded if it is to be.
    transcript: Option<Transcript>,
}

impl Screen {
    /// Starts the screen-writer and, unless both are shown together, the notice-writer.
    ///
    /// These two may be left behind when the program ends: nothing can wake a thread that is blocked in
    /// writing to a terminal or a pipe.
    pub(super) fn start(
        screen: Box<dyn terminal::Display>,
        now: Option<Box<dyn io::Write>>,
        notices: Option<Box<dyn terminal::Display>>,
        verbosity: Verbosity,
        to_main: &ToMain,
    ) -> io::Result<Self> {
        let behind = Arc::new(AtomicUsize::new(0));
        let awaited = Arc::new(AtomicBool::new(false));
        let (messages, queue) = bounded(ITEMS);
        let (for_notices, notice_queue) = bounded(ITEMS);
        let writer = |queue, display, place, done| Writer {
            queue,
            display,
            place,
            behind: Arc::clone(&behind),
            awaited: Arc::clone(&awaited),
            to_main: to_main.clone(),
            done,
        };
        let screen_writer = writer(queue, screen, Place::Screen, Event::ScreenDone);
        let (notices, notice_writer) = match notices {
            Some(display) => {
                (for_notices, Some(writer(notice_queue, display, Place::Notices, Event::NoticesDone)))
            }
            None => (messages.clone(), None),
        };
        let told = notices.clone();
        let spawn = |name, writer: Writer| spawn(name, &to_main.observer, move || writer.run());
        Ok(Self {
            now,
            messages,
            notices,
            behind: Arc::clone(&behind),
            awaited: Arc::clone(&awaited),
            verbosity,
            lost: 0,
            screen_writer: spawn("screen-writer", screen_writer)?,
            notice_writer: notice_writer.map(|writer| spawn("notice-writer", writer)).transpose()?,
            transcript: None,
            observer: match verbosity {
                // Not those two: they would tell that they tell.
                Verbosity::Verbose => to_main.observer.clone().and(Arc::new(Told(told))),
                _ => to_main.observer.clone(),
            },
        })
    }

    /// From here on it is recorded what happens.
    pub(super) fn record(&mut self, to: Sink, to_main: ToMain) -> io::Result<()> {
        self.transcript = Some(Transcript::start(to, to_main)?);
        Ok(())
    }

    /// Shows messages, which came in the buffers of the socket-reader.
    pub(super) fn show(&mut self, buffer: Buffer) {
        match &self.transcript {
            None => self.show_unrecorded(buffer),
            Some(_) if buffer.next_shown().is_empty() => {}
            Some(transcript) => {
                let buffer = Arc::new(buffer);
                transcript.recorder().received(Arc::clone(&buffer));
                self.queue(Item::Shared(buffer));
            }
        }
    }

    /// The same of messages that the transcript does not get.
    pub(super) fn show_unrecorded(&mut self, mut buffer: Buffer) {
        self.try_write(&mut buffer);
        if !buffer.next_shown().is_empty() {
            self.queue(Item::Messages(buffer));
        }
    }

    fn queue(&self, messages: Item) {
        let carried = match &messages {
            Item::Messages(buffer) => buffer.messages,
            Item::Shared(buffer) => buffer.messages,
            _ => Messages::NONE,
        };
        self.observer.emit(|| Step::HandsOut { to: Place::Screen, messages: carried });
        self.behind.fetch_add(1, Ordering::Release);
        // It cannot block: those buffers are few, and notices leave room for them.
        let _ = self.messages.send(messages);
    }

    /// Whether it keeps up with messages that no reader's buffers bound. If not, an [`Event::Room`] tells when it does.
    #[cfg(feature = "hub")]
    pub(super) fn has_room(&self) -> bool {
        let has_room = || self.behind.load(Ordering::SeqCst) == 0;
        // It is asked again after the wish is known, lest the writer finish in between and nobody tell.
        has_room() || {
            self.awaited.store(true, Ordering::SeqCst);
            has_room()
        }
    }

    /// Records what happened, if there is a transcript.
    #[cfg(feature = "hub")]
    pub(super) fn record_entry(&self, entry: Entry) {
        if let Some(transcript) = &self.transcript {
            transcript.recorder().record_entry(entry);
        }
    }

    /// Writes what the screen takes, unless something else waits for it. An error is left to the writer, which meets it
    /// again.
    fn try_write(&mut self, buffer: &mut Buffer) {
        let Some(now) = self.now.as_mut().filter(|_| self.behind.load(Ordering::Acquire) == 0) else {
            return;
        };
        while !buffer.next_shown().is_empty() {
            let bytes = buffer.next_shown().len();
            self.observer.emit(|| Step::Writes { to: Place::Screen, bytes });
            let Ok(written @ 1..) = now.write(buffer.next_shown()) else { return };
            buffer.written += written;
            let messages = if buffer.next_shown().is_empty() { buffer.messages } else { Messages::NONE };
            self.observer.emit(|| Step::Wrote { to: Place::Screen, bytes: written, messages });
        }
    }

    /// Shows a notice, if it is important enough.
    pub(super) fn report(&mut self, notice: &Notice) {
        if notice.is_goodbye_heard() {
            self.observer.emit(|| Step::Goodbye(Goodbye::Heard));
        }
        self.observer.emit(|| Step::Tells(notice.to_string()));
        if let Some(transcript) = &mut self.transcript {
            transcript.report(notice);
        }
        if self.verbosity == Verbosity::Quiet && notice.importance() == Importance::Information {
            return;
        }
        if self.lost > 0 && try_notice(&self.notices, Kind::Error, &Notice::NoticesLost(self.lost)) {
            self.lost = 0;
        }
        let kind = if notice.importance() == Importance::Error { Kind::Error } else { Kind::Notice };
        if !try_notice(&self.notices, kind, notice) {
            self.lost += 1;
        }
    }

    /// Shows where lines are typed whom we talk with, or what we wait for.
    pub(super) fn set_prompt(&self, state: &str) {
        // Refused only if so much is to be shown that nobody could read it.
        let _ = self.messages.try_send(Item::Prompt(state.to_owned()));
    }

    /// The conversation is over, which nobody is told but the transcript.
    pub(super) fn closed(&mut self, in_order: bool) {
        if let Some(transcript) = &mut self.transcript {
            transcript.closed(in_order);
        }
    }

    /// For what is sent in the conversation that has just begun.
    pub(super) fn recorder(&self) -> Option<Recorder> {
        self.transcript.as_ref().map(|transcript| transcript.recorder().clone())
    }

    /// Whether the transcript, if there is one, keeps up. If not, an [`Event::Room`] tells when it may.
    pub(super) fn transcript_has_room(&self) -> bool {
        self.transcript.as_ref().is_none_or(|transcript| transcript.recorder().has_room())
    }

    /// Whether messages wait to be written.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire) > 0
            || self.transcript.as_ref().is_some_and(|transcript| transcript.recorder().is_behind())
    }

    /// For the threads that tell what they do.
    pub(super) fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Whether notices have a thread of their own.
    pub(super) fn is_apart(&self) -> bool {
        self.notice_writer.is_some()
    }

    /// No more messages will be shown: the screen-writer ends when it has written what it has, and says so.
    pub(super) fn end_messages(&self) {
        // There is room for it, as for messages.
        let _ = self.messages.try_send(Item::End);
    }

    /// The same for notices and the notice-writer.
    pub(super) fn end_notices(&self) {
        let _ = self.notices.try_send(Item::End);
    }

    /// The same for the transcript and its thread. False if there is none.
    pub(super) fn end_transcript(&mut self) -> bool {
        self.transcript.as_mut().map(Transcript::end).is_some()
    }

    /// Joins the writer of the transcript, which has said its last word.
    pub(super) fn join_transcript(&mut self) {
        if let Some(transcript) = self.transcript.take() {
            transcript.join();
        }
    }

    /// Joins the writers that have ended.
    pub(super) fn join(self) {
        for writer in [Some(self.screen_writer), self.notice_writer].into_iter().flatten() {
            if writer.is_finished() {
                let _ = writer.join();
            }
        }
    }
}

fn try_notice(queue: &Sender<Item>, kind: Kind, text: &dyn Display) -> bool {
    queue.len() < ITEMS - ROOM_FOR_MESSAGES && queue.try_send(Item::Notice(kind, format!("{text}\n"))).is_ok()
}

/// `-v`: the user watches.
struct Told(Sender<Item>);

impl Observe for Told {
    fn emit(&self, step: &Step) {
        // What the user is told is there to be seen.
        if !matches!(step, Step::Tells(_)) {
            let name = current_thread_name();
            // Not waited for: what is told must not hold up what it is told of.
            try_notice(&self.0, Kind::Notice, &format_args!("[{name}] {step}"));
        }
    }
}

/// Writes what is shown.
struct Writer {
    queue: Receiver<Item>,
    display: Box<dyn terminal::Display>,
    place: Place,
    behind: Arc<AtomicUsize>,
    awaited: Arc<AtomicBool>,
    to_main: ToMain,
    done: Event,
}

impl Writer {
    fn run(mut self) {
        let mut works = true;
        while let Some(item) = self.next() {
            match item {
                Item::Messages(buffer) => works = self.show(buffer, works),
                Item::Shared(buffer) => works = self.show(buffer, works),
                // If notices cannot be written, there is nobody left to tell.
                Item::Notice(kind, lines) => {
                    self.to_main.observer.emit(|| Step::Writes { to: self.place, bytes: lines.len() });
                    let _ = self.display.show(kind, lines.as_bytes());
                }
                Item::Prompt(state) => self.display.set_prompt(&state),
                Item::End => break,
            }
        }
        // Refused only if main has gone.
        self.to_main.send(self.done);
    }

    fn next(&self) -> Option<Item> {
        self.to_main.observer.emit(|| Step::Waits(For::Work));
        self.queue.recv().ok()
    }

    /// Shows messages if it `works`; whether it still does.
    fn show(&mut self, buffer: impl Borrow<Buffer>, works: bool) -> bool {
        let result = if works { self.write(buffer.borrow()) } else { Ok(()) };
        drop(buffer);
        self.behind.fetch_sub(1, Ordering::SeqCst);
        if self.awaited.swap(false, Ordering::SeqCst) {
            self.to_main.send(Event::Room);
        }
        let works = works && result.is_ok();
        if let Err(error) = result {
            self.to_main.send(Event::ScreenFailed(error));
        }
        works
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
