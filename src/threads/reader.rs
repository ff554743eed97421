//! stdin-reader and socket-reader: block on input, and do nothing else.

use super::event::Event;
use super::screen::Observer;
use crate::buffer::{Buffer, Pool};
use crossbeam_channel::{Receiver, Sender};
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
    pub(super) to_main: Sender<Event>,
    pub(super) observer: Observer,
}

impl Reader {
    /// Reads to the end of the input. Each read is one event, and so is the end.
    pub(super) fn run(
        self,
        mut input: impl Read,
        batch: impl Fn(Buffer) -> Event,
        end: impl FnOnce(io::Result<()>) -> Event,
    ) {
        let result = loop {
            self.observer.sees("waits for a buffer, then for input");
            let Some(mut buffer) = self.pool.take(&self.stop) else { break Ok(()) };
            match input.read(buffer.space()) {
                Ok(0) => break Ok(()),
                Ok(bytes) => {
                    self.observer.sees(format_args!("read {bytes} bytes"));
                    buffer.filled(bytes);
                    if self.to_main.send(batch(buffer)).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.observer.sees("ends");
        // Refused only if main has gone.
        let _ = self.to_main.send(end(result));
    }
}
