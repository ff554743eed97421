//! The user's side: the keyboard, the screen and the signals, for as long as the program runs.

use super::pool::Pool;
use super::screen::Screen;
use super::transcript::Transcript;
use super::wait::{Interests, Ready};
use crate::designs::environment::Environment;
use crate::designs::typed::{self, Typed};
use crate::observe::{Observer, Place, Step};
use crate::platform::{Caught, Signals};
use crate::rules::action::{Ending, GRACE};
use crate::rules::errors;
use crate::rules::messages::{Counter, Stream};
use crate::rules::notice::Notice;
use crate::rules::signal::Signal;
use crate::terminal::Input;
use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

/// The size of a read, in bytes: as much as a pipe holds.
pub(super) const READ_SIZE: usize = 64 * 1024;

/// How many buffers the keyboard and a socket have each.
pub(super) const BUFFERS: usize = 4;

/// The keyboard, the screen and the signals.
pub(super) struct Console {
    pub(super) screen: Screen,
    pub(super) keyboard_is_terminal: bool,
    /// None when the input has ended.
    keyboard: Option<Box<dyn Input>>,
    typed: Pool,
    lines: Counter,
    #[cfg(feature = "hub")]
    reopen_trace: Option<Box<dyn Fn() + Send>>,
    signals: Signals,
    pub(super) observer: Observer,
}

/// A keyboard that is open for writing only, as `nohup` leaves it, may never become readable. As `std` does with standard input,
/// this takes it for one that has ended.
fn readable(keyboard: Box<dyn Input>) -> Box<dyn Input> {
    let is_closed = fcntl_getfl(keyboard.as_fd()).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::WRONLY);
    // The other end is dropped at once.
    let ended = || io::pipe().map(|(ended, _)| Box::new(ended) as _);
    if is_closed { ended().unwrap_or(keyboard) } else { keyboard }
}

impl Console {
    pub(super) fn new(environment: Environment) -> Self {
        let transcript = Transcript::new(environment.transcript);
        let screen = Screen::new(
            environment.screen,
            environment.notices,
            environment.terminal,
            environment.verbosity,
            environment.observer,
            transcript,
        );
        Self {
            observer: screen.observer(),
            screen,
            keyboard_is_terminal: environment.keyboard_is_terminal,
            keyboard: environment.keyboard.map(readable),
            typed: Pool::new(BUFFERS, READ_SIZE),
            lines: Counter::new(Stream::KEYBOARD),
            #[cfg(feature = "hub")]
            reopen_trace: environment.reopen_trace,
            signals: environment.signals,
        }
    }

    /// Adds the signals, the outputs that are full and, if it `reads`, the keyboard.
    pub(super) fn add_to<'a>(&'a self, interests: &mut Interests<'a>, reads: bool) {
        interests.add(self.signals.descriptor(), PollFlags::IN, Ready::Signal);
        if reads && !self.typed.is_empty() {
            interests.add(
                self.keyboard.as_ref().map(|keyboard| keyboard.as_fd()),
                PollFlags::IN,
                Ready::Keyboard,
            );
        }
        self.add_outputs(interests);
    }

    fn add_outputs<'a>(&'a self, interests: &mut Interests<'a>) {
        let [messages, notices] = self.screen.descriptors();
        interests.add(messages, PollFlags::OUT, Ready::Messages);
        interests.add(notices, PollFlags::OUT, Ready::Notices);
        interests.add(self.screen.transcript.descriptor(), PollFlags::OUT, Ready::Transcript);
    }

    /// One of the outputs has become ready.
    pub(super) fn output_is_ready(&mut self, ready: Ready) {
        match ready {
            Ready::Messages => self.screen.messages_are_ready(),
            Ready::Notices => self.screen.notices_are_ready(),
            Ready::Transcript => self.screen.transcript.is_ready(),
            _ => {}
        }
    }

    /// The next signal that has arrived, if any. What concerns the terminal is dealt with.
    pub(super) fn take_signal(&mut self) -> Option<Signal> {
        loop {
            match self.signals.take()? {
                Caught::Signal(signal) => return Some(signal),
                Caught::Terminal(change) => typed::handle_change(self.screen.terminal().0, change),
            }
        }
    }

    /// Opens the transcript and the trace again.
    #[cfg(feature = "hub")]
    pub(super) fn reopen_files(&mut self) {
        self.screen.transcript.reopen();
        self.reopen_trace.iter().for_each(|reopen| reopen());
    }

    /// Reads once from the keyboard, which has become readable. Returns what follows.
    pub(super) fn read_keyboard(&mut self) -> Vec<Typed> {
        let (Some(keyboard), Some(mut buffer)) = (&self.keyboard, self.typed.try_take()) else {
            return Vec::new();
        };
        let result = match rustix::io::read(keyboard.as_fd(), buffer.space()) {
            Ok(0) => Ok(()),
            Ok(bytes) => {
                buffer.filled(bytes);
                let (terminal, now) = self.screen.terminal();
                if !terminal.as_ref().is_some_and(|terminal| terminal.edits()) {
                    buffer.messages = self.observer.count(&mut self.lines, buffer.input());
                }
                let messages = buffer.messages;
                self.observer.emit(|| Step::Read { from: Place::Keyboard, bytes, messages });
                return typed::handle(
                    buffer,
                    self.keyboard_is_terminal,
                    terminal,
                    now,
                    &mut self.lines,
                    &self.observer,
                );
            }
            // Another process that reads from this terminal was faster.
            Err(Errno::INTR | Errno::AGAIN) => return Vec::new(),
            Err(error) => Err(error.into()),
        };
        self.keyboard = None;
        vec![Typed::Ended(result)]
    }

    /// Waits until the screen has taken all messages and the transcript all entries, for as long as that takes, and
    /// then all notices. After a signal it waits for a short time only, and a second signal ends the wait.
    pub(super) fn finish_outputs(&mut self, ending: &mut Ending) {
        if let (Some(terminal), now) = self.screen.terminal() {
            terminal.end_input(now);
        }
        self.screen.transcript.end();
        loop {
            if let Err(error) = self.screen.flush().and_then(|()| self.screen.draw())
                && !errors::is_broken_pipe(&error)
            {
                self.screen.report(&Notice::CannotWriteScreen(error));
                ending.fail();
            }
            if let Err(notice) = self.screen.transcript.flush(Instant::now()) {
                self.screen.report(&notice);
            }
            let is_behind = self.screen.has_messages() || self.screen.transcript.is_behind();
            if !is_behind && !self.screen.has_notices() {
                return;
            }
            if !is_behind {
                ending.by_force.get_or_insert(Instant::now() + GRACE);
            }
            if ending.by_force.is_some_and(|by_force| by_force <= Instant::now()) {
                return;
            }
            let mut interests = Interests::default();
            interests.add(self.signals.descriptor(), PollFlags::IN, Ready::Signal);
            self.add_outputs(&mut interests);
            let ready =
                interests.wait(ending.by_force.into_iter().chain(self.screen.transcript.deadline()).min());
            ready.into_iter().for_each(|ready| self.output_is_ready(ready));
            while let Some(signal) = self.take_signal() {
                if ending.signalled(signal, Instant::now()) {
                    return;
                }
            }
        }
    }
}
