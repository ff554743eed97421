//! The user's side: the keyboard, the screen and the signals, for as long as the program runs.

use super::event::{Event, ToMain};
use super::pool::Pool;
use super::reader::{BUFFERS, READ_SIZE, Reader};
use super::screen::Screen;
use super::spawn;
use crate::designs::environment::Environment;
use crate::observe::{For, Observer, Place, Step};
use crate::rules::action::{Ending, GRACE};
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::messages::Stream;
use crate::rules::notice::Notice;
use crossbeam_channel::{Receiver, Sender, at, bounded, never, select_biased};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The threads of the keyboard and of the signals, and the screen with its own.
pub(super) struct Console {
    pub(super) screen: Screen,
    /// For all threads but those of the screen.
    pub(super) to_main: ToMain,
    stdin_reader: JoinHandle<()>,
    /// Dropped, it wakes the stdin-reader from waiting for a buffer.
    typing: Sender<Infallible>,
    /// Ends the stdin-reader, if something can.
    close_keyboard: Option<Box<dyn FnOnce() -> bool + Send>>,
    /// It has ended it.
    keyboard_ends: bool,
    signals: JoinHandle<()>,
    close_signals: Box<dyn FnOnce()>,
}

/// What is ended, one after the other, when nothing more is to be told.
#[derive(Clone, Copy)]
enum Output {
    Messages,
    Transcript,
    Notices,
}

impl Console {
    pub(super) fn start(environment: Environment, to_main: &ToMain) -> io::Result<Self> {
        let mut screen = Screen::start(
            environment.screen,
            environment.screen_direct,
            environment.notices,
            environment.verbosity,
            to_main,
        )?;
        let to_main = to_main.watched_by(screen.observer());
        let observer = &to_main.observer;
        if let Some(transcript) = environment.transcript {
            screen.record(transcript, to_main.clone())?;
        }
        let close_signals = Box::new(environment.signals.closer());
        let came = to_main.clone();
        let signals = spawn("signals", observer, move || {
            came.observer.emit(|| Step::Waits(For::Signal));
            environment.signals.for_each(|signal| came.send(Event::Signal(signal)));
        })?;
        let (typing, stop) = bounded(0);
        let reader = Reader {
            pool: Pool::new(BUFFERS, READ_SIZE),
            stop,
            to_main: to_main.clone(),
            place: Place::Keyboard,
            stream: Stream::KEYBOARD,
        };
        let keyboard = environment.keyboard;
        let stdin_reader =
            spawn("stdin-reader", observer, move || reader.run(keyboard, Event::Typed, Event::InputEnded))?;
        Ok(Self {
            to_main,
            screen,
            stdin_reader,
            typing,
            close_keyboard: environment.close_keyboard,
            keyboard_ends: false,
            signals,
            close_signals,
        })
    }

    /// Whoever watches.
    pub(super) fn observer(&self) -> &Observer {
        &self.to_main.observer
    }

    /// Nothing more is to be typed.
    pub(super) fn close_keyboard(&mut self) {
        self.keyboard_ends = self.close_keyboard.take().is_some_and(|close| close());
    }

    /// Waits until the screen has taken all messages and the transcript all entries, as long as that takes, and
    /// then all notices. After a signal the wait is short, and after a second one it is over.
    pub(super) fn finish_outputs(
        &mut self,
        events: &Receiver<Event>,
        ending: &mut Ending,
        mut called: impl FnMut(TcpStream, SocketAddr),
    ) {
        // What goes wrong with one is told by the next. At one terminal the screen-writer writes notices, too.
        let order: &[Output] = match self.screen.is_apart() {
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
                let due = ending.by_force.map_or_else(never, at);
                let event = select_biased! {
                    recv(events) -> event => event.ok().map(|event| event.taken(events.len(), self.observer())),
                    recv(due) -> _ => None,
                };
                match event {
                    Some(Event::ScreenDone | Event::NoticesDone) => break,
                    Some(Event::TranscriptDone) => {
                        self.screen.join_transcript();
                        break;
                    }
                    Some(Event::ScreenFailed(error)) if !errors::is_broken_pipe(&error) => {
                        self.screen.report(&Notice::CannotWriteScreen(error));
                        ending.exit = Exit::Failed;
                    }
                    Some(Event::TranscriptFailed(error)) => {
                        self.screen.report(&Notice::CannotWriteTranscript(error));
                    }
                    Some(Event::Signal(signal)) if !ending.signalled(signal, Instant::now()) => {}
                    Some(Event::Signal(_)) | None => return,
                    Some(Event::Called(socket, peer)) => called(socket, peer),
                    // The last words of what is being ended.
                    Some(_) => {}
                }
            }
        }
    }

    /// Ends the threads.
    pub(super) fn end(self) {
        (self.close_signals)();
        let _ = self.signals.join();
        drop(self.typing);
        // Without a line editor the stdin-reader may be left behind: nothing can wake a thread that is blocked in
        // reading from a terminal or a pipe.
        let began = Instant::now();
        while self.keyboard_ends && !self.stdin_reader.is_finished() && began.elapsed() < GRACE / 2 {
            // A line editor ends within its next look, unless its terminal is gone.
            thread::sleep(Duration::from_millis(5));
        }
        if self.stdin_reader.is_finished() {
            let _ = self.stdin_reader.join();
        }
        self.screen.join();
    }
}
