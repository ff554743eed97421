//! Makes foreign text harmless to a terminal.

/// Appends `text` to `out` in a form that a terminal shows and does not obey.
///
/// Control characters, and so escape sequences, become visible: C0 and DEL in caret form (`^[`), C1 as `\x9b`; a tab stays.
/// Bytes that are not UTF-8 become U+FFFD. An [invisible](is_invisible) character becomes `<U+202E>`, unless its place shows
/// that writing needs it: those that change the direction of text can make a message look like another one
/// (CVE-2021-42574), and the others can hide one text within another (Unicode Technical Report #36, 3.6).
///
/// ```
/// # use threadchat::rules::sanitize::sanitize;
/// let mut shown = Vec::new();
/// sanitize(b"\x1b[2Jgone\xff", &mut shown);
/// assert_eq!(shown, "^[[2Jgone\u{fffd}".as_bytes());
/// ```
pub fn sanitize(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        let (mut rest, mut previous) = (chunk.valid(), '\0');
        while let Some(at) = rest.find(|character| character != '\t' && is_invisible(character)) {
            let (before, invisible) = rest.split_at(at);
            out.extend_from_slice(before.as_bytes());
            previous = before.chars().next_back().unwrap_or(previous);
            let (needed, after) = invisible.split_at(needed(previous, invisible));
            out.extend_from_slice(needed.as_bytes());
            let mut after = after.chars();
            if let Some(last) = needed.chars().next_back() {
                previous = last;
            } else if let Some(character) = after.next() {
                show(character, out);
                previous = '>';
            }
            rest = after.as_str();
        }
        out.extend_from_slice(rest.as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Whether a character has no shape of its own: a control character, a line separator, one of Unicode's
/// `Default_Ignorable_Code_Point`, which includes the characters that change the direction of text, or another format
/// character (`Cf`) that is not drawn.
pub(crate) fn is_invisible(character: char) -> bool {
    match character {
        ' '..='~' => false,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' => true,
        '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => character.is_control(),
    }
}

/// How many of the first bytes of `text`, which begins with an invisible character, stay as they are after `previous`.
///
/// Joiners and variation selectors change the character before them: one of each kind stays there, as in emoji and in
/// Persian, Hindi and Mongolian. ASCII has nothing to change, except for the digits of keycap emoji.
fn needed(previous: char, text: &str) -> usize {
    /// England, Scotland and Wales (`gbeng`, `gbsct`, `gbwls`): the only flags in tag characters that UTS #51 recommends.
    const FLAGS: [&str; 3] = [
        "\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
        "\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
    ];
    let Some(character) = text.chars().next() else { return 0 };
    let is_selected = matches!(previous, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    let has_shape = !previous.is_ascii() && !is_invisible(previous);
    let is_needed = match character {
        '\u{200c}' | '\u{200d}' => has_shape || is_selected,
        '\u{34f}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}' => {
            has_shape
        }
        '\u{fe0e}' | '\u{fe0f}' => has_shape || matches!(previous, '0'..='9' | '#' | '*'),
        // Scripts without spaces mark where a line may be broken: Thai, Lao, Burmese and Khmer.
        '\u{200b}' => {
            matches!(previous, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
        }
        '\u{e0020}'..='\u{e007e}' if previous == '\u{1f3f4}' => {
            return FLAGS.iter().find(|flag| text.starts_with(**flag)).map_or(0, |flag| flag.len());
        }
        _ => false,
    };
    if is_needed { character.len_utf8() } else { 0 }
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
    fn what_writing_needs_stays() {
        for text in [
            "\u{2764}\u{fe0f}\u{200d}\u{1f525} 1\u{fe0f}\u{20e3} \u{1f44d}\u{1f3fd}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}!",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "\u{845b}\u{e0100}",
            "ភាសា\u{200b}ខ្មែរ",
        ] {
            assert_eq!(shown(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_hides_a_text_is_shown() {
        for (text, expected) in [
            ("pass\u{200b}word\u{200d}\u{ad}\u{feff}", "pass<U+200B>word<U+200D><U+00AD><U+FEFF>"),
            ("a\u{e0041}\u{e007f}", "a<U+E0041><U+E007F>"),
            ("\u{1f3f4}\u{e0068}\u{e0069}", "\u{1f3f4}<U+E0068><U+E0069>"),
            ("\u{263a}\u{fe0f}\u{fe0f}\u{e0101}", "\u{263a}\u{fe0f}<U+FE0F><U+E0101>"),
            ("\u{e4}\u{200d}\u{200d}\u{200b}", "\u{e4}\u{200d}<U+200D><U+200B>"),
            ("\u{3164}\u{2060}\u{fffa}", "<U+3164><U+2060><U+FFFA>"),
        ] {
            assert_eq!(shown(text.as_bytes()), expected);
        }
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
