//! The select design: one thread waits for everything at once and does whatever has become possible.
//!
//! ```text
//!            ┌────────────── wait: poll ──────────────┐
//!            │ keyboard, socket, screen, callers, …   │
//!            ▼                                        │
//!   what is ready is read ──▶ decide ──▶ written, as much as is taken
//! ```
//!
//! It shares the rules with [`threads`](crate::designs::threads), and mirrors it file for file:
//!
//! 1. `wait.rs`: the one place that waits, and what can be ready then.
//! 2. `main_loop.rs`: `wait` waits, `handle` reads what is ready, `perform_actions` does what follows from it.
//! 3. `console.rs`: the keyboard, the screen and the signals. `session.rs`: the socket of one conversation.
//! 4. `outbox.rs` and `screen.rs`: the two ways out. What is not taken at once waits in a queue.
//! 5. `transcript.rs`: a third way out.
//! 6. `callers.rs` and `connector.rs`: how two people come together.
//! 7. `hub/`: many people, with one more poller for their connections, and the rules of [`hub`](crate::rules::hub).
//!
//! Nothing blocks but the look-up of a name, for which systems have no other call, and writing to a paused terminal of
//! another user. Memory does not grow: what is read travels in the same few [buffers](crate::rules::buffer) until it is
//! written.
//!
//! It uses `poll` because `epoll` refuses regular files. On Windows `poll` knows only sockets, so that this design is
//! not available there.

mod callers;
mod connector;
mod console;
#[cfg(feature = "hub")]
mod hub;
mod main_loop;
mod outbox;
mod pool;
mod screen;
mod session;
mod transcript;
mod wait;

use crate::designs::Task;
use crate::designs::environment::Environment;
use crate::rules::errors;
use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use main_loop::MainLoop;
use std::io;

/// Does a task from start to end.
///
/// # Errors
/// The system lets us neither set nor ask what we need about the listening socket, or gives a hub no poller.
pub(super) fn run(task: Task, environment: Environment) -> Result<Exit, Failure> {
    let observer = environment.observer.clone();
    let life = || -> io::Result<Exit> {
        Ok(match task {
            Task::Serve { listeners, port_was_chosen, once, settings } => {
                MainLoop::serve(environment, settings, listeners, port_was_chosen, once)?.run()
            }
            Task::Connect { call, settings } => MainLoop::connect(environment, settings, call).run(),
            #[cfg(feature = "hub")]
            Task::Hub {
                listeners,
                port_was_chosen,
                settings,
                #[cfg(feature = "link")]
                link,
                web,
            } => {
                let hub = hub::HubLoop::start(environment, settings, listeners, port_was_chosen, web)?;
                #[cfg(feature = "link")]
                let hub = hub.linked(link.as_deref());
                hub.run()
            }
        })
    };
    observer
        .watch(life)
        .map_err(|error| Failure::new("cannot wait for callers", &error).hint(errors::hint(&error)))
}
