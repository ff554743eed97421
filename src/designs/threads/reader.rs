//! The stdin-reader and the socket-reader: they block on input and do nothing else.

use super::channel::Receiver;
use super::event::{ProgramEvent, ToMain};
use super::pool::Pool;
use crate::observe::{For, Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::messages::Counter;
use std::convert::Infallible;
use std::io::{self, Read};

/// The size of a read, in bytes. Each read costs two or three wake-ups of other threads, so that a file moves a third
/// faster with this size than with 64 KiB (`docs/performance.md`).
pub(super) const READ_SIZE: usize = 256 * 1024;

/// How many buffers a reader has: one that is being filled, one with main, and two with a writer.
///
/// With the output that they carry, the buffers of both readers take a few MiB. A buffer full of empty lines grows
/// 28-fold when each line is stamped, but main does not stamp them before the outbox has capacity.
pub(super) const BUFFERS: usize = 4;

/// What a reader needs beside its input.
pub(super) struct Reader<E> {
    /// Its buffers. While all are in use it waits, so that it does not read what cannot be written.
    pub(super) pool: Pool,
    /// Wakes it from that wait when its sender is dropped. (Hanging up wakes it from a blocked read.)
    pub(super) stop: Receiver<Infallible>,
    pub(super) to_main: ToMain<E>,
    pub(super) place: Place,
    /// Numbers its messages. None for keys, which are no messages yet.
    pub(super) counter: Option<Counter>,
}

impl<E: ProgramEvent> Reader<E> {
    /// Reads to the end of the input. Each read is one event, and so is the end.
    pub(super) fn run<T: Into<E>>(
        self,
        mut input: impl Read,
        batch: impl Fn(Buffer) -> T,
        end: impl FnOnce(io::Result<()>) -> T,
    ) {
        let mut counter = self.counter;
        let result = loop {
            let Some(mut buffer) = self.next_buffer() else { break Ok(()) };
            self.to_main.observer.emit(|| Step::Waits(For::Input(self.place)));
            match input.read(buffer.space()) {
                Ok(0) => break Ok(()),
                Ok(bytes) => {
                    buffer.filled(bytes);
                    if let Some(counter) = &mut counter {
                        buffer.messages = self.to_main.observer.count(counter, buffer.input());
                    }
                    self.to_main.observer.emit(|| Step::Read {
                        from: self.place,
                        bytes,
                        messages: buffer.messages,
                    });
                    if !self.to_main.send(batch(buffer)) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        // Fails only if main has gone.
        self.to_main.send(end(result));
    }

    /// Waits for a buffer. `None` if the reader has to end.
    fn next_buffer(&self) -> Option<Buffer> {
        self.pool.try_take().or_else(|| {
            self.to_main.observer.emit(|| Step::Waits(For::Buffer));
            self.pool.take(&self.stop)
        })
    }
}
