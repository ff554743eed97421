//! Messages out of bytes. A message ends with a newline, and the goodbye is the message `88`, or the two bytes `88` at the end.

/// What the other side said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Goodbye,
}

/// Turns what reads return into messages.
#[derive(Debug, Default)]
pub struct Receiver {}

impl Receiver {
    /// A read returned these bytes.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Heard> {
        // To do: a read may return half a message, or three.
        match bytes {
            b"88" => vec![Heard::Goodbye],
            _ => vec![Heard::Text(String::from_utf8_lossy(bytes).trim_end().to_owned())],
        }
    }

    /// The other side sends no more.
    pub fn end(&mut self) -> Vec<Heard> {
        Vec::new()
    }
}
