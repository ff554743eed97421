//! The select design: encrypted conversations.
#![allow(clippy::unwrap_used)]
#![cfg(all(poll, feature = "secure"))]

mod common;
mod secure;

/// The design under test.
const DESIGN: &str = "select";
