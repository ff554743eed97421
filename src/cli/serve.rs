//! `threadchat serve`.

use super::secure::{Secure, WORDS_FOR_TWO};
use super::session::Session;
use super::{CONVERSATION, Common, Secured, values};
use crate::designs::Task;
use crate::rules::address::Address;
use crate::rules::failure::Failure;
use clap::Args;

pub(super) const HELP: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address such as fe80::1%eth0, or [IPV6]:PORT.
The program listens on every address that the host has on this machine: without a host, on 127.0.0.1 and ::1, for
callers from this machine. The host 0.0.0.0 accepts calls from other machines over IPv4, and :: over IPv6 and IPv4.
Port 0 is any free port.

Examples:
  threadchat serve                  callers from this machine, one after another
  threadchat serve --once 9000      one caller, on port 9000
  threadchat serve 0.0.0.0          callers from other machines, too
  threadchat serve --raw <file      send a file to the first caller

While you wait for a caller, lines you type are kept for the next one, and the line 88 ends the program. (With
--design half-duplex only Ctrl-C does: that design does not read the keyboard while it waits.) With --literal, a line 88
is a message like any other.

A caller is announced when it has sent something, or after a second: until then it may be a probe. (With --design
half-duplex it is announced at once, and all that it sends is text.)

`threadchat help` shows the exit codes.";

/// `threadchat serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen
    #[arg(value_name = "ADDR", default_value_t)]
    address: Address,

    /// The port, if ADDR has none
    #[arg(value_name = "PORT", value_parser = values::port)]
    port: Option<u16>,

    /// End after the first conversation
    #[arg(long, help_heading = CONVERSATION)]
    once: bool,

    #[command(flatten)]
    pub(super) session: Session,

    #[command(flatten)]
    secure: Secure,

    /// What all endpoints share.
    #[command(flatten)]
    pub common: Common,
}

impl Serve {
    fn address(&self) -> Result<Address, &'static str> {
        self.address.clone().with_port(self.port)
    }

    /// Whether the options fit the design, and the address the port.
    pub(super) fn check(&self) -> Result<(), String> {
        self.address()?;
        self.session.check(&self.common)?;
        self.secure.check_called(WORDS_FOR_TWO, || self.session.can_encrypt(&self.common))
    }

    /// How to encrypt, if at all.
    ///
    /// # Errors
    /// A file or the code cannot be used.
    pub fn secured(&self) -> Result<Option<Secured>, Failure> {
        self.secure.called(WORDS_FOR_TWO)
    }

    /// Starts to listen. `to_terminal`: a person reads the messages at a terminal.
    ///
    /// # Errors
    /// The address cannot be found or listened on.
    pub fn task(&self, to_terminal: bool) -> Result<Task, Failure> {
        let once = self.once || self.session.is_raw();
        Task::serve(&self.address()?, once, self.session.settings(&self.common, to_terminal))
    }
}
