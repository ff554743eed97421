//! Those who call: the listener, and what becomes of a caller while others talk.

use super::event::Event;
use crate::notice::{BUSY, Notice};
use crate::platform;
use crate::wire::{GOODBYE, PAUSE, Stamp};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many callers are dealt with at a time, beside the conversation; further ones are just closed.
const MOST: usize = 16;

/// How long a caller is held before it is told that the line is busy. The conversation may just be ending,
/// and its end be under way to main from another thread.
const HOLD: Duration = Duration::from_millis(200);

/// How long it may take a caller who is turned away to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// How long to wait before the next attempt when the system is out of something.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The listener thread, and the callers for whom there is no conversation yet.
pub(super) struct Callers {
    address: SocketAddr,
    socket: Arc<TcpListener>,
    listener: JoinHandle<()>,
    /// Dropped, it ends the listener.
    running: Option<Sender<Infallible>>,
    held: VecDeque<Held>,
    /// The threads that turn a caller away, each with its socket, which closes when the thread ends.
    turned_away: Vec<(Weak<TcpStream>, JoinHandle<()>)>,
}

struct Held {
    socket: TcpStream,
    peer: SocketAddr,
    until: Instant,
}

impl Callers {
    /// Starts the listener.
    pub(super) fn start(listener: TcpListener, to_main: Sender<Event>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (running, stop) = bounded(0);
        let socket = Arc::new(listener);
        let shared = Arc::clone(&socket);
        let listener = thread::Builder::new()
            .name("listener".to_owned())
            .spawn(move || listen(&shared, &stop, &to_main))?;
        Ok(Self {
            address,
            socket,
            listener,
            running: Some(running),
            held: VecDeque::new(),
            turned_away: Vec::new(),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody calls. A notice if that is one too many.
    pub(super) fn hold(&mut self, socket: TcpStream, peer: SocketAddr, now: Instant) -> Option<Notice> {
        for (_, thread) in self.turned_away.extract_if(.., |(_, thread)| thread.is_finished()) {
            let _ = thread.join();
        }
        if self.held.len() + self.turned_away.len() >= MOST {
            return Some(Notice::Closed(peer));
        }
        self.held.push_back(Held { socket, peer, until: now + HOLD });
        None
    }

    /// The next one who may talk.
    pub(super) fn next(&mut self) -> Option<(TcpStream, SocketAddr)> {
        self.held.pop_front().map(|held| (held.socket, held.peer))
    }

    /// When somebody has been held long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.front().map(|held| held.until)
    }

    /// Turns away whoever has been held longest.
    pub(super) fn turn_away(&mut self, stamp: Stamp) -> Option<Notice> {
        let Held { socket, peer, .. } = self.held.pop_front()?;
        let socket = Arc::new(socket);
        let shared = Arc::downgrade(&socket);
        let spawned = thread::Builder::new().name("turn-away".to_owned()).spawn(move || {
            // An error means that the caller has gone, which is what was wanted of it.
            let _ = turn_away(&socket, stamp);
        });
        Some(match spawned {
            Ok(thread) => {
                self.turned_away.push((shared, thread));
                Notice::TurnedAway(peer)
            }
            Err(error) => Notice::CannotTurnAway(error),
        })
    }

    /// Ends the listener, and turns away who is left; in a hurry they are just closed.
    pub(super) fn end(mut self, stamp: Stamp, in_a_hurry: bool) {
        self.running = None;
        let began = Instant::now();
        while !self.listener.is_finished() && began.elapsed() < CLOSE_WITHIN {
            platform::wake_listener(&self.socket, self.address);
            thread::sleep(Duration::from_millis(5));
        }
        if in_a_hurry {
            let sockets = self.turned_away.iter().filter_map(|(socket, _)| socket.upgrade());
            sockets.for_each(|socket| platform::hang_up(&socket));
        } else {
            while !self.held.is_empty() {
                self.turn_away(stamp);
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
fn listen(listener: &TcpListener, stop: &Receiver<Infallible>, to_main: &Sender<Event>) {
    // What is in the way, too many open files for instance, is said once, until it has passed.
    let mut failing = false;
    loop {
        let event = match listener.accept() {
            Ok((socket, peer)) => {
                failing = false;
                Some(Event::Called(socket, peer))
            }
            // The caller has gone again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
            Err(error) => {
                let said = std::mem::replace(&mut failing, true);
                (!said).then(|| Event::Tell(Notice::CannotAccept(error)))
            }
        };
        if event.is_some_and(|event| to_main.send(event).is_err()) {
            return;
        }
        let pause = if failing { RETRY_AFTER } else { Duration::ZERO };
        if stop.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Tells a caller that the line is busy, says goodbye, and reads what it sends, so that it gets to read that.
fn turn_away(mut socket: &TcpStream, stamp: Stamp) -> io::Result<()> {
    let until = Instant::now() + CLOSE_WITHIN;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(CLOSE_WITHIN))?;
    socket.write_all(&[stamp.as_bytes(), BUSY.as_bytes(), b"\n"].concat())?;
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
