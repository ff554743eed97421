//! The wire: bytes to messages and back. No I/O; the time is passed in.
//!
//! `docs/protocol.md` describes what is implemented here. A message is what one person typed as one line.
//! Sending puts a [`Stamp`] in front and a newline behind it ([`Encoder`]); receiving turns whatever
//! arrives back into messages ([`Decoder`]), from peers that send newlines and from peers that do not.

mod decoder;
mod encoder;
mod framer;
mod stamp;

pub use decoder::{Decoder, Heard};
pub use encoder::{Encoder, Wire};
pub use framer::{Frame, Framer};
pub use stamp::{STAMP_LEN, Stamp};

use std::ops::RangeInclusive;
use std::time::Duration;

/// The TCP port when none is given: the one the article's programs use.
pub const DEFAULT_PORT: u16 = 21567;

/// The message that ends a conversation, sent as these two bytes and nothing else.
pub const GOODBYE: &[u8] = b"88";

/// The default of `--max-line`: how many bytes a message may have on the wire, its stamp included, its
/// line end not.
pub const DEFAULT_MAX_LINE: usize = 64 * 1024;

/// What `--max-line` may be, in bytes. Below 32 a stamp leaves no room for a character (4 bytes at most);
/// above 1 MiB a message that is not finished would take too large a part of the memory an endpoint may use.
pub const MAX_LINE_RANGE: RangeInclusive<usize> = 32..=1024 * 1024;

/// How long bytes may stay without a newline until they count as a message, for a peer that has never sent
/// a newline.
///
/// Longer than the 40 ms for which Linux may delay an acknowledgement: that long the second half of a
/// message larger than one segment can be held back by the sender's Nagle algorithm. Shorter than the
/// 100 ms that a person begins to notice.
pub const QUIET_TIME: Duration = Duration::from_millis(42);

/// The pause between two sends which a peer without framing must not read as one.
///
/// Longer than [`QUIET_TIME`], so that our own decoder, too, tells them apart, with some room for a machine that
/// is late to read the first of them. No person types two lines in it.
pub const PAUSE: Duration = Duration::from_millis(60);
