//! `threadchat connect`.

use super::session::Session;
use super::{Common, values};
use crate::designs::Task;
use crate::designs::connect::Call;
use crate::designs::net::Address;
use clap::Args;
use std::time::Duration;

pub(super) const HELP: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address or [IPV6]:PORT.
All addresses of the host are tried in turn.

Examples:
  threadchat connect                     call serve or a hub on this machine
  threadchat connect example.org:9000    call another machine, on port 9000
  threadchat connect --wait 60           retry for up to a minute until somebody listens
  threadchat connect </dev/null >copy    only listen, and save the messages

`threadchat help` shows the exit codes.";

/// `threadchat connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// Whom to call
    #[arg(value_name = "ADDR", default_value_t, value_parser = values::callable)]
    address: Address,

    /// Retry for SECONDS until somebody listens
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds, allow_negative_numbers = true,
        help_heading = "Connecting")]
    wait: Option<Duration>,

    /// How long to wait for an answer from each address of the host
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = values::seconds,
        allow_negative_numbers = true, help_heading = "Connecting")]
    timeout: Duration,

    #[command(flatten)]
    pub(super) session: Session,

    /// What all endpoints share.
    #[command(flatten)]
    pub common: Common,
}

impl Connect {
    /// What to do. `to_terminal`: a person reads the messages at a terminal.
    #[must_use]
    pub fn task(&self, to_terminal: bool) -> Task {
        Task::Connect {
            call: Call { address: self.address.clone(), timeout: self.timeout, wait: self.wait },
            settings: self.session.settings(&self.common, to_terminal),
        }
    }
}
