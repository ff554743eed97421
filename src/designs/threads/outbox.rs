//! The way to the peer: the outbox, and the socket-writer that drains it.

use super::event::{Event, ToMain};
use super::queue::{Consumer, Limit, Producer, queue};
use super::transcript::Recorder;
use crate::observe::{Goodbye, Observer, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::action::Outgoing;
use crate::rules::buffer::{Buffer, LastWrites};
use crate::rules::event::Delivery;
use crate::rules::input::CAPACITY;
use crate::rules::messages::Messages;
use crate::rules::record::Direction;
use crate::rules::wire::PAUSE;
use std::io::{self, Write};
use std::iter::from_fn;
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// When main stops handing out messages until the writer has caught up.
const LIMIT: Limit = Limit { items: 512, bytes: CAPACITY };

/// How much is written at once, in bytes. A blocked write shows no progress until it returns.
const CHUNK: usize = 64 * 1024;

/// What main has handed out and the peer has not taken, in order.
///
/// While it is empty, main itself writes what the socket takes without blocking: a hop through another thread would
/// cost a message tens of microseconds. The socket-writer is for a peer that is behind.
pub(super) struct Outbox {
    connection: Arc<Connection>,
    queue: Producer<Outgoing>,
    pub(super) written: Arc<Written>,
    observer: Observer,
    recorder: Option<Recorder>,
}

/// What the socket has taken since the beginning.
#[derive(Default)]
pub(super) struct Written {
    bytes: AtomicU64,
    last: Mutex<LastWrites>,
}

impl Written {
    /// How many bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many messages the last `bytes` bytes belong to.
    pub(super) fn messages_in_last(&self, bytes: usize) -> usize {
        self.last().messages_in(bytes)
    }

    fn last(&self) -> MutexGuard<'_, LastWrites> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The socket-writer's end of the outbox.
pub(super) struct Writer {
    connection: Arc<Connection>,
    queue: Consumer<Outgoing>,
    written: Arc<Written>,
    to_main: ToMain<Event>,
    recorder: Option<Recorder>,
}

impl Outbox {
    /// An empty outbox. What the system has taken goes to the recorder, if there is one.
    pub(super) fn new(
        connection: Arc<Connection>,
        to_main: ToMain<Event>,
        recorder: Option<Recorder>,
    ) -> (Self, Writer) {
        let observer = to_main.observer.clone();
        let (producer, consumer) = queue(LIMIT, to_main.waker());
        let written = Arc::new(Written::default());
        let writer = Writer {
            connection: Arc::clone(&connection),
            queue: consumer,
            written: Arc::clone(&written),
            to_main,
            recorder: recorder.clone(),
        };
        (Self { connection, queue: producer, written, observer, recorder }, writer)
    }

    /// Sends it, now or after what is in front of it.
    pub(super) fn push(&self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Messages(buffer) => self.push_messages(buffer),
            Outgoing::Goodbye { .. } | Outgoing::HalfClose { .. } => self.queue.push(outgoing, 0),
        }
    }

    fn push_messages(&self, mut buffer: Buffer) {
        // Messages that are written one by one need pauses in between, which are the writer's.
        if self.queue.is_idle() && buffer.ends.is_empty() && self.try_write(&mut buffer) {
            return record(self.recorder.as_ref(), buffer);
        }
        self.observer.emit(|| Step::HandsOut { to: Place::Peer, messages: buffer.messages });
        let bytes = buffer.unwritten().len();
        self.queue.push(Outgoing::Messages(buffer), bytes);
    }

    /// Writes what the socket takes. True if that is all. An error is left to the writer, which meets it again.
    fn try_write(&self, buffer: &mut Buffer) -> bool {
        let bytes = buffer.unwritten().len();
        self.observer.emit(|| Step::Writes { to: Place::Peer, bytes });
        let written = platform::try_write(&self.connection.socket, buffer.unwritten()).unwrap_or(0);
        self.written.add_bytes(written);
        buffer.written += written;
        let is_all = written == bytes;
        let messages = if is_all { buffer.messages } else { Messages::NONE };
        self.observer.emit(|| Step::Wrote { to: Place::Peer, bytes: written, messages });
        if is_all {
            self.written.last().add(buffer);
        }
        is_all
    }

    /// Whether more messages may be pushed. If not, a `Capacity` event follows when they may.
    pub(super) fn has_capacity(&self) -> bool {
        self.recorder.as_ref().is_none_or(Recorder::has_capacity) && self.queue.has_capacity()
    }
}

impl Writer {
    /// Writes until the goodbye, the end of our half, or an error. After an error it counts what it cannot deliver,
    /// until main drops the outbox.
    pub(super) fn run(self) {
        let mut delivery = Delivery { complete: false, undelivered: 0 };
        while let Some(outgoing) = self.queue.next(&self.to_main.observer) {
            match self.write(outgoing) {
                Ok(true) => {
                    delivery.complete = true;
                    break;
                }
                Ok(false) => {}
                Err((error, undelivered)) => {
                    self.to_main.send(Event::WriteFailed(error));
                    let rest = from_fn(|| self.queue.next(&self.to_main.observer));
                    delivery.undelivered =
                        undelivered + rest.map(|outgoing| outgoing.undelivered()).sum::<usize>();
                    break;
                }
            }
        }
        // Fails only if main has gone.
        self.to_main.send(Event::Delivered(delivery));
    }

    /// True if that was the last. An error comes with the number of messages that it leaves undelivered.
    fn write(&self, outgoing: Outgoing) -> Result<bool, (io::Error, usize)> {
        match outgoing {
            Outgoing::Messages(buffer) => return self.write_messages(buffer).map(|()| false),
            Outgoing::Goodbye { bytes, pause, is_last } => {
                thread::sleep(pause.unwrap_or_default());
                self.write_all(&bytes, &mut 0).map_err(|error| (error, 0))?;
                self.written.last().add_goodbye(bytes.len(), is_last);
                self.to_main.observer.emit(|| Step::Goodbye(Goodbye::Written));
                if let Some(recorder) = &self.recorder {
                    recorder.goodbye(Direction::Sent);
                }
                if !is_last {
                    self.queue.done(0);
                    // Fails only if main has gone.
                    self.to_main.send(Event::GoodbyeWritten(Instant::now()));
                    return Ok(false);
                }
            }
            Outgoing::HalfClose { bytes } => {
                self.write_all(&bytes, &mut 0).map_err(|error| (error, 0))?;
                self.written.last().add_goodbye(bytes.len(), true);
            }
        }
        // Fails only if the peer has gone, which the reader notices.
        let _ = self.connection.socket.shutdown(Shutdown::Write);
        Ok(true)
    }

    fn write_messages(&self, mut buffer: Buffer) -> Result<(), (io::Error, usize)> {
        let (bytes, mut written) = (buffer.unwritten().len(), buffer.written);
        let result = self.write_to_ends(&buffer, &mut written);
        if result.is_ok() {
            let messages = buffer.messages;
            self.to_main.observer.emit(|| Step::Wrote { to: Place::Peer, bytes, messages });
            self.written.last().add(&buffer);
        }
        let result = result.map_err(|error| (error, buffer.messages_after(written)));
        buffer.written = written;
        record(self.recorder.as_ref(), buffer);
        if result.is_ok() {
            self.queue.done(bytes);
        }
        result
    }

    fn write_to_ends(&self, buffer: &Buffer, written: &mut usize) -> io::Result<()> {
        if buffer.ends.is_empty() {
            return self.write_all(buffer.wire(), written);
        }
        for end in &buffer.ends {
            self.write_all(&buffer.wire()[..*end], written)?;
            // Nothing but time separates these messages.
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Writes the bytes after the first `written`, and keeps `written` up to date.
    fn write_all(&self, bytes: &[u8], written: &mut usize) -> io::Result<()> {
        while *written < bytes.len() {
            let chunk = &bytes[*written..bytes.len().min(*written + CHUNK)];
            self.to_main.observer.emit(|| Step::Writes { to: Place::Peer, bytes: chunk.len() });
            match (&*self.connection).write(chunk) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => {
                    *written += more;
                    self.written.add_bytes(more);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Passes the buffer to the transcript, or else returns it to its pool.
fn record(recorder: Option<&Recorder>, buffer: Buffer) {
    if let Some(recorder) = recorder {
        recorder.sent(buffer);
    }
}
