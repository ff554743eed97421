//! The events of the file, as text.

/// The key of a value, as it stands in the file.
macro_rules! key {
    ($name:literal) => {
        concat!("\"", $name, "\":")
    };
}
pub(super) use key;

/// Events that are not in the file yet, the last of which is being written. Written by hand, because a general serializer
/// took three times as long, and the trace is written by a thread that the others have to share their processors with:
/// hence also `inline`, without which a third more is taken.
#[derive(Default)]
pub(super) struct Events {
    json: Vec<u8>,
    numbers: itoa::Buffer,
}

impl Events {
    /// Begins one. `ph` is its phase: what kind of event it is.
    #[inline]
    pub(super) fn begin(&mut self, name: &'static str, ph: &'static str, pid: u32, tid: u32) -> &mut Self {
        self.json.push(b'{');
        self.word(key!("name"), name).word(key!("ph"), ph);
        self.number(key!("pid"), pid.into()).number(key!("tid"), tid.into())
    }

    /// A word that needs no escapes.
    #[inline]
    pub(super) fn word(&mut self, key: &'static str, word: &'static str) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.push(b'"');
        self.json.extend_from_slice(word.as_bytes());
        self.json.extend_from_slice(b"\",");
        self
    }

    #[inline]
    pub(super) fn number(&mut self, key: &'static str, number: u64) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.extend_from_slice(self.numbers.format(number).as_bytes());
        self.json.push(b',');
        self
    }

    /// A time in nanoseconds, in the unit of the format.
    #[inline]
    pub(super) fn micros(&mut self, key: &'static str, nanos: u64) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.extend_from_slice(self.numbers.format(nanos / 1000).as_bytes());
        let fraction = nanos % 1000;
        let digit = |power: u64| b'0' + (fraction / power % 10) as u8;
        self.json.extend_from_slice(&[b'.', digit(100), digit(10), digit(1), b',']);
        self
    }

    /// 64 bits as the format wants the numbers of arrows.
    #[inline]
    pub(super) fn id(&mut self, id: u64) -> &mut Self {
        self.json.extend_from_slice(b"\"id\":\"0x");
        let digit = |at: u32| b"0123456789abcdef"[(id >> (60 - 4 * at) & 15) as usize];
        self.json.extend((0..16).map(digit));
        self.json.extend_from_slice(b"\",");
        self
    }

    /// Any text.
    pub(super) fn string(&mut self, key: &'static str, text: &str) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.json, text);
        self.json.push(b',');
        self
    }

    /// What follows belongs to this, until it is [closed](Self::close).
    #[inline]
    pub(super) fn open(&mut self, key: &'static str) -> &mut Self {
        self.json.extend_from_slice(key.as_bytes());
        self.json.push(b'{');
        self
    }

    #[inline]
    pub(super) fn close(&mut self) -> &mut Self {
        // There is no comma behind the last one.
        self.json.pop_if(|last| *last == b',');
        self.json.extend_from_slice(b"},");
        self
    }

    /// The event is complete: a line of its own.
    #[inline]
    pub(super) fn end(&mut self) {
        self.close().json.push(b'\n');
    }

    /// It is the last, which has no comma behind it.
    pub(super) fn end_list(&mut self) {
        self.close().json.pop_if(|last| *last == b',');
        self.json.extend_from_slice(b"\n]\n");
    }

    /// All of them.
    pub(super) fn text(&self) -> &[u8] {
        &self.json
    }

    /// They are in the file.
    pub(super) fn clear(&mut self) {
        self.json.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_of_json() {
        let mut event = Events::default();
        event.begin("tells", "X", 1, 2).micros(key!("ts"), 1_002_003).id(0x00ab_0000_0000_0001);
        event
            .open(key!("args"))
            .string(key!("text"), "\"88\"\n")
            .number(key!("count"), 9)
            .open(key!("typed"))
            .close()
            .close();
        event.end();
        let line = String::from_utf8_lossy(event.text());
        assert_eq!(
            line,
            "{\"name\":\"tells\",\"ph\":\"X\",\"pid\":1,\"tid\":2,\"ts\":1002.003,\"id\":\"0x00ab000000000001\",\
             \"args\":{\"text\":\"\\\"88\\\"\\n\",\"count\":9,\"typed\":{}}},\n"
        );
    }
}
