//! Load tests: a quick version of each runs with the other tests; the full ones are ignored by default and print figures:
//! `cargo test --release --test hub_threads -- --ignored load:: --test-threads 1 --nocapture`.

mod churn;
pub mod crowd;
mod many;
mod stalled;
