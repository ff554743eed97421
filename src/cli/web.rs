//! The options of `threadchat hub` for browsers.

use super::folder::folder;
use crate::designs::Web;
use crate::platform::read_at_most;
use crate::rules::address::{Address, port};
use crate::rules::failure::{Context, Failure};
use crate::rules::web::Tickets;
use clap::Args;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The heading under which the help lists them.
const BROWSERS: &str = "Browsers";

/// The port for browsers, unless the user chooses one: the one after that of the chat.
const DEFAULT_PORT: u16 = 21568;

/// More than tickets take, in bytes.
const MAX_FILE: usize = 1024;

#[derive(Debug, Args)]
pub(super) struct WebArgs {
    /// Let browsers join at ADDR [default: the hosts of the hub, port 21568], by a link with a ticket in it that the operator sees
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = ":21568", value_parser = at,
        help_heading = BROWSERS)]
    web: Option<At>,

    /// Also answer browsers that call this host by NAME, and begin the link with it
    #[arg(long, value_name = "NAME", requires = "web", value_parser = name, help_heading = BROWSERS)]
    web_name: Vec<String>,

    /// Keep the tickets of the links in FILE, for the next start [default: web in the folder of threadchat's settings]
    #[arg(long, value_name = "FILE", requires = "web", value_hint = clap::ValueHint::FilePath, help_heading = BROWSERS)]
    web_tickets: Option<PathBuf>,
}

/// Where browsers come, and how they join.
pub(super) struct Checked {
    address: Address,
    /// Where the tickets are kept.
    file: Option<PathBuf>,
    /// Those that are in the file.
    kept: Option<Tickets>,
}

/// Where browsers may come.
#[derive(Debug, Clone)]
enum At {
    /// At the hosts of the hub.
    Port(u16),
    Address(Address),
}

fn at(text: &str) -> Result<At, String> {
    let digits = text.strip_prefix(':').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return port(digits).map(At::Port);
    }
    let address: Address = text.parse()?;
    Ok(At::Address(address.clone().with_port(Some(DEFAULT_PORT)).unwrap_or(address)))
}

/// The name of a host, as a browser writes it.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("it is not the name of a host, such as school.example".to_owned()),
    }
}

impl WebArgs {
    /// Whether browsers can come, if the hub is encrypted like this.
    pub(super) fn check(&self, is_encrypted: bool, has_certificate: bool) -> Result<(), String> {
        match self.web.is_some() && is_encrypted && !has_certificate {
            true => Err("browsers know neither codes nor keys: an encrypted hub with --web needs --cert and --key, with a \
                 certificate that they trust"
                .to_owned()),
            false => Ok(()),
        }
    }

    /// What the options say, if browsers may come. `hub` is where the hub listens.
    ///
    /// # Errors
    /// The hub has this port, or the tickets cannot be read.
    pub(super) fn check_files(&self, hub: &Address) -> Result<Option<Checked>, Failure> {
        let address = match &self.web {
            None => return Ok(None),
            Some(At::Port(port)) => hub.at_port(*port),
            Some(At::Address(address)) => address.clone(),
        };
        if address.port() != 0 && address.port() == hub.port() {
            return Err("browsers need a port of their own: give --web another one than the hub has".into());
        }
        let file = self.web_tickets.clone().or_else(|| folder().ok().map(|folder| folder.join("web")));
        let kept = file.as_deref().map(read).transpose()?.flatten();
        Ok(Some(Checked { address, file, kept }))
    }

    /// Listens for browsers, if they may come. `hub` is where the hub listens.
    ///
    /// # Errors
    /// The address cannot be found or listened on, or the tickets cannot be read or made.
    pub(super) fn web(&self, hub: &Address) -> Result<Option<Web>, Failure> {
        let Some(Checked { address, file, kept }) = self.check_files(hub)? else { return Ok(None) };
        let is_new = kept.is_none();
        let tickets = kept.or_else(Tickets::generate).ok_or("the system gives no random bytes for a link")?;
        let web = Web::listen(&address, self.web_name.clone(), tickets, file)?;
        Ok(Some(if is_new { web.keep_at_start() } else { web }))
    }
}

/// The tickets in a file. None if there is none.
fn read(path: &Path) -> Result<Option<Tickets>, Failure> {
    let cannot = || format!("cannot use the tickets in {}", path.display());
    match read_at_most(MAX_FILE, path) {
        Ok(content) => match Tickets::parse(&String::from_utf8_lossy(&content)) {
            Some(tickets) => Ok(Some(tickets)),
            None => Err(Failure::new(cannot(), "it has other content; name another file, or remove it")),
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error).context(cannot()),
    }
}
