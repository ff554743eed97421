//! The connector: looks up a name and calls, both of which can take long.

use super::channel::{Receiver, Sender, TryRecvError, bounded};
use super::event::{ConsoleEvent, Event, ToMain};
use super::thread::spawn;
use crate::designs::connect::{Calls, Progress, look_up};
use crate::observe::{For, Step};
use crate::rules::calling::{Call, Calling};
use crate::rules::failure::Failure;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// Calls in a thread of its own, which ends when this is dropped. It may be left behind when the program ends: nothing can
/// wake a thread that waits for the system to look up a name or to reach an address.
pub(super) struct Connector {
    call: Call,
    to_main: ToMain<Event>,
    /// Dropped, it ends the thread when that next looks.
    running: Sender<Infallible>,
}

impl Connector {
    pub(super) fn start(call: Call, to_main: ToMain<Event>) -> io::Result<Self> {
        let running = start(Calling::new(call.clone(), Instant::now()), to_main.clone())?;
        Ok(Self { call, to_main, running })
    }

    /// Calls once more.
    pub(super) fn call_again(&mut self) -> io::Result<()> {
        self.running = start(Calling::again(self.call.clone(), Instant::now()), self.to_main.clone())?;
        Ok(())
    }
}

fn start(calling: Calling, to_main: ToMain<Event>) -> io::Result<Sender<Infallible>> {
    let (running, stop) = bounded(0);
    let observer = to_main.observer.clone();
    spawn("connector", &observer, move || {
        to_main.observer.emit(|| Step::Waits(For::Connection));
        let outcome = run(Calls::new(calling), &stop, &to_main);
        to_main.send(Event::Connected(outcome));
    })?;
    Ok(running)
}

/// Calls until somebody answers, the time is up, or the sender of `stop` is dropped. An error is a sentence for the
/// user.
fn run(
    mut calls: Calls,
    stop: &Receiver<Infallible>,
    to_main: &ToMain<Event>,
) -> Result<(TcpStream, SocketAddr), Failure> {
    loop {
        match calls.go_on(look_up) {
            Progress::None => calls.wait(),
            Progress::Report(notice) => _ = to_main.send(ConsoleEvent::Report(notice)),
            Progress::Ended(outcome) => return outcome,
        }
        if stop.try_recv() == Err(TryRecvError::Disconnected) {
            return Err("not connected".into());
        }
    }
}
