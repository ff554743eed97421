//! What is known of the two endpoints, written from nothing but the steps that were observed. The views draw it. No I/O.

use super::event::Passed;
use super::side::{Each, Side};
use super::turnstile::takes_time;
use crate::designs::Design;
use crate::observe::{Decision, For, Goodbye, Place, Step};
use crate::rules::exit::Exit;
use crate::rules::messages::Messages;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many lines of a chat and how many steps are kept.
const KEPT: usize = 200;

/// How many bytes may wait in a keyboard: a pipe holds so many on every system.
const KEYBOARD: usize = 4000;

/// One conversation, from the start of both endpoints to the end of their last threads.
pub(super) struct Story {
    pub(super) design: Design,
    pub(super) actors: Each<Actor>,
    /// The last steps that took time, in the order in which they passed.
    pub(super) last: VecDeque<Passed>,
    /// How many there were.
    pub(super) steps: u64,
    /// How often messages began to be under way in both directions at once.
    pub(super) both_ways: u64,
    are_both_ways: bool,
    /// They are connected, and everybody waits for something to do.
    has_begun: bool,
}

/// What is known of one endpoint.
#[derive(Default)]
pub(super) struct Actor {
    pub(super) threads: Vec<Thread>,
    /// How many threads there have been.
    pub(super) started: usize,
    /// The events in the channel, and the most that have ever been there.
    pub(super) channel: VecDeque<Cow<'static, str>>,
    pub(super) most_events: usize,
    /// What is on its way from this side to the other: bytes, and what they are.
    pub(super) wire: VecDeque<(usize, String)>,
    /// What was typed and what is on the screen.
    pub(super) chat: VecDeque<Line>,
    /// Bytes that were typed and not read.
    unread: usize,
    /// How many lines were typed, dealt with, sent, and shown on the other side.
    pub(super) typed: u64,
    pub(super) dealt_with: u64,
    pub(super) sent: u64,
    pub(super) arrived: u64,
    /// Whether the conversation has begun, and whether it said 88.
    has_begun: bool,
    pub(super) said_goodbye: bool,
    /// Somebody has said it.
    has_left: bool,
    /// Half-duplex: whose turn it is, as far as this side knows.
    pub(super) turn: Option<Turn>,
    pub(super) kept: Kept,
    pub(super) outcome: Option<Result<Exit, String>>,
    /// Its screen is closed.
    pub(super) has_closed: bool,
}

/// A thread of an endpoint.
pub(super) struct Thread {
    pub(super) name: String,
    /// What it does.
    pub(super) does: Step,
    /// The last step of it that took time, and its number.
    pub(super) did: Option<(Step, u64)>,
}

/// A line of a chat.
pub(super) enum Line {
    /// It was typed here, as the line of this number.
    Typed(u64, String),
    /// It is on the screen, with its mark.
    Shown(String),
}

/// What becomes of a line that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It waits.
    Typed,
    /// It is under way.
    Sent,
    /// The other side has it on the screen.
    Arrived,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Ours,
    Theirs,
}

/// How somebody was kept from talking: has typed, and waits for the other side.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) times: u64,
    pub(super) time: Duration,
    since: Option<Instant>,
}

impl Story {
    /// It begins.
    pub(super) fn new(design: Design) -> Self {
        Self {
            design,
            actors: Each::default(),
            last: VecDeque::new(),
            steps: 0,
            both_ways: 0,
            are_both_ways: false,
            has_begun: false,
        }
    }

    /// A thread has passed the turnstile. False if that says nothing new: it has looked up, and waits again.
    pub(super) fn passed(&mut self, passed: &Passed) -> bool {
        let Passed { side, name, step, at } = passed;
        let text = self.text_of(*side, step);
        let actor = &mut self.actors[*side];
        let thread = actor.thread(name, step);
        if thread.does == *step && matches!(step, Step::Waits(_)) {
            return false;
        }
        thread.does = step.clone();
        if takes_time(step) {
            self.steps += 1;
            thread.did = Some((step.clone(), self.steps));
            keep(&mut self.last, passed.clone());
        }
        actor.does(name, step);
        if self.design == Design::HalfDuplex {
            actor.take_turns(step);
        }
        if let Some((bytes, what)) = text {
            actor.wire.push_back((bytes, what));
        }
        match step {
            Step::Read { from: Place::Peer, bytes, .. } => self.actors[side.other()].is_read(*bytes),
            Step::Wrote { to: Place::Screen, messages, .. } if messages.count > 0 => {
                self.actors[side.other()].arrived = last(*messages);
            }
            // It has no number of its own.
            Step::Goodbye(Goodbye::Heard) => {
                let other = &mut self.actors[side.other()];
                other.arrived = other.dealt_with;
            }
            _ => {}
        }
        self.look(*at);
        true
    }

    /// Somebody has typed a line.
    pub(super) fn typed(&mut self, side: Side, text: &str, at: Instant) {
        let actor = &mut self.actors[side];
        actor.typed += 1;
        actor.unread += text.len() + 1;
        keep(&mut actor.chat, Line::Typed(actor.typed, text.to_owned()));
        self.look(at);
    }

    /// Somebody's screen shows this.
    pub(super) fn shown(&mut self, side: Side, line: String) {
        keep(&mut self.actors[side].chat, Line::Shown(line));
    }

    /// Whether the two have come together, and everybody waits for what there is to do, for the first time.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether all that was typed has been shown.
    pub(super) fn all_arrived(&self) -> bool {
        self.actors.iter().all(|actor| actor.arrived == actor.typed)
    }

    /// Whether nothing can move before somebody types: half-duplex, and whoever has the turn has nothing to say.
    pub(super) fn is_stuck(&self) -> bool {
        self.design == Design::HalfDuplex && self.actors.iter().any(Actor::is_awaited)
    }

    /// Whether both endpoints have ended, and all their threads.
    pub(super) fn has_ended(&self) -> bool {
        self.actors.iter().all(|actor| actor.has_ended() && actor.has_closed && actor.alive() == 0)
    }

    /// Whether both endpoints have ended, whatever their threads do.
    pub(super) fn endpoints_have_ended(&self) -> bool {
        self.actors.iter().all(Actor::has_ended)
    }

    /// Looks at what has become of all that together.
    fn look(&mut self, at: Instant) {
        let design = self.design;
        self.has_begun = self.has_begun || self.actors.iter().all(|actor| actor.is_ready(design));
        let are_both_ways = self.actors.iter().all(|actor| actor.sent > actor.arrived);
        if are_both_ways && !std::mem::replace(&mut self.are_both_ways, are_both_ways) {
            self.both_ways += 1;
        }
        self.are_both_ways = are_both_ways;
        for side in Side::BOTH {
            let actor = &mut self.actors[side];
            let is_kept = actor.is_kept();
            actor.kept.look(is_kept, at);
        }
    }

    /// What this step puts on the wire.
    fn text_of(&self, side: Side, step: &Step) -> Option<(usize, String)> {
        match step {
            Step::Wrote { to: Place::Peer, bytes, messages } => {
                let chat = self.actors[side].chat.iter();
                let text = chat.rev().find_map(|line| match line {
                    Line::Typed(number, text) if *number == messages.first => Some(text.as_str()),
                    _ => None,
                });
                let text = text.unwrap_or("a part of a message");
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

impl Actor {
    /// Whether there is room for so many more bytes in its keyboard.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.unread + bytes <= KEYBOARD
    }

    /// How many of its threads have not ended.
    pub(super) fn alive(&self) -> usize {
        self.threads.iter().filter(|thread| thread.does != Step::Ends).count()
    }

    /// What becomes of the line of this number.
    pub(super) fn way(&self, line: u64) -> Way {
        match line {
            _ if line <= self.arrived => Way::Arrived,
            _ if line <= self.dealt_with => Way::Sent,
            _ => Way::Typed,
        }
    }

    /// Whether it has typed something that it is kept from saying.
    pub(super) fn is_kept(&self) -> bool {
        self.turn == Some(Turn::Theirs) && self.typed > self.dealt_with
    }

    /// Whether it is connected, and all its threads have been started and wait.
    fn is_ready(&self, design: Design) -> bool {
        let is_there = |name| self.threads.iter().any(|thread| thread.name == name);
        let waits = |thread: &Thread| matches!(thread.does, Step::Waits(_) | Step::Ends);
        let are_there = design != Design::Threads || is_there("socket-reader") && is_there("socket-writer");
        self.has_begun && are_there && self.threads.iter().all(waits)
    }

    fn is_awaited(&self) -> bool {
        let waits = Step::Waits(For::Input(Place::Keyboard));
        self.unread == 0 && self.threads.iter().any(|thread| thread.does == waits)
    }

    fn has_ended(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether its endpoint has ended, and in good order.
    pub(super) fn ended_in_order(&self) -> bool {
        matches!(self.outcome, Some(Ok(Exit::InOrder)))
    }

    fn thread(&mut self, name: &str, step: &Step) -> &mut Thread {
        let known = self.threads.iter().position(|thread| thread.name == name);
        self.started += usize::from(*step == Step::Starts);
        let at = known.unwrap_or_else(|| {
            self.threads.push(Thread { name: name.to_owned(), does: Step::Starts, did: None });
            self.threads.len() - 1
        });
        &mut self.threads[at]
    }

    fn does(&mut self, name: &str, step: &Step) {
        match step {
            Step::Begins { .. } => self.has_begun = true,
            Step::Sends { event, .. } => {
                self.channel.push_back(event.clone());
                self.most_events = self.most_events.max(self.channel.len());
            }
            // What main leaves in it goes with it.
            Step::Ends if name == "main" => self.channel.clear(),
            // Two that send at once may overtake each other between here and the channel.
            Step::Takes { event, .. } => {
                if let Some(at) = self.channel.iter().position(|waiting| waiting == event) {
                    self.channel.remove(at);
                }
            }
            Step::Read { from: Place::Keyboard, bytes, .. } => {
                self.unread = self.unread.saturating_sub(*bytes);
            }
            Step::Decides { decision, typed, messages } => {
                if typed.count > 0 {
                    self.dealt_with = last(*typed);
                }
                if *decision == Decision::Send && messages.count > 0 {
                    self.sent = last(*messages);
                }
            }
            Step::Goodbye(goodbye) => {
                self.said_goodbye |= *goodbye == Goodbye::Written;
                self.has_left = true;
            }
            _ => {}
        }
    }

    fn take_turns(&mut self, step: &Step) {
        match step {
            _ if self.has_left => self.turn = None,
            Step::Waits(For::Input(Place::Keyboard)) => self.turn = Some(Turn::Ours),
            Step::Waits(For::Input(Place::Peer)) => self.turn = Some(Turn::Theirs),
            _ => {}
        }
    }

    /// The other side has read so much of what is on its way to it.
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

impl Kept {
    fn look(&mut self, is_kept: bool, at: Instant) {
        if is_kept && self.since.is_none() {
            self.times += 1;
            self.since = Some(at);
        } else if !is_kept && let Some(since) = self.since.take() {
            self.time += at.saturating_duration_since(since);
        }
    }
}

/// The number of the last of them.
fn last(messages: Messages) -> u64 {
    messages.first + messages.count - 1
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(one);
}
