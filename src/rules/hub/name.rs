//! The names of members and rooms.

use caseless::default_case_fold_str;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

/// The longest name, in characters.
pub const MAX_NAME: usize = 32;

/// The longest name as it may be written: at most four characters become one when a text is normalized, such as a Greek letter
/// and its marks. A longer text need not be normalized, which can make it 18 times as long.
pub(super) const MAX_WRITTEN: usize = 4 * MAX_NAME;

/// The words with which the hub refers to itself and to others.
static RESERVED: LazyLock<[Name; 3]> =
    LazyLock::new(|| ["hub", OPERATORS_NAME, "you"].map(|word| Name::of(word.to_owned())));

/// The operator's first name.
pub(super) const OPERATORS_NAME: &str = "operator";

/// A name of up to [`MAX_NAME`] letters, digits, `_` and `-`. Letters are those that Unicode Technical Standard #39 allows in
/// identifiers, and all of one script.
///
/// A line of the hub begins with a name and a space only if it says what that member does, and the operator's name is shown
/// with an `@`. So a name can imitate neither.
///
/// Two names are the same if they differ only in case or in compatible forms of letters. Two names that are not the same may
/// still [look alike](Self::looks_like):
///
/// ```
/// # use threadchat::rules::hub::Name;
/// let name = |text| Name::parse(text).unwrap();
/// assert_eq!(name("Straße").key(), name("STRASSE").key());
/// assert_eq!(name("ｂｏｂ").key(), name("Bob").key());
/// assert!(name("modem").looks_like(&name("modern")));
/// assert!(Name::parse("two words").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    shown: Arc<str>,
    key: Arc<str>,
    looks: BTreeSet<Arc<str>>,
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameError {
    /// It is too long, or empty, or has other characters.
    Malformed,
    /// Its letters are of more than one script.
    MixesScripts(Arc<str>),
    /// It is one of the hub's own words.
    Reserved(Arc<str>),
    /// It looks like one of the hub's own words.
    LooksReserved {
        /// The name.
        name: Arc<str>,
        /// The word.
        word: Arc<str>,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => write!(f, "a name has 1 to {MAX_NAME} letters, digits, _ and -"),
            Self::MixesScripts(name) => write!(f, "the name {name} mixes letters of different scripts"),
            Self::Reserved(name) => write!(f, "the name {name} is reserved"),
            Self::LooksReserved { name, word } => {
                write!(f, "the name {name} looks like {word}, which is reserved")
            }
        }
    }
}

impl Name {
    /// Reads a name and normalizes it to NFKC (Unicode Standard Annex #15).
    ///
    /// # Errors
    /// It is malformed, mixes scripts, or is reserved.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shown: String = text.chars().take(MAX_WRITTEN).nfkc().collect();
        if text.chars().nth(MAX_WRITTEN).is_some() || !is_well_formed(&shown) {
            return Err(NameError::Malformed);
        }
        if !shown.is_single_script() {
            return Err(NameError::MixesScripts(shown.into()));
        }
        let name = Self::of(shown);
        match RESERVED.iter().find(|word| name.looks_like(word)) {
            Some(word) if word.key == name.key => Err(NameError::Reserved(name.shown)),
            Some(word) => Err(NameError::LooksReserved { name: name.shown, word: Arc::clone(&word.shown) }),
            None => Ok(name),
        }
    }

    /// A name that the hub gives, which may be reserved.
    pub(super) fn of(shown: String) -> Self {
        let key = key(&shown);
        Self { looks: looks(&shown, &key), key: key.into(), shown: shown.into() }
    }

    /// This name as the operator's, shown with an `@`. The rest stays the same, so nobody else can have it.
    pub(super) fn of_operator(self) -> Self {
        Self { shown: format!("@{}", self.shown).into(), ..self }
    }

    /// Whether it is shown with an `@`.
    pub(super) fn is_operators(&self) -> bool {
        self.shown.starts_with('@')
    }

    /// Whether a reader may take it for one that a hub gives to a newcomer, such as `user17`. Linked hubs give them without
    /// asking each other.
    #[cfg(feature = "link")]
    pub(super) fn looks_like_newcomers(&self) -> bool {
        static DIGITS: LazyLock<String> = LazyLock::new(|| skeleton("0123456789-").collect());
        static USER: LazyLock<BTreeSet<Arc<str>>> = LazyLock::new(|| looks("user", "user"));
        self.looks.iter().any(|look| {
            let rest = USER.iter().find_map(|user| look.strip_prefix(&**user));
            rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|letter| DIGITS.contains(letter)))
        })
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

    /// The forms of which two names that look alike have one in common.
    pub(super) fn looks(&self) -> &BTreeSet<Arc<str>> {
        &self.looks
    }

    /// Whether a reader may take one for the other. A name looks like itself.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        !self.looks.is_disjoint(&other.looks)
    }
}

/// The [key](Name::key) of a name.
pub(super) fn key(shown: &str) -> String {
    // Folding may yield letters that NFKC composes, and the result may have to be folded again.
    fold(&fold(shown))
}

fn fold(text: &str) -> String {
    default_case_fold_str(text).nfkc().collect()
}

/// The skeletons (Unicode Technical Standard #39) of a name as it is written, in small letters and in capitals: `I` looks like
/// `l`, but `i` does not. A reader takes `BiII` for `Bill`, which is the same as `bill`: hence the folded skeleton.
fn looks(shown: &str, key: &str) -> BTreeSet<Arc<str>> {
    let skeleton = |text: &str| skeleton(text).collect::<String>();
    let written = skeleton(shown);
    let mut forms = BTreeSet::from([key.to_owned(), key.to_uppercase(), fold(&written)]);
    forms.remove(shown);
    forms.iter().map(|form| skeleton(form)).chain([written]).map(Arc::from).collect()
}

/// Whether it has only characters of names. The name of a hub does, with a number behind it.
#[cfg(feature = "link")]
pub(super) fn is_plain(text: &str) -> bool {
    (1..2 * MAX_NAME).contains(&text.chars().count()) && text.chars().all(is_allowed)
}

fn is_well_formed(name: &str) -> bool {
    let begins_with_mark = name.chars().next().is_none_or(is_combining_mark);
    // A mark is drawn over the same one before it.
    let repeats_mark = name.chars().zip(name.chars().skip(1)).any(|(a, b)| a == b && is_combining_mark(a));
    name.chars().count() <= MAX_NAME && name.chars().all(is_allowed) && !begins_with_mark && !repeats_mark
}

fn is_allowed(character: char) -> bool {
    // NFKC composes the marks of this block with the letters that are used with them.
    let is_mark = is_combining_mark(character) && !matches!(character, '\u{300}'..='\u{36f}');
    // Unicode also has letters that are invisible, look like a colon, or have not been used for a thousand years.
    ((character.is_alphanumeric() || is_mark) && character.identifier_allowed())
        || matches!(character, '_' | '-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_has_letters_digits_underscores_and_hyphens() {
        for name in ["bob", "Zoë", "漢字", "x_9-", "用户1", "नमन", "ʻŌlelo", "__", "1"] {
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
            // An `i` and a dot that falls on its own.
            "ali\u{307}",
            // The same mark twice, one over the other.
            "ก\u{e47}\u{e47}",
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
        // However it is written.
        for (written, character) in
            [("a\u{308}", "ä"), ("e\u{323}\u{302}", "ệ"), ("\u{1112}\u{1161}\u{11ab}", "한")]
        {
            assert_eq!(Name::parse(&written.repeat(32)).unwrap().shown, character.repeat(32).into());
            assert!(Name::parse(&written.repeat(33)).is_err());
        }
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
    fn a_name_may_be_written_in_any_script_that_is_in_use() {
        for name in [
            "Nguyễn",
            "Ольга",
            "Αλέξανδρος",
            "Հայկ",
            "ქართული",
            "דוד",
            "محمد",
            "कृष्ण",
            "বাংলা",
            "தமிழ்",
            "สมชาย",
            "น้ำ",
            "ကျော်",
            "ភាសា",
            "አበበ",
            "王小明",
            "さくら",
            "スーパー",
            "田中さくら",
            "김철수",
            "李철수",
        ] {
            assert!(Name::parse(name).is_ok(), "{name}: {:?}", Name::parse(name));
        }
    }

    #[test]
    fn a_name_does_not_mix_scripts() {
        for name in
            ["b\u{43e}b", "hub\u{903}", "hub\u{a83}", "hub\u{1038}", "hub\u{e30}", "Bob小明", "αb", "さ김"]
        {
            assert!(matches!(Name::parse(name), Err(NameError::MixesScripts(_))), "{name}");
        }
    }

    #[test]
    fn names_look_alike_if_a_reader_may_take_one_for_the_other() {
        for (one, other) in [
            ("bob", "BOB"),
            ("bob", "ВОВ"),
            ("bob", "b0b"),
            ("BOB", "b0b"),
            ("bill", "biII"),
            ("bill", "BilI"),
            ("bill", "b1ll"),
            ("bill", "B1LL"),
            ("neil", "NElL"),
            ("mcdonald", "McDonaId"),
            ("tom", "torn"),
            ("TOM", "T0RN"),
            ("user1", "userl"),
            ("user1", "USERI"),
            ("рау", "pay"),
            ("ロ", "口"),
        ] {
            let looks_like =
                |one: &str, other| Name::parse(one).unwrap().looks_like(&Name::parse(other).unwrap());
            assert!(looks_like(one, other) && looks_like(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("bob", "rob"),
            ("neil", "nell"),
            ("ali", "all"),
            ("user1", "user7"),
            ("Zoe", "Zoë"),
            ("小明", "小朋"),
        ] {
            assert!(!Name::parse(one).unwrap().looks_like(&Name::parse(other).unwrap()), "{one} {other}");
        }
    }

    #[test]
    fn a_name_that_looks_like_a_reserved_word_is_refused() {
        for (name, word) in
            [("Y0U", "you"), ("γου", "you"), ("0perator", "operator"), ("OPERAT0R", "operator")]
        {
            let error = Name::parse(name).unwrap_err().to_string();
            assert_eq!(error, format!("the name {name} looks like {word}, which is reserved"));
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
