//! For platforms without signals.

use super::Caught;
use std::io;
#[cfg(poll)]
use std::os::fd::BorrowedFd;

/// The system's default applies: the program ends without a goodbye.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    /// Changes nothing.
    pub fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    /// Changes nothing: a terminal reports no changes here.
    pub fn watch_terminal(&self) -> io::Result<()> {
        Ok(())
    }

    /// Catches nothing.
    #[must_use]
    pub fn none() -> Self {
        Self
    }

    /// There is nothing to end.
    #[allow(clippy::unused_self, reason = "other platforms need it")]
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        || {}
    }

    /// Returns at once: no signal comes.
    pub fn for_each(self, _handle: impl FnMut(Caught) -> bool) {}

    /// There is nothing to wait for.
    #[cfg(poll)]
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// No signal has come.
    #[cfg(poll)]
    pub fn take(&mut self) -> Option<Caught> {
        None
    }
}
