//! Steps in words for people: `-v`, the demo, the timeline and the page `/live`.

use super::step::{Decision, For, Goodbye, Place, Step};
use crate::rules::messages::{Messages, Stream};
use std::fmt::{self, Display, Formatter};

impl Step {
    /// A sentence whose subject is the thread. `name` says which messages are meant.
    pub(crate) fn sentence(&self, name: impl Fn(Messages) -> String) -> String {
        // With a space in front, or nothing if there are no messages.
        let which = |messages: &Messages| match messages.count {
            0 => String::new(),
            _ => format!(" ({})", name(*messages)),
        };
        match self {
            Self::Starts => "starts".to_owned(),
            Self::Waits(what) => format!("waits for {what}"),
            Self::Read { from, bytes, messages } => {
                format!("read {}{} from {from}", count(*bytes), which(messages))
            }
            Self::Sends { event, waiting } => {
                format!("sends {event} into the channel, {waiting} ahead of it")
            }
            Self::Takes { event, waiting, .. } => format!("takes {event} out of the channel, {waiting} left"),
            Self::Begins { peer, .. } => format!("begins a conversation with {peer}"),
            // What is sent is what was typed.
            Self::Decides { decision: Decision::Send, messages, .. } => {
                format!("decides to send{}", which(messages))
            }
            Self::Decides { decision, typed, messages } => {
                format!("decides to {decision}{}{}", which(messages), which(typed))
            }
            Self::Reports(notice) => format!("reports: {notice}"),
            Self::Goodbye(Goodbye::Written) => "wrote 88".to_owned(),
            Self::Goodbye(Goodbye::Heard) => "heard 88".to_owned(),
            Self::HandsOut { to, messages } => match messages.count {
                0 => format!("hands out part of a message for {to}"),
                _ => format!("hands out {} for {to}", name(*messages)),
            },
            Self::Writes { to, bytes } => format!("writes {} to {to}", count(*bytes)),
            Self::Wrote { to, bytes, messages } => {
                format!("wrote {}{} to {to}", count(*bytes), which(messages))
            }
            Self::Ends => "ends".to_owned(),
        }
    }

    /// The class of its box in a drawing, which gives it its colour.
    #[cfg(any(feature = "lab", feature = "web"))]
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Starts | Self::Ends => "life",
            Self::Waits(_) => "waits",
            Self::Read { .. } => "read",
            Self::Sends { .. } | Self::HandsOut { .. } => "sends",
            Self::Takes { .. } => "takes",
            Self::Decides { .. } => "decides",
            Self::Writes { .. } | Self::Wrote { .. } => "writes",
            Self::Begins { .. } | Self::Reports(_) => "tells",
            Self::Goodbye(_) => "says88",
        }
    }

    /// The longest wording that fits into a box with this many columns.
    #[cfg(feature = "lab")]
    pub(crate) fn fit(&self, columns: usize) -> String {
        let wordings = [self.to_string()].into_iter().chain(self.labels());
        let fits = |wording: &String| wording.chars().count() <= columns;
        wordings.into_iter().find(fits).unwrap_or_default()
    }

    /// Labels for a box, from long to a single letter.
    #[cfg(feature = "lab")]
    pub(crate) fn labels(&self) -> [String; 3] {
        let (long, short, letter) = match self {
            Self::Starts => ("starts".to_owned(), "starts", "▸"),
            Self::Waits(For::Buffer) => ("waits: no buffer".to_owned(), "full", "!"),
            Self::Waits(what) => (format!("waits: {}", what.name()), "waits", ""),
            Self::Read { from, .. } => (format!("read {}", from.name()), "read", "r"),
            Self::Sends { event, .. } => (format!("sends {event}"), "sends", "s"),
            Self::Takes { event, .. } => (format!("takes {event}"), "takes", "t"),
            Self::Begins { .. } => ("begins".to_owned(), "begins", "b"),
            Self::Decides { decision: Decision::Leave, .. } => ("decides: 88".to_owned(), "88", "d"),
            Self::Decides { decision, .. } => (format!("decides: {}", decision.name()), decision.name(), "d"),
            Self::Reports(_) => ("reports".to_owned(), "reports", "i"),
            Self::Goodbye(_) => (self.to_string(), "88", "8"),
            Self::HandsOut { to, .. } => (format!("hands out: {}", to.name()), "out", "h"),
            Self::Writes { to, .. } => (format!("writes {}", to.name()), "writes", "w"),
            Self::Wrote { to, .. } => (format!("wrote {}", to.name()), "wrote", "W"),
            Self::Ends => ("ends".to_owned(), "ends", "■"),
        };
        [long, short.to_owned(), letter.to_owned()]
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(|messages| messages.to_string()))
    }
}

fn count(bytes: usize) -> String {
    format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" })
}

impl Display for Messages {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (one, several) = match self.stream {
            Stream::KEYBOARD => ("line", "lines"),
            _ => ("message", "messages"),
        };
        match self.count {
            0 => f.write_str("none"),
            1 => write!(f, "{one} {}", self.first),
            _ => write!(f, "{several} {} to {}", self.first, self.last()),
        }
    }
}

impl Display for For {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buffer => f.write_str("a buffer: all are in use"),
            Self::Input(place) => write!(f, "{place}"),
            Self::Event => f.write_str("an event"),
            Self::Work => f.write_str("something to write"),
            Self::Caller => f.write_str("a caller"),
            Self::Connection => f.write_str("a connection"),
            Self::Session => f.write_str("a conversation"),
            Self::Signal => f.write_str("a signal"),
            Self::Anything => f.write_str("anything"),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "the {}", self.name())
    }
}

impl Display for Decision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "send",
            Self::Show => "show",
            Self::Relay => "relay",
            Self::Leave => "say 88",
            Self::Finish => "close its half",
        })
    }
}
