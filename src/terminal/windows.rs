//! The Windows console, used like a terminal: keys are read as the bytes that a terminal sends, and frames are written as to a
//! terminal.
//!
//! The console of Windows 10 and later does that itself when its modes say so. Wine's does not, so we translate both ways.

use crossterm::Command;
use crossterm::cursor::{self, MoveTo};
use crossterm::terminal::{Clear, ClearType, DisableLineWrap, EnableLineWrap};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Console::{
    DISABLE_NEWLINE_AUTO_RETURN, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT,
    ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_INPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING,
    ENABLE_WINDOW_INPUT, ENABLE_WRAP_AT_EOL_OUTPUT, GetConsoleMode, GetStdHandle, INPUT_RECORD, KEY_EVENT,
    KEY_EVENT_RECORD, LEFT_ALT_PRESSED, LEFT_CTRL_PRESSED, RIGHT_ALT_PRESSED, RIGHT_CTRL_PRESSED,
    ReadConsoleInputW, SHIFT_PRESSED, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleMode,
    WINDOW_BUFFER_SIZE_EVENT, WriteConsoleInputW, WriteConsoleW,
};
use windows_sys::Win32::UI::Input::KeyboardAndMouse::{
    VK_BACK, VK_DELETE, VK_DOWN, VK_END, VK_HOME, VK_INSERT, VK_LEFT, VK_MENU, VK_NEXT, VK_NUMPAD0,
    VK_NUMPAD9, VK_PRIOR, VK_RIGHT, VK_TAB, VK_UP,
};

/// What the line decodes as a resize of the window.
const RESIZED: &str = "\x1b[48t";

/// What we found. A static, because a panic hook must be able to restore it.
static FOUND: Mutex<Option<Found>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Found {
    /// The modes before we changed them.
    input: u32,
    output: u32,
    /// The console obeys sequences.
    obeys: bool,
}

fn found() -> MutexGuard<'static, Option<Found>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether standard input and standard output are a console.
#[must_use]
pub fn is_console() -> bool {
    mode(STD_INPUT_HANDLE).is_ok() && mode(STD_OUTPUT_HANDLE).is_ok()
}

/// Takes over the console of the process. Returns its keyboard, and what ends the reading from another thread (false if it
/// cannot).
///
/// # Errors
/// Standard input or standard output is not a console.
pub fn open() -> io::Result<(Keyboard, impl FnOnce() -> bool + Send)> {
    take_over()?;
    let closed = Arc::new(AtomicBool::new(false));
    let keyboard = Keyboard { closed: Arc::clone(&closed), ..Keyboard::default() };
    let close = move || {
        closed.store(true, Ordering::Release);
        wake_reader()
    };
    Ok((keyboard, close))
}

/// A console has no background.
pub(super) fn is_in_background() -> bool {
    false
}

/// How many columns the window has. 0 if the system does not say.
pub(super) fn columns() -> usize {
    crossterm::terminal::size().map_or(0, |(columns, _)| columns.into())
}

/// Makes keys arrive one by one and without echo, Ctrl-C among them, and has the console obey sequences if it can.
///
/// # Errors
/// Standard input or standard output is not a console.
pub(super) fn take_over() -> io::Result<()> {
    let (input, output) = (mode(STD_INPUT_HANDLE)?, mode(STD_OUTPUT_HANDLE)?);
    let mut found = found();
    let found = found.get_or_insert(Found { input, output, obeys: false });
    let keys =
        input & !(ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_PROCESSED_INPUT) | ENABLE_WINDOW_INPUT;
    set_mode(STD_INPUT_HANDLE, keys | ENABLE_VIRTUAL_TERMINAL_INPUT)
        .or_else(|_| set_mode(STD_INPUT_HANDLE, keys))?;
    let text = output & !DISABLE_NEWLINE_AUTO_RETURN | ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT;
    found.obeys =
        set_mode(STD_OUTPUT_HANDLE, text | ENABLE_VIRTUAL_TERMINAL_PROCESSING).is_ok() && obeys_sequences()?;
    if !found.obeys {
        set_mode(STD_OUTPUT_HANDLE, text & !ENABLE_VIRTUAL_TERMINAL_PROCESSING)?;
    }
    Ok(())
}

/// Wine accepts the mode, and shows the sequences as characters. So look what one without an effect does.
fn obeys_sequences() -> io::Result<bool> {
    let before = cursor::position()?;
    write_to_console("\x1b[m")?;
    let obeys = cursor::position()? == before;
    if !obeys {
        erase_row()?;
    }
    Ok(obeys)
}

fn erase_row() -> io::Result<()> {
    write_to_console("\r")?;
    Clear(ClearType::UntilNewLine).execute_winapi()
}

/// Restores the modes of the keyboard, and nothing on the screen.
pub(super) fn release() {
    if let Some(found) = &*found() {
        let _ = set_mode(STD_INPUT_HANDLE, found.input);
    }
}

/// Restores the console as it was: the row with the edited line is erased, pastes are not marked, and colours are reset. Any
/// thread may call this at any time, repeatedly.
pub fn restore() {
    let Some(found) = found().take() else { return };
    // There is nothing left to try if the console refuses.
    let _ = match found.obeys {
        true => write_to_console("\r\x1b[K\x1b[?7h\x1b[?2004l\x1b[0m"),
        false => erase_row(),
    };
    let _ = set_mode(STD_OUTPUT_HANDLE, found.output);
    let _ = set_mode(STD_INPUT_HANDLE, found.input);
}

/// Does nothing: Windows has no key that ends a program at once.
pub fn quit() {}

/// Where keys are typed: reads the bytes that a terminal would send for them.
#[derive(Default)]
pub struct Keyboard {
    closed: Arc<AtomicBool>,
    keys: Keys,
    /// What nobody has read yet.
    ready: VecDeque<u8>,
}

impl Read for Keyboard {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let mut records = [INPUT_RECORD::default(); 128];
            let records = read_records(&mut records)?;
            if self.closed.load(Ordering::Acquire) {
                return Ok(0);
            }
            self.keys.translate(records, &mut self.ready);
        }
        self.ready.read(bytes)
    }
}

/// Translates keys into the bytes that a terminal sends for them. A console that does so itself, or pastes, sends each
/// UTF-16 unit as a key without a name.
#[derive(Default)]
struct Keys {
    /// UTF-16 to be encoded. Between two reads: the first half of a surrogate pair.
    units: Vec<u16>,
    /// The character of the key that was pressed last.
    last: u16,
}

impl Keys {
    #[allow(unsafe_code, reason = "what happened is a union")]
    fn translate(&mut self, records: &[INPUT_RECORD], bytes: &mut VecDeque<u8>) {
        for record in records {
            match u32::from(record.EventType) {
                // SAFETY: this is the variant for the type of the event.
                KEY_EVENT => self.translate_key(unsafe { &record.Event.KeyEvent }),
                WINDOW_BUFFER_SIZE_EVENT => self.units.extend(RESIZED.encode_utf16()),
                _ => {}
            }
        }
        let is_cut = self.units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit));
        let whole = self.units.len() - usize::from(is_cut);
        for char in char::decode_utf16(self.units.drain(..whole)) {
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            bytes.extend(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    #[allow(unsafe_code, reason = "the character is a union")]
    fn translate_key(&mut self, key: &KEY_EVENT_RECORD) {
        // SAFETY: both variants are integers.
        let unit = unsafe { key.uChar.UnicodeChar };
        if key.bKeyDown == 0 {
            // A character that was typed as a number comes when Alt is released. With Wine the last one comes again.
            let is_number = key.wVirtualKeyCode == VK_MENU && ![0, self.last].contains(&unit);
            self.units.extend(is_number.then_some(unit));
            return;
        }
        self.last = unit;
        let has = |keys| key.dwControlKeyState & keys != 0;
        let shift = has(SHIFT_PRESSED);
        let alt = has(LEFT_ALT_PRESSED | RIGHT_ALT_PRESSED);
        let control = has(LEFT_CTRL_PRESSED | RIGHT_CTRL_PRESSED);
        let units: Vec<u16> = match name(key.wVirtualKeyCode, shift, alt, control) {
            Some(text) => text.encode_utf16().collect(),
            None if unit == 0 => return,
            // AltGr is Alt and Control together.
            None if alt && !control => vec![0x1b, unit],
            None => vec![unit],
        };
        for _ in 0..key.wRepeatCount.max(1) {
            self.units.extend(&units);
        }
    }
}

/// What a terminal sends for a key that has another meaning than its character.
fn name(key: u16, shift: bool, alt: bool, control: bool) -> Option<String> {
    let modifiers = 1 + u8::from(shift) + 2 * u8::from(alt) + 4 * u8::from(control);
    let sequence = |number: u8, end: char| match (number, modifiers) {
        (1, 1) => format!("\x1b[{end}"),
        (_, 1) => format!("\x1b[{number}{end}"),
        _ => format!("\x1b[{number};{modifiers}{end}"),
    };
    Some(match key {
        VK_UP => sequence(1, 'A'),
        VK_DOWN => sequence(1, 'B'),
        VK_RIGHT => sequence(1, 'C'),
        VK_LEFT => sequence(1, 'D'),
        VK_HOME => sequence(1, 'H'),
        VK_END => sequence(1, 'F'),
        VK_INSERT => sequence(2, '~'),
        VK_DELETE => sequence(3, '~'),
        VK_PRIOR => sequence(5, '~'),
        VK_NEXT => sequence(6, '~'),
        VK_TAB if shift => "\x1b[Z".to_owned(),
        VK_BACK => {
            let key = if control { "\x08" } else { "\x7f" };
            if alt { format!("\x1b{key}") } else { key.to_owned() }
        }
        // The digits of a character that is typed as a number.
        VK_NUMPAD0..=VK_NUMPAD9 if alt => String::new(),
        _ => return None,
    })
}

/// Where frames are written, each with one write, after the console was taken over.
pub fn screen<W: Write>(out: W) -> Screen<W> {
    Screen { out, obeys: found().is_some_and(|found| found.obeys) }
}

/// Writes text to a console, and does with calls what the sequences say if the console does not obey them.
pub struct Screen<W> {
    out: W,
    obeys: bool,
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        // A console takes only text.
        let text = String::from_utf8_lossy(frame);
        if self.obeys {
            self.out.write_all(text.as_bytes())?;
        } else {
            self.translate(&text)?;
        }
        self.out.flush()?;
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Screen<W> {
    /// Writes the text, and does with calls what the sequences of a frame say. There are no colours then.
    fn translate(&mut self, mut text: &str) -> io::Result<()> {
        while let Some((before, sequence, rest)) = next_sequence(text) {
            self.out.write_all(before.as_bytes())?;
            self.out.flush()?;
            match sequence {
                "K" => Clear(ClearType::UntilNewLine).execute_winapi()?,
                "J" => Clear(ClearType::FromCursorDown).execute_winapi()?,
                "?7l" => DisableLineWrap.execute_winapi()?,
                "?7h" => EnableLineWrap.execute_winapi()?,
                "H" => MoveTo(0, 0).execute_winapi()?,
                "2J" => Clear(ClearType::All).execute_winapi()?,
                _ => {}
            }
            text = rest;
        }
        self.out.write_all(text.as_bytes())
    }
}

/// The text before the first sequence, the sequence without its introducer, and what follows it.
fn next_sequence(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once("\x1b[")?;
    let end = after.find(|char| matches!(char, '@'..='~')).map_or(after.len(), |last| last + 1);
    let (sequence, rest) = after.split_at(end);
    Some((before, sequence, rest))
}

#[allow(unsafe_code, reason = "std has no such call")]
fn handle(which: STD_HANDLE) -> HANDLE {
    // SAFETY: it takes and returns integers.
    unsafe { GetStdHandle(which) }
}

#[allow(unsafe_code, reason = "std has no such call")]
fn mode(which: STD_HANDLE) -> io::Result<u32> {
    let mut mode = 0;
    // SAFETY: the call writes to `mode`, which lives long enough. It refuses a handle that is not a console's.
    check(unsafe { GetConsoleMode(handle(which), &raw mut mode) })?;
    Ok(mode)
}

#[allow(unsafe_code, reason = "std has no such call")]
fn set_mode(which: STD_HANDLE, mode: u32) -> io::Result<()> {
    // SAFETY: it takes integers, and refuses a handle that is not a console's.
    check(unsafe { SetConsoleMode(handle(which), mode) })
}

/// Waits for events, and returns those that fit.
#[allow(unsafe_code, reason = "std has no such call")]
fn read_records(records: &mut [INPUT_RECORD; 128]) -> io::Result<&[INPUT_RECORD]> {
    let mut count = 0;
    // SAFETY: the call writes as many records as there is room for, and their number to `count`.
    check(unsafe { ReadConsoleInputW(handle(STD_INPUT_HANDLE), records.as_mut_ptr(), 128, &raw mut count) })?;
    Ok(&records[..count as usize])
}

/// Ends the call that waits for events: with one that says that the window may have another size.
#[allow(unsafe_code, reason = "std has no such call")]
fn wake_reader() -> bool {
    let event = INPUT_RECORD { EventType: WINDOW_BUFFER_SIZE_EVENT as u16, ..INPUT_RECORD::default() };
    let mut count = 0;
    // SAFETY: the call reads one record, and writes the number of records to `count`.
    unsafe { WriteConsoleInputW(handle(STD_INPUT_HANDLE), &raw const event, 1, &raw mut count) != 0 }
}

/// Writes without the lock of standard output, which a thread that panics may not wait for.
#[allow(unsafe_code, reason = "std has no such call")]
fn write_to_console(text: &str) -> io::Result<()> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut count = 0;
    // SAFETY: the call reads this many units, and writes the number of units to `count`.
    check(unsafe {
        WriteConsoleW(
            handle(STD_OUTPUT_HANDLE),
            units.as_ptr(),
            units.len() as u32,
            &raw mut count,
            ptr::null(),
        )
    })
}

fn check(success: i32) -> io::Result<()> {
    if success == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use windows_sys::Win32::System::Console::{INPUT_RECORD_0, KEY_EVENT_RECORD_0};

    fn key(key: u16, unit: u16, modifiers: u32) -> KEY_EVENT_RECORD {
        KEY_EVENT_RECORD {
            bKeyDown: 1,
            wRepeatCount: 1,
            wVirtualKeyCode: key,
            uChar: KEY_EVENT_RECORD_0 { UnicodeChar: unit },
            dwControlKeyState: modifiers,
            ..KEY_EVENT_RECORD::default()
        }
    }

    fn released(key: KEY_EVENT_RECORD) -> KEY_EVENT_RECORD {
        KEY_EVENT_RECORD { bKeyDown: 0, ..key }
    }

    /// What is read when each of these groups of keys comes with one read.
    fn read(groups: &[&[KEY_EVENT_RECORD]]) -> Vec<String> {
        let mut keys = Keys::default();
        let read = |group: &&[KEY_EVENT_RECORD]| {
            let record = |key: &KEY_EVENT_RECORD| INPUT_RECORD {
                EventType: 1,
                Event: INPUT_RECORD_0 { KeyEvent: *key },
            };
            let mut bytes = VecDeque::new();
            keys.translate(&group.iter().map(record).collect::<Vec<_>>(), &mut bytes);
            String::from_utf8(bytes.into()).unwrap()
        };
        groups.iter().map(read).collect()
    }

    fn text(text: &str) -> Vec<KEY_EVENT_RECORD> {
        text.encode_utf16().map(|unit| key(0, unit, 0)).collect()
    }

    #[test]
    fn keys_are_read_as_what_a_terminal_sends() {
        for (sent, expected) in [
            (key(0x41, 'a' as u16, 0), "a"),
            (key(0x0d, 13, 0), "\r"),
            (key(0x43, 3, LEFT_CTRL_PRESSED), "\x03"),
            (key(VK_BACK, 8, 0), "\x7f"),
            (key(VK_BACK, 8, LEFT_ALT_PRESSED), "\x1b\x7f"),
            (key(VK_TAB, 9, 0), "\t"),
            (key(VK_DELETE, 0, 0), "\x1b[3~"),
            (key(VK_UP, 0, 0), "\x1b[A"),
            (key(VK_END, 0, SHIFT_PRESSED), "\x1b[1;2F"),
            (key(VK_LEFT, 0, RIGHT_CTRL_PRESSED), "\x1b[1;5D"),
            (key(0x42, 'b' as u16, LEFT_ALT_PRESSED), "\x1bb"),
            (key(0x10, 0, SHIFT_PRESSED), ""),
        ] {
            assert_eq!(read(&[&[sent, released(sent)]]), [expected]);
        }
    }

    #[test]
    fn alt_gr_types_the_character_on_the_key() {
        assert_eq!(read(&[&[key(0x51, '@' as u16, LEFT_CTRL_PRESSED | RIGHT_ALT_PRESSED)]]), ["@"]);
    }

    #[test]
    fn a_key_that_is_held_down_repeats() {
        let held = |key| KEY_EVENT_RECORD { wRepeatCount: 3, ..key };
        assert_eq!(
            read(&[&[held(key(0x41, 'a' as u16, 0)), held(key(VK_LEFT, 0, 0))]]),
            ["aaa\x1b[D\x1b[D\x1b[D"]
        );
    }

    #[test]
    fn sequences_of_a_console_that_translates_keys_itself_stay_as_they_are() {
        let sent = "\x1b[1;5D\x1b[200~pasted\r\x1b[201~\x7f";
        assert_eq!(read(&[&text(sent)]), [sent]);
    }

    #[test]
    fn a_character_cut_between_two_reads_is_whole_and_half_of_one_is_shown_as_such() {
        let keys = text("ü漢👩");
        assert_eq!(read(&[&keys[..3], &keys[3..]]), ["ü漢", "👩"]);
        assert_eq!(read(&[&keys[2..3], &text("x")]), ["", "\u{fffd}x"]);
    }

    #[test]
    fn a_character_typed_as_a_number_comes_once() {
        let alt = |unit| released(key(VK_MENU, unit, 0));
        let digit = key(VK_NUMPAD0, '0' as u16, LEFT_ALT_PRESSED);
        assert_eq!(read(&[&[digit, released(digit), alt('ä' as u16)]]), ["ä"]);
        // Wine repeats the character of a key that was pressed with Alt.
        assert_eq!(read(&[&[key(0x42, 'b' as u16, LEFT_ALT_PRESSED), alt('b' as u16)]]), ["\x1bb"]);
    }

    #[test]
    fn a_console_gets_a_frame_as_text() {
        let mut shown = Vec::new();
        Screen { out: &mut shown, obeys: true }.write_all(b"\r\x1b[Kcaf\xe9\n").unwrap();
        assert_eq!(shown, "\r\x1b[Kcaf\u{fffd}\n".as_bytes());
    }

    #[test]
    fn where_a_console_obeys_no_sequences_none_is_shown() {
        let mut shown = Vec::new();
        let mut screen = Screen { out: &mut shown, obeys: false };
        screen.write_all(b"\x1b[1;31mred\x1b[0m \x1b[?2004hx\x1b[").unwrap();
        assert_eq!(shown, b"red x");
    }
}
