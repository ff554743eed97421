//! Writing without being blocked to what is not a socket of ours.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How much may be written without blocking, in bytes, to a pipe that is ready: what POSIX promises (`_POSIX_PIPE_BUF`). Of a
/// terminal nobody promises anything: one that cannot be opened again, because it is another user's, and is paused may block.
const PROMISED: usize = 512;

/// A pipe, terminal, socket or file that is written to without waiting for whoever is at its other end.
///
/// The flag `O_NONBLOCK` belongs to the open file, which is shared with whoever else has inherited it: set on our
/// standard output it would break the shell that started us. So it is set on a file of our own, or not at all.
pub struct Out {
    to: Box<dyn AsFd + Send>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The flag is set: this open file is ours.
    Own,
    /// A flag of each call says the same.
    Socket,
    /// It never waits for anybody.
    File,
    /// Nothing but readiness tells, and only of so much.
    Shared,
}

impl Out {
    /// Writes go there.
    #[must_use]
    pub fn new(to: Box<dyn AsFd + Send>) -> Self {
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
    /// Writes as much as is taken without blocking, or else fails with `WouldBlock`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = match self.kind {
            // That nobody reads is an error and no signal: Rust programs ignore SIGPIPE.
            Kind::Socket => rustix::net::send(&self.to, bytes, SendFlags::DONTWAIT),
            Kind::Shared if !self.is_ready()? => Err(Errno::WOULDBLOCK),
            Kind::Shared => rustix::io::write(&self.to, &bytes[..bytes.len().min(PROMISED)]),
            Kind::Own | Kind::File => rustix::io::write(&self.to, bytes),
        };
        Ok(result?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Out {
    /// What becomes ready when more is taken.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }
}

/// Linux opens the same pipe or terminal once more by this name; elsewhere the name, if it exists, stands for the same
/// open file, whose flags are not ours to set.
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
    use rustix::fs::fcntl_getfl;
    use std::io::Read;

    /// Writes until nothing is taken; how much was.
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
