//! How the program ends, for scripts.

use crate::rules::signal::Signal;
use std::process::ExitCode;

/// The outcome of the whole program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it ended with `88`, at the end of our input, or because nobody reads our output any more.
    Success,
    /// 1: it could not connect or listen, or the conversation did not end cleanly.
    Failed,
    /// 128 plus the signal's number: a signal ended it.
    Signal(Signal),
}

impl Exit {
    /// The exit code. (clap uses 2 for a wrong command line.)
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Signal(signal) => 128 + signal.number,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
