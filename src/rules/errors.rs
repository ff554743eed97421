//! What an error of the system means, and what to try then.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// If only this machine can reach a listener at `at`, the address that would let others in.
#[must_use]
pub fn open_to_others(at: SocketAddr) -> Option<SocketAddr> {
    let everywhere = match at.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    at.ip().to_canonical().is_loopback().then(|| SocketAddr::new(everywhere, at.port()))
}

/// What to try after such an error, to be put behind it.
#[must_use]
pub fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "; another program listens there: end it, or choose another port",
        ErrorKind::AddrNotAvailable => {
            "; this machine does not have that address: 127.0.0.1 is itself, 0.0.0.0 all it has"
        }
        ErrorKind::ConnectionRefused => "; nobody listens there: start threadchat serve first",
        ErrorKind::PermissionDenied if cfg!(windows) => {
            "; Windows keeps that port for itself: choose another one"
        }
        ErrorKind::PermissionDenied => "; ports below 1024 are for the administrator: choose a higher one",
        ErrorKind::TimedOut => "; check that the machine is on and that no firewall is in between",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "; check the address and the network",
        _ if is_out_of_descriptors(error) && cfg!(windows) => "; end other programs",
        _ if is_out_of_descriptors(error) => "; end other programs, or raise the limit with ulimit -n",
        _ => "",
    }
}

/// What to try when no thread can be started, to be put behind the error.
pub const MORE_THREADS: &str = match cfg!(unix) {
    true => "; end other programs, or raise the limit with ulimit -u",
    false => "; end other programs",
};

/// Whether too many files are open, in this process or in the system: it passes, if some are closed.
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    // EMFILE and ENFILE have these numbers on every Unix; WSAEMFILE is Windows'.
    matches!(error.raw_os_error(), Some(code) if if cfg!(windows) { code == 10024 } else { code == 23 || code == 24 })
}

/// Whether writing to a pipe failed because nobody reads it any more.
#[must_use]
pub fn is_broken_pipe(error: &io::Error) -> bool {
    /// `ERROR_PIPE_NOT_CONNECTED`, which std gives no kind.
    const NOT_CONNECTED: i32 = 233;
    error.kind() == ErrorKind::BrokenPipe || cfg!(windows) && error.raw_os_error() == Some(NOT_CONNECTED)
}
