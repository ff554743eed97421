//! All that can happen, in one type.

use crate::buffer::Buffer;
use crate::conversation::Delivery;
use crate::notice::Notice;
use crate::platform::Signal;
#[cfg(feature = "hub")]
use crate::room::Id;
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
    Tell(Notice),
}

impl Event {
    /// Whoever calls, if somebody does.
    pub(super) fn into_caller(self) -> Option<TcpStream> {
        match self {
            Self::Called(socket, _) => Some(socket),
            _ => None,
        }
    }
}
