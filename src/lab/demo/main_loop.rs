//! The demo's main: one loop that takes an event, updates the model and the front end, types what the script and the user
//! type, and ends one conversation to begin the next.

use super::event::Event;
use super::front_end::{FrontEnd, Hint, Snapshot};
use super::keys::{Command, Typing, faster, slower};
use super::model::Model;
use super::pair::Pair;
use super::script::Script;
use super::side::{Each, Side};
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

/// How long the latest steps are highlighted at least, when nothing follows.
const LIT_FOR: Duration = Duration::from_secs(1);

/// How long a requested end may take. It takes some milliseconds, unless something is broken.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// How long threads may outlive their endpoints.
const THREADS_TIMEOUT: Duration = Duration::from_secs(3);

/// How many events are handled before the front end draws again.
const BATCH: usize = 64;

/// What Ctrl-C is at a terminal that is not taken over.
const INTERRUPT: Signal = Signal { name: "SIGINT", number: 2 };

pub(super) struct MainLoop {
    pub(super) events: Receiver<Event>,
    pub(super) to_main: Sender<Event>,
    pub(super) front_end: Box<dyn FrontEnd>,
    pub(super) script: Script,
    pub(super) design: Design,
    pub(super) pace: Pace,
    pub(super) typing: Typing,
    /// There is a user, so nothing needs to end by itself.
    pub(super) is_live: bool,
    /// Of each design.
    pub(super) summaries: Vec<Summary>,
    pub(super) exit: Exit,
}

/// One conversation, in one design.
struct Session {
    pair: Pair,
    turnstile: Arc<Turnstile>,
    model: Model,
    script: Script,
    /// Lines that are typed when the keyboard has capacity for them.
    pending: Each<VecDeque<String>>,
    phase: Phase,
    /// The user has said 88, and needs no time to look at the last picture.
    user_left: bool,
    refused: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Phase {
    Talking,
    /// Both endpoints have ended, but not all of their threads.
    LastThreads {
        until: Instant,
    },
    /// The end was requested.
    Ending {
        then: Then,
        until: Instant,
    },
    /// The last picture stays for a while.
    Over {
        until: Option<Instant>,
    },
    Done(Then),
}

/// What comes after a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    NextDesign,
    Quit,
}

impl MainLoop {
    /// Runs one conversation after the other, as long as the user wants another design.
    ///
    /// # Errors
    /// It cannot be started or shown.
    pub(super) fn run(mut self) -> Result<(Exit, Vec<Summary>), Failure> {
        while self.run_session()? == Then::NextDesign {
            self.design = next_design(self.design);
        }
        Ok((self.exit, self.summaries))
    }

    fn run_session(&mut self) -> Result<Then, Failure> {
        let turnstile = Turnstile::new(self.to_main.clone());
        let mut session = Session {
            pair: Pair::start(self.design, &turnstile, &self.to_main)?,
            turnstile,
            model: Model::new(self.design),
            script: self.script.clone(),
            pending: Each::default(),
            phase: Phase::Talking,
            user_left: false,
            refused: None,
        };
        self.front_end.begins(self.design);
        let then = loop {
            self.advance(&mut session);
            if let Phase::Done(then) = session.phase {
                break then;
            }
            self.draw(&mut session)?;
            let event = match self.wake_at(&session, Instant::now()) {
                None => self.events.recv().ok(),
                Some(until) => self.events.recv_deadline(until).ok(),
            };
            self.handle_all(&mut session, event);
        };
        self.finish(session);
        Ok(then)
    }

    /// Handles this event, if there is one, and those that have arrived meanwhile.
    fn handle_all(&mut self, session: &mut Session, event: Option<Event>) {
        let more = self.events.try_iter().take(BATCH).collect::<Vec<_>>();
        for event in event.into_iter().chain(more) {
            self.handle(session, event);
        }
    }

    fn handle(&mut self, session: &mut Session, event: Event) {
        match event {
            Event::Passed(passed) => {
                let had_begun = session.model.has_begun();
                if session.model.passed(&passed) {
                    self.front_end.passed(&passed);
                }
                // The endpoints connect at full speed; what is worth watching begins only now.
                if !had_begun && session.model.has_begun() {
                    match session.is_ending() {
                        true => session.pair.close_keyboards(),
                        false => session.turnstile.set_pace(self.pace),
                    }
                }
            }
            Event::Shown(side, line) => {
                self.front_end.shown(side, &line);
                session.model.shown(side, line);
            }
            Event::ScreenClosed(side) => session.model.endpoints[side].screen_is_closed = true,
            Event::Ended(side, outcome) => session.model.endpoints[side].outcome = Some(outcome),
            Event::Key(key) => {
                session.refused = None;
                if let Some(command) = self.typing.press(key) {
                    self.execute(session, command);
                }
            }
            // Drawn again after every event.
            Event::Resized | Event::Arrived => {}
            Event::TerminalGone => session.end(Then::Quit),
            Event::Signal(signal) => self.interrupt(session, signal),
        }
    }

    fn execute(&mut self, session: &mut Session, command: Command) {
        match command {
            Command::Pause => match &mut session.phase {
                Phase::Over { until } => *until = None,
                _ => self.pace.paused = !self.pace.paused,
            },
            Command::Step if self.pace.paused => session.turnstile.step(),
            Command::Step => self.pace.paused = true,
            Command::Faster => self.pace.delay = faster(self.pace.delay),
            Command::Slower => self.pace.delay = slower(self.pace.delay),
            Command::NextDesign => session.end(Then::NextDesign),
            Command::Type(side, line) => {
                if session.is_over() {
                    session.refused = Some("the conversation has ended");
                } else if session.pending[side].is_empty()
                    && session.model.endpoints[side].has_capacity(line.len() + 1)
                {
                    session.user_left |= input::is_goodbye(line.as_bytes());
                    self.type_lines(session, side, &[line]);
                } else {
                    session.refused = Some("the keyboard is full: let some steps pass");
                }
            }
            Command::Quit => session.end(Then::Quit),
            Command::Interrupt => self.interrupt(session, INTERRUPT),
        }
        if session.model.has_begun() && !session.is_ending() {
            session.turnstile.set_pace(self.pace);
        }
    }

    /// The second signal does not wait for the endpoints.
    fn interrupt(&mut self, session: &mut Session, signal: Signal) {
        let is_second = matches!(self.exit, Exit::Signal(_));
        self.exit = Exit::Signal(signal);
        session.end(Then::Quit);
        if is_second {
            session.phase = Phase::Done(Then::Quit);
        }
    }

    /// Moves on to the next phase or the next lines of the script, if it is time.
    fn advance(&mut self, session: &mut Session) {
        let (now, model) = (Instant::now(), &session.model);
        let (has_ended, endpoints_have_ended) = (model.has_ended(), model.endpoints_have_ended());
        let is_late = session.deadline().is_some_and(|until| until <= now);
        session.phase = match session.phase {
            Phase::Talking if endpoints_have_ended => Phase::LastThreads { until: now + THREADS_TIMEOUT },
            Phase::LastThreads { .. } if has_ended || is_late => match self.is_live && !session.user_left {
                true => Phase::Over { until: Some(now + LAST_PICTURE) },
                false => Phase::Done(Then::Quit),
            },
            Phase::Ending { then, .. } if has_ended || is_late => Phase::Done(then),
            Phase::Over { .. } if is_late => Phase::Done(Then::Quit),
            phase => phase,
        };
        if matches!(session.phase, Phase::LastThreads { .. }) && has_ended {
            return self.advance(session);
        }
        loop {
            for side in Side::BOTH {
                self.type_pending(session, side);
            }
            let takes_scene =
                matches!(session.phase, Phase::Talking) && session.model.has_begun() && !self.pace.paused;
            if !takes_scene || !self.next_scene(session) {
                return;
            }
        }
    }

    /// Takes the next lines of the script, if those before them have been shown, or if nothing moves without them. False if
    /// there are none now.
    fn next_scene(&self, session: &mut Session) -> bool {
        let is_stuck =
            session.model.is_stuck() && Side::BOTH.iter().all(|side| session.pending[*side].is_empty());
        if !session.model.all_arrived() && !is_stuck {
            return false;
        }
        let Some(lines) = session.script.next() else {
            if is_stuck && !self.is_live {
                // The side that has the turn says 88 then, and the other never gets to send.
                session.pair.close_keyboards();
            }
            return false;
        };
        for (side, lines) in Side::BOTH.into_iter().zip(lines.into_both()) {
            session.pending[side].extend(lines);
        }
        true
    }

    /// Types as many pending lines at once as the keyboard has capacity for.
    fn type_pending(&mut self, session: &mut Session, side: Side) {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while let Some(line) = session.pending[side].front()
            && session.model.endpoints[side].has_capacity(bytes + line.len() + 1)
        {
            bytes += line.len() + 1;
            lines.extend(session.pending[side].pop_front());
        }
        if !lines.is_empty() {
            self.type_lines(session, side, &lines);
        }
    }

    fn type_lines(&mut self, session: &mut Session, side: Side, lines: &[String]) {
        let mut text = String::new();
        for line in lines {
            session.model.typed(side, line, Instant::now());
            self.front_end.typed(side, line);
            text.push_str(line);
            text.push('\n');
        }
        session.pair.types(side, &text);
    }

    fn draw(&mut self, session: &mut Session) -> Result<(), Failure> {
        let seconds_until =
            |until: Instant| until.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64;
        let hint = match (session.refused, session.phase) {
            (Some(why), _) => Hint::Refused(why),
            (None, Phase::Over { until }) => Hint::Over(until.map(seconds_until)),
            (None, Phase::Ending { .. } | Phase::Done(_)) => Hint::Ending,
            (None, Phase::Talking | Phase::LastThreads { .. }) => Hint::Keys,
        };
        let next = if self.pace.paused { session.turnstile.next() } else { None };
        let is_idle = self.idle_at(session).is_some_and(|idle_at| idle_at <= Instant::now());
        let snapshot =
            Snapshot { model: &session.model, typing: &self.typing, pace: self.pace, next, hint, is_idle };
        match self.front_end.draw(&snapshot) {
            // A reader that stops early, as `head` does, is no error.
            Err(error) if errors::is_broken_pipe(&error) => session.end(Then::Quit),
            Err(error) => return Err(Failure::new("cannot show the demo", error)),
            Ok(()) => {}
        }
        Ok(())
    }

    /// When to wake up although nothing has happened.
    fn wake_at(&self, session: &Session, now: Instant) -> Option<Instant> {
        // The hint counts seconds.
        let second =
            matches!(session.phase, Phase::Over { until: Some(_) }).then(|| now + Duration::from_secs(1));
        let idle_at = self.idle_at(session).filter(|idle_at| *idle_at > now);
        session.deadline().into_iter().chain(second).chain(idle_at).min()
    }

    /// When the highlights disappear, unless something happens. While it is paused, they stay.
    fn idle_at(&self, session: &Session) -> Option<Instant> {
        let lit_for = LIT_FOR.max(2 * self.pace.delay);
        let last = session.model.recent.back()?;
        (!self.pace.paused || session.is_over()).then_some(last.at + lit_for)
    }

    fn finish(&mut self, session: Session) {
        if self.exit == Exit::Success
            && session.model.endpoints.iter().any(|endpoint| !endpoint.ended_cleanly())
        {
            self.exit = Exit::Failed;
        }
        self.summaries.retain(|summary| summary.design != self.design);
        self.summaries.push(Summary::of(&session.model));
        if session.model.has_ended() {
            session.pair.join();
        }
    }
}

impl Session {
    /// Lets every thread pass, and both sides say goodbye.
    fn end(&mut self, then: Then) {
        if !matches!(self.phase, Phase::Ending { .. } | Phase::Done(_)) {
            self.phase = Phase::Ending { then, until: Instant::now() + END_TIMEOUT };
        }
        self.turnstile.set_pace(Pace::FULL);
        // Before they are connected, there is nobody to say goodbye to.
        if self.model.has_begun() {
            self.pair.close_keyboards();
        }
    }

    fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. } | Phase::Done(_))
    }

    fn is_over(&self) -> bool {
        !matches!(self.phase, Phase::Talking)
    }

    /// When the current phase has taken too long.
    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Talking | Phase::Done(_) => None,
            Phase::LastThreads { until } | Phase::Ending { until, .. } => Some(until),
            Phase::Over { until } => until,
        }
    }
}

/// The next design that this platform has, in a circle.
fn next_design(design: Design) -> Design {
    match design {
        Design::Threads if cfg!(poll) => Design::Select,
        Design::Threads | Design::Select => Design::HalfDuplex,
        Design::HalfDuplex => Design::Threads,
    }
}
