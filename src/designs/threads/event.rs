//! All that can happen, in one type.

use crate::observe::{Observer, Step};
use crate::rules::buffer::Buffer;
use crate::rules::event::Delivery;
#[cfg(feature = "hub")]
use crate::rules::hub::Id;
use crate::rules::messages::Messages;
use crate::rules::notice::Notice;
use crate::rules::signal::Signal;
use crossbeam_channel::Sender;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// What the other threads tell main, over the one channel.
pub(super) enum Event {
    /// stdin-reader: a read returned this.
    Typed(Buffer),
    /// stdin-reader, its last word.
    InputEnded(io::Result<()>),
    /// socket-reader: a read returned this, at that moment.
    Received(Buffer, Instant),
    /// socket-reader, its last word: the peer sends no more.
    HeardAll(io::Result<()>),
    /// socket-writer, transcript: there is room again, for which main waits.
    Room,
    /// socket-writer: from here on it only counts what it cannot deliver.
    WriteFailed(io::Error),
    /// socket-writer, its last word.
    Delivered(Delivery),
    /// screen-writer: from here on it drops what it is given.
    ScreenFailed(io::Error),
    /// screen-writer, its last word: all was written.
    ScreenDone,
    /// notice-writer, its last word.
    NoticesDone,
    /// transcript: from here on it drops what it is given.
    TranscriptFailed(io::Error),
    /// transcript, its last word: all was written.
    TranscriptDone,
    /// client-reader: a read from this client returned this.
    #[cfg(feature = "hub")]
    Heard(Id, Buffer),
    /// client-reader, its last word: this client sends no more.
    #[cfg(feature = "hub")]
    HeardAllOf(Id, io::Result<()>),
    /// client-writer: so many bytes were written to this client.
    #[cfg(feature = "hub")]
    Wrote(Id, usize),
    /// client-writer: this client cannot be written to any more.
    #[cfg(feature = "hub")]
    WriteFailedTo(Id, io::Error),
    /// listener: somebody calls.
    Called(TcpStream, SocketAddr),
    /// connector, its last word: the connection, or a sentence for the user.
    Connected(Result<(TcpStream, SocketAddr), String>),
    /// signals: the program is to end.
    Signal(Signal),
    /// Any thread: this is for the user.
    Report(Notice),
}

impl Event {
    /// What a watcher calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Typed(_) => "Typed",
            Self::InputEnded(_) => "InputEnded",
            Self::Received(..) => "Received",
            Self::HeardAll(_) => "HeardAll",
            Self::Room => "Room",
            Self::WriteFailed(_) => "WriteFailed",
            Self::Delivered(_) => "Delivered",
            Self::ScreenFailed(_) => "ScreenFailed",
            Self::ScreenDone => "ScreenDone",
            Self::NoticesDone => "NoticesDone",
            Self::TranscriptFailed(_) => "TranscriptFailed",
            Self::TranscriptDone => "TranscriptDone",
            #[cfg(feature = "hub")]
            Self::Heard(..) => "Heard",
            #[cfg(feature = "hub")]
            Self::HeardAllOf(..) => "HeardAllOf",
            #[cfg(feature = "hub")]
            Self::Wrote(..) => "Wrote",
            #[cfg(feature = "hub")]
            Self::WriteFailedTo(..) => "WriteFailedTo",
            Self::Called(..) => "Called",
            Self::Connected(_) => "Connected",
            Self::Signal(_) => "Signal",
            Self::Report(_) => "Tell",
        }
    }

    /// The messages in it, if somebody watches.
    fn messages(&self) -> Messages {
        match self {
            Self::Typed(buffer) | Self::Received(buffer, _) => buffer.messages,
            #[cfg(feature = "hub")]
            Self::Heard(_, buffer) => buffer.messages,
            _ => Messages::NONE,
        }
    }

    /// Main has taken it, and so many others are left.
    pub(super) fn taken(self, left: usize, observer: &Observer) -> Self {
        observer.emit(|| Step::Takes { event: self.name(), waiting: left, messages: self.messages() });
        self
    }

    /// Whoever calls, if somebody does.
    pub(super) fn into_caller(self) -> Option<TcpStream> {
        match self {
            Self::Called(socket, _) => Some(socket),
            _ => None,
        }
    }
}

/// The way into the channel, for every thread but main.
#[derive(Clone)]
pub(super) struct ToMain {
    channel: Sender<Event>,
    pub(super) observer: Observer,
}

impl ToMain {
    pub(super) fn new(channel: Sender<Event>, observer: Observer) -> Self {
        Self { channel, observer }
    }

    /// The same, watched by others.
    pub(super) fn watched_by(&self, observer: Observer) -> Self {
        Self { channel: self.channel.clone(), observer }
    }

    /// Tells main. False if main has gone.
    pub(super) fn send(&self, event: Event) -> bool {
        let name = event.name();
        self.observer.emit(|| Step::Sends { event: name, waiting: self.channel.len() });
        self.channel.send(event).is_ok()
    }
}
