//! What the system knows about a connection.

use crate::rules::event::PeerState;
#[cfg(feature = "hub")]
use std::io;
use std::net::TcpStream;

/// What the system knows about the other end. `None` where it does not report that.
///
/// Linux has a time-out that would end the connection to a vanished peer (`TCP_USER_TIMEOUT`, RFC 5482). But it also ends
/// the connection to a peer that is alive and does not read for that long, like somebody who stops a pager: its timer runs
/// although the peer answers every probe of its closed window. So the rules check the time since the last answer instead.
pub(crate) fn peer_state(socket: &TcpStream) -> Option<PeerState> {
    #[cfg(tcp_info)]
    return linux::peer_state(socket);
    #[cfg(not(tcp_info))]
    {
        let _ = socket;
        None
    }
}

/// Finds out why a read returned the end of the stream while our half is open: the peer ended it, or the connection broke. The
/// system reports an error once, and the thread that writes may have got it.
#[cfg(feature = "hub")]
pub(crate) fn end_of_stream(socket: &TcpStream) -> io::Result<()> {
    #[cfg(tcp_info)]
    if linux::is_gone(socket) {
        return Err(io::Error::from_raw_os_error(libc::ECONNRESET));
    }
    let _ = socket;
    Ok(())
}

#[cfg(tcp_info)]
mod linux {
    use crate::rules::event::PeerState;
    use std::mem::MaybeUninit;
    use std::net::TcpStream;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    /// `TCP_CLOSE` of `netinet/tcp.h`.
    #[cfg(feature = "hub")]
    const CLOSE: u8 = 7;

    /// Whether both sides have ended the connection, or it broke.
    #[cfg(feature = "hub")]
    pub(super) fn is_gone(socket: &TcpStream) -> bool {
        tcp_info(socket).is_some_and(|info| info.tcpi_state == CLOSE)
    }

    pub(super) fn peer_state(socket: &TcpStream) -> Option<PeerState> {
        let (info, unconfirmed) = (tcp_info(socket)?, unconfirmed(socket)?);
        // Silence means something only if the system has sent data again, or probed more than once.
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
        // SAFETY: the descriptor is open while `socket` is borrowed, and at most `len` bytes are written to `info`, which
        // is plain integers, for which zero is valid (an older kernel fills in fewer).
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
