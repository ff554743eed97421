//! `threadchat hub`.

#[cfg(feature = "link")]
use super::link::Link;
use super::secure::{Secure, WORDS_FOR_A_HUB};
#[cfg(feature = "web")]
use super::web::WebArgs;
use super::{Common, Secured, values};
use crate::designs::{Design, NO_HUB_IN_TURNS, Task};
use crate::platform::{check_writable, passed_listeners};
use crate::rules::address::Address;
use crate::rules::failure::{Context, Failure};
use crate::rules::hub::{AdmissionPolicy, DEFAULT_OUTBOX, Settings, parse_net};
use crate::rules::wire::DEFAULT_MAX_LINE;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const HELP: &str = "\
ADDR is HOST, HOST:PORT, :PORT, PORT, an IPv6 address such as fe80::1%eth0, or [IPV6]:PORT.
As with serve, the hub listens on every address that the host has: without a host, on 127.0.0.1 and ::1.
Any program that connects is a client: threadchat connect, netcat, telnet. A client types /help for its commands.

Examples:
  threadchat hub                                for clients on this machine, and you at its keyboard
  threadchat hub 0.0.0.0:9000                   for other machines, too, on port 9000
  threadchat hub --no-operator --motd hello.txt --transcript talk.jsonl
  threadchat hub 0.0.0.0 --allow 192.0.2.0/24 --max-per-address 3
  threadchat hub 0.0.0.0 --web                  for browsers, too: the hub prints a link
  threadchat hub --link redis://host/school     one chat with all hubs that have the same link

The line 88 at the keyboard says goodbye to everybody and ends the hub; so does SIGTERM. Only the operator at the
keyboard can use the commands /kick NAME, /ban ADDRESS, /behind, in an encrypted hub /code and /code new, and with
--web /link and /link new.
`threadchat help` shows the exit codes.";

/// The headings under which the help lists options.
const ROOMS: &str = "Rooms";
const CLIENTS: &str = "Clients";

/// `threadchat hub`.
#[derive(Debug, Args)]
#[command(mut_arg("design", |arg| arg.value_parser(design())))]
pub struct Hub {
    /// Where to listen
    #[arg(value_name = "ADDR", default_value_t)]
    address: Address,

    /// The port, if ADDR has none
    #[arg(value_name = "PORT", value_parser = values::port)]
    port: Option<u16>,

    /// Run as a service: read no keyboard, and do not show the chat
    #[arg(long, help_heading = ROOMS)]
    pub no_operator: bool,

    /// Check the options and the files, say where the hub would listen, and end
    #[arg(long, help_heading = ROOMS)]
    pub check: bool,

    /// Number of recent messages to send to a newcomer
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = ROOMS)]
    history: usize,

    /// Greet newcomers with the lines of FILE
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = ROOMS)]
    motd: Option<PathBuf>,

    /// Maximum number of clients [default: as many as there are file descriptors and threads for]
    #[arg(long, value_name = "N", value_parser = values::max_clients, help_heading = CLIENTS)]
    max_clients: Option<usize>,

    /// Maximum number of connections from one address, or from one IPv6 /64 network
    #[arg(long, value_name = "N", value_parser = values::max_clients, help_heading = CLIENTS)]
    max_per_address: Option<usize>,

    /// Admit only these addresses and networks, separated by commas, such as 192.0.2.0/24; an IPv6 address means its /64
    /// network, and ::/0 is all of IPv6 and no IPv4
    #[arg(long, value_name = "NET", value_delimiter = ',', value_parser = parse_net, help_heading = CLIENTS)]
    allow: Vec<IpNet>,

    /// Do not admit these addresses and networks, separated by commas; all are 0.0.0.0/0,::/0
    #[arg(long, value_name = "NET", value_delimiter = ',', value_parser = parse_net, help_heading = CLIENTS)]
    deny: Vec<IpNet>,

    /// Maximum number of lines per second to relay from each client, of 512 bytes each; more are delayed, and none is lost
    #[arg(long, value_name = "LINES", value_parser = values::rate, help_heading = CLIENTS)]
    rate: Option<f64>,

    /// Capacity of the outbox of each client; while one is full, those in its room who say much wait
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_OUTBOX, value_parser = values::outbox,
        help_heading = CLIENTS)]
    outbox: usize,

    /// Disconnect a client for whose full outbox others had to wait for SECONDS, unless it reads 64 KiB per second
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = values::seconds,
        allow_negative_numbers = true, help_heading = CLIENTS)]
    stall: Duration,

    /// Maximum length of a line, including its timestamp and name; longer ones are split
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE, value_parser = values::hub_max_line,
        help_heading = CLIENTS)]
    max_line: usize,

    #[command(flatten)]
    secure: Secure,

    #[cfg(feature = "link")]
    #[command(flatten)]
    link: Link,

    #[cfg(feature = "web")]
    #[command(flatten)]
    web: WebArgs,

    /// What all endpoints share.
    #[command(flatten)]
    pub common: Common,
}

/// Understands every design, so that an error can say why one has no hub, but offers only the others.
fn design() -> impl TypedValueParser<Value = Design> {
    let values = Design::value_variants().iter().filter_map(|design| {
        design.to_possible_value().map(|value| value.hide(*design == Design::HalfDuplex))
    });
    PossibleValuesParser::from(values.collect::<Vec<_>>()).try_map(|name| Design::from_str(&name, false))
}

impl Hub {
    fn address(&self) -> Result<Address, &'static str> {
        self.address.clone().with_port(self.port)
    }

    /// Whether there is a hub in this design, and the address fits the port.
    pub(super) fn check(&self) -> Result<(), String> {
        self.address()?;
        if self.common.design == Design::HalfDuplex {
            return Err(NO_HUB_IN_TURNS.to_owned());
        }
        #[cfg(feature = "link")]
        self.link.check()?;
        self.secure.check_called(WORDS_FOR_A_HUB, || Ok(()))?;
        #[cfg(feature = "web")]
        self.web.check(self.secure.is_on(), self.secure.has_certificate())?;
        Ok(())
    }

    /// How to encrypt, if at all.
    ///
    /// # Errors
    /// A file or the code cannot be used.
    pub fn secured(&self) -> Result<Option<Secured>, Failure> {
        self.secure.called(WORDS_FOR_A_HUB)
    }

    fn settings(&self) -> Settings {
        Settings {
            operator: !self.no_operator,
            max_line: self.max_line,
            history: self.history,
            rate: self.rate,
            outbox: self.outbox,
            stall: self.stall,
            motd: Vec::new(),
            admission: AdmissionPolicy {
                max_clients: self.max_clients,
                max_per_address: self.max_per_address,
                allow: self.allow.clone(),
                deny: self.deny.clone(),
                max_descriptors: None,
            },
            transcribed: self.common.transcript.is_some(),
        }
    }

    /// Checks everything that [`task`](Self::task) and the environment need, but does not listen. Returns what the hub would do.
    ///
    /// # Errors
    /// As [`task`](Self::task), or a file cannot be used.
    pub fn check_files(&self) -> Result<String, Failure> {
        let secured = self.secured()?;
        let address = self.address()?;
        let at = Task::check_hub(&address, self.motd.as_deref(), self.settings())?;
        #[cfg(feature = "web")]
        self.web.check_files(&address)?;
        #[cfg(feature = "link")]
        self.link.link(self.history)?;
        for (name, file) in [("transcript", &self.common.transcript), ("trace", &self.common.trace)] {
            let Some(path) = file else { continue };
            check_writable(path).context(format_args!("cannot write the {name} {}", path.display()))?;
        }
        let at = at.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        let encrypted = if secured.is_some() { ", encrypted" } else { "" };
        Ok(format!("the options and the files are good: the hub would listen on {at}{encrypted}\n"))
    }

    /// Starts to listen, or takes the sockets that were passed to this process.
    ///
    /// # Errors
    /// The message of the day or the link to other hubs cannot be used, or the address cannot be found or listened on.
    pub fn task(&self) -> Result<Task, Failure> {
        let passed = passed_listeners()?;
        let address = match passed.first().and_then(|first| first.local_addr().ok()) {
            Some(at) => at.into(),
            None => self.address()?,
        };
        let task = Task::hub(&address, passed, self.motd.as_deref(), self.settings())?;
        #[cfg(feature = "web")]
        let task = match self.web.web(&address)? {
            Some(web) => task.with_browsers(web),
            None => task,
        };
        #[cfg(feature = "link")]
        if let Some(link) = self.link.link(self.history)? {
            return Ok(task.linked(link));
        }
        Ok(task)
    }
}
