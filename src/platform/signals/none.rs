//! Without the feature `signals`, and where there are none.

use crate::rules::signal::Signal;
use std::io;
#[cfg(poll)]
use std::os::fd::BorrowedFd;

/// No signals: the system's default applies, and the program ends without a goodbye.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    /// Changes nothing.
    ///
    /// # Errors
    /// None.
    pub fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    /// No signals.
    #[must_use]
    pub fn none() -> Self {
        Self
    }

    /// There is no waiting to be ended.
    #[allow(clippy::unused_self, reason = "the others need it")]
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        || {}
    }

    /// None comes.
    pub fn for_each(self, _came: impl FnMut(Signal) -> bool) {}

    /// Nothing to wait for.
    #[cfg(poll)]
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// None has come.
    #[cfg(poll)]
    pub fn take(&mut self) -> Option<Signal> {
        None
    }
}
