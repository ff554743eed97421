//! Requests from outside to end the program, and what else signals say. Each platform has the same functions.

#[cfg(all(signals, unix))]
mod deadly;
#[cfg(all(signals, unix))]
mod unix;
#[cfg(all(signals, windows))]
mod windows;

#[cfg(not(signals))]
mod none;

#[cfg(all(signals, unix))]
pub use deadly::restore_before_deadly_signals;
#[cfg(not(signals))]
pub use none::Signals;
#[cfg(all(signals, unix))]
pub use unix::{Signals, stop};
#[cfg(all(signals, windows))]
pub use windows::Signals;

use crate::rules::signal::Signal;

/// What a signal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caught {
    /// The program has to end.
    Signal(Signal),
    /// This concerns the terminal.
    Terminal(TerminalChange),
}

/// What a signal says about the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalChange {
    /// The terminal may have another size.
    Resized,
    /// The process goes on after it was stopped; its terminal may have other modes.
    Continued,
    /// The process is to stop until it is continued.
    Suspend,
}

/// Nothing continues a program here that has stopped itself.
#[cfg(not(all(signals, unix)))]
pub fn stop() {}

impl Caught {
    /// The request to end, if it is one.
    #[must_use]
    pub fn signal(self) -> Option<Signal> {
        match self {
            Self::Signal(signal) => Some(signal),
            Self::Terminal(_) => None,
        }
    }
}
