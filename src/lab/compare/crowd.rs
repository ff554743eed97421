//! The clients of a hub, all in one thread, so that they leave the processors to the hub as far as they can. A process of its own,
//! so that what they need is not taken for what the hub needs.
//!
//! It tells its figures as a line of JSON, and before that an empty line each second in which something has come.

use super::deliveries::{Ear, Tally, probe, said_by};
use super::lines::LINE;
use super::measure::{Figures, Measure};
use super::times::Times;
use crate::platform;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many call before it is waited until they are in: no more than the shortest queue of calls holds.
const GROUP: usize = 10;
/// After what time a probe is said again: who was not in does not hear it.
const PROBES: Duration = Duration::from_millis(10);
/// Between two messages, when latency is measured.
const INTERVAL: Duration = Duration::from_millis(10);
/// For how long nothing may come before the rest counts as lost: less than the watchdog grants.
const QUIET: Duration = Duration::from_secs(15);
/// The same when something was wrong already.
const QUIET_AFTER_FAULT: Duration = Duration::from_secs(1);
/// How much is read and written at once.
const CHUNK: usize = 64 * 1024;

/// How many they are, and what they do.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct Crowd {
    /// How many clients there are.
    #[arg(long)]
    pub(super) clients: usize,
    /// How many of them speak as fast as they can.
    #[arg(long)]
    pub(super) senders: usize,
    /// How many deliveries that makes, about.
    #[arg(long)]
    pub(super) deliveries: usize,
    /// How many messages are said after that to measure latency.
    #[arg(long)]
    pub(super) messages: usize,
}

impl Crowd {
    /// The command line of its process.
    pub(super) fn command(self, port: u16, names: bool) -> Vec<OsString> {
        let Self { clients, senders, deliveries, messages } = self;
        let names = if names { " --names" } else { "" };
        super::rows::words_of(&format!(
            "{{}} compare-child crowd 127.0.0.1:{port} --clients {clients} --senders {senders} \
            --deliveries {deliveries} --messages {messages}{names}"
        ))
    }

    /// How many lines each sender says, for a flood of about the deliveries that are due.
    fn lines(self) -> usize {
        (self.deliveries / (self.senders * (self.clients - 1))).max(1)
    }
}

/// Calls a hub, does the work, tells the figures, and stays until it is killed, so that the hub can be looked at.
///
/// # Errors
/// What the system said when they were told. What is wrong with the hub is told as the figures would be.
pub(super) fn run(crowd: Crowd, hub: SocketAddr, names: bool) -> io::Result<()> {
    platform::raise_descriptor_limit();
    let mut clients = Clients::call(crowd, hub, names);
    let figures = clients.as_mut().map_err(|fault| fault.clone()).and_then(|clients| clients.work(crowd));
    let mut told = serde_json::to_vec(&figures)?;
    told.push(b'\n');
    io::stdout().write_all(&told)?;
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// All of them, at work.
struct Clients {
    clients: Vec<Client>,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    /// What each sender says at the moment; the first clients are the senders.
    said: Vec<Vec<u8>>,
    tally: Tally,
    /// When something came last, and when that was told.
    last: Instant,
    told: Instant,
}

/// One of them.
struct Client {
    socket: TcpStream,
    ear: Ear,
    /// How many bytes it has said of what it has to say.
    written: usize,
    can_write: bool,
}

impl Clients {
    /// Calls the hub with each of them, and returns when everybody hears what the first one says.
    fn call(of: Crowd, hub: SocketAddr, names: bool) -> Result<Self, String> {
        let count = of.clients;
        let poll = Poll::new().map_err(|error| format!("cannot wait for sockets: {error}"))?;
        let now = Instant::now();
        let mut crowd = Self {
            clients: Vec::with_capacity(count),
            poll,
            events: Events::with_capacity(1024),
            buffer: vec![0; CHUNK + LINE],
            said: Vec::new(),
            tally: Tally::default(),
            last: now,
            told: now,
        };
        while crowd.clients.len() < count {
            for number in crowd.clients.len()..count.min(crowd.clients.len() + GROUP) {
                let client = crowd.add(number, number < of.senders, hub, names);
                client.map_err(|error| format!("client {number} of {count} cannot call: {error}"))?;
            }
            crowd.probe()?;
        }
        Ok(crowd)
    }

    fn add(&mut self, number: usize, speaks: bool, hub: SocketAddr, names: bool) -> io::Result<()> {
        let mut socket = std::net::TcpStream::connect_timeout(&hub, QUIET)?;
        socket.set_nodelay(true)?;
        if names {
            socket.write_all(format!("client{number}\n").as_bytes())?;
        }
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        let interest = if speaks { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.poll.registry().register(&mut socket, Token(number), interest)?;
        self.clients.push(Client { socket, ear: Ear::default(), written: 0, can_write: true });
        Ok(())
    }

    /// The first one says something until all others have heard it.
    fn probe(&mut self) -> Result<(), String> {
        let began = Instant::now();
        while self.absent() > 0 {
            self.say_whole_line(&probe())?;
            let until = Instant::now() + PROBES;
            while let Some(left) = until.checked_duration_since(Instant::now())
                && self.absent() > 0
            {
                self.wait(left, |_, _| ())?;
            }
            if began.elapsed() > QUIET {
                let (absent, all) = (self.absent(), self.clients.len());
                return Err(format!("{absent} of {all} clients hear nothing"));
            }
        }
        Ok(())
    }

    /// How many do not hear yet what the first one says.
    fn absent(&self) -> usize {
        self.clients.iter().skip(1).filter(|client| !client.ear.is_in).count()
    }

    fn work(&mut self, crowd: Crowd) -> Result<Figures, String> {
        let (lines, bytes) = self.flood(crowd.senders, crowd.lines())?;
        let mut figures = Figures::from([
            (Measure::DeliveriesPerSecond, lines),
            (Measure::DeliveredMegabytesPerSecond, bytes / 1e6),
        ]);
        if crowd.messages > 0 {
            let times = self.latency(crowd.messages)?;
            figures.insert(Measure::P50Microseconds, times.within(0.5));
            figures.insert(Measure::P99Microseconds, times.within(0.99));
        }
        Ok(figures)
    }

    /// So many speak as fast as the hub takes it; how many lines it delivers a second, and how many bytes.
    fn flood(&mut self, senders: usize, lines: usize) -> Result<(f64, f64), String> {
        let due = self.prepare(senders, lines);
        let began = self.last;
        while self.is_due(due) {
            let mut goes_on = false;
            for (number, (client, lines)) in self.clients.iter_mut().zip(&self.said).enumerate() {
                goes_on |= client.say_some(lines).map_err(|error| cut_off(number, &error))?;
            }
            let wait = if goes_on { Duration::ZERO } else { QUIET_AFTER_FAULT };
            self.wait(wait, |_, _| ())?;
        }
        self.tally.check(due).map_err(|fault| format!("flood: {fault}"))?;
        let seconds = (self.last - began).as_secs_f64();
        Ok((due as f64 / seconds, self.tally.bytes as f64 / seconds))
    }

    /// One speaks now and then; how long each line takes to each of the others.
    fn latency(&mut self, messages: usize) -> Result<Times, String> {
        let mut times = Times::new()?;
        let due = self.prepare(1, messages);
        let (lines, began) = (self.said[0].clone(), self.last);
        let mut said = Vec::with_capacity(messages);
        let mut record = |said: &[Instant], number: usize, came: Instant| {
            if let Some(said) = said.get(number) {
                times.record(came - *said);
            }
        };
        for (line, number) in lines.chunks(LINE).zip(1..) {
            said.push(Instant::now());
            self.say_whole_line(line)?;
            while let Some(left) = (began + INTERVAL * number).checked_duration_since(Instant::now()) {
                self.wait(left, |number, came| record(&said, number, came))?;
            }
        }
        while self.is_due(due) {
            self.wait(QUIET_AFTER_FAULT, |number, came| record(&said, number, came))?;
        }
        self.tally.check(due).map_err(|fault| format!("latency: {fault}"))?;
        Ok(times)
    }

    /// So many are to say so many lines each; how many deliveries that makes.
    fn prepare(&mut self, senders: usize, lines: usize) -> usize {
        self.said = (0..senders).map(|sender| said_by(sender, lines)).collect();
        self.tally = Tally::default();
        for (number, client) in self.clients.iter_mut().enumerate() {
            client.ear.prick(&self.said, number);
            client.written = 0;
        }
        self.last = Instant::now();
        senders * lines * (self.clients.len() - 1)
    }

    /// Whether something is still to come, as far as one can know.
    fn is_due(&self, due: usize) -> bool {
        let patience = if self.tally.has_faults() { QUIET_AFTER_FAULT } else { QUIET };
        self.tally.whole < due && self.last.elapsed() <= patience
    }

    /// Waits for something to happen, for so long, and reads all that has come. Tells of each line its number, and when it came.
    fn wait(&mut self, limit: Duration, mut came: impl FnMut(usize, Instant)) -> Result<(), String> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(format!("cannot wait for sockets: {error}"));
            }
            _ => (),
        }
        for event in &self.events {
            let Token(number) = event.token();
            let client = &mut self.clients[number];
            client.can_write |= event.is_writable();
            if event.is_readable() {
                let (buffer, tally) = (&mut self.buffer, &mut self.tally);
                let read = client.read(buffer, &self.said, tally, &mut came);
                if let Some(last) = read.map_err(|error| cut_off(number, &error))? {
                    self.last = last;
                }
            }
        }
        if self.last > self.told + Duration::from_secs(1) {
            self.told = self.last;
            io::stdout().write_all(b"\n").map_err(|error| format!("cannot tell of it: {error}"))?;
        }
        Ok(())
    }

    /// The first one says a line, for which there is room.
    fn say_whole_line(&mut self, line: &[u8]) -> Result<(), String> {
        let Some(first) = self.clients.first_mut() else { return Ok(()) };
        match first.socket.write(line) {
            Ok(written) if written == line.len() => Ok(()),
            Ok(_) => Err("the hub takes no lines from the first client".to_owned()),
            Err(error) => Err(cut_off(0, &error)),
        }
    }
}

fn cut_off(number: usize, error: &io::Error) -> String {
    format!("client {number} was cut off: {error}")
}

impl Client {
    /// Says as much as goes at once; whether more would go.
    fn say_some(&mut self, lines: &[u8]) -> io::Result<bool> {
        let left = &lines[self.written..];
        if left.is_empty() || !self.can_write {
            return Ok(false);
        }
        match self.socket.write(&left[..left.len().min(CHUNK)]) {
            Ok(written) => self.written += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
            Err(error) => return Err(error),
        }
        Ok(self.can_write && self.written < lines.len())
    }

    /// Reads and checks all that has come; when the last of it was read.
    fn read(
        &mut self,
        buffer: &mut [u8],
        said: &[Vec<u8>],
        tally: &mut Tally,
        mut came: impl FnMut(usize, Instant),
    ) -> io::Result<Option<Instant>> {
        let mut last = None;
        loop {
            let carried = self.ear.fetch(buffer);
            let room = buffer.len() - carried;
            let read = match self.socket.read(&mut buffer[carried..]) {
                Ok(0) => {
                    return Err(io::Error::new(
                        ErrorKind::UnexpectedEof,
                        "the hub has closed the connection",
                    ));
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(last),
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            last = Some(now);
            tally.bytes += read;
            self.ear.hear(&buffer[..carried + read], said, tally, |number| came(number, now));
            // Elsewhere the next event comes only after there was nothing to read.
            if cfg!(unix) && read < room {
                return Ok(last);
            }
        }
    }
}
