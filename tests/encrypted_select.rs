//! The select design: the tests of a chat, encrypted.
#![allow(clippy::unwrap_used)]
#![cfg(all(poll, feature = "secure"))]

mod common;
mod encrypted;

/// The design under test.
const DESIGN: &str = "select encrypted";
