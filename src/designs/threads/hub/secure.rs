//! An encrypted client: a channel-opener opens its channel, the client-reader decrypts, and main encrypts what it is about to
//! write.
//!
//! The last two need the channel, so there is a lock around it, for as long as 16 or 32 KiB take to decrypt or encrypt (some
//! microseconds), and never during a system call or a wait. Until the channel is open main does not know the client, and the
//! channel-opener has it for itself. Ciphertext is written in the order in which it was made: main and the
//! client-writer never write at the same time, and once the channel is open no reader writes.

use super::HubLoop;
use super::client::{Client, Lent, read};
use super::event::Event;
use crate::designs::hub::{Rest, Sealer, observe_written};
use crate::designs::threads::event::ToMain;
use crate::designs::threads::reader::Reader;
use crate::observe::thread::CHANNEL_OPENER;
use crate::observe::{Observer, Place, Step};
use crate::platform::{self, Connection};
use crate::rules::hub::{self as rules, Id, Port};
use crate::rules::messages::Streams;
use crate::rules::moment::Moment;
use crate::rules::secure::{Channel, ChannelError, Peer};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use std::time::Instant;

/// The stack of a channel-opener, in bytes: several times what it uses. The proof of a code takes more than the rest; in a
/// build without optimizations, twice as much. More than four times that of a client-reader, or else glibc would give a used
/// one, with all the memory that it touched, to the next client-reader (`get_cached_stack` in `nptl/allocatestack.c`).
const STACK: usize = 512 * 1024;

/// The most bytes that are decrypted while main may have to wait for the channel.
const CHUNK: usize = 16 * 1024;

/// What main has of the channel.
pub(super) struct Line {
    channel: Shared,
    /// What is left to write, while there is no thread to write it.
    rest: Option<Rest>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Channel>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Channel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Starts the reader, which first opens the channel.
    pub(super) fn start_encrypted(
        id: Id,
        channel: Channel,
        connection: &Arc<Connection>,
        to_main: &ToMain<Event>,
        streams: Streams,
    ) -> io::Result<Self> {
        let channel = Shared(Arc::new(Mutex::new(channel)));
        let (shared, input, connection) = (channel.clone(), Arc::clone(connection), Arc::clone(connection));
        let mut client = Self::start_with(connection, to_main, streams, move |reader| {
            let input =
                Decrypted { connection: &input, channel: shared, plaintext: Vec::new(), taken: 0, end: None };
            input.run(id, reader);
        })?;
        client.secure = Some(Line { channel, rest: None });
        Ok(client)
    }

    /// Closes our half of the channel, if there is one. Returns what the connection does not accept at once.
    pub(super) fn close_channel(&self, sealer: &mut Sealer) -> Option<Rest> {
        sealer.close(&mut self.secure.as_ref()?.channel.lock());
        // An error means that the client has gone, which its reader notices.
        sealer.write(0, true, |bytes| platform::try_write(&self.connection.socket, bytes)).ok().flatten()
    }
}

/// What a client sends, in plaintext.
struct Decrypted<'a> {
    connection: &'a Connection,
    channel: Shared,
    /// What was decrypted.
    plaintext: Vec<u8>,
    /// How much of it has been read.
    taken: usize,
    /// How the client's half of the channel has ended.
    end: Option<Result<(), ChannelError>>,
}

impl Decrypted<'_> {
    fn run(mut self, id: Id, reader: Reader<Event>) {
        match self.open_apart(&reader.to_main.observer) {
            Ok(peer) => {
                if reader.to_main.send(Event::Opened(id, peer)) {
                    read(id, self.connection, self, reader);
                }
            }
            Err(error) => {
                let connection = self.connection;
                drop(self);
                if reader.to_main.send(Event::NotOpened(id, error)) {
                    outlast(connection);
                    reader.to_main.send(Event::HeardAllOf(id, Ok(())));
                }
            }
        }
    }

    /// Opens the channel on a thread of its own, the channel-opener, which needs a larger stack than the client-reader and
    /// stays for a moment only.
    fn open_apart(&mut self, observer: &Observer) -> Result<Peer, ChannelError> {
        thread::scope(|scope| {
            let opener = Builder::new().name(CHANNEL_OPENER.to_owned()).stack_size(STACK);
            match opener.spawn_scoped(scope, || observer.watch(|| self.open())) {
                // A thread that panicked has said so.
                Ok(opener) => opener.join().unwrap_or(Err(ChannelError::EndedEarly)),
                // As if the caller had gone. The system lacks a thread, which those are told who call next.
                Err(_) => Err(ChannelError::EndedEarly),
            }
        })
    }

    /// Reads and writes until the channel is open.
    fn open(&mut self) -> Result<Peer, ChannelError> {
        let (mut space, mut output) = ([0; 2048], Vec::new());
        loop {
            let bytes = match (&*self.connection).read(&mut space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => return Err(self.channel.lock().cut_off()),
                Ok(bytes) => bytes,
            };
            let mut channel = self.channel.lock();
            let result = channel.receive(&space[..bytes], &mut self.plaintext);
            channel.take_output(&mut output);
            drop(channel);
            if let Err(error) = &result {
                output.extend(rules::last_words(error, &space[..bytes]));
            }
            // An error means that the caller has gone, which the next read tells.
            let _ = (&*self.connection).write_all(&output);
            output.clear();
            let received = result?;
            if received.is_closed {
                self.end = Some(Ok(()));
            }
            if let Some(peer) = received.opened {
                return Ok(peer);
            }
        }
    }
}

/// Waits until a caller whose channel does not open closes: the system drops what the caller was told if the connection is
/// closed while there is something to read.
#[inline(never)]
fn outlast(connection: &Connection) {
    let _ = connection.socket.shutdown(Shutdown::Write);
    let _ = io::copy(&mut &*connection, &mut io::sink());
}

// A client-reader that waits for what comes needs little stack, because what needs more is not inlined into it.
impl Decrypted<'_> {
    #[inline(never)]
    fn decrypt(&mut self, ciphertext: &[u8]) {
        for part in ciphertext.chunks(CHUNK) {
            let received = self.channel.lock().receive(part, &mut self.plaintext);
            match received {
                Ok(received) if !received.is_closed => {}
                end => {
                    self.end = Some(end.map(drop));
                    break;
                }
            }
        }
    }
}

impl Read for Decrypted<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let plaintext = &self.plaintext[self.taken..];
            if !plaintext.is_empty() {
                let bytes = plaintext.len().min(space.len());
                space[..bytes].copy_from_slice(&plaintext[..bytes]);
                self.taken += bytes;
                return Ok(bytes);
            }
            // Who says little needs little memory.
            if self.plaintext.capacity() > CHUNK {
                self.plaintext = Vec::new();
            }
            self.plaintext.clear();
            self.taken = 0;
            match self.end.take() {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => {}
            }
            let bytes = (&*self.connection).read(space)?;
            if bytes == 0 {
                return Ok(0);
            }
            self.decrypt(&space[..bytes]);
        }
    }
}

/// The client-writer: writes the rest of what main has encrypted. False if nothing more can be written.
pub(super) fn write_rest(id: Id, mut connection: &Connection, rest: &Rest, to_main: &ToMain<Event>) -> bool {
    let ciphertext = &rest.ciphertext[rest.written..];
    to_main.observer.emit(|| Step::Writes { to: Place::Client, bytes: ciphertext.len() });
    if let Err(error) = connection.write_all(ciphertext) {
        to_main.send(Event::WriteFailedTo(id, error));
        return false;
    }
    if rest.is_last {
        // Fails only if the client has gone, which its reader notices.
        let _ = connection.socket.shutdown(Shutdown::Write);
        return to_main.send(Event::HalfClosed(id));
    }
    to_main.send(Event::Wrote(id, rest.plaintext))
}

impl HubLoop {
    /// Starts a client for a caller whose channel is to be opened. None if the hub is not encrypted.
    pub(super) fn start_encrypted(
        &mut self,
        id: Id,
        connection: &Arc<Connection>,
        (peer, port): (SocketAddr, Port),
        streams: Streams,
        now: Instant,
    ) -> Result<Option<Client>, rules::Refusal> {
        let Some(channel) = self.hub.channel(peer, port, now)? else { return Ok(None) };
        let client = Client::start_encrypted(id, channel, connection, &self.to_main, streams);
        client.map(Some).map_err(|_| rules::Refusal::NoResources)
    }

    /// Writes to an encrypted client what it accepts without blocking. The rest of what was encrypted goes to its writer.
    pub(super) fn write_encrypted(&mut self, id: Id, now: Moment) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(line) = &mut client.secure else { return };
        if let Some(rest) = line.rest.take() {
            return self.give_rest(id, rest, now);
        }
        while let Some(outbox) = self.hub.outbox(id)
            && let Some(queue) = outbox.queue()
        {
            let observer = self.console.observer();
            observer.emit(|| Step::Writes { to: Place::Client, bytes: queue.bytes() });
            let bytes = self.sealer.seal(&mut line.channel.lock(), queue);
            if bytes == 0 {
                self.sealer.close(&mut line.channel.lock());
                let _ = platform::try_write(&client.connection.socket, self.sealer.ciphertext());
                let error = io::Error::other(line.channel.lock().cut_off());
                return self.handle_write_failed(id, error, now);
            }
            let write = |bytes: &[u8]| platform::try_write(&client.connection.socket, bytes);
            match self.sealer.write(bytes, false, write) {
                Ok(rest) => {
                    observe_written(queue, bytes, &mut client.sent, observer);
                    if let Some(rest) = rest {
                        outbox.seal(bytes);
                        return self.give_rest(id, rest, now);
                    }
                    self.hub.handle(rules::Event::Written(id, bytes), now);
                }
                Err(error) => return self.handle_write_failed(id, error, now),
            }
        }
    }

    /// Lets the writer of a client write what is left. This cannot block: it gets nothing before it has written that.
    pub(super) fn give_rest(&mut self, id: Id, rest: Rest, now: Moment) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.writer(id, &self.to_main) {
            Ok(writer) => drop(writer.send(Lent::Rest(rest))),
            Err(_) => {
                if let Some(line) = &mut client.secure {
                    line.rest = Some(rest);
                }
                self.try_again(id, now);
            }
        }
    }
}
