//! Requests from outside to end the program. Each platform has the same functions.

#[cfg(all(signals, unix))]
mod unix;
#[cfg(all(signals, windows))]
mod windows;

#[cfg(not(signals))]
mod none;

#[cfg(not(signals))]
pub use none::Signals;
#[cfg(all(signals, unix))]
pub use unix::Signals;
#[cfg(all(signals, windows))]
pub use windows::Signals;
