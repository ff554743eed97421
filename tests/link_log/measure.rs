//! How fast the log is: `cargo test --release --test link_log -- --ignored --nocapture measure`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use threadchat::rules::link::{
    Action, Appender, Batch, Event, Follower, HubId, LinkUrl, Settings, Transport,
};

use super::redis::Redis;
use threadchat::rules::link::Machine;

/// How long the flood lasts.
const FLOOD: Duration = Duration::from_secs(4);
/// How many lines the quiet measurement says, and how far apart.
const QUIET: (usize, Duration) = (600, Duration::from_millis(5));

/// What the thread of an appender is told.
enum Told {
    Registered(HubId, u64),
    Says(Batch),
    End,
}

/// A machine and a socket that blocks, as in the threads design.
struct Blocking<M> {
    machine: M,
    socket: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl<M: Machine> Blocking<M> {
    fn start(mut machine: M, url: &LinkUrl) -> Self {
        let Transport::Unix(path) = url.transport() else { panic!("not a Unix socket") };
        let socket = UnixStream::connect(path).unwrap();
        assert_eq!(machine.poll_action(), Some(Action::Connect));
        machine.connected(Instant::now());
        Self { machine, socket, input: vec![0; 256 * 1024], output: Vec::new() }
    }

    fn write(&mut self) {
        self.output.clear();
        self.machine.take_output(&mut self.output);
        self.socket.write_all(&self.output).unwrap();
    }

    /// Waits for an answer.
    fn read(&mut self) {
        let length = self.socket.read(&mut self.input).unwrap();
        self.machine.receive(&self.input[..length], Instant::now());
        self.write();
    }

    fn event(&mut self) -> Option<Event> {
        self.machine.poll_action().map(|action| match action {
            Action::Tell(event) => event,
            action => panic!("{action:?}"),
        })
    }
}

/// Runs a hub: `shown` gets all that comes back, until it returns false.
fn run(
    url: &LinkUrl,
    random: u128,
    told: (Sender<Told>, Receiver<Told>),
    shown: impl Fn(Vec<u8>, u64) -> bool,
) {
    let settings = Settings { name: b"hub".into(), history: 100 };
    thread::scope(|scope| {
        let (to_appender, told) = told;
        let appender = Appender::new(url.clone(), settings.clone());
        scope.spawn(move || append(Blocking::start(appender, url), &told));
        let mut follower = Blocking::start(Follower::new(url.clone(), settings, random << 64), url);
        follower.write();
        loop {
            follower.read();
            while let Some(event) = follower.event() {
                match event {
                    Event::Registered(state) => {
                        to_appender.send(Told::Registered(state.hub.unwrap(), state.accepted)).unwrap();
                    }
                    Event::Logged(logged) => {
                        if !shown(logged.data, logged.lines) {
                            to_appender.send(Told::End).unwrap();
                            return;
                        }
                    }
                    Event::LinkUp(_) => {}
                    event => panic!("{event:?}"),
                }
            }
        }
    });
}

fn append(mut appender: Blocking<Appender>, told: &Receiver<Told>) {
    appender.write();
    loop {
        // Without a time-out no answer is owed, and nothing can come.
        let next = if appender.machine.poll_timeout().is_none() {
            told.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else if appender.machine.has_capacity() {
            told.recv_timeout(Duration::ZERO)
        } else {
            Err(RecvTimeoutError::Timeout)
        };
        match next {
            Ok(Told::Registered(hub, accepted)) => {
                appender.machine.registered(hub, accepted, Batch::default(), Instant::now());
            }
            Ok(Told::Says(batch)) => appender.machine.push(batch, Instant::now()),
            Ok(Told::End) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => match appender.machine.poll_timeout() {
                // The log is full.
                Some(at) if at < Instant::now() + Duration::from_millis(100) => {
                    thread::sleep(at.saturating_duration_since(Instant::now()));
                    appender.machine.handle_timeout(Instant::now());
                }
                _ => appender.read(),
            },
        }
        appender.write();
        while appender.event().is_some() {}
    }
}

#[test]
#[ignore = "a measurement"]
fn measure_lines_per_second() {
    let redis = Redis::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let url: LinkUrl = redis.url("test").parse().unwrap();
    let (is_over, shown) = (AtomicBool::new(false), [AtomicU64::new(0), AtomicU64::new(0)]);
    thread::scope(|scope| {
        for hub in 0..2 {
            let (url, is_over, shown) = (&url, &is_over, &shown);
            // As main would: some lines at once, and no more than a bound of them not shown. What is shown is of both.
            let (told, receiver) = mpsc::channel();
            let said = told.clone();
            scope.spawn(move || {
                let batch = Batch {
                    data: [&[b'x'; 63][..], b"\n"].concat().repeat(16),
                    lines: 16,
                    operations: Vec::new(),
                };
                let mut said_lines = 0;
                while !is_over.load(Ordering::Relaxed) && said.send(Told::Says(batch.clone())).is_ok() {
                    said_lines += batch.lines;
                    while 2 * said_lines > shown[hub].load(Ordering::Relaxed) + 16_384
                        && !is_over.load(Ordering::Relaxed)
                    {
                        thread::yield_now();
                    }
                }
                // Both hubs end with the next entry.
                let _ = said.send(Told::Says(batch));
            });
            scope.spawn(move || {
                run(url, hub as u128 + 1, (told, receiver), |_, lines| {
                    shown[hub].fetch_add(lines, Ordering::Relaxed);
                    !is_over.load(Ordering::Relaxed)
                });
            });
        }
        thread::sleep(FLOOD / 4);
        let before = shown[0].load(Ordering::Relaxed);
        thread::sleep(FLOOD);
        let lines = shown[0].load(Ordering::Relaxed) - before;
        println!("{:.0} lines/s at each of 2 hubs", lines as f64 / FLOOD.as_secs_f64());
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
#[ignore = "a measurement"]
fn measure_latency() {
    for fsync in ["everysec", "always"] {
        let redis = Redis::start_with(&["--appendonly", "yes", "--appendfsync", fsync]);
        let url: LinkUrl = redis.url("test").parse().unwrap();
        let (told, receiver) = mpsc::channel();
        let said = told.clone();
        let (start, times) = (Instant::now(), mpsc::channel());
        thread::scope(|scope| {
            let (url, sender) = (&url, times.0);
            scope.spawn(move || {
                for _ in 0..QUIET.0 {
                    thread::sleep(QUIET.1);
                    let mut data = start.elapsed().as_nanos().to_le_bytes().to_vec();
                    data.resize(64, b'x');
                    said.send(Told::Says(Batch { data, lines: 1, operations: Vec::new() })).unwrap();
                }
            });
            let left = AtomicU64::new(QUIET.0 as u64);
            run(url, 1, (told, receiver), |data, lines| {
                let said = u128::from_le_bytes(data[..16].try_into().unwrap());
                sender.send(start.elapsed().as_nanos() - said).unwrap();
                left.fetch_sub(lines, Ordering::Relaxed) > lines
            });
        });
        let mut times: Vec<_> = times.1.iter().collect();
        times.sort_unstable();
        println!(
            "{fsync}: p50 {} µs, p99 {} µs",
            times[times.len() / 2] / 1000,
            times[times.len() * 99 / 100] / 1000
        );
    }
}
