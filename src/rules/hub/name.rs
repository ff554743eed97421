//! What members and rooms are called.

use caseless::default_case_fold_str;
use std::sync::Arc;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_security::GeneralSecurityProfile;

/// The longest name, in characters.
pub const LONGEST: usize = 32;

/// What nobody may be called: the hub's own words, and those it uses for others.
const RESERVED: [&str; 3] = ["hub", OPERATORS_NAME, "you"];

/// What the operator is called at first.
pub(super) const OPERATORS_NAME: &str = "operator";

/// A name: letters, digits, `_` and `-`, at most [`LONGEST`] of them. Letters are those that Unicode Technical Standard #39 allows
/// in identifiers. Nothing the hub says begins with such a word and a
/// blank but what its bearer does, and the operator's name is shown with an `@`, so that no name passes for either.
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

/// Why something is no name, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoName(pub(super) String);

impl Name {
    /// A name, after NFKC (Unicode Standard Annex #15).
    ///
    /// # Errors
    /// It has other characters, or too many, or is reserved.
    pub fn parse(text: &str) -> Result<Self, NoName> {
        // So that not much is normalised: no character becomes more than 18.
        let name = Self::of(text.chars().take(LONGEST + 1).nfkc().collect());
        let length = name.shown.chars().count();
        let begins_with_mark = name.shown.chars().next().is_some_and(is_combining_mark);
        let fits = !begins_with_mark && name.shown.chars().all(fits);
        if text.chars().count() > LONGEST || length == 0 || length > LONGEST || !fits {
            return Err(NoName(format!("a name has 1 to {LONGEST} letters, digits, _ and -")));
        }
        if RESERVED.contains(&&*name.key) {
            return Err(NoName(format!("{} is reserved", name.shown)));
        }
        Ok(name)
    }

    /// One of the hub's own.
    pub(super) fn of(shown: String) -> Self {
        // What folding yields may be composed further, and then be folded further.
        let fold = |text: &str| default_case_fold_str(text).nfkc().collect::<String>();
        Self { key: fold(&fold(&shown)).into(), shown: shown.into() }
    }

    /// The same as the operator bears it. It can be no other's, and is told from all others by what no name can have.
    pub(super) fn of_operator(self) -> Self {
        Self { shown: format!("@{}", self.shown).into(), key: self.key }
    }

    /// As it is shown.
    #[must_use]
    pub fn shown(&self) -> &Arc<str> {
        &self.shown
    }

    /// As it is compared.
    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }
}

fn fits(character: char) -> bool {
    // Unicode has letters that nobody sees, that look like a colon, or that nobody has used for a thousand years.
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
    fn what_the_hub_uses_for_itself_and_others_is_reserved() {
        for name in ["hub", "You", "OPERATOR", "ｙｏｕ"] {
            assert!(Name::parse(name).is_err_and(|error| error.0.ends_with("is reserved")), "{name:?}");
        }
    }
}
