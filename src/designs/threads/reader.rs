//! stdin-reader and socket-reader: block on input, and do nothing else.

use super::event::{Event, ToMain};
use super::pool::Pool;
use crate::observe::{For, Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::messages::{Counter, Stream};
use crossbeam_channel::Receiver;
use std::convert::Infallible;
use std::io::{self, Read};

/// How much one read may return, in bytes. Each read costs two or three wake-ups of other threads, so that a
/// file moves a third faster with this than with 64 KiB (`docs/performance.md`).
pub(super) const READ_SIZE: usize = 256 * 1024;

/// How many buffers a reader has: one being filled, one with main, two being written or waiting for it.
///
/// With the texts they are turned into, those of an endpoint's two readers take a few MiB. A buffer full of empty
/// lines grows 28-fold when each of them is stamped, but is not stamped before there is room in the outbox.
pub(super) const BUFFERS: usize = 4;

/// What a reader needs beside its input.
pub(super) struct Reader {
    /// Its buffers. While all are under way it waits, so that what cannot be written is not read.
    pub(super) pool: Pool,
    /// Wakes it from that wait when its sender is dropped. (From a blocked read, hanging up does.)
    pub(super) stop: Receiver<Infallible>,
    pub(super) to_main: ToMain,
    /// Where it reads from, and what its messages are counted in.
    pub(super) place: Place,
    pub(super) stream: Stream,
}

impl Reader {
    /// Reads to the end of the input. Each read is one event, and so is the end.
    pub(super) fn run(
        self,
        mut input: impl Read,
        batch: impl Fn(Buffer) -> Event,
        end: impl FnOnce(io::Result<()>) -> Event,
    ) {
        let mut counter = Counter::new(self.stream);
        let result = loop {
            let Some(mut buffer) = self.next_buffer() else { break Ok(()) };
            self.to_main.observer.emit(|| Step::Waits(For::Input(self.place)));
            match input.read(buffer.space()) {
                Ok(0) => break Ok(()),
                Ok(bytes) => {
                    buffer.filled(bytes);
                    buffer.messages = self.to_main.observer.count(&mut counter, buffer.input());
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
        // Refused only if main has gone.
        self.to_main.send(end(result));
    }

    /// Waits for a buffer, if none is there. `None` if it is to end.
    fn next_buffer(&self) -> Option<Buffer> {
        self.pool.try_take().or_else(|| {
            self.to_main.observer.emit(|| Step::Waits(For::Buffer));
            self.pool.take(&self.stop)
        })
    }
}
