//! A TLS connection without a socket, and the proof inside of it.

use std::fmt;
use std::io::{BufRead, Read, Write};
use std::time::SystemTime;

use rustls::{Connection, ServerConnection};
use zeroize::{Zeroize, Zeroizing};

#[cfg(feature = "web")]
use super::Unknown;
use super::identity::{Fingerprint, Identity};
use super::proof::{LONGEST, Proof, Role};
use super::{ALPN, ChannelError, Trust};
use crate::rules::buffer::{RECORD, RECORD_OVERHEAD as OVERHEAD};

#[cfg(test)]
mod tests;

/// The first byte of a record in a handshake, and of an alert.
const FIRST_BYTES: [u8; 2] = [22, 21];

/// Why the other side is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It has the same code.
    Code,
    /// Its key is known.
    Known,
    /// It is believed without a reason, and known from now on.
    FirstUse,
    /// An authority says that it is the host that was called.
    Authority,
    /// Not verified: no proof was required.
    Nobody,
}

/// Who is on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Of its key; None if it showed none.
    pub fingerprint: Option<Fingerprint>,
    /// Why it is trusted.
    pub how: How,
    /// Or another program that speaks TLS.
    pub is_threadchat: bool,
    /// Both proved that they have the code, also if one of them was known already.
    pub used_code: bool,
}

impl Peer {
    /// Whether it is a threadchat, or another program that speaks TLS.
    #[must_use]
    pub fn is_threadchat(&self) -> bool {
        self.is_threadchat
    }

    /// In one word, for programs.
    #[must_use]
    pub fn how(&self) -> &'static str {
        match self.how {
            How::Code => "code",
            How::Known => "known",
            How::FirstUse => "first-use",
            How::Authority => "authority",
            How::Nobody => "nobody",
        }
    }

    /// The hash of its key.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.fingerprint.map(|key| key.to_string())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.how {
            How::Code => "it has the code, and is known from now on",
            How::Known => "it is known",
            How::FirstUse => "who it is was not proved; its key is known from now on",
            How::Authority => "its certificate is that of the host you called",
            How::Nobody => "who it is was not proved",
        })?;
        match self.fingerprint {
            Some(key) if self.how != How::Authority => write!(f, " ({key})"),
            _ => Ok(()),
        }
    }
}

/// What [`Channel::receive`] has found, beside plaintext.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Now, and only now, the channel has opened: plaintext may follow, and be sent.
    pub opened: Option<Peer>,
    /// The other side sends no more (`close_notify`); this side may go on.
    pub is_closed: bool,
    /// Why the channel failed behind what opened it.
    pub error: Option<ChannelError>,
}

/// One end of an encrypted connection. The owner passes ciphertext to [`receive`](Self::receive), and after each call, and
/// at the start, sends what [`take_output`](Self::take_output) gives. Once it is open, [`send`](Self::send) works.
///
/// What waits inside is bounded: less than 64 KiB of an unfinished message of the handshake, or one unfinished record, on
/// the way in; on the way out one flight of the handshake, an alert, and one update of the keys. A peer can ask for updates
/// without end, but the answer waits for the next `send`, and there is one for all.
pub struct Channel {
    connection: Connection,
    role: Role,
    own: Fingerprint,
    stage: Stage,
    /// rustls itself would encrypt behind its close_notify.
    has_closed: bool,
}

enum Stage {
    /// Nothing has come yet.
    New(Trust),
    Handshake(Trust),
    /// `part` holds what has come of the next part.
    Proof {
        proof: Box<Proof>,
        peer: Option<Fingerprint>,
        part: Zeroizing<[u8; LONGEST]>,
        filled: usize,
    },
    Open,
    Failed(ChannelError),
}

impl Channel {
    /// The side that calls. `now` is for the dates of certificates that an authority issued.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn calling(identity: &Identity, trust: Trust, now: SystemTime) -> Result<Self, ChannelError> {
        let connection =
            trust.client(identity.certified(), now).map_err(|error| ChannelError::of(error, true))?;
        Ok(Self::new(connection.into(), Role::Caller, identity, trust))
    }

    /// The side that is called.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn called(identity: &Identity, trust: Trust) -> Result<Self, ChannelError> {
        let connection = ServerConnection::new(identity.server());
        let connection = connection.map_err(|error| ChannelError::of(error, true))?;
        Ok(Self::new(connection.into(), Role::Called, identity, trust))
    }

    /// The same for a browser, which is not asked for a certificate of its own.
    ///
    /// # Errors
    /// The system gives no random bytes.
    #[cfg(feature = "web")]
    pub(super) fn for_browser(identity: &Identity) -> Result<Self, ChannelError> {
        let connection = ServerConnection::new(identity.web_server());
        let connection = connection.map_err(|error| ChannelError::of(error, true))?;
        let trust = Trust { unknown: Unknown::Anybody, ..Trust::default() };
        Ok(Self::new(connection.into(), Role::Called, identity, trust))
    }

    fn new(connection: Connection, role: Role, identity: &Identity, trust: Trust) -> Self {
        Self { connection, role, own: identity.fingerprint(), stage: Stage::New(trust), has_closed: false }
    }

    /// Whether the other side is trusted, so that plaintext can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// Takes what was received, and appends the plaintext in it. What comes after `close_notify` is ignored.
    ///
    /// # Errors
    /// The channel has failed: send what [`take_output`](Self::take_output) has, and close. What was appended before the
    /// error is genuine.
    pub fn receive(
        &mut self,
        mut ciphertext: &[u8],
        plaintext: &mut Vec<u8>,
    ) -> Result<Received, ChannelError> {
        let mut received = Received::default();
        if let Stage::Failed(error) = &self.stage {
            return Err(error.clone());
        }
        let result = self.try_receive(&mut ciphertext, plaintext, &mut received);
        if let Err(error) = result {
            // An alert of rustls says more, and then this does nothing.
            if error != ChannelError::NotTls {
                self.connection.send_close_notify();
            }
            self.stage = Stage::Failed(error.clone());
            return match received.opened {
                // Who opened it must not be forgotten, nor what they said before the error.
                Some(_) => Ok(Received { error: Some(error), ..received }),
                None => Err(error),
            };
        }
        Ok(received)
    }

    fn try_receive(
        &mut self,
        ciphertext: &mut &[u8],
        plaintext: &mut Vec<u8>,
        received: &mut Received,
    ) -> Result<(), ChannelError> {
        if let (Stage::New(trust), Some(first)) = (&mut self.stage, ciphertext.first()) {
            if !FIRST_BYTES.contains(first) {
                return Err(ChannelError::NotTls);
            }
            self.stage = Stage::Handshake(std::mem::take(trust));
        }
        while !ciphertext.is_empty() && !received.is_closed {
            let is_handshaking = self.connection.is_handshaking();
            // It takes some 4 KiB, and nothing behind a close_notify.
            let taken = self.connection.read_tls(ciphertext);
            if taken.map_err(|error| ChannelError::Broken(error.to_string()))? == 0 {
                received.is_closed = true;
            }
            // What came before the error is genuine.
            let result = self.connection.process_new_packets();
            let error = result.as_ref().err().cloned();
            received.is_closed |= result.is_ok_and(|state| state.peer_has_closed());
            self.advance(plaintext, received)?;
            if let Some(error) = error {
                return Err(ChannelError::of(error, is_handshaking));
            }
        }
        match &self.stage {
            Stage::Proof { proof, .. } if received.is_closed => Err(proof.ended()),
            Stage::New(_) | Stage::Handshake(_) if received.is_closed => Err(ChannelError::EndedEarly),
            _ => Ok(()),
        }
    }

    /// Goes on with what was decrypted: to the proof first, the rest is plaintext.
    fn advance(&mut self, plaintext: &mut Vec<u8>, received: &mut Received) -> Result<(), ChannelError> {
        if let Stage::Handshake(trust) = &mut self.stage
            && !self.connection.is_handshaking()
        {
            let trust = std::mem::take(trust);
            received.opened = self.begin_proof(trust)?;
        }
        while let Stage::Proof { proof, peer, part, filled } = &mut self.stage {
            let missing = &mut part[*filled..proof.needs()];
            // An error means that there is nothing to read now.
            let read = self.connection.reader().read(missing).unwrap_or(0);
            if read == 0 {
                break;
            }
            *filled += read;
            if *filled < proof.needs() {
                continue;
            }
            let mut output = Vec::new();
            let how = proof.receive(&part[..*filled], &mut output);
            *filled = 0;
            part.zeroize();
            let used_code = proof.used_code();
            let opened = how
                .map(|how| how.map(|how| Peer { fingerprint: *peer, how, is_threadchat: true, used_code }));
            write(&mut self.connection, &output)?;
            if let Some(peer) = opened? {
                received.opened = Some(peer);
                self.stage = Stage::Open;
            }
        }
        if self.is_open() {
            let mut reader = self.connection.reader();
            // An error means that there is nothing to read now.
            while let Ok(decrypted) = reader.fill_buf() {
                if decrypted.is_empty() {
                    break;
                }
                plaintext.extend_from_slice(decrypted);
                let taken = decrypted.len();
                reader.consume(taken);
            }
        }
        Ok(())
    }

    /// After the handshake: opens at once if the other side is no threadchat and need not prove anything.
    fn begin_proof(&mut self, mut trust: Trust) -> Result<Option<Peer>, ChannelError> {
        let certificate = self.connection.peer_certificates().and_then(<[_]>::first);
        let peer = certificate.and_then(Fingerprint::of);
        let is_threadchat = self.connection.alpn_protocol() == Some(ALPN);
        let how = trust.judge(peer.as_ref(), self.role == Role::Caller)?;
        if !is_threadchat {
            let how = how.ok_or(ChannelError::NotThreadchat)?;
            self.stage = Stage::Open;
            return Ok(Some(Peer { fingerprint: peer, how, is_threadchat, used_code: false }));
        }
        // A confirmation says whose keys were seen: the caller's first.
        let seen = peer.as_ref().map_or([0; 32], |key| *key.bytes());
        let keys = match self.role {
            Role::Caller => [*self.own.bytes(), seen],
            Role::Called => [seen, *self.own.bytes()],
        };
        let binding = self.connection.export_keying_material(
            Zeroizing::new([0; 32]),
            b"EXPORTER-threadchat-proof-1",
            Some(keys.as_flattened()),
        );
        let binding = binding.map_err(|error| ChannelError::of(error, true))?;
        let mut output = Vec::new();
        let proof = Box::new(Proof::start(self.role, how, trust.code.take(), binding, &mut output));
        write(&mut self.connection, &output)?;
        self.stage = Stage::Proof { proof, peer, part: Zeroizing::new([0; LONGEST]), filled: 0 };
        Ok(None)
    }

    /// Encrypts, and appends what to send; behind what [`take_output`](Self::take_output) would give. Returns how much of the
    /// plaintext was taken: all if the channel is open and this side has not closed it, else nothing.
    #[must_use]
    pub fn send(&mut self, plaintext: &[u8], ciphertext: &mut Vec<u8>) -> usize {
        if !self.is_open() || self.has_closed {
            return 0;
        }
        ciphertext.reserve(plaintext.len() + (plaintext.len() / RECORD + 1) * OVERHEAD);
        let mut sent = 0;
        // A queue of records inside of rustls would fall out of the processor's cache.
        for record in plaintext.chunks(RECORD) {
            if write(&mut self.connection, record).is_err() {
                break;
            }
            sent += record.len();
            self.take_output(ciphertext);
        }
        sent
    }

    /// Whether [`take_output`](Self::take_output) has something to give.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.connection.wants_write()
    }

    /// Appends what the channel itself has to send: handshake, proof, alerts. Ask at the start and after each
    /// [`receive`](Self::receive), also one that failed.
    pub fn take_output(&mut self, ciphertext: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        while self.connection.wants_write() && self.connection.write_tls(ciphertext).is_ok() {}
    }

    /// Appends `close_notify`: this side sends no more. It can still receive.
    pub fn close(&mut self, ciphertext: &mut Vec<u8>) {
        self.has_closed = true;
        self.connection.send_close_notify();
        self.take_output(ciphertext);
    }

    /// What was agreed on, without any secret, for those who look closely.
    #[must_use]
    pub fn describe(&self) -> String {
        let suite = self.connection.negotiated_cipher_suite().map(|suite| suite.suite());
        let group =
            self.connection.negotiated_key_exchange_group().map(rustls::crypto::SupportedKxGroup::name);
        let protocol =
            String::from_utf8_lossy(self.connection.alpn_protocol().unwrap_or(b"none")).into_owned();
        // The names of rustls, such as TLS13_AES_256_GCM_SHA384 and X25519.
        let name = |name: Option<String>| name.unwrap_or_else(|| "unknown".to_owned());
        let suite = name(suite.and_then(|suite| suite.as_str().map(str::to_owned)));
        let group = name(group.map(|group| format!("{group:?}")));
        format!("TLS 1.3, {suite}, keys by {group}, protocol {protocol}")
    }

    /// What it means that the connection ended before the other side closed the channel.
    #[must_use]
    pub fn cut_off(&self) -> ChannelError {
        match &self.stage {
            Stage::New(_) | Stage::Handshake(_) => ChannelError::EndedEarly,
            Stage::Proof { proof, .. } => proof.ended(),
            Stage::Open => ChannelError::CutOff,
            Stage::Failed(error) => error.clone(),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::New(_) | Stage::Handshake(_) => "handshake",
            Stage::Proof { .. } => "proof",
            Stage::Open => "open",
            Stage::Failed(_) => "failed",
        };
        write!(f, "Channel({:?}, {stage})", self.role)
    }
}

/// Encrypts `plaintext`, at most a record of it, inside of rustls.
fn write(connection: &mut Connection, plaintext: &[u8]) -> Result<(), ChannelError> {
    connection.writer().write_all(plaintext).map_err(|error| ChannelError::Broken(error.to_string()))
}
