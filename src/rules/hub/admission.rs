//! Who may join.

use super::id::Id;
use super::refusal::Refusal;
use crate::rules::endpoint::CALLERS;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};

/// How many file descriptors the program needs for everything but its clients, and then some.
const OTHER_DESCRIPTORS: usize = 32;

/// How many connections of one address stay open after their clients have left. They do only until the other side closes or
/// two seconds have passed, so few do at a time, unless somebody leaves again and again without closing, to take all
/// descriptors.
const MAX_LINGERING: usize = 8;

/// How many callers from one address are turned away slowly at a time, so that one address cannot take all of the [`CALLERS`]
/// places.
const MAX_SLOW_FAREWELLS: usize = 2;

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, because one machine can use any address in its
/// network.
pub(super) fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Whether a caller is turned away slowly while those from `others` are: it gets a pause before the goodbye, and time to close,
/// so that the connection is not reset. If not, it gets line and goodbye in one write, and the connection is closed.
#[must_use]
pub fn gets_slow_farewell(caller: IpAddr, others: &[IpAddr]) -> bool {
    let is_from_there = |other: &&IpAddr| address_key(**other) == address_key(caller);
    others.len() < CALLERS && others.iter().filter(is_from_there).count() < MAX_SLOW_FAREWELLS
}

/// Who may join, and how many.
#[derive(Debug, Clone, Default)]
pub struct AdmissionPolicy {
    /// The most clients. `None`: as many as the system has descriptors and threads for.
    pub max_clients: Option<usize>,
    /// The most connections from one address, including those of clients that have left.
    pub max_per_address: Option<usize>,
    /// If not empty, only these may join.
    pub allow: Vec<IpNet>,
    /// These may not join.
    pub deny: Vec<IpNet>,
    /// The most file descriptors that the process may open, if there is a limit.
    pub max_descriptors: Option<usize>,
}

impl AdmissionPolicy {
    /// Checks that the system has a descriptor for a client.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn check_descriptors(&self) -> Result<(), String> {
        match self.max_descriptors.filter(|limit| *limit <= OTHER_DESCRIPTORS) {
            None => Ok(()),
            Some(limit) => Err(format!(
                "a hub needs {OTHER_DESCRIPTORS} file descriptors and one for each client, and may open only {limit}; \
                 raise the limit with ulimit -n"
            )),
        }
    }
}

/// Counts the clients, and decides who may join.
#[derive(Debug, Default)]
pub(super) struct Admission {
    policy: AdmissionPolicy,
    clients: usize,
    by_address: HashMap<IpAddr, Address>,
    /// The addresses that may have too many lingering connections.
    crowded: Vec<IpAddr>,
}

/// The connections of one address.
#[derive(Debug, Default)]
struct Address {
    members: usize,
    /// Those of clients that have left, oldest first.
    lingering: BTreeSet<Id>,
}

impl Admission {
    pub(super) fn new(policy: AdmissionPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Whether somebody from `address` may join now. Returns the connections to close for it: clients that have left and
    /// have got everything (`is_done`) make room for the next. `connections` includes those of members who are leaving: they
    /// still have a descriptor.
    pub(super) fn admit(
        &self,
        address: IpAddr,
        connections: usize,
        is_done: impl Fn(Id) -> bool,
    ) -> Result<Vec<Id>, Refusal> {
        self.check_address(address)?;
        if let Some(limit) = self.policy.max_clients.filter(|limit| self.clients >= *limit) {
            return Err(Refusal::Full(limit));
        }
        self.check_descriptors(connections)?;
        let Some(limit) = self.policy.max_per_address else { return Ok(Vec::new()) };
        let nobody = Address::default();
        let from_there = self.by_address.get(&address_key(address)).unwrap_or(&nobody);
        let surplus = (from_there.members + from_there.lingering.len() + 1).saturating_sub(limit);
        let done = from_there.lingering.iter().copied().filter(|id| is_done(*id));
        let to_close: Vec<_> = done.take(surplus).collect();
        if to_close.len() == surplus { Ok(to_close) } else { Err(Refusal::FullForAddress(limit)) }
    }

    /// Whether somebody from `address` may show who it is, to be [admitted](Self::admit) then.
    #[cfg(any(feature = "secure", feature = "web"))]
    pub(super) fn check_caller(&self, address: IpAddr, connections: usize) -> Result<(), Refusal> {
        self.check_address(address)?;
        self.check_descriptors(connections)
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        let AdmissionPolicy { allow, deny, .. } = &self.policy;
        let may = !is_in(deny) && (allow.is_empty() || is_in(allow));
        if may { Ok(()) } else { Err(Refusal::NotAllowed) }
    }

    fn check_descriptors(&self, connections: usize) -> Result<(), Refusal> {
        let is_left = |limit: usize| connections < limit.saturating_sub(OTHER_DESCRIPTORS);
        if self.policy.max_descriptors.is_none_or(is_left) { Ok(()) } else { Err(Refusal::NoResources) }
    }

    pub(super) fn joined(&mut self, address: IpAddr) {
        self.clients += 1;
        self.by_address.entry(address_key(address)).or_default().members += 1;
    }

    /// A client has left. Its connection lingers until it is [closed](Self::closed).
    pub(super) fn left(&mut self, address: IpAddr, id: Id) {
        self.clients -= 1;
        if let Some(from_there) = self.by_address.get_mut(&address_key(address)) {
            from_there.members -= 1;
            from_there.lingering.insert(id);
        }
    }

    /// The connection of a client that has left was closed.
    pub(super) fn closed(&mut self, address: IpAddr, id: Id) {
        let address = address_key(address);
        let Some(from_there) = self.by_address.get_mut(&address) else { return };
        from_there.lingering.remove(&id);
        if from_there.members == 0 && from_there.lingering.is_empty() {
            self.by_address.remove(&address);
        }
    }

    /// From now on the connections that linger at this address are bounded: see
    /// [`next_surplus`](Self::next_surplus).
    pub(super) fn bound_lingering(&mut self, address: IpAddr) {
        let address = address_key(address);
        let lingering = self.by_address.get(&address).map_or(0, |from_there| from_there.lingering.len());
        if lingering > MAX_LINGERING {
            self.crowded.push(address);
        }
    }

    /// The next connection to close because too many linger at its address: the oldest that has got everything (`is_done`),
    /// or else the oldest.
    pub(super) fn next_surplus(&mut self, is_done: impl Fn(Id) -> bool) -> Option<Id> {
        while let Some(address) = self.crowded.last() {
            let lingering = self.by_address.get(address).map(|from_there| &from_there.lingering);
            if let Some(lingering) = lingering.filter(|lingering| lingering.len() > MAX_LINGERING) {
                return lingering.iter().find(|id| is_done(**id)).or(lingering.first()).copied();
            }
            self.crowded.pop();
        }
        None
    }

    /// From now on nobody from there may join.
    pub(super) fn ban(&mut self, net: IpNet) {
        if !self.policy.deny.contains(&net) {
            self.policy.deny.push(net);
        }
    }
}

/// An address, or a network such as `192.0.2.0/24`. A single IPv6 address means what [counts as one](address_key).
///
/// # Errors
/// A sentence for the user.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    // Link-local addresses are listed with their scope, which says nothing about who calls.
    let address = text.split_once('%').map_or(text, |(address, _scope)| address);
    address
        .parse::<IpAddr>()
        .map(all_of)
        .or_else(|_| text.parse::<IpNet>().map(canonical))
        .map(|net| net.trunc())
        .map_err(|_| format!("{text} is not an address or network, such as 192.0.2.7 or 192.0.2.0/24"))
}

/// The network of those who count as one address with this one.
fn all_of(address: IpAddr) -> IpNet {
    let key = address_key(address);
    IpNet::new(key, if key.is_ipv4() { 32 } else { 64 }).unwrap_or(key.into())
}

/// Turns a network of IPv4-mapped IPv6 addresses into one of IPv4 addresses, which is how addresses are compared.
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

    fn admit(admission: &Admission, address: &str) -> Result<(), Refusal> {
        admission.admit(address.parse().unwrap(), 0, |_| false).map(drop)
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address_and_a_mapped_address_as_that_of_ipv4() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2::9"));
        assert_ne!(key("2001:db8:1:2::9"), key("2001:db8:1:3::9"));
    }

    #[test]
    fn one_address_cannot_take_all_places_for_slow_farewells() {
        let address = |last: usize| IpAddr::from([192, 0, 2, u8::try_from(last).unwrap()]);
        let mut others = vec![address(1)];
        assert!(gets_slow_farewell(address(1), &others));
        others.push(address(1));
        assert!(!gets_slow_farewell(address(1), &others));
        assert!(gets_slow_farewell(address(2), &others));
        others.extend((others.len()..CALLERS).map(address));
        assert!(!gets_slow_farewell(address(99), &others));
    }

    #[test]
    fn denied_and_not_allowed_addresses_are_refused() {
        let net = |text| parse_net(text).unwrap();
        let (allow, deny) = (vec![net("10.1.2.3/8")], vec![net("10.9.9.9")]);
        let mut admission = Admission::new(AdmissionPolicy { allow, deny, ..AdmissionPolicy::default() });
        assert_eq!(admit(&admission, "10.200.0.1"), Ok(()));
        assert_eq!(admit(&admission, "::ffff:10.200.0.1"), Ok(()));
        assert_eq!(admit(&admission, "10.9.9.9"), Err(Refusal::NotAllowed));
        assert_eq!(admit(&admission, "127.0.0.1"), Err(Refusal::NotAllowed));
        admission.ban(net("::ffff:10.200.0.0/112"));
        assert_eq!(admit(&admission, "10.200.0.1"), Err(Refusal::NotAllowed));
    }

    #[test]
    fn an_ipv6_address_means_its_network_of_64_bits_unless_the_user_writes_128() {
        for (text, net) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:3::9/128", "2001:db8:1:2:3::9/128"),
            ("fe80::9%eth0", "fe80::/64"),
        ] {
            assert_eq!(parse_net(text).map(|net| net.to_string()), Ok(net.to_owned()));
        }
        for text in ["", "%eth0", "192.0.2", "192.0.2.7/33", "somewhere"] {
            assert!(parse_net(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_meant_however_it_is_written_and_however_it_calls() {
        let (ipv4, ipv6) = (["192.0.2.7", "::ffff:192.0.2.7"], ["2001:db8::7", "2001:db8::9"]);
        for (written, calling) in
            [ipv4, ipv6].iter().flat_map(|all| all.iter().flat_map(|one| all.map(|other| (*one, other))))
        {
            let allow =
                AdmissionPolicy { allow: vec![parse_net(written).unwrap()], ..AdmissionPolicy::default() };
            assert_eq!(admit(&Admission::new(allow), calling), Ok(()));
            let deny =
                AdmissionPolicy { deny: vec![parse_net(written).unwrap()], ..AdmissionPolicy::default() };
            assert_eq!(admit(&Admission::new(deny), calling), Err(Refusal::NotAllowed));
            let one = AdmissionPolicy { max_per_address: Some(1), ..AdmissionPolicy::default() };
            let mut admission = Admission::new(one);
            admission.joined(written.parse().unwrap());
            assert_eq!(admit(&admission, calling), Err(Refusal::FullForAddress(1)));
        }
    }

    #[test]
    fn somebody_may_join_again_when_somebody_has_left() {
        let (max_clients, max_per_address) = (Some(3), Some(2));
        let policy = AdmissionPolicy { max_clients, max_per_address, ..AdmissionPolicy::default() };
        let mut admission = Admission::new(policy);
        let [one, other] = ["127.0.0.1", "127.0.0.2"].map(|address| address.parse().unwrap());
        let admit = |admission: &Admission, address| admission.admit(address, 0, |_| false);
        admission.joined(one);
        admission.joined(one);
        assert_eq!(admit(&admission, one), Err(Refusal::FullForAddress(2)));
        admission.joined(other);
        assert_eq!(admit(&admission, other), Err(Refusal::Full(3)));
        admission.left(one, Id(1));
        assert_eq!(admit(&admission, other), Ok(Vec::new()));
        // Its connection still counts, unless it has got everything.
        assert_eq!(admit(&admission, one), Err(Refusal::FullForAddress(2)));
        assert_eq!(admission.admit(one, 0, |_| true), Ok(vec![Id(1)]));
        admission.closed(one, Id(1));
        assert_eq!(admit(&admission, one), Ok(Vec::new()));
    }

    #[test]
    fn descriptors_are_kept_for_other_things_than_clients() {
        let max_descriptors = Some(OTHER_DESCRIPTORS + 1);
        let admission = Admission::new(AdmissionPolicy { max_descriptors, ..AdmissionPolicy::default() });
        assert_eq!(admission.policy.check_descriptors(), Ok(()));
        let address = "127.0.0.1".parse().unwrap();
        let admit = |connections| admission.admit(address, connections, |_| false).map(drop);
        assert_eq!(admit(0), Ok(()));
        assert_eq!(admit(1), Err(Refusal::NoResources));
    }
}
