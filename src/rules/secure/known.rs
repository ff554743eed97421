//! The file of known peers, `known_hosts`: whose keys were proven before.
//!
//! ```text
//! # servers by the address that was called, callers by their key alone
//! server example.org:21567 sha256:… 192.0.2.7:21567
//! caller sha256:… what stands behind is a remark
//! caller sha256:… first-use
//! ```

use std::collections::HashSet;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::identity::Fingerprint;
use super::{Code, Trust, Unknown};
use crate::rules::address::Address;

/// Marks a caller that proved nothing.
const FIRST_USE: &str = "first-use";

/// The most bytes that the file may have: some 10,000 peers.
pub const MAX_FILE: usize = 1 << 20;

/// The known peers. Lines that are not understood stay in the file, because lines are only appended to it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    servers: Vec<Server>,
    /// Shared with the trust in each caller whose handshake is under way.
    callers: Arc<HashSet<Fingerprint>>,
    /// The keys of callers that proved nothing.
    first_use: HashSet<Fingerprint>,
    /// The last line has no end, so that a new one must begin with it.
    is_cut: bool,
    lines: usize,
}

#[derive(Debug, Clone)]
struct Server {
    address: Address,
    /// Where a name led when the server was met.
    met_at: Option<SocketAddr>,
    key: Fingerprint,
    /// From 1.
    line: usize,
}

/// What is known of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownServer {
    /// Its keys: more than one if somebody wrote so.
    pub keys: Vec<Fingerprint>,
    /// The lines of the file that say so, from 1.
    pub lines: Vec<usize>,
}

impl KnownServer {
    /// Trust in these keys and no others. `file` is the name that messages give to the file; the code is for a server that
    /// does not know this side any more.
    #[must_use]
    pub fn trust(self, file: &str, code: Option<Code>) -> Trust {
        let said =
            self.lines.iter().zip(&self.keys).map(|(line, key)| format!("line {line} of {file} says {key}"));
        let expected = said.collect::<Vec<_>>().join(", ");
        Trust {
            code,
            known: Arc::new(self.keys.into_iter().collect()),
            unknown: Unknown::Refused { expected },
        }
    }
}

impl Known {
    /// Reads the content of the file.
    ///
    /// # Errors
    /// It is too large: a sentence for the user.
    pub fn parse(content: &[u8]) -> Result<Self, String> {
        if content.len() > MAX_FILE {
            return Err(format!("it has more than {} KiB: remove lines", MAX_FILE / 1024));
        }
        let is_cut = content.last().is_some_and(|byte| *byte != b'\n');
        let mut known = Self { is_cut, ..Self::default() };
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
            known.lines = if line.is_empty() { index } else { index + 1 };
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next(), words.next()) {
                // A server that demands a code does not know callers that proved nothing.
                (Some("caller"), Some(key), Some(FIRST_USE)) => {
                    known.first_use.extend(key.parse::<Fingerprint>());
                }
                (Some("caller"), Some(key), _) => {
                    Arc::make_mut(&mut known.callers).extend(key.parse::<Fingerprint>());
                }
                (Some("server"), Some(address), Some(key)) => {
                    if let (Ok(address), Ok(key)) = (address.parse(), key.parse()) {
                        let met_at = words.next().and_then(|word| word.parse().ok());
                        known.servers.push(Server { address, met_at, key, line: index + 1 });
                    }
                }
                _ => {}
            }
        }
        Ok(known)
    }

    /// What is known of the server at the address as the user writes it, or None. Where something is, the connection must
    /// be encrypted, and a server with another key is an impostor.
    #[must_use]
    pub fn server(&self, address: &Address) -> Option<KnownServer> {
        let (keys, lines): (Vec<_>, Vec<_>) = self
            .servers
            .iter()
            .filter(|server| is_same(&server.address, address))
            .map(|server| (server.key, server.line))
            .unzip();
        (!keys.is_empty()).then_some(KnownServer { keys, lines })
    }

    /// Where known servers are, and the line that says so, as a sentence begins. These must not be called in clear text,
    /// whatever they are called: another name may lead there.
    #[must_use]
    pub fn encrypted_only(&self, file: &str) -> Vec<(SocketAddr, String)> {
        let places = self.servers.iter().flat_map(|server| {
            let Server { address, met_at, line, .. } = server;
            let said = format!("line {line} of {file} knows it as {address}");
            address.known().into_iter().flatten().chain(*met_at).map(move |at| (at, said.clone()))
        });
        places.collect()
    }

    /// The keys of all callers that proved themselves.
    #[must_use]
    pub fn callers(&self) -> &Arc<HashSet<Fingerprint>> {
        &self.callers
    }

    /// What to append to the file so that the server, which was met at this address, is known. `None` if it is.
    pub fn add_server(&mut self, address: &Address, met_at: SocketAddr, key: Fingerprint) -> Option<String> {
        if self.server(address).is_some_and(|known| known.keys.contains(&key)) {
            return None;
        }
        let met_at = Some(met_at).filter(|_| address.known().is_none());
        let behind = met_at.map(|at| format!(" {at}")).unwrap_or_default();
        let appended = self.append(format!("server {} {key}{behind}\n", normal(address)));
        self.servers.push(Server { address: address.clone(), met_at, key, line: self.lines });
        Some(appended)
    }

    /// The same for a caller that proved nothing, so that it is not known to those who demand a proof.
    pub fn add_first_use(&mut self, key: Fingerprint) -> Option<String> {
        let is_new = !self.callers.contains(&key) && self.first_use.insert(key);
        is_new.then(|| self.append(format!("caller {key} {FIRST_USE}\n")))
    }

    /// What to append to the file so that the caller is known. `None` if it is.
    pub fn add_caller(&mut self, key: Fingerprint) -> Option<String> {
        if self.callers.contains(&key) {
            return None;
        }
        Arc::make_mut(&mut self.callers).insert(key);
        Some(self.append(format!("caller {key}\n")))
    }

    fn append(&mut self, line: String) -> String {
        self.lines += 1;
        if std::mem::take(&mut self.is_cut) { format!("\n{line}") } else { line }
    }
}

/// Whether both lead to the same place, also if only one of the two names all loopback addresses. A name and its number are
/// two addresses here: an attacker who answers the look-up of a name can give any number.
fn is_same(one: &Address, other: &Address) -> bool {
    match (one.known(), other.known()) {
        (Some(one), Some(other)) => one.into_iter().any(|one| other.iter().any(|other| is_at(one, *other))),
        _ => normal(one) == normal(other),
    }
}

/// Whether both are one address, also if one is an IPv4 address that is written as IPv6.
fn is_at(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical()
        && one.port() == other.port()
        && scope(one) == scope(other)
}

/// The number of the interface.
fn scope(address: SocketAddr) -> u32 {
    if let SocketAddr::V6(address) = address { address.scope_id() } else { 0 }
}

/// The same text for all ways to write an address.
fn normal(address: &Address) -> String {
    if let Some([at]) = address.known().as_deref() {
        return SocketAddr::new(at.ip().to_canonical(), at.port()).to_string();
    }
    let (host, port) = (address.host(), address.port());
    // The name of an interface has upper and lower case.
    match host.split_once('%') {
        Some((ip, interface)) => match ip.parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}%{interface}]:{port}"),
            Err(_) => address.to_string(),
        },
        None => format!("{}:{port}", host.trim_end_matches('.').to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::secure::Identity;

    const AT: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)), 21567);

    fn key() -> Fingerprint {
        Identity::generate().unwrap().0.fingerprint()
    }

    fn known(text: &str) -> Known {
        Known::parse(text.as_bytes()).unwrap()
    }

    fn at(address: &str) -> Address {
        address.parse().unwrap()
    }

    #[test]
    fn a_server_is_known_by_its_address_in_any_way_of_writing() {
        let key = key();
        for (written, called) in [
            ("example.org", "Example.ORG:21567"),
            ("example.org:9", "tcp://example.org.:9/"),
            ("[::1]", "0:0:0:0:0:0:0:1"),
            ("fe80::1%eth0", "[FE80::1%eth0]:21567"),
            ("192.0.2.1:9", "192.0.2.1:9"),
            ("192.0.2.1:9", "[::ffff:192.0.2.1]:9"),
            ("[::ffff:192.0.2.1]:9", "192.0.2.1:9"),
            ("127.0.0.1", "127.1"),
            ("127.0.0.1:9", "0x7f000001:9"),
            ("127.0.0.1", "017700000001:21567"),
            ("192.0.2.1", "192.0.513"),
            ("192.0.2.1", "192.0.2.1."),
            ("127.0.0.1", "localhost"),
            ("localhost", "LOCALHOST."),
            ("localhost:9", "[0::1]:9"),
            ("localhost", ":21567"),
            ("fe80::1%7", "[fe80:0::1%7]:21567"),
        ] {
            let known = known(&format!("server {written} {key}\n"));
            assert_eq!(known.server(&at(called)).unwrap().keys, [key], "{called}");
        }
        let known = known(&format!("server example.org:9 {key}\n"));
        for other in ["example.org", "example.com:9", "www.example.org:9", "192.0.2.1:9"] {
            assert_eq!(known.server(&at(other)), None, "{other}");
        }
    }

    #[test]
    fn where_a_known_server_is_must_not_be_called_in_clear_text_under_another_name() {
        let (key, at) = (key(), "192.0.2.7:21567".parse().unwrap());
        let mut known = Known::default();
        let line = known.add_server(&self::at("Example.org"), at, key).unwrap();
        assert_eq!(line, format!("server example.org:21567 {key} {at}\n"));
        for known in [known, self::known(&line)] {
            let expected = (at, "line 1 of FILE knows it as ".to_owned());
            let [(place, said)] = known.encrypted_only("FILE").try_into().unwrap();
            assert_eq!(place, expected.0);
            assert!(said.to_lowercase().ends_with("knows it as example.org:21567"), "{said}");
        }
        let numbers = self::known(&format!("server localhost:9 {key}\nserver 192.0.2.1 {key} a remark\n"));
        let places: Vec<_> = numbers.encrypted_only("FILE").iter().map(|(at, _)| at.to_string()).collect();
        assert_eq!(places, ["127.0.0.1:9", "[::1]:9", "192.0.2.1:21567"]);
    }

    #[test]
    fn what_is_known_of_a_server_names_its_lines() {
        let (one, two, caller) = (key(), key(), key());
        let text = format!(
            "# ours\r\n\nserver a {one} the printer\r\ncaller {caller}\nnonsense\nserver a:21567 {two}"
        );
        let known = known(&text);
        assert_eq!(known.server(&at("a")), Some(KnownServer { keys: vec![one, two], lines: vec![3, 6] }));
        let Unknown::Refused { expected } = known.server(&at("a")).unwrap().trust("FILE", None).unknown
        else {
            unreachable!()
        };
        assert_eq!(expected, format!("line 3 of FILE says {one}, line 6 of FILE says {two}"));
        assert_eq!(known.callers().iter().collect::<Vec<_>>(), [&caller]);
    }

    #[test]
    fn who_is_added_is_known_next_time_and_nothing_else_changes() {
        for before in ["", "\n\n", "# a remark", "server  b nonsense\n", "caller", "\n  "] {
            let mut text = before.to_owned();
            let (server, caller) = (key(), key());
            let mut known = known(&text);
            text += &known.add_server(&at("Example.org"), AT, server).unwrap();
            text += &known.add_caller(caller).unwrap();
            assert!(text.starts_with(before));
            let line = text.lines().position(|line| line.starts_with("server example.org")).unwrap() + 1;
            for mut known in [known, self::known(&text)] {
                let expected = KnownServer { keys: vec![server], lines: vec![line] };
                assert_eq!(known.server(&at("example.org")), Some(expected));
                assert!(known.callers().contains(&caller));
                assert_eq!(known.add_server(&at("example.org"), AT, server), None);
                assert_eq!(known.add_caller(caller), None);
            }
        }
    }

    #[test]
    fn a_file_has_a_bound() {
        assert!(Known::parse(&vec![b'\n'; MAX_FILE + 1]).unwrap_err().contains("1024 KiB"));
        assert!(Known::parse(&vec![b'\n'; MAX_FILE]).is_ok());
    }

    #[test]
    fn who_was_only_believed_is_not_known_to_those_who_demand_a_proof() {
        let key = key();
        let mut first = Known::default();
        let line = first.add_first_use(key).unwrap();
        assert_eq!(first.add_first_use(key), None);
        let mut later = known(&line);
        assert!(later.callers().is_empty() && later.add_first_use(key).is_none());
        let proved = later.add_caller(key).unwrap();
        assert!(known(&(line + &proved)).callers().contains(&key));
    }
}
