//! How it waits: three designs that follow the same rules.
#![deny(missing_docs)]

mod task;
mod typed;

pub mod clock;
pub(crate) mod connect;
pub mod environment;
pub(crate) mod half_duplex;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "link")]
mod link;
pub(crate) mod net;
mod pending;
#[cfg(poll)]
pub(crate) mod select;
pub(crate) mod threads;
pub mod transcript;
mod verbose;
#[cfg(feature = "web")]
mod web;
#[cfg(all(feature = "hub", not(feature = "web")))]
#[path = "without_web.rs"]
mod web;

#[cfg(feature = "link")]
pub use link::Link;
pub use task::Task;
#[cfg(feature = "hub")]
pub use web::Web;

use crate::rules::exit::Exit;
use crate::rules::failure::Failure;
use clap::ValueEnum;
use environment::Environment;

/// How an endpoint waits for all that can happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Design {
    /// One thread for each input, one channel, full-duplex
    #[default]
    Threads,
    /// One thread that waits until any input or output is ready, full-duplex
    Select,
    /// Strict turns: what the other two replace
    HalfDuplex,
}

/// Why the design `half-duplex` has no hub.
pub const NO_HUB_IN_TURNS: &str =
    "a hub cannot be half-duplex: it cannot take turns with many clients; use --design threads or select";

impl Design {
    /// The name of the design on the command line, in traces and in reports.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Does this task from start to end. The one place that chooses between the designs.
    ///
    /// # Errors
    /// The design does not offer the task, nobody answered, or the system refused what it takes.
    pub fn run(self, task: Task, environment: Environment) -> Result<Exit, Failure> {
        match self {
            Self::Threads => threads::run(task, environment),
            #[cfg(poll)]
            Self::Select => select::run(task, environment),
            #[cfg(not(poll))]
            Self::Select => Err(NO_SELECT.into()),
            Self::HalfDuplex => half_duplex::run(task, environment),
        }
    }

    /// Whether this program has the design.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check_is_available(self) -> Result<(), Failure> {
        #[cfg(not(poll))]
        if self == Self::Select {
            return Err(NO_SELECT.into());
        }
        Ok(())
    }
}

#[cfg(not(poll))]
const NO_SELECT: &str = if cfg!(unix) {
    "the design select cannot be used here: this program was built without its feature `select`. Use the default, \
     threads, or half-duplex"
} else {
    "the design select cannot be used here: it waits for the keyboard and the connection with one call, and on this \
     platform that call accepts only sockets, neither a console nor a pipe. Use the default, threads, where a thread \
     blocks on each of them, or half-duplex"
};
