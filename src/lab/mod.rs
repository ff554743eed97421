//! Watching and measuring.

pub mod compare;
pub mod demo;
mod svg;
pub mod timeline;

use crate::rules::errors::MORE_THREADS;
use crate::rules::failure::Failure;
use std::thread::{Builder, JoinHandle};

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Failure> {
    let thread = Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| Failure::new("cannot start a thread", error).hint(MORE_THREADS))
}
