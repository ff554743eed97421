//! The names of members and rooms.

use caseless::default_case_fold_str;
use std::fmt;
use std::sync::Arc;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_security::GeneralSecurityProfile;

/// The longest name, in characters.
pub const MAX_NAME: usize = 32;

/// The words with which the hub refers to itself and to others.
const RESERVED: [&str; 3] = ["hub", OPERATORS_NAME, "you"];

/// The operator's first name.
pub(super) const OPERATORS_NAME: &str = "operator";

/// A name of up to [`MAX_NAME`] letters, digits, `_` and `-`. Letters are those that Unicode Technical Standard #39 allows in
/// identifiers.
///
/// A line of the hub begins with a name and a space only if it says what that member does, and the operator's name is shown
/// with an `@`. So a name can imitate neither.
///
/// Two names are the same if they differ only in case or in compatible forms of letters:
///
/// ```
/// # use threadchat::rules::hub::Name;
/// let key = |name: &str| Name::parse(name).map(|name| name.key().to_owned());
/// assert_eq!(key("Straße"), key("STRASSE"));
/// assert_eq!(key("ｂｏｂ"), key("Bob"));
/// assert!(key("two words").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    shown: Arc<str>,
    key: Arc<str>,
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameError {
    /// It is too long, or empty, or has other characters.
    Malformed,
    /// It is one of the hub's own words.
    Reserved(Arc<str>),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => write!(f, "a name has 1 to {MAX_NAME} letters, digits, _ and -"),
            Self::Reserved(name) => write!(f, "the name {name} is reserved"),
        }
    }
}

impl Name {
    /// Reads a name and normalizes it to NFKC (Unicode Standard Annex #15).
    ///
    /// # Errors
    /// It is malformed or reserved.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // A longer text need not be normalized, which can make it 18 times as long.
        let name = Self::of(text.chars().take(MAX_NAME + 1).nfkc().collect());
        let length = name.shown.chars().count();
        let begins_with_mark = name.shown.chars().next().is_some_and(is_combining_mark);
        let is_allowed = !begins_with_mark && name.shown.chars().all(is_allowed);
        if text.chars().count() > MAX_NAME || length == 0 || length > MAX_NAME || !is_allowed {
            return Err(NameError::Malformed);
        }
        if RESERVED.contains(&&*name.key) {
            return Err(NameError::Reserved(name.shown));
        }
        Ok(name)
    }

    /// A name that the hub gives, which may be reserved.
    pub(super) fn of(shown: String) -> Self {
        // Folding may yield letters that NFKC composes, and the result may have to be folded again.
        let fold = |text: &str| default_case_fold_str(text).nfkc().collect::<String>();
        Self { key: fold(&fold(&shown)).into(), shown: shown.into() }
    }

    /// This name as the operator's, shown with an `@`. The key stays the same, so nobody else can have it.
    pub(super) fn of_operator(self) -> Self {
        Self { shown: format!("@{}", self.shown).into(), key: self.key }
    }

    /// The form to show.
    #[must_use]
    pub fn shown(&self) -> &Arc<str> {
        &self.shown
    }

    /// The form to compare.
    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }
}

fn is_allowed(character: char) -> bool {
    // Unicode also has letters that are invisible, look like a colon, or have not been used for a thousand years.
    (character.is_alphanumeric() && character.identifier_allowed()) || matches!(character, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_letters_digits_underscores_and_hyphens() {
        for name in ["bob", "Zoë", "漢字", "x_9-", "用户1", "नमन"] {
            assert_eq!(Name::parse(name).map(|name| name.shown.to_string()), Ok(name.to_owned()));
        }
        for name in [
            "",
            "two words",
            "@bob",
            "a>b",
            "a\u{202e}b",
            "\u{3164}",
            "a\u{200b}",
            "½",
            "\x1b[1m",
            "hub\u{2d0}",
            "\u{13441}",
            "\u{902}",
        ] {
            assert!(Name::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_name_has_at_most_32_characters_after_normalisation() {
        assert!(Name::parse(&"ä".repeat(32)).is_ok());
        assert!(Name::parse(&"ä".repeat(33)).is_err());
        // One character that becomes three letters.
        assert!(Name::parse(&"ﬃ".repeat(11)).is_err());
        assert!(Name::parse(&"a\u{308}".repeat(16)).is_ok());
    }

    #[test]
    fn names_are_compared_after_nfkc_and_case_folding() {
        for (one, other) in
            [("bob", "BOB"), ("ﬃ", "FFI"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("ü", "u\u{308}"), ("Ⅻ", "xii")]
        {
            let key = |name: &str| Name::parse(name).map(|name| name.key);
            assert_eq!(key(one), key(other));
            assert!(key(one).is_ok());
        }
    }

    #[test]
    fn the_words_of_the_hub_are_reserved() {
        for name in ["hub", "You", "OPERATOR", "ｙｏｕ"] {
            assert!(
                Name::parse(name).is_err_and(|error| error.to_string().ends_with("is reserved")),
                "{name:?}"
            );
        }
    }
}
