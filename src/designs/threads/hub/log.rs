//! The two threads between main and the log that several hubs share.
//!
//! ```text
//!   Redis ──▶ [log-reader] ──▶ one channel ─▶ main ──▶ [log-writer] ──▶ Redis
//! ```
//!
//! The log-writer also reads what Redis answers to it, and the log-reader also writes what it asks for.

use super::super::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded};
use super::event::Event;
use crate::designs::link::{Line, Link};
use crate::designs::threads::event::ToMain;
use crate::designs::threads::thread::{Thread, spawn};
use crate::observe::{For, Step};
use crate::rules::link::{Appender, Follower, Order};
use socket2::Socket;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many bundles of what was logged may be on the way to main, or with it.
const BUNDLES: usize = 2;

/// How often the log-writer looks whether the connection has ended while there is nothing to write, so that this is repaired
/// before somebody says something.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Where shutting a socket down does not wake the thread that reads from it, how often that looks whether it is to end.
const CHECK_EVERY: Option<Duration> =
    if cfg!(any(polling_io, windows)) { Some(Duration::from_millis(500)) } else { None };

/// How long to wait for a thread that may be connecting, before it is left behind.
const END_WITHIN: Duration = Duration::from_millis(200);

/// What main has of the two threads.
pub(super) struct Log {
    /// A credit allows the log-reader to send a bundle.
    credits: Sender<()>,
    /// The credits that are with main.
    spent: usize,
    /// What bounds it: the hub counts what is not in the log, and then reads no more from its members.
    orders: Sender<Order>,
    threads: [(Thread, Shared); 2],
}

impl Log {
    pub(super) fn start(link: &Link, to_main: &ToMain<Event>) -> io::Result<Self> {
        let (credits, given) = bounded(BUNDLES);
        let (orders, ordered) = unbounded();
        let (reader, writer) = (Shared::default(), Shared::default());
        let observer = &to_main.observer;
        let (line, shared, channel) = (link.follower(true, observer), reader.clone(), to_main.clone());
        let read = spawn("log-reader", observer, move || read(line, &given, &shared, &channel))?;
        let (line, shared, channel) = (link.appender(true, observer), writer.clone(), to_main.clone());
        let write = spawn("log-writer", observer, move || write(line, &ordered, &shared, &channel))?;
        let mut log = Self { credits, spent: BUNDLES, orders, threads: [(read, reader), (write, writer)] };
        log.give_back();
        Ok(log)
    }

    /// Lets the log-writer do this.
    pub(super) fn order(&self, order: Order) {
        // Fails only if the thread has panicked, which has said so.
        let _ = self.orders.send(order);
    }

    /// Main has got a bundle, with the credit for it if it has one.
    pub(super) fn got(&mut self, has_credit: bool) {
        self.spent += usize::from(has_credit);
    }

    /// Main has done everything that was in the bundles.
    pub(super) fn give_back(&mut self) {
        for _ in 0..std::mem::take(&mut self.spent) {
            // There is space: the channel holds them all.
            let _ = self.credits.try_send(());
        }
    }

    /// Lets both threads end, whatever they wait for. They are still to be [joined](Self::join).
    pub(super) fn stop(self) -> [Thread; 2] {
        let Self { threads, .. } = self;
        threads.map(|(thread, shared)| {
            shared.stop();
            thread
        })
    }

    /// Nothing wakes a thread that waits for the system to look up a name or to reach an address.
    pub(super) fn join(threads: [Thread; 2]) {
        let until = Instant::now() + END_WITHIN;
        for thread in threads {
            thread.join_within(until.saturating_duration_since(Instant::now()));
        }
    }
}

/// The connection of one of the threads, for main to end it.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    socket: Option<Arc<Socket>>,
    is_stopped: bool,
}

impl Shared {
    /// This is the connection now. False if the thread is to end.
    fn set(&self, socket: Option<&Arc<Socket>>) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.socket = socket.cloned();
        !state.is_stopped
    }

    fn stop(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_stopped = true;
        if let Some(socket) = &state.socket {
            // Fails if the server has gone, and then nothing blocks.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// The log-reader. It reads entries only with a credit for them, and otherwise just tells the server that this hub lives.
fn read(mut line: Line<Follower>, credits: &Receiver<()>, shared: &Shared, to_main: &ToMain<Event>) {
    let mut held = 0_usize;
    loop {
        loop {
            match credits.try_recv() {
                Ok(()) => held += 1,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        line.machine.rest(held == 0, Instant::now());
        let events = line.go_on();
        if !shared.set(line.socket()) {
            return;
        }
        if !events.is_empty() {
            // Without a credit it is no entry, but something rare: what has happened to the link.
            let has_credit = held > 0;
            held = held.saturating_sub(1);
            if !to_main.send(Event::Log(events, has_credit)) {
                return;
            }
        } else if let Some(calls) = line.calls() {
            to_main.observer.emit(|| Step::Waits(For::Connection));
            calls.wait();
        } else if line.machine.awaits_answer() {
            // What comes now needs a credit, and the entries that are asked for then need another.
            line.machine.rest(held < BUNDLES, Instant::now());
            line.read(CHECK_EVERY);
        } else {
            to_main.observer.emit(|| Step::Waits(For::Buffer));
            match wait(credits, line.deadline()) {
                Ok(()) => held += 1,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// The log-writer. While the server owes it an answer, orders wait, and become one entry.
fn write(mut line: Line<Appender>, orders: &Receiver<Order>, shared: &Shared, to_main: &ToMain<Event>) {
    loop {
        let events = line.go_on();
        if !shared.set(line.socket()) || !events.is_empty() && !to_main.send(Event::Log(events, false)) {
            return;
        }
        let mut first = None;
        if let Some(calls) = line.calls() {
            to_main.observer.emit(|| Step::Waits(For::Connection));
            calls.wait();
        } else if line.machine.awaits_answer() {
            line.read(CHECK_EVERY);
        } else {
            to_main.observer.emit(|| Step::Waits(For::Work));
            let look = Instant::now() + LOOK_EVERY;
            match wait(orders, Some(line.deadline().map_or(look, |deadline| deadline.min(look)))) {
                Ok(order) => first = Some(order),
                Err(RecvTimeoutError::Timeout) => line.read_without_waiting(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        for order in first.into_iter().chain(orders.try_iter()) {
            line.machine.perform(order, Instant::now());
        }
    }
}

fn wait<T>(channel: &Receiver<T>, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
    match deadline {
        Some(deadline) => channel.recv_deadline(deadline),
        None => channel.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}
