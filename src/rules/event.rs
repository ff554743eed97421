//! What the rules of a chat are told: everything that can happen, and what a design can see of the connection.

use super::buffer::Buffer;
use super::failure::Failure;
use super::notice::Notice;
use super::signal::Signal;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Something that happened to an endpoint. Its design tells it with [`handle`](super::endpoint::Endpoint::handle).
#[derive(Debug)]
pub enum Event {
    /// A read from standard input returned this.
    Typed(Buffer),
    /// Standard input has ended, or cannot be read.
    InputEnded(io::Result<()>),
    /// A caller was accepted.
    Called {
        /// By this the rules name the connection from now on.
        id: ConnectionId,
        /// Who called.
        peer: SocketAddr,
        /// How many earlier callers are being turned away at the moment.
        being_turned_away: usize,
    },
    /// The call that `connect` makes, or that [`Action::Call`](super::action::Action::Call) asked for, was answered, or not,
    /// for which the error is a sentence.
    Connected(Result<(ConnectionId, SocketAddr), Failure>),
    /// What a session needs, a thread for instance, is not available: the answer to
    /// [`Action::Start`](super::action::Action::Start).
    CannotStart(io::Error),
    /// A read from the peer, at that moment, returned this.
    Received(Buffer, Instant),
    /// The peer sends no more: it closed its half, or reading failed.
    ReceivedAll(io::Result<()>),
    /// Writing to the peer failed.
    WriteFailed(io::Error),
    /// Our `88` was written at this moment, and our half has not ended: see [`Outgoing`](super::action::Outgoing::Goodbye).
    GoodbyeWritten(Instant),
    /// Our half has ended.
    Delivered(Delivery),
    /// The connection was ended by force while the peer's system had not confirmed this many messages: the answer to
    /// [`Action::Disconnect`](super::action::Action::Disconnect).
    Disconnected {
        /// How many messages were written and not confirmed.
        unconfirmed: usize,
    },
    /// A caller was told that the line is busy, or could not be told.
    TurnedAway(SocketAddr, io::Result<()>),
    /// A signal asks the program to end.
    Signal(Signal),
    /// The messages can no longer be written to standard output.
    ScreenFailed(io::Error),
    /// A thread or the platform has something to say to the user.
    Report(Notice),
}

/// A connection, by a number that is never used again. The socket stays with the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// How our half of a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Whether everything was written, the goodbye included.
    pub complete: bool,
    /// How many messages were not written to their end.
    pub undelivered: usize,
}

/// Which outputs can take more (backpressure).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// The outbox of the peer. True while nobody is connected.
    pub peer: bool,
    /// The transcript. True if there is none.
    pub transcript: bool,
}

impl Capacity {
    /// Everything takes more.
    pub const FREE: Self = Self { peer: true, transcript: true };
}

/// What a design sees of the session when a time-out is due.
#[derive(Debug, Clone, Copy, Default)]
pub struct Status {
    /// How many bytes were ever written to the peer.
    pub written: u64,
    /// What the system knows about the peer.
    pub peer: PeerState,
    /// The screen or the transcript has not taken everything that was received.
    pub output_is_behind: bool,
    /// Nothing that was received waits to be handled.
    pub is_quiet: bool,
}

impl Status {
    /// How many of the written bytes the peer's system has confirmed. `None` where the system does not report that.
    pub(super) fn confirmed(&self) -> Option<u64> {
        let PeerState { confirmed, unconfirmed, .. } = self.peer;
        // Not `confirmed` itself, in which some systems count more than what was written.
        (confirmed > 0 || unconfirmed > 0).then(|| self.written.saturating_sub(unconfirmed as u64))
    }
}

/// After how much silence of a peer's system the connection counts as lost: well within a minute.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(50);

/// What the system knows about the other end of a connection. All zero where it cannot tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeerState {
    /// How many bytes the peer's system has confirmed.
    pub confirmed: u64,
    /// How many bytes were written and are not confirmed.
    pub unconfirmed: usize,
    /// For how long the peer's system has not answered. Zero while nothing is unanswered, and also while it answers but
    /// its program does not read.
    pub silent: Duration,
}
