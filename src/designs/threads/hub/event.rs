//! What can happen in a hub.

use crate::designs::threads::event::{ConsoleEvent, ProgramEvent};
use crate::rules::buffer::Buffer;
use crate::rules::hub::Id;
#[cfg(feature = "link")]
use crate::rules::link;
use crate::rules::messages::Messages;
#[cfg(feature = "secure")]
use crate::rules::secure::{ChannelError, Peer};
use std::io;

/// What can happen in a hub.
pub(super) enum Event {
    Console(ConsoleEvent),
    /// client-reader: a read from this client returned this.
    Heard(Id, Buffer),
    /// client-reader: the channel of this caller is open.
    #[cfg(feature = "secure")]
    Opened(Id, Peer),
    /// client-reader: the channel of this caller will not open.
    #[cfg(feature = "secure")]
    NotOpened(Id, ChannelError),
    /// client-reader, its last event: this client sends no more.
    HeardAllOf(Id, io::Result<()>),
    /// client-writer: it has written that many bytes to this client.
    Wrote(Id, usize),
    /// client-writer: it has closed our half of the connection to this client.
    #[cfg(feature = "secure")]
    HalfClosed(Id),
    /// client-writer, its last event: this client cannot be written to any more.
    WriteFailedTo(Id, io::Error),
    /// log-reader: one answer of the server led to this. It used a credit if there are entries of the log in it; the log-writer's
    /// events need none.
    #[cfg(feature = "link")]
    Log(Vec<link::Event>, bool),
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
            Self::Heard(..) => "Heard",
            #[cfg(feature = "secure")]
            Self::Opened(..) => "Opened",
            #[cfg(feature = "secure")]
            Self::NotOpened(..) => "NotOpened",
            Self::HeardAllOf(..) => "HeardAllOf",
            Self::Wrote(..) => "Wrote",
            #[cfg(feature = "secure")]
            Self::HalfClosed(..) => "HalfClosed",
            Self::WriteFailedTo(..) => "WriteFailedTo",
            #[cfg(feature = "link")]
            Self::Log(..) => "Log",
        }
    }

    fn messages(&self) -> Messages {
        match self {
            Self::Console(event) => event.messages(),
            Self::Heard(_, buffer) => buffer.messages,
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
