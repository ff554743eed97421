//! The wire: bytes to messages and back. No I/O; the time is passed in.
//!
//! `docs/protocol.md` describes what is implemented here. A message is one line that somebody typed. Sending puts a [`Stamp`]
//! in front of it and a newline after it ([`Encoder`]). Receiving turns whatever arrives into messages ([`Decoder`]), from
//! peers that send newlines and from peers that do not.

mod decoder;
mod encoder;
mod foreign;
mod framer;
#[cfg(test)]
mod hostile;
mod protocol;
mod stamp;
mod telnet;
#[cfg(feature = "web")]
pub(super) mod websocket;

pub use decoder::{Decoder, Heard};
pub use encoder::{Encoder, Wire};
pub use foreign::Foreign;
pub use framer::{Frame, Framer};
pub use protocol::{
    DEFAULT_MAX_LINE, DEFAULT_PORT, GOODBYE, MAX_LINE_RANGE, PAUSE, QUIET_TIME, REPEAT_AFTER,
};
pub use stamp::{DAY_LEN, STAMP_LEN, Stamp};
