//! Who may join.

use super::refusal::Refusal;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

/// How many file descriptors the program needs for everything but its clients, and then some.
const OTHER_DESCRIPTORS: usize = 32;

/// Who may join, and how many.
#[derive(Debug, Clone, Default)]
pub struct AdmissionPolicy {
    /// The most clients. `None`: as many as the system has descriptors and threads for.
    pub max_clients: Option<usize>,
    /// The most clients from one address.
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
    by_address: HashMap<IpAddr, usize>,
}

impl Admission {
    pub(super) fn new(policy: AdmissionPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Whether somebody from `address` may join now. `connections` includes those of members who are leaving: they still
    /// have a descriptor.
    pub(super) fn admit(&self, address: IpAddr, connections: usize) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        let AdmissionPolicy { max_clients, max_per_address, allow, deny, max_descriptors } = &self.policy;
        if is_in(deny) || (!allow.is_empty() && !is_in(allow)) {
            return Err(Refusal::NotAllowed);
        }
        if let Some(limit) = max_clients.filter(|limit| self.clients >= *limit) {
            return Err(Refusal::Full(limit));
        }
        if max_descriptors.is_some_and(|limit| connections >= limit.saturating_sub(OTHER_DESCRIPTORS)) {
            return Err(Refusal::NoResources);
        }
        let from_there = self.by_address.get(&address).copied().unwrap_or(0);
        match max_per_address.filter(|limit| from_there >= *limit) {
            Some(limit) => Err(Refusal::FullForAddress(limit)),
            None => Ok(()),
        }
    }

    pub(super) fn joined(&mut self, address: IpAddr) {
        self.clients += 1;
        *self.by_address.entry(address.to_canonical()).or_default() += 1;
    }

    pub(super) fn left(&mut self, address: IpAddr) {
        self.clients -= 1;
        if let Some(count) = self.by_address.get_mut(&address.to_canonical()) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address.to_canonical());
            }
        }
    }

    /// From now on nobody from there may join.
    pub(super) fn ban(&mut self, net: IpNet) {
        if !self.policy.deny.contains(&net) {
            self.policy.deny.push(net);
        }
    }
}

/// An address, or a network such as `192.0.2.0/24`.
///
/// # Errors
/// A sentence for the user.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address
        .or_else(|_| text.parse::<IpNet>().map(canonical))
        .map(|net| net.trunc())
        .map_err(|_| format!("{text} is not an address or network, such as 192.0.2.7 or 192.0.2.0/24"))
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
        admission.admit(address.parse().unwrap(), 0)
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
    fn somebody_may_join_again_when_somebody_has_left() {
        let (max_clients, max_per_address) = (Some(3), Some(2));
        let policy = AdmissionPolicy { max_clients, max_per_address, ..AdmissionPolicy::default() };
        let mut admission = Admission::new(policy);
        let [one, other] = ["127.0.0.1", "127.0.0.2"].map(|address| address.parse().unwrap());
        admission.joined(one);
        admission.joined(one);
        assert_eq!(admission.admit(one, 0), Err(Refusal::FullForAddress(2)));
        admission.joined(other);
        assert_eq!(admission.admit(other, 0), Err(Refusal::Full(3)));
        admission.left(one);
        assert_eq!(admission.admit(one, 0), Ok(()));
    }

    #[test]
    fn descriptors_are_kept_for_other_things_than_clients() {
        let max_descriptors = Some(OTHER_DESCRIPTORS + 1);
        let admission = Admission::new(AdmissionPolicy { max_descriptors, ..AdmissionPolicy::default() });
        assert_eq!(admission.policy.check_descriptors(), Ok(()));
        let address = "127.0.0.1".parse().unwrap();
        assert_eq!(admission.admit(address, 0), Ok(()));
        assert_eq!(admission.admit(address, 1), Err(Refusal::NoResources));
    }
}
