//! The error that nobody handles but the user.

use std::error::Error;
use std::fmt;

/// What could not be done, why, and what to try instead, in one sentence. Errors that a caller tells apart are enums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// This was tried, and this was in the way.
    pub fn new(tried: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self(format!("{tried}: {error}"))
    }

    /// Appends what to try instead: empty, or beginning with a semicolon.
    #[must_use]
    pub fn hint(self, hint: &str) -> Self {
        Self(self.0 + hint)
    }
}

/// Turns any error into a [`Failure`] that says what was tried.
pub trait Context<T> {
    /// # Errors
    /// The same as before, as a [`Failure`].
    fn context(self, tried: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, tried: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(tried, error))
    }
}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

impl From<&str> for Failure {
    fn from(sentence: &str) -> Self {
        Self(sentence.to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}
