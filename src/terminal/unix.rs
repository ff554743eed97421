//! The modes of the process's terminal, changed while lines are edited and restored afterwards, and its keyboard.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// How long a terminal that is slow may take before it is restored without a last sequence.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// How long SIGHUP may come after the end of the input, or the error of the output, that it explains.
const HANGUP: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The modes before we changed them, or null. Not behind a lock, because the handler of a signal must be able to restore them.
static FOUND: AtomicPtr<Termios> = AtomicPtr::new(ptr::null_mut());

/// The keys of the terminal, as bytes.
pub struct Keyboard {
    /// Its other end is closed to end the reading.
    closed: PipeReader,
}

/// Takes over the terminal of the process. Returns its keyboard, and what ends the reading from another thread.
///
/// # Errors
/// Standard input is not a terminal.
pub fn open() -> io::Result<(Keyboard, impl FnOnce() -> bool + Send)> {
    take_over()?;
    let (closed, open) = io::pipe()?;
    Ok((Keyboard { closed }, move || {
        drop(open);
        true
    }))
}

impl Read for Keyboard {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut ready =
            [PollFd::from_borrowed_fd(stdin(), PollFlags::IN), PollFd::new(&self.closed, PollFlags::IN)];
        poll(&mut ready, None)?;
        if !ready[1].revents().is_empty() {
            return Ok(0);
        }
        match rustix::io::read(stdin(), bytes) {
            // The terminal has gone. The system also sends SIGHUP, which says why: main may take that first, and close this.
            Ok(0) | Err(Errno::IO) => {
                let _ = poll(&mut ready[1..], Some(&HANGUP));
                Ok(0)
            }
            // Another process that reads from this terminal was faster.
            Err(Errno::AGAIN) => Err(io::ErrorKind::Interrupted.into()),
            result => Ok(result?),
        }
    }
}

/// The screen of a terminal, without a buffer, so that a frame is one write.
pub struct Screen(pub File);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| match error.raw_os_error() {
            // The terminal has gone, and nobody is left to read it. The system also sends SIGHUP, which says why.
            Some(libc::EIO) => {
                let _ = poll(&mut [], Some(&HANGUP));
                io::ErrorKind::BrokenPipe.into()
            }
            _ => error,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Screen {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for Keyboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        stdin()
    }
}

/// How many columns the terminal has. 0 if it does not know.
pub(super) fn columns() -> usize {
    tcgetwinsize(stdout()).map_or(0, |size| size.ws_col.into())
}

/// Whether the terminal belongs to somebody else, so that to change its modes would stop the program.
pub(super) fn is_in_background() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp())
}

/// Makes keys arrive one by one and without echo.
///
/// # Errors
/// Standard input is not a terminal.
pub(super) fn take_over() -> io::Result<()> {
    let modes = tcgetattr(stdin())?;
    let mut raw = modes.clone();
    raw.make_raw();
    // Newlines are still translated.
    raw.output_modes |= OutputModes::OPOST;
    raw.local_modes -= LocalModes::ECHO;
    if FOUND.load(Ordering::Acquire).is_null() {
        // Before they change, because a signal may come right after that. Never freed: a handler may be reading them.
        FOUND.store(Box::into_raw(Box::new(modes)), Ordering::Release);
    }
    Ok(tcsetattr(stdin(), OptionalActions::Now, &raw)?)
}

/// The modes before we changed them, if we did.
#[allow(unsafe_code, reason = "a handler may not wait for a lock")]
fn found() -> Option<&'static Termios> {
    // SAFETY: null, or modes that `take_over` has put there, which are neither changed nor freed.
    unsafe { FOUND.load(Ordering::Acquire).as_ref() }
}

/// Restores the modes of the keyboard, and nothing on the screen.
pub(super) fn release() {
    if let Some(modes) = found().filter(|_| !is_in_background()) {
        // There is nothing left to try if the terminal refuses.
        let _ = tcsetattr(stdin(), OptionalActions::Now, modes);
    }
}

/// Restores the terminal as it was: the row with the edited line is erased, automatic wrapping is on, pastes are not marked,
/// and colours are reset. Any thread may call this at any time, repeatedly, and the handler of a signal may: it waits for no
/// lock and allocates nothing.
pub fn restore() {
    if found().is_none() || is_in_background() {
        return;
    }
    let mut screen = [PollFd::from_borrowed_fd(stdout(), PollFlags::OUT)];
    // A terminal that has stopped would not take it.
    if poll(&mut screen, Some(&PATIENCE)) == Ok(1) {
        let _ = rustix::io::write(stdout(), b"\r\x1b[K\x1b[?7h\x1b[?2004l\x1b[0m");
    }
    release();
    FOUND.store(ptr::null_mut(), Ordering::Release);
}

/// What the terminal does by itself at the quit key, unless its modes are changed.
pub fn quit() {
    let _ = kill_process(getpid(), Signal::QUIT);
}
