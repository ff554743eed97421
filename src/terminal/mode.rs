//! The modes of the process's terminal: changed while lines are edited, and restored afterwards.

use rustix::process::{Signal, getpid, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The modes before we changed them. A static, because a panic hook must be able to restore them.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

fn found() -> MutexGuard<'static, Option<Termios>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

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
    tcsetattr(stdin(), OptionalActions::Now, &raw)?;
    found().get_or_insert(modes);
    Ok(())
}

/// Restores the terminal as it was, with the cursor visible, colours reset and bracketed paste off. Any thread may call
/// this at any time, repeatedly.
pub fn restore() {
    let Some(modes) = found().take() else { return };
    // There is nothing left to try if the terminal refuses.
    let _ = rustix::io::write(stdout(), b"\x1b[?2004l\x1b[?25h\x1b[0m");
    let _ = io::stdout().flush();
    let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
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
