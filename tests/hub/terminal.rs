//! The operator at a terminal.

use super::*;

/// A hub at a terminal, and its port.
fn hub_at_terminal(args: &[&str]) -> (Program, u16) {
    let hub = Program::start_at_terminal(&[&["hub", "0"], args].concat());
    let shown = hub.out.wait_for("listening on 127.0.0.1:");
    let digits = shown.split("listening on 127.0.0.1:").nth(1).unwrap();
    let port = digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    (hub, port)
}

#[test]
fn the_operator_sees_the_chat_is_heard_and_leaves_with_88() {
    let (mut hub, port) = hub_at_terminal(&["--plain"]);
    let mut bob = Client::joins_as(port, "bob");
    bob.sends(b"\x1b[31mred\n");
    hub.out.wait_for("bob  ^[[31mred\r\n");
    hub.types("hello\n");
    bob.hears("<@operator> hello");
    hub.types("88\n");
    bob.hears_88();
    hub.exits(0);
}

#[test]
fn the_end_of_input_key_says_88() {
    let (mut hub, port) = hub_at_terminal(&["--plain"]);
    let bob = Client::joins(port);
    hub.types("hello\n\x04");
    assert!(bob.hears_88().contains(&"<@operator> hello".to_owned()));
    hub.exits(0);
}

#[cfg(line_editor)]
#[test]
fn lines_typed_in_the_line_editor_are_sent() {
    let (mut hub, port) = hub_at_terminal(&[]);
    let mut bob = Client::joins_as(port, "bob");
    bob.says("hello");
    hub.out.wait_until("what bob says", |seen| String::from_utf8_lossy(seen).contains("bob  hello"));
    hub.types("hi, bob\r");
    bob.hears("<@operator> hi, bob");
    hub.types("88\r");
    bob.hears_88();
    hub.exits(0);
}
