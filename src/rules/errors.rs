//! What an error of the system means to the user, and what to try.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// If only this machine can reach listeners at `at`: the address that other machines could reach.
#[must_use]
pub fn open_to_others(at: &[SocketAddr]) -> Option<SocketAddr> {
    let is_closed = at.iter().all(|at| at.ip().to_canonical().is_loopback());
    let first = at.first().filter(|_| is_closed)?;
    let everywhere = match first.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Some(SocketAddr::new(everywhere, first.port()))
}

/// What to try after this error with an address, as the end of a sentence that reports it.
#[must_use]
pub fn hint_at(address: SocketAddr, error: &io::Error) -> &'static str {
    match address {
        SocketAddr::V6(at) if at.ip().is_unicast_link_local() && at.scope_id() == 0 => {
            "; an address that begins with fe80 needs the interface behind it, as in fe80::1%eth0"
        }
        _ => hint(error),
    }
}

/// Whether this machine lacks the address, or all addresses of its kind.
#[must_use]
pub fn is_missing_address(error: &io::Error) -> bool {
    // EAFNOSUPPORT, for which `std` has no kind.
    let no_such_kind = match std::env::consts::OS {
        "linux" | "android" => 97,
        "windows" => 10047,
        "illumos" | "solaris" => 124,
        _ => 47,
    };
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(no_such_kind)
}

/// What to try after this error, as the end of a sentence that reports it.
#[must_use]
pub fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "; another program is listening there: end it, or choose another port",
        ErrorKind::AddrNotAvailable => {
            "; this machine does not have that address: use 127.0.0.1 for this machine only, or 0.0.0.0 for all of its addresses"
        }
        ErrorKind::ConnectionRefused => "; nobody is listening there: start threadchat serve first",
        ErrorKind::PermissionDenied if cfg!(windows) => {
            "; Windows has reserved that port: choose another one"
        }
        ErrorKind::PermissionDenied => "; ports below 1024 need administrator rights: choose a higher one",
        ErrorKind::TimedOut => {
            "; check that the other machine is on and that no firewall blocks the connection"
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "; check the address and the network",
        _ if is_out_of_descriptors(error) && cfg!(windows) => "; end other programs",
        _ if is_out_of_descriptors(error) => "; end other programs, or raise the limit with ulimit -n",
        _ => "",
    }
}

/// What to try when no thread can be started, as the end of a sentence that reports the error.
pub const MORE_THREADS: &str = match cfg!(unix) {
    true => "; end other programs, or raise the limit with ulimit -u",
    false => "; end other programs",
};

/// Whether too many files are open, in this process or in the system.
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    // EMFILE and ENFILE have these numbers on every Unix; WSAEMFILE is the one on Windows.
    matches!(error.raw_os_error(), Some(code) if if cfg!(windows) { code == 10024 } else { code == 23 || code == 24 })
}

/// Whether writing to a pipe failed because nobody reads it any more.
#[must_use]
pub fn is_broken_pipe(error: &io::Error) -> bool {
    /// `ERROR_PIPE_NOT_CONNECTED`, for which `std` has no kind.
    const NOT_CONNECTED: i32 = 233;
    error.kind() == ErrorKind::BrokenPipe || cfg!(windows) && error.raw_os_error() == Some(NOT_CONNECTED)
}

/// What to try if a file cannot be created, to be put behind the error.
pub const NAME_A_FILE: &str = "; name a file that you may write, in a directory that exists";
