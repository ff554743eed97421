//! The threads design: encrypted conversations.
// The relays of these tests were never seen to work under Wine.
#![cfg(not(windows))]
#![allow(clippy::unwrap_used)]
#![cfg(feature = "secure")]

mod common;
mod secure;

/// The design under test.
const DESIGN: &str = "threads";
