//! The queue, the pool and the shutdown in schedules that shuttle chooses: `RUSTFLAGS="--cfg shuttle" cargo test --lib shuttle`.
#![allow(clippy::unwrap_used)]

use super::channel::{Receiver, Sender, bounded, unbounded};
use super::console::Console;
use super::event::{Event, ToMain};
use super::pool::Pool;
use super::queue::{Limit, queue};
use super::reader::Reader;
use super::thread::spawn;
use crate::designs::environment::Environment;
use crate::observe::{Observer, Place};
use crate::platform::Signals;
use crate::rules::action::Ending;
use crate::rules::exit::Exit;
use crate::rules::settings::Verbosity;
use crate::terminal::{Descriptor, Terminal, Timestamps, View};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::{Arc, Mutex};
use shuttle::{Config, Runner, thread};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::time::Instant;

/// How many schedules each scheduler tries.
const SCHEDULES: usize = 2_000;

/// How many times PCT lets another thread overtake.
const DEPTH: usize = 3;

fn in_every_schedule(test: impl Fn() + Send + Sync + Copy + 'static) {
    run(RandomScheduler::new(SCHEDULES), test);
    run(PctScheduler::new(DEPTH, SCHEDULES), test);
}

fn run(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 512 * 1024;
    Runner::new(scheduler, config).run(test);
}

/// A producer that fills the queue and then sleeps until it is woken, and a consumer. A wake-up that gets lost leaves both
/// asleep.
fn fill_and_drain(limit: Limit, bytes: usize) {
    const ITEMS: usize = 4;
    let (woken, wakes) = unbounded();
    let (producer, consumer) = queue(limit, move || woken.send(()).unwrap());
    let drain = thread::spawn(move || {
        let mut items = Vec::new();
        while let Some(item) = consumer.next(&Observer::default()) {
            items.push(item);
            consumer.done(bytes);
        }
        items
    });
    for item in 0..ITEMS {
        while !producer.has_capacity() {
            wakes.recv().unwrap();
        }
        producer.push(item, bytes);
    }
    drop(producer);
    assert_eq!(drain.join().unwrap(), (0..ITEMS).collect::<Vec<_>>());
}

#[test]
fn no_wake_up_and_no_item_is_lost_when_items_fill_the_queue() {
    in_every_schedule(|| fill_and_drain(Limit { items: 2, bytes: usize::MAX }, 0));
}

#[test]
fn no_wake_up_and_no_item_is_lost_when_bytes_fill_the_queue() {
    in_every_schedule(|| fill_and_drain(Limit { items: usize::MAX, bytes: 20 }, 10));
}

#[test]
fn no_buffer_is_lost_and_a_reader_that_waits_for_one_can_be_stopped() {
    const BUFFERS: usize = 2;
    in_every_schedule(|| {
        let pool = Pool::new(BUFFERS, 8);
        let (running, stop) = bounded(0);
        let (to_main, buffers) = unbounded();
        let taken = pool.clone();
        let reader = thread::spawn(move || {
            let taken = std::iter::from_fn(|| taken.take(&stop));
            taken.map(|buffer| to_main.send(buffer)).take_while(Result::is_ok).count()
        });
        // Each comes back, some of them from another thread.
        let elsewhere: Vec<_> = (0..BUFFERS)
            .map(|_| {
                let (one, another) = (buffers.recv().unwrap(), buffers.recv().unwrap());
                drop(one);
                thread::spawn(move || drop(another))
            })
            .collect();
        drop(running);
        reader.join().unwrap();
        drop(buffers);
        elsewhere.into_iter().for_each(|thread| thread.join().unwrap());
        let all: Vec<_> = std::iter::from_fn(|| pool.try_take()).collect();
        assert_eq!(all.len(), BUFFERS);
    });
}

/// What somebody types, or a peer sends: each item is what one read returns.
struct Input(Receiver<&'static [u8]>);

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(bytes) = self.0.recv() else { return Ok(0) };
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

/// What was written to a screen.
#[derive(Clone)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
mod descriptors {
    use super::{Descriptor, Input, Shown};
    use std::os::fd::BorrowedFd;

    /// Nobody asks: they are not polled.
    impl Descriptor for Input {
        fn as_fd(&self) -> BorrowedFd<'_> {
            rustix::stdio::stderr()
        }
    }

    impl Descriptor for Shown {
        fn as_fd(&self) -> BorrowedFd<'_> {
            rustix::stdio::stderr()
        }
    }
}

/// A person types, the peer speaks, and main leaves after `events_to_take` events. Whatever is left then, the threads end, and what main
/// has shown is on the screen.
fn leave_after(events_to_take: usize) {
    let (types, typed) = unbounded::<&[u8]>();
    let (speaks, heard) = unbounded::<&[u8]>();
    let shown = Shown(Arc::new(Mutex::new(Vec::new())));
    types.send(b"typed\n").unwrap();
    for line in [b"one\n", b"two\n", b"six\n"] {
        speaks.send(line).unwrap();
    }
    // Smaller than in the program, so that those who send into it have to wait.
    let (channel, events) = bounded(1);
    let to_main = ToMain::<Event>::new(channel, Observer::default());
    let environment = environment(typed, shown.clone(), types);
    let (mut console, to_main) = Console::start(environment, &to_main).unwrap();
    let (running, stop) = bounded::<Infallible>(0);
    let reader = Reader { pool: Pool::new(2, 8), stop, to_main, place: Place::Peer, counter: None };
    let received = |buffer| Event::Received(buffer, Instant::now());
    let socket_reader = spawn("socket-reader", &Observer::default(), move || {
        reader.run(Input(heard), received, Event::HeardAll);
    });
    let mut expected = Vec::new();
    for _ in 0..events_to_take {
        console.screen.draw();
        if let Event::Received(mut buffer, _) = events.recv().unwrap() {
            expected.extend_from_slice(buffer.input());
            buffer.output = buffer.input().to_vec();
            console.screen.show(buffer);
        }
    }
    // As the end of main does.
    console.close_keyboard();
    let mut ending = Ending { exit: Exit::Success, by_force: None };
    console.finish_outputs(&events, &mut ending, drop);
    drop(running);
    drop(events);
    // The peer hangs up.
    drop(speaks);
    socket_reader.unwrap().join();
    console.end();
    let shown = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    let expected = String::from_utf8(expected).unwrap();
    let lines: Vec<_> = shown.lines().map(|line| line.trim_start_matches("< ")).collect();
    assert_eq!(lines, expected.lines().collect::<Vec<_>>());
}

fn environment(typed: Receiver<&'static [u8]>, shown: Shown, types: Sender<&'static [u8]>) -> Environment {
    Environment {
        keyboard: Some(Box::new(Input(typed))),
        keyboard_is_terminal: true,
        close_keyboard: Some(Box::new(move || {
            drop(types);
            true
        })),
        screen: Box::new(shown),
        terminal: Some(Terminal::new(View::new(Timestamps::None, false, false), None)),
        notices: None,
        transcript: None,
        reopen_trace: None,
        security: None,
        remember: None,
        verbosity: Verbosity::Normal,
        observer: Observer::default(),
        signals: Signals::none(),
    }
}

#[test]
fn whenever_main_leaves_all_threads_end_and_all_is_shown() {
    in_every_schedule(|| leave_after(thread_rng().gen_range(0..=4)));
}
