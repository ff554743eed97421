//! The clients of a hub, all in one thread, to leave the processors to the hub; in a process of their own, so that
//! what they use is not counted as the hub's. If there are several hubs, the clients are distributed evenly among them.
//!
//! The process prints its figures as a line of JSON, and before that an empty line in each second in which something
//! has arrived. When all clients are connected, it prints [`CONNECTED`], and begins when it gets a line.

use super::super::times::Times;
use super::deliveries::{Inbox, Tally, probe, sent_by};
use crate::lab::compare::harness::encryption::{Caller, open};
use crate::lab::compare::harness::lines::LINE;
use crate::lab::compare::harness::subject::words_of;
use crate::lab::compare::harness::web::Browser;
use crate::lab::compare::measure::{Figures, Measure};
use crate::platform;
use crate::rules::failure::{Context, Failure};
use crate::rules::secure::Channel;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::ffi::OsString;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The line that says that all clients are connected.
pub(super) const CONNECTED: &str = "connected";
/// How many clients connect at once: no more than the shortest listen queue holds.
const GROUP: usize = 10;
/// The same for our hubs, whose queues are longer; in no more than about this many groups, because each costs several lines to
/// all clients.
const GROUP_OF_OURS: usize = 100;
const GROUPS_OF_OURS: usize = 16;
/// Tells one of our hubs that a client is somebody, and disturbs nobody else: no command is called so.
const HELLO: &[u8] = b"/hello\n";
/// A client that is not connected yet does not receive a probe, so the probe is sent again after this time.
const PROBES: Duration = Duration::from_millis(10);
/// If nothing arrives for this long, the remaining lines are lost. Less than the watchdog's patience.
const QUIET: Duration = Duration::from_secs(15);
/// The same after a fault.
const QUIET_AFTER_FAULT: Duration = Duration::from_secs(1);
/// How much is read and written at once.
const CHUNK: usize = 64 * 1024;

/// How many clients there are, and what they do.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// The number of clients.
    pub clients: usize,
    /// The number of clients that send as fast as they can.
    pub senders: usize,
    /// The approximate number of deliveries that makes.
    pub deliveries: usize,
    /// The number of messages that measure latency after that.
    pub messages: usize,
    /// How many of them are sent in a second.
    pub rate: u32,
}

/// How the clients of a hub begin.
#[derive(Debug, Clone, Copy)]
pub struct Custom {
    /// The hub takes the first line of each for its name.
    pub names: bool,
    /// The hub speaks TLS.
    pub secure: bool,
    /// The hub is one of ours.
    pub ours: bool,
    /// Where every second client joins with a browser, if it does.
    pub browsers: Option<SocketAddr>,
}

impl Custom {
    /// Where the client with this number joins with a browser, if it does.
    fn page_of(self, client: usize) -> Option<SocketAddr> {
        self.browsers.filter(|_| client % 2 == 1)
    }
}

impl Crowd {
    /// The command line of its process.
    pub(super) fn command(self, ports: &[u16], custom: Custom) -> Vec<OsString> {
        let Self { clients, senders, deliveries, messages, rate } = self;
        let hubs: String = ports.iter().map(|port| format!(" 127.0.0.1:{port}")).collect();
        let names = if custom.names { " --names" } else { "" };
        let secure = if custom.secure { " --secure" } else { "" };
        let ours = if custom.ours { " --ours" } else { "" };
        let browsers = custom.browsers.map_or_else(String::new, |page| format!(" --browsers {page}"));
        words_of(&format!(
            "{{}} compare-child crowd{hubs} --clients {clients} --senders {senders} \
            --deliveries {deliveries} --messages {messages} --rate {rate}{names}{secure}{ours}{browsers}"
        ))
    }

    /// The number of lines that each sender sends.
    fn lines(self) -> usize {
        (self.deliveries / (self.senders * (self.clients - 1))).max(1)
    }
}

/// Connects the clients to the hubs, measures, prints the figures or the fault of a hub, and stays until the input ends,
/// so that the hubs can be sampled.
pub(crate) fn run(crowd: Crowd, hubs: &[SocketAddr], custom: Custom) -> io::Result<()> {
    platform::raise_descriptor_limit();
    let mut clients = Clients::connect(crowd, hubs, custom);
    let figures = match &mut clients {
        Ok(clients) => {
            writeln!(io::stdout(), "{CONNECTED}")?;
            io::stdin().lock().read_line(&mut String::new())?;
            clients.measure(crowd)
        }
        Err(fault) => Err(fault.clone()),
    };
    let mut line = serde_json::to_vec(&figures.map_err(|fault| fault.to_string()))?;
    line.push(b'\n');
    io::stdout().write_all(&line)?;
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

struct Clients {
    /// Each is at the hub after that of the one before.
    clients: Vec<Client>,
    hubs: usize,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    plaintext: Vec<u8>,
    /// What each sender is to send now. The first clients are the senders.
    to_send: Vec<Vec<u8>>,
    tally: Tally,
    last_arrival: Instant,
    /// When the last arrival was reported to the parent.
    reported: Instant,
}

struct Client {
    socket: TcpStream,
    layer: Layer,
    /// What was made of lines by the layer, but not sent.
    sealed: Vec<u8>,
    inbox: Inbox,
    /// The number of bytes it has sent of what it is to send.
    written: usize,
    can_write: bool,
    /// The hub sends no more than what can be read now.
    has_ended: bool,
}

/// What lines go through on their way to the hub and back.
enum Layer {
    None,
    Tls(Box<Channel>),
    WebSocket(Browser),
}

impl Clients {
    /// Connects all clients, and returns when all of them receive what the first one sends.
    fn connect(crowd: Crowd, hubs: &[SocketAddr], custom: Custom) -> Result<Self, Failure> {
        let count = crowd.clients;
        let poll = Poll::new().context("cannot wait for sockets")?;
        let now = Instant::now();
        let caller = custom.secure.then(Caller::new).transpose()?;
        let mut clients = Self {
            clients: Vec::with_capacity(count),
            hubs: hubs.len(),
            poll,
            events: Events::with_capacity(1024),
            buffer: vec![0; CHUNK + LINE],
            plaintext: Vec::new(),
            to_send: Vec::new(),
            tally: Tally::default(),
            last_arrival: now,
            reported: now,
        };
        let mut hubs = hubs.iter().cycle();
        let group = if custom.ours { GROUP_OF_OURS.max(count / GROUPS_OF_OURS) } else { GROUP };
        while clients.clients.len() < count {
            let group = clients.clients.len()..count.min(clients.clients.len() + group);
            for (number, hub) in group.zip(&mut hubs) {
                let client = clients.add(number, number < crowd.senders, *hub, custom, caller.as_ref());
                client.context(format_args!("client {number} of {count} cannot connect"))?;
            }
            clients.probe()?;
        }
        Ok(clients)
    }

    fn add(
        &mut self,
        number: usize,
        sends: bool,
        hub: SocketAddr,
        custom: Custom,
        caller: Option<&Caller>,
    ) -> io::Result<()> {
        let page = custom.page_of(number);
        let mut socket = std::net::TcpStream::connect_timeout(&page.unwrap_or(hub), QUIET)?;
        socket.set_nodelay(true)?;
        if custom.names {
            socket.write_all(format!("client{number}\n").as_bytes())?;
        }
        let layer = match caller {
            _ if page.is_some() => Layer::WebSocket(Browser::join(&socket)?),
            Some(caller) => {
                let mut channel = caller.channel(None)?;
                // The greeting of the hub, which may have come with it, has no line that counts.
                open(&socket, &mut channel)?;
                Layer::Tls(Box::new(channel))
            }
            None => Layer::None,
        };
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        let interest = if sends { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.poll.registry().register(&mut socket, Token(number), interest)?;
        let mut client = Client {
            socket,
            layer,
            sealed: Vec::new(),
            inbox: Inbox::default(),
            written: 0,
            can_write: true,
            has_ended: false,
        };
        // A client that is silent joins one of our hubs after a second only, but for a browser.
        let hello = if custom.ours { HELLO.to_vec() } else { probe() };
        if page.is_none() {
            client.send_line(&hello)?;
        }
        self.clients.push(client);
        Ok(())
    }

    /// The first client sends a line until all others have received it.
    fn probe(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        while self.unconnected() > 0 {
            self.send_line(&probe())?;
            let until = Instant::now() + PROBES;
            while let Some(left) = until.checked_duration_since(Instant::now())
                && self.unconnected() > 0
            {
                self.wait(left, |_, _, _| ())?;
            }
            if began.elapsed() > QUIET {
                let (deaf, all) = (self.unconnected(), self.clients.len());
                return Err(format!("{deaf} of {all} clients receive nothing").into());
            }
        }
        Ok(())
    }

    /// The number of clients that do not receive yet what the first one sends.
    fn unconnected(&self) -> usize {
        self.clients.iter().skip(1).filter(|client| !client.inbox.is_connected).count()
    }

    fn measure(&mut self, crowd: Crowd) -> Result<Figures, Failure> {
        let mut figures = Figures::default();
        if crowd.deliveries > 0 {
            let (lines, bytes) = self.flood(crowd.senders, crowd.lines())?;
            figures.insert(Measure::DeliveriesPerSecond, lines);
            figures.insert(Measure::DeliveredMegabytesPerSecond, bytes / 1e6);
        }
        if crowd.messages > 0 {
            let [same, other] = self.latency(crowd.messages, crowd.rate)?;
            let times = if self.hubs == 1 { &same } else { &other };
            figures.insert(Measure::P50Microseconds, times.quantile(0.5));
            figures.insert(Measure::P99Microseconds, times.quantile(0.99));
            if self.hubs > 1 {
                figures.insert(Measure::SameHubP50Microseconds, same.quantile(0.5));
                figures.insert(Measure::SameHubP99Microseconds, same.quantile(0.99));
            }
        }
        Ok(figures)
    }

    /// The senders send as fast as the hubs accept; returns the lines and bytes they deliver per second.
    fn flood(&mut self, senders: usize, lines: usize) -> Result<(f64, f64), Failure> {
        let due = self.prepare(senders, lines);
        let began = self.last_arrival;
        while self.is_incomplete(due) {
            let mut can_send_more = false;
            for (number, (client, lines)) in self.clients.iter_mut().zip(&self.to_send).enumerate() {
                can_send_more |= client.send_some(lines).map_err(|error| disconnected(number, &error))?;
            }
            let wait = if can_send_more { Duration::ZERO } else { QUIET_AFTER_FAULT };
            self.wait(wait, |_, _, _| ())?;
        }
        self.tally.check(due).context("flood")?;
        let seconds = (self.last_arrival - began).as_secs_f64();
        Ok((due as f64 / seconds, self.tally.bytes as f64 / seconds))
    }

    /// One client sends now and then; returns how long each line takes to each other client of its hub, and to each client
    /// of another hub.
    fn latency(&mut self, messages: usize, rate: u32) -> Result<[Times; 2], Failure> {
        let (hubs, interval) = (self.hubs, Duration::from_secs(1) / rate);
        let mut times = [Times::new()?, Times::new()?];
        let due = self.prepare(1, messages);
        let (lines, began) = (self.to_send[0].clone(), self.last_arrival);
        let mut sent = Vec::with_capacity(messages);
        let mut record = |sent: &[Instant], client: usize, number: usize, arrived: Instant| {
            if let Some(sent) = sent.get(number) {
                times[usize::from(!client.is_multiple_of(hubs))].record(arrived - *sent);
            }
        };
        for (line, number) in lines.chunks(LINE).zip(1..) {
            sent.push(Instant::now());
            self.send_line(line)?;
            while let Some(left) = (began + interval * number).checked_duration_since(Instant::now()) {
                self.wait(left, |client, number, arrived| record(&sent, client, number, arrived))?;
            }
        }
        while self.is_incomplete(due) {
            let record = |client, number, arrived| record(&sent, client, number, arrived);
            self.wait(QUIET_AFTER_FAULT, record)?;
        }
        self.tally.check(due).context("latency")?;
        Ok(times)
    }

    /// Gives each sender its lines; returns the number of deliveries that makes.
    fn prepare(&mut self, senders: usize, lines: usize) -> usize {
        self.to_send = (0..senders).map(|sender| sent_by(sender, lines)).collect();
        self.tally = Tally::default();
        for (number, client) in self.clients.iter_mut().enumerate() {
            // A browser gets back what it says.
            client.inbox.expect(&self.to_send, Some(number).filter(|_| !client.is_browser()));
            client.written = 0;
        }
        self.last_arrival = Instant::now();
        let browsers = self.clients[..senders].iter().filter(|client| client.is_browser()).count();
        (senders * (self.clients.len() - 1) + browsers) * lines
    }

    /// Whether lines are missing that may still arrive.
    fn is_incomplete(&self, due: usize) -> bool {
        let patience = if self.tally.has_faults() { QUIET_AFTER_FAULT } else { QUIET };
        self.tally.whole < due && self.last_arrival.elapsed() <= patience
    }

    /// Waits until something happens, for at most `limit`, and reads all that has arrived. Calls `arrived` with the number
    /// of the client, that of each line, and the time.
    fn wait(
        &mut self,
        limit: Duration,
        mut arrived: impl FnMut(usize, usize, Instant),
    ) -> Result<(), Failure> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(Failure::new("cannot wait for sockets", error));
            }
            _ => (),
        }
        for event in &self.events {
            let Token(number) = event.token();
            let client = &mut self.clients[number];
            client.can_write |= event.is_writable();
            if event.is_readable() {
                client.has_ended |= event.is_read_closed();
                let (buffer, tally) = ((&mut self.buffer[..], &mut self.plaintext), &mut self.tally);
                let read =
                    client.read(buffer, &self.to_send, tally, |line, time| arrived(number, line, time));
                if let Some(last) = read.map_err(|error| disconnected(number, &error))? {
                    self.last_arrival = last;
                }
            }
        }
        if self.last_arrival > self.reported + Duration::from_secs(1) {
            self.reported = self.last_arrival;
            io::stdout().write_all(b"\n").context("cannot report progress")?;
        }
        Ok(())
    }

    /// The first client sends a line.
    fn send_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let Some(first) = self.clients.first_mut() else { return Ok(()) };
        match first.send_line(line) {
            Ok(true) => Ok(()),
            Ok(false) => Err("the hub accepts no lines from the first client".into()),
            Err(error) => Err(disconnected(0, &error)),
        }
    }
}

fn disconnected(number: usize, error: &io::Error) -> Failure {
    Failure::new(format_args!("client {number} was disconnected"), error)
}

impl Client {
    /// Sends a line; returns whether the system's buffers had capacity for all of it: not if the hub reads nothing.
    fn send_line(&mut self, line: &[u8]) -> io::Result<bool> {
        let mut sealed = Vec::new();
        let line = match self.layer.send(line, &mut sealed) {
            None => line,
            Some(_) => &sealed,
        };
        Ok(self.socket.write(line)? == line.len())
    }

    fn is_browser(&self) -> bool {
        matches!(self.layer, Layer::WebSocket(_))
    }

    /// Sends as much as it can without waiting; returns whether it can send more.
    fn send_some(&mut self, lines: &[u8]) -> io::Result<bool> {
        let left = &lines[self.written..];
        if left.is_empty() && self.sealed.is_empty() || !self.can_write {
            return Ok(false);
        }
        let left = &left[..left.len().min(CHUNK)];
        let taken = if self.sealed.is_empty() { self.layer.send(left, &mut self.sealed) } else { Some(0) };
        let written = match taken {
            None => self.socket.write(left).inspect(|written| self.written += written),
            Some(taken) => {
                self.written += taken;
                self.socket.write(&self.sealed).inspect(|written| drop(self.sealed.drain(..*written)))
            }
        };
        match written {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
            Err(error) => return Err(error),
        }
        Ok(self.can_write && (self.written < lines.len() || !self.sealed.is_empty()))
    }

    /// Reads and checks all that has arrived; returns when the last of it was read.
    fn read(
        &mut self,
        (buffer, plaintext): (&mut [u8], &mut Vec<u8>),
        sent: &[Vec<u8>],
        tally: &mut Tally,
        mut arrived: impl FnMut(usize, Instant),
    ) -> io::Result<Option<Instant>> {
        let mut last = None;
        loop {
            let carried = self.inbox.restore(buffer);
            let capacity = buffer.len() - carried;
            let read = match self.socket.read(&mut buffer[carried..]) {
                Ok(0) => {
                    let message = "the hub has closed the connection";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(last),
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            last = Some(now);
            let received = match &mut self.layer {
                Layer::None => &buffer[..carried + read],
                Layer::WebSocket(browser) => {
                    plaintext.clear();
                    plaintext.extend_from_slice(&buffer[..carried]);
                    browser.receive(&mut buffer[carried..carried + read], plaintext);
                    &*plaintext
                }
                Layer::Tls(channel) => {
                    plaintext.clear();
                    plaintext.extend_from_slice(&buffer[..carried]);
                    let ciphertext = &buffer[carried..carried + read];
                    channel.receive(ciphertext, plaintext).map_err(io::Error::other)?;
                    &*plaintext
                }
            };
            tally.bytes += received.len() - carried;
            self.inbox.check(received, sent, tally, |number| arrived(number, now));
            // Elsewhere the next event comes only after a read that found nothing; and none comes after the end.
            if cfg!(unix) && read < capacity && !self.has_ended {
                return Ok(last);
            }
        }
    }
}

impl Layer {
    /// Makes what is sent for these lines, if that is something else. Returns how many bytes of them.
    fn send(&mut self, lines: &[u8], sealed: &mut Vec<u8>) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Tls(channel) => Some(channel.send(lines, sealed)),
            Self::WebSocket(browser) => Some(browser.send(lines, sealed)),
        }
    }
}
