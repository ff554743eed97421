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
//! 3. `endpoint.rs`: main. `next_event` waits, `handle` and `settle` decide.
//! 4. `talk.rs`: what runs for one conversation. Its rules are in [`conversation`](crate::conversation).
//! 5. `outbox.rs` and `screen.rs`: the two ways out, and the threads that write.
//! 6. `transcript.rs`: a third way out, for those who want it on record.
//! 7. `callers.rs` and `connector.rs`: how two people come together.
//!
//! Nothing here grows: the readers own the [buffers](crate::buffer) in which everything travels.

mod callers;
mod connector;
mod endpoint;
mod event;
mod outbox;
mod reader;
mod screen;
mod talk;
mod transcript;

pub use connector::Call;

use crate::conversation::Manners;
use crate::exit::Exit;
use crate::world::World;
use endpoint::Endpoint;
use std::io;
use std::net::TcpListener;

/// Waits for callers and talks with them, one at a time; after the first one it ends if that is all it is to
/// do (`once`). Where it listens is always told unless the user has chosen the port.
///
/// # Errors
/// The system has no thread left for it.
pub fn serve(
    world: World,
    manners: Manners,
    listener: TcpListener,
    port_was_chosen: bool,
    once: bool,
) -> io::Result<Exit> {
    Ok(Endpoint::serve(world, manners, listener, port_was_chosen, once)?.run())
}

/// Calls somebody and talks with them.
///
/// # Errors
/// The system has no thread left for it.
pub fn connect(world: World, manners: Manners, call: Call) -> io::Result<Exit> {
    Ok(Endpoint::connect(world, manners, call)?.run())
}
