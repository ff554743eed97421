//! What plain `std` does not give. Each is a small function with a portable fall-back, and the only place
//! with `unsafe`.
//!
//! Which platform has what is decided in `build.rs`, whose names stand behind `cfg` here and wherever a whole part of the
//! program depends on one. With `THREADCHAT_PORTABLE` in its environment it decides for the fall-back of each, so that they
//! can be tested where they are not needed. `docs/platforms.md` has the table.

mod files;
#[cfg(send_now)]
mod out;
mod processes;
mod signals;
mod sockets;

pub use files::*;
#[cfg(send_now)]
pub use out::Out;
pub use processes::*;
pub use signals::Signals;
pub use sockets::*;
