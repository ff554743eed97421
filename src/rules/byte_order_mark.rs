//! The mark with which some editors and shells, above all on Windows, begin a text in UTF-8. It is no part of the text.

const MARK: &[u8] = "\u{feff}".as_bytes();

/// The text without the mark at its beginning, if there is one.
#[must_use]
pub fn strip(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mark_at_the_beginning_is_no_text() {
        for (text, expected) in [
            ("\u{feff}hi", "hi"),
            ("\u{feff}", ""),
            ("hi\u{feff}", "hi\u{feff}"),
            ("\u{feff}\u{feff}", "\u{feff}"),
        ] {
            assert_eq!(strip(text.as_bytes()), expected.as_bytes());
        }
    }
}
