//! The modes of the process's terminal: changed while lines are edited, and restored afterwards.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The modes before we changed them, or null. Not behind a lock, because the handler of a signal must be able to restore them.
static FOUND: AtomicPtr<Termios> = AtomicPtr::new(ptr::null_mut());

/// How long a terminal that is slow may take before it is restored without a last sequence.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// Makes keys arrive one by one and without echo. reedline does that only while it reads, and the terminal must not
/// echo what is typed between two lines either.
///
/// # Errors
/// Standard input is not a terminal.
pub(super) fn take_over() -> io::Result<()> {
    let modes = tcgetattr(stdin())?;
    let mut raw = modes.clone();
    raw.make_raw();
    // Keep translating newlines: other threads write lines while no editor reads.
    raw.output_modes |= OutputModes::OPOST;
    raw.local_modes -= LocalModes::ECHO;
    if FOUND.load(Ordering::Acquire).is_null() {
        // Before they change, because a signal may come right after that. Never freed: a handler may be reading them.
        FOUND.store(Box::into_raw(Box::new(modes)), Ordering::Release);
    }
    Ok(tcsetattr(stdin(), OptionalActions::Now, &raw)?)
}

/// Restores the terminal as it was, with the cursor visible, colours reset and bracketed paste off. Any thread may call
/// this at any time, repeatedly, and the handler of a signal may: it waits for no lock and allocates nothing.
#[allow(unsafe_code, reason = "a handler may not wait for a lock")]
pub fn restore() {
    // SAFETY: null, or modes that `take_over` has put there, which are neither changed nor freed.
    let Some(modes) = (unsafe { FOUND.load(Ordering::Acquire).as_ref() }) else { return };
    // In the background the terminal belongs to somebody else.
    if tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp()) {
        return;
    }
    let mut screen = [PollFd::from_borrowed_fd(stdout(), PollFlags::OUT)];
    // A terminal that has stopped would not take it.
    if poll(&mut screen, Some(&PATIENCE)) == Ok(1) {
        let _ = rustix::io::write(stdout(), b"\x1b[?2004l\x1b[?25h\x1b[0m");
    }
    // There is nothing left to try if the terminal refuses.
    let _ = tcsetattr(stdin(), OptionalActions::Now, modes);
    FOUND.store(ptr::null_mut(), Ordering::Release);
}

/// What the terminal does by itself at the interrupt key, unless its modes are changed.
pub(super) fn interrupt() {
    let _ = kill_process(getpid(), Signal::INT);
}

/// What the terminal does by itself at the suspend key: stops the process until the shell continues it.
pub(super) fn suspend() -> io::Result<()> {
    restore();
    // To this very thread: it must be stopped before it changes the modes again.
    signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
    take_over()
}
