//! Watching and measuring.

pub mod compare;
pub mod demo;
mod svg;
pub mod timeline;

use crate::rules::errors::{MORE_THREADS, is_broken_pipe};
use crate::rules::failure::Failure;
use std::io::{self, Write};
use std::thread::{Builder, JoinHandle};

/// Prints a whole text. A reader that stops early, as `head` does, is no error.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if !is_broken_pipe(&error) => Err(Failure::new("cannot write to standard output", error)),
        _ => Ok(()),
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Failure> {
    let thread = Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| Failure::new("cannot start a thread", error).hint(MORE_THREADS))
}
