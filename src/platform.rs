//! What plain `std` does not give. Each is a small function with a portable fall-back, and the only place
//! with `unsafe`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
#[cfg(not(all(feature = "sockets", any(target_os = "linux", target_os = "android"))))]
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

/// After how much silence of a peer's system the connection counts as lost: well within a minute.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(50);

/// Prepares a connection: messages go out at once (no Nagle algorithm), and where the platform has
/// keep-alive a peer that vanished without a word is noticed after [`SILENCE_LIMIT`] of silence.
///
/// # Errors
/// What the system said. The connection can be used nevertheless.
pub fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    #[cfg(feature = "sockets")]
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

/// Writes as much as the system takes without blocking, on a socket that blocks otherwise. The fall-back
/// takes nothing: everything then goes through the writer thread.
///
/// # Errors
/// `WouldBlock`, or why the socket cannot be written to.
pub fn write_now(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(all(feature = "sockets", unix))]
    return socket2::SockRef::from(socket).send_with_flags(bytes, libc::MSG_DONTWAIT | NO_SIGPIPE);
    #[cfg(not(all(feature = "sockets", unix)))]
    {
        let _ = (socket, bytes);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(all(feature = "sockets", unix, not(target_vendor = "apple")))]
const NO_SIGPIPE: i32 = libc::MSG_NOSIGNAL;
/// There a socket option does the same, which `std` sets on every socket.
#[cfg(all(feature = "sockets", target_vendor = "apple"))]
const NO_SIGPIPE: i32 = 0;

/// Wakes the threads that are blocked in reading from or writing to this socket: for both, it has ended.
pub fn hang_up(socket: &TcpStream) {
    // Fails if the peer has already gone, and then nothing blocks.
    let _ = socket.shutdown(Shutdown::Both);
}

/// Wakes the thread that waits for calls at this address: it gets an error, or a call.
pub fn wake_listener(listener: &TcpListener, address: SocketAddr) {
    #[cfg(all(feature = "sockets", any(target_os = "linux", target_os = "android")))]
    {
        let _ = address;
        let _ = socket2::SockRef::from(listener).shutdown(Shutdown::Both);
    }
    // Elsewhere nothing but a call does.
    #[cfg(not(all(feature = "sockets", any(target_os = "linux", target_os = "android"))))]
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

/// What the system knows about the other end of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeerState {
    /// How many bytes the peer's system has confirmed.
    pub confirmed: u64,
    /// How many bytes were written and are not confirmed.
    pub unconfirmed: usize,
    /// For how long the peer's system has left unanswered what it was sent. Zero while nothing is
    /// unanswered, and also while it answers but its program does not read.
    pub silent: Duration,
}

/// Asks the system about the other end. `None` where it cannot tell.
///
/// Linux has a user timeout that would end such a connection by itself (`TCP_USER_TIMEOUT`, RFC 5482). But
/// it also ends one to a peer which is alive and merely does not read for that long, as somebody does who
/// stops a pager: its timer goes on while the peer answers every probe of its closed window. So it is
/// not set, and the time since the last answer is looked at instead.
#[must_use]
pub fn peer_state(socket: &TcpStream) -> Option<PeerState> {
    #[cfg(all(feature = "sockets", target_os = "linux", target_env = "gnu"))]
    return linux::peer_state(socket);
    #[cfg(not(all(feature = "sockets", target_os = "linux", target_env = "gnu")))]
    {
        let _ = socket;
        None
    }
}

#[cfg(all(feature = "sockets", target_os = "linux", target_env = "gnu"))]
mod linux {
    use super::PeerState;
    use std::mem::MaybeUninit;
    use std::net::TcpStream;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    #[allow(unsafe_code, reason = "std and socket2 have no call for TCP_INFO and SIOCOUTQ")]
    pub(super) fn peer_state(socket: &TcpStream) -> Option<PeerState> {
        let descriptor = socket.as_raw_fd();
        let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
        let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
        let mut unconfirmed: libc::c_int = 0;
        // SAFETY: the descriptor is open while `socket` is borrowed. The first call writes at most `len` bytes
        // to `info`, the second one integer. `tcp_info` is plain integers, of which zero is a valid value
        // (an older kernel fills in fewer).
        let info = unsafe {
            let info_at = info.as_mut_ptr().cast();
            if libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, info_at, &raw mut len) != 0
                || libc::ioctl(descriptor, libc::TIOCOUTQ, &raw mut unconfirmed) != 0
            {
                return None;
            }
            info.assume_init()
        };
        // Sent again, or probed more than once, without an answer: only then is silence a sign.
        let is_asking = unconfirmed > 0 && (info.tcpi_retransmits > 0 || info.tcpi_probes > 1);
        Some(PeerState {
            confirmed: info.tcpi_bytes_acked,
            unconfirmed: usize::try_from(unconfirmed).unwrap_or(0),
            silent: match is_asking {
                true => Duration::from_millis(info.tcpi_last_ack_recv.into()),
                false => Duration::ZERO,
            },
        })
    }
}

/// Opens a file to which private talk is appended: created if it is missing, and then, where files have a mode,
/// to be read by its owner alone. If a crash or a full disk left its last line unfinished, that is ended.
///
/// # Errors
/// What the system said.
pub fn append_to_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // What may be appended to but not read is left as it is.
    if file.metadata()?.is_file() && ends_within_a_line(path).unwrap_or(false) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Whether it is a named pipe, which cannot be opened for writing until somebody reads it.
#[must_use]
pub fn is_named_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    return std::fs::metadata(path)
        .is_ok_and(|data| std::os::unix::fs::FileTypeExt::is_fifo(&data.file_type()));
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// A request from outside to end the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its name, such as `SIGTERM`.
    pub name: &'static str,
    /// Its number; the exit code is this plus 128.
    pub number: u8,
}

/// The signals that end the program, as a thread waits for them. Where there are none, or without the
/// feature `signals`, it ends at once and the system's default applies: the program ends without a goodbye.
///
/// One that was ignored when the program started, as `nohup` does it, stays ignored.
pub struct Signals {
    #[cfg(all(feature = "signals", unix))]
    signals: Option<signal_hook::iterator::Signals>,
}

impl Signals {
    /// From here on the signals do not end the program by themselves.
    ///
    /// # Errors
    /// What the system said.
    pub fn catch() -> io::Result<Self> {
        #[cfg(all(feature = "signals", unix))]
        {
            let wanted = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
            let caught = wanted.into_iter().filter(|signal| !unix::is_ignored(*signal));
            Ok(Self { signals: Some(signal_hook::iterator::Signals::new(caught)?) })
        }
        #[cfg(not(all(feature = "signals", unix)))]
        Ok(Self {})
    }

    /// No signals.
    #[must_use]
    pub fn none() -> Self {
        Self {
            #[cfg(all(feature = "signals", unix))]
            signals: None,
        }
    }

    /// Ends the [waiting](Self::for_each) from another thread.
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        #[cfg(all(feature = "signals", unix))]
        let handle = self.signals.as_ref().map(signal_hook::iterator::Signals::handle);
        move || {
            #[cfg(all(feature = "signals", unix))]
            if let Some(handle) = handle {
                handle.close();
            }
        }
    }

    /// Waits for signals, until it is closed or `came` returns false.
    pub fn for_each(self, mut came: impl FnMut(Signal) -> bool) {
        #[cfg(all(feature = "signals", unix))]
        if let Some(mut signals) = self.signals {
            for number in signals.forever() {
                let (name, number) = match number {
                    libc::SIGINT => ("SIGINT", 2),
                    libc::SIGHUP => ("SIGHUP", 1),
                    _ => ("SIGTERM", 15),
                };
                if !came(Signal { name, number }) {
                    break;
                }
            }
        }
        let _ = &mut came;
    }
}

#[cfg(all(feature = "signals", unix))]
mod unix {
    #[allow(unsafe_code, reason = "signal-hook can set what a signal does, but not ask")]
    pub(super) fn is_ignored(signal: libc::c_int) -> bool {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: with a null second argument nothing is changed, and `action` is written to if the call
        // succeeds; all zeros is a valid value of it otherwise.
        unsafe {
            libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
            action.assume_init().sa_sigaction == libc::SIG_IGN
        }
    }
}
