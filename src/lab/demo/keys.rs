//! What the keys mean, and the two lines that are typed. No I/O.
//!
//! A key is a command while nothing stands in the line of the active side, unless Enter was pressed there first; from the
//! first letter on that is no command, all keys are text until Enter or Esc.

use super::side::{Each, Side};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;

/// The longest line that can be typed, in characters.
const LONGEST: usize = 200;

/// How long a step takes, from the slowest to the fastest.
const DELAYS: [u64; 9] = [4000, 2000, 1000, 700, 400, 200, 100, 40, 0];

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// To pause, or to go on.
    Pause,
    /// To let one step pass.
    Step,
    /// To let steps pass faster.
    Faster,
    /// To let them pass slower.
    Slower,
    /// To go on with the next design.
    NextDesign,
    /// To type this line.
    Type(Side, String),
    /// To end it.
    Quit,
    /// To end it, by Ctrl-C.
    Interrupt,
}

/// The lines that are typed.
pub(super) struct Typing {
    /// Whose line the keys go to.
    pub(super) active: Side,
    lines: Each<String>,
    /// Enter was pressed before there was a line.
    began: Each<bool>,
}

impl Typing {
    /// On the left.
    pub(super) fn new() -> Self {
        Self { active: Side::A, lines: Each::default(), began: Each::default() }
    }

    /// What stands in the line of this side.
    pub(super) fn line(&self, side: Side) -> &str {
        &self.lines[side]
    }

    /// Whether keys are text now.
    pub(super) fn is_text(&self) -> bool {
        self.began[self.active] || !self.lines[self.active].is_empty()
    }

    /// A key has been pressed.
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
        if line.chars().count() < LONGEST && !character.is_control() {
            line.push(character);
        }
        None
    }

    fn enter(&mut self) -> Option<Command> {
        if !self.lines[self.active].is_empty() {
            return Some(Command::Type(self.active, self.take()));
        }
        self.began[self.active] = !self.began[self.active];
        None
    }

    /// The line is empty again.
    fn take(&mut self) -> String {
        self.began[self.active] = false;
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

/// The next shorter delay, if there is one.
pub(super) fn faster(delay: Duration) -> Duration {
    DELAYS.map(Duration::from_millis).into_iter().find(|shorter| *shorter < delay).unwrap_or(delay)
}

/// The next longer one.
pub(super) fn slower(delay: Duration) -> Duration {
    DELAYS.map(Duration::from_millis).into_iter().rev().find(|longer| *longer > delay).unwrap_or(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these characters, where `\n` is Enter, `\t` Tab, `\x1b` Esc and `\x08` Backspace.
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
    fn the_interrupt_key_always_ends_it() {
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
