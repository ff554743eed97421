//! What an endpoint does, whichever its design.

#[cfg(feature = "link")]
use super::Link;
#[cfg(feature = "hub")]
use super::Web;
use super::net;
use crate::rules::address::Address;
use crate::rules::calling::Call;
use crate::rules::failure::Failure;
use crate::rules::settings::Settings;
#[cfg(feature = "hub")]
use crate::rules::{byte_order_mark, failure::Context, hub};
#[cfg(feature = "hub")]
use std::net::SocketAddr;
use std::net::TcpListener;
#[cfg(feature = "hub")]
use std::path::Path;

/// What an endpoint does from start to end.
#[derive(Debug)]
pub enum Task {
    /// Waits for callers and chats with one at a time.
    Serve {
        /// Where callers arrive: at least one.
        listeners: Vec<TcpListener>,
        /// The user knows the port; otherwise a notice says where they listen, whatever the verbosity.
        port_was_chosen: bool,
        /// End after the first conversation.
        once: bool,
        /// How to chat.
        settings: Settings,
    },
    /// Calls somebody and chats with them.
    Connect {
        /// Whom to call, and how patiently.
        call: Call,
        /// How to chat.
        settings: Settings,
    },
    /// Lets any number of people chat with each other.
    #[cfg(feature = "hub")]
    Hub {
        /// Where clients arrive: at least one.
        listeners: Vec<TcpListener>,
        /// As for [`Task::Serve`].
        port_was_chosen: bool,
        /// What the hub keeps to.
        settings: hub::Settings,
        /// The log that it shares with other hubs, if it does.
        #[cfg(feature = "link")]
        link: Option<Box<Link>>,
        /// Where browsers come, if they may.
        web: Option<Box<Web>>,
    },
}

impl Task {
    /// Listens at every address of this host, to serve one caller after another or, `once`, only the first.
    ///
    /// # Errors
    /// The address cannot be found or listened on.
    pub fn serve(address: &Address, once: bool, settings: Settings) -> Result<Self, Failure> {
        let listeners = net::listen(address)?;
        Ok(Self::Serve { listeners, port_was_chosen: address.port() != 0, once, settings })
    }

    /// Listens for as many clients as the system allows, at every address of this host or, if some were `passed`, at those
    /// sockets. The lines of `motd` greet the clients.
    ///
    /// # Errors
    /// The message of the day cannot be read or is too long, there are too few descriptors, or the address cannot be found or
    /// listened on.
    #[cfg(feature = "hub")]
    pub fn hub(
        address: &Address,
        passed: Vec<TcpListener>,
        motd: Option<&Path>,
        settings: hub::Settings,
    ) -> Result<Self, Failure> {
        let settings = prepare(motd, settings)?;
        let listeners = if passed.is_empty() { net::listen(address)? } else { passed };
        listeners.iter().for_each(crate::platform::widen_backlog);
        Ok(Self::Hub {
            listeners,
            port_was_chosen: address.port() != 0,
            settings,
            #[cfg(feature = "link")]
            link: None,
            web: None,
        })
    }

    /// Whether there could be such a hub. Returns where it would listen.
    ///
    /// # Errors
    /// As [`hub`](Self::hub), but it does not listen.
    #[cfg(feature = "hub")]
    pub fn check_hub(
        address: &Address,
        motd: Option<&Path>,
        settings: hub::Settings,
    ) -> Result<Vec<SocketAddr>, Failure> {
        prepare(motd, settings)?;
        net::resolve(address)
    }

    /// The same, which lets browsers in, too.
    #[cfg(feature = "web")]
    #[must_use]
    pub fn with_browsers(mut self, at: Web) -> Self {
        if let Self::Hub { web, .. } = &mut self {
            *web = Some(Box::new(at));
        }
        self
    }

    /// The same, as one of several hubs.
    #[cfg(feature = "link")]
    #[must_use]
    pub fn linked(mut self, with: Link) -> Self {
        if let Self::Hub { link, .. } = &mut self {
            *link = Some(Box::new(with));
        }
        self
    }
}

/// Completes the settings of a hub with what the file and the system say.
#[cfg(feature = "hub")]
fn prepare(motd: Option<&Path>, mut settings: hub::Settings) -> Result<hub::Settings, Failure> {
    settings.motd = motd.map(read_motd).transpose()?.unwrap_or_default();
    settings.admission.max_descriptors = crate::platform::raise_descriptor_limit();
    settings.admission.check_descriptors()?;
    Ok(settings)
}

#[cfg(feature = "hub")]
fn read_motd(path: &Path) -> Result<Vec<String>, Failure> {
    // A file without end must not be read to its end.
    let max = hub::MAX_MOTD_BYTES + hub::MAX_MOTD_LINES * "\r\n".len();
    let text = crate::platform::read_at_most(max, path)
        .context(format_args!("cannot read the message of the day from {}", path.display()))
        .map_err(|failure| failure.hint("; name a text file that you may read"))?;
    let lines: Vec<_> =
        String::from_utf8_lossy(byte_order_mark::strip(&text)).lines().map(str::to_owned).collect();
    let bytes = lines.iter().map(String::len).sum::<usize>();
    if text.len() > max || lines.len() > hub::MAX_MOTD_LINES || bytes > hub::MAX_MOTD_BYTES {
        return Err(format!(
            "the message of the day is too long: the limit is {} lines and {} bytes",
            hub::MAX_MOTD_LINES,
            hub::MAX_MOTD_BYTES
        )
        .into());
    }
    Ok(lines)
}

#[cfg(all(test, feature = "hub"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_byte_order_mark_of_a_message_of_the_day_is_not_part_of_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "\u{feff}be kind\n").unwrap();
        assert_eq!(read_motd(file.path()).unwrap(), ["be kind"]);
    }

    #[test]
    fn a_message_of_the_day_that_is_too_long_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, fits) in [
            ("\n".repeat(hub::MAX_MOTD_LINES), true),
            ("\n".repeat(hub::MAX_MOTD_LINES + 1), false),
            ("x".repeat(hub::MAX_MOTD_BYTES), true),
            ("x".repeat(hub::MAX_MOTD_BYTES + 1), false),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read_motd(file.path()).is_ok(), fits);
        }
    }
}
