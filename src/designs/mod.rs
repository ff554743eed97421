//! How it waits: the same rules with threads, with one thread that polls, and in turns.

pub mod clock;
pub mod connect;
pub mod environment;
pub mod half_duplex;
pub mod net;
#[cfg(poll)]
pub mod select;
mod session;
pub mod threads;
pub mod transcript;

use clap::ValueEnum;

/// How an endpoint waits for all that can happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Design {
    /// A thread for each input, one channel, full-duplex
    #[default]
    Threads,
    /// One thread that waits for whatever is ready, full-duplex
    Select,
    /// Strict turns, as before there was either
    HalfDuplex,
}

impl Design {
    /// As it is called everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Select => "select",
            Self::HalfDuplex => "half-duplex",
        }
    }
}
