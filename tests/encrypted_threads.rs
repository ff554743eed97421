//! The threads design, encrypted: what can go wrong in a chat goes no other way, and then what only encryption has.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "secure")]

#[path = "chat/goodbye.rs"]
mod goodbye;
#[path = "chat/reconnect.rs"]
mod reconnect;
#[path = "chat/serve.rs"]
mod serve;
#[cfg(all(unix, signals))]
#[path = "chat/signals.rs"]
mod signals;
#[cfg(unix)]
#[path = "chat/stuck.rs"]
mod stuck;
#[path = "chat/transcript.rs"]
mod transcript;
#[path = "chat/two_people.rs"]
mod two_people;

mod common;

/// The design under test.
const DESIGN: &str = "threads encrypted";
