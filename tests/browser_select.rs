//! The hub in the select design, as people with browsers see it.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(poll, feature = "web"))]

#[allow(unreachable_pub, reason = "as in common")]
mod browser;
mod common;

/// The design under test.
const DESIGN: &str = "select";
