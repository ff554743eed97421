//! What a hub needs to let browsers in, beside what it has for everybody.

use super::net;
use crate::platform::{create_private_folder, replace_private};
use crate::rules::address::Address;
use crate::rules::failure::Failure;
use crate::rules::hub::{Hub, WebSettings};
use crate::rules::notice::Notice;
use crate::rules::web::Tickets;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

/// A port for browsers.
#[derive(Debug)]
pub struct Web {
    listeners: Vec<TcpListener>,
    settings: WebSettings,
    /// Where the tickets are kept. None if the user has no folder for it.
    file: Option<PathBuf>,
    /// They are new.
    keeps_at_start: bool,
}

impl Web {
    /// Listens at every address of this host.
    ///
    /// # Errors
    /// The address cannot be found or listened on.
    pub fn listen(
        address: &Address,
        names: Vec<String>,
        tickets: Tickets,
        file: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let listeners = net::listen(address)?;
        listeners.iter().for_each(crate::platform::widen_backlog);
        let at: Vec<SocketAddr> =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let port = at.first().map_or(0, SocketAddr::port);
        let settings = WebSettings { names, tickets, hosts: net::reachable(&at), port };
        Ok(Self { listeners, settings, file, keeps_at_start: false })
    }

    /// Keeps the tickets as soon as the hub starts.
    #[must_use]
    pub fn keep_at_start(self) -> Self {
        Self { keeps_at_start: true, ..self }
    }

    /// The listening sockets, for the design.
    pub(super) fn take_listeners(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.listeners)
    }

    /// Lets browsers into this hub.
    pub(super) fn open(&self, hub: &mut Hub) -> Option<Notice> {
        hub.open_web(self.settings.clone());
        self.keeps_at_start.then(|| self.keep(&self.settings.tickets)).flatten()
    }

    /// Keeps these tickets for the next start. Returns what to report if that fails.
    pub(super) fn keep(&self, tickets: &Tickets) -> Option<Notice> {
        let path = self.file.as_ref()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let result = folder.map_or(Ok(()), create_private_folder);
        let result = result.and_then(|()| replace_private(path, tickets.to_string().as_bytes()));
        result.err().map(Notice::CannotKeepTickets)
    }
}
