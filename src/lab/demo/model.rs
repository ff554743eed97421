//! The state of the two endpoints, derived only from the steps that were observed. The front ends draw it. No I/O.

use super::event::Passed;
use super::side::{Each, Side};
use super::turnstile::takes_time;
use crate::designs::Design;
use crate::observe::{Decision, For, Goodbye, Place, Step, thread};
use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many lines of a chat and how many steps are kept.
const MAX_KEPT: usize = 200;

/// How many bytes may wait in a keyboard: every system's pipe holds at least this many.
const KEYBOARD_CAPACITY: usize = 4000;

/// One conversation, from the start of both endpoints to the end of their last threads.
pub(super) struct Model {
    pub(super) design: Design,
    pub(super) endpoints: Each<Endpoint>,
    /// The latest steps that took time, in the order in which they passed.
    pub(super) recent: VecDeque<Passed>,
    /// How many steps took time.
    pub(super) steps: u64,
    /// How often messages began to be under way in both directions at once.
    pub(super) both_ways: u64,
    is_both_ways: bool,
    has_begun: bool,
}

#[derive(Default)]
pub(super) struct Endpoint {
    pub(super) threads: Vec<Thread>,
    pub(super) threads_started: usize,
    /// The events in the channel.
    pub(super) channel: VecDeque<Cow<'static, str>>,
    pub(super) max_events: usize,
    /// What has been written to the socket and not been read: bytes, and their text.
    pub(super) wire: VecDeque<(usize, String)>,
    pub(super) chat: VecDeque<ChatLine>,
    /// Bytes that were typed and not been read.
    unread: usize,
    /// How many lines were typed, handled by main, sent, and shown on the other side.
    pub(super) typed: u64,
    pub(super) handled: u64,
    pub(super) sent: u64,
    pub(super) arrived: u64,
    is_connected: bool,
    pub(super) said_goodbye: bool,
    /// Either side has said goodbye.
    is_leaving: bool,
    /// Half-duplex: whose turn it is, as far as this side knows.
    pub(super) turn: Option<Turn>,
    pub(super) blocked: Blocked,
    pub(super) outcome: Option<Result<Exit, Failure>>,
    pub(super) screen_is_closed: bool,
}

pub(super) struct Thread {
    pub(super) name: String,
    /// What it does now.
    pub(super) step: Step,
    /// Its latest step that took time, and the number of that step.
    pub(super) last: Option<(Step, u64)>,
}

pub(super) enum ChatLine {
    /// Typed here, with its number.
    Typed(u64, String),
    /// On the screen, with its mark.
    Shown(String),
}

/// How far a typed line has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineState {
    Typed,
    Sent,
    /// It is on the other screen.
    Arrived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Ours,
    Theirs,
}

/// How often and how long a side that had typed something waited for its turn.
#[derive(Default)]
pub(super) struct Blocked {
    pub(super) times: u64,
    pub(super) time: Duration,
    since: Option<Instant>,
}

impl Model {
    pub(super) fn new(design: Design) -> Self {
        Self {
            design,
            endpoints: Each::default(),
            recent: VecDeque::new(),
            steps: 0,
            both_ways: 0,
            is_both_ways: false,
            has_begun: false,
        }
    }

    /// A thread has passed the turnstile. False if that is no news: it has woken up, and waits again.
    pub(super) fn passed(&mut self, passed: &Passed) -> bool {
        let Passed { side, name, step, at } = passed;
        let written = self.written(*side, step);
        let endpoint = &mut self.endpoints[*side];
        let thread = endpoint.thread(name, step);
        if thread.step == *step && matches!(step, Step::Waits(_)) {
            return false;
        }
        thread.step = step.clone();
        if takes_time(step) {
            self.steps += 1;
            thread.last = Some((step.clone(), self.steps));
            keep(&mut self.recent, passed.clone());
        }
        endpoint.update(name, step);
        if self.design == Design::HalfDuplex {
            endpoint.take_turns(step);
        }
        endpoint.wire.extend(written);
        let other = &mut self.endpoints[side.other()];
        match step {
            Step::Read { from: Place::Peer, bytes, .. } => other.is_read(*bytes),
            Step::Wrote { to: Place::Screen, messages, .. } if messages.count > 0 => {
                other.arrived = messages.last();
            }
            // A goodbye has no number.
            Step::Goodbye(Goodbye::Heard) => other.arrived = other.handled,
            _ => {}
        }
        self.update(*at);
        true
    }

    pub(super) fn typed(&mut self, side: Side, text: &str, now: Instant) {
        let endpoint = &mut self.endpoints[side];
        endpoint.typed += 1;
        endpoint.unread += text.len() + 1;
        keep(&mut endpoint.chat, ChatLine::Typed(endpoint.typed, text.to_owned()));
        self.update(now);
    }

    pub(super) fn shown(&mut self, side: Side, line: String) {
        keep(&mut self.endpoints[side].chat, ChatLine::Shown(line));
    }

    /// Whether the endpoints are connected and have all waited for something to do at the same time.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether all lines that were typed have been shown.
    pub(super) fn all_arrived(&self) -> bool {
        self.endpoints.iter().all(|endpoint| endpoint.arrived == endpoint.typed)
    }

    /// Whether nothing can move before somebody types: half-duplex, and the side that has the turn has no line.
    pub(super) fn is_stuck(&self) -> bool {
        self.design == Design::HalfDuplex && self.endpoints.iter().any(Endpoint::waits_for_typing)
    }

    /// Whether both endpoints have ended, with all their threads.
    pub(super) fn has_ended(&self) -> bool {
        let has_ended =
            |endpoint: &Endpoint| endpoint.has_ended() && endpoint.screen_is_closed && endpoint.alive() == 0;
        self.endpoints.iter().all(has_ended)
    }

    /// Whether both endpoints have ended; some of their threads may still run.
    pub(super) fn endpoints_have_ended(&self) -> bool {
        self.endpoints.iter().all(Endpoint::has_ended)
    }

    /// Derives what depends on both endpoints.
    fn update(&mut self, now: Instant) {
        let design = self.design;
        self.has_begun = self.has_begun || self.endpoints.iter().all(|endpoint| endpoint.is_ready(design));
        let is_both_ways = self.endpoints.iter().all(|endpoint| endpoint.sent > endpoint.arrived);
        if is_both_ways && !self.is_both_ways {
            self.both_ways += 1;
        }
        self.is_both_ways = is_both_ways;
        for side in Side::BOTH {
            let endpoint = &mut self.endpoints[side];
            let is_blocked = endpoint.is_blocked();
            endpoint.blocked.update(is_blocked, now);
        }
    }

    /// What this step puts on the wire.
    fn written(&self, side: Side, step: &Step) -> Option<(usize, String)> {
        match step {
            Step::Wrote { to: Place::Peer, bytes, messages } => {
                let chat = self.endpoints[side].chat.iter();
                let text = chat.rev().find_map(|line| match line {
                    ChatLine::Typed(number, text) if *number == messages.first => Some(text.as_str()),
                    _ => None,
                });
                let text = text.unwrap_or("part of a message");
                let more = match messages.count {
                    0 | 1 => String::new(),
                    count => format!(" and {} more", count - 1),
                };
                Some((*bytes, format!("{text}{more}")))
            }
            Step::Goodbye(Goodbye::Written) => Some((2, "88".to_owned())),
            _ => None,
        }
    }
}

impl Endpoint {
    /// Whether its keyboard has capacity for this many more bytes.
    pub(super) fn has_capacity(&self, bytes: usize) -> bool {
        self.unread + bytes <= KEYBOARD_CAPACITY
    }

    /// How many of its threads have not ended.
    pub(super) fn alive(&self) -> usize {
        self.threads.iter().filter(|thread| thread.step != Step::Ends).count()
    }

    pub(super) fn line_state(&self, line: u64) -> LineState {
        match line {
            _ if line <= self.arrived => LineState::Arrived,
            _ if line <= self.handled => LineState::Sent,
            _ => LineState::Typed,
        }
    }

    /// Whether it has typed something that it cannot send before the other side has spoken.
    fn is_blocked(&self) -> bool {
        self.turn == Some(Turn::Theirs) && self.typed > self.handled
    }

    /// Whether it is connected, and all its threads have been started and wait.
    fn is_ready(&self, design: Design) -> bool {
        let has = |name| self.threads.iter().any(|thread| thread.name == name);
        let waits = |thread: &Thread| matches!(thread.step, Step::Waits(_) | Step::Ends);
        let has_all = design != Design::Threads || has(thread::SOCKET_READER) && has(thread::SOCKET_WRITER);
        self.is_connected && has_all && self.threads.iter().all(waits)
    }

    fn waits_for_typing(&self) -> bool {
        let waits = Step::Waits(For::Input(Place::Keyboard));
        self.unread == 0 && self.threads.iter().any(|thread| thread.step == waits)
    }

    fn has_ended(&self) -> bool {
        self.outcome.is_some()
    }

    pub(super) fn ended_cleanly(&self) -> bool {
        matches!(self.outcome, Some(Ok(Exit::Success)))
    }

    fn thread(&mut self, name: &str, step: &Step) -> &mut Thread {
        let known = self.threads.iter().position(|thread| thread.name == name);
        self.threads_started += usize::from(*step == Step::Starts);
        let index = known.unwrap_or_else(|| {
            self.threads.push(Thread { name: name.to_owned(), step: Step::Starts, last: None });
            self.threads.len() - 1
        });
        &mut self.threads[index]
    }

    fn update(&mut self, thread: &str, step: &Step) {
        match step {
            Step::Begins { .. } => self.is_connected = true,
            Step::Sends { event, .. } => {
                self.channel.push_back(event.clone());
                self.max_events = self.max_events.max(self.channel.len());
            }
            // The channel is dropped with the events that main leaves in it.
            Step::Ends if thread == thread::MAIN => self.channel.clear(),
            // Two threads that send at once may overtake each other after this step.
            Step::Takes { event, .. } => {
                if let Some(index) = self.channel.iter().position(|waiting| waiting == event) {
                    self.channel.remove(index);
                }
            }
            Step::Read { from: Place::Keyboard, bytes, .. } => {
                self.unread = self.unread.saturating_sub(*bytes);
            }
            Step::Decides { decision, typed, messages } => {
                if typed.count > 0 {
                    self.handled = typed.last();
                }
                if *decision == Decision::Send && messages.count > 0 {
                    self.sent = messages.last();
                }
            }
            Step::Goodbye(goodbye) => {
                self.said_goodbye |= *goodbye == Goodbye::Written;
                self.is_leaving = true;
            }
            _ => {}
        }
    }

    fn take_turns(&mut self, step: &Step) {
        match step {
            _ if self.is_leaving => self.turn = None,
            // A message gives the turn to the side that shows it, some time before that side reads its keyboard.
            Step::Decides { decision: Decision::Show, .. } | Step::Waits(For::Input(Place::Keyboard)) => {
                self.turn = Some(Turn::Ours);
            }
            Step::Waits(For::Input(Place::Peer)) => self.turn = Some(Turn::Theirs),
            _ => {}
        }
    }

    /// The other side has read this many bytes from the wire.
    fn is_read(&mut self, mut bytes: usize) {
        while let Some((first, _)) = self.wire.front_mut() {
            if *first > bytes {
                *first -= bytes;
                return;
            }
            bytes -= *first;
            self.wire.pop_front();
        }
    }
}

impl Blocked {
    fn update(&mut self, is_blocked: bool, now: Instant) {
        if is_blocked && self.since.is_none() {
            self.times += 1;
            self.since = Some(now);
        } else if !is_blocked && let Some(since) = self.since.take() {
            self.time += now.saturating_duration_since(since);
        }
    }
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() == MAX_KEPT {
        kept.pop_front();
    }
    kept.push_back(one);
}
