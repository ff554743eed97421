//! What `std` does not do with a listener.

use socket2::{Domain, SockRef, Socket, Type};
use std::io;

#[cfg(shutdown_wakes_accept)]
use std::net::Shutdown;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How many callers may wait to be accepted.
const BACKLOG: i32 = 128;

/// Listens at this address. With `for_ipv4`, IPv4 callers of an IPv6 address are accepted, too, if the system can: the default
/// differs between systems.
pub(crate) fn listen(address: SocketAddr, for_ipv4: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As `std` does it: a program that is started again must not wait until the old connections are forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Some systems refuse to accept both.
        let _ = socket.set_only_v6(!for_ipv4);
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether no IPv4 caller can reach this listener for IPv6.
pub(crate) fn is_only_for_ipv6(listener: &TcpListener) -> bool {
    SockRef::from(listener).only_v6().unwrap_or(false)
}

/// Waits for a caller at any of these, for a thread that has no others to do so.
pub(crate) fn accept_any(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    if let [listener] = listeners {
        return listener.accept();
    }
    // A caller who has gone again must not make us wait at one of them only.
    listeners.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
    loop {
        for listener in listeners {
            match listener.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                caller => {
                    let (socket, peer) = caller?;
                    // Some systems pass on the setting of the listening socket.
                    socket.set_nonblocking(false)?;
                    return Ok((socket, peer));
                }
            }
        }
        super::wait_for_caller(listeners);
    }
}

/// Lets more callers wait to be accepted than `std` does. When that queue is full, the system does not answer callers, and they
/// try again after a second. Linux has a limit of its own, 4096 by default (`net.core.somaxconn`).
#[cfg(feature = "hub")]
pub fn widen_backlog(listener: &TcpListener) {
    // If the system refuses, the old limit stays.
    let _ = SockRef::from(listener).listen(4096);
}

/// Wakes the thread that accepts callers at this address: it gets an error, or a caller.
pub(crate) fn wake_listener(listener: &TcpListener, address: SocketAddr) {
    #[cfg(shutdown_wakes_accept)]
    if !super::service::is_passed(listener) {
        let _ = SockRef::from(listener).shutdown(Shutdown::Both);
        return;
    }
    // Elsewhere only a caller wakes it. Nor may a socket be shut down that another process has, too: it would listen no more.
    let _ = listener;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), Duration::from_millis(200));
}
