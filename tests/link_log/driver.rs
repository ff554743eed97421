//! Moves the bytes between the two machines of a hub and a real server, in one thread and without an opinion.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use threadchat::rules::link::{
    Action, Appender, Batch, Event, Follower, HubId, LinkError, LinkUrl, Logged, Machine, Registered,
    Settings, Side, Transport,
};

use crate::redis::Redis;

/// How long anything may take before a test fails.
const LIMIT: Duration = Duration::from_secs(20);

/// A machine with its socket.
pub struct Driven<M> {
    pub machine: M,
    path: PathBuf,
    socket: Option<UnixStream>,
    input: Vec<u8>,
}

impl<M: Machine> Driven<M> {
    pub fn new(machine: M, url: &LinkUrl) -> Self {
        let Transport::Unix(path) = url.transport() else { panic!("not a Unix socket") };
        Self { machine, path: path.clone(), socket: None, input: vec![0; 256 * 1024] }
    }

    /// Does what there is to do, waits for an answer for this long, and returns what happened.
    pub fn turn(&mut self, patience: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        self.machine.handle_timeout(Instant::now());
        self.perform(&mut events);
        self.write();
        if let Some(socket) = &mut self.socket {
            socket.set_read_timeout(Some(patience)).unwrap();
            match socket.read(&mut self.input) {
                Ok(0) => self.breaks(),
                Ok(length) => self.machine.receive(&self.input[..length], Instant::now()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => self.breaks(),
            }
        }
        self.perform(&mut events);
        self.write();
        events
    }

    /// Takes so little at once that answers come in parts.
    pub fn reads_at_most(&mut self, bytes: usize) {
        self.input.resize(bytes, 0);
    }

    /// The connection breaks.
    pub fn breaks(&mut self) {
        if self.socket.take().is_some() {
            self.machine.disconnected(LinkError::Closed, Instant::now());
        }
    }

    fn perform(&mut self, events: &mut Vec<Event>) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Connect => match UnixStream::connect(&self.path) {
                    Ok(socket) => {
                        self.socket = Some(socket);
                        self.machine.connected(Instant::now());
                    }
                    Err(error) => {
                        self.machine.disconnected(LinkError::Unreachable(error.to_string()), Instant::now());
                    }
                },
                Action::Disconnect => self.socket = None,
                Action::Tell(event) => events.push(event),
            }
        }
    }

    fn write(&mut self) {
        let mut output = Vec::new();
        self.machine.take_output(&mut output);
        if let Some(socket) = &mut self.socket
            && socket.write_all(&output).is_err()
        {
            self.breaks();
        }
    }
}

/// A hub without members: both machines, and what a main thread would do between them.
pub struct Linked {
    pub follower: Driven<Follower>,
    pub appender: Driven<Appender>,
    /// All that happened, without what was logged.
    pub events: Vec<Event>,
    pub shown: Vec<Logged>,
    pub registered: Option<Registered>,
    /// What it says first after it was registered under a new id.
    pub rejoin: Batch,
}

impl Linked {
    /// `random` distinguishes the hubs of a test.
    pub fn start(url: &str, random: u128) -> Self {
        let url: LinkUrl = url.parse().unwrap();
        let settings = Settings { name: format!("hub {random}").into_bytes(), history: 3 };
        let follower = Follower::new(url.clone(), settings.clone(), random << 64);
        Self {
            follower: Driven::new(follower, &url),
            appender: Driven::new(Appender::new(url.clone(), settings), &url),
            events: Vec::new(),
            shown: Vec::new(),
            registered: None,
            rejoin: Batch::default(),
        }
    }

    /// Starts one that is registered.
    pub fn joins(redis: &Redis, random: u128) -> Self {
        let mut hub = Self::start(&redis.url("test"), random);
        until(&mut [&mut hub], |hubs| hubs[0].registered.is_some());
        hub
    }

    pub fn id(&self) -> HubId {
        self.registered.as_ref().and_then(|registered| registered.hub).unwrap()
    }

    pub fn says(&mut self, data: &str) {
        self.pushes(Batch { data: data.into(), lines: 1, operations: Vec::new() });
    }

    pub fn pushes(&mut self, batch: Batch) {
        self.appender.machine.push(batch, Instant::now());
    }

    /// The data of all that was shown, in one piece: batches may have become one.
    pub fn text(&self) -> String {
        self.shown.iter().map(|logged| String::from_utf8_lossy(&logged.data)).collect()
    }

    pub fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    pub fn is_hindered(&self, error: &LinkError) -> bool {
        self.has(&Event::Hindered(error.clone()))
    }

    pub fn is_down(&self, error: &LinkError) -> bool {
        [Side::Writing, Side::Reading].iter().any(|side| self.has(&Event::LinkDown(*side, error.clone())))
    }

    /// How often hubs were said to be gone.
    pub fn gone(&self) -> Vec<(HubId, bool)> {
        let gone = self.events.iter().filter_map(|event| match event {
            Event::HubGone { hub, left, .. } => Some((*hub, *left)),
            _ => None,
        });
        gone.collect()
    }

    pub fn missing(&self) -> Vec<Option<u64>> {
        let missing = self.events.iter().filter_map(|event| match event {
            Event::Missing { lines } => Some(*lines),
            _ => None,
        });
        missing.collect()
    }

    /// Both machines have a turn.
    pub fn turn(&mut self) {
        let patience = Duration::from_millis(1);
        let mut events = self.appender.turn(patience);
        events.extend(self.follower.turn(patience));
        for event in events {
            match event {
                Event::Registered(registered) => {
                    let is_new = registered.hub != registered.previous;
                    let first = if is_new { self.rejoin.clone() } else { Batch::default() };
                    let hub = registered.hub.unwrap();
                    self.appender.machine.registered(hub, registered.accepted, first, Instant::now());
                    self.events.push(Event::Registered(registered.clone()));
                    self.registered = Some(*registered);
                }
                Event::Logged(logged) => self.shown.extend(Some(logged).filter(|logged| !logged.is_repeated)),
                event => self.events.push(event),
            }
        }
    }
}

/// All hubs have turns until something holds.
#[track_caller]
pub fn until(hubs: &mut [&mut Linked], holds: impl Fn(&[&mut Linked]) -> bool) {
    let start = Instant::now();
    while !holds(hubs) {
        if start.elapsed() > LIMIT {
            for hub in hubs {
                println!("{:#?}\nshown: {:.2000}", hub.events, hub.text());
            }
            panic!("it does not hold after {LIMIT:?}");
        }
        hubs.iter_mut().for_each(|hub| hub.turn());
    }
}

/// Waits until the server says this.
#[track_caller]
pub fn until_redis_says(redis: &Redis, command: &[&str], answer: &str) {
    until_redis(redis, command, |says| says == answer);
}

/// Waits until what the server says is right.
#[track_caller]
pub fn until_redis(redis: &Redis, command: &[&str], is_right: impl Fn(&str) -> bool) {
    let start = Instant::now();
    while !is_right(&redis.command(command)) {
        assert!(start.elapsed() < LIMIT, "{command:?}: {}", redis.command(command));
    }
}
