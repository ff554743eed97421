//! Several hubs as one, in the threads design, as their members see them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(all(unix, feature = "link"))]

mod common;
#[allow(unreachable_pub, reason = "as in common")]
mod linked;

/// The design under test.
const DESIGN: &str = "threads";
