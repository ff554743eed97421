use exercises::goodbye::{Heard, Receiver};

/// What is heard when reads return these pieces.
fn hear(reads: &[&str]) -> Vec<Heard> {
    let mut receiver = Receiver::default();
    let mut heard: Vec<_> = reads.iter().flat_map(|read| receiver.receive(read.as_bytes())).collect();
    heard.extend(receiver.end());
    heard
}

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

#[test]
fn goodbye_glued_to_messages_is_heard() {
    assert_eq!(hear(&["one\ntwo\n88"]), [text("one"), text("two"), Heard::Goodbye]);
}

#[test]
fn goodbye_in_two_reads_is_heard() {
    assert_eq!(hear(&["one\n8", "8"]), [text("one"), Heard::Goodbye]);
}

#[test]
fn goodbye_is_no_part_of_a_text() {
    assert_eq!(hear(&["born in 19", "88\n"]), [text("born in 1988")]);
}
