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
mod environment;
#[cfg(feature = "hub")]
mod hub;
mod main_loop;
mod outbox;
mod pool;
mod screen;
mod session;
mod transcript;
mod wait;

pub use environment::Environment;

use crate::designs::connect::Call;
use crate::rules::exit::Exit;
#[cfg(feature = "hub")]
use crate::rules::hub::Settings as HubSettings;
use crate::rules::settings::Settings;
use main_loop::MainLoop;
use std::io;
use std::net::TcpListener;

/// Accepts callers and talks with them, one at a time, or with the first one only (`once`). Unless the user chose the
/// port, `-q` does not hide the address that it listens on.
///
/// # Errors
/// The listening socket cannot be used without blocking.
pub fn serve(
    environment: Environment,
    settings: Settings,
    listener: TcpListener,
    port_was_chosen: bool,
    once: bool,
) -> io::Result<Exit> {
    let observer = environment.observer.clone();
    observer.watch(|| Ok(MainLoop::serve(environment, settings, listener, port_was_chosen, once)?.run()))
}

/// Lets any number of people talk with each other.
///
/// # Errors
/// The listening socket cannot be used without blocking, or the system has no poller left.
#[cfg(feature = "hub")]
pub fn hub(
    environment: Environment,
    settings: HubSettings,
    listener: TcpListener,
    port_was_chosen: bool,
) -> io::Result<Exit> {
    let observer = environment.observer.clone();
    observer.watch(|| Ok(hub::HubLoop::start(environment, settings, listener, port_was_chosen)?.run()))
}

/// Calls somebody and talks with them.
#[must_use]
pub fn connect(environment: Environment, settings: Settings, call: Call) -> Exit {
    let observer = environment.observer.clone();
    observer.watch(|| MainLoop::connect(environment, settings, call).run())
}
