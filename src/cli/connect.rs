//! `threadchat connect`.

use super::secure::SecureCall;
use super::session::Session;
use super::{Common, Secured, values};
use crate::designs::{Design, Task};
use crate::rules::address::Address;
use crate::rules::calling::{Call, EncryptedOnly};
use crate::rules::failure::Failure;
use crate::rules::settings::{Caller, Reconnect};
use clap::{Args, ValueEnum};
use std::time::Duration;

pub(super) const HELP: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address such as fe80::1%eth0, or [IPV6]:PORT.
All addresses of the host are tried, and the first that answers is taken: each has 250 ms before the next one is
tried as well.

Examples:
  threadchat connect                     call serve or a hub on this machine
  threadchat connect example.org:9000    call another machine, on port 9000
  threadchat connect --wait 60           retry for up to a minute until somebody listens
  threadchat connect --name ann          call a hub, and be ann there
  threadchat connect --reconnect host    call again whenever the connection breaks
  threadchat connect </dev/null >copy    only listen, and save the messages
  threadchat connect --raw </dev/null >copy   get a file from serve --raw <file

A connection breaks if it ends without 88. Then --reconnect calls again after 1, 2, 4, 8, 16 and from then on every
30 seconds, until somebody answers. What is typed meanwhile is sent then, after what may not have arrived before; a line
that the other side was reading when the connection broke may arrive twice. 88, or Ctrl-C on an empty line, ends the calls.

`threadchat help` shows the exit codes.";

/// `threadchat connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// Whom to call
    #[arg(value_name = "ADDR", default_value_t)]
    address: Address,

    /// The port, if ADDR has none
    #[arg(value_name = "PORT", value_parser = values::port)]
    port: Option<u16>,

    /// Retry for SECONDS until somebody listens, and lets you in
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds, allow_negative_numbers = true,
        help_heading = "Connecting")]
    wait: Option<Duration>,

    /// How long to wait for an answer from each address of the host
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = values::seconds,
        allow_negative_numbers = true, help_heading = "Connecting")]
    timeout: Duration,

    /// Your name in a hub: say /name NAME first over each connection
    #[arg(long, value_name = "NAME", value_parser = values::name, help_heading = "Connecting")]
    name: Option<String>,

    /// When to call again after the connection broke; without WHEN, always
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, num_args = 0..=1,
        require_equals = true, default_missing_value = "always", help_heading = "Connecting")]
    reconnect: ReconnectValue,

    #[command(flatten)]
    pub(super) session: Session,

    #[command(flatten)]
    secure: SecureCall,

    /// What all endpoints share.
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ReconnectValue {
    /// If the other side is a hub, and you sit at a terminal
    #[default]
    Hub,
    /// Always
    Always,
    /// Never: the program ends, and the exit code is 1
    Never,
}

impl Connect {
    fn address(&self) -> Result<Address, &'static str> {
        let address = self.address.clone().with_port(self.port)?;
        if address.port() == 0 { Err("nobody can be called on port 0") } else { Ok(address) }
    }

    /// Whether the options fit the design, and the address the port.
    pub(super) fn check(&self) -> Result<(), String> {
        self.address()?;
        match self.common.design {
            _ if self.session.is_raw()
                && (self.name.is_some() || self.reconnect == ReconnectValue::Always) =>
            {
                Err(
                    "--raw cannot be used with --name or --reconnect: it sends one file, over one connection",
                )?;
            }
            Design::HalfDuplex if self.reconnect == ReconnectValue::Always => {
                Err("--reconnect needs a full-duplex design, such as --design threads")?;
            }
            Design::HalfDuplex if self.name.is_some() => Err(
                "--name needs a full-duplex design, such as --design threads: it is for a hub, which does not take turns",
            )?,
            _ => self.session.check(&self.common)?,
        }
        self.secure.check(|| self.session.can_encrypt(&self.common))
    }

    /// How to encrypt; if not at all, what must not be called. Asks for a code if one is needed.
    ///
    /// # Errors
    /// A file or the code cannot be used, or the server is known and the other options do not allow to encrypt.
    pub fn secured(&self) -> Result<(Option<Secured>, EncryptedOnly), Failure> {
        self.secure.security(&self.address()?, &self.session, &self.common)
    }

    /// What to do. `to_terminal`: a person reads the messages at a terminal.
    ///
    /// # Errors
    /// There is no such address.
    pub fn task(&self, encrypted_only: EncryptedOnly, to_terminal: bool) -> Result<Task, Failure> {
        let reconnect = if self.session.is_raw() { Reconnect::Never } else { self.reconnect.into() };
        Ok(Task::Connect {
            call: Call {
                address: self.address()?,
                timeout: self.timeout,
                wait: self.wait,
                caller: Caller { name: self.name.clone(), reconnect },
                encrypted_only,
            },
            settings: self.session.settings(&self.common, to_terminal),
        })
    }
}

impl From<ReconnectValue> for Reconnect {
    fn from(value: ReconnectValue) -> Self {
        match value {
            ReconnectValue::Hub => Self::Hub,
            ReconnectValue::Always => Self::Always,
            ReconnectValue::Never => Self::Never,
        }
    }
}
