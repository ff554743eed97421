//! Requests from outside to end the program.

/// A request from outside to end the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its name, such as `SIGTERM`.
    pub name: &'static str,
    /// Its number; the exit code is this plus 128.
    pub number: u8,
}
