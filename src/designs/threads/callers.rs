//! The listener, and the callers who are turned away because others talk.

use super::event::{ConsoleEvent, ProgramEvent, ToMain};
use super::thread::{Thread, spawn};
use crate::designs::connect::RETRY_AFTER;
use crate::observe::{For, Observer, Step};
use crate::platform::{self, Connection};
use crate::rules::endpoint::{CALLERS, CLOSE_WITHIN};
use crate::rules::farewell::{Farewell, Next};
use crate::rules::notice::AcceptFailures;
use crate::rules::wire::GOODBYE;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, after, bounded, select_biased};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How many callers may be on their way from the listener to main. Further ones wait in the system's queue, where they cost
/// no descriptor, until main has decided about one of these. More would not be faster, and a hub keeps few descriptors free
/// for them.
const ON_THE_WAY: usize = 4;

/// A caller on the way to main.
pub(super) struct Caller {
    pub(super) socket: TcpStream,
    pub(super) peer: SocketAddr,
    /// Dropped when main has decided about the caller.
    _credit: Credit,
}

/// Allows the listener to accept one caller. Dropped, it returns to the listener.
struct Credit {
    home: Sender<()>,
}

/// The listener thread, and the callers who are being turned away.
pub(super) struct Callers {
    address: SocketAddr,
    socket: Arc<TcpListener>,
    listener: Thread,
    /// Dropped, it ends the listener when it next looks.
    running: Option<Sender<Infallible>>,
    observer: Observer,
    turned_away: Vec<TurnedAway>,
}

/// A caller who is being turned away.
struct TurnedAway {
    address: IpAddr,
    /// It closes when the thread ends.
    connection: Weak<Connection>,
    thread: Thread,
}

impl Callers {
    /// Starts the listener.
    pub(super) fn start<E: ProgramEvent>(listener: TcpListener, to_main: ToMain<E>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (running, stop) = bounded(0);
        let socket = Arc::new(listener);
        let shared = Arc::clone(&socket);
        let observer = to_main.observer.clone();
        let listener = spawn("listener", &observer, move || listen(&shared, &stop, &to_main))?;
        Ok(Self { address, socket, listener, running: Some(running), observer, turned_away: Vec::new() })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The addresses of the callers who are being turned away.
    pub(super) fn being_turned_away(&mut self) -> Vec<IpAddr> {
        for caller in self.turned_away.extract_if(.., |caller| caller.thread.has_ended()) {
            caller.thread.join();
        }
        self.turned_away.iter().map(|caller| caller.address).collect()
    }

    /// Sends a caller a line that says why nobody talks with them, and a goodbye.
    pub(super) fn turn_away(&mut self, connection: Arc<Connection>, line: Vec<u8>) -> io::Result<()> {
        // Without an address the caller has gone, as it should.
        let Ok(peer) = connection.socket.peer_addr() else { return Ok(()) };
        let (shared, kept) = (Arc::downgrade(&connection), Arc::clone(&connection));
        // Written here, because there may be no thread for the rest.
        let written = platform::write_first(&connection.socket, &line).unwrap_or(0);
        let thread = spawn("turn-away", &self.observer, move || {
            // An error means that the caller has gone, as it should.
            let _ = turn_away(&connection.socket, &line[written..]);
        });
        let thread = thread.inspect_err(|_| drop(platform::write_first(&kept.socket, GOODBYE)))?;
        self.turned_away.push(TurnedAway { address: peer.ip(), connection: shared, thread });
        Ok(())
    }

    /// Ends the listener, and turns away the callers who are held or have called by now. In a hurry it just
    /// disconnects them.
    pub(super) fn end<E: ProgramEvent>(
        mut self,
        mut held: Vec<TcpStream>,
        events: &Receiver<E>,
        line: &[u8],
        in_a_hurry: bool,
    ) {
        self.running = None;
        // The system would reset the callers whom nobody has accepted.
        let _ = self.socket.set_nonblocking(true);
        while held.len() < CALLERS
            && let Ok((socket, _)) = self.socket.accept()
        {
            held.push(socket);
        }
        held.extend(self.end_listener(events));
        if in_a_hurry {
            let connections = self.turned_away.iter().filter_map(|caller| caller.connection.upgrade());
            connections.for_each(|connection| connection.hang_up());
        } else {
            for socket in held {
                let _ = self.turn_away(Arc::new(Connection::new(socket)), line.to_vec());
            }
        }
        for caller in self.turned_away {
            caller.thread.join();
        }
        // If nothing could wake it, it is left behind.
        self.listener.join_within(Duration::ZERO);
    }

    /// Wakes the listener, waits for its end, and returns the callers whom it has accepted.
    fn end_listener<E: ProgramEvent>(&self, events: &Receiver<E>) -> Vec<TcpStream> {
        let caller = |event: E| match event.into_console() {
            Some(ConsoleEvent::Called(caller)) => Some(caller.socket),
            _ => None,
        };
        let mut called = Vec::new();
        let due = after(CLOSE_WITHIN);
        platform::wake_listener(&self.socket, self.address);
        loop {
            select_biased! {
                recv(self.listener.ended()) -> _ => break,
                recv(due) -> _ => break,
                // A full channel may block the listener.
                recv(events) -> event => called.extend(event.ok().and_then(caller)),
            }
        }
        // Other threads may still send. What the listener has sent is in the channel by now.
        called.extend(events.try_iter().take(events.len()).filter_map(caller));
        called
    }
}

/// The listener: blocks until somebody calls.
fn listen<E: ProgramEvent>(listener: &TcpListener, stop: &Receiver<Infallible>, to_main: &ToMain<E>) {
    let mut failures = AcceptFailures::default();
    let credits = Credits::new(ON_THE_WAY);
    while let Some(credit) = credits.take(stop) {
        to_main.observer.emit(|| Step::Waits(For::Caller));
        let mut pause = Duration::ZERO;
        let event = match listener.accept() {
            Ok((socket, peer)) => Some(ConsoleEvent::Called(Caller { socket, peer, _credit: credit })),
            // The caller has gone again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
            // The end of the listener is no failure of it.
            Err(_) if stop.try_recv() == Err(TryRecvError::Disconnected) => return,
            Err(error) => {
                pause = RETRY_AFTER;
                failures.failed(error, Instant::now()).map(ConsoleEvent::Report)
            }
        };
        if event.is_some_and(|event| !to_main.send(event)) {
            return;
        }
        if stop.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// The credits that are not with a caller.
struct Credits {
    free: Receiver<()>,
    home: Sender<()>,
}

impl Credits {
    fn new(count: usize) -> Self {
        let (home, free) = bounded(count);
        let credits = Self { free, home };
        (0..count).for_each(|_| drop(credits.lend()));
        credits
    }

    /// Waits for a credit. `None` when the sender of `stop` has been dropped.
    fn take(&self, stop: &Receiver<Infallible>) -> Option<Credit> {
        select_biased! {
            recv(stop) -> _ => None,
            recv(self.free) -> _ => Some(self.lend()),
        }
    }

    fn lend(&self) -> Credit {
        Credit { home: self.home.clone() }
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        // Fails only if the listener has ended.
        let _ = self.home.try_send(());
    }
}

/// Sends a caller the line and a goodbye, and reads what the caller sends.
fn turn_away(mut socket: &TcpStream, line: &[u8]) -> io::Result<()> {
    // Some systems pass on the setting of the listening socket.
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(CLOSE_WITHIN))?;
    socket.write_all(line)?;
    let mut farewell = Farewell::new(Instant::now());
    let mut discarded = [0; 4096];
    loop {
        let now = Instant::now();
        match farewell.next(now) {
            Next::SayGoodbye => socket.write_all(GOODBYE)?,
            Next::HalfClose => socket.shutdown(Shutdown::Write)?,
            Next::Wait(until) if farewell.reads() => {
                // Zero would mean no limit.
                socket.set_read_timeout(Some((until - now).max(Duration::from_millis(1))))?;
                match socket.read(&mut discarded) {
                    Ok(bytes) => farewell.received(&discarded[..bytes]),
                    Err(error) if is_time_out(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            Next::Wait(until) => thread::sleep(until - now),
            Next::Close => return Ok(()),
        }
    }
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_more_callers_are_accepted_than_main_decides_about_and_the_end_wakes_the_listener() {
        let credits = Credits::new(ON_THE_WAY);
        let (running, stop) = bounded(0);
        let mut callers: Vec<Credit> = (0..ON_THE_WAY).map(|_| credits.take(&stop).unwrap()).collect();
        assert!(credits.free.is_empty());
        // Main decides about one of them.
        callers.pop();
        callers.push(credits.take(&stop).unwrap());
        assert!(credits.free.is_empty());
        drop(running);
        assert!(credits.take(&stop).is_none());
    }
}
