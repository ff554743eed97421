//! The user's side: the keyboard, the screen and the signals, for as long as the program runs.

use super::callers::Caller;
use super::channel::{Receiver, Sender, at, bounded, never, select_biased};
use super::event::{ConsoleEvent, ProgramEvent, ToMain};
use super::pool::Pool;
use super::reader::{BUFFERS, READ_SIZE, Reader};
use super::screen::Screen;
use super::thread::{Thread, spawn};
use crate::designs::environment::Environment;
use crate::designs::typed::{self, Typed};
use crate::observe::thread::STDIN_READER;
use crate::observe::{For, Observer, Place, Step};
use crate::platform::TerminalChange;
use crate::rules::action::{Ending, GRACE};
use crate::rules::buffer::Buffer;
use crate::rules::errors;
use crate::rules::messages::{Counter, Stream};
use crate::rules::notice::Notice;
use crate::terminal::Terminal;
use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

/// The threads of the keyboard and of the signals, and the screen with its own.
pub(super) struct Console {
    pub(super) screen: Screen,
    stdin_reader: Thread,
    /// Dropped, it wakes the stdin-reader from waiting for a buffer.
    reading: Sender<Infallible>,
    /// Ends the reading from the keyboard, where that is possible.
    close_keyboard: Option<Box<dyn FnOnce() -> bool + Send>>,
    /// The stdin-reader is about to end.
    keyboard_ends: bool,
    keyboard_is_terminal: bool,
    /// Numbers the lines that are typed in the line editor.
    lines: Counter,
    #[cfg(feature = "hub")]
    reopen_trace: Option<Box<dyn Fn() + Send>>,
    signals: Thread,
    close_signals: Box<dyn FnOnce()>,
}

/// What is ended at the end, one after the other.
#[derive(Clone, Copy)]
enum Output {
    Messages,
    Transcript,
    Notices,
}

impl Console {
    /// Starts the threads. The way into the channel that is returned is for all other threads: with `-v`, the user
    /// observes them.
    pub(super) fn start<E: ProgramEvent>(
        mut environment: Environment,
        to_main: &ToMain<E>,
    ) -> io::Result<(Self, ToMain<E>)> {
        let keyboard = environment.take_keyboard();
        let reads_keys = environment.terminal.as_ref().is_some_and(Terminal::edits);
        let mut screen = Screen::start(
            environment.nonblocking_screen(),
            environment.screen,
            environment.notices,
            environment.terminal,
            environment.verbosity,
            to_main,
        )?;
        let to_main = to_main.watched_by(screen.observer().clone());
        let observer = &to_main.observer;
        if let Some(transcript) = environment.transcript {
            screen.record_to(transcript, to_main.clone())?;
        }
        let close_signals = Box::new(environment.signals.closer());
        let caught = to_main.clone();
        let signals = spawn("signals", observer, move || {
            caught.observer.emit(|| Step::Waits(For::Signal));
            environment.signals.for_each(|said| caught.send(ConsoleEvent::from(said)));
        })?;
        let (reading, stop) = bounded(0);
        let reader = Reader {
            pool: Pool::new(BUFFERS, READ_SIZE),
            stop,
            to_main: to_main.clone(),
            place: Place::Keyboard,
            counter: (!reads_keys).then(|| Counter::new(Stream::KEYBOARD)),
        };
        let stdin_reader = spawn(STDIN_READER, observer, move || {
            reader.run(keyboard, ConsoleEvent::Typed, ConsoleEvent::InputEnded);
        })?;
        let console = Self {
            screen,
            stdin_reader,
            reading,
            close_keyboard: environment.close_keyboard,
            keyboard_ends: false,
            keyboard_is_terminal: environment.keyboard_is_terminal,
            lines: Counter::new(Stream::KEYBOARD),
            #[cfg(feature = "hub")]
            reopen_trace: environment.reopen_trace,
            signals,
            close_signals,
        };
        Ok((console, to_main))
    }

    pub(super) fn observer(&self) -> &Observer {
        self.screen.observer()
    }

    /// What follows from a read from the keyboard.
    pub(super) fn typed(&mut self, buffer: Buffer) -> Vec<Typed> {
        let observer = self.screen.observer().clone();
        let (terminal, now) = self.screen.terminal();
        typed::handle(buffer, self.keyboard_is_terminal, terminal, now, &mut self.lines, &observer)
    }

    /// The terminal was resized, or the program stops or was continued.
    pub(super) fn terminal_changed(&mut self, change: TerminalChange) {
        typed::handle_change(self.screen.terminal().0, change);
    }

    /// Opens the transcript and the trace again.
    #[cfg(feature = "hub")]
    pub(super) fn reopen_files(&self) {
        self.screen.reopen_transcript();
        self.reopen_trace.iter().for_each(|reopen| reopen());
    }

    /// Ends the reading from the keyboard, where that is possible.
    pub(super) fn close_keyboard(&mut self) {
        if let (Some(terminal), now) = self.screen.terminal() {
            terminal.end_input(now);
        }
        self.keyboard_ends = self.close_keyboard.take().is_some_and(|close| close());
    }

    /// Waits until the screen has taken all messages and the transcript all entries, for as long as that takes, and
    /// then all notices. After a signal it waits for a short time only, and a second signal ends the wait.
    pub(super) fn finish_outputs<E: ProgramEvent>(
        &mut self,
        events: &Receiver<E>,
        ending: &mut Ending,
        mut called: impl FnMut(Caller),
    ) {
        // The next output reports the errors of the last. At one terminal the screen-writer writes notices, too.
        let order: &[Output] = match self.screen.has_notice_writer() {
            true => &[Output::Messages, Output::Transcript, Output::Notices],
            false => &[Output::Transcript, Output::Messages],
        };
        for output in order {
            match output {
                Output::Messages => self.screen.end_messages(),
                Output::Transcript if !self.screen.end_transcript() => continue,
                Output::Transcript => {}
                Output::Notices => {
                    self.screen.end_notices();
                    ending.by_force.get_or_insert(Instant::now() + GRACE);
                }
            }
            loop {
                self.screen.draw();
                match self.next_event(events, ending.by_force) {
                    Some(ConsoleEvent::ScreenDone | ConsoleEvent::NoticesDone) => break,
                    Some(ConsoleEvent::TranscriptDone) => {
                        self.screen.join_transcript();
                        break;
                    }
                    Some(ConsoleEvent::ScreenFailed(error)) if !errors::is_broken_pipe(&error) => {
                        self.screen.report(&Notice::CannotWriteScreen(error));
                        ending.fail();
                    }
                    Some(ConsoleEvent::TranscriptFailed(error)) => {
                        self.screen.report(&Notice::CannotWriteTranscript(error));
                    }
                    Some(ConsoleEvent::Signal(signal)) if !ending.signalled(signal, Instant::now()) => {}
                    Some(ConsoleEvent::Signal(_)) | None => return,
                    Some(ConsoleEvent::Called(caller)) => called(caller),
                    Some(ConsoleEvent::Terminal(change)) => self.terminal_changed(change),
                    // The last events of threads that end.
                    Some(_) => {}
                }
            }
        }
    }

    /// The next event of the console. Other threads may still send theirs. `None` when the time is up.
    fn next_event<E: ProgramEvent>(
        &self,
        events: &Receiver<E>,
        deadline: Option<Instant>,
    ) -> Option<ConsoleEvent> {
        let due = deadline.map_or_else(never, at);
        loop {
            let event = select_biased! {
                recv(events) -> event => event.ok()?,
                recv(due) -> _ => return None,
            };
            if let Some(event) = event.taken(events.len(), self.observer()).into_console() {
                return Some(event);
            }
        }
    }

    /// Ends the threads.
    pub(super) fn end(self) {
        (self.close_signals)();
        self.signals.join();
        drop(self.reading);
        // A line editor ends soon, unless its terminal is gone. Without one the stdin-reader may be left behind:
        // nothing can wake a thread that is blocked in reading from a terminal or a pipe.
        self.stdin_reader.join_within(if self.keyboard_ends { GRACE / 2 } else { Duration::ZERO });
        self.screen.join();
    }
}
