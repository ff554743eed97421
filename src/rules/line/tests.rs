//! What a user sees of the keys: each is sent as terminals send it.

use super::*;

pub(super) const NAMES: [&str; 4] = ["bob", "ann", "Annette", "漢字"];
pub(super) const COMMANDS: [&str; 4] = ["/who", "/msg", "/me", "/help"];

pub(super) fn press(line: &mut Line, bytes: &[u8]) -> Vec<Command> {
    line.handle(bytes, &Candidates { commands: &COMMANDS, names: NAMES.to_vec() })
}

/// A line after these keys, with `|` for the cursor.
fn after(keys: &str) -> String {
    let mut line = Line::new(Vec::new());
    press(&mut line, keys.as_bytes());
    shown(&line)
}

fn shown(line: &Line) -> String {
    let Row { before, after, .. } = line.row("", 1000);
    format!("{before}|{after}")
}

fn enter(text: &str) -> Command {
    Command::Enter(text.as_bytes().to_vec())
}

#[test]
fn a_typed_line_is_entered() {
    let mut line = Line::new(Vec::new());
    assert_eq!(press(&mut line, b"hello\r\rworld\r"), [enter("hello"), enter("world")]);
    assert_eq!(line.text(), "");
}

#[test]
fn keys_edit_the_line() {
    for (keys, expected) in [
        ("hello wrld\x1b[D\x1b[D\x1b[Do", "hello wo|rld"),
        ("ab\x7fc\x08d", "ad|"),
        ("one two\x17", "one |"),
        ("one two\x01\x1bd\x05\x19", " twoone|"),
        ("one two three\x15\x19\x19", "one two threeone two three|"),
        ("ab\x01\x0b\x15x\x19", "xab|"),
        ("ab\x14", "ba|"),
        ("one two\x1bt", "two one|"),
        ("one two\x01\x1bu\x1bc", "ONE Two|"),
        ("one\x01\x04\x1b[3~", "|e"),
        ("one \x1b[D\x1f", "|"),
    ] {
        assert_eq!(after(keys), expected, "{keys:?}");
    }
}
