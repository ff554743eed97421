//! The progress bar, on standard error, and only at a terminal. It is drawn between runs, when nothing is measured.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};

/// How many runs are done, and what is going on.
#[derive(Clone)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn of(runs: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(runs as u64), ProgressDrawTarget::stderr());
        Self(match ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// This is going on.
    pub(super) fn begin(&self, what: String) {
        self.0.set_message(what);
        self.return_cursor();
    }

    /// So many runs are done, or need not be.
    pub(super) fn done(&self, runs: usize) {
        self.0.inc(runs as u64);
        self.return_cursor();
    }

    pub(super) fn remove(&self) {
        self.0.finish_and_clear();
    }

    /// The bar is as wide as the terminal, so that a `^C` would begin a new line, and that would be removed instead.
    fn return_cursor(&self) {
        if !self.0.is_hidden() {
            let _ = io::stderr().write_all(b"\r");
        }
    }
}
