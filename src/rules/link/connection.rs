//! One connection to the server, without the socket: when to connect, what to say first, and how long to wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::codec::{Answer, append_command, first_answer};
use super::{Action, Event, LinkError, LinkUrl, Side};

/// How long the server may say nothing while it owes an answer. Afterwards half an answer may be in the connection, so that it
/// is of no use.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before connecting again: doubled each time, from the first to the last.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// A greeting with the longest password fits without growing, which would leave copies of the password behind.
const GREETING: usize = 32 * 1024;

/// What comes out of a connection.
pub(super) enum Heard<Asked> {
    /// The server is the right one, and has the scripts.
    Opened,
    /// The answer to a command.
    Answer(Asked, Answer),
}

/// One connection after the other, as long as it takes. `Asked` says what an answer is about.
pub(super) struct Connection<Asked> {
    side: Side,
    url: LinkUrl,
    scripts: &'static [&'static str],
    /// By which the server knows the scripts.
    digests: Vec<Vec<u8>>,
    phase: Phase,
    /// Before the next try.
    pause: Duration,
    /// As it was last said. None at first.
    is_up: Option<bool>,
    /// What answers are owed for, in this order.
    asked: VecDeque<Asked>,
    /// When the server has been silent for too long. None if it owes nothing.
    deadline: Option<Instant>,
    input: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
    pub(super) actions: VecDeque<Action>,
}

enum Phase {
    /// Connects again at this time.
    Waiting(Instant),
    Connecting,
    /// These answers are owed before anything can be asked.
    Greeting(VecDeque<Step>),
    Open,
}

/// A command of the greeting.
#[derive(Clone, Copy)]
enum Step {
    Password,
    Version,
    Database,
    Script,
}

impl<Asked> Connection<Asked> {
    pub(super) fn new(side: Side, url: LinkUrl, scripts: &'static [&'static str]) -> Self {
        Self {
            side,
            url,
            scripts,
            digests: Vec::new(),
            phase: Phase::Connecting,
            pause: PAUSES[0],
            is_up: None,
            asked: VecDeque::new(),
            deadline: None,
            input: Vec::new(),
            output: Zeroizing::default(),
            actions: [Action::Connect].into(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether the server owes anything.
    pub(super) fn awaits_answer(&self) -> bool {
        self.deadline.is_some()
    }

    /// Whether the server owes an answer to a command.
    pub(super) fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }

    /// Asks for a script. The digest is what the server called it.
    pub(super) fn call(&mut self, script: usize, asked: Asked, arguments: &[&[u8]], now: Instant) {
        let digest = self.digests.get(script).cloned().unwrap_or_default();
        let log = self.key("log");
        let parts = [&[b"EVALSHA".as_slice(), &digest, b"1", &log], arguments].concat();
        self.command(asked, &parts, now);
    }

    pub(super) fn command(&mut self, asked: Asked, parts: &[&[u8]], now: Instant) {
        append_command(parts, &mut self.output);
        self.asked.push_back(asked);
        self.deadline.get_or_insert(now + PATIENCE);
    }

    /// Allows the server to say nothing for longer, because it was asked to wait.
    pub(super) fn expect_silence(&mut self, duration: Duration) {
        self.deadline = self.deadline.map(|deadline| deadline + duration);
    }

    pub(super) fn key(&self, name: &str) -> Vec<u8> {
        format!("tc:{{{}}}:{name}", self.url.name()).into_bytes()
    }

    /// What a command of ours was answered well, so that the link works.
    pub(super) fn works(&mut self) {
        self.pause = PAUSES[0];
        if self.is_up != Some(true) {
            self.is_up = Some(true);
            self.tell(Event::LinkUp(self.side));
        }
    }

    pub(super) fn connected(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Connecting) {
            return;
        }
        let mut steps = VecDeque::new();
        let mut output = Zeroizing::new(Vec::with_capacity(GREETING));
        let mut greet = |step, parts: &[&[u8]]| {
            steps.push_back(step);
            append_command(parts, &mut output);
        };
        match (self.url.user(), self.url.password()) {
            (Some(user), Some(password)) => {
                greet(Step::Password, &[b"AUTH", user.as_bytes(), password.as_bytes()]);
            }
            (None, Some(password)) => greet(Step::Password, &[b"AUTH", password.as_bytes()]),
            // A user without a password is one that needs none.
            (Some(user), None) => greet(Step::Password, &[b"AUTH", user.as_bytes(), b""]),
            (None, None) => {}
        }
        greet(Step::Version, &[b"INFO", b"server"]);
        if self.url.database() != 0 {
            greet(Step::Database, &[b"SELECT", self.url.database().to_string().as_bytes()]);
        }
        for script in self.scripts {
            greet(Step::Script, &[b"SCRIPT", b"LOAD", script.as_bytes()]);
        }
        self.output = output;
        self.digests.clear();
        self.phase = Phase::Greeting(steps);
        self.deadline = Some(now + PATIENCE);
    }

    /// The connection ended, or could not be made.
    pub(super) fn disconnected(&mut self, error: LinkError, now: Instant) {
        if matches!(self.phase, Phase::Waiting(_)) {
            return;
        }
        self.phase = Phase::Waiting(now + self.pause);
        self.pause = PAUSES[1].min(self.pause * 2);
        self.asked.clear();
        self.deadline = None;
        self.input = Vec::new();
        self.output = Zeroizing::default();
        if self.is_up != Some(false) && error != LinkError::NoScript {
            self.is_up = Some(false);
            self.tell(Event::LinkDown(self.side, error));
        }
    }

    /// Ends a connection that is of no use.
    pub(super) fn fail(&mut self, error: LinkError, now: Instant) {
        if matches!(self.phase, Phase::Greeting(_) | Phase::Open) {
            self.actions.push_back(Action::Disconnect);
            self.disconnected(error, now);
        }
    }

    pub(super) fn take_output(&mut self, output: &mut Vec<u8>) {
        if output.is_empty() && !matches!(self.phase, Phase::Greeting(_)) {
            std::mem::swap(output, &mut *self.output);
        } else {
            output.extend_from_slice(&self.output);
            self.output = Zeroizing::default();
        }
    }

    pub(super) fn receive(&mut self, input: &[u8], now: Instant) {
        if matches!(self.phase, Phase::Greeting(_) | Phase::Open) {
            self.input.extend_from_slice(input);
            self.deadline = self.deadline.map(|deadline| deadline.max(now + PATIENCE));
        }
    }

    /// What was received next.
    pub(super) fn next(&mut self, now: Instant) -> Option<Heard<Asked>> {
        loop {
            let (answer, length) = match first_answer(&self.input) {
                Ok(first) => first?,
                Err(error) => {
                    self.fail(error, now);
                    return None;
                }
            };
            self.input.drain(..length);
            match self.understand(answer) {
                Ok(None) => {}
                Ok(heard) => {
                    if self.asked.is_empty() {
                        self.deadline = None;
                    }
                    return heard;
                }
                Err(error) => {
                    self.fail(error, now);
                    return None;
                }
            }
        }
    }

    fn understand(&mut self, answer: Answer) -> Result<Option<Heard<Asked>>, LinkError> {
        let Phase::Greeting(steps) = &mut self.phase else {
            let asked = self.asked.pop_front().ok_or(LinkError::NotRedis)?;
            return match answer {
                Answer::Error(text) => Err(LinkError::of_server(&text)),
                answer => Ok(Some(Heard::Answer(asked, answer))),
            };
        };
        match (steps.pop_front(), answer) {
            (Some(Step::Password), Answer::Error(text)) => return Err(LinkError::of_password(&text)),
            (_, Answer::Error(text)) => return Err(LinkError::of_server(&text)),
            (Some(Step::Version), Answer::BulkString(info)) => {
                LinkError::check_version(&String::from_utf8_lossy(&info))?;
            }
            (Some(Step::Script), Answer::BulkString(digest)) if digest.len() == 40 => {
                self.digests.push(digest);
            }
            (Some(Step::Password | Step::Database), Answer::SimpleString(_)) => {}
            _ => return Err(LinkError::NotRedis),
        }
        if !steps.is_empty() {
            return Ok(None);
        }
        self.phase = Phase::Open;
        Ok(Some(Heard::Opened))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting(until) => Some(until),
            _ => self.deadline,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting(until) if until <= now => {
                self.phase = Phase::Connecting;
                self.actions.push_back(Action::Connect);
            }
            Phase::Greeting(_) | Phase::Open if self.deadline.is_some_and(|deadline| deadline <= now) => {
                self.fail(LinkError::Silent, now);
            }
            _ => {}
        }
    }
}
