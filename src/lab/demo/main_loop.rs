//! The demo's main: one loop that takes an event, tells the audience, types what is to be typed, and ends one
//! conversation to begin the next.

use super::event::Event;
use super::face::{Face, Hint, Scene};
use super::keys::{Command, Typing, faster, slower};
use super::pair::Pair;
use super::script::Script;
use super::side::{Each, Side};
use super::story::Story;
use super::summary::Summary;
use super::turnstile::{Pace, Turnstile};
use crate::designs::Design;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use crate::rules::input;
use crate::rules::signal::Signal;
use crossbeam_channel::{Receiver, Sender};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the last picture of a script stays.
const LAST_PICTURE: Duration = Duration::from_secs(10);

/// How long what was done last is seen as such, at the least, when nothing follows.
const LIT_FOR: Duration = Duration::from_secs(1);

/// How long an end may take that was asked for. It takes some milliseconds, unless something is broken.
const END_WITHIN: Duration = Duration::from_secs(5);

/// How long threads may outlive their endpoints.
const THREADS_END_WITHIN: Duration = Duration::from_secs(3);

/// How many events are taken before the audience is told again how things are.
const AT_ONCE: usize = 64;

/// What interrupts the program at a terminal that is not taken over.
const INTERRUPT: Signal = Signal { name: "SIGINT", number: 2 };

/// All that main knows.
pub(super) struct MainLoop {
    pub(super) events: Receiver<Event>,
    pub(super) to_main: Sender<Event>,
    pub(super) face: Box<dyn Face>,
    pub(super) script: Script,
    pub(super) design: Design,
    pub(super) pace: Pace,
    pub(super) typing: Typing,
    /// Somebody types, so that nothing needs to end by itself.
    pub(super) is_live: bool,
    /// What is to be said at the end, of each design.
    pub(super) told: Vec<Summary>,
    pub(super) exit: Exit,
}

/// One conversation, in one design.
struct Play {
    pair: Pair,
    turnstile: Arc<Turnstile>,
    story: Story,
    script: Script,
    /// What is to be typed when there is room for it.
    to_type: Each<VecDeque<String>>,
    phase: Phase,
    /// A person has said 88: there is nothing to look at any more.
    leaves: bool,
    refused: Option<&'static str>,
}

/// Where a conversation is.
#[derive(Clone, Copy)]
enum Phase {
    /// They talk.
    Talking,
    /// Both have ended, but not all of their threads.
    LastThreads { until: Instant },
    /// It has been asked to end.
    Ending { then: Then, until: Instant },
    /// The last picture is looked at.
    Over { until: Option<Instant> },
    /// All is done.
    Done(Then),
}

/// What comes after a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    NextDesign,
    End,
}

impl MainLoop {
    /// Plays one conversation after the other, as long as another design is asked for. How it ended, and what there is to
    /// be told of it.
    ///
    /// # Errors
    /// It cannot be started or shown, in a sentence.
    pub(super) fn run(mut self) -> Result<(Exit, Vec<Summary>), Failure> {
        while self.play()? == Then::NextDesign {
            self.design = next_design(self.design);
        }
        Ok((self.exit, self.told))
    }

    fn play(&mut self) -> Result<Then, Failure> {
        let turnstile = Turnstile::new(self.to_main.clone());
        let mut play = Play {
            pair: Pair::start(self.design, &turnstile, &self.to_main)?,
            turnstile,
            story: Story::new(self.design),
            script: self.script.clone(),
            to_type: Each::default(),
            phase: Phase::Talking,
            leaves: false,
            refused: None,
        };
        self.face.begins(self.design);
        let then = loop {
            self.settle(&mut play);
            if let Phase::Done(then) = play.phase {
                break then;
            }
            self.draw(&mut play)?;
            let event = match self.look_at(&play, Instant::now()) {
                None => self.events.recv().ok(),
                Some(until) => self.events.recv_deadline(until).ok(),
            };
            self.handle_all(&mut play, event);
        };
        self.conclude(play);
        Ok(then)
    }

    /// Something has happened, or it is time; and whatever else has happened by now.
    fn handle_all(&mut self, play: &mut Play, event: Option<Event>) {
        let more = self.events.try_iter().take(AT_ONCE).collect::<Vec<_>>();
        for event in event.into_iter().chain(more) {
            self.handle(play, event);
        }
    }

    fn handle(&mut self, play: &mut Play, event: Event) {
        match event {
            Event::Passed(passed) => {
                let had_begun = play.story.has_begun();
                if play.story.passed(&passed) {
                    self.face.passed(&passed);
                }
                // How they come together is not what there is to be seen: it goes at full speed.
                if !had_begun && play.story.has_begun() {
                    match play.is_ending() {
                        true => play.pair.close_keyboards(),
                        false => play.turnstile.set_pace(self.pace),
                    }
                }
            }
            Event::Shown(side, line) => {
                self.face.shown(side, &line);
                play.story.shown(side, line);
            }
            Event::Closed(side) => play.story.actors[side].has_closed = true,
            Event::Ended(side, outcome) => play.story.actors[side].outcome = Some(outcome),
            Event::Key(key) => {
                play.refused = None;
                if let Some(command) = self.typing.press(key) {
                    self.obey(play, command);
                }
            }
            // It is drawn after every event.
            Event::Resized | Event::Came => {}
            Event::NoKeys => play.end(Then::End),
            Event::Signal(signal) => self.signalled(play, signal),
        }
    }

    fn obey(&mut self, play: &mut Play, command: Command) {
        match command {
            Command::Pause => match &mut play.phase {
                Phase::Over { until } => *until = None,
                _ => self.pace.paused = !self.pace.paused,
            },
            Command::Step if self.pace.paused => play.turnstile.step(),
            Command::Step => self.pace.paused = true,
            Command::Faster => self.pace.delay = faster(self.pace.delay),
            Command::Slower => self.pace.delay = slower(self.pace.delay),
            Command::NextDesign => play.end(Then::NextDesign),
            Command::Type(side, line) => {
                if play.is_over() {
                    play.refused = Some("nobody listens any more");
                } else if play.to_type[side].is_empty() && play.story.actors[side].has_room(line.len() + 1) {
                    play.leaves |= input::is_goodbye(line.as_bytes());
                    self.types(play, side, &[line]);
                } else {
                    play.refused = Some("the keyboard is full: let some steps pass");
                }
            }
            Command::Quit => play.end(Then::End),
            Command::Interrupt => self.signalled(play, INTERRUPT),
        }
        if play.story.has_begun() && !play.is_ending() {
            play.turnstile.set_pace(self.pace);
        }
    }

    /// The second one does not wait for anybody.
    fn signalled(&mut self, play: &mut Play, signal: Signal) {
        let is_second = matches!(self.exit, Exit::Signal(_));
        self.exit = Exit::Signal(signal);
        play.end(Then::End);
        if is_second {
            play.phase = Phase::Done(Then::End);
        }
    }

    /// Does what is to be done after what has happened.
    fn settle(&mut self, play: &mut Play) {
        let (now, story) = (Instant::now(), &play.story);
        let (has_ended, endpoints_have_ended) = (story.has_ended(), story.endpoints_have_ended());
        let is_late = play.deadline().is_some_and(|until| until <= now);
        play.phase = match play.phase {
            Phase::Talking if endpoints_have_ended => Phase::LastThreads { until: now + THREADS_END_WITHIN },
            Phase::LastThreads { .. } if has_ended || is_late => match self.is_live && !play.leaves {
                true => Phase::Over { until: Some(now + LAST_PICTURE) },
                false => Phase::Done(Then::End),
            },
            Phase::Ending { then, .. } if has_ended || is_late => Phase::Done(then),
            Phase::Over { .. } if is_late => Phase::Done(Then::End),
            phase => phase,
        };
        if matches!(play.phase, Phase::LastThreads { .. }) && has_ended {
            return self.settle(play);
        }
        loop {
            for side in Side::BOTH {
                self.type_waiting(play, side);
            }
            let goes_on = matches!(play.phase, Phase::Talking) && play.story.has_begun() && !self.pace.paused;
            if !goes_on || !self.go_on_with_script(play) {
                return;
            }
        }
    }

    /// Takes the next lines of the script, when those before them have been shown, or when nothing moves without them.
    /// Whether there are any to be typed.
    fn go_on_with_script(&self, play: &mut Play) -> bool {
        let is_stuck = play.story.is_stuck() && Side::BOTH.iter().all(|side| play.to_type[*side].is_empty());
        if !play.story.all_arrived() && !is_stuck {
            return false;
        }
        let Some(lines) = play.script.next() else {
            if is_stuck && !self.is_live {
                // Who has the turn says 88 then, and who was kept from it has to live with that.
                play.pair.close_keyboards();
            }
            return false;
        };
        for (side, lines) in Side::BOTH.into_iter().zip(lines.into_both()) {
            play.to_type[side].extend(lines);
        }
        true
    }

    /// Types what waits to be typed, as much as there is room for, in one go.
    fn type_waiting(&mut self, play: &mut Play, side: Side) {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while let Some(line) = play.to_type[side].front()
            && play.story.actors[side].has_room(bytes + line.len() + 1)
        {
            bytes += line.len() + 1;
            lines.extend(play.to_type[side].pop_front());
        }
        if !lines.is_empty() {
            self.types(play, side, &lines);
        }
    }

    fn types(&mut self, play: &mut Play, side: Side, lines: &[String]) {
        let mut text = String::new();
        for line in lines {
            play.story.typed(side, line, Instant::now());
            self.face.typed(side, line);
            text.push_str(line);
            text.push('\n');
        }
        play.pair.types(side, &text);
    }

    fn draw(&mut self, play: &mut Play) -> Result<(), Failure> {
        let hint = match play.phase {
            _ if play.refused.is_some() => Hint::Refused(play.refused.unwrap_or_default()),
            Phase::Over { until } => Hint::Over(
                until
                    .map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64),
            ),
            Phase::Ending { .. } | Phase::Done(_) => Hint::Ending,
            Phase::Talking | Phase::LastThreads { .. } => Hint::Keys,
        };
        let next = if self.pace.paused { play.turnstile.next() } else { None };
        let is_quiet = self.quiet_at(play).is_some_and(|quiet_at| quiet_at <= Instant::now());
        let scene = Scene { story: &play.story, typing: &self.typing, pace: self.pace, next, hint, is_quiet };
        match self.face.draw(&scene) {
            // That nobody reads to the end is no error.
            Err(error) if errors::is_broken_pipe(&error) => play.end(Then::End),
            Err(error) => return Err(Failure::new("cannot show the demo", error)),
            Ok(()) => {}
        }
        Ok(())
    }

    /// When to look again although nothing has happened.
    fn look_at(&self, play: &Play, now: Instant) -> Option<Instant> {
        // Seconds are counted.
        let second =
            matches!(play.phase, Phase::Over { until: Some(_) }).then(|| now + Duration::from_secs(1));
        let quiet_at = self.quiet_at(play).filter(|quiet_at| *quiet_at > now);
        play.deadline().into_iter().chain(second).chain(quiet_at).min()
    }

    /// When the lights go out, unless something happens. While it is paused, they stay.
    fn quiet_at(&self, play: &Play) -> Option<Instant> {
        let lit_for = LIT_FOR.max(2 * self.pace.delay);
        let last = play.story.last.back()?;
        (!self.pace.paused || play.is_over()).then_some(last.at + lit_for)
    }

    fn conclude(&mut self, play: Play) {
        if self.exit == Exit::InOrder && play.story.actors.iter().any(|actor| !actor.ended_in_order()) {
            self.exit = Exit::Failed;
        }
        self.told.retain(|summary| summary.design != self.design);
        self.told.push(Summary::of(&play.story));
        if play.story.has_ended() {
            play.pair.join();
        }
    }
}

impl Play {
    /// Ends it: everybody passes, and both say goodbye.
    fn end(&mut self, then: Then) {
        if !matches!(self.phase, Phase::Ending { .. } | Phase::Done(_)) {
            self.phase = Phase::Ending { then, until: Instant::now() + END_WITHIN };
        }
        self.turnstile.set_pace(Pace::FULL);
        // Who is not connected yet has nobody to say goodbye to.
        if self.story.has_begun() {
            self.pair.close_keyboards();
        }
    }

    fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. } | Phase::Done(_))
    }

    fn is_over(&self) -> bool {
        !matches!(self.phase, Phase::Talking)
    }

    /// When something ends that takes too long.
    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Talking | Phase::Done(_) => None,
            Phase::LastThreads { until } | Phase::Ending { until, .. } => Some(until),
            Phase::Over { until } => until,
        }
    }
}

/// The next design that can be had here, around and around.
fn next_design(design: Design) -> Design {
    match design {
        Design::Threads if cfg!(poll) => Design::Select,
        Design::Threads | Design::Select => Design::HalfDuplex,
        Design::HalfDuplex => Design::Threads,
    }
}
