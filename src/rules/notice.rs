//! What the program reports to its user beside the messages, in words, and what is shown of it.

use super::address::Address;
use super::errors;
use super::failure::Failure;
#[cfg(feature = "link")]
use super::link::LinkError;
use super::secure::{ChannelError, Code, Peer};
use super::settings::Verbosity;
#[cfg(feature = "web")]
use super::web::Links;
use super::wire::{DEFAULT_PORT, Foreign};
use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Something to report to the user, on standard error.
#[derive(Debug)]
#[allow(missing_docs, reason = "the text of each says what it means")]
pub enum Notice {
    TakingTurns,
    Listening {
        /// At least one.
        at: Vec<SocketAddr>,
        port_was_chosen: bool,
        command: &'static str,
        /// The options with which this program encrypts, and those with which others call it.
        encrypted: Option<(&'static str, &'static str)>,
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
    Foreign {
        peer: SocketAddr,
        foreign: Foreign,
    },
    /// A caller could not open an encrypted connection, or is not trusted.
    NotTrusted {
        peer: SocketAddr,
        error: ChannelError,
    },
    /// The encrypted connection has opened.
    Encrypted(Arc<Peer>),
    /// What the two sides agreed on.
    Channel(String),
    /// What the next caller must have.
    Code(Code),
    ChannelFailed {
        peer: SocketAddr,
        error: ChannelError,
    },
    CannotRemember(io::Error),
    Closed(SocketAddr),
    MoreRefused {
        count: usize,
        last: Box<Self>,
    },
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
    Lost {
        peer: SocketAddr,
        reason: String,
        at_terminal: bool,
    },
    CallFailed(Failure),
    /// We called, and were not let in.
    NotLetIn {
        peer: SocketAddr,
        reason: String,
    },
    /// We receive bytes as they are, and got those of a chat.
    NotRaw(SocketAddr),
    /// They said more after their goodbye.
    SaidMore {
        peer: SocketAddr,
        bytes: u64,
    },
    /// Not all bytes were delivered as they are.
    NotAllDelivered,
    /// We were not let in, and call again.
    WaitsToBeLetIn {
        peer: SocketAddr,
        reason: String,
    },
    NotDelivered {
        messages: usize,
    },
    MayNotBeDelivered {
        messages: usize,
    },
    GoodbyeNotDelivered,
    NoLocalTime,
    CannotReadInput(io::Error),
    CannotWriteScreen(io::Error),
    CannotWriteTranscript(io::Error),
    /// In a hub without an operator, SIGHUP asks for it.
    #[cfg(feature = "hub")]
    OpeningAgain,
    #[cfg(feature = "hub")]
    CannotReopenTranscript(Failure),
    CannotAccept(io::Error),
    CannotTurnAway(io::Error),
    #[cfg(feature = "hub")]
    NotAdmitted {
        peer: SocketAddr,
        refusal: crate::rules::hub::Refusal,
    },
    #[cfg(feature = "hub")]
    HubEncrypted {
        /// None if nobody needs one.
        code: Option<Code>,
    },
    #[cfg(feature = "hub")]
    CodesNotAccepted,
    /// How browsers join.
    #[cfg(feature = "web")]
    Web(Links),
    /// The same, to be scanned.
    #[cfg(feature = "web")]
    Link(Links),
    #[cfg(feature = "web")]
    CannotKeepTickets(io::Error),
    /// The hub is one of several from now on.
    #[cfg(feature = "link")]
    Linked {
        /// How many others there are.
        hubs: usize,
        /// How many people are there.
        members: usize,
    },
    #[cfg(feature = "link")]
    LinkDown(LinkError),
    #[cfg(feature = "link")]
    LinkUp,
    /// The link works, but not all is well.
    #[cfg(feature = "link")]
    LinkHindered(LinkError),
    /// The log of the linked hubs has lost lines: what members are told of that.
    #[cfg(feature = "link")]
    LinesMissing(String),
    /// The hub ends, and the other hubs do not get what was said last.
    #[cfg(feature = "link")]
    NotLogged,
    CannotStart {
        peer: SocketAddr,
        error: io::Error,
    },
    Failed(Failure),
    NoticesLost(usize),
}

/// How important a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Only `-v` shows it.
    Detail,
    /// `-q` hides it.
    Information,
    /// `-q` shows it, because a script needs it.
    Answer,
    /// Something went wrong.
    Error,
}

/// What a line on the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The other side said it.
    Message,
    /// The program reports it.
    Notice,
    /// The program reports that something went wrong.
    Error,
}

impl Notice {
    /// How important it is.
    #[must_use]
    pub fn importance(&self) -> Importance {
        match self {
            Self::Channel(_) => Importance::Detail,
            Self::Listening { port_was_chosen: false, .. } | Self::Code(_) => Importance::Answer,
            #[cfg(feature = "hub")]
            Self::HubEncrypted { .. } => Importance::Answer,
            #[cfg(feature = "web")]
            Self::Web(_) | Self::Link(_) => Importance::Answer,
            #[cfg(feature = "web")]
            Self::CannotKeepTickets(_) => Importance::Error,
            #[cfg(feature = "hub")]
            Self::CodesNotAccepted | Self::CannotReopenTranscript(_) => Importance::Error,
            #[cfg(feature = "link")]
            Self::LinkDown(_) | Self::LinkHindered(_) | Self::LinesMissing(_) | Self::NotLogged => {
                Importance::Error
            }
            Self::KeptInputRefused
            | Self::LineRefused
            | Self::LineRefusedByTranscript
            | Self::RestNotSent
            | Self::InputCutShort
            | Self::ClosedWithoutGoodbye(_)
            | Self::Broke { .. }
            | Self::Vanished { .. }
            | Self::Lost { .. }
            | Self::NotLetIn { .. }
            | Self::NotRaw(_)
            | Self::SaidMore { .. }
            | Self::NotAllDelivered
            | Self::NotDelivered { .. }
            | Self::MayNotBeDelivered { .. }
            | Self::GoodbyeNotDelivered
            | Self::CannotReadInput(_)
            | Self::CannotWriteScreen(_)
            | Self::CannotWriteTranscript(_)
            | Self::CannotAccept(_)
            | Self::CannotTurnAway(_)
            | Self::CannotStart { .. }
            | Self::ChannelFailed { .. }
            | Self::CannotRemember(_)
            | Self::Failed(_)
            | Self::NoticesLost(_) => Importance::Error,
            Self::MoreRefused { last, .. } => last.importance(),
            _ => Importance::Information,
        }
    }

    /// Whether the same cause can report it any number of times, even while nobody talks.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(
            self,
            Self::KeptInputRefused
                | Self::LineRefused
                | Self::LineRefusedByTranscript
                | Self::CannotAccept(_)
                | Self::CannotTurnAway(_)
                | Self::MoreRefused { .. }
        )
    }
}

impl Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.importance() == Importance::Error {
            f.write_str("threadchat: ")?;
        }
        self.write_text(f)
    }
}

impl Notice {
    fn write_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakingTurns => f.write_str(
                "taking turns, one message each; the caller speaks first\n\
                 while you type, nothing is received; what you type out of turn waits for your turn\n\
                 without an answer you cannot send anything, not even 88: then only Ctrl-C helps",
            ),
            Self::Listening { at, command, encrypted, .. } => {
                write!(f, "listening on {}", list(at, "and"))?;
                if let Some(open) = errors::open_to_others(at) {
                    write!(f, " (this machine only; to let others in: threadchat {command} ")?;
                    match encrypted {
                        Some((own, _)) => write!(f, "{open} {own})")?,
                        None => write!(f, "{open})")?,
                    }
                }
                match encrypted {
                    Some((_, theirs)) => write!(f, ", encrypted. To call: {} {theirs}", call(at)),
                    None => Ok(()),
                }
            }
            #[cfg(feature = "web")]
            Self::Web(links) => {
                writeln!(f, "browsers join at {}", links.chat().join(" or "))?;
                write!(f, "the hub at work, for a projector: {}", links.live().first().map_or("", |link| link))
            }
            #[cfg(feature = "web")]
            Self::Link(links) => write!(f, "{}", links.to_scan()),
            #[cfg(feature = "web")]
            Self::CannotKeepTickets(error) => {
                write!(f, "cannot keep the link for the next start: {error}")
            }
            Self::Waiting => f.write_str("waiting for connection..."),
            Self::ConnectedFrom(peer) => write!(f, "...connected from: {peer}"),
            Self::ConnectedTo(peer) => write!(f, "...connected to: {peer}"),
            Self::KeepTrying { address, wait } => {
                write!(f, "nobody listens on {address} yet: trying for {} s...", wait.as_secs_f64())
            }
            Self::KeptForLater => f.write_str("nobody is connected yet: your input is kept"),
            Self::KeptInputRefused => f.write_str(
                "nobody is connected and no more can be kept: that line was refused; type it again later",
            ),
            Self::LineRefused => f.write_str(
                "the other side is not reading and no more can be queued: that line was refused; \
                 type it again later, or 88 to leave",
            ),
            Self::LineRefusedByTranscript => f.write_str(
                "the transcript is not keeping up and no more can be queued: that line was refused; \
                 type it again later, or 88 to leave",
            ),
            Self::TurnedAway(peer) => write!(f, "{peer} called and was told that the line is busy"),
            Self::Foreign { peer, foreign } => write!(f, "{peer} {foreign}; it was disconnected"),
            Self::NotTrusted { peer, error } => write!(f, "{peer} called and was not admitted: {error}"),
            Self::Encrypted(peer) => write!(f, "encrypted: {peer}"),
            Self::Channel(what) => write!(f, "encrypted with {what}"),
            Self::Code(code) => write!(f, "code for the next caller: {}", code.reveal()),
            Self::ChannelFailed { peer, error } => write!(f, "the connection to {peer} has failed: {error}"),
            Self::CannotRemember(error) => {
                write!(f, "cannot add to the file of known peers: {error}; a code will be needed again")
            }
            Self::Closed(peer) => write!(f, "{peer} called and was disconnected: too many calls at once"),
            Self::MoreRefused { count, last } => {
                write!(f, "{count} more callers were turned away; the last one: ")?;
                last.write_text(f)
            }
            Self::YouSaidGoodbye => f.write_str("you said 88"),
            Self::SignalSaidGoodbye(signal) => write!(f, "{signal}: said 88 for you"),
            Self::ScreenFailedGoodbye => f.write_str("cannot show messages any more: said 88 for you"),
            Self::InputEndedGoodbye => f.write_str("end of input: said 88 for you"),
            Self::InputEndedListening => f.write_str("end of input: listening until the other side is done"),
            Self::TheySaidGoodbye => f.write_str("they said 88"),
            Self::TheirLastWords => {
                f.write_str("they left; their last message ends in 88, which counts as their goodbye")
            }
            Self::TheyFinished => f.write_str("they have finished; your input is sent until it ends"),
            Self::RestNotSent => f.write_str("your input continued after that: the rest was not sent"),
            Self::InputCutShort => {
                f.write_str("your input was cut short: the other side left before it ended")
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
            Self::Lost { peer, reason, at_terminal } => {
                write!(f, "the connection with {peer} is lost: {reason}; calling again")?;
                match at_terminal {
                    true => f.write_str(", and what you type until then is kept; 88 leaves"),
                    false => Ok(()),
                }
            }
            Self::CallFailed(failure) => write!(f, "{failure}; still calling"),
            Self::NotLetIn { peer, reason } => write!(f, "{peer} did not let us in: {reason}"),
            Self::NotRaw(peer) => {
                write!(f, "{peer} does not use --raw: what came has its timestamps, and its 88 at the end")
            }
            Self::SaidMore { peer, bytes } => {
                let s = if *bytes == 1 { "" } else { "s" };
                write!(
                    f,
                    "{peer} sent {bytes} byte{s} more after 88, which are lost: a chat ends at 88, and a file needs --raw on both sides"
                )
            }
            Self::NotAllDelivered => f.write_str("not everything was delivered"),
            Self::WaitsToBeLetIn { peer, reason } => {
                write!(f, "{peer} did not let us in: {reason}; calling again")
            }
            Self::NotDelivered { messages } => {
                let lines = if *messages == 1 { "line was" } else { "lines were" };
                write!(f, "{messages} {lines} not delivered")
            }
            Self::MayNotBeDelivered { messages } => {
                write!(
                    f,
                    "{messages} {} may not have been delivered",
                    if *messages == 1 { "line" } else { "lines" }
                )
            }
            Self::GoodbyeNotDelivered => f.write_str("the goodbye was not delivered"),
            Self::NoLocalTime => f.write_str("local time zone unavailable: timestamps are in UTC"),
            Self::CannotReadInput(error) => {
                write!(f, "cannot read standard input: {error}; continuing as if it had ended")
            }
            Self::CannotWriteScreen(error) => {
                write!(f, "cannot write the messages to standard output: {error}")
            }
            Self::CannotWriteTranscript(error) => {
                write!(f, "cannot write the transcript: {error}; continuing without it")
            }
            #[cfg(feature = "hub")]
            Self::OpeningAgain => f.write_str("SIGHUP: opening the transcript and the trace again"),
            #[cfg(feature = "hub")]
            Self::CannotReopenTranscript(failure) => write!(f, "{failure}; until then the old one goes on"),
            Self::CannotAccept(error) => {
                write!(f, "cannot accept a call: {error}; trying again{}", errors::hint(error))
            }
            Self::CannotTurnAway(error) => write!(f, "cannot tell a caller that the line is busy: {error}"),
            #[cfg(feature = "link")]
            Self::Linked { hubs: 0, .. } => f.write_str("linked; no other hub is there yet"),
            #[cfg(feature = "link")]
            Self::Linked { hubs, members } => {
                let s = |count| if count == 1 { "" } else { "s" };
                write!(f, "linked with {hubs} other hub{}, with {members} member{}", s(*hubs), s(*members))
            }
            #[cfg(feature = "link")]
            Self::LinkDown(error) => {
                write!(f, "the link to the other hubs does not work: {error}; ")?;
                f.write_str(match error.may_pass() {
                    true => "what is said waits, and the hub tries again",
                    false => "what is said waits, until somebody changes that",
                })
            }
            #[cfg(feature = "link")]
            Self::LinkUp => f.write_str("the link to the other hubs works again"),
            #[cfg(feature = "link")]
            Self::LinkHindered(error) => error.fmt(f),
            #[cfg(feature = "link")]
            Self::LinesMissing(text) => f.write_str(text),
            #[cfg(feature = "link")]
            Self::NotLogged => f.write_str("what was said last was not shown: the link to the other hubs does not work"),
            #[cfg(feature = "hub")]
            Self::NotAdmitted { peer, refusal } => write!(f, "{peer} was not admitted: {refusal}"),
            #[cfg(feature = "hub")]
            Self::HubEncrypted { code: Some(code) } => {
                write!(f, "encrypted; the code for clients: {} (/code new changes it)", code.reveal())
            }
            #[cfg(feature = "hub")]
            Self::HubEncrypted { code: None } => f.write_str("encrypted; clients need no code"),
            #[cfg(feature = "hub")]
            Self::CodesNotAccepted => f.write_str(
                "too many wrong codes: for a minute from the first of them, only clients that are known are admitted",
            ),
            Self::CannotStart { peer, error } => {
                write!(f, "cannot chat with {peer}: cannot start a thread: {error}{}", errors::MORE_THREADS)
            }
            Self::Failed(failure) => failure.fmt(f),
            Self::NoticesLost(count) => {
                write!(f, "{count} notices were not shown, because standard error was blocked")
            }
        }
    }
}

impl Notice {
    /// Whether it reports the goodbye of the other side.
    pub(crate) fn is_goodbye_heard(&self) -> bool {
        matches!(self, Self::TheySaidGoodbye | Self::TheirLastWords)
    }
}

/// How others call a program that listens at these addresses. HOST stands for a name of this machine.
fn call(at: &[SocketAddr]) -> String {
    let Some(first) = at.first() else { return String::new() };
    let port = first.port();
    let host = match first.ip().to_canonical() {
        ip if ip.is_loopback() && port == DEFAULT_PORT => return "threadchat connect".to_owned(),
        ip if ip.is_loopback() => return format!("threadchat connect {port}"),
        ip if ip.is_unspecified() => "HOST".to_owned(),
        _ if port == DEFAULT_PORT => Address::from(*first).host().to_owned(),
        _ => return format!("threadchat connect {first}"),
    };
    let port = if port == DEFAULT_PORT { String::new() } else { format!(":{port}") };
    format!("threadchat connect {host}{port}")
}

/// The addresses as in `one, two and three`.
pub(crate) fn list(addresses: &[SocketAddr], and: &str) -> String {
    let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    match shown.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} {and} {last}", first.join(", ")),
        _ => shown.concat(),
    }
}

/// Decides which notices are shown, and counts those for which there was no capacity.
#[derive(Debug)]
pub(crate) struct Reporter {
    verbosity: Verbosity,
    lost: usize,
}

impl Reporter {
    /// A reporter that has lost nothing.
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        Self { verbosity, lost: 0 }
    }

    /// Shows a notice with `try_show`, which returns false if there is no capacity for it, unless `-q` hides it.
    /// The number of lost notices is shown in front of the next that finds capacity.
    pub(crate) fn report(&mut self, notice: &Notice, mut try_show: impl FnMut(Kind, &Notice) -> bool) {
        let importance = notice.importance();
        let is_hidden = match self.verbosity {
            Verbosity::Quiet => matches!(importance, Importance::Detail | Importance::Information),
            Verbosity::Normal => importance == Importance::Detail,
            Verbosity::Verbose => false,
        };
        if is_hidden {
            return;
        }
        if self.lost > 0 && try_show(Kind::Error, &Notice::NoticesLost(self.lost)) {
            self.lost = 0;
        }
        let kind = if importance == Importance::Error { Kind::Error } else { Kind::Notice };
        if !try_show(kind, notice) {
            self.lost += 1;
        }
    }
}

/// Reports once that calls cannot be accepted (too many open files, for instance). A shortage that comes and goes is still the
/// same one.
#[derive(Debug, Default)]
pub(crate) struct AcceptFailures {
    last: Option<Instant>,
}

impl AcceptFailures {
    /// After how long without a failure the next one is reported again.
    const FORGET_AFTER: Duration = Duration::from_secs(60);

    /// What to report, unless it is reported already.
    pub(crate) fn failed(&mut self, error: io::Error, now: Instant) -> Option<Notice> {
        let last = self.last.replace(now);
        last.is_none_or(|last| last + Self::FORGET_AFTER <= now).then_some(Notice::CannotAccept(error))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Reports each of these while only `capacity` notices can be shown; those that are.
    fn shown(reporter: &mut Reporter, notices: &[Notice], capacity: usize) -> Vec<(Kind, String)> {
        let mut shown = Vec::new();
        for notice in notices {
            reporter.report(notice, |kind, notice| {
                let has_capacity = shown.len() < capacity;
                if has_capacity {
                    shown.push((kind, notice.to_string()));
                }
                has_capacity
            });
        }
        shown
    }

    #[test]
    fn quiet_hides_information_but_neither_answers_nor_errors() {
        let at = vec![([127, 0, 0, 1], 9).into()];
        let listening = Notice::Listening { at, port_was_chosen: false, command: "serve", encrypted: None };
        let notices = [Notice::Waiting, Notice::Channel(String::new()), listening, Notice::RestNotSent];
        let kinds = |verbosity| {
            let shown = shown(&mut Reporter::new(verbosity), &notices, 9);
            shown.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(Verbosity::Quiet), [Kind::Notice, Kind::Error]);
        assert_eq!(kinds(Verbosity::Normal), [Kind::Notice, Kind::Notice, Kind::Error]);
        assert_eq!(kinds(Verbosity::Verbose).len(), 4);
    }

    #[test]
    fn a_listener_that_encrypts_says_how_to_call_it() {
        for (at, options, text) in [
            (
                "192.0.2.7:21567",
                ("--secure", "--secure"),
                "listening on 192.0.2.7:21567, encrypted. To call: threadchat connect 192.0.2.7 --secure",
            ),
            (
                "0.0.0.0:9",
                ("--trust-first", "--trust-first"),
                "listening on 0.0.0.0:9, encrypted. To call: threadchat connect HOST:9 --trust-first",
            ),
            (
                "[2001:db8::7]:9",
                ("--cert FILE", "--ca FILE"),
                "listening on [2001:db8::7]:9, encrypted. To call: threadchat connect [2001:db8::7]:9 --ca FILE",
            ),
            (
                "[::1]:9",
                ("--secure", "--secure"),
                "listening on [::1]:9 (this machine only; to let others in: threadchat serve [::]:9 --secure), encrypted. To call: threadchat connect 9 --secure",
            ),
        ] {
            let at = vec![at.parse().unwrap()];
            let listening =
                Notice::Listening { at, port_was_chosen: true, command: "serve", encrypted: Some(options) };
            assert_eq!(listening.to_string(), text);
        }
    }

    #[test]
    fn lost_notices_are_counted_in_front_of_the_next_one() {
        let mut reporter = Reporter::new(Verbosity::Normal);
        shown(&mut reporter, &[Notice::Waiting, Notice::Waiting], 0);
        // The count takes the only place, so that the notice itself is lost.
        let first = shown(&mut reporter, &[Notice::Waiting], 1);
        assert_eq!(first, [(Kind::Error, Notice::NoticesLost(2).to_string())]);
        let rest = shown(&mut reporter, &[Notice::TheySaidGoodbye, Notice::Waiting], 9);
        let texts: Vec<_> = rest.into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            texts,
            [Notice::NoticesLost(1).to_string(), "they said 88".into(), "waiting for connection...".into()]
        );
    }

    #[test]
    fn a_shortage_is_reported_once_until_it_has_stayed_away_for_a_minute() {
        let (mut failures, mut now) = (AcceptFailures::default(), Instant::now());
        let mut is_reported_after = |seconds| {
            now += Duration::from_secs(seconds);
            failures.failed(io::ErrorKind::Other.into(), now).is_some()
        };
        let reported = [0, 1, 59, 59, 60, 1].map(&mut is_reported_after);
        assert_eq!(reported, [true, false, false, false, true, false]);
    }
}
