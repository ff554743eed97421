//! One of the two people: what they type, and what they see.

use super::side::{Said, Side};
use crate::designs::clock::Clock;
use crate::designs::environment::Environment;
use crate::designs::verbose;
use crate::observe::{Decision, Observer, Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::messages::{Counter, Messages, Stream};
use crate::rules::notice::{Importance, Kind, Notice, Reporter};
use crate::rules::sanitize::sanitize;
use crate::rules::settings::Settings;
use crate::rules::wire::{Encoder, GOODBYE};
use crate::terminal::{Output, Terminal};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What lasts longer than one conversation.
pub(super) struct Endpoint {
    keyboard: Box<dyn Read + Send>,
    keyboard_is_terminal: bool,
    outputs: Arc<Mutex<Outputs>>,
    reporter: Reporter,
    pub(super) settings: Settings,
    clock: Clock,
    ours: Side,
    /// Numbers what is typed.
    lines: Counter,
    pub(super) observer: Observer,
    /// Nothing more can be typed or shown.
    pub(super) is_over: bool,
    /// The conversation did not end cleanly.
    failed: bool,
    /// We left because a line of the input was `88`.
    left: bool,
}

/// Where messages and notices are shown. The endpoint shares it with the observer of `-v`.
struct Outputs {
    messages: Box<dyn Output>,
    terminal: Option<Terminal>,
    /// None if they are shown where messages are.
    notices: Option<Box<dyn Output>>,
    /// For what arrives at the terminal.
    clock: Clock,
}

impl Outputs {
    fn show(&mut self, buffer: Buffer) -> io::Result<()> {
        match &mut self.terminal {
            Some(terminal) => {
                terminal.show(Arc::new(buffer), self.clock.stamp());
                self.draw()
            }
            None => self.messages.write_all(&buffer.output).and_then(|()| self.messages.flush()),
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        while let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.wants_frame()) {
            self.messages.write_all(&terminal.next_frame().bytes)?;
        }
        self.messages.flush()
    }

    fn show_notice(&mut self, kind: Kind, text: String) {
        // If it cannot be shown, there is no way left to report that.
        let _ = match (&mut self.notices, &mut self.terminal) {
            (None, Some(terminal)) => {
                terminal.try_notice(kind, text, self.clock.stamp());
                self.draw()
            }
            (notices, _) => {
                let to = notices.as_mut().unwrap_or(&mut self.messages);
                to.write_all((text + "\n").as_bytes()).and_then(|()| to.flush())
            }
        };
    }
}

fn lock(outputs: &Mutex<Outputs>) -> MutexGuard<'_, Outputs> {
    outputs.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Endpoint {
    pub(super) fn new(mut environment: Environment, settings: Settings) -> Self {
        let keyboard = environment.take_keyboard();
        let keyboard_is_terminal = environment.keyboard_is_terminal;
        let Environment { screen: messages, terminal, notices, verbosity, observer, .. } = environment;
        let outputs = Arc::new(Mutex::new(Outputs { messages, terminal, notices, clock: Clock::new() }));
        let shown = Arc::clone(&outputs);
        let observer = verbose::observer(observer, verbosity, move |line| {
            lock(&shown).show_notice(Kind::Notice, line);
        });
        let max_line = Encoder::text_limit(settings.max_line);
        let mut endpoint = Self {
            keyboard,
            keyboard_is_terminal,
            outputs,
            reporter: Reporter::new(verbosity),
            settings,
            clock: Clock::new(),
            ours: Side::new(Place::Keyboard, Stream::KEYBOARD, max_line, observer.clone()),
            lines: Counter::new(Stream::KEYBOARD),
            observer,
            is_over: false,
            failed: false,
            left: false,
        };
        endpoint.report(&Notice::TakingTurns);
        if endpoint.clock.lacks_local_time() {
            endpoint.report(&Notice::NoLocalTime);
        }
        endpoint
    }

    /// A conversation begins.
    pub(super) fn begin(&mut self, notice: &Notice) {
        (self.failed, self.left) = (false, false);
        self.report(notice);
    }

    /// Waits for what we say next, unless it was typed out of turn.
    pub(super) fn next_typed(&mut self) -> Said {
        loop {
            if let Some(said) = self.ours.said.pop_front() {
                self.is_over |= matches!(said, Said::End(_));
                return match said {
                    Said::Goodbye if self.settings.literal => Said::Text(GOODBYE.to_vec()),
                    said => {
                        self.left |= matches!(said, Said::Goodbye);
                        said
                    }
                };
            }
            self.ours.read(&mut self.keyboard, false);
        }
    }

    /// Observes the decision about the next line that was typed.
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
        let shown = lock(&self.outputs).show(Buffer::with_output(line));
        self.observer.emit(|| Step::Wrote { to, bytes, messages });
        self.is_over |= shown.is_err();
        shown.map_err(Notice::CannotWriteScreen)
    }

    pub(super) fn report(&mut self, notice: &Notice) {
        if matches!(notice, Notice::CannotWriteScreen(error) if errors::is_broken_pipe(error)) {
            // The reader has gone (`| head`), which is no error.
            return;
        }
        verbose::observe_notice(notice, &self.observer);
        self.failed |= notice.importance() == Importance::Error;
        self.reporter.report(notice, |kind, notice| {
            lock(&self.outputs).show_notice(kind, notice.to_string());
            true
        });
    }

    /// The end of the last conversation: nobody gets the rest of what was typed.
    pub(super) fn end(mut self) -> Exit {
        let mut failed = self.failed;
        if self.ours.has_more() {
            // A file whose rest was not sent must not look delivered to a script.
            failed |= self.left && !self.keyboard_is_terminal;
            self.report(&Notice::RestNotSent);
        }
        if failed { Exit::Failed } else { Exit::Success }
    }
}
