//! A full-duplex chat built on threads: two people on one TCP connection, each typing and reading at the same
//! time, until one of them says `88`; or many, through a hub.
//!
//! ```text
//!  keyboard ──▶ [stdin-reader]  ──┐                       ┌──▶ [socket-writer] ──▶ socket
//!                                 ├─▶ one channel ─▶ main ─┤
//!  socket   ──▶ [socket-reader] ──┘    of Event           └──▶ [screen-writer] ──▶ screen
//! ```
//!
//! Two readers block on input and do nothing else. They feed one channel. The main thread selects over it,
//! asks the conversation what an event means, and hands the outcome to the writers. Whatever else can happen,
//! a caller or a signal, comes over the same channel from a small thread of its own. Nobody but main
//! decides anything.
//!
//! What to read first:
//!
//! - [`conversation`] and [`endpoint`]: the rules of two people talking, and of one side from start to exit, without
//!   any I/O.
//! - [`wire`]: how messages become bytes and bytes become messages, without any I/O.
//! - [`threads`]: how it waits. The picture above, in code.
//! - [`buffer`]: why nothing grows.
//! - `room`: the rules of many people talking, without any I/O; `threads::hub` is how they are waited for.
//! - `select`: the same rules in one thread, which polls.
//! - [`half_duplex`]: what both of them replace.
//! - [`observer`]: how all of them can be watched; `trace` records that, `timeline` draws it, and `demo` shows it live.

pub mod cli;
pub mod designs;
#[cfg(feature = "lab")]
pub mod lab;
pub mod observe;
pub mod platform;
pub mod rules;
pub mod terminal;
