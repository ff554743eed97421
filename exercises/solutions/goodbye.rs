//! Messages out of bytes. A message ends with a newline, and the goodbye is the message `88`, or the two bytes `88` at the end.

/// What the other side said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Goodbye,
}

/// Turns what reads return into messages. What has no newline yet waits here. (A peer that never sends one fills the memory:
/// `src/rules/wire/framer.rs` of threadchat has a bound.)
#[derive(Debug, Default)]
pub struct Receiver {
    rest: Vec<u8>,
}

impl Receiver {
    /// A read returned these bytes.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.rest.extend_from_slice(bytes);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        whole.split_inclusive(|byte| *byte == b'\n').map(heard).collect()
    }

    /// The other side sends no more.
    pub fn end(&mut self) -> Vec<Heard> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { Vec::new() } else { vec![heard(&rest)] }
    }
}

fn heard(line: &[u8]) -> Heard {
    match line.strip_suffix(b"\n").unwrap_or(line) {
        b"88" => Heard::Goodbye,
        text => Heard::Text(String::from_utf8_lossy(text).into_owned()),
    }
}
