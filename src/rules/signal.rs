//! Requests from outside to end the program.

/// A request from outside to end the program: a Unix signal, or a console event of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its name, such as `SIGTERM`.
    pub name: &'static str,
    /// Its number. The exit code is this plus 128.
    pub number: u8,
}
