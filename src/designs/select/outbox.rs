//! The way to the peer: what was handed out and the peer has not taken.

use super::transcript::Transcript;
use crate::observe::{Goodbye, Observer, Place, Step};
use crate::rules::action::Outgoing;
use crate::rules::buffer::LastWrites;
use crate::rules::event::Delivery;
use crate::rules::input::CAPACITY;
use crate::rules::messages::Messages;
use crate::rules::record::{Direction, What};
use crate::rules::wire::{GOODBYE, PAUSE};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

/// From how many items on there is no room for more messages.
const ITEMS: usize = 512;

/// What waits to be sent, in order.
#[derive(Default)]
pub(super) struct Outbox {
    queue: VecDeque<Outgoing>,
    /// The bytes of messages in it that are not written.
    bytes: usize,
    /// The pause after which to go on.
    until: Option<Instant>,
    /// How much of the goodbye was written, in bytes.
    said: usize,
    /// All bytes that were ever written to the socket.
    written: u64,
    last: LastWrites,
}

/// Where the outbox stands.
pub(super) enum Flushed {
    /// The peer takes no more for now, or a pause is to be kept.
    Waits,
    /// All was written.
    Empty,
    /// All was written, the end of our half included.
    Ended,
}

impl Outbox {
    /// It is sent when what is in front of it has been.
    pub(super) fn push(&mut self, outgoing: Outgoing) {
        if let Outgoing::Messages(buffer) = &outgoing {
            self.bytes += buffer.unwritten().len();
        }
        self.queue.push_back(outgoing);
    }

    /// Whether more messages may be added.
    pub(super) fn has_room(&self) -> bool {
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

    /// Writes as much as the socket takes. What it has taken goes to the transcript.
    pub(super) fn flush(
        &mut self,
        mut socket: &TcpStream,
        now: Instant,
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
                Some(Outgoing::HalfClose) => return Ok(self.end(socket)),
                Some(Outgoing::Goodbye { pause: Some(pause) }) => {
                    self.until = Some(now + *pause);
                    self.queue[0] = Outgoing::Goodbye { pause: None };
                    continue;
                }
                Some(Outgoing::Goodbye { pause: None }) => &GOODBYE[self.said..],
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
                    // Nothing but time tells messages apart that are written one by one.
                    self.until = Some(now + PAUSE).filter(|_| is_all && !buffer.ends.is_empty());
                    let is_done = buffer.unwritten().is_empty();
                    let messages = if is_done { buffer.messages } else { Messages::NONE };
                    observer.emit(|| Step::Wrote { to: Place::Peer, bytes: written, messages });
                    if is_done {
                        self.written_all(transcript);
                    }
                }
                _ if is_all => {
                    observer.emit(|| Step::Goodbye(Goodbye::Written));
                    transcript.record(What::Goodbye(Direction::Sent));
                    return Ok(self.end(socket));
                }
                _ => self.said += written,
            }
        }
    }

    fn written_all(&mut self, transcript: &mut Transcript) {
        if let Some(Outgoing::Messages(buffer)) = self.queue.pop_front() {
            self.last.add(&buffer);
            transcript.record(What::Sent(buffer));
        }
    }

    /// Our half is over.
    fn end(&mut self, socket: &TcpStream) -> Flushed {
        self.queue.clear();
        // Fails only if the peer has gone, which reading notices.
        let _ = socket.shutdown(Shutdown::Write);
        Flushed::Ended
    }

    /// Nothing more can be delivered: what became of our half.
    pub(super) fn give_up(mut self, transcript: &mut Transcript) -> Delivery {
        let undelivered = self.queue.iter().map(messages).sum();
        // Of the batch that was being written some messages may have been sent.
        if let Some(Outgoing::Messages(buffer)) = self.queue.pop_front() {
            transcript.record(What::Sent(buffer));
        }
        Delivery { complete: false, undelivered }
    }

    /// In how many messages the last so many bytes were that were written.
    pub(super) fn messages_in_last(&self, bytes: usize) -> usize {
        self.last.messages_in(bytes)
    }

    /// How many bytes the socket has taken since the beginning.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

fn messages(outgoing: &Outgoing) -> usize {
    match outgoing {
        Outgoing::Messages(buffer) => buffer.messages_after(buffer.written),
        Outgoing::Goodbye { .. } | Outgoing::HalfClose => 0,
    }
}
