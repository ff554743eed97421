//! The modes of the process's terminal: taken over while lines are edited, given back as they were found.

use rustix::process::{Signal, getpid, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The modes as they were found. There is one terminal in a process, and it must be given back from a panic hook, too.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

fn found() -> MutexGuard<'static, Option<Termios>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on keys arrive one by one and are not echoed, also while no editor reads: reedline restores what it
/// finds after each line, and what is typed between two lines must not be echoed.
///
/// # Errors
/// Standard input is not a terminal.
pub(super) fn take_over() -> io::Result<()> {
    let modes = tcgetattr(stdin())?;
    let mut raw = modes.clone();
    raw.make_raw();
    // A newline still begins a line: other threads write while no editor reads.
    raw.output_modes |= OutputModes::OPOST;
    raw.local_modes -= LocalModes::ECHO;
    tcsetattr(stdin(), OptionalActions::Now, &raw)?;
    found().get_or_insert(modes);
    Ok(())
}

/// Gives the terminal back as it was found, with the cursor visible, colours reset and pastes unmarked. May be
/// called by anybody at any time, and more than once.
pub fn restore() {
    if let Some(modes) = found().take() {
        // There is nothing left to try if the terminal refuses.
        let _ = rustix::io::write(stdout(), b"\x1b[?2004l\x1b[?25h\x1b[0m");
        let _ = io::stdout().flush();
        let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
    }
}

/// What the interrupt key does by itself when the terminal is not taken over.
pub(super) fn interrupt() {
    let _ = kill_process(getpid(), Signal::INT);
}

/// What the suspend key does by itself: stops the process, until the shell lets it go on.
pub(super) fn suspend() -> io::Result<()> {
    restore();
    // To this very thread, which must not go on to take the terminal over before it is stopped.
    signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
    take_over()
}
