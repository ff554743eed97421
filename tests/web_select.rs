//! The hub in the select design, as programs see it that speak HTTP and WebSocket.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "web", poll))]

mod common;
#[allow(unreachable_pub, reason = "as in common")]
mod web;

/// The design under test.
const DESIGN: &str = "select";
