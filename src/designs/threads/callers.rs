//! Those who call: the listener, and what becomes of a caller while others talk.

use super::event::{Event, ToMain};
use super::spawn;
use crate::observe::{For, Observer, Step};
use crate::platform::{self, Connection};
use crate::rules::endpoint::{CALLERS, CLOSE_WITHIN};
use crate::rules::notice::Notice;
use crate::rules::wire::{GOODBYE, PAUSE};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long to wait before the next attempt when the system is out of something.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The listener thread, and the callers who are being turned away.
pub(super) struct Callers {
    address: SocketAddr,
    socket: Arc<TcpListener>,
    listener: JoinHandle<()>,
    /// Dropped, it ends the listener.
    running: Option<Sender<Infallible>>,
    observer: Observer,
    /// The threads that turn a caller away, each with its connection, which closes when the thread ends.
    turned_away: Vec<(Weak<Connection>, JoinHandle<()>)>,
}

impl Callers {
    /// Starts the listener.
    pub(super) fn start(listener: TcpListener, to_main: ToMain) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (running, stop) = bounded(0);
        let socket = Arc::new(listener);
        let shared = Arc::clone(&socket);
        let observer = to_main.observer.clone();
        let listener = spawn("listener", &observer, move || listen(&shared, &stop, &to_main))?;
        Ok(Self { address, socket, listener, running: Some(running), observer, turned_away: Vec::new() })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many are being turned away.
    pub(super) fn being_turned_away(&mut self) -> usize {
        for (_, thread) in self.turned_away.extract_if(.., |(_, thread)| thread.is_finished()) {
            let _ = thread.join();
        }
        self.turned_away.len()
    }

    /// Tells a caller why nobody talks with them, in a line.
    pub(super) fn turn_away(&mut self, connection: Arc<Connection>, line: Vec<u8>) -> io::Result<()> {
        let (shared, kept) = (Arc::downgrade(&connection), Arc::clone(&connection));
        // There may be no thread for more than that.
        let written = platform::write_first(&connection.socket, &line).unwrap_or(0);
        let thread = spawn("turn-away", &self.observer, move || {
            // An error means that the caller has gone, which is what was wanted of it.
            let _ = turn_away(&connection.socket, &line[written..]);
        });
        let thread = thread.inspect_err(|_| drop(platform::write_first(&kept.socket, GOODBYE)))?;
        self.turned_away.push((shared, thread));
        Ok(())
    }

    /// Ends the listener, and turns away who is held or has called by now; in a hurry they are just closed.
    pub(super) fn end(
        mut self,
        mut held: Vec<TcpStream>,
        events: &Receiver<Event>,
        line: &[u8],
        in_a_hurry: bool,
    ) {
        self.running = None;
        // The system would reset those whom nobody has accepted.
        let _ = self.socket.set_nonblocking(true);
        while held.len() < CALLERS
            && let Ok((socket, _)) = self.socket.accept()
        {
            held.push(socket);
        }
        let until = Instant::now() + CLOSE_WITHIN;
        loop {
            let ended = self.listener.is_finished() || Instant::now() >= until;
            held.extend(events.try_iter().filter_map(Event::into_caller));
            if ended {
                break;
            }
            platform::wake_listener(&self.socket, self.address);
            thread::sleep(Duration::from_millis(5));
        }
        if in_a_hurry {
            let connections = self.turned_away.iter().filter_map(|(connection, _)| connection.upgrade());
            connections.for_each(|connection| connection.hang_up());
        } else {
            for socket in held {
                let _ = self.turn_away(Arc::new(Connection::new(socket)), line.to_vec());
            }
        }
        for (_, thread) in self.turned_away {
            let _ = thread.join();
        }
        // If it could not be woken, the end of the process ends it.
        if self.listener.is_finished() {
            let _ = self.listener.join();
        }
    }
}

/// The listener: blocks until somebody calls.
fn listen(listener: &TcpListener, stop: &Receiver<Infallible>, to_main: &ToMain) {
    // What is in the way, too many open files for instance, is said once, until it has passed.
    let mut failing = false;
    loop {
        to_main.observer.emit(|| Step::Waits(For::Caller));
        let event = match listener.accept() {
            Ok((socket, peer)) => {
                failing = false;
                Some(Event::Called(socket, peer))
            }
            // The caller has gone again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
            Err(error) => {
                let said = std::mem::replace(&mut failing, true);
                (!said).then(|| Event::Report(Notice::CannotAccept(error)))
            }
        };
        if event.is_some_and(|event| !to_main.send(event)) {
            return;
        }
        let pause = if failing { RETRY_AFTER } else { Duration::ZERO };
        if stop.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Tells a caller why, says goodbye, and reads what it sends, so that it gets to read that.
fn turn_away(mut socket: &TcpStream, line: &[u8]) -> io::Result<()> {
    let until = Instant::now() + CLOSE_WITHIN;
    // Some systems hand the listener's setting down.
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(CLOSE_WITHIN))?;
    socket.write_all(line)?;
    thread::sleep(PAUSE);
    socket.write_all(GOODBYE)?;
    socket.shutdown(Shutdown::Write)?;
    let mut thrown_away = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        socket.set_read_timeout(Some(left))?;
        if socket.read(&mut thrown_away)? == 0 {
            return Ok(());
        }
    }
}
