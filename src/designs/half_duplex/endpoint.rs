//! One of the two people: what is typed, and what is shown.

use super::side::{Said, Side};
use crate::designs::clock::Clock;
use crate::designs::environment::Environment;
use crate::observe::{Decision, Goodbye, Observe, Observer, Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::messages::{Counter, Messages, Stream};
use crate::rules::notice::{Importance, Notice};
use crate::rules::sanitize::sanitize;
use crate::rules::settings::Settings;
use crate::rules::settings::Verbosity;
use crate::rules::wire::Encoder;
use crate::terminal::{Display, Kind};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What lasts longer than one conversation.
pub(super) struct Endpoint {
    keyboard: Box<dyn Read + Send>,
    outputs: Outputs,
    verbosity: Verbosity,
    pub(super) settings: Settings,
    clock: Clock,
    ours: Side,
    /// Numbers what is typed.
    lines: Counter,
    pub(super) observer: Observer,
    /// Nothing more can be typed or shown.
    pub(super) is_over: bool,
    /// The conversation did not end in good order.
    failed: bool,
}

/// What the one who talks shares with the one who watches (`-v`).
#[derive(Clone)]
struct Outputs(Arc<Mutex<Shown>>);

struct Shown {
    messages: Box<dyn Display>,
    /// If elsewhere.
    notices: Option<Box<dyn Display>>,
}

impl Outputs {
    fn show(&self, line: &[u8]) -> io::Result<()> {
        self.lock().messages.show(Kind::Message, line)
    }

    fn report(&self, kind: Kind, text: &str) {
        let Shown { messages, notices } = &mut *self.lock();
        // If it cannot be shown, there is nobody left to tell.
        let _ = notices.as_mut().unwrap_or(messages).show(kind, format!("{text}\n").as_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observe for Outputs {
    fn emit(&self, step: &Step) {
        // What the user is told and shown is there to be seen.
        let is_seen = matches!(
            step,
            Step::Tells(_) | Step::Writes { to: Place::Screen, .. } | Step::Wrote { to: Place::Screen, .. }
        );
        if !is_seen {
            self.report(Kind::Notice, &format!("[main] {step}"));
        }
    }
}

impl Endpoint {
    pub(super) fn new(mut environment: Environment, settings: Settings) -> Self {
        let keyboard = environment.take_keyboard();
        let Environment { screen: messages, notices, verbosity, mut observer, .. } = environment;
        let outputs = Outputs(Arc::new(Mutex::new(Shown { messages, notices })));
        if verbosity == Verbosity::Verbose {
            observer = observer.and(Arc::new(outputs.clone()));
        }
        let max_line = Encoder::text_limit(settings.max_line);
        let mut endpoint = Self {
            keyboard,
            outputs,
            verbosity,
            settings,
            clock: Clock::new(),
            ours: Side::new(Place::Keyboard, Stream::KEYBOARD, max_line, observer.clone()),
            lines: Counter::new(Stream::KEYBOARD),
            observer,
            is_over: false,
            failed: false,
        };
        endpoint.report(&Notice::TakingTurns);
        if endpoint.clock.lacks_local_time() {
            endpoint.report(&Notice::NoLocalTime);
        }
        endpoint
    }

    /// A conversation begins.
    pub(super) fn begin(&mut self, notice: &Notice) {
        self.failed = false;
        self.report(notice);
    }

    /// Waits for what we say next. What was typed out of turn is there already.
    pub(super) fn next_typed(&mut self) -> Said {
        loop {
            if let Some(said) = self.ours.said.pop_front() {
                self.is_over |= matches!(said, Said::End(_));
                return said;
            }
            self.ours.read(&mut self.keyboard, false);
        }
    }

    /// It has been decided what becomes of the next line that was typed.
    pub(super) fn decides(&mut self, decision: Decision, messages: Messages) {
        let typed = self.lines.next(1);
        self.observer.emit(|| Step::Decides { decision, typed, messages });
    }

    pub(super) fn encoder(&self) -> Encoder {
        Encoder::new(self.settings.wire)
    }

    pub(super) fn message(&mut self, text: &[u8]) -> Buffer {
        let mut message = Buffer::default();
        self.encoder().encode(&self.clock.stamp(), text, &mut message);
        message
    }

    pub(super) fn show(&mut self, text: &[u8], messages: Messages) -> Result<(), Notice> {
        self.observer.emit(|| Step::Decides { decision: Decision::Show, typed: Messages::NONE, messages });
        let mut line = Vec::new();
        match self.settings.to_terminal {
            true => sanitize(text, &mut line),
            false => line.extend_from_slice(text),
        }
        line.push(b'\n');
        let (to, bytes) = (Place::Screen, line.len());
        self.observer.emit(|| Step::Writes { to, bytes });
        let shown = self.outputs.show(&line);
        self.observer.emit(|| Step::Wrote { to, bytes, messages });
        self.is_over |= shown.is_err();
        shown.map_err(Notice::CannotWriteScreen)
    }

    pub(super) fn report(&mut self, notice: &Notice) {
        if matches!(notice, Notice::CannotWriteScreen(error) if errors::is_broken_pipe(error)) {
            // That nobody reads any more is no error.
            return;
        }
        if notice.is_goodbye_heard() {
            self.observer.emit(|| Step::Goodbye(Goodbye::Heard));
        }
        self.observer.emit(|| Step::Tells(notice.to_string()));
        let importance = notice.importance();
        self.failed |= importance == Importance::Error;
        if self.verbosity > Verbosity::Quiet || importance != Importance::Information {
            let kind = if importance == Importance::Error { Kind::Error } else { Kind::Notice };
            self.outputs.report(kind, &notice.to_string());
        }
    }

    /// There is no next conversation, neither for the rest of what was typed, as far as it was read.
    pub(super) fn end(mut self) -> Exit {
        let exit = if self.failed { Exit::Failed } else { Exit::InOrder };
        if self.ours.said.iter().any(|said| !matches!(said, Said::End(_))) {
            self.report(&Notice::RestNotSent);
        }
        exit
    }
}
