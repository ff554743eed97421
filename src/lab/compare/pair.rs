//! Two endpoints that are connected, with a keyboard and a screen each that are pipes to this process.

use super::bench::Bench;
use super::children::{Process, Started};
use super::counter::Counter;
use super::lines::{Screen, lines};
use super::measure::{Figures, Measure};
use super::resources;
use super::rows::Row;
use super::watchdog::PATIENCE;
use crossbeam_channel::Receiver;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{ChildStdin, ChildStdout};
use std::thread;
use std::time::{Duration, Instant};

/// The side that calls, and the side that listens.
pub(super) struct Pair {
    pub(super) caller: End,
    pub(super) listener: End,
}

/// One endpoint.
pub(super) struct End {
    pub(super) process: Process,
    pub(super) keyboard: ChildStdin,
    pub(super) screen: Screen<ChildStdout>,
    /// What it says on standard error, when that has ended.
    notices: Receiver<String>,
    counter: Option<Counter>,
}

impl Pair {
    /// Starts both, and lets each say a line, the caller first: then both are known to be connected.
    pub(super) fn start(bench: &Bench, row: Row, counter: Option<Counter>) -> Result<Self, String> {
        let (listener, port) = End::listen(bench, row, |port| row.listener(port, true), counter)?;
        let mut pair = Self { caller: End::start(bench, row, row.caller(port), counter)?, listener };
        match pair.greet() {
            Ok(()) => Ok(pair),
            Err(fault) => Err(pair.blame(bench, fault)),
        }
    }

    fn greet(&mut self) -> Result<(), String> {
        let hello = lines(b'h', 0..2);
        let (first, second) = hello.split_at(hello.len() / 2);
        type_line(&mut self.caller.keyboard, first)?;
        self.listener.screen.expect(first)?;
        type_line(&mut self.listener.keyboard, second)?;
        self.caller.screen.expect(second)
    }

    /// What they need at this moment, at the end of the work.
    pub(super) fn look(&self, figures: &mut Figures) {
        resources::look(&[&self.caller.process, &self.listener.process], figures);
    }

    /// Ends their input, which is a goodbye, and waits for their end. Nothing may be shown any more.
    pub(super) fn end(self, figures: &mut Figures) -> Result<(), String> {
        let Self { caller, listener } = self;
        let (caller, listener) = (caller.close(), listener.close());
        // Both have to be told before either is waited for.
        caller.end(figures)?;
        listener.end(figures)
    }

    /// A fault, with what they said to it.
    pub(super) fn blame(self, bench: &Bench, fault: String) -> String {
        let fault = self.caller.blame(bench, fault);
        self.listener.blame(bench, fault)
    }
}

/// Types a line.
pub(super) fn type_line(keyboard: &mut ChildStdin, line: &[u8]) -> Result<(), String> {
    keyboard.write_all(line).map_err(|error| format!("it takes no line: {error}"))
}

impl End {
    /// Starts the side that listens, with these words for a port, and waits until it does; the port.
    pub(super) fn listen(
        bench: &Bench,
        row: Row,
        words: impl FnOnce(u16) -> Vec<OsString>,
        counter: Option<Counter>,
    ) -> Result<(Self, u16), String> {
        if row.tells_its_port() {
            let started = bench.start(words(0), counter)?;
            let mut notices = BufReader::new(started.notices);
            let port = told_port(&mut notices)?;
            let Started { process, keyboard, screen, .. } = started;
            let screen = Screen::new(screen, row.stamp(), bench.beats.clone());
            return Ok((Self { process, keyboard, screen, notices: keep(notices), counter }, port));
        }
        let port = free_port().map_err(|error| format!("there is no free port: {error}"))?;
        let end = Self::start(bench, row, words(port), counter)?;
        match end.wait_until_it_listens(port) {
            Ok(()) => Ok((end, port)),
            Err(fault) => Err(end.blame(bench, fault)),
        }
    }

    /// Starts one side.
    pub(super) fn start(
        bench: &Bench,
        row: Row,
        words: Vec<OsString>,
        counter: Option<Counter>,
    ) -> Result<Self, String> {
        let Started { process, keyboard, screen, notices } = bench.start(words, counter)?;
        let screen = Screen::new(screen, row.stamp(), bench.beats.clone());
        Ok(Self { process, keyboard, screen, notices: keep(notices), counter })
    }

    /// A connection would be taken for the only one that comes, so it is looked up where the system shows it.
    fn wait_until_it_listens(&self, port: u16) -> Result<(), String> {
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
                return Err(format!("it does not listen on port {port}"));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("it does not listen within {} s", PATIENCE.as_secs()));
            }
        }
    }

    /// Ends its input.
    fn close(self) -> Closed {
        Closed { process: self.process, screen: self.screen, notices: self.notices, counter: self.counter }
    }

    /// Ends it as Ctrl-C would, whatever it is about to do.
    pub(super) fn interrupt(self, figures: &mut Figures) -> Result<(), String> {
        self.process.interrupt();
        let Closed { process, notices, counter, .. } = self.close();
        finish(&process, &notices, counter, figures)
    }

    /// A fault, with the last it said. If it was killed, what counts is why.
    pub(super) fn blame(self, bench: &Bench, fault: String) -> String {
        let fault = bench.children.take_fault().unwrap_or(fault);
        let Closed { process, notices, counter, .. } = self.close();
        drop(process);
        let said = notices.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let said = counter.map_or(&*said, |counter| counter.without_count(&said));
        match said.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{fault} (it said: {})", line.trim()),
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
    fn end(mut self, figures: &mut Figures) -> Result<(), String> {
        self.screen.expect_end()?;
        finish(&self.process, &self.notices, self.counter, figures)
    }
}

/// Waits for its end, and adds what it had used.
fn finish(
    process: &Process,
    notices: &Receiver<String>,
    counter: Option<Counter>,
    figures: &mut Figures,
) -> Result<(), String> {
    let (_, usage) = process.wait(PATIENCE)?;
    if let Some(usage) = usage {
        resources::add(&usage, figures);
    }
    if let Some(counter) = counter {
        let said = notices.recv_timeout(PATIENCE).unwrap_or_default();
        let calls = counter.count(&said).ok_or("its system calls were not counted")?;
        *figures.entry(Measure::SystemCalls).or_default() += calls;
    }
    Ok(())
}

/// The port that a listener of ours tells.
fn told_port(notices: &mut impl BufRead) -> Result<u16, String> {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        match notices.read_line(&mut line) {
            Ok(read) if read > 0 && said.len() < 16 * 1024 => (),
            _ => return Err(format!("it does not tell where it listens (it said: {:?})", said.trim())),
        }
        if let Some((_, address)) = line.split_once("listening on ") {
            let address = address.split_whitespace().next().unwrap_or_default();
            let address: Result<SocketAddr, _> = address.parse();
            return address.map(|at| at.port()).map_err(|error| format!("{error}: {:?}", line.trim()));
        }
        said += &line;
    }
}

/// Reads to the end, so that nobody is held up by a full pipe, and keeps the last of it.
fn keep(mut notices: impl Read + Send + 'static) -> Receiver<String> {
    const KEPT: usize = 16 * 1024;
    let (to, kept) = crossbeam_channel::bounded(1);
    thread::spawn(move || {
        let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = notices.read(&mut buffer) {
            said.extend_from_slice(&buffer[..read]);
            let excess = said.len().saturating_sub(KEPT);
            said.drain(..excess);
        }
        let _ = to.send(String::from_utf8_lossy(&said).into_owned());
    });
    kept
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether somebody listens on that port. `None` where the system does not show it.
fn is_listening(port: u16) -> Option<bool> {
    let sockets = fs::read_to_string("/proc/net/tcp").ok()?;
    let port = format!(":{port:04X}");
    Some(sockets.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&port)) && words.nth(1) == Some("0A")
    }))
}
