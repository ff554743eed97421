//! Requests from outside to end the program.

/// A request from outside to end the program: a Unix signal, or a console event of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its name, such as `SIGTERM`.
    pub name: &'static str,
    /// Its number. The exit code is this plus 128.
    pub number: u8,
}

impl Signal {
    /// To a service this says to open its files again, because they were moved. To a program at a terminal it says that the
    /// terminal has gone.
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn reopens_files(self) -> bool {
        self.name == "SIGHUP"
    }
}
