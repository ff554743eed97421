//! A network between a browser and the hub, in which things go wrong.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Passes on what comes, as long as nothing else is said.
pub struct Network {
    pub port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    /// Nothing arrives, and nobody is told.
    is_silent: bool,
    /// So it is for what the hub sends.
    loses_answers: bool,
    /// Connections that began before this number are silent for ever.
    first_alive: usize,
    /// And those before this one have broken.
    first_whole: usize,
    connections: usize,
}

impl Network {
    /// To this port of the hub.
    pub fn to(hub: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let network = Self { port: listener.local_addr().unwrap().port(), shared: Arc::default() };
        let shared = Arc::clone(&network.shared);
        // It ends with the test process.
        thread::spawn(move || {
            for caller in listener.incoming() {
                let (caller, shared) = (caller.unwrap(), Arc::clone(&shared));
                thread::spawn(move || connect(&caller, hub, &shared));
            }
        });
        network
    }

    pub fn falls_silent(&self) {
        self.changes(|state| state.is_silent = true);
    }

    pub fn is_back(&self) {
        self.changes(|state| state.is_silent = false);
    }

    /// The browser is somewhere else now, and nothing comes from where it was.
    pub fn is_another(&self) {
        self.changes(|state| (state.is_silent, state.first_alive) = (false, state.connections));
    }

    /// From now on, nothing that the hub sends arrives.
    pub fn loses_answers(&self) {
        self.changes(|state| state.loses_answers = true);
    }

    /// The connections break with what is under way, and new ones are as good as ever.
    pub fn breaks(&self) {
        self.changes(|state| {
            let connections = state.connections;
            *state = State { first_whole: connections, connections, ..State::default() };
        });
    }

    fn changes(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.0.lock().unwrap());
        self.shared.1.notify_all();
    }
}

fn connect(caller: &TcpStream, hub: u16, shared: &Arc<(Mutex<State>, Condvar)>) {
    let mut state = shared.1.wait_while(shared.0.lock().unwrap(), |state| state.is_silent).unwrap();
    let number = state.connections;
    state.connections += 1;
    drop(state);
    let may_pass = move |shared: &(Mutex<State>, Condvar), is_answer: bool| {
        let is_held = |state: &mut State| {
            let is_silent = state.is_silent || is_answer && state.loses_answers || number < state.first_alive;
            is_silent && number >= state.first_whole
        };
        let state = shared.1.wait_while(shared.0.lock().unwrap(), is_held).unwrap();
        number >= state.first_whole
    };
    let Ok(hub) = TcpStream::connect(("127.0.0.1", hub)) else { return };
    let (from, to, other) = (caller.try_clone().unwrap(), hub.try_clone().unwrap(), Arc::clone(shared));
    thread::spawn(move || pass_on(&from, &to, || may_pass(&other, false)));
    pass_on(&hub, caller, || may_pass(shared, true));
}

/// Until either side ends, or the connection breaks.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream, may_pass: impl Fn() -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !may_pass() || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    may_pass();
    for socket in [from, to] {
        // It may be closed already.
        let _ = socket.shutdown(Shutdown::Both);
    }
}
