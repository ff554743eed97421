//! What follows from a read from the keyboard, and from what happens to the terminal, the same in each full-duplex design.

use crate::observe::{Observer, Place, Step};
use crate::platform::{self, TerminalChange};
use crate::rules::buffer::Buffer;
use crate::rules::event;
#[cfg(feature = "hub")]
use crate::rules::hub::{self, OPERATOR};
use crate::rules::messages::Counter;
use crate::rules::signal::Signal;
use crate::rules::wire::Stamp;
use crate::terminal::{self, Terminal};
use std::io;

/// What the rules are told.
pub(super) enum Typed {
    Input(Buffer),
    Ended(io::Result<()>),
    Signal(Signal),
}

impl From<Typed> for event::Event {
    fn from(typed: Typed) -> Self {
        match typed {
            Typed::Input(buffer) => Self::Typed(buffer),
            Typed::Ended(result) => Self::InputEnded(result),
            Typed::Signal(signal) => Self::Signal(signal),
        }
    }
}

#[cfg(feature = "hub")]
impl From<Typed> for hub::Event {
    fn from(typed: Typed) -> Self {
        match typed {
            Typed::Input(buffer) => Self::Read(OPERATOR, buffer),
            Typed::Ended(result) => Self::ReadEnded(OPERATOR, result),
            Typed::Signal(signal) => Self::Signal(signal),
        }
    }
}

/// The interrupt key as the signal that the system sends where keys do not come to us.
const INTERRUPT: Signal = Signal { name: if cfg!(windows) { "Ctrl-C" } else { "SIGINT" }, number: 2 };

/// Passes on that the terminal was resized, or that the program stops or was continued.
pub(super) fn handle_change(terminal: Option<&mut Terminal>, change: TerminalChange) {
    let Some(terminal) = terminal else { return };
    match change {
        TerminalChange::Resized => terminal.handle_resize(),
        TerminalChange::Continued => terminal.handle_continue(),
        TerminalChange::Suspend => terminal.suspend(),
    }
}

/// Stops the program as the terminal does at the suspend key, unless its modes are changed. Returns when the program goes on.
///
/// The caller must then let the terminal [handle](Terminal::handle_continue) that: where nobody could continue the program it
/// has not stopped, and no signal says that it goes on.
pub(super) fn suspend() {
    terminal::restore();
    platform::stop();
}

/// What follows from this read. `lines` numbers the lines that are typed at a terminal with a line editor.
pub(super) fn handle(
    buffer: Buffer,
    keyboard_is_terminal: bool,
    terminal: Option<&mut Terminal>,
    now: Stamp,
    lines: &mut Counter,
    observer: &Observer,
) -> Vec<Typed> {
    match terminal {
        Some(terminal) if terminal.input_has_ended() => Vec::new(),
        Some(terminal) if terminal.edits() => {
            let typed = terminal.handle_keys(buffer.input(), now);
            typed.into_iter().filter_map(|typed| handle_key(typed, terminal, now, lines, observer)).collect()
        }
        // Somebody has only made space on the screen. In a pipe an empty line counts.
        _ if keyboard_is_terminal && matches!(buffer.input(), b"\n" | b"\r\n") => Vec::new(),
        _ => vec![Typed::Input(buffer)],
    }
}

fn handle_key(
    typed: terminal::Typed,
    terminal: &mut Terminal,
    now: Stamp,
    lines: &mut Counter,
    observer: &Observer,
) -> Option<Typed> {
    match typed {
        // The end of the input was in the same read.
        terminal::Typed::Line(_) | terminal::Typed::End if terminal.input_has_ended() => None,
        terminal::Typed::Line(mut line) => {
            line.push(b'\n');
            let mut buffer = Buffer::with_input(&line);
            buffer.messages = observer.count(lines, &line);
            let (from, bytes, messages) = (Place::Keyboard, line.len(), buffer.messages);
            observer.emit(|| Step::Read { from, bytes, messages });
            Some(Typed::Input(buffer))
        }
        terminal::Typed::End => {
            terminal.end_input(now);
            Some(Typed::Ended(Ok(())))
        }
        terminal::Typed::Interrupt => Some(Typed::Signal(INTERRUPT)),
        terminal::Typed::Quit => {
            terminal::quit();
            None
        }
    }
}
