//! One client: a reader, and a writer if the client is ever behind.

use super::super::channel::{Receiver, Sender, bounded};
use super::event::Event;
#[cfg(feature = "secure")]
use crate::designs::hub::Rest;
use crate::designs::hub::observe_written;
use crate::designs::threads::event::ToMain;
use crate::designs::threads::pool::Pool;
use crate::designs::threads::reader::Reader;
use crate::designs::threads::thread::{Thread, spawn_with};
use crate::observe::thread::{CLIENT_READER, CLIENT_WRITER};
use crate::observe::{For, Observer, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::hub::{Id, Queue};
use crate::rules::messages::{Counter, Streams};
use std::convert::Infallible;
use std::io::{self, IoSlice, Read, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::Builder;

/// The buffers of a client-reader: while one is with main, it reads into the other.
const BUFFERS: usize = 2;

/// The size of each, in bytes: twice the last read. Ten thousand people who type need little memory, and a client that sends
/// a file is read in few calls.
const BUFFER_SIZE: RangeInclusive<usize> = 1024..=64 * 1024;

/// The stack of each of these threads, in bytes: several times what they use.
const STACK: usize = 64 * 1024;

/// The most bytes that a writer writes with one call. A blocked call reports no progress until it returns: at 64 KiB per
/// second, the slowest speed at which a client is never disconnected, this takes half a second.
const CHUNK: usize = 32 * 1024;

/// The most posts that are written with one call.
pub(super) const SLICES: usize = 32;

/// The connection and its threads.
pub(super) struct Client {
    pub(super) connection: Arc<Connection>,
    /// None when it has sent its last event.
    pub(super) reader: Option<Thread>,
    /// Dropping it ends the reader even if the client keeps sending, which hanging up does not. None after disconnecting.
    pub(super) running: Option<Sender<Infallible>>,
    writer: Option<Writer>,
    /// If it is encrypted.
    #[cfg(feature = "secure")]
    pub(super) secure: Option<super::secure::Line>,
    /// Numbers the lines written to it, for observers.
    pub(super) sent: Counter,
    /// The numbers of its streams, for observers.
    #[cfg(feature = "web")]
    pub(super) streams: Streams,
    observer: Observer,
}

/// The thread that writes to a client that is behind. It stays until the client leaves: such a client will be behind again.
struct Writer {
    queue: Sender<Lent>,
    thread: Thread,
}

/// What a writer writes.
pub(super) enum Lent {
    /// These posts. The number is that of their first line.
    Posts(Queue, Counter),
    #[cfg(feature = "secure")]
    Rest(Rest),
}

impl Client {
    /// Starts the reader.
    pub(super) fn start(
        id: Id,
        connection: &Arc<Connection>,
        to_main: &ToMain<Event>,
        streams: Streams,
    ) -> io::Result<Self> {
        let (connection, input, to_main) = (Arc::clone(connection), Arc::clone(connection), to_main.clone());
        Self::start_with(connection, &to_main, streams, move |reader| {
            read(id, &input.clone(), &*input, reader);
        })
    }

    /// Starts the reader, which does this.
    pub(super) fn start_with(
        connection: Arc<Connection>,
        to_main: &ToMain<Event>,
        streams: Streams,
        run: impl FnOnce(Reader<Event>) + Send + 'static,
    ) -> io::Result<Self> {
        let observer = to_main.observer.clone();
        let (running, stop) = bounded(0);
        let reader = Reader {
            pool: Pool::growing(BUFFERS, BUFFER_SIZE),
            stop,
            to_main: to_main.clone(),
            place: Place::Client,
            counter: Some(streams.receiver()),
        };
        let builder = Builder::new().name(CLIENT_READER.to_owned()).stack_size(STACK);
        let reader = spawn_with(builder, &observer, move || run(reader))?;
        Ok(Self {
            connection,
            reader: Some(reader),
            running: Some(running),
            writer: None,
            #[cfg(feature = "secure")]
            secure: None,
            sent: Counter::new(streams.sent),
            #[cfg(feature = "web")]
            streams,
            observer,
        })
    }

    /// The queue of the writer, which is started if there is none.
    pub(super) fn writer(&mut self, id: Id, to_main: &ToMain<Event>) -> io::Result<&Sender<Lent>> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let (queue, lent) = bounded(1);
                let (connection, to_main) = (Arc::clone(&self.connection), to_main.clone());
                let builder = Builder::new().name(CLIENT_WRITER.to_owned()).stack_size(STACK);
                let thread = spawn_with(builder, &self.observer, move || {
                    write(id, &connection, &lent, &to_main);
                })?;
                Writer { queue, thread }
            }
        };
        Ok(&self.writer.insert(writer).queue)
    }

    /// Numbers the lines that are about to be lent, for observers.
    pub(super) fn count_lent(&mut self, queue: &Queue) -> Counter {
        let first = self.sent;
        if self.observer.watches() {
            let messages = self.sent.next(queue.lines(usize::MAX));
            self.observer.emit(|| Step::HandsOut { to: Place::Client, messages });
        }
        first
    }

    /// Lets the writer end: it gets nothing more to write.
    pub(super) fn end_writer(&mut self) -> Option<Thread> {
        self.writer.take().map(|writer| writer.thread)
    }
}

/// The reader: reads what the client sends to its end.
pub(super) fn read(id: Id, connection: &Connection, input: impl Read, reader: Reader<Event>) {
    let heard_all = |result: io::Result<()>| {
        Event::HeardAllOf(id, result.and_then(|()| platform::end_of_stream(&connection.socket)))
    };
    reader.run(input, |buffer| Event::Heard(id, buffer), heard_all);
}

/// The writer: blocks in writing what it is lent, until main drops the queue or an error comes.
fn write(id: Id, connection: &Connection, lent: &Receiver<Lent>, to_main: &ToMain<Event>) {
    let observer = &to_main.observer;
    let next = || {
        observer.emit(|| Step::Waits(For::Work));
        lent.recv().ok()
    };
    while let Some(lent) = next() {
        let (mut queue, mut counter) = match lent {
            Lent::Posts(queue, counter) => (queue, counter),
            #[cfg(feature = "secure")]
            Lent::Rest(rest) => match super::secure::write_rest(id, connection, &rest, to_main) {
                true => continue,
                false => return,
            },
        };
        while !queue.is_empty() {
            observer.emit(|| Step::Writes { to: Place::Client, bytes: CHUNK.min(queue.bytes()) });
            let event = match write_chunk(connection, &queue) {
                Ok(written) => {
                    observe_written(&queue, written, &mut counter, observer);
                    queue.advance(written);
                    Event::Wrote(id, written)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    to_main.send(Event::WriteFailedTo(id, error));
                    return;
                }
            };
            // Fails only if main has gone.
            if !to_main.send(event) {
                return;
            }
        }
    }
}

fn write_chunk(mut connection: &Connection, queue: &Queue) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    connection.write_vectored(queue.fill(&mut slices, CHUNK))
}
