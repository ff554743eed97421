//! Addresses: how to read, find and listen on them.

use crate::rules::errors;
use crate::rules::failure::Failure;
use crate::rules::wire::DEFAULT_PORT;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::str::FromStr;

/// A host, by name or number, and a port, as given on the command line.
///
/// ```
/// # use threadchat::designs::net::Address;
/// let shown = |text: &str| text.parse::<Address>().map(|address| address.to_string());
/// assert_eq!(shown("example.org"), Ok("example.org:21567".to_owned()));
/// assert_eq!(shown(":9000"), Ok("127.0.0.1:9000".to_owned()));
/// assert_eq!(shown("9000"), Ok("127.0.0.1:9000".to_owned()));
/// assert_eq!(shown("::1"), Ok("[::1]:21567".to_owned()));
/// assert_eq!(shown("[::1]:9000"), Ok("[::1]:9000".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Default for Address {
    fn default() -> Self {
        Self { host: Ipv4Addr::LOCALHOST.to_string(), port: DEFAULT_PORT }
    }
}

impl Address {
    /// The port; 0 means any free one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks the system for all addresses of the host. The system sets no limit to how long that takes.
    pub(crate) fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let tried = format_args!("cannot find the address of {}", self.host);
        match (self.host.as_str(), self.port).to_socket_addrs().map(Vec::from_iter) {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(Failure::new(tried, "it has none")),
            Err(error) => Err(Failure::new(tried, error).hint("; check its spelling, or give its number")),
        }
    }

    /// Listens on the first address of the host that allows it.
    pub(crate) fn listen(&self) -> Result<TcpListener, Failure> {
        TcpListener::bind(&self.resolve()?[..]).map_err(|error| {
            Failure::new(format_args!("cannot listen on {self}"), &error).hint(errors::hint(&error))
        })
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |port: &str| {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit()).then_some(port);
            let number = digits.and_then(|digits| digits.parse().ok());
            number.ok_or_else(|| format!("{port:?} is not a port, a number from 0 to 65535"))
        };
        let default = Self::default();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self { port: port(text)?, ..default });
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self { host: text.to_owned(), ..default });
        }
        let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
            let (host, rest) = bracketed.split_once(']').ok_or("the ] is missing")?;
            // The part after a % is the name of an interface.
            if host.split('%').next().is_none_or(|host| host.parse::<Ipv6Addr>().is_err()) {
                return Err(format!("{host:?} is not an IPv6 address"));
            }
            match rest.strip_prefix(':') {
                Some(digits) => (host, port(digits)?),
                None if rest.is_empty() => (host, default.port),
                None => return Err(format!("{rest:?} after the ] is not a port, such as :{DEFAULT_PORT}")),
            }
        } else {
            match text.split_once(':') {
                Some((_, rest)) if rest.contains(':') => {
                    return Err("an IPv6 address with a port needs brackets, as in [::1]:21567".to_owned());
                }
                Some((host, digits)) => (host, port(digits)?),
                None => (text, default.port),
            }
        };
        if host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!("{host:?} is not the name of a host"));
        }
        match host {
            "" if text.is_empty() => Err("it is empty".to_owned()),
            "" => Ok(Self { port, ..default }),
            _ => Ok(Self { host: host.to_owned(), port }),
        }
    }
}

/// Our address of a connection and the peer's. `None` if it is broken.
pub(crate) fn ends(socket: &TcpStream) -> Option<(SocketAddr, SocketAddr)> {
    socket.local_addr().ok().zip(socket.peer_addr().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        text.parse::<Address>().map(|address| address.to_string())
    }

    #[test]
    fn an_address_has_a_host_and_a_port_or_the_default_of_either() {
        for (text, meaning) in [
            ("localhost", "localhost:21567"),
            ("localhost:80", "localhost:80"),
            (":80", "127.0.0.1:80"),
            ("80", "127.0.0.1:80"),
            ("0", "127.0.0.1:0"),
            ("::", "[::]:21567"),
            ("[::]", "[::]:21567"),
            ("[fe80::1]:80", "[fe80::1]:80"),
        ] {
            assert_eq!(shown(text), Ok(meaning.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_explained() {
        for (text, reason) in [
            ("", "empty"),
            ("host:http", "\"http\" is not a port"),
            ("70000", "\"70000\" is not a port"),
            ("host:", "\"\" is not a port"),
            ("[::1", "] is missing"),
            ("[host]:80", "not an IPv6 address"),
            ("[::1]80", "not a port"),
            ("fe80::1:80:x", "needs brackets"),
            ("two words", "not the name of a host"),
        ] {
            let error = shown(text).err().unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
