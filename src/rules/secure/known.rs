//! The file of known peers, `known_hosts`: whose keys were proven before.
//!
//! ```text
//! # servers by the address that was called, callers by their key alone
//! server example.org:21567 sha256:…
//! caller sha256:… what stands behind is a remark
//! caller sha256:… first-use
//! ```

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
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
    address: String,
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
                // Whoever was believed without a proof is not known to those who demand one.
                (Some("caller"), Some(key), Some(FIRST_USE)) => {
                    known.first_use.extend(key.parse::<Fingerprint>());
                }
                (Some("caller"), Some(key), _) => {
                    Arc::make_mut(&mut known.callers).extend(key.parse::<Fingerprint>());
                }
                (Some("server"), Some(address), Some(key)) => {
                    if let (Ok(address), Ok(key)) = (address.parse::<Address>(), key.parse()) {
                        known.servers.push(Server { address: normal(&address), key, line: index + 1 });
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
        let address = normal(address);
        let (keys, lines): (Vec<_>, Vec<_>) = self
            .servers
            .iter()
            .filter(|server| server.address == address)
            .map(|server| (server.key, server.line))
            .unzip();
        (!keys.is_empty()).then_some(KnownServer { keys, lines })
    }

    /// The keys of all callers that proved themselves.
    #[must_use]
    pub fn callers(&self) -> &Arc<HashSet<Fingerprint>> {
        &self.callers
    }

    /// What to append to the file so that the server is known. `None` if it is.
    pub fn add_server(&mut self, address: &Address, key: Fingerprint) -> Option<String> {
        if self.server(address).is_some_and(|known| known.keys.contains(&key)) {
            return None;
        }
        let address = normal(address);
        let appended = self.append(format!("server {address} {key}\n"));
        self.servers.push(Server { address, key, line: self.lines });
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

/// The same text for all ways to write an address. A name and its number stay two addresses: the system's answer is not
/// to be trusted.
fn normal(address: &Address) -> String {
    let host = address.host();
    let port = address.port();
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return format!("{ip}:{port}");
    }
    let (ip, interface) = host.split_once('%').map_or((host, None), |(ip, interface)| (ip, Some(interface)));
    match (ip.parse::<Ipv6Addr>(), interface) {
        (Ok(ip), None) if ip.to_ipv4_mapped().is_some() => {
            format!("{}:{port}", ip.to_canonical())
        }
        (Ok(ip), None) => format!("[{ip}]:{port}"),
        (Ok(ip), Some(interface)) => format!("[{ip}%{interface}]:{port}"),
        (Err(_), _) => format!("{}:{port}", host.trim_end_matches('.').to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::secure::Identity;
    use proptest::prelude::*;

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
        ] {
            let known = known(&format!("server {written} {key}\n"));
            assert_eq!(known.server(&at(called)).unwrap().keys, [key], "{called}");
        }
        let known = known(&format!("server example.org:9 {key}\n"));
        for other in ["example.org", "example.com:9", "www.example.org:9"] {
            assert_eq!(known.server(&at(other)), None, "{other}");
        }
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
            text += &known.add_server(&at("Example.org"), server).unwrap();
            text += &known.add_caller(caller).unwrap();
            assert!(text.starts_with(before));
            let line = text.lines().position(|line| line.starts_with("server example.org")).unwrap() + 1;
            for mut known in [known, self::known(&text)] {
                let expected = KnownServer { keys: vec![server], lines: vec![line] };
                assert_eq!(known.server(&at("example.org")), Some(expected));
                assert!(known.callers().contains(&caller));
                assert_eq!(known.add_server(&at("example.org"), server), None);
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

    proptest! {
        #[test]
        fn no_content_is_too_strange(content in proptest::collection::vec(any::<u8>(), 0..200), text in "(server|caller|sha256:| |\n|[a-z:\\[%]){0,40}") {
            Known::parse(&content).unwrap();
            Known::parse(text.as_bytes()).unwrap();
        }
    }
}
