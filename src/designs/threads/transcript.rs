//! The way to the transcript: what happened, in order, and the thread that writes it.
//!
//! Only readers wait here, for their buffers: a batch that was read is one entry, which keeps its buffer until it is
//! written. Entries that no buffer bounds ask [`Recorder::has_capacity`] first.

use super::event::{ConsoleEvent, ProgramEvent, ToMain};
use super::queue::{Consumer, Limit, Producer, queue};
use super::thread::{Thread, spawn};
use crate::designs::clock::utc_now;
use crate::designs::transcript::{Format, Sink, Target, WholeLines};
use crate::observe::{Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::input::CAPACITY;
use crate::rules::notice::Notice;
use crate::rules::record::{Direction, Entry, Journal, What};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// When the transcript is behind. Only messages that were sent count in bytes: those that were received are bounded
/// by their buffers.
const LIMIT: Limit = Limit { items: 512, bytes: CAPACITY };

/// Main's end of the way to the transcript.
pub(super) struct Transcript {
    queue: Producer<Item>,
    journal: Journal,
    writer: Thread,
}

/// Records what happens in a conversation, from whichever thread did it.
#[derive(Clone)]
pub(super) struct Recorder {
    queue: Producer<Item>,
    peer: SocketAddr,
}

enum Item {
    Entry(Box<Entry>),
    #[cfg(feature = "hub")]
    Reopen,
    End,
}

impl Transcript {
    /// Starts the thread `transcript`. It may be left behind when the program ends: nothing can wake a thread that is
    /// blocked in writing to a pipe.
    pub(super) fn start<E: ProgramEvent>(sink: Sink, to_main: ToMain<E>) -> io::Result<Self> {
        let observer = to_main.observer.clone();
        let (producer, consumer) = queue(LIMIT, to_main.waker());
        let writer =
            Writer { queue: consumer, format: sink.format, to: WholeLines::new(sink.target), to_main };
        // Linux shows 15 characters of a name.
        let writer = spawn("transcript", &observer, move || writer.run())?;
        Ok(Self { queue: producer, journal: Journal::default(), writer })
    }

    /// For those who record by themselves in the conversation with this peer.
    pub(super) fn recorder(&self, peer: SocketAddr) -> Recorder {
        Recorder { queue: self.queue.clone(), peer }
    }

    /// Records what belongs into a transcript of what the user sees.
    pub(super) fn report(&mut self, notice: &Notice) {
        let has_capacity = || self.queue.has_capacity();
        let entries = self.journal.report(notice, utc_now(), has_capacity);
        entries.into_iter().for_each(|entry| self.record(entry));
    }

    /// Records that messages arrived.
    pub(super) fn received(&self, buffer: Arc<Buffer>) {
        self.record(self.journal.entry(What::Received(buffer), utc_now()));
    }

    /// Records the end of the conversation.
    pub(super) fn closed(&mut self, cleanly: bool) {
        let entries = self.journal.close(cleanly, utc_now());
        entries.into_iter().for_each(|entry| self.record(entry));
    }

    pub(super) fn record(&self, entry: Entry) {
        record(&self.queue, entry);
    }

    /// Somebody may have moved the file: what is recorded from here on goes to the one that has its name then.
    #[cfg(feature = "hub")]
    pub(super) fn reopen(&self) {
        self.queue.try_push_uncounted(Item::Reopen, usize::MAX);
    }

    /// Whether there is capacity for entries that no buffer bounds: lines typed at a terminal, lines that grow when
    /// they are stamped, errors, and what a whole conversation records. If not, a `Capacity` event follows
    /// when there is.
    pub(super) fn has_capacity(&self) -> bool {
        self.queue.has_capacity()
    }

    /// Whether entries wait to be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.queue.is_idle()
    }

    /// Nothing more is recorded: the thread ends when it has written what it has, and reports that.
    pub(super) fn end(&mut self) {
        let lost = self.journal.take_lost(utc_now());
        lost.into_iter().for_each(|entry| self.record(entry));
        self.queue.try_push_uncounted(Item::End, usize::MAX);
    }

    /// Joins the thread, which has sent its last event, so that this does not wait.
    pub(super) fn join(self) {
        self.writer.join();
    }
}

impl Recorder {
    /// Records the messages of a buffer that the system has taken to their end.
    pub(super) fn sent(&self, buffer: Buffer) {
        self.record(What::Sent(buffer));
    }

    /// Records a goodbye.
    pub(super) fn goodbye(&self, direction: Direction) {
        self.record(What::Goodbye(direction));
    }

    fn record(&self, what: What) {
        record(&self.queue, Entry { time: utc_now(), peer: Some(self.peer), what });
    }

    /// See [`Transcript::has_capacity`].
    pub(super) fn has_capacity(&self) -> bool {
        self.queue.has_capacity()
    }
}

fn record(queue: &Producer<Item>, entry: Entry) {
    let bytes = sent_bytes(&entry);
    queue.push(Item::Entry(Box::new(entry)), bytes);
}

fn sent_bytes(entry: &Entry) -> usize {
    match &entry.what {
        What::Sent(buffer) => buffer.output.len(),
        _ => 0,
    }
}

/// Writes what happened.
struct Writer<E> {
    queue: Consumer<Item>,
    format: Box<dyn Format>,
    to: WholeLines<Target>,
    to_main: ToMain<E>,
}

impl<E: ProgramEvent> Writer<E> {
    /// Writes until the end. After an error it drops what it is given, so that the chat goes on.
    fn run(mut self) {
        let mut works = true;
        while let Some(item) = self.queue.next(&self.to_main.observer) {
            let entry = match item {
                Item::Entry(entry) => entry,
                #[cfg(feature = "hub")]
                Item::Reopen => {
                    works = self.reopen(works);
                    continue;
                }
                Item::End => break,
            };
            if works && let Err(error) = self.write(&entry) {
                works = false;
                self.to_main.send(ConsoleEvent::TranscriptFailed(error));
            }
            let bytes = sent_bytes(&entry);
            drop(entry);
            self.queue.done(bytes);
        }
        // Fails only if main has gone.
        self.to_main.send(ConsoleEvent::TranscriptDone);
    }

    /// Goes on in the file that has the name now. Returns whether that, or else the old one, can be written.
    #[cfg(feature = "hub")]
    fn reopen(&mut self, mut works: bool) -> bool {
        if works && let Err(error) = self.to.flush() {
            works = false;
            self.to_main.send(ConsoleEvent::TranscriptFailed(error));
        }
        match self.to.reopen() {
            Ok(()) => true,
            Err(failure) => {
                self.to_main.send(ConsoleEvent::Report(Notice::CannotReopenTranscript(failure)));
                works
            }
        }
    }

    /// Holds lines back only while more entries follow, so that the file is complete whenever nothing happens.
    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        self.format.write(entry, &mut self.to)?;
        if self.queue.is_last() {
            self.to_main.observer.emit(|| Step::Writes { to: Place::Transcript, bytes: 0 });
            self.to.flush()?;
        }
        Ok(())
    }
}
