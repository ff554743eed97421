//! The threads design: whatever can block has a thread of its own, and nobody but main decides anything.
//!
//! ```text
//!  keyboard ──▶ [stdin-reader]  ──┐                       ┌──▶ [socket-writer] ──▶ socket
//!                                 ├─▶ one channel ─▶ main ─┤
//!  socket   ──▶ [socket-reader] ──┘    of Event           └──▶ [screen-writer] ──▶ screen
//! ```
//!
//! Read it in this order:
//!
//! 1. `event.rs`: all that can happen.
//! 2. `reader.rs`: the two readers, which are one piece of code.
//! 3. `main_loop.rs`: main. `next_event` waits, `handle` passes on what happened, `perform_actions` does what is to be done. The
//!    rules are in [`endpoint`](crate::rules::endpoint) and [`conversation`](crate::rules::conversation).
//! 4. `desk.rs`: the keyboard, the screen and the signals. `talk.rs`: what runs for one conversation.
//! 5. `outbox.rs` and `screen.rs`: the two ways out, and the threads that write.
//! 6. `transcript.rs`: a third way out, for those who want it on record.
//! 7. `callers.rs` and `connector.rs`: how two people come together.
//! 8. `hub/`: many people. The same picture with a reader for each client, and the rules of [`room`](crate::rules::hub).
//!
//! Nothing here grows: the readers own the [buffers](crate::rules::buffer) in which everything travels.

mod callers;
mod connector;
mod console;
mod event;
#[cfg(feature = "hub")]
mod hub;
mod main_loop;
mod outbox;
mod pool;
mod reader;
mod screen;
mod session;
mod transcript;

use crate::designs::Task;
use crate::designs::environment::Environment;
use crate::observe::Observer;
use crate::rules::errors::MORE_THREADS;
use crate::rules::exit::Exit;
use crate::rules::failure::{Context, Failure};
use main_loop::MainLoop;
use std::io;
use std::thread::{self, JoinHandle};

/// Does a task from start to end.
///
/// # Errors
/// The system has no thread left for it.
pub(super) fn run(task: Task, environment: Environment) -> Result<Exit, Failure> {
    let observer = environment.observer.clone();
    let life = || -> io::Result<Exit> {
        Ok(match task {
            Task::Serve { listener, port_was_chosen, once, settings } => {
                MainLoop::serve(environment, settings, listener, port_was_chosen, once)?.run()
            }
            Task::Connect { call, settings } => MainLoop::connect(environment, settings, call)?.run(),
            #[cfg(feature = "hub")]
            Task::Hub { listener, port_was_chosen, rules } => {
                hub::HubLoop::start(environment, rules, listener, port_was_chosen)?.run()
            }
        })
    };
    observer.watch(life).context("cannot start a thread").map_err(|failure| failure.hint(MORE_THREADS))
}

/// Starts a thread. Every thread has a name, and its life is observed from its start to its end.
fn spawn(name: &str, observer: &Observer, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    spawn_as(thread::Builder::new().name(name.to_owned()), observer, run)
}

/// The same with a stack of another size.
fn spawn_as(
    thread: thread::Builder,
    observer: &Observer,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let observer = observer.clone();
    thread.spawn(move || observer.watch(run))
}
