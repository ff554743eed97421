//! The options of a conversation of two.

use super::{CONVERSATION, Common, values};
use crate::designs::Design;
use crate::rules::settings::{OnEof, PATIENCE, PROBE_TIME, Settings};
use crate::rules::wire::{DEFAULT_MAX_LINE, Wire};
use clap::{Args, ValueEnum};

/// The options that `serve` and `connect` share.
#[derive(Debug, Args)]
pub(super) struct Session {
    /// What to do when standard input ends
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = CONVERSATION)]
    on_eof: OnEofValue,

    /// Send and receive bytes as they are, without timestamps or 88: a file. The other side needs --raw, too, or is a program such as
    /// netcat. serve ends after it
    #[arg(long, conflicts_with_all = ["literal", "wire", "on_eof", "transcript"], help_heading = CONVERSATION)]
    raw: bool,

    /// Send lines of the input that are 88, too: only the end of the input is a goodbye
    #[arg(long, help_heading = CONVERSATION)]
    literal: bool,

    /// Format of the messages that are sent; both are understood when received
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = CONVERSATION)]
    wire: WireValue,

    /// Maximum length of a message, including its timestamp; longer ones are split
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE, value_parser = values::max_line,
        help_heading = CONVERSATION)]
    max_line: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum OnEofValue {
    /// Say 88 and leave; after an input without a line, listen until the other side leaves
    #[default]
    Bye,
    /// Close the sending half, and listen until the other side finishes
    Wait,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum WireValue {
    /// A line for each message, with a timestamp
    #[default]
    Lines,
    /// No line ends, only pauses: byte for byte what the programs of the php.cn tutorial (2018) send
    #[value(alias = "article")]
    Unframed,
}

impl Session {
    /// How to chat. `to_terminal`: a person reads the messages at a terminal.
    pub(super) fn settings(&self, common: &Common, to_terminal: bool) -> Settings {
        Settings {
            wire: match self.wire {
                _ if self.raw => Wire::Raw,
                WireValue::Lines => Wire::Lines,
                WireValue::Unframed => Wire::Unframed,
            },
            max_line: self.max_line,
            on_eof: match self.on_eof {
                _ if self.raw => OnEof::Wait,
                OnEofValue::Bye => OnEof::Bye,
                OnEofValue::Wait => OnEof::Wait,
            },
            to_terminal,
            literal: self.literal,
            transcribed: common.transcript.is_some(),
            probe_time: PROBE_TIME,
            patience: PATIENCE,
        }
    }

    /// Whether bytes are sent and received as they are.
    pub(super) fn is_raw(&self) -> bool {
        self.raw
    }

    /// Whether a conversation with these options can be encrypted.
    pub(super) fn can_encrypt(&self, common: &Common) -> Result<(), &'static str> {
        match common.design {
            _ if self.wire == WireValue::Unframed => Err(
                "encryption needs --wire lines: it keeps no pauses, which separate the messages of the unframed wire",
            ),
            Design::HalfDuplex => Err("encryption needs a full-duplex design, such as --design threads"),
            _ => Ok(()),
        }
    }

    /// Whether the options fit the design and one another.
    pub(super) fn check(&self, common: &Common) -> Result<(), &'static str> {
        match common.design {
            _ if self.literal && self.wire == WireValue::Unframed => Err(
                "--literal needs --wire lines: a peer of the unframed wire could take a line that is 88 for the goodbye",
            ),
            Design::HalfDuplex if self.raw => {
                Err("--raw needs a full-duplex design, such as --design threads: bytes have no turns")
            }
            Design::HalfDuplex if self.on_eof == OnEofValue::Wait => Err(
                "--on-eof wait needs a full-duplex design, such as --design threads: a side whose input has ended cannot take its turn",
            ),
            Design::HalfDuplex if common.transcript.is_some() => {
                Err("--transcript needs a full-duplex design, such as --design threads")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        session: Session,
        #[command(flatten)]
        common: Common,
    }

    #[test]
    fn the_former_name_of_the_unframed_wire_still_works() {
        for name in ["unframed", "article"] {
            let parsed = Parsed::try_parse_from(["threadchat", "--wire", name]).unwrap();
            assert_eq!(parsed.session.settings(&parsed.common, false).wire, Wire::Unframed);
        }
    }
}
