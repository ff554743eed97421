//! One event of the file.

/// The key of a value, as it stands in the file.
macro_rules! key {
    ($name:literal) => {
        concat!("\"", $name, "\":")
    };
}
pub(super) use key;

/// An event as it is being written. Written by hand, because a general serializer took three times as long, and the trace
/// is written by a thread that the others have to share their processors with.
#[derive(Default)]
pub(super) struct Event {
    json: Vec<u8>,
    numbers: itoa::Buffer,
}

impl Event {
    /// Begins one. `ph` is its phase: what kind of event it is.
    pub(super) fn begin(&mut self, name: &'static str, ph: &'static str, pid: u32, tid: u32) -> &mut Self {
        self.json.clear();
        self.json.push(b'{');
        self.word(key!("name"), name).word(key!("ph"), ph);
        self.number(key!("pid"), pid.into()).number(key!("tid"), tid.into())
    }

    /// A word that needs no escapes.
    pub(super) fn word(&mut self, key: &'static str, word: &'static str) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.push(b'"');
        self.json.extend_from_slice(word.as_bytes());
        self.json.extend_from_slice(b"\",");
        self
    }

    pub(super) fn number(&mut self, key: &'static str, number: u64) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.extend_from_slice(self.numbers.format(number).as_bytes());
        self.json.push(b',');
        self
    }

    /// A time in nanoseconds, in the unit of the format.
    pub(super) fn micros(&mut self, key: &'static str, nanos: u64) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.extend_from_slice(self.numbers.format(nanos / 1000).as_bytes());
        let fraction = nanos % 1000;
        let digit = |power: u64| b'0' + (fraction / power % 10) as u8;
        self.json.extend_from_slice(&[b'.', digit(100), digit(10), digit(1), b',']);
        self
    }

    /// 64 bits as the format wants the numbers of arrows.
    pub(super) fn id(&mut self, id: u64) -> &mut Self {
        self.json.extend_from_slice(b"\"id\":\"0x");
        let digit = |at: u32| b"0123456789abcdef"[(id >> (60 - 4 * at) & 15) as usize];
        self.json.extend((0..16).map(digit));
        self.json.extend_from_slice(b"\",");
        self
    }

    /// Any text.
    pub(super) fn text(&mut self, key: &'static str, text: &str) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.json, text);
        self.json.push(b',');
        self
    }

    /// What follows belongs to this, until it is [closed](Self::close).
    pub(super) fn open(&mut self, key: &'static str) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.push(b'{');
        self
    }

    pub(super) fn close(&mut self) -> &mut Self {
        // There is no comma behind the last one.
        self.json.pop_if(|last| *last == b',');
        self.json.extend_from_slice(b"},");
        self
    }

    /// The whole line.
    pub(super) fn end(&mut self) -> &[u8] {
        self.close().json.push(b'\n');
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_of_json() {
        let mut event = Event::default();
        event.begin("tells", "X", 1, 2).micros(key!("ts"), 1_002_003).id(0x00ab_0000_0000_0001);
        event
            .open(key!("args"))
            .text(key!("text"), "\"88\"\n")
            .number(key!("count"), 9)
            .open(key!("typed"))
            .close()
            .close();
        let line = String::from_utf8_lossy(event.end()).into_owned();
        assert_eq!(
            line,
            "{\"name\":\"tells\",\"ph\":\"X\",\"pid\":1,\"tid\":2,\"ts\":1002.003,\"id\":\"0x00ab000000000001\",\
             \"args\":{\"text\":\"\\\"88\\\"\\n\",\"count\":9,\"typed\":{}}},\n"
        );
    }
}
