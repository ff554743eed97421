//! Connections and listeners: what cannot be asked of them with `std`.

use crate::rules::event::PeerState;
use std::io::{self, IoSlice, Read, Write};
#[cfg(not(shutdown_wakes_accept))]
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
#[cfg(looks_up)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Prepares a connection: messages go out at once (no Nagle algorithm), and where the platform has
/// keep-alive a peer that vanished without a word is noticed after [`SILENCE_LIMIT`](crate::rules::event::SILENCE_LIMIT) of silence.
///
/// # Errors
/// What the system said. The connection can be used nevertheless.
pub fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    #[cfg(keep_alive)]
    {
        // The first probe after 20 s, then one every 10 s; lost after three without an answer.
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

/// Where nothing else ends the wait of a blocked thread, how often it looks up by itself.
#[cfg(looks_up)]
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A connection from which one thread reads and to which another writes, each blocked for as long as that takes, until
/// somebody else [hangs up](Self::hang_up).
#[derive(Debug)]
pub struct Connection {
    /// For all that does not block.
    pub socket: TcpStream,
    #[cfg(looks_up)]
    hung_up: AtomicBool,
}

impl Connection {
    /// This one, from here on.
    #[must_use]
    pub fn new(socket: TcpStream) -> Self {
        #[cfg(looks_up)]
        {
            // An error means that the peer has gone, which reading notices.
            let _ = socket.set_read_timeout(Some(LOOK_EVERY));
            let _ = socket.set_write_timeout(Some(LOOK_EVERY));
        }
        Self {
            socket,
            #[cfg(looks_up)]
            hung_up: AtomicBool::new(false),
        }
    }

    /// Wakes the threads that are blocked in reading from or writing to it: for both, it has ended.
    ///
    /// Where ending a socket wakes them, that is all. Windows may need their calls to be cancelled, too. Elsewhere they look
    /// up by themselves.
    pub fn hang_up(&self) {
        #[cfg(looks_up)]
        self.hung_up.store(true, Ordering::Relaxed);
        // A platform that does not wake them is not to be mistaken for this one when it is tried out here.
        #[cfg(not(portable))]
        hang_up(&self.socket);
        #[cfg(windows)]
        windows::cancel_calls(&self.socket);
    }

    /// Tries it until it was not just looked up. It is looked up before each call, too: a peer that never lets it block
    /// must not keep it from ending.
    #[cfg(looks_up)]
    fn unless_hung_up(&self, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        while !self.hung_up.load(Ordering::Relaxed) {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    #[cfg(not(looks_up))]
    #[allow(clippy::unused_self, reason = "where it looks up, it is used")]
    fn unless_hung_up(&self, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        call()
    }
}

impl Read for &Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.unless_hung_up(|| (&self.socket).read(buffer))
    }
}

impl Write for &Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_hung_up(|| (&self.socket).write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.unless_hung_up(|| (&self.socket).write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends both halves of a socket, whoever else may use it.
pub fn hang_up(socket: &TcpStream) {
    // Fails if the peer has already gone, and then nothing blocks.
    let _ = socket.shutdown(Shutdown::Both);
}

/// Writes as much as the system takes without blocking, on a socket that blocks otherwise. The fall-back
/// takes nothing: everything then goes through the writer thread.
///
/// # Errors
/// `WouldBlock`, or why the socket cannot be written to.
pub fn try_write(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(send_now)]
    return socket2::SockRef::from(socket).send_with_flags(bytes, libc::MSG_DONTWAIT | NO_SIGPIPE);
    #[cfg(not(send_now))]
    {
        let _ = (socket, bytes);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// The same for what lies in several places.
///
/// # Errors
/// `WouldBlock`, or why the socket cannot be written to.
#[cfg(feature = "hub")]
pub fn try_write_vectored(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(send_now)]
    return socket2::SockRef::from(socket).send_vectored_with_flags(slices, libc::MSG_DONTWAIT | NO_SIGPIPE);
    #[cfg(not(send_now))]
    {
        let _ = (socket, slices);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// Writes a few bytes to a connection to which nothing has been written. What the system holds for it is empty, so that this
/// does not block, wherever it is.
///
/// # Errors
/// The peer has gone.
pub fn write_first(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    if cfg!(send_now) { try_write(socket, bytes) } else { socket.write(bytes) }
}

#[cfg(all(send_now, not(target_vendor = "apple")))]
const NO_SIGPIPE: i32 = libc::MSG_NOSIGNAL;
/// There a socket option does the same, which `std` sets on every socket.
#[cfg(all(send_now, target_vendor = "apple"))]
const NO_SIGPIPE: i32 = 0;

/// How much the system holds for a client of the hub, in bytes, beside what it has on its way there. (Linux doubles it.)
#[cfg(feature = "hub")]
const SEND_BUFFER: usize = 128 * 1024;

/// Prepares the connection to a client of the hub. As [`prepare`], and it tells earlier what the client takes: Linux lets go on
/// writing when a third of its buffer is free, which grows to 4 MiB otherwise. A client that reads 64 KiB a second would
/// look stalled for 20 s.
#[cfg(feature = "hub")]
pub fn prepare_client(socket: &TcpStream) {
    // An error means that the client has gone again, which reading notices.
    let _ = prepare(socket);
    let _ = socket2::SockRef::from(socket).set_send_buffer_size(SEND_BUFFER);
}

/// Lets more callers wait to be accepted than the few for whom `std` makes room: when that is full, the system leaves
/// callers unanswered, and they try again after a second. Linux has a limit of its own, 4096 by default
/// (`net.core.somaxconn`).
#[cfg(feature = "hub")]
pub fn widen_backlog(listener: &TcpListener) {
    // If it is refused, the limit stays.
    let _ = socket2::SockRef::from(listener).listen(4096);
}

/// Wakes the thread that waits for calls at this address: it gets an error, or a call.
pub fn wake_listener(listener: &TcpListener, address: SocketAddr) {
    #[cfg(shutdown_wakes_accept)]
    {
        let _ = address;
        let _ = socket2::SockRef::from(listener).shutdown(Shutdown::Both);
    }
    // Elsewhere nothing but a call does.
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

/// Asks the system about the other end. `None` where it cannot tell.
///
/// Linux has a user timeout that would end such a connection by itself (`TCP_USER_TIMEOUT`, RFC 5482). But
/// it also ends one to a peer which is alive and merely does not read for that long, as somebody does who
/// stops a pager: its timer goes on while the peer answers every probe of its closed window. So it is
/// not set, and the time since the last answer is looked at instead.
#[must_use]
pub fn peer_state(socket: &TcpStream) -> Option<PeerState> {
    #[cfg(tcp_info)]
    return linux::peer_state(socket);
    #[cfg(not(tcp_info))]
    {
        let _ = socket;
        None
    }
}

/// What became of a stream that a read found at its end, if we have not ended our half: the other side ended it, or the
/// connection broke and the thread that writes was told. The system tells an error once, to whoever asks first.
///
/// # Errors
/// The connection broke, where the system can tell.
#[cfg(feature = "hub")]
pub fn end_of_stream(socket: &TcpStream) -> io::Result<()> {
    #[cfg(tcp_info)]
    if linux::is_gone(socket) {
        return Err(io::Error::from_raw_os_error(libc::ECONNRESET));
    }
    let _ = socket;
    Ok(())
}

#[cfg(tcp_info)]
mod linux {
    use super::PeerState;
    use std::mem::MaybeUninit;
    use std::net::TcpStream;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    /// `TCP_CLOSE` of `netinet/tcp.h`.
    #[cfg(feature = "hub")]
    const CLOSE: u8 = 7;

    /// A connection that both sides have ended, or that broke.
    #[cfg(feature = "hub")]
    pub(super) fn is_gone(socket: &TcpStream) -> bool {
        tcp_info(socket).is_some_and(|info| info.tcpi_state == CLOSE)
    }

    pub(super) fn peer_state(socket: &TcpStream) -> Option<PeerState> {
        let (info, unconfirmed) = (tcp_info(socket)?, unconfirmed(socket)?);
        // Sent again, or probed more than once, without an answer: only then is silence a sign.
        let is_asking = unconfirmed > 0 && (info.tcpi_retransmits > 0 || info.tcpi_probes > 1);
        Some(PeerState {
            confirmed: info.tcpi_bytes_acked,
            unconfirmed,
            silent: match is_asking {
                true => Duration::from_millis(info.tcpi_last_ack_recv.into()),
                false => Duration::ZERO,
            },
        })
    }

    #[allow(unsafe_code, reason = "std and socket2 have no call for TCP_INFO")]
    fn tcp_info(socket: &TcpStream) -> Option<libc::tcp_info> {
        let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
        let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the descriptor is open while `socket` is borrowed, and at most `len` bytes are written to `info`.
        // That is plain integers, of which zero is a valid value (an older kernel fills in fewer).
        unsafe {
            let (level, option, to) = (libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast());
            let result = libc::getsockopt(socket.as_raw_fd(), level, option, to, &raw mut len);
            (result == 0).then(|| info.assume_init())
        }
    }

    #[allow(unsafe_code, reason = "std and socket2 have no call for SIOCOUTQ")]
    fn unconfirmed(socket: &TcpStream) -> Option<usize> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is open while `socket` is borrowed, and one integer is written to `bytes`.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
        (result == 0).then(|| usize::try_from(bytes).unwrap_or(0))
    }
}

#[cfg(windows)]
mod windows {
    use std::net::TcpStream;
    use std::os::windows::io::AsRawSocket;
    use windows_sys::Win32::System::IO::CancelIoEx;

    #[allow(unsafe_code, reason = "std has no call for it")]
    pub(super) fn cancel_calls(socket: &TcpStream) {
        // SAFETY: the socket is open while it is borrowed, and without an OVERLAPPED no memory is involved.
        // It fails if nobody is blocked.
        unsafe {
            CancelIoEx(socket.as_raw_socket() as _, std::ptr::null());
        }
    }
}
