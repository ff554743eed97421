//! The progress bar, on standard error, only at a terminal. It is drawn between runs, when nothing is measured.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};

#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self(match ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// Begins with the number of runs to come.
    pub(crate) fn expect(&self, runs: usize) {
        self.0.set_length(runs as u64);
    }

    /// Says how long it will take.
    pub(crate) fn announce(&self, how_long: &str) {
        self.0.println(how_long);
    }

    /// Shows what is being measured.
    pub(crate) fn begin(&self, what: String) {
        self.0.set_message(what);
        self.return_cursor();
    }

    /// Counts runs that are done, or that are left out.
    pub(crate) fn finish(&self, runs: usize) {
        self.0.inc(runs as u64);
        self.return_cursor();
    }

    pub(crate) fn remove(&self) {
        self.0.finish_and_clear();
    }

    /// The bar is as wide as the terminal. Behind it, a `^C` would begin a new line, and that line would be removed instead.
    fn return_cursor(&self) {
        if !self.0.is_hidden() {
            let _ = io::stderr().write_all(b"\r");
        }
    }
}
