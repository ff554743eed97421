//! Finding addresses, and listening on them.

use crate::platform;
use crate::rules::address::Address;
use crate::rules::errors;
use crate::rules::failure::Failure;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

/// How often to look for a port that is free on all addresses: one that is free on the first is rarely taken on another.
const PORT_TRIES: usize = 8;

/// Finds all addresses of the host. The system sets no limit to how long that takes.
pub(crate) fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Failure> {
    let found = match address.known() {
        Some(addresses) => addresses,
        None => (address.host(), address.port())
            .to_socket_addrs()
            .map_err(|error| {
                let tried = format_args!("cannot find the address of {}", address.host());
                Failure::new(tried, error).hint(hint(address))
            })?
            .collect(),
    };
    let mut addresses = Vec::new();
    for at in found.into_iter().map(canonical) {
        if !addresses.contains(&at) {
            addresses.push(at);
        }
    }
    match addresses.is_empty() {
        true => Err(format!("cannot find the address of {}: it has none", address.host()).into()),
        false => Ok(addresses),
    }
}

/// Where others reach somebody who listens at these addresses: instead of all addresses those that this machine has, first those
/// that other machines can most likely use.
#[cfg(feature = "web")]
pub(crate) fn reachable(at: &[SocketAddr]) -> Vec<IpAddr> {
    let own = |at: &SocketAddr| match at.ip().to_canonical() {
        ip if !ip.is_unspecified() => vec![ip],
        ip => {
            // Without a list of them, this machine can be reached from itself.
            let all = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|own| own.ip());
            let is_meant = |own: &IpAddr| ip.is_ipv6() || own.is_ipv4();
            // A link to one of those needs the interface behind a %, which browsers do not understand.
            let is_local = |own: &IpAddr| matches!(own, IpAddr::V6(own) if own.is_unicast_link_local());
            all.filter(|own| is_meant(own) && !is_local(own)).collect()
        }
    };
    let mut found: Vec<IpAddr> = at.iter().flat_map(own).collect();
    let is_link_local = |own: &IpAddr| matches!(own, IpAddr::V4(own) if own.is_link_local());
    found.sort_by_key(|own| (own.is_loopback(), is_link_local(own), own.is_ipv6()));
    found.dedup();
    if found.iter().any(|own| !own.is_loopback()) {
        found.retain(|own| !own.is_loopback());
    }
    found
}

fn hint(address: &Address) -> &'static str {
    match address.host().contains('%') {
        true => "; check the name of the interface behind the %",
        false => "; check its spelling, or give its number",
    }
}

/// An IPv4 address that is written as IPv6 (`::ffff:127.0.0.1`) is that IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

/// Listens on every address of the host that this machine has. If the port is 0, all get the same free one.
pub(crate) fn listen(address: &Address) -> Result<Vec<TcpListener>, Failure> {
    let addresses = resolve(address)?;
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match listen_on_all(&addresses) {
            Err((_, error)) if tries > 0 && error.kind() == ErrorKind::AddrInUse => {}
            listening => {
                return listening.map_err(|(at, error)| {
                    Failure::new(format_args!("cannot listen on {at}"), &error)
                        .hint(errors::hint_at(at, &error))
                });
            }
        }
    }
}

/// Listens on all of these addresses that this machine has: at least one.
fn listen_on_all(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let (mut listeners, mut missing) = (Vec::<TcpListener>::new(), None);
    let mut addresses: VecDeque<_> = addresses.iter().copied().collect();
    while let Some(mut at) = addresses.pop_front() {
        // The first listener may have been given a free port.
        if let Some(first) = listeners.first().and_then(|listener| listener.local_addr().ok()) {
            at.set_port(first.port());
        }
        let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), at.port());
        let for_ipv4 = at.ip() == Ipv6Addr::UNSPECIFIED && !addresses.contains(&everywhere);
        match platform::listen(at, for_ipv4) {
            Ok(listener) => {
                if for_ipv4 && platform::is_only_for_ipv6(&listener) {
                    addresses.push_back(everywhere);
                }
                listeners.push(listener);
            }
            Err(error) if errors::is_missing_address(&error) => _ = missing.get_or_insert((at, error)),
            Err(error) => return Err((at, error)),
        }
    }
    match missing {
        Some(missing) if listeners.is_empty() => Err(missing),
        _ => Ok(listeners),
    }
}

/// Where these listen.
pub(crate) fn local_addresses(listeners: &[TcpListener]) -> io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

/// Our address of a connection and the peer's. `None` if it is broken.
pub(crate) fn ends(socket: &TcpStream) -> Option<(SocketAddr, SocketAddr)> {
    socket.local_addr().ok().zip(socket.peer_addr().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn listening(address: &str) -> Vec<SocketAddr> {
        local_addresses(&listen(&address.parse().unwrap()).unwrap()).unwrap()
    }

    /// Not every machine, and not every container, has IPv6.
    fn has_ipv6() -> bool {
        TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
    }

    #[test]
    fn every_address_of_a_name_is_listened_on_with_one_port() {
        for address in ["localhost:0", ":0", "0"] {
            let at = listening(address);
            assert_eq!(at[0].ip(), Ipv4Addr::LOCALHOST);
            assert!(at[0].port() != 0 && at.iter().all(|other| other.port() == at[0].port()), "{at:?}");
            assert_eq!(at.get(1).map(SocketAddr::ip), has_ipv6().then_some(Ipv6Addr::LOCALHOST.into()));
        }
    }

    #[test]
    fn an_address_that_this_machine_does_not_have_is_skipped_unless_it_is_the_only_one() {
        // Reserved for documentation: no machine has these.
        let [here, v4, v6] = ["127.0.0.1:0", "192.0.2.1:0", "[2001:db8::1]:0"].map(|at| at.parse().unwrap());
        assert_eq!(listen_on_all(&[v6, here, v4]).unwrap().len(), 1);
        let (at, error) = listen_on_all(&[v4, v6]).unwrap_err();
        assert!(at == v4 && errors::is_missing_address(&error), "{at}: {error}");
    }

    #[test]
    fn an_address_that_is_in_use_is_an_error_that_names_it() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = other.local_addr().unwrap();
        let error = listen(&Address::from(taken)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {taken}: ")), "{error}");
        let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
        let taken = other.local_addr().unwrap();
        let error = listen(&format!("localhost:{}", taken.port()).parse().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {taken}: ")), "{error}");
    }

    #[test]
    fn all_of_ipv6_is_one_socket_that_ipv4_callers_reach_where_the_system_can() {
        if has_ipv6() {
            let at = listening("[::]:0");
            if cfg!(any(target_os = "linux", windows)) {
                assert_eq!(at.len(), 1);
            }
            let listeners = listen(&"[::]:0".parse().unwrap()).unwrap();
            let port = listeners[0].local_addr().unwrap().port();
            assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
            assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok());
        }
    }

    #[test]
    fn an_ipv4_address_written_as_ipv6_is_that_ipv4_address() {
        assert_eq!(listening("[::ffff:127.0.0.1]:0")[0].ip(), Ipv4Addr::LOCALHOST);
    }
}
