//! What a person sees who types while messages arrive, without a process, a terminal or a clock: keys and messages in,
//! frames out, into a terminal emulator.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(unix, line_editor))]

mod common;

use common::emulator::Emulator;
use common::person::{Person, Step, steps};
use proptest::prelude::*;
use std::sync::Arc;
use threadchat::rules::buffer::Buffer;
use threadchat::rules::wire::Stamp;
use threadchat::terminal::{Editor, Terminal, Timestamps, Typed, View};
use time::macros::datetime;

/// No process is tested here.
const DESIGN: &str = "threads";

const PROMPT: &str = "127.0.0.1:4321> ";

/// A person at a terminal, who is alone there.
struct Desk {
    terminal: Terminal,
    screen: Emulator,
    person: Person,
    sent: Vec<String>,
    now: Stamp,
}

impl Desk {
    fn new(rows: u16, columns: u16) -> Self {
        let view = View::new(Timestamps::Short, false, false);
        let mut terminal = Terminal::new(view, Some(Editor::new(&[], None, false)));
        terminal.set_prompt(PROMPT.trim_end_matches("> ").to_owned());
        terminal.set_columns(columns.into());
        Self {
            terminal,
            screen: Emulator::new(rows, columns),
            person: Person::new(columns, Vec::new()),
            sent: Vec::new(),
            now: Stamp::at(datetime!(2026-11-09 06:18:34 UTC)),
        }
    }

    /// `cut` bytes of keys arrive at once.
    fn take(&mut self, step: &Step, cut: usize) {
        let keys = self.person.types(step);
        for part in keys.as_bytes().chunks(cut) {
            for typed in self.terminal.handle_keys(part, self.now) {
                let Typed::Line(line) = typed else { panic!("{typed:?} after {step:?}") };
                self.sent.push(String::from_utf8(line).unwrap());
            }
        }
        match step {
            Step::Hear(messages) => {
                let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
                self.terminal.show(Arc::new(Buffer::with_output(lines.into_bytes())), self.now);
            }
            Step::Resize(rows, columns) => {
                self.screen.resize(*rows, *columns);
                self.terminal.set_columns((*columns).into());
            }
            _ => {}
        }
    }

    /// The screen takes what there is to show.
    fn draw(&mut self) {
        while self.terminal.wants_frame() {
            // As a terminal's output processing does.
            let frame = self.terminal.next_frame().bytes;
            self.screen.draw(&frame.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]));
        }
    }

    fn check(&self) -> Result<(), String> {
        self.person.row_is_right(&self.screen, PROMPT)?;
        self.person.above_is_right(&self.screen, PROMPT)?;
        assert_eq!(self.screen.questions(), [""; 0]);
        if self.sent == self.person.sent { Ok(()) } else { Err(format!("{:?} was sent", self.sent)) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Also while the screen is slow, so that much happens between two frames, and however the keys are cut.
    #[test]
    fn whatever_is_typed_and_arrives_the_line_and_the_screen_are_as_a_model_says(
        size in (2_u16..40, 45_u16..140),
        steps in prop::collection::vec((steps(1..5), 1_usize..5), 1..30),
    ) {
        let mut desk = Desk::new(size.0, size.1);
        for (steps, cut) in steps {
            for step in &steps {
                desk.take(step, cut);
            }
            desk.draw();
            let check = desk.check();
            prop_assert!(check.is_ok(), "{}", check.unwrap_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// As where the size is unknown, or where a terminal takes characters to be wider than we do: the row's end is cut, and
    /// nothing else happens.
    #[test]
    fn a_row_that_is_wider_than_the_screen_does_not_spill(
        columns in 45_u16..80,
        steps in prop::collection::vec(steps(1..5), 1..20),
    ) {
        let mut desk = Desk::new(24, columns);
        desk.terminal.set_columns(80);
        for steps in steps {
            for step in steps.iter().filter(|step| !matches!(step, Step::Resize(..))) {
                desk.take(step, 1000);
            }
            desk.draw();
            let check = desk.person.above_is_right(&desk.screen, PROMPT);
            prop_assert!(check.is_ok(), "{}", check.unwrap_err());
        }
    }
}

#[test]
fn a_slow_screen_gets_the_row_as_it_is_now_and_all_messages() {
    let mut desk = Desk::new(24, 80);
    desk.draw();
    let drawn = desk.screen.received;
    for _ in 0..1000 {
        desk.take(&Step::Type("a"), 1);
        desk.take(&Step::Hear(vec!["hi"]), 1);
    }
    desk.draw();
    assert_eq!(desk.check(), Ok(()));
    let drawn = desk.screen.received - drawn;
    assert!(drawn < 30_000, "{drawn} bytes for 1000 messages and keys");
}
