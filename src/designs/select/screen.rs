//! The way to the user: messages to standard output, notices to standard error. What is not taken at once waits.

use super::transcript::Transcript;
use crate::designs::clock::Clock;
use crate::designs::typed;
use crate::designs::verbose;
use crate::observe::{Observer, Place, Step};
use crate::platform::Out;
use crate::rules::buffer::Buffer;
use crate::rules::messages::Messages;
use crate::rules::notice::{Kind, Notice, Reporter};
use crate::rules::record::What;
use crate::rules::settings::Verbosity;
use crate::rules::wire::Stamp;
use crate::terminal::{self, NOTICES, Terminal};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem::take;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

/// What the user sees.
pub(super) struct Screen {
    outputs: Outputs,
    reporter: Reporter,
    /// With `-v`, the user observes, too.
    observer: Observer,
    /// What the user has observed and not seen yet. Only one thread uses it, but an observer must be `Sync`.
    observed: Arc<Mutex<Vec<String>>>,
    pub(super) transcript: Transcript,
}

struct Outputs {
    messages: Output,
    /// None if they are shown where messages are, so that they stay in order.
    notices: Option<Output>,
    terminal: Option<Terminal>,
    /// For what arrives at the terminal.
    clock: Clock,
    /// Messages can be shown.
    works: bool,
}

/// Something to write to, and what waits to be written there.
struct Output {
    out: Out,
    place: Place,
    queue: VecDeque<Item>,
    is_full: bool,
    /// The program was stopped, and goes on.
    has_resumed: bool,
}

/// Something to write, in one piece or several.
struct Item {
    buffer: Buffer,
    /// The messages in it.
    messages: Vec<Messages>,
    /// The buffers in which they were read, if these are others. They return to their reader when it is written.
    _shown: Vec<Arc<Buffer>>,
    /// When it is written, the program is to be stopped.
    suspends: bool,
}

impl Screen {
    pub(super) fn new(
        screen: Box<dyn terminal::Output>,
        notices: Option<Box<dyn terminal::Output>>,
        terminal: Option<Terminal>,
        verbosity: Verbosity,
        observer: Observer,
        transcript: Transcript,
    ) -> Self {
        let observed = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&observed);
        let observer = verbose::observer(observer, verbosity, move |line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < NOTICES {
                lines.push(line);
            }
        });
        Self {
            outputs: Outputs {
                messages: Output::new(screen, Place::Screen),
                notices: notices.map(|notices| Output::new(notices, Place::Notices)),
                terminal,
                clock: Clock::new(),
                works: true,
            },
            reporter: Reporter::new(verbosity),
            observer,
            observed,
            transcript,
        }
    }

    /// Shows and records messages.
    pub(super) fn show(&mut self, mut buffer: Buffer) {
        if buffer.shows_nothing() {
            return;
        }
        if self.transcript.is_kept() {
            let shared = Arc::new(buffer);
            self.transcript.record(What::Received(Arc::clone(&shared)));
            let Some(again) = Arc::into_inner(shared) else { return };
            buffer = again;
        }
        self.show_unrecorded(buffer);
    }

    /// Shows messages that the transcript does not record.
    pub(super) fn show_unrecorded(&mut self, buffer: Buffer) {
        let outputs = &mut self.outputs;
        match &mut outputs.terminal {
            _ if !outputs.works => {}
            Some(terminal) => terminal.show(Arc::new(buffer), outputs.clock.stamp()),
            None => outputs.messages.queue.push_back(buffer.into()),
        }
    }

    /// Shows, where lines are typed, the other side or what we wait for.
    pub(super) fn set_prompt(&mut self, state: String) {
        if let Some(terminal) = &mut self.outputs.terminal {
            terminal.set_prompt(state);
        }
    }

    /// The terminal, if there is one, and the present time.
    pub(super) fn terminal(&mut self) -> (Option<&mut Terminal>, Stamp) {
        (self.outputs.terminal.as_mut(), self.outputs.clock.stamp())
    }

    /// Records a notice, and shows it if it is important enough.
    pub(super) fn report(&mut self, notice: &Notice) {
        verbose::observe_notice(notice, &self.observer);
        self.show_observed();
        self.transcript.report(notice);
        self.reporter.report(notice, |kind, notice| self.outputs.try_notice(kind, notice.to_string()));
    }

    pub(super) fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Shows what the user has observed since this was last done.
    fn show_observed(&mut self) {
        let lines = take(&mut *self.observed.lock().unwrap_or_else(PoisonError::into_inner));
        for line in lines {
            self.outputs.try_notice(Kind::Notice, line);
        }
    }

    /// Whether messages wait to be written.
    pub(super) fn has_messages(&self) -> bool {
        let terminal = self.outputs.terminal.as_ref();
        self.outputs.messages.is_behind() || self.outputs.works && terminal.is_some_and(Terminal::wants_frame)
    }

    /// Whether notices wait to be written.
    pub(super) fn has_notices(&self) -> bool {
        self.outputs.notices.as_ref().is_some_and(Output::is_behind)
    }

    /// What becomes ready when more messages can be written, if their output is full, and the same for notices.
    pub(super) fn descriptors(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [self.outputs.messages.descriptor(), self.outputs.notices.as_ref().and_then(Output::descriptor)]
    }

    /// The descriptor for messages has become ready.
    pub(super) fn messages_are_ready(&mut self) {
        self.outputs.messages.is_full = false;
    }

    /// The descriptor for notices has become ready.
    pub(super) fn notices_are_ready(&mut self) {
        if let Some(notices) = &mut self.outputs.notices {
            notices.is_full = false;
        }
    }

    /// Writes what is taken without blocking. After an error it drops messages.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.show_observed();
        if let Some(notices) = &mut self.outputs.notices {
            // If notices cannot be written, there is no way left to report that.
            let _ = notices.flush(&self.observer);
        }
        let result = self.outputs.messages.flush(&self.observer);
        self.outputs.works &= result.is_ok();
        result
    }

    /// At a terminal, writes one frame after the other. What comes while one is not written waits for the next. After an error
    /// it draws no more.
    pub(super) fn draw(&mut self) -> io::Result<()> {
        if !self.outputs.works {
            return Ok(());
        }
        let result = self.outputs.draw(&self.observer);
        self.outputs.works &= result.is_ok();
        result
    }
}

impl Outputs {
    /// False if there is no capacity for it.
    fn try_notice(&mut self, kind: Kind, text: String) -> bool {
        let output = match (&mut self.notices, &mut self.terminal) {
            (Some(notices), _) => notices,
            // The terminal is gone, and nobody is left to read it.
            (None, _) if !self.works => return true,
            (None, Some(terminal)) => return terminal.try_notice(kind, text, self.clock.stamp()),
            (None, None) => &mut self.messages,
        };
        let has_capacity = output.queue.len() < NOTICES;
        if has_capacity {
            output.queue.push_back(Buffer::with_output((text + "\n").into_bytes()).into());
        }
        has_capacity
    }

    fn draw(&mut self, observer: &Observer) -> io::Result<()> {
        loop {
            self.messages.flush(observer)?;
            if take(&mut self.messages.has_resumed)
                && let Some(terminal) = &mut self.terminal
            {
                terminal.handle_continue();
            }
            match &mut self.terminal {
                Some(terminal) if terminal.wants_frame() && !self.messages.is_behind() => {
                    let frame = terminal.next_frame();
                    self.messages.queue.push_back(Item {
                        messages: frame.messages(),
                        buffer: Buffer::with_output(frame.bytes),
                        _shown: frame.shown,
                        suspends: frame.suspends,
                    });
                }
                _ => return Ok(()),
            }
        }
    }
}

impl From<Buffer> for Item {
    fn from(buffer: Buffer) -> Self {
        Self { messages: vec![buffer.messages], buffer, _shown: Vec::new(), suspends: false }
    }
}

impl Output {
    fn new(to: Box<dyn terminal::Output>, place: Place) -> Self {
        Self { out: Out::new(to), place, queue: VecDeque::new(), is_full: false, has_resumed: false }
    }

    fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.is_full.then(|| self.out.as_fd())
    }

    /// Writes what is taken without blocking. After an error it drops what waits.
    fn flush(&mut self, observer: &Observer) -> io::Result<()> {
        while !self.is_full
            && let Some(Item { buffer, messages, suspends, .. }) = self.queue.front_mut()
        {
            let bytes = buffer.next_shown().len();
            observer.emit(|| Step::Writes { to: self.place, bytes });
            match self.out.write(buffer.next_shown()) {
                Ok(mut written) => {
                    buffer.written += written;
                    let is_done = buffer.next_shown().is_empty();
                    for messages in if is_done { &messages[..] } else { &[Messages::NONE] } {
                        let (bytes, messages) = (take(&mut written), *messages);
                        observer.emit(|| Step::Wrote { to: self.place, bytes, messages });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_full = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.queue.clear();
                    return Err(error);
                }
            }
            if buffer.next_shown().is_empty() {
                let suspends = *suspends;
                self.queue.pop_front();
                if suspends {
                    typed::suspend();
                    self.has_resumed = true;
                }
            }
        }
        Ok(())
    }
}
