//! The user's side: the keyboard, the screen and the signals, for as long as the program runs.

use super::environment::Environment;
use super::pool::Pool;
use super::screen::Screen;
use super::transcript::Transcript;
use super::wait::{Interests, Ready};
use crate::observe::{Observer, Place, Step};
use crate::platform::Signals;
use crate::rules::action::{Ending, GRACE};
use crate::rules::buffer::Buffer;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::messages::{Counter, Stream};
use crate::rules::notice::Notice;
use crate::rules::signal::Signal;
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// How much one read may return, in bytes: as much as a pipe holds.
pub(super) const READ_SIZE: usize = 64 * 1024;

/// How many buffers the keyboard has, and a socket.
pub(super) const BUFFERS: usize = 4;

/// What the user types on, and is shown.
pub(super) struct Console {
    pub(super) screen: Screen,
    pub(super) keyboard_is_terminal: bool,
    /// None when it has ended.
    keyboard: Option<OwnedFd>,
    typed: Pool,
    lines: Counter,
    signals: Signals,
    pub(super) observer: Observer,
}

/// What a read from the keyboard returned.
pub(super) enum Typed {
    Input(Buffer),
    Ended(io::Result<()>),
}

impl Console {
    pub(super) fn new(environment: Environment) -> Self {
        let transcript = Transcript::new(environment.transcript);
        let screen = Screen::new(
            environment.screen,
            environment.notices,
            environment.marked,
            environment.verbosity,
            environment.observer,
            transcript,
        );
        Self {
            observer: screen.observer(),
            screen,
            keyboard_is_terminal: environment.keyboard_is_terminal,
            keyboard: environment.keyboard,
            typed: Pool::new(BUFFERS, READ_SIZE),
            lines: Counter::new(Stream::KEYBOARD),
            signals: environment.signals,
        }
    }

    /// Waits for signals, for outputs that are behind, and, if it is to be read, for the keyboard.
    pub(super) fn add_to<'a>(&'a self, interests: &mut Interests<'a>, reads: bool) {
        interests.add(self.signals.descriptor(), PollFlags::IN, Ready::Signal);
        if reads && !self.typed.is_empty() {
            interests.add(self.keyboard.as_ref().map(AsFd::as_fd), PollFlags::IN, Ready::Keyboard);
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

    /// A signal that has come, if one has.
    pub(super) fn take_signal(&mut self) -> Option<Signal> {
        self.signals.take()
    }

    /// The keyboard has become readable: reads once.
    pub(super) fn read_keyboard(&mut self) -> Option<Typed> {
        let mut buffer = self.typed.try_take()?;
        let result = match rustix::io::read(self.keyboard.as_ref()?, buffer.space()) {
            Ok(0) => Ok(()),
            Ok(bytes) => {
                buffer.filled(bytes);
                let messages = self.observer.count(&mut self.lines, buffer.input());
                buffer.messages = messages;
                self.observer.emit(|| Step::Read { from: Place::Keyboard, bytes, messages });
                return Some(Typed::Input(buffer));
            }
            // Somebody else who has this terminal was faster.
            Err(Errno::INTR | Errno::AGAIN) => return None,
            Err(error) => Err(error.into()),
        };
        self.keyboard = None;
        Some(Typed::Ended(result))
    }

    /// Waits until the screen has taken all messages and the transcript all entries, as long as that takes, and
    /// then all notices. After a signal the wait is short, and after a second one it is over.
    pub(super) fn finish_outputs(&mut self, ending: &mut Ending) {
        loop {
            if let Err(error) = self.screen.flush()
                && !errors::is_broken_pipe(&error)
            {
                self.screen.report(&Notice::CannotWriteScreen(error));
                ending.exit = Exit::Failed;
            }
            if let Err(error) = self.screen.transcript.flush(Instant::now()) {
                self.screen.report(&Notice::CannotWriteTranscript(error));
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
