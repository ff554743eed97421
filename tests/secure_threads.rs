//! The threads design: encrypted conversations.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "secure")]

mod common;
mod secure;

/// The design under test.
const DESIGN: &str = "threads";
