//! Streams that somebody else may have made non-blocking.

use std::io::{self, ErrorKind, Read, Write};
#[cfg(can_poll)]
use std::os::fd::AsFd as Stream;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

/// Where the system does not report when a stream is ready, the first pause between two attempts, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(100)];

/// A stream that blocks, also if it is non-blocking.
///
/// `O_NONBLOCK` belongs to the open file, which every process shares that inherited it. So a program that started us or runs
/// beside us, such as Node.js or ssh, can set it on our standard streams at any time. That nothing can be
/// read or written just now is neither an end nor an error then. The flag itself is left alone, because others rely on it.
#[derive(Debug)]
pub struct Patient<S>(pub S);

/// What can be waited for: here nothing can, so that it may be anything.
#[cfg(not(can_poll))]
pub trait Stream {}
#[cfg(not(can_poll))]
impl<S> Stream for S {}

#[derive(Debug, Clone, Copy)]
enum For {
    Input,
    Output,
}

impl<S: Stream> Patient<S> {
    /// Calls until that does not fail because it would block.
    fn patiently<T>(
        &mut self,
        for_what: For,
        mut call: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        let [first, longest] = PAUSES;
        // A stream that the system reports as ready is tried at once, unless the report turns out to be wrong.
        let mut pause = if cfg!(can_poll) { Duration::ZERO } else { first };
        loop {
            match call(&mut self.0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            wait(&self.0, for_what);
            thread::sleep(pause);
            pause = (pause * 2).clamp(first, longest);
        }
    }
}

#[cfg(can_poll)]
fn wait(stream: &impl Stream, for_what: For) {
    use rustix::event::{PollFd, PollFlags, poll};
    let flags = match for_what {
        For::Input => PollFlags::IN,
        For::Output => PollFlags::OUT,
    };
    // After an error the next attempt shows what is wrong.
    let _ = poll(&mut [PollFd::new(stream, flags)], None);
}

#[cfg(not(can_poll))]
fn wait(_: &impl Stream, _: For) {}

/// Whether the other end of this is gone: the window of a terminal. `false` where the system does not tell.
#[cfg(all(can_poll, feature = "lab"))]
pub(crate) fn has_hung_up(stream: &impl AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut descriptor = [PollFd::new(stream, PollFlags::empty())];
    let _ = poll(&mut descriptor, Some(&Timespec::default()));
    descriptor[0].revents().contains(PollFlags::HUP)
}

#[cfg(all(not(can_poll), feature = "lab"))]
pub(crate) fn has_hung_up<T>(_: &T) -> bool {
    false
}

impl<S: Stream + Read> Read for Patient<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patiently(For::Input, |stream| stream.read(buffer))
    }
}

// The provided `write_all` is made of these, and loses nothing. The one of `Stdout` would not say how much it has written.
impl<S: Stream + Write> Write for Patient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(For::Output, |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.patiently(For::Output, Write::flush)
    }
}

#[cfg(unix)]
impl<S: AsFd> AsFd for Patient<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Standard input without the buffer of `std`, so that what is not read here is left to others who read the descriptor.
#[cfg(feature = "secure")]
pub(crate) fn unbuffered_stdin() -> io::Result<impl Read> {
    #[cfg(unix)]
    let stdin = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    #[cfg(windows)]
    let stdin =
        std::fs::File::from(std::os::windows::io::AsHandle::as_handle(&io::stdin()).try_clone_to_owned()?);
    #[cfg(not(any(unix, windows)))]
    let stdin = io::stdin();
    Ok(Patient(stdin))
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_cannot_be_read_or_written_at_once_is_waited_for() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let echo = thread::spawn(move || {
            // Until then our side has nothing to read, and then more to write than the system holds.
            thread::sleep(Duration::from_millis(20));
            (&theirs).write_all(b"begin\n").unwrap();
            let mut received = Vec::new();
            (&theirs).read_to_end(&mut received).unwrap();
            received
        });
        let mut patient = Patient(ours);
        let mut begin = [0; 6];
        patient.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"begin\n");
        patient.write_all(&sent).unwrap();
        drop(patient);
        assert!(echo.join().unwrap() == sent);
    }

    #[test]
    fn an_end_and_an_error_stay_what_they_are() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        drop(theirs);
        let mut patient = Patient(ours);
        assert_eq!(patient.read(&mut [0]).unwrap(), 0);
        assert_eq!(patient.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
