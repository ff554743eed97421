//! What a browser may send once it has joined, and how its WebSocket ends.

use super::*;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

#[test]
fn a_message_in_parts_is_one_line_and_a_ping_in_between_is_answered() {
    let hub = Hub::start(&[]);
    let ann = netcat(&hub, "ann");
    let mut bob = Browser::joins(&hub, "bob");
    bob.sends_part("hel", true, false);
    bob.sends(Message::Ping("now".into()));
    bob.sends_part("", false, false);
    // A part may end within a character.
    bob.sends_part(b"lo \xe2\x82".to_vec(), false, false);
    bob.sends_part(b"\xac".to_vec(), false, true);
    while bob.0.read().unwrap() != Message::Pong("now".into()) {}
    reads_until(&ann, "] <bob> hello €");
    bob.hears_said("] <bob> hello €");
}

#[test]
fn a_message_with_newlines_is_several_lines_and_an_empty_one_is_none() {
    let hub = Hub::start(&[]);
    let ann = netcat(&hub, "ann");
    let mut bob = Browser::joins(&hub, "bob");
    for text in ["", "one\ntwo\r\nthree", "", "four\n"] {
        bob.says(text);
    }
    for line in ["one", "two", "three", "four"] {
        let said = read_line(&ann);
        // Only that bob has joined may come before.
        let said = if said.ends_with("bob joined") { read_line(&ann) } else { said };
        assert_eq!(text(&said), format!("<bob> {line}"));
    }
    bob.says("/me waves\n88");
    assert_eq!(bob.closed().0, 1000);
    reads_until(&ann, "] * <bob> waves");
}

#[test]
fn what_breaks_the_rules_ends_the_conversation_with_the_code_for_it() {
    let hub = Hub::start(&[]);
    let mut ann = netcat(&hub, "ann");
    let frame = |opcode, payload: &[u8]| {
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        Frame::from_payload(header, payload.to_vec().into())
    };
    let text = OpCode::Data(Data::Text);
    for (what, frame, code) in [
        ("not UTF-8", frame(text, b"a\xffb"), 1007),
        ("half a character", frame(text, b"\xe2\x82"), 1007),
        ("half of a surrogate pair", frame(text, b"\xed\xa0\x80"), 1007),
        ("a huge message", frame(text, &vec![b'x'; 1024 * 1024 + 1]), 1009),
        ("a long question", frame(OpCode::Data(Data::Binary), &[b'x'; 100]), 1009),
        ("nothing to continue", frame(OpCode::Data(Data::Continue), b"x"), 1002),
        ("a reserved kind", frame(OpCode::Data(Data::Reserved(3)), b"x"), 1002),
        ("a reserved kind of control", frame(OpCode::Control(Control::Reserved(11)), b""), 1002),
        ("a long ping", frame(OpCode::Control(Control::Ping), &[0; 126]), 1002),
        ("a code that nobody sends", frame(OpCode::Control(Control::Close), &1005u16.to_be_bytes()), 1002),
    ] {
        let mut eve = Browser::joins(&hub, "eve");
        eve.says("before");
        // The hub may close before it has read all of it.
        let _ = eve.0.send(Message::Frame(frame));
        assert_eq!(eve.closed().0, code, "{what}");
        reads_until(&ann, "* eve was disconnected: it broke the rules of WebSocket");
    }
    // Without a mask.
    let mut eve = Browser::joins(&hub, "eve");
    eve.0.get_mut().write_all(b"\x81\x02hi").unwrap();
    assert_eq!(eve.closed().0, 1002);
    ann.write_all(b"88\n").unwrap();
    assert!(!rest(ann).contains("hi"));
}

#[test]
fn what_was_said_before_the_rules_were_broken_is_said() {
    let hub = Hub::start(&[]);
    let ann = netcat(&hub, "ann");
    let mut eve = Browser::joins(&hub, "eve");
    eve.0.write(Message::text("before")).unwrap();
    eve.0.write(Message::Frame(Frame::message(&b"\xff"[..], OpCode::Data(Data::Text), true))).unwrap();
    eve.0.flush().unwrap();
    reads_until(&ann, "] <eve> before");
    reads_until(&ann, "* eve was disconnected: it broke the rules of WebSocket");
    assert_eq!(eve.closed().0, 1007);
}

#[test]
fn a_message_of_one_mebibyte_arrives() {
    let hub = Hub::start(&["--max-line", "1048576"]);
    let ann = netcat(&hub, "ann");
    let mut bob = Browser::joins(&hub, "bob");
    // With its stamp and the name it must fit into a line.
    let long = "x".repeat(1024 * 1024 - 100);
    bob.says(&long);
    reads_until(&ann, &format!("] <bob> {long}"));
}

#[test]
fn a_browser_that_closes_has_left() {
    let hub = Hub::start(&[]);
    let ann = netcat(&hub, "ann");
    let mut bob = Browser::joins(&hub, "bob");
    bob.0.write(Message::text("last words")).unwrap();
    bob.0.close(Some(CloseFrame { code: CloseCode::Away, reason: "the tab is closed".into() })).unwrap();
    reads_until(&ann, "] <bob> last words");
    reads_until(&ann, "* bob left");
    // The hub answers with a code of its own, or with the same.
    assert!(matches!(bob.closed().0, 1000 | 1001));
    let carl = Browser::joins(&hub, "carl");
    drop(carl);
    // What it has not read resets the connection, and then that is said.
    while !read_line(&ann).contains("] * carl l") {}
}

#[test]
fn each_end_has_a_code_of_its_own() {
    let mut hub = Hub::start(&[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Browser::joins(&hub, name));
    hub.program.types("/kick ann\n");
    let (code, reason) = ann.closed();
    assert_eq!(code, 4000);
    assert!(reason.starts_with("you were "), "{reason}");
    hub.program.types("88\n");
    assert_eq!(bob.closed().0, 1001);
    hub.program.exits(0);
}

#[test]
fn questions_are_answered() {
    let hub = Hub::start(&[]);
    let _ann = netcat(&hub, "ann");
    let mut bob = Browser::joins(&hub, "bob");
    for (question, answer) in
        [("alive", "alive "), ("who", "who 3 bob\nann\n"), ("rooms", "rooms 1 lobby 3\n")]
    {
        bob.sends(Message::binary(question));
        let found = bob.hears_until(question);
        assert!(found.starts_with(answer), "{found}");
    }
    bob.sends(Message::binary("what"));
    bob.sends(Message::binary("alive"));
    assert_eq!(bob.hears(), "alive ");
}
