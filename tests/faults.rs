//! Real processes, and faults that nobody thought of: see `faults/mod.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![cfg(all(target_os = "linux", feature = "hub"))]

mod common;
#[path = "faults/mod.rs"]
#[allow(unreachable_pub, reason = "as in common")]
mod faults;

/// What programs run in if a test does not say so. These always do.
const DESIGN: &str = "threads";
