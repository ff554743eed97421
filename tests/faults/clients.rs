//! Those who chat. All that they say can be recognized, and all that they hear is kept.

use super::checker::said_in;
use super::proxy::{Command as Order, Proxy};
use super::subject::Subject;
use crate::common;
use fastrand::Rng;
use memchr::memmem;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What a client is. They come in turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A socket of this process.
    Socket,
    /// `threadchat connect`, which ends with its connection. Then another one is started.
    Program,
    /// `threadchat connect --reconnect`, which calls again by itself.
    Persistent,
    /// `ncat`, where there is one: it is a socket, with two pipes before it.
    Netcat,
}

impl Kind {
    fn of(slot: usize) -> Self {
        match slot % 5 {
            // Programs cost more than sockets.
            _ if slot >= 10 => Self::Socket,
            1 | 4 => Self::Program,
            2 => Self::Persistent,
            3 if has_netcat() => Self::Netcat,
            _ => Self::Socket,
        }
    }

    /// It shows what it receives as it is, and does not hurry when it has said goodbye.
    pub fn is_raw(self) -> bool {
        matches!(self, Self::Socket | Self::Netcat)
    }
}

/// One program or socket, from its beginning to its end.
pub struct Talk {
    pub kind: Kind,
    pub door: usize,
    /// Which hub it calls.
    pub hub: usize,
    /// All lines, without line ends.
    pub sent: Vec<String>,
    pub received: Vec<u8>,
    /// It said `88`, and everything was in order.
    pub has_left: bool,
    /// And nobody kept it waiting so long that it may have gone before it heard everything.
    pub has_heard: bool,
    /// It heard what everybody said last, and was heard.
    pub is_whole: bool,
}

/// How long somebody waits who says a last word again.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a program waits that has said goodbye.
const GRACE: Duration = Duration::from_secs(2);

struct Live {
    talk: Talk,
    from: File,
    /// None: it has ended.
    to: Option<File>,
    child: Option<Child>,
    pending: Vec<u8>,
    leaves: Option<Instant>,
    is_welcome: bool,
    /// What it says when the faults have ended.
    words: Vec<String>,
    spoke: Instant,
    /// Those of the others, and up to where they were looked for.
    heard: HashSet<String>,
    seen: usize,
}

pub struct Client {
    slot: usize,
    pub hub: usize,
    rng: Rng,
    live: Option<Live>,
    /// When it comes back, and when it says something.
    comes: Instant,
    speaks: Instant,
    /// The mean time between two lines.
    pause: Duration,
    pub past: Vec<Talk>,
    pub failures: Vec<String>,
}

impl Client {
    pub fn new(slot: usize, hub: usize, mut rng: Rng) -> Self {
        let now = Instant::now();
        let pause = Duration::from_millis([2, 5, 10, 50, 200][rng.usize(..5)]);
        let (past, failures) = (Vec::new(), Vec::new());
        Self { slot, hub, rng, live: None, comes: now, speaks: now, pause, past, failures }
    }

    /// It may be killed and stopped.
    pub fn pid(&self) -> Option<u32> {
        self.live.as_ref()?.child.as_ref().map(Child::id)
    }

    pub fn is_gone(&self) -> bool {
        self.live.is_none()
    }

    /// Comes if it is not here.
    pub fn comes(&mut self, subject: Subject, port: u16, proxy: &mut Proxy, folder: &Path) {
        if self.live.is_some() || Instant::now() < self.comes {
            return;
        }
        let (door, port) = proxy.opens(self.slot, port);
        let kind = Kind::of(self.slot);
        let (from, to, child) = match kind {
            Kind::Socket => {
                let socket = connection(subject, port);
                let to = OwnedFd::from(socket.try_clone().unwrap());
                (OwnedFd::from(socket), to, None)
            }
            Kind::Program | Kind::Persistent | Kind::Netcat => {
                let errors = File::create(folder.join(format!("client-{}-{door}", self.slot))).unwrap();
                let mut child = program(subject, port, kind)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(errors)
                    .spawn()
                    .unwrap();
                let [from, to] =
                    [child.stdout.take().unwrap().into(), OwnedFd::from(child.stdin.take().unwrap())];
                (from, to, Some(child))
            }
        };
        for end in [&from, &to] {
            rustix::io::ioctl_fionbio(end, true).unwrap();
        }
        let talk = Talk {
            kind,
            door,
            hub: self.hub,
            sent: Vec::new(),
            received: Vec::new(),
            has_left: false,
            has_heard: false,
            is_whole: false,
        };
        self.live = Some(Live {
            talk,
            from: from.into(),
            to: Some(to.into()),
            child,
            pending: Vec::new(),
            leaves: None,
            is_welcome: false,
            words: Vec::new(),
            spoke: Instant::now(),
            heard: HashSet::new(),
            seen: 0,
        });
    }

    /// Says what is due.
    pub fn speaks(&mut self, subject: Subject) {
        let now = Instant::now();
        let Some(live) =
            self.live.as_mut().filter(|live| live.leaves.is_none() && live.pending.len() < 32_768)
        else {
            return;
        };
        if now < self.speaks {
            return;
        }
        self.speaks = now + self.pause.mul_f64(2.0 * self.rng.f64());
        match self.rng.u16(..) {
            // Not those who are to be here at the end, whatever happens.
            0..200 if live.talk.kind != Kind::Persistent => self.leaves(),
            200..600 if live.talk.kind.is_raw() && !subject.is_linked() => {
                let name =
                    ["bob", "BOB", "b0b", "zoë", "ann", "eve", "Straße", "STRASSE"][self.rng.usize(..8)];
                live.types(&format!("/name {name}"));
            }
            600..1000 => live.types("/who"),
            1000..1400 => (0..self.rng.usize(2..60)).for_each(|_| live.says("", 40)),
            1400..1600 => live.says("", 3000),
            1600..3000 => live.says("/me ", 20),
            _ => live.says("", self.rng.usize(0..80)),
        }
    }

    /// Says a last word, and another one as long as it may be that somebody has come too late for it.
    pub fn says_last(&mut self) {
        let Some(live) = self.live.as_mut().filter(|live| live.is_welcome && live.leaves.is_none()) else {
            return;
        };
        if live.words.is_empty() || (live.pending.is_empty() && live.spoke.elapsed() > AGAIN) {
            live.says("", 0);
            live.spoke = Instant::now();
            live.words.extend(live.talk.sent.last().cloned());
        }
    }

    /// What it has said at last, if it is still here.
    pub fn last_words(&self) -> &[String] {
        self.live.as_ref().map_or(&[], |live| &live.words)
    }

    /// Looks for these last words in what is new.
    pub fn looks_for(&mut self, words: &HashSet<String>) {
        let Some(live) = &mut self.live else { return };
        let new = &live.talk.received[live.seen..];
        let Some(end) = memchr::memrchr(b'\n', new).map(|end| end + 1) else { return };
        let texts = new[..end].split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
        let texts = texts.filter_map(|line| said_in(line.trim_end())).map(|(_, text)| text.to_owned());
        live.heard.extend(texts.filter(|text| words.contains(text)));
        live.seen += end;
    }

    /// Whether it has heard the very last of what the other has said.
    pub fn has_heard(&self, other: &Self) -> bool {
        let heard = |live: &Live| other.last_words().last().is_some_and(|word| live.heard.contains(word));
        self.live.as_ref().is_some_and(heard)
    }

    pub fn is_whole(&mut self) {
        if let Some(live) = &mut self.live {
            live.talk.is_whole = true;
        }
    }

    pub fn leaves(&mut self) {
        if let Some(live) = self.live.as_mut().filter(|live| live.leaves.is_none()) {
            live.leaves = Some(Instant::now());
            live.pending.extend(b"88\n");
        }
    }

    /// It does not come back.
    pub fn stays_away(&mut self) {
        self.comes = Instant::now() + Duration::from_secs(3600);
    }

    /// Passes on what it types, and takes what it hears.
    pub fn moves(&mut self, proxy: &Proxy) {
        let Some(live) = &mut self.live else { return };
        let Some(in_order) = live.moves() else { return };
        let mut live = self.live.take().unwrap();
        let in_order = match &mut live.child {
            Some(child) => {
                // Netcat ends when both ways have.
                live.to = None;
                let status = child.wait().unwrap();
                if let Some(code) = status.code().filter(|code| !matches!(code, 0 | 1)) {
                    self.failures.push(format!("client {} ended with {code}", self.slot));
                }
                status.success()
            }
            None => in_order,
        };
        live.talk.has_left = live.leaves.is_some() && in_order;
        let is_quick = live.leaves.is_some_and(|since| since.elapsed() < GRACE);
        live.talk.has_heard = live.talk.has_left && (is_quick || live.talk.kind.is_raw());
        proxy.does(Order::Close { door: live.talk.door });
        self.past.push(live.talk);
        self.comes = self.comes.max(Instant::now() + Duration::from_millis(self.rng.u64(20..500)));
    }

    /// Where there is something to hear.
    pub fn source(&self) -> Option<&File> {
        self.live.as_ref().map(|live| &live.from)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(child) = self.live.as_mut().and_then(|live| live.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until one of them hears something, or a moment.
pub fn wait(clients: &[Client]) {
    let sources = clients.iter().filter_map(Client::source);
    let mut sources: Vec<_> = sources.map(|source| PollFd::new(source, PollFlags::IN)).collect();
    let _ = poll(&mut sources, Some(&Timespec { tv_sec: 0, tv_nsec: 2_000_000 }));
}

pub fn signal(pid: u32, signal: Signal) {
    // It may have ended.
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
}

impl Live {
    /// A line that nobody else says, nor does a part of it look like another one.
    fn says(&mut self, command: &str, bytes: usize) {
        let text = format!("{}.{}.{}", self.talk.door, self.talk.sent.len(), "x".repeat(bytes));
        self.types(&format!("{command}{text}"));
    }

    fn types(&mut self, line: &str) {
        self.talk.sent.push(line.to_owned());
        self.pending.extend(line.as_bytes());
        self.pending.push(b'\n');
    }

    /// Some when it has ended: whether in order.
    fn moves(&mut self) -> Option<bool> {
        if let Some(to) = self.to.as_mut().filter(|_| !self.pending.is_empty()) {
            match to.write(&self.pending) {
                Ok(written) => drop(self.pending.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The end is read, too.
                Err(_) => self.to = None,
            }
        }
        let mut bytes = [0; 64 * 1024];
        for _ in 0..16 {
            match self.from.read(&mut bytes) {
                Ok(0) => return Some(true),
                Ok(read) => self.talk.received.extend(&bytes[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Some(false),
            }
        }
        self.is_welcome = self.is_welcome || memmem::find(&self.talk.received, b"welcome to lobby").is_some();
        None
    }
}

fn connection(subject: Subject, port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    #[cfg(feature = "secure")]
    if subject.is_encrypted {
        return common::tls::encrypt(socket, common::tls::files().client(false));
    }
    let _ = subject;
    socket
}

fn has_netcat() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| Command::new("ncat").arg("--version").output().is_ok())
}

fn program(subject: Subject, port: u16, kind: Kind) -> Command {
    if kind == Kind::Netcat {
        let mut command = Command::new("ncat");
        command.args(subject.is_encrypted.then_some("--ssl")).args(["127.0.0.1", &port.to_string()]);
        return command;
    }
    let reconnect = if kind == Kind::Persistent { "--reconnect=always" } else { "--reconnect=never" };
    let port = port.to_string();
    let mut command = common::native(&["connect", &port, "--design", subject.design, reconnect]);
    command.args(subject.encryption("connect"));
    command
}
