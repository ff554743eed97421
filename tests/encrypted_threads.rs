//! The threads design: the tests of a chat, encrypted.
// The relays of these tests were never seen to work under Wine.
#![cfg(not(windows))]
#![allow(clippy::unwrap_used)]
#![cfg(feature = "secure")]

mod common;
mod encrypted;

/// The design under test.
const DESIGN: &str = "threads encrypted";
