//! What `std` does not do with a listener.

#[cfg(shutdown_wakes_accept)]
use std::net::Shutdown;
#[cfg(not(shutdown_wakes_accept))]
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::net::{SocketAddr, TcpListener};
#[cfg(not(shutdown_wakes_accept))]
use std::time::Duration;

/// Lets more callers wait to be accepted than `std` does. When that queue is full, the system does not answer callers, and they
/// try again after a second. Linux has a limit of its own, 4096 by default (`net.core.somaxconn`).
#[cfg(feature = "hub")]
pub fn widen_backlog(listener: &TcpListener) {
    // If the system refuses, the old limit stays.
    let _ = socket2::SockRef::from(listener).listen(4096);
}

/// Wakes the thread that accepts callers at this address: it gets an error, or a caller.
pub(crate) fn wake_listener(listener: &TcpListener, address: SocketAddr) {
    #[cfg(shutdown_wakes_accept)]
    {
        let _ = address;
        let _ = socket2::SockRef::from(listener).shutdown(Shutdown::Both);
    }
    // Elsewhere only a caller wakes it.
    #[cfg(not(shutdown_wakes_accept))]
    {
        let _ = listener;
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), Duration::from_millis(200));
    }
}
