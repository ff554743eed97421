//! One of the two people: what is typed, and what is shown.

use super::side::{Said, Side};
use crate::buffer::Buffer;
use crate::clock::Clock;
use crate::conversation::Manners;
use crate::exit::Exit;
use crate::notice::{Importance, Notice};
use crate::observer::{Counter, Decision, Goodbye, Messages, Observe, Observer, Place, Step, Stream};
use crate::platform;
use crate::terminal::{Display, Kind, harmless};
use crate::wire::Encoder;
use crate::world::{Verbosity, World};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What lasts longer than one conversation.
pub(super) struct Endpoint {
    keyboard: Box<dyn Read + Send>,
    outputs: Outputs,
    verbosity: Verbosity,
    pub(super) manners: Manners,
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

    fn tell(&self, kind: Kind, text: &str) {
        let Shown { messages, notices } = &mut *self.lock();
        // If it cannot be shown, there is nobody left to tell.
        let _ = notices.as_mut().unwrap_or(messages).show(kind, format!("{text}\n").as_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observe for Outputs {
    fn sees(&self, step: &Step) {
        // What the user is told and shown is there to be seen.
        let is_seen = matches!(
            step,
            Step::Tells(_) | Step::Writes { to: Place::Screen, .. } | Step::Wrote { to: Place::Screen, .. }
        );
        if !is_seen {
            self.tell(Kind::Notice, &format!("[main] {step}"));
        }
    }
}

impl Endpoint {
    pub(super) fn new(world: World, manners: Manners) -> Self {
        let World { keyboard, screen: messages, notices, verbosity, mut observer, .. } = world;
        let outputs = Outputs(Arc::new(Mutex::new(Shown { messages, notices })));
        if verbosity == Verbosity::Verbose {
            observer = observer.and(Arc::new(outputs.clone()));
        }
        let max_line = Encoder::text_limit(manners.max_line);
        let mut endpoint = Self {
            keyboard,
            outputs,
            verbosity,
            manners,
            clock: Clock::new(),
            ours: Side::new(Place::Keyboard, Stream::KEYBOARD, max_line, observer.clone()),
            lines: Counter::new(Stream::KEYBOARD),
            observer,
            is_over: false,
            failed: false,
        };
        endpoint.tell(&Notice::TakingTurns);
        if endpoint.clock.lacks_local_time() {
            endpoint.tell(&Notice::NoLocalTime);
        }
        endpoint
    }

    /// A conversation begins.
    pub(super) fn begin(&mut self, notice: &Notice) {
        self.failed = false;
        self.tell(notice);
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
        self.observer.sees(|| Step::Decides { decision, typed, messages });
    }

    pub(super) fn encoder(&self) -> Encoder {
        Encoder::new(self.manners.wire)
    }

    pub(super) fn message(&mut self, text: &[u8]) -> Buffer {
        let mut message = Buffer::default();
        self.encoder().encode(&self.clock.stamp(), text, &mut message);
        message
    }

    pub(super) fn show(&mut self, text: &[u8], messages: Messages) -> Result<(), Notice> {
        self.observer.sees(|| Step::Decides { decision: Decision::Show, typed: Messages::NONE, messages });
        let mut line = Vec::new();
        match self.manners.to_terminal {
            true => harmless(text, &mut line),
            false => line.extend_from_slice(text),
        }
        line.push(b'\n');
        let (to, bytes) = (Place::Screen, line.len());
        self.observer.sees(|| Step::Writes { to, bytes });
        let shown = self.outputs.show(&line);
        self.observer.sees(|| Step::Wrote { to, bytes, messages });
        self.is_over |= shown.is_err();
        shown.map_err(Notice::CannotWriteScreen)
    }

    pub(super) fn tell(&mut self, notice: &Notice) {
        if matches!(notice, Notice::CannotWriteScreen(error) if platform::nobody_reads(error)) {
            // That nobody reads any more is no error.
            return;
        }
        if notice.is_goodbye_heard() {
            self.observer.sees(|| Step::Goodbye(Goodbye::Heard));
        }
        self.observer.sees(|| Step::Tells(notice.to_string()));
        let importance = notice.importance();
        self.failed |= importance == Importance::Error;
        if self.verbosity > Verbosity::Quiet || importance != Importance::Information {
            let kind = if importance == Importance::Error { Kind::Error } else { Kind::Notice };
            self.outputs.tell(kind, &notice.to_string());
        }
    }

    /// There is no next conversation, neither for the rest of what was typed, as far as it was read.
    pub(super) fn end(mut self) -> Exit {
        let exit = if self.failed { Exit::Failed } else { Exit::InOrder };
        if self.ours.said.iter().any(|said| !matches!(said, Said::End(_))) {
            self.tell(&Notice::RestNotSent);
        }
        exit
    }
}
