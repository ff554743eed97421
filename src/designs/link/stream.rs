//! A connection to Redis, in clear text or encrypted, that blocks or does not.

use super::in_words;
use crate::observe::{Observer, Place, Step};
use crate::rules::failure::Failure;
use crate::rules::link::LinkError;
use crate::rules::messages::Messages;
#[cfg(feature = "secure")]
use crate::rules::secure::{Authority, Tls};
use socket2::Socket;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;
#[cfg(feature = "secure")]
use std::time::SystemTime;
use std::time::{Duration, Instant};

/// How long a write of a connection that blocks may take. The server is believed to be gone after as long a silence.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may take to open an encrypted connection. Less than what it may take to answer, of which the user would be
/// told something else.
#[cfg(feature = "secure")]
const OPEN_WITHIN: Duration = Duration::from_secs(4);
/// How much is encrypted before it is written, in bytes.
#[cfg(feature = "secure")]
const ENCRYPT: usize = 64 * 1024;

/// A connection to the server.
pub(super) struct Stream {
    pub(super) socket: Arc<Socket>,
    #[cfg(feature = "secure")]
    encryption: Option<Box<Encryption>>,
}

#[cfg(feature = "secure")]
struct Encryption {
    tls: Tls,
    /// When it must be open.
    open_by: Instant,
    /// What was decrypted last.
    plaintext: Vec<u8>,
    /// What is to be written, and how much of it is.
    ciphertext: Vec<u8>,
    written: usize,
}

impl Stream {
    pub(super) fn new(socket: Socket, blocks: bool) -> Result<Self, LinkError> {
        let prepared = socket.set_nonblocking(!blocks).and_then(|()| match blocks {
            true => socket.set_write_timeout(Some(WRITE_TIMEOUT)),
            false => Ok(()),
        });
        prepared.map_err(|error| in_words(&error))?;
        Ok(Self {
            socket: Arc::new(socket),
            #[cfg(feature = "secure")]
            encryption: None,
        })
    }

    #[cfg(feature = "secure")]
    pub(super) fn encrypt(self, authority: &Authority) -> Result<Self, LinkError> {
        let mut tls = Tls::new(authority, SystemTime::now()).map_err(LinkError::Unreachable)?;
        let mut ciphertext = Vec::new();
        tls.take_output(&mut ciphertext);
        let open_by = Instant::now() + OPEN_WITHIN;
        let encryption = Encryption { tls, open_by, plaintext: Vec::new(), ciphertext, written: 0 };
        Ok(Self { encryption: Some(Box::new(encryption)), ..self })
    }

    /// How long a read blocks. Without a limit, until something comes.
    pub(super) fn wait_at_most(&self, limit: Option<Duration>) {
        // Zero would mean no limit. It fails only if the connection is broken, which reading notices.
        let _ = self.socket.set_read_timeout(limit.map(|limit| limit.max(Duration::from_millis(1))));
    }

    /// What has come; none if it is nothing yet.
    pub(super) fn read<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
        observer: &Observer,
    ) -> Result<Option<&'a [u8]>, LinkError> {
        observer.emit(|| Step::Waits(crate::observe::For::Input(Place::Log)));
        let length = match (&*self.socket).read(buffer) {
            Ok(0) => return Err(self.give_up()),
            Ok(length) => length,
            Err(error) if is_nothing_yet(&error) => return Ok(None),
            Err(error) => return Err(in_words(&error)),
        };
        observer.emit(|| Step::Read { from: Place::Log, bytes: length, messages: Messages::NONE });
        let input = &buffer[..length];
        #[cfg(feature = "secure")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.decrypt(&self.socket, input).map(Some);
        }
        Ok(Some(input))
    }

    /// Writes what is accepted of the output, of which so much is `written` already. Returns whether that was all.
    pub(super) fn write(
        &mut self,
        output: &[u8],
        written: &mut usize,
        observer: &Observer,
    ) -> Result<bool, LinkError> {
        #[cfg(feature = "secure")]
        if let Some(encryption) = &mut self.encryption {
            loop {
                let Encryption { tls, ciphertext, written: sent, .. } = &mut **encryption;
                if !write_to(&self.socket, ciphertext, sent, observer)? {
                    return Ok(false);
                }
                ciphertext.clear();
                *sent = 0;
                let rest = &output[*written..];
                *written += tls.send(&rest[..rest.len().min(ENCRYPT)], ciphertext);
                if ciphertext.is_empty() {
                    return Ok(*written == output.len());
                }
            }
        }
        write_to(&self.socket, output, written, observer)
    }

    /// Whether something waits until the socket accepts more: `unwritten` bytes of output, or what of it is encrypted already.
    /// What waits until the server has proved itself does not count.
    #[cfg(poll)]
    pub(super) fn is_full(&self, unwritten: usize) -> bool {
        #[cfg(feature = "secure")]
        if let Some(encryption) = &self.encryption {
            return encryption.written < encryption.ciphertext.len();
        }
        unwritten > 0
    }

    /// When to [give up](Self::give_up), unless something comes before.
    #[cfg_attr(not(feature = "secure"), allow(clippy::unused_self, reason = "other builds need it"))]
    pub(super) fn deadline(&self) -> Option<Instant> {
        #[cfg(feature = "secure")]
        if let Some(encryption) = &self.encryption {
            return (!encryption.tls.is_open()).then_some(encryption.open_by);
        }
        None
    }

    /// Why the connection is of no use: it has ended, or was not open in time.
    pub(super) fn give_up(&self) -> LinkError {
        match self.deadline() {
            Some(_) => LinkError::Unreachable(
                "what answers does not open an encrypted connection: check whether this is the tls-port of Redis, and its \
                 setting tls-auth-clients, which must be no"
                    .to_owned(),
            ),
            None => LinkError::Closed,
        }
    }
}

#[cfg(feature = "secure")]
impl Encryption {
    fn decrypt(&mut self, socket: &Socket, input: &[u8]) -> Result<&[u8], LinkError> {
        self.plaintext.clear();
        let received = self.tls.receive(input, &mut self.plaintext);
        self.tls.take_output(&mut self.ciphertext);
        match received {
            Ok(false) => Ok(&self.plaintext),
            // An answer is worth nothing without those that are missing.
            Ok(true) => Err(LinkError::Closed),
            Err(words) => {
                // The alert that says why. Whether it arrives makes no difference here.
                let _ = socket.set_nonblocking(true).and_then(|()| { &*socket }.write(&self.ciphertext));
                Err(LinkError::Unreachable(words))
            }
        }
    }
}

/// Writes what is accepted of these bytes. Returns whether that was all.
fn write_to(
    mut socket: &Socket,
    bytes: &[u8],
    written: &mut usize,
    observer: &Observer,
) -> Result<bool, LinkError> {
    while *written < bytes.len() {
        let rest = &bytes[*written..];
        observer.emit(|| Step::Writes { to: Place::Log, bytes: rest.len() });
        match socket.write(rest) {
            Ok(0) => return Err(LinkError::Closed),
            Ok(more) => {
                *written += more;
                observer.emit(|| Step::Wrote { to: Place::Log, bytes: more, messages: Messages::NONE });
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_nothing_yet(&error) => return Ok(false),
            Err(error) => return Err(in_words(&error)),
        }
    }
    Ok(true)
}

/// The connection is not ready, or was not for as long as it may take.
fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Connects to a Unix socket, which never waits: a server whose queue of callers is full is an error.
#[cfg(unix)]
pub(super) fn connect_unix(path: &Path) -> Result<Socket, Failure> {
    use socket2::{Domain, SockAddr, Type};
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)?;
        Ok(socket)
    };
    connect().map_err(|error: io::Error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; check the path, and whether Redis has it in its setting unixsocket",
            ErrorKind::ConnectionRefused => "; start redis-server, whose setting unixsocket has this path",
            ErrorKind::PermissionDenied => {
                "; give this user access, as with unixsocketperm in the settings of Redis"
            }
            _ => "",
        };
        Failure::new(format_args!("cannot connect to {}", path.display()), error).hint(hint)
    })
}

#[cfg(not(unix))]
pub(super) fn connect_unix(_: &Path) -> Result<Socket, Failure> {
    Err("there are no Unix sockets here".into())
}
