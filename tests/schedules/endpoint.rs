//! A real endpoint in this process, its keyboard and screen, and the person who uses them.

use crate::gate::Gate;
use crate::random::Random;
use std::fs;
use std::io::{self, BufRead, BufReader, Write, pipe};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use threadchat::designs::environment::Environment;
use threadchat::designs::transcript::{JsonLines, Sink, open};
use threadchat::designs::{Design, Task};
use threadchat::platform::Signals;
use threadchat::rules::calling::Call;
use threadchat::rules::exit::Exit;
use threadchat::rules::failure::Failure;
use threadchat::rules::hub;
use threadchat::rules::settings::{Caller, OnEof, Settings, Verbosity};
use threadchat::rules::wire::{DEFAULT_MAX_LINE, Wire};
use threadchat::terminal::{Terminal, Timestamps, View};

/// No run waits so long: a wait that only this ends is a hang.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What the seed chooses of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) design: Design,
    pub(crate) at_terminal: bool,
    pub(crate) transcribed: bool,
    /// How long it waits for a sign that a caller wants to chat, in milliseconds.
    pub(crate) doubts: u64,
    pub(crate) patience: Duration,
    pub(crate) catches_signals: bool,
}

impl Kind {
    pub(crate) fn random(random: &mut Random) -> Self {
        Self {
            design: if random.one_in(4) { Design::Select } else { Design::Threads },
            at_terminal: random.one_in(2),
            transcribed: random.one_in(4),
            doubts: if random.one_in(4) { 5 } else { 0 },
            patience: NEVER,
            catches_signals: false,
        }
    }

    pub(crate) fn settings(self) -> Settings {
        Settings {
            wire: Wire::Lines,
            max_line: DEFAULT_MAX_LINE,
            on_eof: OnEof::Bye,
            to_terminal: self.at_terminal,
            literal: false,
            transcribed: self.transcribed,
            probe_time: Duration::from_millis(self.doubts),
            patience: self.patience,
        }
    }
}

pub(crate) fn serve(settings: Settings, listener: TcpListener) -> Task {
    Task::Serve { listeners: vec![listener], port_was_chosen: true, once: true, settings }
}

pub(crate) fn connect(settings: Settings, address: SocketAddr) -> Task {
    let call = Call {
        address: address.into(),
        timeout: NEVER,
        wait: None,
        caller: Caller::default(),
        encrypted_only: Vec::new(),
    };
    Task::Connect { call, settings }
}

/// A hub with an operator, which tells everybody who comes what was said before.
pub(crate) fn hub(kind: Kind, listener: TcpListener) -> Task {
    let settings = hub::Settings {
        operator: true,
        max_line: DEFAULT_MAX_LINE,
        history: 100,
        rate: None,
        outbox: hub::DEFAULT_OUTBOX,
        stall: NEVER,
        motd: Vec::new(),
        admission: hub::AdmissionPolicy::default(),
        transcribed: kind.transcribed,
    };
    Task::Hub { listeners: vec![listener], port_was_chosen: true, settings, link: None, web: None }
}

/// The test's side of an endpoint.
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) desk: Desk,
    /// Returns how it ended, and the transcript at that moment: a process would end then.
    runs: JoinHandle<(Result<Exit, Failure>, Option<String>)>,
    readers: Vec<JoinHandle<()>>,
}

/// Where a person sits.
#[derive(Clone)]
pub(crate) struct Desk {
    gate: Gate,
    keyboard: Arc<UnixStream>,
    /// What has been shown of messages, and reported. At a terminal both are the same.
    pub(crate) screen: Arc<Lines>,
    notices: Arc<Lines>,
}

/// An input that is read only when it is the turn of the one who reads, if there is a gate.
pub(crate) struct Gated<R> {
    pub(crate) gate: Option<Gate>,
    pub(crate) input: R,
}

impl<R: io::Read> io::Read for Gated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(gate) = &self.gate {
            gate.pass("test", "reads");
        }
        self.input.read(buffer)
    }
}

/// How much is typed and read at once, by those who do so when it is their turn.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Lines that a thread reads.
#[derive(Default)]
pub(crate) struct Lines {
    read: Mutex<Read>,
    changed: Condvar,
}

#[derive(Default)]
struct Read {
    lines: Vec<String>,
    /// No more follow.
    is_over: bool,
}

impl Endpoint {
    /// Starts it. If its screen is slow, each read from it waits for its turn.
    pub(crate) fn start(gate: &Gate, name: &'static str, kind: Kind, is_slow: bool, task: Task) -> Self {
        let (typed, keyboard) = UnixStream::pair().unwrap();
        let ((shown, screen), (told, notices)) = (pipe().unwrap(), pipe().unwrap());
        let transcript = kind.transcribed.then(|| tempfile::NamedTempFile::new().unwrap());
        let sink = transcript.as_ref().map(|file| {
            let target = open(file.path()).unwrap();
            Sink { format: Box::new(JsonLines), target }
        });
        let closes = typed.try_clone().unwrap();
        let view = || View::new(Timestamps::None, false, false);
        let environment = Environment {
            keyboard: Some(Box::new(typed)),
            keyboard_is_terminal: kind.at_terminal,
            close_keyboard: Some(Box::new(move || closes.shutdown(Shutdown::Both).is_ok())),
            screen: Box::new(screen),
            terminal: kind.at_terminal.then(|| Terminal::new(view(), None)),
            notices: (!kind.at_terminal).then(|| Box::new(notices) as _),
            transcript: sink,
            reopen_trace: None,
            security: None,
            remember: None,
            verbosity: Verbosity::Normal,
            observer: gate.observer(name),
            signals: if kind.catches_signals { Signals::catch().unwrap() } else { Signals::none() },
        };
        let runs = spawn("main", move || {
            let exit = kind.design.run(task, environment);
            (exit, transcript.map(|file| fs::read_to_string(file.path()).unwrap()))
        });
        let (screen, notices) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
        let (to_screen, to_notices) = (Arc::clone(&screen), Arc::clone(&notices));
        let shown = Gated { gate: is_slow.then(|| gate.clone()), input: shown };
        let readers = vec![
            spawn("screen", move || to_screen.read(shown)),
            spawn("notices", move || to_notices.read(told)),
        ];
        let notices = if kind.at_terminal { Arc::clone(&screen) } else { notices };
        let desk = Desk { gate: gate.clone(), keyboard: Arc::new(keyboard), screen, notices };
        Self { name, kind, desk, runs, readers }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.runs.is_finished() && self.readers.iter().all(JoinHandle::is_finished)
    }

    /// It has ended.
    pub(crate) fn ended(self) -> Ended {
        let (exit, transcript) = self.runs.join().unwrap();
        Ended { name: self.name, kind: self.kind, desk: self.desk, exit: exit.unwrap(), transcript }
    }

    /// What it has shown and reported.
    pub(crate) fn told(&self) -> [Vec<String>; 2] {
        [&self.desk.screen, &self.desk.notices].map(|lines| lines.read.lock().unwrap().lines.clone())
    }
}

/// An endpoint that has ended.
pub(crate) struct Ended {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    desk: Desk,
    pub(crate) exit: Exit,
    transcript: Option<String>,
}

impl Ended {
    /// What people said, as the screen shows it.
    pub(crate) fn shown(&self) -> Vec<String> {
        said(&self.desk.screen.read.lock().unwrap().lines).collect()
    }

    /// What people said, as the transcript has it, if there is one.
    pub(crate) fn transcribed(&self, direction: &str) -> Option<Vec<String>> {
        let entries = self.transcript.as_ref()?.lines();
        let entries = entries.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let entries = entries.filter(|entry| entry["event"] == direction);
        let texts: Vec<_> = entries.filter_map(|entry| Some(entry["text"].as_str()?.to_owned())).collect();
        Some(said(&texts).collect())
    }

    /// Whether it reported something that contains this.
    pub(crate) fn is_told(&self, text: &str) -> bool {
        self.desk.notices.read.lock().unwrap().lines.iter().any(|line| line.contains(text))
    }
}

impl Desk {
    /// Types this when it is the turn of this person, much of it in pieces. It is lost if nobody reads the keyboard any more.
    pub(crate) fn types(&self, text: &str) {
        for piece in text.as_bytes().chunks(CHUNK) {
            self.gate
                .pass("test", format!("types {}", String::from_utf8_lossy(&piece[..piece.len().min(8)])));
            let _ = (&*self.keyboard).write_all(piece);
        }
    }

    /// Ends the input.
    pub(crate) fn ends_input(&self) {
        self.gate.pass("test", "ends the input");
        let _ = self.keyboard.shutdown(Shutdown::Write);
    }

    /// Waits until the screen shows the given number of lines of each of these people, or the program has ended.
    pub(crate) fn waits_for(&self, people: impl IntoIterator<Item = (&'static str, usize)>) {
        for (name, lines) in people {
            self.screen.wait_until(|all| said(all).filter(|said| said.starts_with(name)).count() >= lines);
        }
    }

    /// Waits until the other side is there, or the program has ended.
    pub(crate) fn waits_for_connection(&self) {
        self.notices.wait_until(|all| all.iter().any(|line| line.contains("...connected")));
    }
}

impl Lines {
    fn change(&self, change: impl FnOnce(&mut Read)) {
        change(&mut self.read.lock().unwrap());
        self.changed.notify_all();
    }

    fn read(&self, from: impl io::Read) {
        for line in BufReader::with_capacity(CHUNK, from).lines() {
            self.change(|read| read.lines.push(line.unwrap()));
        }
        self.change(|read| read.is_over = true);
    }

    fn wait_until(&self, is_so: impl Fn(&[String]) -> bool) {
        let read = self.read.lock().unwrap();
        drop(self.changed.wait_while(read, |read| !read.is_over && !is_so(&read.lines)).unwrap());
    }
}

/// What people say is `A-1`, `A-2` and so on, each with something in front.
pub(crate) fn said(lines: &[String]) -> impl Iterator<Item = String> {
    lines.iter().filter_map(|line| {
        let said = line.rsplit(' ').next()?;
        let (name, number) = said.split_once('-')?;
        (name.len() == 1 && number.parse::<usize>().is_ok()).then(|| said.to_owned())
    })
}

pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(run).unwrap()
}
