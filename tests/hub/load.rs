//! Loads: a quick version of each with all tests, and the full ones when asked for, which print their figures:
//! `cargo test --release --test hub_threads -- --ignored load:: --test-threads 1 --nocapture`.

mod churn;
mod crowd;
mod many;
mod stalled;
