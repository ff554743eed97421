//! Addresses, as people write them.

use super::sanitize::is_invisible;
use super::wire::DEFAULT_PORT;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The host of an address that names none: this machine, by both of its loopback addresses.
const LOCALHOST: &str = "localhost";

/// A host, by name or number, and a port, as given on the command line.
///
/// ```
/// # use threadchat::rules::address::Address;
/// let shown = |text: &str| text.parse::<Address>().map(|address| address.to_string());
/// assert_eq!(shown("example.org"), Ok("example.org:21567".to_owned()));
/// assert_eq!(shown(":9000"), Ok("localhost:9000".to_owned()));
/// assert_eq!(shown("9000"), Ok("localhost:9000".to_owned()));
/// assert_eq!(shown("::1"), Ok("[::1]:21567".to_owned()));
/// assert_eq!(shown("[::1]:9000"), Ok("[::1]:9000".to_owned()));
/// assert_eq!(shown("fe80::1%eth0"), Ok("[fe80::1%eth0]:21567".to_owned()));
/// assert_eq!(shown("tcp://example.org:9000/"), Ok("example.org:9000".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    /// None: the default.
    port: Option<u16>,
}

impl Default for Address {
    fn default() -> Self {
        Self { host: LOCALHOST.to_owned(), port: None }
    }
}

impl Address {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 means any free one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// The same host with another port.
    #[cfg(feature = "web")]
    #[must_use]
    pub fn at_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port: Some(port) }
    }

    /// The same host with this port, if one was given by itself.
    ///
    /// # Errors
    /// The address has a port already: a sentence for the user.
    pub fn with_port(self, port: Option<u16>) -> Result<Self, &'static str> {
        match (self.port, port) {
            (Some(_), Some(_)) => Err("the port is given twice, in ADDR and as PORT: leave one of them out"),
            (own, other) => Ok(Self { port: own.or(other), ..self }),
        }
    }

    /// What the address means, if that is known without asking the system. `localhost` is both loopback addresses, as RFC 6761
    /// wants it: what the system answers depends on the machine, and the two sides of a chat must mean the same.
    #[must_use]
    pub fn known(&self) -> Option<Vec<SocketAddr>> {
        if self.host.trim_end_matches('.').eq_ignore_ascii_case(LOCALHOST) {
            let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Some(both.map(|ip| SocketAddr::new(ip, self.port())).into());
        }
        if let Some(ip) = short_ipv4(self.host.trim_end_matches('.')) {
            return Some(vec![SocketAddr::new(ip.into(), self.port())]);
        }
        // This knows the number of an interface behind a %, but not its name.
        self.to_string().parse().ok().map(|address| vec![address])
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(address) if address.scope_id() != 0 => {
                format!("{}%{}", address.ip(), address.scope_id())
            }
            _ => address.ip().to_string(),
        };
        Self { host, port: Some(address.port()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port())
        } else {
            write!(f, "{}:{}", self.host, self.port())
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            // In a URL, %25 stands for the % in front of an interface (RFC 6874).
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tcp") => {
                parse(&rest.replacen("%25", "%", 1))
            }
            Some((scheme, rest)) => {
                Err(format!("threadchat does not speak {}; {}", scheme.escape_debug(), example(rest)))
            }
            None => parse(text),
        }
    }
}

/// An address without a scheme.
fn parse(text: &str) -> Result<Address, String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if let Some(at) = text.find(['/', '\\', '?', '#']) {
        return Err(format!("{:?} is not part of an address; {}", &text[at..], example(text)));
    }
    if let Some((user, _)) = text.rsplit_once('@') {
        return Err(format!("{:?} is not part of an address; {}", format!("{user}@"), example(text)));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Address { port: Some(port(text)?), ..Address::default() });
    }
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or("the ] is missing")?;
        if !is_ipv6(host)? {
            return Err(format!("{host:?} is not an IPv6 address"));
        }
        match rest.strip_prefix(':') {
            Some(digits) => (host, Some(port(digits)?)),
            None if rest.is_empty() => (host, None),
            None => return Err(format!("{rest:?} after the ] is not a port, such as :{DEFAULT_PORT}")),
        }
    } else if is_ipv6(text)? {
        (text, None)
    } else {
        let (host, port) = match text.split_once(':') {
            Some((_, rest)) if rest.contains(':') => {
                return Err("an IPv6 address with a port needs brackets, as in [::1]:21567".to_owned());
            }
            Some((host, digits)) => (host, Some(port(digits)?)),
            None => (text, None),
        };
        if host == "*" {
            return Err("* is not an address; all addresses of this machine are 0.0.0.0 or ::".to_owned());
        }
        if !host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c)) {
            return Err(format!("{host:?} is not the name of a host"));
        }
        (host, port)
    };
    let host = if host.is_empty() { LOCALHOST } else { host };
    Ok(Address { host: host.to_owned(), port })
}

/// An IPv4 address in any way that systems understand, as `127.1`, `0x7f000001` and `0177.0.0.1` are 127.0.0.1: one to four
/// numbers, of which the last stands for all bytes that are left. Two addresses must not differ by their spelling alone.
fn short_ipv4(host: &str) -> Option<Ipv4Addr> {
    let parts = host.split('.').map(number).collect::<Option<Vec<_>>>()?;
    let (last, first) = parts.split_last()?;
    let bits = 32 - 8 * u32::try_from(first.len()).ok().filter(|count| *count <= 3)?;
    let mut address = u64::from(*last);
    if address >> bits != 0 {
        return None;
    }
    for (index, byte) in (0_u32..).zip(first) {
        address |= u64::from(u8::try_from(*byte).ok()?) << (24 - 8 * index);
    }
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

/// As in C: decimal, octal behind a 0, hexadecimal behind 0x.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

/// A port.
///
/// # Errors
/// It is none: a sentence for the user.
pub fn port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text);
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("{text:?} is not a port, a number from 0 to 65535"))
}

/// Whether this is an IPv6 address, maybe with the name or number of an interface behind a %, which some systems call its scope.
fn is_ipv6(text: &str) -> Result<bool, String> {
    let (address, interface) = match text.split_once('%') {
        Some((address, interface)) => (address, Some(interface)),
        None => (text, None),
    };
    match interface {
        _ if address.parse::<Ipv6Addr>().is_err() => Ok(false),
        Some("") => Err("the name of the interface is missing after the %".to_owned()),
        Some(name) => {
            Ok(!name.contains(|c: char| ":%[]".contains(c) || c.is_whitespace() || is_invisible(c)))
        }
        None => Ok(true),
    }
}

/// How to write the address in a text that is more than that.
fn example(text: &str) -> String {
    let host = text.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("write {}", if parse(host).is_ok() { host } else { "HOST:PORT, such as example.org:21567" })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        text.parse::<Address>().map(|address| address.to_string())
    }

    #[test]
    fn an_address_has_a_host_and_a_port_or_the_default_of_either() {
        for (text, meaning) in [
            ("localhost", "localhost:21567"),
            ("localhost:80", "localhost:80"),
            ("müller.example", "müller.example:21567"),
            (":80", "localhost:80"),
            ("80", "localhost:80"),
            ("0", "localhost:0"),
            ("192.0.2.1", "192.0.2.1:21567"),
            ("::", "[::]:21567"),
            ("[::]", "[::]:21567"),
            ("[fe80::1]:80", "[fe80::1]:80"),
            ("fe80::1%eth0", "[fe80::1%eth0]:21567"),
            ("fe80::1%1", "[fe80::1%1]:21567"),
            ("[fe80::1%eth0]", "[fe80::1%eth0]:21567"),
            ("[fe80::1%br-0.7]:80", "[fe80::1%br-0.7]:80"),
            ("tcp://host:9000", "host:9000"),
            ("TCP://host", "host:21567"),
            ("tcp://9000", "localhost:9000"),
            ("tcp://[fe80::1%25eth0]:80/", "[fe80::1%eth0]:80"),
            ("host/", "host:21567"),
            ("[::1]:80/", "[::1]:80"),
            ("9000/", "localhost:9000"),
        ] {
            assert_eq!(shown(text), Ok(meaning.to_owned()), "{text}");
            assert_eq!(shown(meaning), Ok(meaning.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_explained() {
        for (text, reason) in [
            ("", "empty"),
            ("/", "empty"),
            ("tcp://", "empty"),
            ("host:http", "\"http\" is not a port"),
            ("70000", "\"70000\" is not a port"),
            ("host:", "\"\" is not a port"),
            ("host:+80", "\"+80\" is not a port"),
            ("[::1", "] is missing"),
            ("[host]:80", "not an IPv6 address"),
            ("[::1]80", "not a port"),
            ("fe80::1:80:x", "needs brackets"),
            ("fe80::1%eth0:80", "needs brackets"),
            ("fe80::1%", "interface is missing"),
            ("[fe80::1%]:80", "interface is missing"),
            ("[fe80::1%a b]:80", "not an IPv6 address"),
            ("192.0.2.1%eth0", "not the name of a host"),
            ("two words", "not the name of a host"),
            ("host,80", "not the name of a host"),
            ("*", "0.0.0.0 or ::"),
            ("*:80", "0.0.0.0 or ::"),
            ("http://host", "does not speak http; write host"),
            ("https://host:8443/path?query", "does not speak https; write host:8443"),
            ("ws://[::1]:80/chat", "does not speak ws; write [::1]:80"),
            ("ssh://user@host", "does not speak ssh; write host"),
            ("http://", "write HOST:PORT"),
            ("tcp://host/path", "\"/path\" is not part of an address; write host"),
            ("host/path", "\"/path\" is not part of an address; write host"),
            ("host:80/path", "write host:80"),
            ("192.0.2.0/24", "\"/24\" is not part of an address; write 192.0.2.0"),
            ("host?x#y", "\"?x#y\" is not part"),
            (r"\\host\share", "write HOST:PORT"),
            ("user@host", "\"user@\" is not part of an address; write host"),
            ("user:secret@host:80", "write host:80"),
        ] {
            let error = shown(text).err().unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_port_may_stand_by_itself_unless_the_address_has_one() {
        let with_port = |text: &str| {
            text.parse::<Address>().unwrap().with_port(Some(9)).map(|address| address.to_string())
        };
        assert_eq!(with_port("host"), Ok("host:9".to_owned()));
        assert_eq!(with_port("::1"), Ok("[::1]:9".to_owned()));
        assert!(with_port("host:80").is_err());
        // The default, too, if it is written.
        assert!(with_port("host:21567").is_err());
        assert!(with_port("80").is_err());
    }

    #[test]
    fn numbers_and_localhost_mean_the_same_on_every_machine() {
        let known = |text: &str| {
            let addresses = text.parse::<Address>().unwrap().known();
            addresses.map(|addresses| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        for (text, addresses) in [
            ("localhost", Some("127.0.0.1:21567 [::1]:21567")),
            ("LocalHost.:9", Some("127.0.0.1:9 [::1]:9")),
            (":9", Some("127.0.0.1:9 [::1]:9")),
            ("192.0.2.1", Some("192.0.2.1:21567")),
            ("127.1", Some("127.0.0.1:21567")),
            ("0x7F000001:9", Some("127.0.0.1:9")),
            ("0177.0.0.01", Some("127.0.0.1:21567")),
            ("2130706433:9", Some("127.0.0.1:9")),
            ("127.0.0.1.", Some("127.0.0.1:21567")),
            ("10.258", Some("10.0.1.2:21567")),
            ("256.1", None),
            ("127.0.0.256", None),
            ("127.0.0.08", None),
            ("1.2.3.4.5", None),
            ("4294967296:9", None),
            ("0x:9", None),
            ("fe80::1%7", Some("[fe80::1%7]:21567")),
            ("fe80::1%eth0", None),
            ("example.org", None),
        ] {
            assert_eq!(known(text).as_deref(), addresses, "{text}");
        }
    }

    #[test]
    fn a_socket_address_keeps_its_interface() {
        for text in ["127.0.0.1:9", "[::1]:9", "[fe80::1%7]:9"] {
            let address = Address::from(text.parse::<SocketAddr>().unwrap());
            assert_eq!(address.to_string(), text);
            assert_eq!(address.known(), Some(vec![text.parse().unwrap()]));
        }
    }
}
