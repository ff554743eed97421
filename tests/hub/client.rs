//! A client of the hub in the test process: it writes to a socket and reads from it.

use crate::common::text;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long a client waits for a line before its test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many of the last lines a failing test shows.
const RECENT: usize = 20;

/// A stamp, as a client may send one.
pub const STAMP: &str = "[Mon Nov  9 06:18:34 2026] ";

/// A client of the hub.
pub struct Client {
    pub name: String,
    /// The lines of its greeting, without stamps, up to the one that lists who is here.
    pub greeting: Vec<String>,
    address: SocketAddr,
    socket: BufReader<TcpStream>,
    recent: VecDeque<String>,
    /// Lines that were read and are still to be returned.
    unread: VecDeque<Vec<u8>>,
}

impl Client {
    /// Connects, and reads nothing yet.
    #[track_caller]
    pub fn calls(port: u16) -> Self {
        Self::on(TcpStream::connect(("127.0.0.1", port)).unwrap())
    }

    /// The same with an existing connection.
    #[track_caller]
    pub fn on(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let address = socket.local_addr().unwrap();
        let socket = BufReader::with_capacity(64 * 1024, socket);
        Self {
            name: String::new(),
            greeting: Vec::new(),
            address,
            socket,
            recent: VecDeque::new(),
            unread: VecDeque::new(),
        }
    }

    /// Connects and reads the greeting, but not the history after it.
    #[track_caller]
    pub fn joins(port: u16) -> Self {
        Self::calls(port).greeted()
    }

    /// The same, and changes its name.
    #[track_caller]
    pub fn joins_as(port: u16, name: &str) -> Self {
        Self::joins(port).calls_themselves(name)
    }

    /// Sends something, so that the others are told at once that it has joined, and reads the greeting.
    #[track_caller]
    pub fn greeted(mut self) -> Self {
        let sync = self.asks_for_sync();
        self.reads_greeting().reads_to(&sync)
    }

    /// Reads the greeting, and sends nothing.
    #[track_caller]
    pub fn reads_greeting(mut self) -> Self {
        loop {
            let line = self.hears_a_line();
            if let Some(welcome) = line.strip_prefix("* hub: welcome to lobby, ") {
                let (name, rest) = welcome.split_once(';').unwrap();
                assert_eq!(rest, " 88 leaves, /help lists the commands");
                self.name = name.to_owned();
            }
            let is_last = present(&line).is_some();
            self.greeting.push(line);
            if is_last {
                assert!(!self.name.is_empty(), "no welcome: {:?}", self.greeting);
                return self;
            }
        }
    }

    #[track_caller]
    fn reads_to(mut self, sync: &str) -> Self {
        let mut unread = VecDeque::new();
        loop {
            let Some(line) = self.stamped_line() else { panic!("the stream ended after {:#?}", self.recent) };
            if line.ends_with(sync.as_bytes()) {
                return Self { unread, ..self };
            }
            unread.push_back(line);
        }
    }

    /// Sends an unknown command. Returns the answer.
    #[track_caller]
    fn asks_for_sync(&mut self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let sync = format!("sync{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.says(&format!("/{sync}"));
        no_such_command(&sync)
    }

    /// Changes its name, and expects success.
    #[track_caller]
    pub fn calls_themselves(mut self, name: &str) -> Self {
        self.says(&format!("/name {name}"));
        self.hears(&from_hub(&format!("you are now {name}")));
        self.name = name.to_owned();
        self
    }

    /// From now on waits this long for a line.
    #[cfg(target_os = "linux")]
    pub fn waits_for(&self, patience: Duration) {
        self.socket.get_ref().set_read_timeout(Some(patience)).unwrap();
    }

    /// Its address as the hub sees it.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port of the hub.
    pub fn port(&self) -> u16 {
        self.socket.get_ref().peer_addr().unwrap().port()
    }

    /// Sends this as a line.
    #[track_caller]
    pub fn says(&mut self, line: &str) {
        self.sends(format!("{line}\n"));
    }

    /// Sends these bytes.
    #[track_caller]
    pub fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The same connection, to send on it from another thread.
    pub fn voice(&self) -> TcpStream {
        self.socket.get_ref().try_clone().unwrap()
    }

    /// The next line, with its stamp and without its line end; `None` at the end of the stream. Checks the stamp: only the
    /// goodbye, which ends the stream, has none.
    #[track_caller]
    pub fn stamped_line(&mut self) -> Option<Vec<u8>> {
        if let Some(line) = self.unread.pop_front() {
            return Some(line);
        }
        let mut line = Vec::new();
        if let Err(error) = self.socket.read_until(b'\n', &mut line) {
            panic!("{error} at {:?} after {:#?}", String::from_utf8_lossy(&line), self.recent);
        }
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            assert!(line.is_empty() || line == b"88", "unfinished: {:?}", String::from_utf8_lossy(&line));
            self.recent.push_back(format!("(the end, with {:?})", String::from_utf8_lossy(&line)));
            return None;
        }
        check_stamp(&line);
        self.recent.push_back(String::from_utf8_lossy(&line).into_owned());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Some(line)
    }

    /// The next line, without its stamp.
    #[track_caller]
    pub fn hears_a_line(&mut self) -> String {
        let Some(line) = self.stamped_line() else { panic!("the stream ended after {:#?}", self.recent) };
        let Ok(line) = String::from_utf8(line) else { panic!("not UTF-8 after {:#?}", self.recent) };
        text(&line).to_owned()
    }

    /// Reads until a line with this text.
    #[track_caller]
    pub fn hears(&mut self, text: &str) {
        self.hears_until(text);
    }

    /// The same, and returns the lines before it.
    #[track_caller]
    pub fn hears_until(&mut self, text: &str) -> Vec<String> {
        self.hears_until_one(|line| line == text).0
    }

    /// Reads until a line for which `is_such` is true. Returns the lines before it, and that line.
    #[track_caller]
    pub fn hears_until_one(&mut self, is_such: impl Fn(&str) -> bool) -> (Vec<String>, String) {
        let mut before = Vec::new();
        loop {
            let line = self.hears_a_line();
            if is_such(&line) {
                return (before, line);
            }
            before.push(line);
        }
    }

    /// Expects this line next.
    #[track_caller]
    pub fn hears_next(&mut self, text: &str) {
        assert_eq!(self.hears_a_line(), text, "{:#?}", self.recent);
    }

    /// All lines that the hub has sent so far: it answers an unknown command after them.
    #[track_caller]
    pub fn heard_so_far(&mut self) -> Vec<String> {
        let sync = self.asks_for_sync();
        self.hears_until(&sync)
    }

    /// Reads everything that has been sent so far.
    #[track_caller]
    pub fn catches_up(&mut self) {
        self.heard_so_far();
    }

    /// Expects that exactly these lines have been sent.
    #[track_caller]
    pub fn has_heard(&mut self, expected: &[&str]) {
        assert_eq!(self.heard_so_far(), expected);
    }

    /// Sends a command, and expects the answer and no other line.
    #[track_caller]
    pub fn is_answered(&mut self, command: &str, answer: &str) {
        self.says(command);
        self.has_heard(&[&from_hub(answer)]);
    }

    /// Reads until the hub has said goodbye and closed, and returns the lines before that. The goodbye is said again to a client
    /// that has sent nothing.
    #[track_caller]
    pub fn hears_88(self) -> Vec<String> {
        let (lines, rest) = self.hears_the_rest();
        assert!(matches!(&*rest, "88" | "8888"), "{rest:?} after {lines:#?}");
        lines
    }

    /// Reads to the end of the stream. Returns the lines, and what has no line end.
    #[track_caller]
    pub fn hears_the_rest(mut self) -> (Vec<String>, String) {
        let mut rest = String::new();
        self.socket.read_to_string(&mut rest).unwrap();
        let end = rest.rfind('\n').map_or(0, |newline| newline + 1);
        let unread = self.unread.iter().map(|line| String::from_utf8_lossy(line));
        let unread = unread.map(|line| text(&line).to_owned());
        let lines = unread.chain(rest[..end].lines().map(|line| text(line).to_owned())).collect();
        (lines, rest[end..].to_owned())
    }

    /// Says 88, and reads the rest.
    #[track_caller]
    pub fn leaves(mut self) {
        self.says("88");
        self.hears_the_rest();
    }

    /// Closes its half without 88, and reads the rest.
    #[track_caller]
    pub fn ends_without_88(self) {
        self.socket.get_ref().shutdown(Shutdown::Write).unwrap();
        self.hears_the_rest();
    }

    /// Resets the connection.
    #[cfg(unix)]
    pub fn resets(self) {
        reset(self.socket.into_inner());
    }
}

/// Closes a socket so that the other side sees a reset.
#[cfg(unix)]
pub fn reset(socket: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// The answer to an unknown command.
pub fn no_such_command(name: &str) -> String {
    from_hub(&format!("unknown command /{name}; /help lists the commands, //{name} says /{name}"))
}

/// Expects a stamp: as long as [`STAMP`], with digits, letters and punctuation in the same places.
#[track_caller]
pub fn check_stamp(line: &[u8]) {
    let is_alike = |(byte, sample): (&u8, u8)| match sample {
        b'0'..=b'9' => byte.is_ascii_digit(),
        b'A'..=b'Z' | b'a'..=b'z' => byte.is_ascii_alphabetic(),
        // A day may have one or two digits.
        b' ' => *byte == b' ' || byte.is_ascii_digit(),
        _ => *byte == sample,
    };
    let has_one = line.len() >= STAMP.len() && line.iter().zip(STAMP.bytes()).all(is_alike);
    assert!(has_one, "no stamp: {:?}", String::from_utf8_lossy(&line[..line.len().min(200)]));
}

/// Connects from this address of this machine, with this size of receive buffer if there is one.
#[cfg(target_os = "linux")]
pub fn call_from(from: [u8; 4], port: u16, receive_buffer: Option<usize>) -> TcpStream {
    try_call_from(from, port, receive_buffer).unwrap()
}

/// The same, if that is possible.
#[cfg(target_os = "linux")]
pub fn try_call_from(from: [u8; 4], port: u16, receive_buffer: Option<usize>) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    if let Some(bytes) = receive_buffer {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    bind(&socket, &SocketAddr::from((from, 0)))?;
    connect(&socket, &SocketAddr::from(([127, 0, 0, 1], port)))?;
    Ok(TcpStream::from(socket))
}

/// A line of the hub itself.
pub fn from_hub(text: &str) -> String {
    format!("* hub: {text}")
}

/// Who is here, as the greeting and `/who` list it.
#[derive(Debug, PartialEq)]
pub struct Present {
    pub count: usize,
    pub names: Vec<String>,
    pub more: usize,
}

/// Parses `* hub: 3 are here: @operator, bob, user3`, or `… are in lobby: …`. `None` for other lines.
pub fn present(text: &str) -> Option<Present> {
    let (told, names) = text.strip_prefix("* hub: ")?.split_once(": ")?;
    let (count, whereabouts) = told.split_once(' ')?;
    let whereabouts = whereabouts.strip_prefix("are ").or_else(|| whereabouts.strip_prefix("is "))?;
    assert!(whereabouts == "here" || whereabouts.starts_with("in "), "{text}");
    let (names, more) = match names.rsplit_once(" and ") {
        Some((names, more)) => (names, more.strip_suffix(" more").unwrap().parse().unwrap()),
        None => (names, 0),
    };
    let names = names.split(", ").map(str::to_owned).collect();
    Some(Present { count: count.parse().ok()?, names, more })
}
