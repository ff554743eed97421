//! A connection whose blocked threads can be woken.

use std::io::{self, IoSlice, Read, Write};
#[cfg(not(fallbacks_only))]
use std::net::Shutdown;
use std::net::TcpStream;
#[cfg(polling_io)]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(polling_io)]
use std::time::Duration;

/// Where nothing wakes a blocked thread, how often it checks whether the connection was hung up.
#[cfg(polling_io)]
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// A connection on which one thread blocks in reading and another in writing, until a third one
/// [hangs up](Self::hang_up).
#[derive(Debug)]
pub(crate) struct Connection {
    /// For calls that do not block.
    pub(crate) socket: TcpStream,
    #[cfg(polling_io)]
    hung_up: AtomicBool,
}

impl Connection {
    pub(crate) fn new(socket: TcpStream) -> Self {
        #[cfg(polling_io)]
        {
            // Fails only if the peer has gone, which reading notices.
            let _ = socket.set_read_timeout(Some(CHECK_EVERY));
            let _ = socket.set_write_timeout(Some(CHECK_EVERY));
        }
        Self {
            socket,
            #[cfg(polling_io)]
            hung_up: AtomicBool::new(false),
        }
    }

    /// Wakes the threads that are blocked in reading and writing: for both, the connection has ended.
    ///
    /// On most systems shutting the socket down is enough. Windows may need the calls to be cancelled as well. Elsewhere the
    /// threads check by themselves.
    pub(crate) fn hang_up(&self) {
        #[cfg(polling_io)]
        self.hung_up.store(true, Ordering::Relaxed);
        // The test of the fall-back must not be woken by this system.
        #[cfg(not(fallbacks_only))]
        // Fails if the peer has gone, and then nothing blocks.
        let _ = self.socket.shutdown(Shutdown::Both);
        #[cfg(windows)]
        windows::cancel_calls(&self.socket);
    }

    /// Repeats a call that timed out. It checks before each call, because a peer that never lets a call block must not keep
    /// the thread from ending.
    #[cfg(polling_io)]
    fn unless_hung_up(&self, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        while !self.hung_up.load(Ordering::Relaxed) {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    #[cfg(not(polling_io))]
    #[allow(clippy::unused_self, reason = "used with polling_io")]
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

#[cfg(windows)]
mod windows {
    use std::net::TcpStream;
    use std::os::windows::io::AsRawSocket;
    use windows_sys::Win32::System::IO::CancelIoEx;

    #[allow(unsafe_code, reason = "std has no such call")]
    pub(super) fn cancel_calls(socket: &TcpStream) {
        // SAFETY: the socket is open while it is borrowed, and without an OVERLAPPED no memory is involved. It fails if no
        // call is blocked.
        unsafe {
            CancelIoEx(socket.as_raw_socket() as _, std::ptr::null());
        }
    }
}
