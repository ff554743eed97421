//! Makes foreign text harmless to a terminal.

use unicode_normalization::char::is_combining_mark;

/// Appends `text` to `out` in a form that a terminal shows and does not obey.
///
/// Control characters, and so escape sequences, become visible: C0 and DEL in caret form (`^[`), C1 as `\x9b`; a tab stays.
/// Bytes that are not UTF-8 become U+FFFD. An [invisible](is_invisible) character becomes `<U+202E>`, unless its place shows
/// that writing needs it: those that change the direction of text can make a message look like another one
/// (CVE-2021-42574), and the others can hide one text within another (Unicode Technical Report #36, 3.6).
///
/// Of the marks on one character, those after the eighth become `<+12 marks>`: a terminal draws them over other lines, or
/// not at all.
///
/// ```
/// # use threadchat::rules::sanitize::sanitize;
/// let mut shown = Vec::new();
/// sanitize(b"\x1b[2Jgone\xff", &mut shown);
/// assert_eq!(shown, "^[[2Jgone\u{fffd}".as_bytes());
/// ```
pub fn sanitize(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        // How many marks stand on the character before.
        let (mut rest, mut previous, mut marks) = (chunk.valid(), '\0', 0);
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_special(*character)) {
            let (before, special) = rest.split_at(at);
            out.extend_from_slice(before.as_bytes());
            if let Some(last) = before.chars().next_back() {
                (previous, marks) = (last, 0);
            }
            let is_mark = is_mark(character);
            if is_mark && marks == MAX_MARKS {
                rest = cut_marks(special, out);
                (previous, marks) = ('>', 0);
                continue;
            }
            let is_plain = !is_invisible(character);
            let length = if is_plain { character.len_utf8() } else { needed(previous, special) };
            let (kept, after) = special.split_at(length);
            out.extend_from_slice(kept.as_bytes());
            rest = after;
            if let Some(last) = kept.chars().next_back() {
                (previous, marks) = (last, marks + usize::from(is_mark));
            } else {
                show(character, out);
                rest = &after[character.len_utf8()..];
                (previous, marks) = ('>', 0);
            }
        }
        out.extend_from_slice(rest.as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// How many marks a character may carry: no writing needs more. A Tibetan syllable, which stacks its letters, can have 8.
const MAX_MARKS: usize = 8;

/// Whether a character may have to be shown in another form.
fn is_special(character: char) -> bool {
    character != '\t' && (is_invisible(character) || is_mark(character))
}

/// Whether a terminal draws a character onto the one before: a combining mark (`M`), or a vowel or final consonant of a Hangul
/// syllable that is written in its parts.
fn is_mark(character: char) -> bool {
    character >= '\u{300}'
        && (is_combining_mark(character)
            || matches!(character, '\u{1160}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7ff}'))
}

/// Shows how many marks, and joiners between them, `text` begins with, and returns what follows.
fn cut_marks<'a>(text: &'a str, out: &mut Vec<u8>) -> &'a str {
    let is_joiner = |character| matches!(character, '\u{200c}' | '\u{200d}');
    let end = text.find(|character| !is_mark(character) && !is_joiner(character)).unwrap_or(text.len());
    let (marks, after) = text.split_at(end);
    let count = marks.chars().filter(|character| is_mark(*character)).count();
    let noun = if count == 1 { "mark" } else { "marks" };
    out.extend_from_slice(format!("<+{count} {noun}>").as_bytes());
    after
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
    fn of_the_marks_on_one_character_those_after_the_eighth_are_counted() {
        let accents = |count| "\u{301}".repeat(count);
        assert_eq!(shown(format!("z{}o", accents(8)).as_bytes()), format!("z{}o", accents(8)));
        for (marks, expected) in [
            (accents(9), "<+1 mark>"),
            (accents(20), "<+12 marks>"),
            // Neither an enclosing mark, a vowel sign, a selector nor a joiner begins anew.
            (accents(8) + "\u{20dd}\u{93f}\u{fe0f}", "<+3 marks>"),
            (accents(8) + &"\u{200d}\u{301}".repeat(100), "\u{200d}<+100 marks>"),
            (accents(4) + "\u{34f}" + &accents(4), "<+1 mark>"),
        ] {
            let kept: String = marks.chars().take(8).collect();
            assert_eq!(shown(format!("z{marks}go").as_bytes()), format!("z{kept}{expected}go"));
        }
        // Without a character, they stand on whatever is in front of the text.
        assert_eq!(shown(accents(10).as_bytes()), format!("{}<+2 marks>", accents(8)));
        let vowels = "\u{1161}".repeat(9);
        assert_eq!(
            shown(format!("\u{1100}{vowels}").as_bytes()),
            format!("\u{1100}{}<+1 mark>", &vowels[3..])
        );
    }

    #[test]
    fn marks_that_writing_needs_stay() {
        for text in [
            // Vietnamese, Hebrew with accents, Thai, Hindi, Malayalam, Hangul in parts, and the tallest stack of Tibetan.
            "Vie\u{323}\u{302}t",
            "בְּרֵאשִׁ֖ית",
            "ที่นี่",
            "क्षि त्र्य",
            "ക്ഷ്ത്ര്യോ",
            "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}",
            "\u{f67}\u{f90}\u{fb5}\u{fa8}\u{fb3}\u{fba}\u{fbc}\u{fbb}\u{f82}",
            // A family, each with a colour of skin.
            "👩🏽\u{200d}👩🏿\u{200d}👧🏻\u{200d}👦🏾 ❤\u{fe0f}\u{200d}🔥",
        ] {
            assert_eq!(shown(text.as_bytes()), text);
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
