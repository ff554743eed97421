//! The way to the transcript: what happened, in order, and the thread that writes it down.
//!
//! Nobody waits here but the readers, whose buffers come home later: a batch that was read is one entry, which
//! keeps its buffer until it has been written. That is also why the channel needs no bound. Where no buffer
//! bounds the entries, [`Recorder::has_room`] is asked first.

use super::event::{Event, ToMain};
use super::spawn;
use crate::designs::transcript::{Format, Sink, Target, WholeLines};
use crate::observe::{For, Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::input::CAPACITY;
use crate::rules::notice::Notice;
use crate::rules::record::{Direction, Entry, What};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use time::OffsetDateTime;

/// From how many entries on there is no room for more.
const ENTRIES: usize = 512;

/// Main's end of the way to the transcript.
pub(super) struct Transcript {
    recorder: Recorder,
    /// Errors that were not recorded because there was no room.
    lost: usize,
    writer: JoinHandle<()>,
}

/// Takes what is to be recorded, from whichever thread did it.
#[derive(Clone)]
pub(super) struct Recorder {
    queue: Sender<Item>,
    state: Arc<State>,
    /// With whom the conversation is.
    peer: Option<SocketAddr>,
}

enum Item {
    Entry(Box<Entry>),
    End,
}

/// What the recorders and the writer know.
#[derive(Default)]
struct State {
    /// Entries that are not written yet.
    entries: AtomicUsize,
    /// The bytes in those of them that were sent.
    sent: AtomicUsize,
    /// Main waits for room, and is to be told.
    awaited: AtomicBool,
}

impl Transcript {
    /// Starts the thread `transcript`. It may be left behind when the program ends: nothing can wake a thread that
    /// is blocked in writing to a pipe.
    pub(super) fn start(sink: Sink, to_main: ToMain) -> io::Result<Self> {
        let (queue, entries) = unbounded();
        let state = Arc::new(State::default());
        let (format, to) = (sink.format, WholeLines::new(sink.target));
        let observer = to_main.observer.clone();
        let writer = Writer { queue: entries, format, to, state: Arc::clone(&state), to_main };
        // Named like this because Linux shows no more than 15 characters.
        let writer = spawn("transcript", &observer, move || writer.run())?;
        Ok(Self { recorder: Recorder { queue, state, peer: None }, lost: 0, writer })
    }

    /// For those who record by themselves in the conversation that has just begun.
    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Records what the user is told, as far as it belongs into a transcript. What can go wrong any number of times
    /// is counted when there is no room for it.
    pub(super) fn report(&mut self, notice: &Notice) {
        if let Notice::ConnectedFrom(peer) | Notice::ConnectedTo(peer) = notice {
            self.recorder.peer = Some(*peer);
        }
        let Some(what) = What::told(notice) else { return };
        if matches!(what, What::Error(_)) {
            let has_room = self.recorder.has_room();
            if !has_room && notice.is_repeatable() {
                self.lost += 1;
                return;
            }
            if has_room {
                self.tell_lost();
            }
        }
        self.recorder.record(what);
    }

    fn tell_lost(&mut self) {
        if self.lost > 0 {
            self.recorder.record(What::lost(std::mem::take(&mut self.lost)));
        }
    }

    /// The conversation is over.
    pub(super) fn closed(&mut self, in_order: bool) {
        self.tell_lost();
        self.recorder.record(What::Closed { in_order });
        self.recorder.peer = None;
    }

    /// No more will be recorded: the thread ends when it has written what it has, and says so.
    pub(super) fn end(&mut self) {
        self.tell_lost();
        // Refused only if the thread is gone.
        let _ = self.recorder.queue.send(Item::End);
    }

    /// Joins the thread, which has said its last word, so that this does not wait.
    pub(super) fn join(self) {
        let _ = self.writer.join();
    }
}

impl Recorder {
    /// Messages were handed to the system: those that were written to their end.
    pub(super) fn sent(&self, buffer: Buffer) {
        self.record(What::Sent(buffer));
    }

    /// Messages arrived.
    pub(super) fn received(&self, buffer: Arc<Buffer>) {
        self.record(What::Received(buffer));
    }

    /// Somebody said goodbye.
    pub(super) fn goodbye(&self, direction: Direction) {
        self.record(What::Goodbye(direction));
    }

    fn record(&self, what: What) {
        self.record_entry(Entry { time: OffsetDateTime::now_utc(), peer: self.peer, what });
    }

    /// This happened.
    pub(super) fn record_entry(&self, entry: Entry) {
        self.state.entries.fetch_add(1, Ordering::SeqCst);
        self.state.sent.fetch_add(sent_bytes(&entry), Ordering::SeqCst);
        // It does not block. Refused only if the thread is gone.
        let _ = self.queue.send(Item::Entry(Box::new(entry)));
    }

    /// Whether there is room for entries that no buffer bounds: for lines typed at a terminal, which are copied,
    /// for lines that grow when they are stamped, for errors, and for what a whole conversation records. If
    /// not, an [`Event::Room`] will tell when there may be.
    pub(super) fn has_room(&self) -> bool {
        let state = &self.state;
        let has_room =
            || state.sent.load(Ordering::SeqCst) < CAPACITY && state.entries.load(Ordering::SeqCst) < ENTRIES;
        // It is asked again after the wish is known, lest the writer finish in between and nobody tell.
        has_room() || {
            state.awaited.store(true, Ordering::SeqCst);
            has_room()
        }
    }

    /// Whether entries wait to be written.
    pub(super) fn is_behind(&self) -> bool {
        self.state.entries.load(Ordering::SeqCst) > 0
    }
}

fn sent_bytes(entry: &Entry) -> usize {
    match &entry.what {
        What::Sent(buffer) => buffer.output.len(),
        _ => 0,
    }
}

/// Writes down what happened.
struct Writer {
    queue: Receiver<Item>,
    format: Box<dyn Format>,
    to: WholeLines<Target>,
    state: Arc<State>,
    to_main: ToMain,
}

impl Writer {
    /// Writes until the end. After an error it drops what it is given, so that the chat goes on.
    fn run(mut self) {
        let mut works = true;
        while let Some(entry) = self.next() {
            let result = if works { self.write(&entry) } else { Ok(()) };
            if let Err(error) = result {
                works = false;
                self.to_main.send(Event::TranscriptFailed(error));
            }
            let sent = sent_bytes(&entry);
            drop(entry);
            self.state.sent.fetch_sub(sent, Ordering::SeqCst);
            self.state.entries.fetch_sub(1, Ordering::SeqCst);
            if self.state.awaited.swap(false, Ordering::SeqCst) {
                self.to_main.send(Event::Room);
            }
        }
        // Refused only if main has gone.
        self.to_main.send(Event::TranscriptDone);
    }

    fn next(&self) -> Option<Entry> {
        self.to_main.observer.emit(|| Step::Waits(For::Work));
        match self.queue.recv() {
            Ok(Item::Entry(entry)) => Some(*entry),
            _ => None,
        }
    }

    /// Lines are kept back only while more entries are to come, so that nothing is when nothing happens.
    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        self.format.write(entry, &mut self.to)?;
        if self.state.entries.load(Ordering::SeqCst) == 1 {
            self.to_main.observer.emit(|| Step::Writes { to: Place::Transcript, bytes: 0 });
            self.to.flush()?;
        }
        Ok(())
    }
}
