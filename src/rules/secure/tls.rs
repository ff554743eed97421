//! TLS to a server of another kind, for which an authority vouches: no key of our own, no code, no proof.

use std::fmt;
use std::io::{Read, Write};
use std::time::SystemTime;

use rustls::{CertificateError, ClientConnection, Error};

use super::{Authority, ChannelError};

/// One end of such a connection. Its owner passes what was received to [`receive`](Self::receive), and after each call, and at
/// the start, sends what [`take_output`](Self::take_output) gives. Once it is open, [`send`](Self::send) works.
pub struct Tls {
    connection: ClientConnection,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// `now` is for the dates of the certificates.
    ///
    /// # Errors
    /// The system gives no random bytes: a sentence for the user.
    pub fn new(authority: &Authority, now: SystemTime) -> Result<Self, String> {
        let connection = authority.client(now).map_err(|error| in_words(error, true))?;
        Ok(Self { connection })
    }

    /// Whether the server is the right one, so that plaintext can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.connection.is_handshaking()
    }

    /// Takes what was received, and appends the plaintext in it. Returns whether the server sends no more.
    ///
    /// # Errors
    /// Why the connection is of no use, in words: send what [`take_output`](Self::take_output) has, and close.
    pub fn receive(&mut self, mut ciphertext: &[u8], plaintext: &mut Vec<u8>) -> Result<bool, String> {
        while !ciphertext.is_empty() {
            let is_handshaking = self.connection.is_handshaking();
            // It takes some 4 KiB, and nothing behind a close_notify.
            let taken = self.connection.read_tls(&mut ciphertext).map_err(|error| error.to_string())?;
            let state = self.connection.process_new_packets();
            let state = state.map_err(|error| in_words(error, is_handshaking))?;
            let start = plaintext.len();
            plaintext.resize(start + state.plaintext_bytes_to_read(), 0);
            // There is as much, so that this cannot fail.
            let read = self.connection.reader().read(&mut plaintext[start..]).unwrap_or(0);
            plaintext.truncate(start + read);
            if taken == 0 || state.peer_has_closed() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Encrypts the beginning of the plaintext, and appends it. Returns how much of it: nothing before it is open.
    pub fn send(&mut self, plaintext: &[u8], ciphertext: &mut Vec<u8>) -> usize {
        if !self.is_open() {
            return 0;
        }
        let sent = self.connection.writer().write(plaintext).unwrap_or(0);
        self.take_output(ciphertext);
        sent
    }

    /// Appends what is to be sent.
    pub fn take_output(&mut self, ciphertext: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        while self.connection.wants_write() && self.connection.write_tls(ciphertext).is_ok() {}
    }
}

/// What an error means to whoever runs this side.
fn in_words(error: Error, is_handshaking: bool) -> String {
    match error {
        Error::InvalidMessage(_) if is_handshaking => {
            "what answers does not encrypt: check the port, or write redis:// for a connection in clear text".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no authority that this system trusts has issued the certificate of the server: add that authority to those of the \
             system, or, where the system has them in files, name its file in the variable SSL_CERT_FILE"
                .to_owned()
        }
        error => ChannelError::of(error, is_handshaking).to_string(),
    }
}
