//! Encrypted, and with whom one thinks: `--secure`. No I/O: a [`Channel`] is fed what was received and gives what to send.
//!
//! - [`Identity`]: the key that others know this side by; [`Fingerprint`], its hash.
//! - [`Trust`]: what the other side must show, by a [`Code`], by [`Known`] keys, or by an authority.
//! - [`Channel`]: TLS 1.3, and inside of it the proof that both have the same code (`proof.rs`). After it opened, plaintext
//!   goes in and ciphertext out, and back.
//! - [`Security`]: all of these for one side, from which it makes a channel for each connection.
//! - `tls.rs`: TLS alone, for what is no chat.
//! - [`ChannelError`]: why there is no trust, in a sentence.
//!
//! Randomness is the one thing that does not come from the caller: ring and rustls ask the system for it.

mod channel;
mod code;
mod error;
#[cfg(test)]
mod hostile;
mod identity;
mod known;
mod proof;
mod security;
#[cfg(feature = "link")]
mod tls;
mod trust;

pub use channel::{Channel, How, Peer, Received};
pub use code::{Code, CodeError, WORDS_FOR_A_HUB, WORDS_FOR_TWO};
pub use error::ChannelError;
pub use identity::{Fingerprint, Identity, IdentityError, MAX_PEM};
pub use known::{Known, KnownServer, MAX_FILE};
pub use security::{Demand, Security};
#[cfg(feature = "link")]
pub use tls::Tls;
pub use trust::{Authority, Trust, Unknown};

/// How a threadchat recognises another one in the handshake: only such two exchange a proof.
const ALPN: &[u8] = b"threadchat/1";
