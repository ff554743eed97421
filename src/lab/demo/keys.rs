//! What the keys mean, and the lines that the user types. No I/O.
//!
//! A key is a command while the line of the active side is empty, unless Enter was pressed there first. From the first key
//! that is no command, all keys are text until Enter or Esc.

use super::side::{Each, Side};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;

/// In characters.
const MAX_LINE: usize = 200;

/// The delays to choose from, in milliseconds.
const DELAYS: [u64; 9] = [4000, 2000, 1000, 700, 400, 200, 100, 40, 0];

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Pause or resume.
    Pause,
    Step,
    Faster,
    Slower,
    NextDesign,
    Type(Side, String),
    Quit,
    /// Ctrl-C.
    Interrupt,
}

/// The line of each side.
pub(super) struct Typing {
    /// The side that gets the keys.
    pub(super) active: Side,
    lines: Each<String>,
    /// Enter was pressed in the empty line, so that it may begin with a command's key.
    forced: Each<bool>,
}

impl Typing {
    pub(super) fn new() -> Self {
        Self { active: Side::A, lines: Each::default(), forced: Each::default() }
    }

    pub(super) fn line(&self, side: Side) -> &str {
        &self.lines[side]
    }

    /// Whether all keys are text now.
    pub(super) fn is_text(&self) -> bool {
        self.forced[self.active] || !self.lines[self.active].is_empty()
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Command> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            _ if key.kind == KeyEventKind::Release => None,
            KeyCode::Char('c') if control => Some(Command::Interrupt),
            KeyCode::Tab | KeyCode::BackTab => {
                self.active = self.active.other();
                None
            }
            KeyCode::Enter => self.enter(),
            KeyCode::Esc => {
                self.take();
                None
            }
            KeyCode::Backspace => {
                self.lines[self.active].pop();
                None
            }
            KeyCode::Char(_) if control || key.modifiers.contains(KeyModifiers::ALT) => None,
            KeyCode::Char(character) => self.character(character),
            _ => None,
        }
    }

    fn character(&mut self, character: char) -> Option<Command> {
        if !self.is_text()
            && let Some(command) = command(character)
        {
            return Some(command);
        }
        let line = &mut self.lines[self.active];
        if line.chars().count() < MAX_LINE && !character.is_control() {
            line.push(character);
        }
        None
    }

    fn enter(&mut self) -> Option<Command> {
        if !self.lines[self.active].is_empty() {
            return Some(Command::Type(self.active, self.take()));
        }
        self.forced[self.active] = !self.forced[self.active];
        None
    }

    /// Empties the line.
    fn take(&mut self) -> String {
        self.forced[self.active] = false;
        std::mem::take(&mut self.lines[self.active])
    }
}

fn command(character: char) -> Option<Command> {
    Some(match character {
        ' ' => Command::Pause,
        '.' => Command::Step,
        '+' | '=' => Command::Faster,
        '-' => Command::Slower,
        'd' => Command::NextDesign,
        'q' => Command::Quit,
        _ => return None,
    })
}

/// The next shorter delay, or the same.
pub(super) fn faster(delay: Duration) -> Duration {
    DELAYS.map(Duration::from_millis).into_iter().find(|shorter| *shorter < delay).unwrap_or(delay)
}

/// The next longer delay, or the same.
pub(super) fn slower(delay: Duration) -> Duration {
    DELAYS.map(Duration::from_millis).into_iter().rev().find(|longer| *longer > delay).unwrap_or(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands of these characters, where `\n` is Enter, `\t` Tab, `\x1b` Esc and `\x08` Backspace.
    fn press(typing: &mut Typing, keys: &str) -> Vec<Command> {
        let code = |key| match key {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\x1b' => KeyCode::Esc,
            '\x08' => KeyCode::Backspace,
            character => KeyCode::Char(character),
        };
        keys.chars().filter_map(|key| typing.press(code(key).into())).collect()
    }

    #[test]
    fn commands_are_text_from_the_first_other_letter_to_the_end_of_the_line() {
        let typing = &mut Typing::new();
        let line = Command::Type(Side::A, "A quick. d+-".to_owned());
        assert_eq!(press(typing, " A quick. d+-\n."), [Command::Pause, line, Command::Step]);
        assert_eq!(press(typing, "x\x08q"), [Command::Quit]);
        assert_eq!(press(typing, "x\x1bd"), [Command::NextDesign]);
    }

    #[test]
    fn after_enter_a_line_may_begin_with_a_command() {
        let typing = &mut Typing::new();
        assert_eq!(press(typing, "\ndo\n"), [Command::Type(Side::A, "do".to_owned())]);
        assert_eq!(press(typing, "\n\x1b+"), [Command::Faster]);
        assert_eq!(press(typing, "\n\n-"), [Command::Slower]);
    }

    #[test]
    fn each_side_keeps_its_line() {
        let typing = &mut Typing::new();
        assert_eq!(press(typing, "left\tright\n"), [Command::Type(Side::B, "right".to_owned())]);
        assert_eq!(press(typing, "q\t\n"), [Command::Quit, Command::Type(Side::A, "left".to_owned())]);
    }

    #[test]
    fn the_interrupt_key_always_interrupts() {
        let typing = &mut Typing::new();
        press(typing, "half a li");
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(typing.press(key), Some(Command::Interrupt));
    }

    #[test]
    fn any_delay_can_be_made_shorter_and_longer_up_to_the_ends() {
        let ms = Duration::from_millis;
        assert_eq!((faster(ms(400)), slower(ms(400))), (ms(200), ms(700)));
        assert_eq!((faster(ms(50)), slower(ms(50))), (ms(40), ms(100)));
        assert_eq!((faster(ms(0)), slower(ms(9000))), (ms(0), ms(9000)));
    }
}
