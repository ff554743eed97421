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

/// Keys with the same meaning are the same: Up is Ctrl-P, and Alt-Right is Meta-F.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Characters that were typed one after another, or pasted where the terminal does not bracket a paste.
    Text(String),
    /// Characters of a bracketed paste, control characters included.
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
    /// So many characters belong to a sequence that has no end of its own.
    Skip(usize),
    /// After `ESC ]`, `ESC P` or `ESC _`. The bytes are typed if it turns out not to be a string.
    String {
        introducer: u8,
        bytes: Vec<u8>,
        escape: bool,
    },
    /// In a bracketed paste, with so many bytes of its end.
    Paste(usize),
}

impl Keys {
    /// What these bytes complete.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for &byte in bytes {
            let returned = mem::replace(&mut self.returned, byte == b'\r');
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
            State::Quoted => self.text(byte, Key::Text, keys),
            State::Prefix if byte == control(b'U') => keys.push(Key::Control('_')),
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
        match byte {
            b'\x1b' => {
                self.end_text(Key::Text, keys);
                self.state = State::Escape { meta: false };
            }
            b' '..=b'~' | 0x80.. => self.text(byte, Key::Text, keys),
            _ => {
                self.end_text(Key::Text, keys);
                match byte {
                    b'\r' | b'\n' => keys.push(Key::Enter),
                    b'\x08' | b'\x7f' => keys.push(Key::Backspace),
                    _ if byte == control(b'Q') || byte == control(b'V') => self.state = State::Quoted,
                    _ if byte == control(b'X') => self.state = State::Prefix,
                    _ => keys.push(Key::Control(char::from(control(byte)).to_ascii_lowercase())),
                }
            }
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
        // Otherwise it is Alt-] or Alt-P.
        let begins = match introducer {
            b']' => byte.is_ascii_digit(),
            b'P' => byte.is_ascii_digit() || b"!$+>".contains(&byte),
            _ => true,
        };
        let is_end = byte == b'\x07' || (escape && byte == b'\\');
        if is_end {
        } else if !escape && byte == b'\x1b' {
            self.state = State::String { introducer, bytes, escape: true };
        } else if !escape && matches!(byte, b' '..=b'~' | 0x80..) && bytes.len() < MAX_STRING {
            if bytes.is_empty() && !begins {
                return self.ground(byte, keys);
            }
            bytes.push(byte);
            self.state = State::String { introducer, bytes, escape: false };
        } else {
            bytes.iter().for_each(|&byte| self.ground(byte, keys));
            if escape {
                self.end_text(Key::Text, keys);
                self.escape(byte, false, keys);
            } else {
                self.ground(byte, keys);
            }
        }
    }

    fn paste(&mut self, byte: u8, matched: usize, keys: &mut Vec<Key>) {
        if byte == PASTE_END[matched] {
            self.end_text(Key::Pasted, keys);
            if matched + 1 < PASTE_END.len() {
                self.state = State::Paste(matched + 1);
            }
            return;
        }
        self.state = State::Paste(0);
        for &byte in &PASTE_END[..matched] {
            self.text(byte, Key::Pasted, keys);
        }
        match byte {
            b'\x1b' if matched > 0 => self.paste(byte, 0, keys),
            b'\r' | b'\n' => {
                self.end_text(Key::Pasted, keys);
                keys.push(Key::Enter);
            }
            _ => self.text(byte, Key::Pasted, keys),
        }
    }

    /// Adds a byte of text, and with it the characters that it finishes.
    fn text(&mut self, byte: u8, key: fn(String) -> Key, keys: &mut Vec<Key>) {
        if byte.is_ascii() {
            self.end_text(key, keys);
            return add(&[byte], key, keys);
        }
        self.unfinished.push(byte);
        while let Some(length) = finished(&self.unfinished) {
            add(&self.unfinished[..length], key, keys);
            self.unfinished.drain(..length);
        }
    }

    /// The character that has begun goes no further, and so is not UTF-8.
    fn end_text(&mut self, key: fn(String) -> Key, keys: &mut Vec<Key>) {
        add(&mem::take(&mut self.unfinished), key, keys);
    }
}

/// How many of these bytes are a whole character, or can never become one.
fn finished(bytes: &[u8]) -> Option<usize> {
    match str::from_utf8(bytes) {
        Ok(text) => text.chars().next().map(char::len_utf8),
        Err(error) => error.error_len(),
    }
}

fn add(bytes: &[u8], key: fn(String) -> Key, keys: &mut Vec<Key>) {
    if bytes.is_empty() {
        return;
    }
    let text = foreign::to_text(bytes);
    match (keys.last_mut(), key(String::new())) {
        (Some(Key::Text(run)), Key::Text(_)) | (Some(Key::Pasted(run)), Key::Pasted(_)) => {
            run.push_str(&text);
        }
        _ => keys.push(key(text)),
    }
}

/// The control character of a letter, and back.
const fn control(byte: u8) -> u8 {
    byte ^ 0x40
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
