//! The two connections to the log that several hubs share: one reads it, the other adds to it.

use crate::designs::connect::Calls;
use crate::designs::link::{Line, Link};
use crate::designs::select::wait::{Interests, Ready};
use crate::observe::Observer;
use crate::rules::link::{Appender, Event, Follower, Machine, Order};
use rustix::event::PollFlags;
use std::os::fd::AsFd;
use std::time::Instant;

/// Both connections. Only the look-up of the server's name blocks.
pub(super) struct Log {
    reader: Line<Follower>,
    writer: Line<Appender>,
}

impl Log {
    /// Nothing happens before [`go_on`](Self::go_on).
    pub(super) fn new(link: &Link, observer: &Observer) -> Self {
        Self { reader: link.follower(false, observer), writer: link.appender(false, observer) }
    }

    /// Adds what becomes ready when the server has sent something, or accepts more.
    pub(super) fn add_to<'a>(&'a self, interests: &mut Interests<'a>) {
        add_to(&self.reader, Ready::LogReader, interests);
        add_to(&self.writer, Ready::LogWriter, interests);
    }

    /// When to [go on](Self::go_on) although nothing has become ready.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.reader.deadline().into_iter().chain(self.writer.deadline()).min()
    }

    /// Reads once from the connection that is ready.
    pub(super) fn read(&mut self, ready: Ready) {
        match ready {
            Ready::LogReader => self.reader.read(None),
            _ => self.writer.read(None),
        }
    }

    /// Does this with what adds to the log.
    pub(super) fn order(&mut self, order: Order) {
        self.writer.machine.perform(order, Instant::now());
    }

    /// Whether no entries are to be read now.
    pub(super) fn rest(&mut self, rests: bool) {
        self.reader.machine.rest(rests, Instant::now());
    }

    /// Does everything that can be done now. Returns what has happened.
    pub(super) fn go_on(&mut self) -> Vec<Event> {
        let mut events = self.reader.go_on();
        events.extend(self.writer.go_on());
        events
    }
}

fn add_to<'a>(line: &'a Line<impl Machine>, ready: Ready, interests: &mut Interests<'a>) {
    let flags = if line.is_full() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    interests.add(line.socket().map(|socket| socket.as_fd()), flags, ready);
    for socket in line.calls().into_iter().flat_map(Calls::sockets) {
        interests.add(socket.as_fd(), PollFlags::OUT, ready);
    }
}
