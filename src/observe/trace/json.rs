//! Writes the events of a trace as JSON.

/// The key of a value, as it stands in the file.
macro_rules! key {
    ($name:literal) => {
        concat!("\"", $name, "\":")
    };
}
pub(super) use key;

/// Events that are not in the file yet, the last of which is being written.
///
/// Written by hand because a general serializer takes three times as long, and the trace-writer competes with the
/// threads it records for processors. Without `inline` it takes a third more.
#[derive(Default)]
pub(super) struct Json {
    text: Vec<u8>,
    numbers: itoa::Buffer,
}

impl Json {
    /// Begins an event. `ph` is its phase, which says what kind of event it is.
    #[inline]
    pub(super) fn begin(&mut self, name: &'static str, ph: &'static str, pid: u32, tid: u32) -> &mut Self {
        self.text.push(b'{');
        self.word(key!("name"), name).word(key!("ph"), ph);
        self.number(key!("pid"), pid.into()).number(key!("tid"), tid.into())
    }

    /// `word` must need no escapes.
    #[inline]
    pub(super) fn word(&mut self, key: &'static str, word: &str) -> &mut Self {
        self.text.extend_from_slice(key.as_bytes());
        self.text.push(b'"');
        self.text.extend_from_slice(word.as_bytes());
        self.text.extend_from_slice(b"\",");
        self
    }

    #[inline]
    pub(super) fn number(&mut self, key: &'static str, number: u64) -> &mut Self {
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(self.numbers.format(number).as_bytes());
        self.text.push(b',');
        self
    }

    /// A time, which the format wants in microseconds.
    #[inline]
    pub(super) fn micros(&mut self, key: &'static str, nanos: u64) -> &mut Self {
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(self.numbers.format(nanos / 1000).as_bytes());
        let fraction = nanos % 1000;
        let digit = |power: u64| b'0' + (fraction / power % 10) as u8;
        self.text.extend_from_slice(&[b'.', digit(100), digit(10), digit(1), b',']);
        self
    }

    /// The id of a flow.
    #[inline]
    pub(super) fn id(&mut self, id: u64) -> &mut Self {
        self.text.extend_from_slice(b"\"id\":\"0x");
        let digit = |at: u32| b"0123456789abcdef"[(id >> (60 - 4 * at) & 15) as usize];
        self.text.extend((0..16).map(digit));
        self.text.extend_from_slice(b"\",");
        self
    }

    /// Any text.
    pub(super) fn string(&mut self, key: &'static str, text: &str) -> &mut Self {
        self.text.extend_from_slice(key.as_bytes());
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.text, text);
        self.text.push(b',');
        self
    }

    /// Opens an object, to which everything belongs until it is [closed](Self::close).
    #[inline]
    pub(super) fn open(&mut self, key: &'static str) -> &mut Self {
        self.text.extend_from_slice(key.as_bytes());
        self.text.push(b'{');
        self
    }

    #[inline]
    pub(super) fn close(&mut self) -> &mut Self {
        self.text.pop_if(|last| *last == b',');
        self.text.extend_from_slice(b"},");
        self
    }

    /// Ends an event, which is a line of its own.
    #[inline]
    pub(super) fn end(&mut self) {
        self.close().text.push(b'\n');
    }

    /// Ends the last event, which has no comma behind it.
    pub(super) fn end_list(&mut self) {
        self.close().text.pop_if(|last| *last == b',');
        self.text.extend_from_slice(b"\n]\n");
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_of_json() {
        let mut json = Json::default();
        json.begin("tells", "X", 1, 2).micros(key!("ts"), 1_002_003).id(0x00ab_0000_0000_0001);
        json.open(key!("args"))
            .string(key!("text"), "\"88\"\n")
            .number(key!("count"), 9)
            .open(key!("typed"))
            .close()
            .close();
        json.end();
        let line = String::from_utf8_lossy(json.text());
        assert_eq!(
            line,
            "{\"name\":\"tells\",\"ph\":\"X\",\"pid\":1,\"tid\":2,\"ts\":1002.003,\"id\":\"0x00ab000000000001\",\
             \"args\":{\"text\":\"\\\"88\\\"\\n\",\"count\":9,\"typed\":{}}},\n"
        );
    }
}
