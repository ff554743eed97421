//! The threads design: whatever can block has a thread of its own, and only main decides anything.
//!
//! ```text
//!  keyboard ──▶ [stdin-reader]  ──┐                       ┌──▶ [socket-writer] ──▶ socket
//!                                 ├─▶ one channel ─▶ main ─┤
//!  socket   ──▶ [socket-reader] ──┘    of Event           └──▶ [screen-writer] ──▶ screen
//! ```
//!
//! Read it in this order:
//!
//! 1. `event.rs`: what can happen.
//! 2. `reader.rs`: the two readers, which are the same code. `pool.rs`: their buffers.
//! 3. `main_loop.rs`: main. `next_event` waits, `handle` passes the event on, `perform_actions` does what follows from it.
//!    The rules are in [`endpoint`](crate::rules::endpoint) and [`conversation`](crate::rules::conversation).
//! 4. `console.rs`: the keyboard, the screen and the signals. `session.rs`: what runs for one conversation.
//! 5. `outbox.rs` and `screen.rs`: the two ways out, and the threads that write. `queue.rs`: the queue to such a thread.
//! 6. `transcript.rs`: a third way out.
//! 7. `callers.rs` and `connector.rs`: how two people come together.
//! 8. `hub/`: many people. The same picture with a reader for each client, and the rules of [`hub`](crate::rules::hub).
//! 9. `thread.rs`: how threads start and end.
//!
//! Memory does not grow: the readers own the [buffers](crate::rules::buffer) in which everything travels.

mod callers;
mod connector;
mod console;
mod event;
#[cfg(feature = "hub")]
mod hub;
mod main_loop;
mod outbox;
mod pool;
mod queue;
mod reader;
mod screen;
mod session;
mod thread;
mod transcript;

use crate::designs::connect::Call;
use crate::designs::environment::Environment;
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
/// The system cannot start a thread.
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
/// The system cannot start a thread.
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
///
/// # Errors
/// The system cannot start a thread.
pub fn connect(environment: Environment, settings: Settings, call: Call) -> io::Result<Exit> {
    let observer = environment.observer.clone();
    observer.watch(|| Ok(MainLoop::connect(environment, settings, call)?.run()))
}
