//! The way to the peer: an outbox, and the socket-writer that drains it.

use super::event::{Event, ToMain};
use super::transcript::Recorder;
use crate::observe::{For, Goodbye, Observer, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::action::Outgoing;
use crate::rules::buffer::{Buffer, LastWrites};
use crate::rules::event::Delivery;
use crate::rules::input::CAPACITY;
use crate::rules::messages::Messages;
use crate::rules::record::Direction;
use crate::rules::wire::{GOODBYE, PAUSE};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How many items the outbox holds. When it is half full there is no room for more messages.
const ITEMS: usize = 1024;

/// How much is written at once, in bytes. A blocked write shows no progress until it is through.
const CHUNK: usize = 64 * 1024;

/// What main has handed out and the peer has not taken, in order.
///
/// While it is empty, main writes to the socket itself as much as that takes without blocking: a hop
/// through another thread would cost a message tens of microseconds. The writer is for a peer that is behind.
pub(super) struct Outbox {
    connection: Arc<Connection>,
    queue: Sender<Outgoing>,
    state: Arc<State>,
    observer: Observer,
    recorder: Option<Recorder>,
}

/// What main and the writer both know.
#[derive(Default)]
struct State {
    /// Items handed to the writer that it has not finished. Only main adds to it: when main sees zero, the
    /// writer is idle and the socket is main's to write to.
    items: AtomicUsize,
    /// The bytes in them.
    bytes: AtomicUsize,
    /// All bytes that were ever written to the socket.
    written: AtomicU64,
    /// Main waits for room, and is to be told.
    awaited: AtomicBool,
    last: Mutex<LastWrites>,
}

impl State {
    /// A batch was written.
    fn wrote(&self, buffer: &Buffer) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).add(buffer);
    }
}

/// The other end of the outbox, for the socket-writer.
pub(super) struct Writer {
    connection: Arc<Connection>,
    queue: Receiver<Outgoing>,
    state: Arc<State>,
    to_main: ToMain,
    recorder: Option<Recorder>,
}

impl Outbox {
    /// An outbox, and its other end. What the system has taken goes on to the recorder, if there is one.
    pub(super) fn new(
        connection: Arc<Connection>,
        to_main: ToMain,
        recorder: Option<Recorder>,
    ) -> (Self, Writer) {
        let (queue, handed_out) = bounded(ITEMS);
        let state = Arc::new(State::default());
        let observer = to_main.observer.clone();
        let writer = Writer {
            connection: Arc::clone(&connection),
            queue: handed_out,
            state: Arc::clone(&state),
            to_main,
            recorder: recorder.clone(),
        };
        (Self { connection, queue, state, observer, recorder }, writer)
    }

    /// Sends it, now or when what is in front of it has been sent.
    pub(super) fn push(&self, mut outgoing: Outgoing) {
        if let Outgoing::Messages(mut buffer) = outgoing {
            let writer_is_idle = self.state.items.load(Ordering::Acquire) == 0;
            if writer_is_idle && buffer.ends.is_empty() && self.try_write(&mut buffer) {
                return record(self.recorder.as_ref(), buffer);
            }
            self.observer.emit(|| Step::HandsOut { to: Place::Peer, messages: buffer.messages });
            self.state.bytes.fetch_add(buffer.unwritten().len(), Ordering::Relaxed);
            outgoing = Outgoing::Messages(buffer);
        }
        self.state.items.fetch_add(1, Ordering::Release);
        // It cannot block: `has_room` has left room, for a goodbye as well.
        let _ = self.queue.send(outgoing);
    }

    /// Writes what the socket takes. True if that was all. An error is left to the writer, which meets it again.
    fn try_write(&self, buffer: &mut Buffer) -> bool {
        let bytes = buffer.unwritten().len();
        self.observer.emit(|| Step::Writes { to: Place::Peer, bytes });
        let written = platform::try_write(&self.connection.socket, buffer.unwritten()).unwrap_or(0);
        self.state.written.fetch_add(written as u64, Ordering::Relaxed);
        buffer.written += written;
        let is_all = written == bytes;
        let messages = if is_all { buffer.messages } else { Messages::NONE };
        self.observer.emit(|| Step::Wrote { to: Place::Peer, bytes: written, messages });
        if is_all {
            self.state.wrote(buffer);
        }
        is_all
    }

    /// Whether more messages may be added. If not, an [`Event::Room`] will tell when they may.
    pub(super) fn has_room(&self) -> bool {
        if self.recorder.as_ref().is_some_and(|recorder| !recorder.has_room()) {
            return false;
        }
        let has_room = || self.state.bytes.load(Ordering::SeqCst) < CAPACITY && self.queue.len() < ITEMS / 2;
        // It is asked again after the wish is known, lest the writer finish in between and nobody tell.
        has_room() || {
            self.state.awaited.store(true, Ordering::SeqCst);
            has_room()
        }
    }

    /// In how many messages the last so many bytes were that were written.
    pub(super) fn messages_in_last(&self, bytes: usize) -> usize {
        self.state.last.lock().unwrap_or_else(PoisonError::into_inner).messages_in(bytes)
    }

    /// How many bytes the socket has taken since the beginning.
    pub(super) fn written(&self) -> u64 {
        self.state.written.load(Ordering::Relaxed)
    }
}

impl Writer {
    /// Writes until the goodbye, the end, or an error; afterwards it counts what it could not deliver, until
    /// main drops the outbox.
    pub(super) fn run(self) {
        let mut delivery = Delivery { complete: false, undelivered: 0 };
        while let Some(outgoing) = self.next() {
            match self.write(outgoing) {
                Ok(true) => {
                    delivery.complete = true;
                    break;
                }
                Ok(false) => {
                    self.state.items.fetch_sub(1, Ordering::Release);
                    if self.state.awaited.swap(false, Ordering::SeqCst) {
                        self.to_main.send(Event::Room);
                    }
                }
                Err((error, undelivered)) => {
                    self.to_main.send(Event::WriteFailed(error));
                    let rest: usize = self.queue.iter().map(|outgoing| messages(&outgoing)).sum();
                    delivery.undelivered = undelivered + rest;
                    break;
                }
            }
        }
        // Refused only if main has gone.
        self.to_main.send(Event::Delivered(delivery));
    }

    fn next(&self) -> Option<Outgoing> {
        self.to_main.observer.emit(|| Step::Waits(For::Work));
        self.queue.recv().ok()
    }

    /// True if that was the last. An error comes with the number of messages in it that were not delivered.
    fn write(&self, outgoing: Outgoing) -> Result<bool, (io::Error, usize)> {
        match outgoing {
            Outgoing::Messages(mut buffer) => {
                let (unwritten, mut at) = (buffer.unwritten().len(), buffer.written);
                let result = self.write_messages(&buffer, &mut at);
                if result.is_ok() {
                    let (bytes, messages) = (unwritten, buffer.messages);
                    self.to_main.observer.emit(|| Step::Wrote { to: Place::Peer, bytes, messages });
                    self.state.wrote(&buffer);
                }
                let result = result.map(|()| false).map_err(|error| (error, buffer.messages_after(at)));
                buffer.written = at;
                record(self.recorder.as_ref(), buffer);
                self.state.bytes.fetch_sub(unwritten, Ordering::SeqCst);
                return result;
            }
            Outgoing::Goodbye { pause } => {
                if let Some(pause) = pause {
                    thread::sleep(pause);
                }
                self.write_all(GOODBYE, &mut 0).map_err(|error| (error, 0))?;
                self.to_main.observer.emit(|| Step::Goodbye(Goodbye::Written));
                if let Some(recorder) = &self.recorder {
                    recorder.goodbye(Direction::Sent);
                }
            }
            Outgoing::HalfClose => {}
        }
        // Fails only if the peer has gone, which the reader notices.
        let _ = self.connection.socket.shutdown(Shutdown::Write);
        Ok(true)
    }

    fn write_messages(&self, buffer: &Buffer, at: &mut usize) -> io::Result<()> {
        if buffer.ends.is_empty() {
            return self.write_all(&buffer.output, at);
        }
        for end in &buffer.ends {
            self.write_all(&buffer.output[..*end], at)?;
            // Nothing but time tells these messages apart.
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Writes from `at` on, and keeps `at` up to date.
    fn write_all(&self, bytes: &[u8], at: &mut usize) -> io::Result<()> {
        while *at < bytes.len() {
            let chunk = &bytes[*at..bytes.len().min(*at + CHUNK)];
            self.to_main.observer.emit(|| Step::Writes { to: Place::Peer, bytes: chunk.len() });
            match (&*self.connection).write(chunk) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    *at += written;
                    self.state.written.fetch_add(written as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The buffer goes on to the transcript, or else home.
fn record(recorder: Option<&Recorder>, buffer: Buffer) {
    if let Some(recorder) = recorder {
        recorder.sent(buffer);
    }
}

fn messages(outgoing: &Outgoing) -> usize {
    match outgoing {
        Outgoing::Messages(buffer) => buffer.messages_after(buffer.written),
        Outgoing::Goodbye { .. } | Outgoing::HalfClose => 0,
    }
}
