//! The connections of a linked hub to Redis, and the two machines of [`link`](crate::rules::link) that speak over them.
//!
//! A [`Line`] is a machine with its connection. The owner waits, in the way of its design, until the connection is ready or
//! [`Line::deadline`] has come, [reads](Line::read), and lets the line [go on](Line::go_on).

mod stream;

use crate::designs::connect::{Calls, Progress};
use crate::designs::net;
use crate::observe::Observer;
#[cfg(feature = "secure")]
use crate::platform::system_authority;
use crate::rules::address::Address;
use crate::rules::calling::{Call, Calling};
use crate::rules::errors;
use crate::rules::failure::Failure;
use crate::rules::link::{
    Action, Appender, Event, Follower, LinkError, LinkUrl, Machine, Settings, Transport,
};
#[cfg(feature = "secure")]
use crate::rules::secure::Authority;
use crate::rules::settings::Caller;
use socket2::Socket;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;
use zeroize::{Zeroize, Zeroizing};

/// How long each address of the server may take to answer a call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the addresses of a name are used again. A look-up can block for seconds, and the select design with it, which must
/// not happen at each try while the network is gone.
const USE_FOUND: Duration = Duration::from_secs(60);
/// How much is read at once, in bytes.
const READ_SIZE: usize = 128 * 1024;

/// Where the log of several hubs is, and what this one is to the others.
#[derive(Debug)]
pub struct Link {
    url: LinkUrl,
    settings: Settings,
    /// What no other hub has.
    id: u128,
    /// Says whether the server is the one of a `rediss:` URL.
    #[cfg(feature = "secure")]
    authority: Option<Authority>,
}

impl Link {
    /// A hub that has not been linked.
    ///
    /// # Errors
    /// This program cannot reach the server in this way: a sentence for the user.
    pub fn new(url: LinkUrl, settings: Settings) -> Result<Self, Failure> {
        #[cfg(feature = "secure")]
        let authority = match url.transport() {
            Transport::Tls(address) => Some(
                system_authority(address.host())
                    .map_err(|error| Failure::new(format_args!("cannot encrypt the link {url}"), error))?,
            ),
            _ => None,
        };
        #[cfg(not(feature = "secure"))]
        if matches!(url.transport(), Transport::Tls(_)) {
            return Err(
                "this program was built without encryption: write redis:// instead of rediss://".into()
            );
        }
        #[cfg(not(unix))]
        if matches!(url.transport(), Transport::Unix(_)) {
            return Err(
                "a link over a Unix socket needs Unix: let Redis listen on a port, and write redis://HOST:PORT/NAME".into(),
            );
        }
        // An id must be new, but may be guessed: a program that can use it may write anything into the log. Each hasher has 64 bits
        // that depend on 128 random ones, which the system gave to this process.
        let random = || u128::from(RandomState::new().build_hasher().finish());
        let id = random() << 64 | random();
        Ok(Self {
            url,
            settings,
            id,
            #[cfg(feature = "secure")]
            authority,
        })
    }

    /// What the other hubs call this one.
    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.settings.name).into_owned()
    }

    /// What reads the log.
    pub(super) fn follower(&self, blocks: bool, observer: &Observer) -> Line<Follower> {
        let follower = Follower::new(self.url.clone(), self.settings.clone(), self.id);
        Line::new(follower, self, blocks, observer)
    }

    /// What adds to the log.
    pub(super) fn appender(&self, blocks: bool, observer: &Observer) -> Line<Appender> {
        let appender = Appender::new(self.url.clone(), self.settings.clone());
        Line::new(appender, self, blocks, observer)
    }
}

/// A machine with its connection.
pub(super) struct Line<M> {
    pub(super) machine: M,
    transport: Transport,
    #[cfg(feature = "secure")]
    authority: Option<Authority>,
    /// A thread has nothing else to wait for than this connection.
    blocks: bool,
    state: State,
    /// The addresses as they were looked up last, and when.
    found: Option<(Vec<SocketAddr>, Instant)>,
    /// What the machine wants to be sent, and how much of it is.
    output: Zeroizing<Vec<u8>>,
    written: usize,
    /// The password is in the output.
    greets: bool,
    buffer: Vec<u8>,
    observer: Observer,
}

enum State {
    Disconnected,
    Calling(Box<Calls>),
    Connected(Stream),
}

impl<M: Machine> Line<M> {
    fn new(machine: M, link: &Link, blocks: bool, observer: &Observer) -> Self {
        Self {
            machine,
            transport: link.url.transport().clone(),
            #[cfg(feature = "secure")]
            authority: link.authority.clone(),
            blocks,
            state: State::Disconnected,
            found: None,
            output: Zeroizing::default(),
            written: 0,
            greets: false,
            buffer: vec![0; READ_SIZE],
            observer: observer.clone(),
        }
    }

    /// Does everything that can be done now. Returns what has happened.
    pub(super) fn go_on(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let now = Instant::now();
        if let State::Connected(stream) = &self.state
            && stream.deadline().is_some_and(|deadline| deadline <= now)
        {
            self.fail(stream.give_up());
        }
        self.machine.handle_timeout(now);
        self.go_on_calling();
        loop {
            while let Some(action) = self.machine.poll_action() {
                match action {
                    Action::Connect => self.connect(),
                    Action::Disconnect => self.disconnect(),
                    Action::Tell(event) => events.push(event),
                }
            }
            match self.write() {
                Ok(()) => return events,
                Err(error) => self.fail(error),
            }
        }
    }

    /// Reads what has come. A connection that blocks is waited for until [`deadline`](Self::deadline), or for at most `limit`.
    pub(super) fn read(&mut self, limit: Option<Duration>) {
        let deadline = self.deadline();
        let State::Connected(stream) = &mut self.state else { return };
        if self.blocks {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            stream.wait_at_most(left.into_iter().chain(limit).min());
        }
        match stream.read(&mut self.buffer, &self.observer) {
            Ok(Some(input)) => self.machine.receive(input, Instant::now()),
            Ok(None) => {}
            Err(error) => self.fail(error),
        }
    }

    /// Reads what has come by now, although the connection blocks.
    pub(super) fn read_without_waiting(&mut self) {
        if let State::Connected(stream) = &self.state
            && stream.socket.set_nonblocking(true).is_ok()
        {
            self.read(None);
        }
        if let State::Connected(stream) = &self.state
            && let Err(error) = stream.socket.set_nonblocking(false)
        {
            self.fail(in_words(&error));
        }
    }

    /// When to [go on](Self::go_on) although nothing has come.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Disconnected => None,
            State::Calling(calls) => calls.deadline(),
            State::Connected(stream) => stream.deadline(),
        };
        self.machine.poll_timeout().into_iter().chain(own).min()
    }

    /// The connection, if there is one.
    pub(super) fn socket(&self) -> Option<&Arc<Socket>> {
        match &self.state {
            State::Connected(stream) => Some(&stream.socket),
            _ => None,
        }
    }

    /// The call that is under way.
    pub(super) fn calls(&self) -> Option<&Calls> {
        match &self.state {
            State::Calling(calls) => Some(calls),
            _ => None,
        }
    }

    /// Whether the connection has not accepted everything.
    #[cfg(poll)]
    pub(super) fn is_full(&self) -> bool {
        match &self.state {
            State::Connected(stream) => stream.is_full(self.output.len() - self.written),
            _ => false,
        }
    }

    fn connect(&mut self) {
        match &self.transport {
            Transport::Tcp(address) | Transport::Tls(address) => {
                let call = Call {
                    address: address.clone(),
                    timeout: CONNECT_TIMEOUT,
                    wait: None,
                    caller: Caller::default(),
                    encrypted_only: Vec::new(),
                };
                let calling = Calling::other(call, hint, Instant::now());
                self.state = State::Calling(Box::new(Calls::new(calling)));
                self.go_on_calling();
            }
            Transport::Unix(path) => match stream::connect_unix(path) {
                Ok(socket) => self.connected(socket),
                Err(error) => self.fail(LinkError::Unreachable(error.to_string())),
            },
        }
    }

    fn go_on_calling(&mut self) {
        let State::Calling(calls) = &mut self.state else { return };
        match calls.go_on(|call| look_up(&call.address, &mut self.found)) {
            Progress::None | Progress::Report(_) => {}
            Progress::Ended(Ok((socket, _))) => {
                // Keep-alive is optional; ignore failure.
                let _ = crate::platform::prepare(&socket);
                self.connected(socket.into());
            }
            // There is a line for each reason.
            Progress::Ended(Err(failure)) => {
                self.fail(LinkError::Unreachable(failure.to_string().replace('\n', "; ")));
            }
        }
    }

    fn connected(&mut self, socket: Socket) {
        let stream = Stream::new(socket, self.blocks);
        #[cfg(feature = "secure")]
        let stream = match &self.authority {
            Some(authority) => stream.and_then(|stream| stream.encrypt(authority)),
            None => stream,
        };
        match stream {
            Ok(stream) => {
                self.state = State::Connected(stream);
                self.greets = true;
                self.machine.connected(Instant::now());
            }
            Err(error) => self.fail(error),
        }
    }

    /// Writes what the connection accepts.
    fn write(&mut self) -> Result<(), LinkError> {
        let State::Connected(stream) = &mut self.state else { return Ok(()) };
        loop {
            if self.written == self.output.len() {
                self.written = 0;
                if std::mem::take(&mut self.greets) && !self.output.is_empty() {
                    self.output.zeroize();
                }
                self.output.clear();
                self.machine.take_output(&mut self.output);
            }
            let is_accepted = stream.write(&self.output, &mut self.written, &self.observer)?;
            if !is_accepted || self.output.is_empty() {
                return Ok(());
            }
        }
    }

    fn fail(&mut self, error: LinkError) {
        self.disconnect();
        self.machine.disconnected(error, Instant::now());
    }

    fn disconnect(&mut self) {
        self.state = State::Disconnected;
        self.output = Zeroizing::default();
        self.written = 0;
    }
}

/// Finds the addresses of the server, which the select design can do in no other way than to wait.
fn look_up(
    address: &Address,
    found: &mut Option<(Vec<SocketAddr>, Instant)>,
) -> Result<Vec<SocketAddr>, Failure> {
    if let Some((addresses, at)) = found
        && at.elapsed() < USE_FOUND
    {
        return Ok(addresses.clone());
    }
    let addresses = net::resolve(address)?;
    *found = Some((addresses.clone(), Instant::now()));
    Ok(addresses)
}

/// What to try when the server does not answer a call, as the end of a sentence.
fn hint(at: SocketAddr, error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            "; start redis-server there, or check the host and the port of the link"
        }
        ErrorKind::PermissionDenied => "",
        _ => errors::hint_at(at, error),
    }
}

/// What an error of a connection means.
fn in_words(error: &io::Error) -> LinkError {
    match error.kind() {
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::WriteZero
        | ErrorKind::UnexpectedEof => LinkError::Closed,
        _ => LinkError::Unreachable(error.to_string()),
    }
}
