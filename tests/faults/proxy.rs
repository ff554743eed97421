//! Between clients and hubs: a network that may be slow, stand still, and break.
//!
//! Each client has a slot, in which it may come back, and each of its programs calls at a door of its own. So it is known which
//! connection of a hub is whose.

use fastrand::Rng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The two ways of a line: from the client to the hub, and back.
pub const UP: usize = 0;
pub const DOWN: usize = 1;

/// How much the proxy holds of each way, and the system in each socket. Little, so that it shows soon who does not read.
const CAPACITY: usize = 16 * 1024;

/// How long it waits when nothing moves, before it looks at what it is to do.
const TICK: Duration = Duration::from_millis(3);

/// How bytes are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    AtOnce,
    OneByOne,
    /// What comes within a moment, in one piece.
    Merged,
    /// In pieces, each after a moment.
    Delayed,
    /// Not at all.
    Frozen,
}

#[derive(Debug)]
pub enum Command {
    /// Those who call there are in this slot, and want to this port.
    Open {
        door: usize,
        slot: usize,
        listener: TcpListener,
        to: u16,
    },
    /// Nobody calls there any more.
    Close {
        door: usize,
    },
    Pass {
        slot: usize,
        way: usize,
        manner: Manner,
    },
    /// Both ends of all lines of this slot are reset.
    Reset {
        slot: usize,
    },
    /// The receiver hears that the stream has ended, and nothing that the sender sends any more.
    HalfClose {
        slot: usize,
        way: usize,
    },
    /// One byte is left out: a dot, which all that is said has.
    Lose {
        slot: usize,
        way: usize,
    },
}

/// A connection to a hub.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub door: usize,
    /// What the hub takes for the address of the client.
    pub address: SocketAddr,
    pub since: Instant,
    /// For each way: the sender's system may have been told that something arrived which was still here for a while, or for ever.
    pub held_back: [bool; 2],
}

/// It ends when it is dropped.
pub struct Proxy {
    commands: Option<Sender<Command>>,
    records: Arc<Mutex<Vec<Record>>>,
    doors: usize,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub fn start(slots: usize, seed: u64) -> Self {
        let (sender, commands) = mpsc::channel();
        let records = Arc::default();
        let worker = Worker {
            commands,
            records: Arc::clone(&records),
            doors: Vec::new(),
            lines: Vec::new(),
            manners: vec![[Manner::AtOnce; 2]; slots],
            lose: vec![[false; 2]; slots],
            rng: Rng::with_seed(seed),
        };
        Self { commands: Some(sender), records, doors: 0, thread: Some(thread::spawn(move || worker.run())) }
    }

    /// A new door for a client in this slot: its number, and the port where to call.
    pub fn opens(&mut self, slot: usize, to: u16) -> (usize, u16) {
        let door = self.doors;
        self.doors += 1;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        SockRef::from(&listener).set_recv_buffer_size(CAPACITY).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.does(Command::Open { door, slot, listener, to });
        (door, port)
    }

    pub fn does(&self, command: Command) {
        self.commands.as_ref().unwrap().send(command).expect("the proxy has panicked");
    }

    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.thread.take().unwrap().join();
    }
}

struct Worker {
    commands: Receiver<Command>,
    records: Arc<Mutex<Vec<Record>>>,
    doors: Vec<Door>,
    lines: Vec<Line>,
    manners: Vec<[Manner; 2]>,
    /// Whether the next dot is lost.
    lose: Vec<[bool; 2]>,
    rng: Rng,
}

struct Door {
    number: usize,
    slot: usize,
    listener: TcpListener,
    to: u16,
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(command) => {
                    self.obeys(command);
                    continue;
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
            self.accepts();
            for line in &mut self.lines {
                line.passes(self.manners[line.slot], &mut self.lose[line.slot], &mut self.rng);
            }
            self.lines.retain(|line| !line.is_over());
            self.waits();
        }
    }

    fn obeys(&mut self, command: Command) {
        match command {
            Command::Open { door: number, slot, listener, to } => {
                self.doors.push(Door { number, slot, listener, to });
            }
            Command::Close { door } => self.doors.retain(|this| this.number != door),
            Command::Pass { slot, way, manner } => {
                self.manners[slot][way] = manner;
                if manner != Manner::AtOnce {
                    self.holds_back(slot, way);
                }
            }
            Command::Reset { slot } => {
                // A program that has said goodbye does not tell a reset from the end.
                self.holds_back(slot, DOWN);
                self.of(slot, |line| line.is_broken = true);
            }
            Command::HalfClose { slot, way } => {
                self.holds_back(slot, way);
                self.of(slot, |line| line.ways[way].has_ended = true);
            }
            Command::Lose { slot, way } => self.lose[slot][way] = true,
        }
    }

    fn of(&mut self, slot: usize, does: impl FnMut(&mut Line)) {
        self.lines.iter_mut().filter(|line| line.slot == slot).for_each(does);
    }

    fn holds_back(&mut self, slot: usize, way: usize) {
        let mut records = self.records.lock().unwrap();
        for line in self.lines.iter().filter(|line| line.slot == slot) {
            records[line.record].held_back[way] = true;
        }
    }

    fn accepts(&mut self) {
        for door in &self.doors {
            while let Ok((client, _)) = door.listener.accept() {
                let mut records = self.records.lock().unwrap();
                let is_new = |address| records.iter().all(|record| record.address != address);
                // A caller of a hub that is not there is disconnected.
                let Ok(hub) = call(door.slot, door.to, is_new) else { continue };
                let address = hub.local_addr().unwrap();
                let held_back = self.manners[door.slot].map(|manner| manner != Manner::AtOnce);
                let record = records.len();
                records.push(Record { door: door.number, address, since: Instant::now(), held_back });
                self.lines.push(Line::new(door.slot, record, client, hub));
            }
        }
    }

    /// Until something can be passed on, or for a tick.
    fn waits(&self) {
        let mut ends: Vec<_> =
            self.doors.iter().map(|door| PollFd::new(&door.listener, PollFlags::IN)).collect();
        let now = Instant::now();
        for line in &self.lines {
            let manners = self.manners[line.slot];
            for (way, socket) in line.sockets.iter().enumerate() {
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::IN, line.ways[way].is_read(manners[way]));
                flags.set(PollFlags::OUT, line.ways[1 - way].is_written(manners[1 - way], now));
                // Else one that has broken would be reported again and again.
                if !flags.is_empty() {
                    ends.push(PollFd::new(socket, flags));
                }
            }
        }
        let tick = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        let _ = poll(&mut ends, Some(&tick));
    }
}

/// Each slot has an address of its own, and each connection a port that is new there: transcripts tell them apart by that.
fn call(slot: usize, to: u16, is_new: impl Fn(SocketAddr) -> bool) -> io::Result<TcpStream> {
    // As long as they are open, the system gives other ports.
    let mut others = Vec::new();
    let socket = loop {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([127, 0, 1, 1 + slot as u8], 0)).into())?;
        if socket.local_addr()?.as_socket().is_some_and(&is_new) {
            break socket;
        }
        others.push(socket);
    };
    socket.set_recv_buffer_size(CAPACITY)?;
    socket.set_send_buffer_size(CAPACITY)?;
    socket.connect_timeout(&SocketAddr::from(([127, 0, 0, 1], to)).into(), Duration::from_millis(200))?;
    Ok(socket.into())
}

/// A client's connection, and the one to the hub.
struct Line {
    slot: usize,
    record: usize,
    sockets: [TcpStream; 2],
    ways: [Way; 2],
    is_broken: bool,
}

impl Line {
    fn new(slot: usize, record: usize, client: TcpStream, hub: TcpStream) -> Self {
        let sockets = [client, hub];
        for socket in &sockets {
            socket.set_nonblocking(true).unwrap();
            let _ = socket.set_nodelay(true);
        }
        Self { slot, record, sockets, ways: [Way::new(), Way::new()], is_broken: false }
    }

    fn passes(&mut self, manners: [Manner; 2], lose: &mut [bool; 2], rng: &mut Rng) {
        for (way, manner) in manners.into_iter().enumerate() {
            let [from, to] = [&self.sockets[way], &self.sockets[1 - way]];
            self.is_broken |= self.ways[way].passes(from, to, manner, &mut lose[way], rng).is_err();
        }
        if self.is_broken {
            for socket in &self.sockets {
                let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_broken || self.ways.iter().all(|way| way.is_closed)
    }
}

struct Way {
    bytes: VecDeque<u8>,
    due: Instant,
    has_ended: bool,
    /// The receiver knows.
    is_closed: bool,
    /// A newline has passed. What comes before it in pieces may be the messages of a program without framing.
    is_framed: bool,
}

impl Way {
    fn new() -> Self {
        let due = Instant::now();
        Self { bytes: VecDeque::new(), due, has_ended: false, is_closed: false, is_framed: false }
    }

    fn is_read(&self, manner: Manner) -> bool {
        manner != Manner::Frozen && !self.has_ended && self.bytes.len() < CAPACITY
    }

    fn is_written(&self, manner: Manner, now: Instant) -> bool {
        manner != Manner::Frozen && !self.bytes.is_empty() && self.due <= now
    }

    fn passes(
        &mut self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        manner: Manner,
        loses: &mut bool,
        rng: &mut Rng,
    ) -> io::Result<()> {
        let now = Instant::now();
        if self.is_read(manner) {
            let mut bytes = [0; CAPACITY];
            match from.read(&mut bytes) {
                Ok(0) => self.has_ended = true,
                Ok(read) => {
                    if self.bytes.is_empty() {
                        self.due = now + moment(manner, rng);
                    }
                    let dot = memchr::memchr(b'.', &bytes[..read]).filter(|_| *loses);
                    *loses &= dot.is_none();
                    self.bytes.extend(&bytes[..dot.unwrap_or(read)]);
                    self.bytes.extend(&bytes[dot.map_or(read, |dot| dot + 1)..read]);
                }
                Err(error) if is_later(&error) => {}
                Err(error) => return Err(error),
            }
        }
        while self.is_written(manner, now) {
            let length = match manner {
                _ if !self.is_framed => self.bytes.len(),
                Manner::OneByOne => 1,
                Manner::Delayed => rng.usize(1..=self.bytes.len()),
                _ => self.bytes.len(),
            };
            let (first, _) = self.bytes.as_slices();
            match to.write(&first[..length.min(first.len())]) {
                Ok(written) => self.is_framed |= self.bytes.drain(..written).any(|byte| byte == b'\n'),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            if manner == Manner::Delayed {
                self.due = now + moment(manner, rng);
            }
        }
        if self.has_ended && self.bytes.is_empty() && !self.is_closed && manner != Manner::Frozen {
            self.is_closed = true;
            to.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

fn moment(manner: Manner, rng: &mut Rng) -> Duration {
    match manner {
        Manner::Merged => Duration::from_millis(rng.u64(20..150)),
        Manner::Delayed => Duration::from_millis(rng.u64(0..80)),
        _ => Duration::ZERO,
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
