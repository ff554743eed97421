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
//! 3. `main_loop.rs`: main. `next_event` waits (`spin.rs`), `handle` passes the event on, `perform_actions` does what follows from it.
//!    The rules are in [`endpoint`](crate::rules::endpoint) and [`conversation`](crate::rules::conversation).
//! 4. `console.rs`: the keyboard, the screen and the signals. `session.rs`: one conversation, and its two threads. At a terminal the
//!    keys come over the channel like everything else, and main edits the line: [`terminal`](crate::terminal).
//! 5. `outbox.rs` and `screen.rs`: the two ways out, and the threads that write. `queue.rs`: the queue to such a thread.
//! 6. `transcript.rs`: a third way out.
//! 7. `callers.rs` and `connector.rs`: how two people come together.
//! 8. `hub/`: many people. The same picture with a reader for each client, and the rules of [`hub`](crate::rules::hub).
//! 9. `thread.rs`: how threads start and end. `channel.rs`: the channels, which a model checker replaces.
//!
//! Memory does not grow: the readers own the [buffers](crate::rules::buffer) in which everything travels.

mod callers;
mod channel;
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
#[cfg(all(shuttle, test))]
mod shuttle_tests;
mod spin;
mod thread;
mod transcript;

use crate::designs::Task;
use crate::designs::environment::Environment;
use crate::rules::errors::MORE_THREADS;
use crate::rules::exit::Exit;
use crate::rules::failure::{Context, Failure};
use main_loop::MainLoop;
use std::io;

/// Does a task from start to end.
///
/// # Errors
/// The system cannot start a thread.
pub(super) fn run(task: Task, environment: Environment) -> Result<Exit, Failure> {
    let observer = environment.observer.clone();
    let life = || -> io::Result<Exit> {
        Ok(match task {
            Task::Serve { listeners, port_was_chosen, once, settings } => {
                MainLoop::serve(environment, settings, listeners, port_was_chosen, once)?.run()
            }
            Task::Connect { call, settings } => MainLoop::connect(environment, settings, call)?.run(),
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
                let hub = hub.linked(link.as_deref())?;
                hub.run()
            }
        })
    };
    observer.watch(life).context("cannot start a thread").map_err(|failure| failure.hint(MORE_THREADS))
}
