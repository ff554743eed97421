//! Two connected endpoints, each with a keyboard and a screen that are pipes to this process.

use super::Harness;
use super::children::{Process, Started};
use super::counter::Counter;
use super::lines::{Screen, lines};
use super::resources;
use super::subject::Subject;
use super::watchdog::PATIENCE;
use crate::lab::compare::measure::Figures;
use crate::rules::failure::{Context, Failure};
use crossbeam_channel::Receiver;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::thread;
use std::time::{Duration, Instant};

/// The side that calls, and the side that listens.
pub(crate) struct Pair {
    pub(crate) caller: Endpoint,
    pub(crate) listener: Endpoint,
}

pub(crate) struct Endpoint {
    pub(crate) process: Process,
    pub(crate) keyboard: ChildStdin,
    pub(crate) screen: Screen<ChildStdout>,
    /// Gets what it wrote on standard error, once that has ended.
    notices: Receiver<String>,
    told: Receiver<String>,
    counter: Option<Counter>,
}

impl Pair {
    /// Starts both, and sends a line each way, the caller's first: then both are connected.
    pub(crate) fn start(
        harness: &Harness,
        subject: &Subject,
        counter: Option<Counter>,
    ) -> Result<Self, Failure> {
        let (listener, port) =
            Endpoint::listen(harness, subject, |port| subject.listener(port, true), counter)?;
        let caller = Endpoint::start(harness, subject, subject.caller(port), counter)?;
        let mut pair = Self { caller, listener };
        match pair.greet() {
            Ok(()) => Ok(pair),
            Err(fault) => Err(pair.blame(harness, fault)),
        }
    }

    fn greet(&mut self) -> Result<(), Failure> {
        let hello = lines(b'h', 0..2);
        let (first, second) = hello.split_at(hello.len() / 2);
        type_line(&mut self.caller.keyboard, first)?;
        self.listener.screen.expect(first)?;
        type_line(&mut self.listener.keyboard, second)?;
        self.caller.screen.expect(second)
    }

    /// Records what both use at this moment.
    pub(crate) fn sample(&self, figures: &mut Figures) {
        resources::sample(&[&self.caller.process, &self.listener.process], figures);
    }

    /// After a run: ends their input, which is a goodbye, and waits for their end. They must show nothing more.
    pub(crate) fn end(self, harness: &Harness, run: Result<Figures, Failure>) -> Result<Figures, Failure> {
        let mut figures = match run {
            Ok(figures) => figures,
            Err(fault) => return Err(self.blame(harness, fault)),
        };
        // Close both before waiting for either: each may wait for the other's goodbye.
        for mut endpoint in [self.caller.close(), self.listener.close()] {
            endpoint.screen.expect_end()?;
            endpoint.finish(&mut figures)?;
        }
        Ok(figures)
    }

    /// Adds what both wrote on standard error to a fault.
    fn blame(self, harness: &Harness, fault: Failure) -> Failure {
        let fault = self.caller.blame(harness, fault);
        self.listener.blame(harness, fault)
    }
}

pub(crate) fn type_line(keyboard: &mut ChildStdin, line: &[u8]) -> Result<(), Failure> {
    keyboard.write_all(line).context("cannot type a line")
}

impl Endpoint {
    /// Starts the listening side with `command`, which takes a port, and waits until it listens; returns its port.
    pub(crate) fn listen(
        harness: &Harness,
        subject: &Subject,
        command: impl FnOnce(u16) -> Vec<OsString>,
        counter: Option<Counter>,
    ) -> Result<(Self, u16), Failure> {
        if subject.prints_its_port() {
            let mut started = harness.start(command(0), counter)?;
            let port = printed_port(&mut started.notices)?;
            return Ok((Self::new(harness, subject, started, counter), port));
        }
        let port = free_port().context("cannot find a free port")?;
        let endpoint = Self::start(harness, subject, command(port), counter)?;
        match endpoint.wait_until_it_listens(port) {
            Ok(()) => Ok((endpoint, port)),
            Err(fault) => Err(endpoint.blame(harness, fault)),
        }
    }

    fn start(
        harness: &Harness,
        subject: &Subject,
        command: Vec<OsString>,
        counter: Option<Counter>,
    ) -> Result<Self, Failure> {
        Ok(Self::new(harness, subject, harness.start(command, counter)?, counter))
    }

    fn new(harness: &Harness, subject: &Subject, started: Started, counter: Option<Counter>) -> Self {
        let Started { process, keyboard, screen, notices } = started;
        let screen = Screen::new(screen, subject.stamp(), harness.heartbeat.clone());
        let (notices, told) = collect(notices);
        Self { process, keyboard, screen, notices, told, counter }
    }

    /// Looks in the system's list of sockets: a test connection would be taken for the only caller.
    fn wait_until_it_listens(&self, port: u16) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            match is_listening(port) {
                Some(true) => return Ok(()),
                Some(false) => thread::sleep(Duration::from_millis(2)),
                None => {
                    thread::sleep(Duration::from_millis(300));
                    return Ok(());
                }
            }
            if self.process.try_wait()?.is_some() {
                return Err(format!("it does not listen on port {port}").into());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("it does not listen within {} s", PATIENCE.as_secs()).into());
            }
        }
    }

    /// Waits until it has a code for the next caller.
    pub(crate) fn code(&self) -> Result<String, Failure> {
        self.told.recv_timeout(PATIENCE).context("it makes no code")
    }

    /// Waits for the link to its page `/live`.
    pub(crate) fn link(&self) -> Result<String, Failure> {
        self.told.recv_timeout(PATIENCE).context("it prints no link")
    }

    /// Ends its input.
    fn close(self) -> Closed {
        let Self { process, keyboard: _, screen, notices, told: _, counter } = self;
        Closed { process, screen, notices, counter }
    }

    /// After a run: ends it as Ctrl-C would.
    pub(crate) fn end(self, harness: &Harness, run: Result<Figures, Failure>) -> Result<Figures, Failure> {
        let mut figures = match run {
            Ok(figures) => figures,
            Err(fault) => return Err(self.blame(harness, fault)),
        };
        self.process.interrupt();
        self.close().finish(&mut figures)?;
        Ok(figures)
    }

    /// Adds the last line it wrote on standard error to a fault. If the harness killed it, the reason is the fault.
    fn blame(self, harness: &Harness, fault: Failure) -> Failure {
        let fault = harness.children.take_fault().unwrap_or(fault);
        let Closed { process, notices, counter, .. } = self.close();
        drop(process);
        let written = notices.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let written = counter.map_or(&*written, |counter| counter.without_count(&written));
        match written.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{fault} (it said: {})", line.trim()).into(),
            None => fault,
        }
    }
}

/// An endpoint whose input has ended.
struct Closed {
    process: Process,
    screen: Screen<ChildStdout>,
    notices: Receiver<String>,
    counter: Option<Counter>,
}

impl Closed {
    /// Waits for its end, and adds what it used.
    fn finish(self, figures: &mut Figures) -> Result<(), Failure> {
        let (_, usage) = self.process.wait(PATIENCE)?;
        if let Some(usage) = usage {
            resources::add(&usage, figures);
        }
        if let Some(counter) = self.counter {
            let written = self.notices.recv_timeout(PATIENCE).unwrap_or_default();
            let calls = counter.count(&written).ok_or("its system calls were not counted")?;
            for (measure, calls) in calls.iter() {
                *figures.entry(*measure).or_default() += calls;
            }
        }
        Ok(())
    }
}

/// The port in the line `listening on ADDRESS`.
fn printed_port(notices: &mut ChildStderr) -> Result<u16, Failure> {
    // A byte at a time: what follows is for `collect`.
    let (mut notices, mut written) = (BufReader::with_capacity(1, notices), String::new());
    loop {
        let mut line = String::new();
        match notices.read_line(&mut line) {
            Ok(read) if read > 0 && written.len() < 16 * 1024 => (),
            _ => {
                return Err(
                    format!("it does not print where it listens (it said: {:?})", written.trim()).into()
                );
            }
        }
        if let Some((_, address)) = line.split_once("listening on ") {
            let address =
                address.split([' ', ',']).next().unwrap_or_default().trim_end().parse::<SocketAddr>();
            return Ok(address
                .context(format_args!("cannot read where it listens in {:?}", line.trim()))?
                .port());
        }
        written += &line;
    }
}

/// What a program tells its user before each code for a caller, and before the link to the page `/live`.
const TELLS: [&[u8]; 2] = [b"code for the next caller: ", b"the hub at work, for a projector: "];

/// Reads to the end, so that a full pipe blocks nobody, and keeps the last part. Also returns [what it tells](TELLS) when that
/// comes.
fn collect(notices: impl Read + Send + 'static) -> (Receiver<String>, Receiver<String>) {
    const KEPT: usize = 16 * 1024;
    let (to, kept) = crossbeam_channel::bounded(1);
    let (to_caller, told) = crossbeam_channel::unbounded();
    thread::spawn(move || {
        let (mut notices, mut written) = (BufReader::new(notices), Vec::new());
        // The limit is for programs that write no lines.
        while let Ok(read @ 1..) = notices.by_ref().take(4096).read_until(b'\n', &mut written) {
            let line = &written[written.len() - read..];
            if let Some(what) = TELLS.iter().find_map(|tells| line.strip_prefix(*tells)) {
                let _ = to_caller.send(String::from_utf8_lossy(what).trim().to_owned());
            }
            let excess = written.len().saturating_sub(KEPT);
            written.drain(..excess);
        }
        let _ = to.send(String::from_utf8_lossy(&written).into_owned());
    });
    (kept, told)
}

pub(super) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether something listens on that port. `None` where the system does not show it.
fn is_listening(port: u16) -> Option<bool> {
    let sockets = fs::read_to_string("/proc/net/tcp").ok()?;
    let port = format!(":{port:04X}");
    Some(sockets.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&port)) && words.nth(1) == Some("0A")
    }))
}
