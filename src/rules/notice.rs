//! What the program tells its user beside the messages: one place for all its words.

use super::errors;
use super::failure::Failure;
use crate::rules::wire::Stamp;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Something to tell the user, on standard error.
#[derive(Debug)]
#[allow(missing_docs, reason = "the text of each says what it means")]
pub enum Notice {
    TakingTurns,
    Listening {
        at: SocketAddr,
        port_was_chosen: bool,
        command: &'static str,
    },
    Waiting,
    ConnectedFrom(SocketAddr),
    ConnectedTo(SocketAddr),
    KeepTrying {
        address: String,
        wait: Duration,
    },
    KeptForLater,
    KeptInputRefused,
    LineRefused,
    LineRefusedByTranscript,
    TurnedAway(SocketAddr),
    Closed(SocketAddr),
    YouSaidGoodbye,
    SignalSaidGoodbye(&'static str),
    ScreenFailedGoodbye,
    InputEndedGoodbye,
    InputEndedListening,
    TheySaidGoodbye,
    TheirLastWords,
    TheyFinished,
    RestNotSent,
    InputCutShort,
    ClosedWithoutGoodbye(SocketAddr),
    Broke {
        peer: SocketAddr,
        error: io::Error,
    },
    Vanished {
        peer: SocketAddr,
        silent: Duration,
    },
    NotDelivered {
        messages: usize,
    },
    GoodbyeNotDelivered,
    NoLocalTime,
    CannotReadInput(io::Error),
    CannotWriteScreen(io::Error),
    CannotWriteTranscript(io::Error),
    CannotAccept(io::Error),
    CannotTurnAway(io::Error),
    #[cfg(feature = "hub")]
    NotLetIn {
        peer: SocketAddr,
        refusal: crate::rules::hub::Refusal,
    },
    CannotTalk {
        peer: SocketAddr,
        error: io::Error,
    },
    Failed(Failure),
    NoticesLost(usize),
}

/// How important a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Not shown with `-q`.
    Information,
    /// Shown also with `-q`, because a script needs it.
    Answer,
    /// Something went wrong.
    Error,
}

impl Notice {
    /// How important it is.
    #[must_use]
    pub fn importance(&self) -> Importance {
        match self {
            Self::Listening { port_was_chosen: false, .. } => Importance::Answer,
            Self::KeptInputRefused
            | Self::LineRefused
            | Self::LineRefusedByTranscript
            | Self::RestNotSent
            | Self::InputCutShort
            | Self::ClosedWithoutGoodbye(_)
            | Self::Broke { .. }
            | Self::Vanished { .. }
            | Self::NotDelivered { .. }
            | Self::GoodbyeNotDelivered
            | Self::CannotReadInput(_)
            | Self::CannotWriteScreen(_)
            | Self::CannotWriteTranscript(_)
            | Self::CannotAccept(_)
            | Self::CannotTurnAway(_)
            | Self::CannotTalk { .. }
            | Self::Failed(_)
            | Self::NoticesLost(_) => Importance::Error,
            _ => Importance::Information,
        }
    }

    /// Whether it can be told any number of times, also while nobody talks.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        matches!(
            self,
            Self::KeptInputRefused
                | Self::LineRefused
                | Self::LineRefusedByTranscript
                | Self::CannotAccept(_)
                | Self::CannotTurnAway(_)
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.importance() == Importance::Error {
            f.write_str("threadchat: ")?;
        }
        match self {
            Self::TakingTurns => f.write_str(
                "taking turns, one message each; who calls speaks first\n\
                 nothing is heard while you type, and what you type out of turn waits for your turn\n\
                 who gets no answer cannot speak again, not even to say 88: then only Ctrl-C helps",
            ),
            Self::Listening { at, command, .. } => {
                write!(f, "listening on {at}")?;
                match errors::open_to_others(*at) {
                    Some(open) => {
                        write!(f, " (this machine only; to let others in: threadchat {command} {open})")
                    }
                    None => Ok(()),
                }
            }
            Self::Waiting => f.write_str("waiting for connection..."),
            Self::ConnectedFrom(peer) => write!(f, "...connected from: {peer}"),
            Self::ConnectedTo(peer) => write!(f, "...connected to: {peer}"),
            Self::KeepTrying { address, wait } => {
                write!(f, "nobody listens on {address} yet: trying for {} s...", wait.as_secs_f64())
            }
            Self::KeptForLater => f.write_str("nobody is connected yet: what you type is kept"),
            Self::KeptInputRefused => f.write_str(
                "nobody is connected and no more can be kept: that line was refused; type it again later",
            ),
            Self::LineRefused => f.write_str(
                "the other side is not reading and no more can be queued: that line was refused; \
                 type it again later, or 88 to leave",
            ),
            Self::LineRefusedByTranscript => f.write_str(
                "the transcript does not keep up and no more can be queued: that line was refused; \
                 type it again later, or 88 to leave",
            ),
            Self::TurnedAway(peer) => write!(f, "{peer} called and was told that the line is busy"),
            Self::Closed(peer) => write!(f, "{peer} called and was cut off: too many calls at once"),
            Self::YouSaidGoodbye => f.write_str("you said 88"),
            Self::SignalSaidGoodbye(signal) => write!(f, "{signal}: said 88 for you"),
            Self::ScreenFailedGoodbye => f.write_str("messages cannot be shown any more: said 88 for you"),
            Self::InputEndedGoodbye => f.write_str("end of input: said 88 for you"),
            Self::InputEndedListening => f.write_str("end of input: listening until the other side is done"),
            Self::TheySaidGoodbye => f.write_str("they said 88"),
            Self::TheirLastWords => {
                f.write_str("they left; that their last message ends in 88 was taken for their goodbye")
            }
            Self::TheyFinished => f.write_str("they are done; sending goes on until the end of your input"),
            Self::RestNotSent => f.write_str("the input went on after that: the rest was not sent"),
            Self::InputCutShort => {
                f.write_str("your input was cut short: the other side left before it had ended")
            }
            Self::ClosedWithoutGoodbye(peer) => {
                write!(f, "{peer} closed the connection without 88: their last message may be missing")
            }
            Self::Broke { peer, error } => write!(
                f,
                "the connection with {peer} broke: {error}; the last messages may be missing on both sides"
            ),
            Self::Vanished { peer, silent } => write!(
                f,
                "{peer} has vanished: its system has not answered for {} s; the last messages may be missing",
                silent.as_secs()
            ),
            Self::NotDelivered { messages } => {
                let lines = if *messages == 1 { "line was" } else { "lines were" };
                write!(f, "{messages} {lines} not delivered")
            }
            Self::GoodbyeNotDelivered => f.write_str("the goodbye was not delivered"),
            Self::NoLocalTime => f.write_str("the local time is not to be had here: stamps are in UTC"),
            Self::CannotReadInput(error) => {
                write!(f, "cannot read standard input: {error}; going on as if it had ended")
            }
            Self::CannotWriteScreen(error) => {
                write!(f, "cannot write the messages to standard output: {error}")
            }
            Self::CannotWriteTranscript(error) => {
                write!(f, "cannot write the transcript: {error}; going on without it")
            }
            Self::CannotAccept(error) => {
                write!(f, "cannot accept a call: {error}; trying again{}", errors::hint(error))
            }
            Self::CannotTurnAway(error) => write!(f, "cannot tell a caller that the line is busy: {error}"),
            #[cfg(feature = "hub")]
            Self::NotLetIn { peer, refusal } => write!(f, "{peer} was not let in: {refusal}"),
            Self::CannotTalk { peer, error } => {
                write!(
                    f,
                    "cannot talk with {peer}: no thread can be started: {error}{}",
                    errors::MORE_THREADS
                )
            }
            Self::Failed(failure) => failure.fmt(f),
            Self::NoticesLost(count) => {
                write!(f, "{count} notices were not shown, because standard error did not take them")
            }
        }
    }
}

impl Notice {
    /// Whether this is that the other side has said goodbye.
    #[must_use]
    pub fn is_goodbye_heard(&self) -> bool {
        matches!(self, Self::TheySaidGoodbye | Self::TheirLastWords)
    }
}

/// The line for somebody who calls while others talk.
#[must_use]
pub fn busy(stamp: &Stamp) -> Vec<u8> {
    const BUSY: &[u8] = b"the line is busy: others are talking here; please call again later\n";
    [stamp.as_bytes(), BUSY].concat()
}
