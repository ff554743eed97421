//! Makes foreign text harmless to a terminal.

/// Appends `text` to `out` in a form that a terminal shows and does not obey.
///
/// Control characters, and so escape sequences, become visible: C0 and DEL in caret form (`^[`), C1 as `\x9b`; a tab stays.
/// Bytes that are not UTF-8 become U+FFFD. Line separators and the characters that change the direction of text, which can
/// make a message look like another one (CVE-2021-42574), become `<U+202E>`.
///
/// ```
/// # use threadchat::rules::sanitize::sanitize;
/// let mut shown = Vec::new();
/// sanitize(b"\x1b[2Jgone\xff", &mut shown);
/// assert_eq!(shown, "^[[2Jgone\u{fffd}".as_bytes());
/// ```
pub fn sanitize(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some((at, character)) = rest.char_indices().find(|(_, c)| is_harmful(*c)) {
            out.extend_from_slice(&rest.as_bytes()[..at]);
            show(character, out);
            rest = &rest[at + character.len_utf8()..];
        }
        out.extend_from_slice(rest.as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn is_harmful(character: char) -> bool {
    match character {
        '\t' => false,
        // Unicode's Bidi_Control (marks, embeddings, overrides and isolates) and the line separators.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

fn show(character: char, out: &mut Vec<u8>) {
    let code = u32::from(character);
    let shown = match code {
        // The letter of the caret form is 64 places away from the control character.
        0..=0x7f => format!("^{}", char::from(code as u8 ^ 0x40)),
        0x80..=0x9f => format!("\\x{code:02x}"),
        _ => format!("<U+{code:04X}>"),
    };
    out.extend_from_slice(shown.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> String {
        let mut out = Vec::new();
        sanitize(text, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn text_is_shown_as_it_is() {
        let text = "a\ttab, ünïcödé, 漢字, 👩‍👩‍👧";
        assert_eq!(shown(text.as_bytes()), text);
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(shown(b"\x1b]0;title\x07\x7f\0\r"), "^[]0;title^G^?^@^M");
        assert_eq!(shown("\u{9b}2J".as_bytes()), "\\x9b2J");
    }

    #[test]
    fn text_cannot_change_its_direction() {
        assert_eq!(shown("abc\u{202e}def\u{2066}".as_bytes()), "abc<U+202E>def<U+2066>");
    }

    #[test]
    fn invalid_utf_8_is_replaced() {
        assert_eq!(shown(b"a\xffb\xc3"), "a\u{fffd}b\u{fffd}");
        // An 8-bit terminal would obey this C1 control byte.
        assert_eq!(shown(b"\x9b2J"), "\u{fffd}2J");
    }
}
