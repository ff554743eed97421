//! Two real endpoints in one process, each in its own environment.

use super::event::Event;
use super::side::{Each, Side};
use super::turnstile::Turnstile;
use crate::designs::environment::Environment;
use crate::designs::{Design, Task};
use crate::observe::Observer;
use crate::observe::thread::MAIN;
use crate::platform::Signals;
use crate::rules::calling::Call;
use crate::rules::errors::MORE_THREADS;
use crate::rules::failure::Failure;
use crate::rules::settings::{Caller, OnEof, Settings, Verbosity};
use crate::rules::wire::{DEFAULT_MAX_LINE, Wire};
use crate::terminal::{Terminal, Timestamps, View};
use crossbeam_channel::Sender;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::net::{Ipv4Addr, TcpListener};
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

impl Pair {
    /// Starts A, which serves, and B, which connects to it, over TCP.
    ///
    /// # Errors
    /// There are no threads, pipes or sockets left.
    pub(super) fn start(
        design: Design,
        turnstile: &Arc<Turnstile>,
        to_main: &Sender<Event>,
    ) -> Result<Self, Failure> {
        let cannot = |error| Failure::new("cannot start the demo", error).hint(MORE_THREADS);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let call = Call {
            address: address.into(),
            timeout: TIMEOUT,
            wait: None,
            caller: Caller::default(),
            encrypted_only: Vec::new(),
        };
        let start = |side, task| {
            let observer = Observer::default().and(turnstile.observer(side));
            End::start(side, design, task, observer, to_main).map_err(cannot)
        };
        let serve = Task::Serve {
            listeners: vec![listener],
            port_was_chosen: true,
            once: true,
            settings: settings(),
        };
        let a = start(Side::A, serve)?;
        let b = start(Side::B, Task::Connect { call, settings: settings() })?;
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
        task: Task,
        observer: Observer,
        to_main: &Sender<Event>,
    ) -> io::Result<Self> {
        let (typed, types) = pipe()?;
        let (shown, screen) = pipe()?;
        let keyboard = Keyboard(Arc::new(Mutex::new(Some(types))));
        let devices = Devices { typed, keyboard: keyboard.clone(), screen, observer };
        let (ended, seen) = (to_main.clone(), to_main.clone());
        // As in every other process, the thread of the endpoint itself is called main.
        let endpoint = thread::Builder::new().name(MAIN.to_owned()).spawn(move || {
            let outcome = design.run(task, devices.into_environment());
            // Refused only if the demo is over, as below.
            let _ = ended.send(Event::Ended(side, outcome));
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

impl Devices {
    /// An endpoint gets a terminal, so that it says how a conversation ended, and its screen-writer has something to do.
    fn into_environment(self) -> Environment {
        let Self { typed, keyboard, screen, observer } = self;
        Environment {
            keyboard: Some(Box::new(typed)),
            keyboard_is_terminal: true,
            close_keyboard: Some(Box::new(move || keyboard.close())),
            screen: Box::new(screen),
            terminal: Some(Terminal::new(View::new(Timestamps::None, false, false), None)),
            notices: None,
            transcript: None,
            reopen_trace: None,
            security: None,
            remember: None,
            verbosity: Verbosity::Normal,
            observer,
            signals: Signals::none(),
        }
    }
}

fn settings() -> Settings {
    Settings {
        wire: Wire::Lines,
        max_line: DEFAULT_MAX_LINE,
        on_eof: OnEof::Bye,
        to_terminal: true,
        literal: false,
        transcribed: false,
        // Nobody else calls, and A may speak first.
        probe_time: Duration::ZERO,
        patience: PATIENCE,
    }
}
