//! Bytes that are not UTF-8, within text.
//!
//! A terminal with another encoding than UTF-8 sends bytes that are no text for us. Each of them becomes one of the last
//! private characters of Unicode, so that the line remains text, and becomes itself again when the line is sent. The same
//! characters, typed, are taken for the bytes that they consist of, so that nothing is changed on the way.

/// The character for the byte 0 would be this one; those for ASCII are not used.
const BASE: u32 = 0x10_ff00;
const FIRST: char = '\u{10ff80}';

/// Whether this character stands for a byte.
pub(super) const fn is_foreign(character: char) -> bool {
    character >= FIRST
}

/// The text for these bytes.
pub(super) fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let escape = |byte: &u8| char::from_u32(BASE + u32::from(*byte)).unwrap_or(char::REPLACEMENT_CHARACTER);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_foreign(character) {
                text.extend(character.encode_utf8(&mut [0; 4]).as_bytes().iter().map(escape));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().map(escape));
    }
    text
}

/// The bytes of this text.
pub(super) fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        if is_foreign(character) {
            // The last eight bits are the byte.
            bytes.push(u32::from(character) as u8);
        } else {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_byte_comes_back(bytes: Vec<u8>) {
            prop_assert_eq!(to_bytes(&to_text(&bytes)), bytes);
        }

        #[test]
        fn every_text_comes_back(text: String) {
            prop_assert_eq!(to_bytes(&to_text(text.as_bytes())), text.as_bytes());
        }
    }

    #[test]
    fn a_character_that_stands_for_a_byte_is_not_taken_for_that_byte() {
        let text = to_text("\u{10ffe9}".as_bytes());
        assert_eq!(text, "\u{10fff4}\u{10ff8f}\u{10ffbf}\u{10ffa9}");
        assert_eq!(to_bytes(&text), "\u{10ffe9}".as_bytes());
    }
}
