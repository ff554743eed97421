//! What can happen, and the way into the channel.
//!
//! Each program has its own type: [`Event`] is that of a chat, and `hub/event.rs` has the hub's. Both wrap what they
//! share.

use super::callers::Caller;
use super::channel::Sender;
use crate::observe::{Observer, Step};
use crate::platform::{Caught, TerminalChange};
use crate::rules::buffer::Buffer;
use crate::rules::event::Delivery;
use crate::rules::failure::Failure;
use crate::rules::messages::Messages;
use crate::rules::notice::Notice;
use crate::rules::signal::Signal;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// What can happen in a chat.
pub(super) enum Event {
    Console(ConsoleEvent),
    /// socket-reader: a read returned this, at that moment.
    Received(Buffer, Instant),
    /// socket-reader, its last event: the peer sends no more.
    HeardAll(io::Result<()>),
    /// socket-writer: from here on it only counts what it cannot deliver.
    WriteFailed(io::Error),
    /// socket-writer: our `88` was written at this moment, and may have to be written again.
    GoodbyeWritten(Instant),
    /// socket-writer, its last event.
    Delivered(Delivery),
    /// connector, its last event: the connection, or a sentence for the user.
    Connected(Result<(TcpStream, SocketAddr), Failure>),
}

/// What can happen in every program: at the keyboard, at the outputs and at the listening socket.
pub(super) enum ConsoleEvent {
    /// stdin-reader: a read returned this.
    Typed(Buffer),
    /// stdin-reader, its last event.
    InputEnded(io::Result<()>),
    /// Any writer: its queue has capacity again, for which main waits.
    Capacity,
    /// screen-writer: from here on it drops what it is given.
    ScreenFailed(io::Error),
    /// screen-writer, its last event: all is written.
    ScreenDone,
    /// notice-writer, its last event.
    NoticesDone,
    /// transcript: from here on it drops what it is given.
    TranscriptFailed(io::Error),
    /// transcript, its last event: all is written.
    TranscriptDone,
    /// listener: somebody calls.
    Called(Caller),
    /// signals: the program has to end.
    Signal(Signal),
    /// signals: this concerns the terminal.
    Terminal(TerminalChange),
    /// Any thread: this is for the user.
    Report(Notice),
}

/// The event type of a program.
pub(super) trait ProgramEvent: From<ConsoleEvent> + Send + 'static {
    /// What traces call it. Programs read traces, so the name stays when a variant is renamed.
    fn name(&self) -> &'static str;

    /// The messages in it, if anybody watches.
    fn messages(&self) -> Messages;

    /// What the programs share, if it is that.
    fn into_console(self) -> Option<ConsoleEvent>;

    /// Main has taken the event out of the channel, in which `left` others are left.
    fn taken(self, left: usize, observer: &Observer) -> Self {
        observer.emit(|| Step::Takes { event: self.name().into(), waiting: left, messages: self.messages() });
        self
    }
}

impl ConsoleEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Typed(_) => "Typed",
            Self::InputEnded(_) => "InputEnded",
            Self::Capacity => "Room",
            Self::ScreenFailed(_) => "ScreenFailed",
            Self::ScreenDone => "ScreenDone",
            Self::NoticesDone => "NoticesDone",
            Self::TranscriptFailed(_) => "TranscriptFailed",
            Self::TranscriptDone => "TranscriptDone",
            Self::Called(..) => "Called",
            Self::Signal(_) => "Signal",
            Self::Terminal(_) => "Terminal",
            Self::Report(_) => "Tell",
        }
    }

    pub(super) fn messages(&self) -> Messages {
        match self {
            Self::Typed(buffer) => buffer.messages,
            _ => Messages::NONE,
        }
    }
}

impl From<Caught> for ConsoleEvent {
    fn from(caught: Caught) -> Self {
        match caught {
            Caught::Signal(signal) => Self::Signal(signal),
            Caught::Terminal(change) => Self::Terminal(change),
        }
    }
}

impl From<ConsoleEvent> for Event {
    fn from(event: ConsoleEvent) -> Self {
        Self::Console(event)
    }
}

impl ProgramEvent for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Console(event) => event.name(),
            Self::Received(..) => "Received",
            Self::HeardAll(_) => "HeardAll",
            Self::WriteFailed(_) => "WriteFailed",
            Self::GoodbyeWritten(_) => "GoodbyeWritten",
            Self::Delivered(_) => "Delivered",
            Self::Connected(_) => "Connected",
        }
    }

    fn messages(&self) -> Messages {
        match self {
            Self::Console(event) => event.messages(),
            Self::Received(buffer, _) => buffer.messages,
            _ => Messages::NONE,
        }
    }

    fn into_console(self) -> Option<ConsoleEvent> {
        match self {
            Self::Console(event) => Some(event),
            _ => None,
        }
    }
}

/// The way into the channel, for every thread but main.
pub(super) struct ToMain<E> {
    channel: Sender<E>,
    pub(super) observer: Observer,
}

impl<E> Clone for ToMain<E> {
    fn clone(&self) -> Self {
        self.watched_by(self.observer.clone())
    }
}

impl<E> ToMain<E> {
    pub(super) fn new(channel: Sender<E>, observer: Observer) -> Self {
        Self { channel, observer }
    }

    /// The same way, with another observer.
    pub(super) fn watched_by(&self, observer: Observer) -> Self {
        Self { channel: self.channel.clone(), observer }
    }
}

impl<E: ProgramEvent> ToMain<E> {
    /// Sends main an event. False if main has gone.
    pub(super) fn send(&self, event: impl Into<E>) -> bool {
        let event = event.into();
        let name = event.name();
        self.observer.emit(|| Step::Sends { event: name.into(), waiting: self.channel.len() });
        self.channel.send(event).is_ok()
    }

    /// Wakes main when a queue has capacity again.
    pub(super) fn waker(&self) -> impl Fn() + Send + use<E> {
        let to_main = self.clone();
        move || {
            // Fails only if main has gone.
            to_main.send(ConsoleEvent::Capacity);
        }
    }
}
