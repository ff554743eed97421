//! Clients that do their worst, many in one thread.

use crate::common::LIMIT;
use crate::hub::try_call_from;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// As many bytes per second as there are.
pub(super) const ALL: usize = usize::MAX;

/// How long to wait at most for something to happen. A slow reader reads that often.
const TICK: Duration = Duration::from_millis(5);

/// The most bytes to read at once, and to send.
const CHUNK: usize = 64 * 1024;

/// When an attack began, how long it lasts, and what happened.
pub(super) struct Stage {
    pub(super) port: u16,
    pub(super) began: Instant,
    pub(super) lasts: Duration,
    /// How many bytes the attackers have sent, and how many of their connections the hub has ended.
    sent: AtomicU64,
    ended: AtomicUsize,
    complaints: Mutex<Vec<String>>,
}

impl Stage {
    pub(super) fn begins(port: u16, lasts: Duration) -> Self {
        let (sent, ended) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { port, began: Instant::now(), lasts, sent, ended, complaints: Mutex::default() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.began.elapsed() >= self.lasts
    }

    pub(super) fn complains(&self, about: String) {
        self.complaints.lock().unwrap().push(about);
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.complaints.lock().unwrap())
    }

    /// What the attackers have done.
    pub(super) fn figures(&self) -> String {
        let (sent, ended) = (self.sent.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
        format!("{:.1} MB sent, {ended} connections ended", sent as f64 / 1e6)
    }
}

/// What `count` clients do. A client that the hub disconnects connects again at once.
pub(super) struct Attacker {
    pub(super) count: usize,
    /// The address from which they call.
    pub(super) from: [u8; 4],
    /// What client `n` sends first each time it joins.
    pub(super) first: fn(usize) -> String,
    /// What it sends after that, again and again.
    pub(super) repeats: fn(usize) -> String,
    /// The time from one repetition to the next, at least.
    pub(super) every: Duration,
    /// How many bytes per second it reads at most.
    pub(super) reads: usize,
    /// The size of its receive buffer.
    pub(super) buffer: Option<usize>,
    /// How long it stays before it closes its connection.
    pub(super) stays: Duration,
    /// The hub must not disconnect it.
    pub(super) must_stay: bool,
}

/// Says nothing and reads everything.
pub(super) const ATTACKER: Attacker = Attacker {
    count: 1,
    from: [127, 0, 0, 1],
    first: |_| String::new(),
    repeats: |_| String::new(),
    every: Duration::ZERO,
    reads: ALL,
    buffer: None,
    stays: Duration::MAX,
    must_stay: false,
};

/// The clients of an attacker.
pub(super) struct Party<'a> {
    attacker: &'a Attacker,
    members: Vec<Member>,
}

struct Member {
    first: Vec<u8>,
    repeats: Vec<u8>,
    connection: Option<Connection>,
}

struct Connection {
    socket: TcpStream,
    since: Instant,
    /// What it sends first has been sent.
    is_introduced: bool,
    /// How many bytes of that, or of the repetition, have been sent.
    sent: usize,
    /// When the next repetition begins, or the last one has begun; `None` if there is no other.
    repeats_at: Option<Instant>,
    /// How many bytes it may read, counted until then.
    may_read: usize,
    counted_at: Instant,
}

impl Attacker {
    /// All join. What they send first has been executed when this returns, unless they are not admitted.
    pub(super) fn prepares(&self, port: u16) -> Party<'_> {
        let joins = |n| {
            let [first, repeats] = [self.first, self.repeats].map(|text| text(n).into_bytes());
            let mut connection = Connection::new(try_call_from(self.from, port, self.buffer).unwrap(), b"");
            connection.is_heard_out(&first).unwrap();
            Member { first, repeats, connection: Some(connection) }
        };
        Party { attacker: self, members: (0..self.count).map(joins).collect() }
    }
}

impl Party<'_> {
    /// Attacks until the time is over.
    pub(super) fn attacks(mut self, stage: &Stage) {
        let attacker = self.attacker;
        while !stage.is_over() {
            for member in &mut self.members {
                member.connection.take_if(|connection| connection.since.elapsed() >= attacker.stays);
                if member.connection.is_none() {
                    let socket = try_call_from(attacker.from, stage.port, attacker.buffer);
                    member.connection = socket.ok().map(|socket| Connection::new(socket, &member.first));
                }
            }
            let ready = self.wait();
            let connected = self.members.iter_mut().filter(|member| member.connection.is_some());
            for (member, ready) in connected.zip(ready) {
                if let Err(error) = member.acts(ready, attacker, stage) {
                    let connection = member.connection.take();
                    stage.ended.fetch_add(1, Ordering::Relaxed);
                    if attacker.must_stay {
                        let stayed = connection.map(|connection| connection.since.elapsed());
                        stage.complains(format!("disconnected after {stayed:?}: {error}"));
                    }
                }
            }
        }
    }

    /// Waits until a client can do something. Returns for each that is connected what it can do.
    fn wait(&mut self) -> Vec<PollFlags> {
        let now = Instant::now();
        let mut fds = Vec::new();
        for Member { first, repeats, connection } in &mut self.members {
            let Some(connection) = connection else { continue };
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, connection.may_read(self.attacker.reads, now) > 0);
            events.set(PollFlags::OUT, !connection.to_send(first, repeats, now).is_empty());
            fds.push(PollFd::new(&connection.socket, events));
        }
        poll(&mut fds, Some(&Timespec::try_from(TICK).unwrap())).unwrap();
        fds.iter().map(PollFd::revents).collect()
    }
}

impl Member {
    /// Reads and writes once, as far as it can. An error means that the hub has ended the connection.
    fn acts(&mut self, ready: PollFlags, attacker: &Attacker, stage: &Stage) -> io::Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let now = Instant::now();
        if ready.contains(PollFlags::IN) && connection.may_read > 0 {
            let mut bytes = [0; CHUNK];
            let max = connection.may_read.min(CHUNK);
            match connection.socket.read(&mut bytes[..max]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => connection.may_read -= read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        } else if ready.intersects(PollFlags::HUP | PollFlags::ERR) {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let bytes = connection.to_send(&self.first, &self.repeats, now);
        if ready.contains(PollFlags::OUT) && !bytes.is_empty() {
            match connection.socket.write(&bytes[..bytes.len().min(CHUNK)]) {
                Ok(sent) => {
                    let rest = bytes.len() - sent;
                    connection.has_sent(sent, rest, attacker.every);
                    stage.sent.fetch_add(sent as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Connection {
    fn new(socket: TcpStream, first: &[u8]) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        let now = Instant::now();
        Self {
            socket,
            since: now,
            is_introduced: first.is_empty(),
            sent: 0,
            repeats_at: Some(now),
            may_read: 0,
            counted_at: now,
        }
    }

    /// Sends this, and waits until the hub has executed it or disconnects.
    fn is_heard_out(&mut self, first: &[u8]) -> io::Result<()> {
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(Some(LIMIT))?;
        // A caller that is not admitted may be disconnected before it can send.
        let _ = self.socket.write_all(&[first, b"/ready\n"].concat());
        let (mut heard, mut bytes) = (Vec::new(), [0; 4096]);
        while !heard.windows(14).any(|text| text == b"command /ready") {
            match self.socket.read(&mut bytes) {
                Ok(read @ 1..) => heard.extend_from_slice(&bytes[..read]),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error),
            }
        }
        self.socket.set_nonblocking(true)
    }

    /// What it has to send now.
    fn to_send<'a>(&self, first: &'a [u8], repeats: &'a [u8], now: Instant) -> &'a [u8] {
        let begins = self.repeats_at.is_some_and(|repeats_at| repeats_at <= now);
        match self.is_introduced {
            false => &first[self.sent..],
            true if self.sent > 0 || begins => &repeats[self.sent..],
            true => &[],
        }
    }

    /// It has sent that many bytes of what it has to send, and the rest not yet.
    fn has_sent(&mut self, sent: usize, rest: usize, every: Duration) {
        self.sent += sent;
        if rest > 0 {
            return;
        }
        self.sent = 0;
        if !std::mem::replace(&mut self.is_introduced, true) {
            return;
        }
        self.repeats_at = self.repeats_at.and_then(|repeats_at| repeats_at.checked_add(every));
    }

    /// How many bytes it may read now: none until it is worth it, and not much more after a pause.
    fn may_read(&mut self, per_second: usize, now: Instant) -> usize {
        let since = now.duration_since(self.counted_at);
        if since >= TICK {
            let more = (per_second as f64 * since.as_secs_f64()) as usize;
            self.may_read = self.may_read.saturating_add(more).min(per_second / 2);
            self.counted_at = now;
        }
        self.may_read
    }
}
