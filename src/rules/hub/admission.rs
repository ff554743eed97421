//! Who is let in.

use crate::rules::wire::Stamp;
use ipnet::IpNet;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// Who is let in, and how many.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// How many clients there may be. `None`: as many as the system has descriptors and threads for.
    pub max_clients: Option<usize>,
    /// How many there may be from one address.
    pub max_per_address: Option<usize>,
    /// If not empty, nobody else is let in.
    pub allow: Vec<IpNet>,
    /// They are not let in.
    pub deny: Vec<IpNet>,
    /// For how many clients there are file descriptors, if there is a limit.
    pub descriptors: Option<usize>,
}

/// Why somebody is not let in: what they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// So many clients are the limit.
    Full(usize),
    /// So many clients from one address are the limit.
    FullForAddress(usize),
    /// The address is not allowed, or denied, or banned.
    NotAllowed,
    /// The system has no more threads or file descriptors for us.
    NoResources,
    /// The transcript does not keep up with what happens.
    Transcript,
    /// The hub is about to end.
    Ending,
}

impl Refusal {
    /// The line that they are told.
    #[must_use]
    pub fn line(&self, stamp: &Stamp) -> Vec<u8> {
        [&stamp.as_bytes()[..], format!("* hub: {self}\n").as_bytes()].concat()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(limit) => {
                write!(f, "full: {} is the limit here; please call again later", clients(*limit))
            }
            Self::FullForAddress(limit) => {
                write!(f, "full: {} from one address is the limit here", clients(*limit))
            }
            Self::NotAllowed => f.write_str("your address is not allowed here"),
            Self::NoResources => f.write_str("out of threads or file descriptors; please call again later"),
            Self::Transcript => f.write_str("the transcript does not keep up; please call again later"),
            Self::Ending => f.write_str("the hub is about to end"),
        }
    }
}

fn clients(count: usize) -> String {
    format!("{count} client{}", if count == 1 { "" } else { "s" })
}

/// The clients that are present, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Doorkeeper {
    door: Door,
    clients: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Doorkeeper {
    pub(super) fn new(door: Door) -> Self {
        Self { door, ..Self::default() }
    }

    /// Whether somebody from there may come in now.
    /// There are so many connections, those of who have left included.
    pub(super) fn admits(&self, address: IpAddr, connections: usize) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        let Door { max_clients, max_per_address, allow, deny, descriptors } = &self.door;
        if is_in(deny) || (!allow.is_empty() && !is_in(allow)) {
            return Err(Refusal::NotAllowed);
        }
        if let Some(limit) = max_clients.filter(|limit| self.clients >= *limit) {
            return Err(Refusal::Full(limit));
        }
        if descriptors.is_some_and(|descriptors| connections >= descriptors) {
            return Err(Refusal::NoResources);
        }
        let from_there = self.by_address.get(&address).copied().unwrap_or(0);
        match max_per_address.filter(|limit| from_there >= *limit) {
            Some(limit) => Err(Refusal::FullForAddress(limit)),
            None => Ok(()),
        }
    }

    pub(super) fn came(&mut self, address: IpAddr) {
        self.clients += 1;
        *self.by_address.entry(address.to_canonical()).or_default() += 1;
    }

    pub(super) fn went(&mut self, address: IpAddr) {
        self.clients -= 1;
        if let Some(count) = self.by_address.get_mut(&address.to_canonical()) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address.to_canonical());
            }
        }
    }

    /// Nobody is let in from there any more.
    pub(super) fn ban(&mut self, net: IpNet) {
        if !self.door.deny.contains(&net) {
            self.door.deny.push(net);
        }
    }
}

/// An address, or a network such as `192.0.2.0/24`.
///
/// # Errors
/// A sentence.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address
        .or_else(|_| text.parse::<IpNet>().map(canonical))
        .map(|net| net.trunc())
        .map_err(|_| format!("{text} is not an address or network, such as 192.0.2.7 or 192.0.2.0/24"))
}

/// A network of IPv4 addresses in the clothes of IPv6, as the addresses themselves are compared.
fn canonical(net: IpNet) -> IpNet {
    let bits = net.prefix_len().checked_sub(96);
    match (net.addr().to_canonical(), bits) {
        (address @ IpAddr::V4(_), Some(bits)) if net.addr().is_ipv6() => {
            IpNet::new(address, bits).unwrap_or(net)
        }
        _ => net,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn admits(keeper: &Doorkeeper, address: &str) -> Result<(), Refusal> {
        keeper.admits(address.parse().unwrap(), 0)
    }

    #[test]
    fn who_is_denied_or_not_allowed_is_not_let_in() {
        let net = |text| parse_net(text).unwrap();
        let door = Door { allow: vec![net("10.1.2.3/8")], deny: vec![net("10.9.9.9")], ..Door::default() };
        let mut keeper = Doorkeeper::new(door);
        assert_eq!(admits(&keeper, "10.200.0.1"), Ok(()));
        assert_eq!(admits(&keeper, "::ffff:10.200.0.1"), Ok(()));
        assert_eq!(admits(&keeper, "10.9.9.9"), Err(Refusal::NotAllowed));
        assert_eq!(admits(&keeper, "127.0.0.1"), Err(Refusal::NotAllowed));
        keeper.ban(net("::ffff:10.200.0.0/112"));
        assert_eq!(admits(&keeper, "10.200.0.1"), Err(Refusal::NotAllowed));
    }

    #[test]
    fn there_is_room_again_when_somebody_has_gone() {
        let door = Door { max_clients: Some(3), max_per_address: Some(2), ..Door::default() };
        let mut keeper = Doorkeeper::new(door);
        let [one, other] = ["127.0.0.1", "127.0.0.2"].map(|address| address.parse().unwrap());
        keeper.came(one);
        keeper.came(one);
        assert_eq!(keeper.admits(one, 0), Err(Refusal::FullForAddress(2)));
        keeper.came(other);
        assert_eq!(keeper.admits(other, 0), Err(Refusal::Full(3)));
        keeper.went(one);
        assert_eq!(keeper.admits(one, 0), Ok(()));
    }
}
