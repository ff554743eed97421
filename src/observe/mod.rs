//! Who may watch: the [`Step`]s that threads take, and the [`Observer`] that passes them to `-v`, a trace or the demo.
//!
//! Every thread of an endpoint reports each step as it begins, in every design, so that its life is a sequence of steps
//! without gaps. Without an observer a step costs one check.
//!
//! - `step.rs`: what a thread can do, and the name of each step in traces.
//! - `words.rs`: the same in words for people: a sentence, and labels for boxes.
//! - `thread.rs`: the names of the threads.
//! - `observer.rs`: how steps get from a thread to the observers.
//! - `live.rs`: the latest steps of a hub, for the page `/live`.
//! - `trace/`: `--trace`, which records steps in a file.

#[cfg(feature = "web")]
mod live;
mod observer;
mod step;
pub(crate) mod thread;
pub mod trace;
mod words;

#[cfg(feature = "web")]
pub(crate) use live::Live;
pub use observer::{Observe, Observer};
pub use step::{Decision, For, Goodbye, Place, Step};
pub(crate) use thread::{current_thread, current_thread_name};
