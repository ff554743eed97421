//! The way to the peer: what was handed out and the peer has not taken yet.

use super::transcript::Transcript;
use crate::observe::{Goodbye, Observer, Place, Step};
use crate::rules::action::Outgoing;
use crate::rules::buffer::LastWrites;
use crate::rules::event::Delivery;
use crate::rules::input::CAPACITY;
use crate::rules::messages::Messages;
use crate::rules::record::{Direction, What};
use crate::rules::wire::PAUSE;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

/// From how many items on it has no capacity for more messages.
const ITEMS: usize = 512;

/// What waits to be sent, in order.
#[derive(Default)]
pub(super) struct Outbox {
    queue: VecDeque<Outgoing>,
    /// The unwritten bytes of the messages in it.
    bytes: usize,
    /// The end of a pause.
    until: Option<Instant>,
    /// How many bytes of the goodbye, or of the end of our half, are written.
    last_written: usize,
    /// How many bytes the socket has taken since the beginning.
    written: u64,
}

/// The state of the outbox after a flush.
pub(super) enum Flushed {
    /// The peer takes no more for now, or there is a pause.
    Waits,
    /// All is written.
    Empty,
    /// A goodbye is written with which our half has not ended. There may be more to write.
    GoodbyeWritten,
    /// All is written, and our half has ended.
    Ended,
}

impl Outbox {
    /// Queues it. [`flush`](Self::flush) sends it.
    pub(super) fn push(&mut self, outgoing: Outgoing) {
        if let Outgoing::Messages(buffer) = &outgoing {
            self.bytes += buffer.unwritten().len();
        }
        self.queue.push_back(outgoing);
    }

    /// Whether more messages may be added.
    pub(super) fn has_capacity(&self) -> bool {
        self.bytes < CAPACITY && self.queue.len() < ITEMS
    }

    /// When to [flush](Self::flush) although the socket has not become ready.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until.filter(|_| !self.queue.is_empty())
    }

    /// Whether it waits for the socket to become ready.
    pub(super) fn waits_for_socket(&self) -> bool {
        self.until.is_none() && !self.queue.is_empty()
    }

    /// Writes what the socket takes, and records it. `last` is what was written before.
    pub(super) fn flush(
        &mut self,
        mut socket: &TcpStream,
        now: Instant,
        last: &mut LastWrites,
        transcript: &mut Transcript,
        observer: &Observer,
    ) -> io::Result<Flushed> {
        loop {
            if self.until.is_some_and(|until| now < until) {
                return Ok(Flushed::Waits);
            }
            self.until = None;
            let bytes = match self.queue.front_mut() {
                None => return Ok(Flushed::Empty),
                Some(Outgoing::HalfClose { bytes }) if self.last_written == bytes.len() => {
                    last.add_goodbye(bytes.len(), true);
                    return Ok(self.end(socket));
                }
                Some(Outgoing::Goodbye { pause, .. }) if pause.is_some() => {
                    self.until = pause.take().map(|pause| now + pause);
                    continue;
                }
                Some(Outgoing::Goodbye { bytes, .. } | Outgoing::HalfClose { bytes }) => {
                    &bytes[self.last_written..]
                }
                Some(Outgoing::Messages(buffer)) => buffer.next_write(),
            };
            observer.emit(|| Step::Writes { to: Place::Peer, bytes: bytes.len() });
            let written = match socket.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Waits),
                Err(error) => return Err(error),
            };
            let is_all = written == bytes.len();
            self.written += written as u64;
            match self.queue.front_mut() {
                Some(Outgoing::Messages(buffer)) => {
                    buffer.written += written;
                    self.bytes -= written;
                    // Nothing but time separates messages that are written one by one.
                    self.until = Some(now + PAUSE).filter(|_| is_all && !buffer.ends.is_empty());
                    let is_done = buffer.unwritten().is_empty();
                    let messages = if is_done { buffer.messages } else { Messages::NONE };
                    observer.emit(|| Step::Wrote { to: Place::Peer, bytes: written, messages });
                    if is_done {
                        self.written_all(last, transcript);
                    }
                }
                Some(Outgoing::Goodbye { is_last, .. }) if is_all => {
                    let is_last = *is_last;
                    last.add_goodbye(self.last_written + written, is_last);
                    observer.emit(|| Step::Goodbye(Goodbye::Written));
                    transcript.record(What::Goodbye(Direction::Sent));
                    if is_last {
                        return Ok(self.end(socket));
                    }
                    self.queue.pop_front();
                    self.last_written = 0;
                    return Ok(Flushed::GoodbyeWritten);
                }
                _ => self.last_written += written,
            }
        }
    }

    fn written_all(&mut self, last: &mut LastWrites, transcript: &mut Transcript) {
        if let Some(Outgoing::Messages(buffer)) = self.queue.pop_front() {
            last.add(&buffer);
            transcript.record(What::Sent(buffer));
        }
    }

    /// Ends our half.
    fn end(&mut self, socket: &TcpStream) -> Flushed {
        self.queue.clear();
        // Fails only if the peer has gone, which reading notices.
        let _ = socket.shutdown(Shutdown::Write);
        Flushed::Ended
    }

    /// Nothing more can be delivered.
    pub(super) fn give_up(mut self, transcript: &mut Transcript) -> Delivery {
        let undelivered = self.queue.iter().map(Outgoing::undelivered).sum();
        // Some messages of the first batch may have been sent.
        if let Some(Outgoing::Messages(buffer)) = self.queue.pop_front() {
            transcript.record(What::Sent(buffer));
        }
        Delivery { complete: false, undelivered }
    }

    /// How many bytes the socket has taken since the beginning.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}
