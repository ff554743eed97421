//! The listeners, and the callers who are turned away because others talk.

use super::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, after, bounded, select_biased};
use super::event::{ConsoleEvent, ProgramEvent, ToMain};
use super::thread::{Thread, spawn};
use crate::observe::{For, Observer, Step};
use crate::platform::{self, Connection};
use crate::rules::calling::RETRY_AFTER;
use crate::rules::endpoint::{CALLERS, CLOSE_WITHIN};
use crate::rules::farewell::{Farewell, Next};
use crate::rules::notice::AcceptFailures;
use crate::rules::wire::GOODBYE;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How many callers may be on their way from the listeners to main. Further ones wait in the system's queue, where they cost
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

/// Allows a listener to accept one caller. Dropped, it returns to the listeners.
struct Credit {
    home: Sender<()>,
}

/// The listener threads, and the callers who are being turned away.
pub(super) struct Callers {
    listeners: Vec<Listener>,
    /// Dropped, it ends the listeners when they next look.
    running: Option<Sender<Infallible>>,
    observer: Observer,
    turned_away: Vec<TurnedAway>,
}

/// A thread that accepts callers at one address.
struct Listener {
    address: SocketAddr,
    socket: Arc<TcpListener>,
    thread: Thread,
}

/// A caller who is being turned away.
struct TurnedAway {
    address: IpAddr,
    /// It closes when the thread ends.
    connection: Weak<Connection>,
    thread: Thread,
}

impl Callers {
    /// Starts a listener for each of these sockets.
    pub(super) fn start<E: ProgramEvent>(sockets: Vec<TcpListener>, to_main: &ToMain<E>) -> io::Result<Self> {
        let (running, stop) = bounded(0);
        // Each of them holds a credit while it waits for a caller.
        let credits = Credits::new(ON_THE_WAY.max(sockets.len()));
        let failures = Arc::new(Mutex::new(AcceptFailures::default()));
        let start = |socket: TcpListener| {
            let (address, socket) = (socket.local_addr()?, Arc::new(socket));
            let shared = Arc::clone(&socket);
            let (credits, failures) = (credits.clone(), Arc::clone(&failures));
            let (stop, to_main) = (stop.clone(), to_main.clone());
            let observer = to_main.observer.clone();
            let listen = move || listen(&shared, &credits, &failures, &stop, &to_main);
            Ok(Listener { address, socket, thread: spawn("listener", &observer, listen)? })
        };
        let listeners = sockets.into_iter().map(start).collect::<io::Result<_>>()?;
        let observer = to_main.observer.clone();
        Ok(Self { listeners, running: Some(running), observer, turned_away: Vec::new() })
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
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
            let _ = turn_away(&connection.socket, &line, written);
        });
        let thread = thread.inspect_err(|_| drop(platform::write_first(&kept.socket, GOODBYE)))?;
        self.turned_away.push(TurnedAway { address: peer.ip(), connection: shared, thread });
        Ok(())
    }

    /// Ends the listeners, and turns away the callers who are held or have called by now. In a hurry it just
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
        for Listener { socket: listener, .. } in &self.listeners {
            let _ = listener.set_nonblocking(true);
            while held.len() < CALLERS
                && let Ok((socket, _)) = listener.accept()
            {
                held.push(socket);
            }
        }
        held.extend(self.end_listeners(events));
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
        for listener in self.listeners {
            // If nothing could wake it, it is left behind.
            listener.thread.join_within(Duration::ZERO);
        }
    }

    /// Wakes the listeners, waits for their end, and returns the callers whom they have accepted.
    fn end_listeners<E: ProgramEvent>(&self, events: &Receiver<E>) -> Vec<TcpStream> {
        let caller = |event: E| match event.into_console() {
            Some(ConsoleEvent::Called(caller)) => Some(caller.socket),
            _ => None,
        };
        let mut called = Vec::new();
        let due = after(CLOSE_WITHIN);
        for Listener { address, socket, .. } in &self.listeners {
            platform::wake_listener(socket, *address);
        }
        'listeners: for Listener { thread, .. } in &self.listeners {
            while !thread.has_ended() {
                select_biased! {
                    recv(thread.ended()) -> _ => break,
                    recv(due) -> _ => break 'listeners,
                    // A full channel may block a listener.
                    recv(events) -> event => called.extend(event.ok().and_then(caller)),
                }
            }
        }
        // Other threads may still send. What the listeners have sent is in the channel by now.
        called.extend(events.try_iter().take(events.len()).filter_map(caller));
        called
    }
}

/// A listener: blocks until somebody calls. All listeners share the failures, because what is short is short for all of them.
fn listen<E: ProgramEvent>(
    listener: &TcpListener,
    credits: &Credits,
    failures: &Mutex<AcceptFailures>,
    stop: &Receiver<Infallible>,
    to_main: &ToMain<E>,
) {
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
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
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

/// The credits that are not with a caller. All listeners share them.
#[derive(Clone)]
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
        // Fails only if the listeners have ended.
        let _ = self.home.try_send(());
    }
}

/// Sends a caller the line and a goodbye, and reads what the caller sends.
fn turn_away(mut socket: &TcpStream, line: &[u8], written: usize) -> io::Result<()> {
    // Some systems pass on the setting of the listening socket.
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(CLOSE_WITHIN))?;
    socket.write_all(&line[written..])?;
    let mut farewell = Farewell::after(line, Instant::now());
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
    use super::super::event::Event;
    use super::*;

    #[test]
    fn every_listener_accepts_callers_although_there_are_more_listeners_than_credits() {
        let sockets = (0..=ON_THE_WAY).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let (channel, events) = bounded::<Event>(64);
        let callers = Callers::start(sockets, &ToMain::new(channel, Observer::default())).unwrap();
        for address in callers.addresses() {
            let _caller = TcpStream::connect(address).unwrap();
            let Event::Console(ConsoleEvent::Called(caller)) =
                events.recv_timeout(Duration::from_secs(60)).unwrap()
            else {
                unreachable!("the listeners send nothing else")
            };
            assert_eq!(caller.socket.local_addr().unwrap(), address);
        }
        callers.end(Vec::new(), &events, b"", true);
    }

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
