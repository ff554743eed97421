//! Two real endpoints in one process, each in its own environment.

use super::event::Event;
use super::side::{Each, Side};
use super::turnstile::Turnstile;
#[cfg(not(poll))]
use crate::cli::cannot_select;
use crate::designs::Design;
use crate::designs::connect::Call;
use crate::designs::environment::Environment;
use crate::designs::half_duplex;
#[cfg(poll)]
use crate::designs::select;
use crate::designs::threads;
use crate::observe::Observer;
use crate::platform::Signals;
use crate::rules::errors::MORE_THREADS;
use crate::rules::exit::Exit;
use crate::rules::settings::Verbosity;
use crate::rules::settings::{OnEof, Settings};
use crate::rules::wire::{DEFAULT_MAX_LINE, Wire};
use crate::terminal::Marked;
use crossbeam_channel::Sender;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Practically without limit: threads that are paused must not be taken for a peer that does not close.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// For the connection over loopback.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Pair {
    ends: Each<End>,
}

/// The demo's side of an endpoint.
struct End {
    keyboard: Keyboard,
    /// The endpoint itself, and the reader of its screen.
    threads: [JoinHandle<()>; 2],
}

/// Where the demo types. Closed when there is no writer.
#[derive(Clone)]
struct Keyboard(Arc<Mutex<Option<PipeWriter>>>);

/// How an endpoint finds the other.
enum Role {
    Serve(TcpListener),
    Connect(SocketAddr),
}

impl Pair {
    /// Starts A, which serves, and B, which connects to it, over TCP.
    ///
    /// # Errors
    /// There are no threads, pipes or sockets left, in a sentence for the user.
    pub(super) fn start(
        design: Design,
        turnstile: &Arc<Turnstile>,
        to_main: &Sender<Event>,
    ) -> Result<Self, String> {
        let cannot = |error| format!("cannot start the demo: {error}{MORE_THREADS}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let start = |side, role| {
            let observer = Observer::default().and(turnstile.observer(side));
            End::start(side, design, role, observer, to_main).map_err(cannot)
        };
        let a = start(Side::A, Role::Serve(listener))?;
        let b = start(Side::B, Role::Connect(address))?;
        Ok(Self { ends: Each::of(a, b) })
    }

    /// Types this on one keyboard. If nobody reads it any more, it is lost.
    pub(super) fn types(&self, side: Side, text: &str) {
        if let Some(keyboard) = self.ends[side].keyboard.lock().as_mut() {
            let _ = keyboard.write_all(text.as_bytes());
        }
    }

    /// Ends the input of both, which say goodbye.
    pub(super) fn close_keyboards(&self) {
        for end in self.ends.iter() {
            end.keyboard.close();
        }
    }

    /// Joins the threads of both, which have ended.
    pub(super) fn join(self) {
        for thread in self.ends.into_both().into_iter().flat_map(|end| end.threads) {
            let _ = thread.join();
        }
    }
}

impl Keyboard {
    fn lock(&self) -> MutexGuard<'_, Option<PipeWriter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the input. True, as the environment promises.
    fn close(&self) -> bool {
        drop(self.lock().take());
        true
    }
}

impl End {
    fn start(
        side: Side,
        design: Design,
        role: Role,
        observer: Observer,
        to_main: &Sender<Event>,
    ) -> io::Result<Self> {
        let (typed, types) = pipe()?;
        let (shown, screen) = pipe()?;
        let keyboard = Keyboard(Arc::new(Mutex::new(Some(types))));
        let devices = Devices { typed, keyboard: keyboard.clone(), screen, observer };
        let (ended, seen) = (to_main.clone(), to_main.clone());
        // As in every other process, the thread of the endpoint itself is called main.
        let endpoint = thread::Builder::new().name("main".to_owned()).spawn(move || {
            // Refused only if the demo is over, as below.
            let _ = ended.send(Event::Ended(side, endpoint(design, role, devices)));
        })?;
        let screen = thread::Builder::new().name(format!("screen of {side}")).spawn(move || {
            let lines = BufReader::new(shown).split(b'\n').map_while(Result::ok);
            for line in lines {
                let _ = seen.send(Event::Shown(side, String::from_utf8_lossy(&line).into_owned()));
            }
            let _ = seen.send(Event::ScreenClosed(side));
        })?;
        Ok(Self { keyboard, threads: [endpoint, screen] })
    }
}

/// What an endpoint is given.
struct Devices {
    typed: PipeReader,
    keyboard: Keyboard,
    screen: PipeWriter,
    observer: Observer,
}

/// The whole life of an endpoint, in its design.
fn endpoint(design: Design, role: Role, devices: Devices) -> Result<Exit, String> {
    let settings = settings();
    match (design, role) {
        (Design::Threads, Role::Serve(listener)) => {
            threads::serve(environment(devices)?, settings, listener, true, true).map_err(no_threads)
        }
        (Design::Threads, Role::Connect(address)) => {
            threads::connect(environment(devices)?, settings, call(address)?).map_err(no_threads)
        }
        #[cfg(poll)]
        (Design::Select, Role::Serve(listener)) => {
            select::serve(environment_for_select(devices), settings, listener, true, true)
                .map_err(|error| format!("cannot listen: {error}"))
        }
        #[cfg(poll)]
        (Design::Select, Role::Connect(address)) => {
            Ok(select::connect(environment_for_select(devices), settings, call(address)?))
        }
        #[cfg(not(poll))]
        (Design::Select, _) => cannot_select(),
        (Design::HalfDuplex, Role::Serve(listener)) => {
            Ok(half_duplex::serve(environment(devices)?, settings, &listener, true, true))
        }
        (Design::HalfDuplex, Role::Connect(address)) => {
            half_duplex::connect(environment(devices)?, settings, call(address)?)
        }
    }
}

fn no_threads(error: impl Display) -> String {
    format!("cannot start a thread: {error}{MORE_THREADS}")
}

/// The environment of a user at a terminal.
fn environment(devices: Devices) -> Result<Environment, String> {
    let Devices { typed, keyboard, screen, observer } = devices;
    let notices = screen.try_clone().map_err(|error| format!("cannot use the screen: {error}"))?;
    Ok(Environment {
        keyboard: Box::new(typed),
        keyboard_is_terminal: true,
        close_keyboard: Some(Box::new(move || keyboard.close())),
        screen: Box::new(Marked { screen, notices, color: false }),
        // As at a terminal, so that the screen-writer has something to do.
        screen_direct: None,
        notices: None,
        transcript: None,
        verbosity: Verbosity::Normal,
        observer,
        signals: Signals::none(),
    })
}

/// The same in descriptors.
#[cfg(poll)]
fn environment_for_select(devices: Devices) -> select::Environment {
    select::Environment {
        keyboard: Some(devices.typed.into()),
        keyboard_is_terminal: true,
        screen: devices.screen.into(),
        notices: None,
        marked: Some(false),
        transcript: None,
        verbosity: Verbosity::Normal,
        observer: devices.observer,
        signals: Signals::none(),
    }
}

fn settings() -> Settings {
    Settings {
        wire: Wire::Lines,
        max_line: DEFAULT_MAX_LINE,
        on_eof: OnEof::Bye,
        to_terminal: true,
        transcribed: false,
        patience: PATIENCE,
    }
}

fn call(address: SocketAddr) -> Result<Call, String> {
    Ok(Call { address: address.to_string().parse()?, timeout: TIMEOUT, wait: None })
}
