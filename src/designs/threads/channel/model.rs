//! A model of what is used of crossbeam-channel, on shuttle's locks: shuttle chooses who runs, and whether a time-out passes.
//!
//! Two differences: one thread at a time selects over a receiver, and a channel of no capacity is never sent anything.

pub(in super::super) use crossbeam_channel::{RecvTimeoutError, TryRecvError};
use crossbeam_channel::{SendError, TrySendError};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::{Arc, Mutex, MutexGuard};
use shuttle::thread::{self, Thread};
use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::iter::from_fn;
use std::time::{Duration, Instant};

pub(in super::super) struct Sender<T>(Arc<Mutex<State<T>>>);

pub(in super::super) struct Receiver<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    items: VecDeque<T>,
    capacity: usize,
    senders: usize,
    receivers: usize,
    /// Who is to be woken when anything changes.
    asleep: Vec<Thread>,
    /// What is received may come at any time, and nobody sends it.
    is_timer: bool,
}

fn channel<T>(capacity: usize, is_timer: bool) -> (Sender<T>, Receiver<T>) {
    let state =
        State { items: VecDeque::new(), capacity, senders: 1, receivers: 1, asleep: Vec::new(), is_timer };
    let state = Arc::new(Mutex::new(state));
    (Sender(Arc::clone(&state)), Receiver(state))
}

pub(in super::super) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel(capacity, false)
}

pub(in super::super) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(usize::MAX, false)
}

pub(in super::super) fn never<T>() -> Receiver<T> {
    let (sender, receiver) = channel(0, false);
    // It never disconnects.
    std::mem::forget(sender);
    receiver
}

pub(in super::super) fn at(_due: Instant) -> Receiver<Instant> {
    channel(0, true).1
}

pub(in super::super) fn after(_time: Duration) -> Receiver<Instant> {
    channel(0, true).1
}

impl<T> State<T> {
    fn changed(&mut self) {
        self.asleep.drain(..).for_each(|thread| thread.unpark());
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether shuttle lets a time-out pass now. If not, others go on.
fn times_out() -> bool {
    let passes = thread_rng().gen_bool(0.25);
    if !passes {
        thread::yield_now();
    }
    passes
}

impl<T> Sender<T> {
    pub(in super::super) fn send(&self, item: T) -> Result<(), SendError<T>> {
        let mut item = item;
        loop {
            item = match self.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(item)) => return Err(SendError(item)),
                Err(TrySendError::Full(item)) => item,
            };
            let is_full = |state: &State<T>| state.items.len() >= state.capacity && state.receivers > 0;
            sleep_while(&self.0, is_full);
        }
    }

    pub(in super::super) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let mut state = lock(&self.0);
        if state.receivers == 0 {
            return Err(TrySendError::Disconnected(item));
        }
        if state.items.len() >= state.capacity {
            return Err(TrySendError::Full(item));
        }
        state.items.push_back(item);
        state.changed();
        Ok(())
    }

    pub(in super::super) fn len(&self) -> usize {
        lock(&self.0).items.len()
    }
}

/// Sleeps until something changes, unless it has.
fn sleep_while<T>(state: &Mutex<State<T>>, is_so: impl Fn(&State<T>) -> bool) {
    let mut state = lock(state);
    if is_so(&state) {
        state.asleep.push(thread::current());
        drop(state);
        thread::park();
    }
}

impl<T> Receiver<T> {
    pub(in super::super) fn recv(&self) -> Result<T, TryRecvError> {
        wait_for_one(&[self], true);
        self.try_recv()
    }

    pub(in super::super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = lock(&self.0);
        match state.items.pop_front() {
            Some(item) => {
                state.changed();
                Ok(item)
            }
            None if state.senders == 0 && !state.is_timer => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    pub(in super::super) fn recv_timeout(&self, _time: Duration) -> Result<T, RecvTimeoutError> {
        loop {
            match self.try_recv() {
                Ok(item) => return Ok(item),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if times_out() => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    pub(in super::super) fn try_iter(&self) -> impl Iterator<Item = T> {
        from_fn(|| self.try_recv().ok())
    }

    pub(in super::super) fn len(&self) -> usize {
        lock(&self.0).items.len()
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A receiver of whatever.
pub(in super::super) trait Source {
    /// Whether receiving does not wait.
    fn is_ready(&self) -> bool;

    fn is_timer(&self) -> bool;

    /// The current thread is woken when something changes. False if it has changed already.
    fn wakes(&self) -> bool;
}

impl<T> Source for Receiver<T> {
    fn is_ready(&self) -> bool {
        let state = lock(&self.0);
        !state.items.is_empty() || state.senders == 0 && !state.is_timer
    }

    fn is_timer(&self) -> bool {
        lock(&self.0).is_timer
    }

    fn wakes(&self) -> bool {
        let mut state = lock(&self.0);
        state.asleep.push(thread::current());
        state.items.is_empty() && (state.senders > 0 || state.is_timer)
    }
}

impl<S: Source> Source for &S {
    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }

    fn is_timer(&self) -> bool {
        (**self).is_timer()
    }

    fn wakes(&self) -> bool {
        (**self).wakes()
    }
}

/// Waits until one of them is ready, and returns its number. If several are, it is the first one or any.
pub(in super::super) fn wait_for_one(sources: &[&dyn Source], first: bool) -> usize {
    loop {
        let ready: Vec<_> = (0..sources.len()).filter(|number| sources[*number].is_ready()).collect();
        if !ready.is_empty() {
            return ready[if first { 0 } else { thread_rng().gen_range(0..ready.len()) }];
        }
        match sources.iter().position(|source| source.is_timer()) {
            Some(timer) if times_out() => return timer,
            Some(_) => {}
            None if sources.iter().all(|source| source.wakes()) => thread::park(),
            None => {}
        }
    }
}

macro_rules! select_biased {
    ($(recv($from:expr) -> $received:pat => $then:expr),+ $(,)?) => {{
        let ready = $crate::designs::threads::channel::wait_for_one(&[$(&$from),+], true);
        $crate::designs::threads::channel::receive!(ready, 0, $($from, $received, $then;)+)
    }};
}

macro_rules! select {
    ($(recv($from:expr) -> $received:pat => $then:expr),+ $(,)?) => {{
        let ready = $crate::designs::threads::channel::wait_for_one(&[$(&$from),+], false);
        $crate::designs::threads::channel::receive!(ready, 0, $($from, $received, $then;)+)
    }};
}

/// Receives from the one with this number, counted from the next one.
macro_rules! receive {
    ($ready:ident, $number:expr, $from:expr, $received:pat, $then:expr;) => {{
        let $received = $from.try_recv();
        $then
    }};
    ($ready:ident, $number:expr, $from:expr, $received:pat, $then:expr; $($rest:tt)+) => {
        if $ready == $number {
            let $received = $from.try_recv();
            $then
        } else {
            $crate::designs::threads::channel::receive!($ready, $number + 1, $($rest)+)
        }
    };
}

pub(in super::super) use {receive, select, select_biased};

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        lock(&self.0).senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        lock(&self.0).receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.senders -= 1;
        state.changed();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.receivers -= 1;
        state.changed();
        // As the last receiver does in crossbeam. What they do when they are dropped must not find the channel locked.
        let items = if state.receivers == 0 { std::mem::take(&mut state.items) } else { VecDeque::new() };
        drop(state);
        drop(items);
    }
}

impl<T> Debug for Sender<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> Debug for Receiver<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}
