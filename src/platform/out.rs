//! Writes without blocking to descriptors that other processes share.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How many bytes a pipe that is ready accepts without blocking, as POSIX promises (`_POSIX_PIPE_BUF`). There is no promise for
/// terminals: a paused one that cannot be opened again, because it is another user's, may block.
const PIPE_MIN: usize = 512;

/// A pipe, terminal, socket or file that is written to without blocking.
///
/// `O_NONBLOCK` belongs to the open file, which is shared with every process that inherited it: set on our standard output,
/// it would break the shell that started us. So it is set on an open file of our own, or not at all.
pub struct Out {
    to: Box<dyn AsFd + Send>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// An open file of our own, with `O_NONBLOCK`.
    Own,
    /// A flag of each call does the same.
    Socket,
    /// Writing to it never waits for another process.
    File,
    /// Readiness is all there is, and it holds for [`PIPE_MIN`] bytes.
    Shared,
    /// It is open for reading only. As `std` does with standard output, this takes it for a closed one and discards everything.
    Closed,
}

impl Out {
    /// Writes to this descriptor.
    #[must_use]
    pub fn new(to: Box<dyn AsFd + Send>) -> Self {
        // Opening such a pipe again would write into the other direction of it.
        if fcntl_getfl(&to).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDONLY) {
            return Self { to, kind: Kind::Closed };
        }
        let file_type = rustix::fs::fstat(&to).map(|stat| FileType::from_raw_mode(stat.st_mode));
        match file_type {
            Ok(FileType::Socket) => Self { to, kind: Kind::Socket },
            Ok(FileType::Fifo | FileType::CharacterDevice) => match open_again(to.as_fd()) {
                Ok(own) => Self { to: Box::new(own), kind: Kind::Own },
                Err(_) => Self { to, kind: Kind::Shared },
            },
            _ => Self { to, kind: Kind::File },
        }
    }

    fn is_ready(&self) -> io::Result<bool> {
        Ok(poll(&mut [PollFd::new(&self.to, PollFlags::OUT)], Some(&Timespec::default()))? > 0)
    }
}

impl Write for Out {
    /// Writes as much as is accepted without blocking, or fails with `WouldBlock`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = match self.kind {
            // Without a reader this is an error and not a signal: Rust programs ignore SIGPIPE.
            Kind::Socket => rustix::net::send(&self.to, bytes, SendFlags::DONTWAIT),
            Kind::Shared if !self.is_ready()? => Err(Errno::WOULDBLOCK),
            Kind::Shared => rustix::io::write(&self.to, &bytes[..bytes.len().min(PIPE_MIN)]),
            Kind::Closed => return Ok(bytes.len()),
            Kind::Own | Kind::File => rustix::io::write(&self.to, bytes),
        };
        match (result, &self.kind) {
            // The terminal has gone, and nobody is left to read it.
            (Err(Errno::IO), Kind::Own | Kind::Shared) => Err(io::ErrorKind::BrokenPipe.into()),
            (result, _) => Ok(result?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Out {
    /// Becomes writable when more is accepted.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }
}

/// Opens the same pipe or terminal once more, by its name on Linux. Elsewhere the name, if it exists, yields the same open
/// file, whose flags are shared.
fn open_again(to: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Err(Errno::NOSYS);
    }
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/self/fd/{}", to.as_raw_fd()), flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;

    /// Writes until nothing more is accepted, and returns how many bytes were.
    fn fill(out: &mut Out) -> usize {
        let mut written = 0;
        loop {
            match out.write(&[b'x'; 10_000]) {
                Ok(bytes) => written += bytes,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return written;
                }
            }
        }
    }

    #[test]
    fn a_full_pipe_does_not_block_whether_it_can_be_opened_again_or_not() {
        for shared in [false, true] {
            let (mut reader, writer) = io::pipe().unwrap();
            let ours = writer.try_clone().unwrap();
            let mut out = match shared {
                true => Out { to: Box::new(writer), kind: Kind::Shared },
                false => Out::new(Box::new(writer)),
            };
            let mut read = vec![0; fill(&mut out)];
            reader.read_exact(&mut read).unwrap();
            assert!(fill(&mut out) > 0);
            assert!(!fcntl_getfl(&ours).unwrap().contains(OFlags::NONBLOCK));
        }
    }

    #[test]
    fn a_full_socket_does_not_block() {
        let (_reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(fill(&mut Out::new(Box::new(writer))) > 0);
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_closed() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let error = Out::new(Box::new(writer)).write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
