//! Bytes from the keyboard to keys.
//!
//! The keys are the same however the bytes are cut into reads, and no clock is needed: Esc is the Meta prefix, as in
//! readline. Escape sequences that mean nothing here (a mouse, a late answer of the terminal) are swallowed whole.

use super::foreign;
use std::mem;

/// The longest escape sequence; what follows a longer one is text again.
const MAX_SEQUENCE: usize = 64;
/// The longest string (OSC, DCS, APC) that is swallowed. A longer one was not sent by a terminal, and is typed text.
const MAX_STRING: usize = 4096;
/// What ends a bracketed paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// The number of interrupt keys in a row that end a paste, if the terminal does not send its end.
const INTERRUPTS: usize = 3;
const CTRL_C: u8 = 0x03;
const CTRL_Q: u8 = 0x11;
const CTRL_U: u8 = 0x15;
const CTRL_V: u8 = 0x16;
const CTRL_X: u8 = 0x18;

/// Keys with the same meaning are the same: Up is Ctrl-P, and Alt-Right is Meta-F.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Characters that were typed one after another, or pasted where the terminal does not bracket a paste.
    Text(String),
    /// Characters of a bracketed paste, control characters included; a newline for each end of a line.
    Pasted(String),
    Enter,
    Backspace,
    Delete,
    Control(char),
    Meta(char),
    Resized,
}

/// The decoder.
#[derive(Debug, Default)]
pub(super) struct Keys {
    state: State,
    /// The beginning of a character in UTF-8.
    unfinished: Vec<u8>,
    /// How many of the last bytes were the interrupt key.
    interrupts: usize,
    /// The last byte was a carriage return: a newline after it belongs to the same line end.
    returned: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    /// After Ctrl-Q or Ctrl-V: the next character is text, whatever it is.
    Quoted,
    /// After Ctrl-X.
    Prefix,
    Escape {
        meta: bool,
    },
    /// After `ESC [` or `ESC O`, which is `introducer`.
    Sequence {
        introducer: u8,
        meta: bool,
        bytes: Vec<u8>,
    },
    /// The number of characters left of a sequence that has no end of its own.
    Skip(usize),
    /// After `ESC ]`, `ESC P` or `ESC _`. The bytes are typed if it turns out not to be a string.
    String {
        introducer: u8,
        bytes: Vec<u8>,
        escape: bool,
    },
    /// In a bracketed paste: how many bytes of [`PASTE_END`] have been read.
    Paste(usize),
}

impl Keys {
    /// What these bytes complete.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for &byte in bytes {
            let returned = mem::replace(&mut self.returned, byte == b'\r');
            self.interrupts = if byte == CTRL_C { self.interrupts % INTERRUPTS + 1 } else { 0 };
            if !(returned && byte == b'\n') {
                self.take(byte, &mut keys);
            }
        }
        keys
    }

    /// Whether the last bytes are the beginning of a character, which is not text yet.
    pub(super) fn has_unfinished_text(&self) -> bool {
        !self.unfinished.is_empty()
    }

    fn take(&mut self, byte: u8, keys: &mut Vec<Key>) {
        match mem::take(&mut self.state) {
            State::Ground => self.ground(byte, keys),
            State::Quoted if matches!(byte, b'\r' | b'\n') => self.ground(byte, keys),
            State::Quoted => self.text(byte, false, keys),
            State::Prefix if byte == CTRL_U => keys.push(Key::Control('_')),
            State::Prefix => self.ground(byte, keys),
            State::Escape { meta } => self.escape(byte, meta, keys),
            State::Sequence { introducer, meta, bytes } => {
                self.sequence(byte, introducer, meta, bytes, keys);
            }
            State::Skip(_) if byte < b' ' => self.ground(byte, keys),
            State::Skip(1) => {}
            State::Skip(count) => self.state = State::Skip(count - 1),
            State::String { introducer, bytes, escape } => {
                self.string(byte, introducer, bytes, escape, keys);
            }
            State::Paste(matched) => self.paste(byte, matched, keys),
        }
    }

    fn ground(&mut self, byte: u8, keys: &mut Vec<Key>) {
        if matches!(byte, b' '..=b'~' | 0x80..) {
            return self.text(byte, false, keys);
        }
        self.end_text(false, keys);
        match byte {
            b'\x1b' => self.state = State::Escape { meta: false },
            b'\r' | b'\n' => keys.push(Key::Enter),
            b'\x08' | b'\x7f' => keys.push(Key::Backspace),
            CTRL_Q | CTRL_V => self.state = State::Quoted,
            CTRL_X => self.state = State::Prefix,
            // The control character of a letter is 64 places away from it.
            _ => keys.push(Key::Control(char::from(byte ^ 0x40).to_ascii_lowercase())),
        }
    }

    fn escape(&mut self, byte: u8, meta: bool, keys: &mut Vec<Key>) {
        match byte {
            // rxvt sends `ESC ESC [ D` for Alt-Left.
            b'\x1b' => self.state = State::Escape { meta: true },
            b'[' | b'O' => self.state = State::Sequence { introducer: byte, meta, bytes: Vec::new() },
            b']' | b'P' | b'_' => {
                self.state = State::String { introducer: byte, bytes: Vec::new(), escape: false };
            }
            b'\x08' | b'\x7f' => keys.push(Key::Meta('\x7f')),
            b' '..=b'~' => keys.push(Key::Meta(char::from(byte))),
            _ => self.ground(byte, keys),
        }
    }

    fn sequence(&mut self, byte: u8, introducer: u8, meta: bool, mut bytes: Vec<u8>, keys: &mut Vec<Key>) {
        match byte {
            // The function keys of the Linux console, and the coordinates of an old mouse.
            b'[' if introducer == b'[' && bytes.is_empty() => self.state = State::Skip(1),
            b'M' if introducer == b'[' && bytes.is_empty() => self.state = State::Skip(3),
            // A shifted key of rxvt.
            b'$' if bytes.iter().all(u8::is_ascii_digit) => {}
            b' '..=b'?' if bytes.len() < MAX_SEQUENCE => {
                bytes.push(byte);
                self.state = State::Sequence { introducer, meta, bytes };
            }
            b' '..=b'?' => {}
            b'@'..=b'~' if introducer == b'[' && byte == b'~' && bytes == b"200" => {
                self.state = State::Paste(0);
            }
            b'@'..=b'~' => keys.extend(named(introducer, &bytes, byte, meta)),
            _ => self.ground(byte, keys),
        }
    }

    fn string(&mut self, byte: u8, introducer: u8, mut bytes: Vec<u8>, escape: bool, keys: &mut Vec<Key>) {
        // Otherwise it is Alt-], Alt-P or Alt-_.
        let begins = match introducer {
            b']' => byte.is_ascii_digit(),
            b'P' => byte.is_ascii_digit() || b"!$+>".contains(&byte),
            // Pictures of kitty are the only such answers of terminals.
            _ => byte == b'G',
        };
        match byte {
            b'\x07' => {}
            b'\\' if escape => {}
            b'\x1b' if !escape => self.state = State::String { introducer, bytes, escape: true },
            b' '..=b'~' | 0x80.. if !escape && bytes.len() < MAX_STRING && (begins || !bytes.is_empty()) => {
                bytes.push(byte);
                self.state = State::String { introducer, bytes, escape: false };
            }
            _ => {
                bytes.iter().for_each(|&byte| self.ground(byte, keys));
                if escape {
                    self.ground(b'\x1b', keys);
                }
                self.take(byte, keys);
            }
        }
    }

    fn paste(&mut self, byte: u8, matched: usize, keys: &mut Vec<Key>) {
        if byte == PASTE_END[matched] {
            self.end_text(true, keys);
            if matched + 1 < PASTE_END.len() {
                self.state = State::Paste(matched + 1);
            }
            return;
        }
        self.state = State::Paste(0);
        for &byte in &PASTE_END[..matched] {
            self.text(byte, true, keys);
        }
        match byte {
            b'\x1b' if matched > 0 => self.paste(byte, 0, keys),
            CTRL_C if self.interrupts == INTERRUPTS => {
                self.end_text(true, keys);
                self.state = State::Ground;
                keys.push(Key::Control('c'));
            }
            b'\r' => self.text(b'\n', true, keys),
            _ => self.text(byte, true, keys),
        }
    }

    /// Adds a byte of text, and with it the characters that it finishes.
    fn text(&mut self, byte: u8, pasted: bool, keys: &mut Vec<Key>) {
        if byte.is_ascii() {
            self.end_text(pasted, keys);
            return add(char::from(byte).encode_utf8(&mut [0; 4]), pasted, keys);
        }
        self.unfinished.push(byte);
        while let Some(length) = finished(&self.unfinished) {
            let character: Vec<u8> = self.unfinished.drain(..length).collect();
            add(&foreign::to_text(&character), pasted, keys);
        }
    }

    /// The character that has begun goes no further, and so is not UTF-8.
    fn end_text(&mut self, pasted: bool, keys: &mut Vec<Key>) {
        if !self.unfinished.is_empty() {
            add(&foreign::to_text(&mem::take(&mut self.unfinished)), pasted, keys);
        }
    }
}

/// How many of these bytes are a whole character, or can never become one.
fn finished(bytes: &[u8]) -> Option<usize> {
    match str::from_utf8(bytes) {
        Ok(text) => text.chars().next().map(char::len_utf8),
        Err(error) => error.error_len(),
    }
}

fn add(text: &str, pasted: bool, keys: &mut Vec<Key>) {
    match keys.last_mut() {
        Some(Key::Text(run)) if !pasted => run.push_str(text),
        Some(Key::Pasted(run)) if pasted => run.push_str(text),
        _ => keys.push(if pasted { Key::Pasted(text.to_owned()) } else { Key::Text(text.to_owned()) }),
    }
}

/// The key of a sequence with these parameters and this last byte. xterm, the Linux console, rxvt and tmux differ.
fn named(introducer: u8, parameters: &[u8], last: u8, meta: bool) -> Option<Key> {
    let parameters = str::from_utf8(parameters).ok()?;
    let numbers: Vec<u32> = match parameters {
        "" => Vec::new(),
        _ => parameters.split(';').map(str::parse).collect::<Result<_, _>>().ok()?,
    };
    // `1;5` and the older `5` say Ctrl; 2 is Shift, which changes nothing.
    let modifiers = numbers.last().map_or(0, |number| number.saturating_sub(1));
    let lower_with_control = introducer == b'O' && last.is_ascii_lowercase();
    let by_word = meta || modifiers & !1 != 0 || lower_with_control;
    let word_or = |word, character| Some(if by_word { Key::Meta(word) } else { Key::Control(character) });
    match last {
        b'A' | b'a' => Some(Key::Control('p')),
        b'B' | b'b' => Some(Key::Control('n')),
        b'C' | b'c' => word_or('f', 'f'),
        b'D' | b'd' => word_or('b', 'b'),
        b'H' => Some(Key::Control('a')),
        b'F' => Some(Key::Control('e')),
        b'M' if introducer == b'O' => Some(Key::Enter),
        b't' if introducer == b'[' && numbers.first() == Some(&48) => Some(Key::Resized),
        b'~' | b'^' | b'@' => match (numbers.first()?, numbers.len()) {
            (1 | 7, _) => Some(Key::Control('a')),
            (4 | 8, _) => Some(Key::Control('e')),
            (3, 1) if last == b'~' && !meta => Some(Key::Delete),
            (3, _) => Some(if modifiers == 1 { Key::Delete } else { Key::Meta('d') }),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of these bytes in two reads, at whatever place they are cut.
    #[track_caller]
    fn assert_keys(bytes: &[u8], expected: &[Key]) {
        for cut in 0..=bytes.len() {
            let mut keys = Keys::default();
            let mut decoded = keys.decode(&bytes[..cut]);
            for key in keys.decode(&bytes[cut..]) {
                match (decoded.last_mut(), key) {
                    (Some(Key::Text(run)), Key::Text(more)) | (Some(Key::Pasted(run)), Key::Pasted(more)) => {
                        run.push_str(&more);
                    }
                    (_, key) => decoded.push(key),
                }
            }
            let shown = String::from_utf8_lossy(bytes).escape_debug().to_string();
            assert_eq!(decoded, expected, "{shown} cut at {cut}");
        }
    }

    fn text(text: &str) -> Key {
        Key::Text(text.to_owned())
    }

    fn pasted(text: &str) -> Key {
        Key::Pasted(text.to_owned())
    }

    #[test]
    fn the_keys_of_every_terminal_are_known() {
        for (sequences, key) in [
            // xterm, also with application cursor keys; tmux and the Linux console; rxvt.
            ("[A OA [1;5A Oa", Key::Control('p')),
            ("[B OB [1;2B [b", Key::Control('n')),
            ("[C OC [1;2C [c", Key::Control('f')),
            ("[D OD [d", Key::Control('b')),
            ("[H OH [1~ [7~ [1;5H [7^ [7@", Key::Control('a')),
            ("[F OF [4~ [8~ [1;2F [8^", Key::Control('e')),
            ("[3~ [3;2~", Key::Delete),
            ("[3;5~ [3;3~ [3^ \x1b[3~ d", Key::Meta('d')),
            ("[1;5C [1;3C [5C O5C Oc \x1b[C f", Key::Meta('f')),
            ("[1;5D [1;9D Od \x1bOD b", Key::Meta('b')),
            ("\x7f \x08 \x1b\x7f", Key::Meta('\x7f')),
            ("OM \r", Key::Enter),
            ("[48t [48;24;80;0;0t", Key::Resized),
        ] {
            for sequence in sequences.split(' ') {
                assert_keys(format!("\x1b{sequence}x").as_bytes(), &[key.clone(), text("x")]);
            }
        }
        assert_keys(
            b"\x01\x7f\x08\x1f\x18\x15\x1c\r\n\n\t",
            &[
                Key::Control('a'),
                Key::Backspace,
                Key::Backspace,
                Key::Control('_'),
                Key::Control('_'),
                Key::Control('\\'),
                Key::Enter,
                Key::Enter,
                Key::Control('i'),
            ],
        );
    }

    #[test]
    fn what_means_nothing_is_swallowed_whole_and_what_surrounds_it_is_not() {
        for sequence in [
            "[2J",
            "[2;1R",
            "[5~",
            "[2~",
            "[Z",
            "[I",
            "[O",
            "[?1;2c",
            "[>0;276;0c",
            "[?2026;2$y",
            "[4;1$y",
            "[3$",
            "[[A",
            "[M !!",
            "[M\u{20ac}",
            "[<0;10;20M",
            "[<0;10;20m",
            "[27;5;13~",
            "[97;5u",
            "[8;24;80t",
            "[201~",
            "OP",
            "Oj",
            "]11;rgb:0000/0000/0000\x07",
            "]11;rgb:ffff/ffff/ffff\x1b\\",
            "P>|XTerm(379)\x1b\\",
            "P1$r0m\x1b\\",
            "_Gi=31;OK\x1b\\",
        ] {
            assert_keys(format!("a\x1b{sequence}b").as_bytes(), &[text("ab")]);
        }
    }

    #[test]
    fn a_sequence_that_never_ends_swallows_little() {
        assert_keys(b"\x1b[1;\rb", &[Key::Enter, text("b")]);
        assert_keys(b"\x1b[1;\x1b[Ab", &[Key::Control('p'), text("b")]);
        assert_keys("\x1b[é".as_bytes(), &[text("é")]);
        assert_keys("\x1bé".as_bytes(), &[text("é")]);
        assert_keys(b"\x1b\x1b\x1b\x03", &[Key::Control('c')]);
        // Alt-] and Alt-P begin no string of a terminal.
        assert_keys(b"\x1b]hi\x1bPho", &[text("hiho")]);
        assert_keys(b"\x1b_hello\r", &[text("hello"), Key::Enter]);
        assert_keys(b"\x1b_he", &[text("he")]);
        assert_keys(b"\x1b]5 apples\x1b[D", &[text("5 apples"), Key::Control('b')]);
        let long = "1".repeat(MAX_STRING + 10);
        let mut keys = Keys::default();
        assert_eq!(keys.decode(format!("\x1b]{long}").as_bytes()), [text(&long)]);
        assert_eq!(keys.decode(format!("\x1b[{long}").as_bytes()), [text(&long[MAX_SEQUENCE + 1..])]);
    }

    #[test]
    fn a_paste_is_text_whatever_is_in_it() {
        assert_keys(
            b"\x1b[200~a\x1b[2J\t\x03\x1b[201~b\x03",
            &[pasted("a\x1b[2J\t\x03"), text("b"), Key::Control('c')],
        );
        assert_keys(b"\x1b[200~a\rb\nc\r\n\x1b\x1b[20\x1b[201~", &[pasted("a\nb\nc\n\x1b\x1b[20")]);
        assert_keys(b"\x1b[200~a\x1b[20\x1b[201~", &[pasted("a\x1b[20")]);
        assert_keys(b"\x1b[200~caf\xe9\x1b[201~", &[pasted("caf\u{10ffe9}")]);
    }

    #[test]
    fn a_quoted_key_is_text() {
        assert_keys(b"\x11\x1b[A\x16\x16\x11\x03", &[text("\x1b[A\x16\x03")]);
        assert_keys(b"\x16\r", &[Key::Enter]);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_kept() {
        assert_keys(b"caf\xe9 x", &[text("caf\u{10ffe9} x")]);
        assert_keys("ü漢👩".as_bytes(), &[text("ü漢👩")]);
        assert_keys(
            b"\xe2\x82\r\xf0\x9f\x1b[A\xc3\xc3\xa9",
            &[
                text("\u{10ffe2}\u{10ff82}"),
                Key::Enter,
                text("\u{10fff0}\u{10ff9f}"),
                Key::Control('p'),
                text("\u{10ffc3}é"),
            ],
        );
    }
}
