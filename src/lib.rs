//! A full-duplex chat built on threads: two people on one TCP connection, each typing and reading at the same
//! time, until one of them says `88`; or many, through a hub.
//!
//! ```text
//!  keyboard ──▶ [stdin-reader]  ──┐                       ┌──▶ [socket-writer] ──▶ socket
//!                                 ├─▶ one channel ─▶ main ─┤
//!  socket   ──▶ [socket-reader] ──┘    of Event           └──▶ [screen-writer] ──▶ screen
//! ```
//!
//! Two readers block on input and do nothing else. They feed one channel. The main thread takes one event after the other
//! from it, asks the rules what the event means, and hands the outcome to the writers. Whatever else can happen, such as a
//! caller or a signal, comes over the same channel from a small thread of its own. Only main decides.
//!
//! # The seven modules
//!
//! An import points down this list, never up (`terminal`, `observe` and `platform` are on one level);
//! `docs/architecture.md` has the map.
//!
//! | module | what it answers |
//! |---|---|
//! | [`cli`] | What may be typed on the command line? |
#![cfg_attr(feature = "lab", doc = "| [`lab`] | How can it be watched and measured? |")]
//! | [`designs`] | How does it wait? With threads, with `select`, or in turns. |
//! | [`terminal`] | How are keys read, and rows drawn? |
//! | [`observe`] | Who may watch? |
//! | [`platform`] | What does `std` lack? |
//! | [`rules`] | What is decided? No I/O, no clock. |
//!
//! # What to read first
//!
//! 1. [`designs::threads`]: how it waits. The picture above, in code.
//! 2. [`rules::endpoint`] and [`rules::conversation`]: what an event means, from the start of one side to its exit code.
//! 3. [`rules::buffer`]: why memory does not grow.
//! 4. [`rules::wire`]: how messages become bytes, and bytes messages.
#![cfg_attr(
    poll,
    doc = "5. [`designs::select`]: the same rules in one thread. Read it beside the threads, file for file."
)]
//! 6. [`designs::half_duplex`]: what both of them replace.
#![cfg_attr(feature = "hub", doc = "7. [`rules::hub`]: many people.")]
//! 8. [`observe`]: how to watch all of that.

pub mod cli;
pub mod designs;
#[cfg(feature = "lab")]
pub mod lab;
pub mod observe;
pub mod platform;
pub mod rules;
pub mod terminal;
