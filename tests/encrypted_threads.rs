//! The threads design: the tests of a chat, encrypted.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "secure")]

mod common;
mod encrypted;

/// The design under test.
const DESIGN: &str = "threads encrypted";
