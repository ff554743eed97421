//! What plain `std` does not give. Each is a small function with a portable fall-back, and the only place
//! with `unsafe`.

#[cfg(all(feature = "sockets", unix))]
mod out;

#[cfg(all(feature = "sockets", unix))]
pub use out::Out;

#[cfg(all(feature = "signals", unix))]
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};
use std::fs::File;
#[cfg(feature = "hub")]
use std::io::IoSlice;
use std::io::{self, Read, Seek, SeekFrom, Write};
#[cfg(not(all(feature = "sockets", any(target_os = "linux", target_os = "android"))))]
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::fd::BorrowedFd;
#[cfg(all(feature = "signals", unix))]
use std::os::{fd::AsFd, unix::net::UnixStream};
use std::path::Path;
#[cfg(feature = "compare")]
use std::process::{Child, Command, ExitStatus};
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

/// The same for what lies in several places.
///
/// # Errors
/// `WouldBlock`, or why the socket cannot be written to.
#[cfg(feature = "hub")]
pub fn write_vectored_now(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(unix)]
    return socket2::SockRef::from(socket).send_vectored_with_flags(slices, libc::MSG_DONTWAIT | NO_SIGPIPE);
    #[cfg(not(unix))]
    {
        let _ = (socket, slices);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// Lets more callers wait to be accepted than the few for whom `std` makes room: when that is full, the system leaves
/// callers unanswered, and they try again after a second. Linux has a limit of its own, 4096 by default
/// (`net.core.somaxconn`).
#[cfg(feature = "hub")]
pub fn widen_backlog(listener: &TcpListener) {
    // If it is refused, the limit stays.
    let _ = socket2::SockRef::from(listener).listen(4096);
}

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

/// Gives memory back to the system that is not in use any more, where the allocator keeps it otherwise: glibc keeps what
/// is in front of anything that is in use.
#[cfg(feature = "hub")]
#[allow(unsafe_code, reason = "nobody else has this call")]
pub fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Raises the limit of open files as far as that is allowed. The limit then, if there is one and the system tells.
#[cfg(any(feature = "hub", feature = "compare"))]
pub fn raise_descriptor_limit() -> Option<usize> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let soft = std::mem::replace(&mut limit.current, limit.maximum);
        // Refused by systems that have a lower limit of another kind.
        let limit = if setrlimit(Resource::Nofile, limit).is_ok() { limit.current } else { soft };
        limit.and_then(|limit| usize::try_from(limit).ok())
    }
    #[cfg(not(unix))]
    None
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

/// What became of a stream that a read found at its end, if we have not ended our half: the other side ended it, or the
/// connection broke and the thread that writes was told. The system tells an error once, to whoever asks first.
///
/// # Errors
/// The connection broke, where the system can tell.
#[cfg(feature = "hub")]
pub fn end_of_stream(socket: &TcpStream) -> io::Result<()> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if linux::is_gone(socket) {
        return Err(io::Error::from_raw_os_error(libc::ECONNRESET));
    }
    let _ = socket;
    Ok(())
}

#[cfg(all(feature = "sockets", target_os = "linux", target_env = "gnu"))]
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

/// The signals that end the program. Where there are none, or without the feature `signals`, the system's default
/// applies: the program ends without a goodbye.
///
/// One that was ignored when the program started, as `nohup` does it, stays ignored.
pub struct Signals {
    #[cfg(all(feature = "signals", unix))]
    delivery: Option<SignalDelivery<UnixStream, SignalOnly>>,
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
            let (read, write) = UnixStream::pair()?;
            Ok(Self { delivery: Some(SignalDelivery::with_pipe(read, write, SignalOnly, caught)?) })
        }
        #[cfg(not(all(feature = "signals", unix)))]
        Ok(Self {})
    }

    /// No signals.
    #[must_use]
    pub fn none() -> Self {
        Self {
            #[cfg(all(feature = "signals", unix))]
            delivery: None,
        }
    }

    /// Ends the [waiting](Self::for_each) from another thread.
    pub fn closer(&self) -> impl FnOnce() + Send + 'static {
        #[cfg(all(feature = "signals", unix))]
        let handle = self.delivery.as_ref().map(SignalDelivery::handle);
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
        if let Some(mut delivery) = self.delivery {
            let mut wait = |pipe: &mut UnixStream| loop {
                match pipe.read(&mut [0]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => return result.map(|bytes| bytes > 0),
                }
            };
            while let Ok(Some(mut signals)) = delivery.poll_pending(&mut wait) {
                if !signals.all(|number| came(Signal::from(number))) {
                    break;
                }
            }
        }
        let _ = &mut came;
    }

    /// What becomes readable when a signal comes, for those who wait for several things at once.
    #[cfg(unix)]
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        #[cfg(feature = "signals")]
        return self.delivery.as_ref().map(|delivery| delivery.get_read().as_fd());
        #[cfg(not(feature = "signals"))]
        None
    }

    /// A signal that has come, if one has. Does not wait.
    #[cfg(unix)]
    pub fn take(&mut self) -> Option<Signal> {
        #[cfg(feature = "signals")]
        return self.delivery.as_mut()?.pending().next().map(Signal::from);
        #[cfg(not(feature = "signals"))]
        None
    }
}

#[cfg(all(feature = "signals", unix))]
impl From<libc::c_int> for Signal {
    fn from(number: libc::c_int) -> Self {
        let (name, number) = match number {
            libc::SIGINT => ("SIGINT", 2),
            libc::SIGHUP => ("SIGHUP", 1),
            _ => ("SIGTERM", 15),
        };
        Self { name, number }
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

/// What a process had used by its end, all its threads together.
#[cfg(feature = "compare")]
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Time on a processor, its own and in the system for it.
    pub cpu: Duration,
    /// How often it gave the processor away, because it had to wait.
    pub voluntary_switches: u64,
    /// How often the processor was taken from it, because somebody else was to have it.
    pub involuntary_switches: u64,
}

/// Whether a child has ended, how, and what it had used where the system tells. It is waited for with this
/// alone: `std` does not notice.
///
/// # Errors
/// What the system said.
#[cfg(feature = "compare")]
pub fn try_wait(child: &mut Child) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
    #[cfg(unix)]
    return children::try_wait(child.id());
    #[cfg(not(unix))]
    Ok(child.try_wait()?.map(|status| (status, None)))
}

/// Gives a child a process group of its own, so that Ctrl-C at the terminal is its parent's to handle.
#[cfg(feature = "compare")]
pub fn set_apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Lets SIGINT end a child, and on Linux has it killed when its parent ends, however that happens. `parent` is that
/// parent. Linux takes the end of the thread that starts the child for the parent's, so start it from one that lasts.
#[cfg(feature = "compare")]
pub fn tie_to_parent(command: &mut Command, parent: u32) {
    #[cfg(unix)]
    children::tie_to_parent(command, parent);
    #[cfg(not(unix))]
    let _ = (command, parent);
}

/// Replaces this process by another program. Returns only if that fails.
#[cfg(feature = "compare")]
pub fn become_program(command: &mut Command) -> io::Error {
    #[cfg(unix)]
    return std::os::unix::process::CommandExt::exec(command);
    #[cfg(not(unix))]
    {
        let _ = command;
        io::ErrorKind::Unsupported.into()
    }
}

/// Who leads the process group of this process, if the system has such groups: whoever was [`set_apart`], and who has started
/// this one since. Unlike the parent this is still known when they have ended.
#[cfg(feature = "compare")]
#[must_use]
pub fn group_leader() -> u32 {
    #[cfg(unix)]
    return rustix::process::getpgrp().as_raw_nonzero().get().cast_unsigned();
    #[cfg(not(unix))]
    0
}

/// Kills a child that has a process group of its own, and what it has started.
#[cfg(feature = "compare")]
pub fn kill(child: &mut Child) {
    #[cfg(unix)]
    children::signal(child.id(), libc::SIGKILL);
    #[cfg(not(unix))]
    let _ = child.kill();
}

/// Does as Ctrl-C would to a child that has a process group of its own, and to what it has started.
#[cfg(feature = "compare")]
pub fn interrupt(child: &mut Child) {
    #[cfg(unix)]
    children::signal(child.id(), libc::SIGINT);
    #[cfg(not(unix))]
    let _ = child.kill();
}

#[cfg(all(feature = "compare", unix))]
mod children {
    use super::Usage;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, ExitStatus};
    use std::time::Duration;

    #[allow(unsafe_code, reason = "std does not tell what a child has used")]
    pub(super) fn try_wait(id: u32) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
        let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: both places are written to for as long as the call takes; `rusage` is plain integers, of which zero
        // is a valid value.
        let (ended, usage) = unsafe {
            let ended = libc::wait4(id.cast_signed(), &raw mut status, libc::WNOHANG, usage.as_mut_ptr());
            (ended, usage.assume_init())
        };
        match ended {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(None),
            _ => Ok(Some((ExitStatus::from_raw(status), Some(usage_of(&usage))))),
        }
    }

    fn usage_of(usage: &libc::rusage) -> Usage {
        let time = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec as u64)
        };
        Usage {
            cpu: time(usage.ru_utime) + time(usage.ru_stime),
            voluntary_switches: usage.ru_nvcsw.unsigned_abs(),
            involuntary_switches: usage.ru_nivcsw.unsigned_abs(),
        }
    }

    #[allow(unsafe_code, reason = "std has no call for these between fork and exec")]
    pub(super) fn tie_to_parent(command: &mut Command, parent: u32) {
        let prepare = move || {
            // SAFETY: plain system calls, which may be made between fork and exec.
            unsafe {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                #[cfg(target_os = "linux")]
                {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    // It may have ended before we asked to be told.
                    if libc::getppid() != parent.cast_signed() {
                        libc::_exit(1);
                    }
                }
            }
            let _ = parent;
            Ok(())
        };
        // SAFETY: it does nothing but the system calls above: no lock, no allocation.
        unsafe {
            command.pre_exec(prepare);
        }
    }

    #[allow(unsafe_code, reason = "std signals one process only, and only to kill it")]
    pub(super) fn signal(id: u32, signal: libc::c_int) {
        // SAFETY: no memory is involved. The child has not been waited for, so that its number is still its own, and that
        // of its group.
        unsafe {
            libc::kill(-id.cast_signed(), signal);
        }
    }
}
