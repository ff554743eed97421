//! The hub in the select design, as its members see it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
#![cfg(all(feature = "hub", poll))]

mod common;
#[allow(unreachable_pub, reason = "as in common")]
mod hub;

/// The design under test.
const DESIGN: &str = "select";
