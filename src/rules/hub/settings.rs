//! What the user of `threadchat hub` can choose.

use super::admission::AdmissionPolicy;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The values that `--max-line` accepts for a hub, in bytes. The smallest fits a stamp, the longest name and some text.
pub const MAX_LINE_RANGE: RangeInclusive<usize> = 256..=1024 * 1024;

/// The values that `--outbox` accepts, in bytes. The smallest fits everything that a new member is sent.
pub const OUTBOX_RANGE: RangeInclusive<usize> = 64 * 1024..=1024 * 1024 * 1024;

/// The default of `--outbox`, in bytes.
pub const DEFAULT_OUTBOX: usize = 1024 * 1024;

/// The most lines of a message of the day. With [`MAX_MOTD_BYTES`] it fits the smallest outbox.
pub const MAX_MOTD_LINES: usize = 100;

/// The most bytes of a message of the day. See [`MAX_MOTD_LINES`].
pub const MAX_MOTD_BYTES: usize = 16 * 1024;

/// What the user has chosen.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The person at the keyboard is a member.
    pub operator: bool,
    /// The longest line that is sent, in bytes, with its stamp and name, without its line end.
    pub max_line: usize,
    /// How many of the last messages a new member gets.
    pub history: usize,
    /// How many lines of each client are executed per second.
    pub rate: Option<f64>,
    /// An outbox with this many bytes is full.
    pub outbox: usize,
    /// A member whose outbox is full and who accepts no bytes for this long is disconnected.
    pub stall: Duration,
    /// The lines that welcome a new member.
    pub motd: Vec<String>,
    /// Who may join.
    pub admission: AdmissionPolicy,
    /// There is a transcript.
    pub transcribed: bool,
}
