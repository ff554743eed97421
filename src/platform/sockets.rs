//! What `std` does not do with a connection.

use socket2::{Domain, Socket, Type};
#[cfg(feature = "hub")]
use std::io::IoSlice;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Begins to connect to this address, without waiting. The socket becomes writable when that is [decided](is_connected).
pub(crate) fn connect(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // No other process shares this socket.
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(socket),
        connected => connected.map(|()| socket),
    }
}

/// Whether a socket has connected by now. An error says that it never will.
pub(crate) fn is_connected(socket: &Socket) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        peer => peer.map(|_| true),
    }
}

/// Prepares a connection: messages go out at once (no Nagle algorithm), urgent data stays where it was in the stream, and
/// keep-alive, where there is one, detects a peer that vanished after
/// [`SILENCE_LIMIT`](crate::rules::event::SILENCE_LIMIT). All are optional: ignore an error.
pub(crate) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    // Telnet sends the last byte of a command as urgent data. Systems take it out of the stream by default, and half a command
    // would be left, which swallows the byte behind it.
    #[cfg(not(target_os = "redox"))]
    socket2::SockRef::from(socket).set_out_of_band_inline(true)?;
    #[cfg(keep_alive)]
    {
        // The first probe comes after 20 s, then one every 10 s; after three without an answer the connection breaks.
        let (idle, interval) = (Duration::from_secs(20), Duration::from_secs(10));
        let keepalive = socket2::TcpKeepalive::new().with_time(idle).with_interval(interval);
        #[cfg(any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_vendor = "apple"
        ))]
        let keepalive = keepalive.with_retries(3);
        socket2::SockRef::from(socket).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// Writes as much as the system accepts without blocking, on a socket that blocks otherwise, or fails with `WouldBlock`. The
/// fall-back always does, so that everything goes through the writer thread.
pub(crate) fn try_write(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(nonblocking_send)]
    return socket2::SockRef::from(socket).send_with_flags(bytes, libc::MSG_DONTWAIT | NO_SIGPIPE);
    #[cfg(not(nonblocking_send))]
    {
        let _ = (socket, bytes);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// The same for bytes in several places.
#[cfg(feature = "hub")]
pub(crate) fn try_write_vectored(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(nonblocking_send)]
    return socket2::SockRef::from(socket).send_vectored_with_flags(slices, libc::MSG_DONTWAIT | NO_SIGPIPE);
    #[cfg(not(nonblocking_send))]
    {
        let _ = (socket, slices);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// Writes a few bytes to a connection to which nothing has been written. The system's buffer for it is empty, so this does not
/// block on any platform.
pub(crate) fn write_first(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    if cfg!(nonblocking_send) { try_write(socket, bytes) } else { socket.write(bytes) }
}

#[cfg(all(nonblocking_send, not(target_vendor = "apple")))]
const NO_SIGPIPE: i32 = libc::MSG_NOSIGNAL;
/// On these systems `std` sets a socket option that does the same.
#[cfg(all(nonblocking_send, target_vendor = "apple"))]
const NO_SIGPIPE: i32 = 0;

/// The system's send buffer for a client of the hub, in bytes. (Linux doubles it.)
#[cfg(feature = "hub")]
const SEND_BUFFER: usize = 128 * 1024;

/// Whether the system resets the connection when it is closed, also because the process dies, so that the other side gets an error
/// instead of the end of the stream. Where that cannot be set, the stream just ends.
pub(crate) fn reset_at_close(socket: &TcpStream, resets: bool) {
    let _ = socket2::SockRef::from(socket).set_linger(resets.then_some(Duration::ZERO));
}

/// [Prepares](prepare) the connection to a client of the hub, and makes the system report earlier what the client accepts: Linux
/// accepts more when a third of its buffer is free, and that would grow to 4 MiB. A client that reads 64 KiB per second would
/// look stalled for 20 s.
#[cfg(feature = "hub")]
pub(crate) fn prepare_client(socket: &TcpStream) {
    // Fails only if the client has gone, which reading notices.
    let _ = prepare(socket);
    let _ = socket2::SockRef::from(socket).set_send_buffer_size(SEND_BUFFER);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[cfg(not(target_os = "redox"))]
    #[test]
    fn urgent_data_stays_where_it_was_in_the_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut socket, _) = listener.accept().unwrap();
        prepare(&socket).unwrap();
        peer.write_all(b"one\xff").unwrap();
        socket2::SockRef::from(&peer).send_out_of_band(b"\xf2").unwrap();
        peer.write_all(b"two").unwrap();
        drop(peer);
        let mut read = Vec::new();
        socket.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"one\xff\xf2two");
    }

    #[test]
    fn a_connection_that_is_begun_is_made_or_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let decided = |address| {
            let socket = connect(address)?;
            loop {
                if is_connected(&socket)? {
                    return Ok(());
                }
                crate::platform::wait_for_answer(&[&socket], None);
            }
        };
        assert!(decided(address).is_ok());
        // Nobody listens there, and nobody else gets the port.
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let nobody = bound.local_addr().unwrap().as_socket().unwrap();
        let error: io::Error = decided(nobody).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
