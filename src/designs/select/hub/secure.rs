//! An encrypted client: the loop opens its channel, decrypts what was read, and encrypts what it is about to write.

use super::clients::{Client, Clients, Done, Taken};
use crate::designs::hub::{Rest, Sealer, observe_written};
use crate::observe::{Observer, Place, Step};
use crate::rules::buffer::Buffer;
use crate::rules::hub::{self as rules, Id, Outbox};
use crate::rules::secure::{Channel, ChannelError, Peer};
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};

/// The most reads from callers whose channels are not open in one round, each of which takes up to half a millisecond: members
/// do not wait longer than for four of them.
pub(super) const MAX_OPENINGS: usize = 4;

/// The channel of a client.
pub(super) struct Line {
    channel: Channel,
    stage: Stage,
    /// How the client's half has ended, once what came before was returned.
    end: Option<io::Result<()>>,
    /// What the connection did not accept.
    rest: Option<Rest>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    /// What the caller sends is dropped until it closes.
    Failed,
}

/// What became of a channel.
pub(super) type Opening = Result<Peer, ChannelError>;

/// What that means for the hub.
pub(super) fn event(id: Id, opening: Opening) -> rules::Event {
    match opening {
        Ok(peer) => rules::Event::Opened(id, peer),
        Err(error) => rules::Event::NotOpened(id, error),
    }
}

impl Line {
    fn new(channel: Channel) -> Self {
        Self { channel, stage: Stage::Opening, end: None, rest: None }
    }

    pub(super) fn is_opening(&self) -> bool {
        self.stage == Stage::Opening
    }

    /// How the client's half has ended, if it has. What comes after that is not read.
    pub(super) fn take_end(&mut self) -> Option<io::Result<()>> {
        let end = self.end.take();
        if end.is_some() {
            self.end = Some(Ok(()));
        }
        end
    }
}

impl Clients {
    /// Makes a client that was [added](Self::add) an encrypted one.
    pub(super) fn encrypt(&mut self, id: Id, channel: Channel) {
        if let Some(client) = self.get_mut(id) {
            client.secure = Some(Box::new(Line::new(channel)));
        }
    }
}

impl Client {
    /// Decrypts what was read into this buffer. None if nothing is to be done.
    pub(super) fn decrypt(&mut self, mut buffer: Buffer) -> Option<Taken> {
        let Self { secure, socket, .. } = self;
        let line = secure.as_mut()?;
        if line.stage == Stage::Failed {
            return None;
        }
        let mut plaintext = Vec::new();
        let received = line.channel.receive(buffer.input(), &mut plaintext);
        let opening = match (line.stage, &received) {
            (Stage::Opening, result) => {
                let mut output = Vec::new();
                line.channel.take_output(&mut output);
                if let Err(error) = result {
                    output.extend(rules::last_words(error, buffer.input()));
                    line.stage = Stage::Failed;
                }
                write_first(socket, &output);
                let opened = result.as_ref().map(|received| received.opened.clone()).map_err(Clone::clone);
                match opened {
                    Ok(None) => None,
                    Ok(Some(peer)) => {
                        line.stage = Stage::Open;
                        Some(Ok(peer))
                    }
                    Err(error) => {
                        // Fails only if the caller has gone, which reading notices.
                        let _ = socket.shutdown(Shutdown::Write);
                        Some(Err(error))
                    }
                }
            }
            _ => None,
        };
        if line.stage != Stage::Failed {
            line.end = match received {
                Ok(received) => received.is_closed.then_some(Ok(())),
                Err(error) => Some(Err(io::Error::other(error))),
            };
        }
        // What comes next is the end.
        self.is_readable |= line.end.is_some();
        buffer.filled(0);
        buffer.append_input(&plaintext);
        let buffer = (!plaintext.is_empty()).then_some(buffer);
        match opening {
            Some(opening) => Some(Taken::Channel(opening, buffer)),
            None => buffer.map(Taken::Input),
        }
    }

    /// Writes what the connection accepts, if it accepts anything.
    pub(super) fn write_encrypted(
        &mut self,
        outbox: &mut Outbox,
        sealer: &mut Sealer,
        observer: &Observer,
    ) -> Option<io::Result<Done>> {
        let Self { secure, socket, sent, is_full, .. } = self;
        let line = secure.as_mut()?;
        let write = |bytes: &[u8]| (&*socket).write(bytes);
        if let Some(rest) = &mut line.rest {
            return match rest.write(write) {
                Ok(false) => {
                    *is_full = true;
                    None
                }
                Ok(true) => {
                    let Rest { plaintext, is_last, .. } = line.rest.take()?;
                    if is_last {
                        // Fails only if the client has gone, which reading notices.
                        let _ = socket.shutdown(Shutdown::Write);
                        return Some(Ok(Done::HalfClosed));
                    }
                    Some(Ok(Done::Wrote(plaintext)))
                }
                Err(error) => Some(Err(error)),
            };
        }
        let queue = outbox.queue()?;
        observer.emit(|| Step::Writes { to: Place::Client, bytes: queue.bytes() });
        let bytes = sealer.seal(&mut line.channel, queue);
        if bytes == 0 {
            sealer.close(&mut line.channel);
            write_first(socket, sealer.ciphertext());
            return Some(Err(io::Error::other(line.channel.cut_off())));
        }
        match sealer.write(bytes, false, write) {
            Ok(rest) => {
                observe_written(queue, bytes, sent, observer);
                if rest.is_none() {
                    return Some(Ok(Done::Wrote(bytes)));
                }
                outbox.seal(bytes);
                line.rest = rest;
                *is_full = true;
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Closes our half of the channel, if there is one. False if the connection does not accept that at once.
    pub(super) fn close_channel(&mut self, sealer: &mut Sealer) -> bool {
        let Self { secure, socket, is_full, .. } = self;
        let Some(line) = secure else { return true };
        sealer.close(&mut line.channel);
        // An error means that the client has gone, which reading notices.
        line.rest = sealer.write(0, true, |bytes| (&*socket).write(bytes)).ok().flatten();
        *is_full = line.rest.is_some();
        !*is_full
    }
}

/// Writes a few KiB to a connection to which little has been written, which it accepts at once. If not, the caller has gone, or
/// does what no caller needs to do.
fn write_first(mut socket: &TcpStream, bytes: &[u8]) {
    let _ = socket.write_all(bytes);
}
