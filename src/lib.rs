//! A full-duplex chat built on threads: two people on one TCP connection, each typing and reading at the same
//! time, until one of them says `88`.
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
//! - [`conversation`]: the rules of two people talking, without any I/O.
//! - [`wire`]: how messages become bytes and bytes become messages, without any I/O.
//! - [`threads`]: how it waits. The picture above, in code.
//! - [`buffer`]: why nothing grows.

pub mod buffer;
pub mod cli;
pub mod clock;
pub mod conversation;
pub mod exit;
pub mod input;
pub mod net;
pub mod notice;
pub mod platform;
pub mod terminal;
pub mod threads;
pub mod transcript;
pub mod wire;
pub mod world;
