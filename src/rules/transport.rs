//! What the bytes of a conversation go through: nothing, or TLS.

use super::action::Outgoing;
use super::buffer::Buffer;
use super::notice::Notice;
use super::secure::{Channel, ChannelError, Peer, Received};
use std::sync::Arc;
use std::time::Duration;

/// How long a peer may take to open an encrypted connection.
pub(super) const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// The same for the side that calls: others may have called before, and take their time.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How long a caller may take to begin with that. A program does it at once, and others may wait behind it.
pub(super) const BEGIN_WITHIN: Duration = Duration::from_secs(2);

/// Between a conversation and its connection. Whatever is sent must be written in the order in which it was sealed.
#[derive(Debug)]
pub(super) enum Transport {
    /// Bytes go as they are.
    Clear,
    /// Nothing can be sent before the channel has opened.
    Encrypted(Box<Channel>),
}

impl Transport {
    /// Replaces what was read into the buffer by what it means. What was decrypted before an error is genuine.
    pub(super) fn receive(&mut self, buffer: &mut Buffer) -> Result<Received, ChannelError> {
        match self {
            Self::Clear => Ok(Received::default()),
            Self::Encrypted(channel) => {
                buffer.replace_input(|read, plaintext| channel.receive(read, plaintext))
            }
        }
    }

    /// What the two sides agreed on, if it is encrypted.
    pub(super) fn describe(&self) -> Option<String> {
        match self {
            Self::Clear => None,
            Self::Encrypted(channel) => Some(channel.describe()),
        }
    }

    /// Whether messages can be sent.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Clear => true,
            Self::Encrypted(channel) => channel.is_open(),
        }
    }

    /// What is wrong with a stream that ends here. `None` if nothing is.
    #[cfg_attr(not(feature = "secure"), allow(unreachable_code, reason = "there is no channel"))]
    pub(super) fn cut_off(&self) -> Option<ChannelError> {
        match self {
            Self::Clear => None,
            Self::Encrypted(channel) => Some(channel.cut_off()),
        }
    }

    /// Takes what has to be sent beside messages: the handshake, alerts, new keys. The next [`seal`](Self::seal) sends it, too.
    pub(super) fn take_output(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Clear => None,
            Self::Encrypted(channel) => channel.has_output().then(|| {
                let mut output = Vec::new();
                channel.take_output(&mut output);
                output
            }),
        }
    }

    /// Makes of it what is to be written.
    pub(super) fn seal(&mut self, outgoing: &mut Outgoing) {
        let Self::Encrypted(channel) = self else { return };
        match outgoing {
            Outgoing::Messages(buffer) => buffer.seal(|plaintext, ciphertext| {
                let _ = channel.send(plaintext, ciphertext);
            }),
            Outgoing::Goodbye { bytes, is_last, .. } => {
                let mut sealed = Vec::new();
                let _ = channel.send(bytes, &mut sealed);
                if *is_last {
                    channel.close(&mut sealed);
                }
                *bytes = sealed;
            }
            Outgoing::HalfClose { bytes } => channel.close(bytes),
        }
    }
}

/// How far the opening of a connection has got.
#[derive(Debug)]
pub(super) enum Opening {
    /// It is in clear text.
    NotNeeded,
    /// The channel has not opened. When it does, `connected` is reported.
    Pending { connected: Notice },
    /// The channel has opened. `is_new` until somebody has asked who is on its other side.
    Open { peer: Arc<Peer>, is_new: bool },
    /// The channel will not open.
    Refused(ChannelError),
}

impl Opening {
    /// The channel has opened. Returns what to report.
    pub(super) fn succeed(&mut self, peer: Arc<Peer>) -> Option<Notice> {
        match std::mem::replace(self, Self::Open { peer, is_new: true }) {
            Self::Pending { connected } => Some(connected),
            _ => None,
        }
    }

    /// Who is on the other side of the channel, once.
    pub(super) fn take_peer(&mut self) -> Option<Arc<Peer>> {
        match self {
            Self::Open { peer, is_new } => std::mem::take(is_new).then(|| Arc::clone(peer)),
            _ => None,
        }
    }

    /// Whether the peer never ends an encrypted connection without `close_notify`.
    pub(super) fn always_closes(&self) -> bool {
        matches!(self, Self::Open { peer, .. } if peer.is_threadchat())
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Why the channel will not open, once.
    pub(super) fn take_refused(&mut self) -> Option<ChannelError> {
        match std::mem::replace(self, Self::NotNeeded) {
            Self::Refused(error) => Some(error),
            other => {
                *self = other;
                None
            }
        }
    }
}
