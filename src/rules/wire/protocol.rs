//! The numbers of the protocol.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The default TCP port, which is also that of the programs of the php.cn tutorial (2018).
pub const DEFAULT_PORT: u16 = 21567;

/// The message that ends a conversation: these two bytes and nothing else.
pub const GOODBYE: &[u8] = b"88";

/// The default of `--max-line`: the longest message on the wire in bytes, with its stamp and without its line end.
pub const DEFAULT_MAX_LINE: usize = 64 * 1024;

/// The values that `--max-line` accepts, in bytes. Below 32 there is no space for a character (4 bytes at most) after the
/// stamp; above 1 MiB an unfinished message would take too much of an endpoint's memory.
pub const MAX_LINE_RANGE: RangeInclusive<usize> = 32..=1024 * 1024;

/// Bytes without a newline become a message after this long, if the peer has never sent a newline.
///
/// It is longer than 40 ms, for which Linux may delay an acknowledgement: Nagle's algorithm at the sender can hold the second
/// half of a message larger than one segment back for that long. It is shorter than the 100 ms that a person begins to
/// notice.
pub const QUIET_TIME: Duration = Duration::from_millis(42);

/// The pause between two sends that a peer without framing must not read as one.
///
/// It is longer than [`QUIET_TIME`], so that our own decoder separates them as well, even if the machine is somewhat late
/// with the first. No person types two lines within it.
pub const PAUSE: Duration = Duration::from_millis(60);

/// A peer that has never sent a newline and has not closed this long after our goodbye gets the goodbye once more, alone: it may
/// have read the first one together with a message, if it was busy for longer than [`PAUSE`].
///
/// A peer that is busy for longer than both together reads all of that at once. So this is long enough for one that is busy for
/// half a second, and short enough for the person who leaves and waits for the end.
pub const REPEAT_AFTER: Duration = Duration::from_millis(600);
