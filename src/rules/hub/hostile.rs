//! Hostile names, and hostile entries in the log of linked hubs.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "link")]
use super::logged::{Logged, Record};
use super::name::{MAX_NAME, Name, key};
use crate::rules::hostile::spell_text;
use crate::rules::said::is_name;
use crate::rules::sanitize::is_invisible;

/// The words of the hub, letters that look like others, that change with case or compatible forms, marks, and what no name has.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "hub", "you", "operator", "user", "bob", "Bill", "rn", "vv", "0", "1", "I", "l", "О", "о", "с", "ς", "Σ", "ß", "ẞ", "İ", "ı", "ŉ",
    "ﬃ", "Ⅻ", "ｈｕｂ", "ＹＯＵ", "µ", "ſ", "K", "ǅ", "ё", "é", "e\u{301}", "\u{301}", "\u{345}", "ᾳ", "ΐ", "h\u{331}", "漢", "口", "ロ",
    "か\u{3099}", "한", "\u{1112}\u{1161}\u{11ab}", "नम", "\u{93c}", "\u{e47}", "ก", "ا", "ﷺ", "_", "-", "@", " ", "\u{200d}", "\u{202e}", "\u{3164}",
    "½", "<", "\u{1b}",
];

/// As a fuzzer writes it, or in words.
fn text(input: &[u8]) -> String {
    match input {
        [b'=', raw @ ..] => String::from_utf8_lossy(raw).into_owned(),
        words => spell_text(words, WORDS),
    }
}

#[test]
fn any_name_that_is_accepted_stays_the_same_and_passes_for_nobody_else() {
    bolero::check!(name = "name").for_each(|input: &[u8]| {
        let Ok(name) = Name::parse(&text(input)) else { return };
        let shown = name.shown();
        assert!(shown.chars().count() <= MAX_NAME && is_name(shown), "{shown:?}");
        assert!(!shown.contains(is_invisible), "{shown:?}");
        assert_eq!(Name::parse(shown), Ok(name.clone()));
        assert_eq!(*key(name.key()), **name.key(), "{shown:?}");
        // Who writes it in capitals means the same, if that is a name at all.
        for other in [shown.to_uppercase(), shown.to_lowercase(), name.key().to_string()] {
            // What the Turkish i without a dot is in capitals depends on the language.
            if let Ok(other) = Name::parse(&other)
                && !shown.contains('ı')
            {
                assert_eq!(other.key(), name.key(), "{shown:?} {other:?}");
                assert!(other.looks_like(&name) && name.looks_like(&other), "{shown:?} {other:?}");
            }
        }
        for word in ["hub", "you", "operator", "HUB", "YOU", "OPERATOR", "@operator"] {
            assert_ne!(**shown, *word);
            assert!(!name.looks_like(&Name::of(word.to_owned())), "{shown:?} {word:?}");
        }
    });
}

#[cfg(feature = "link")]
#[test]
fn any_entry_of_the_log_makes_no_sense_or_means_what_is_written_again() {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "says ", "tells ", "joins ", "named ", "bans ", "answers ", "17 ", "0 ", "5\n", "0\n", "18446744073709551615", "\nhello\n",
        "hello\n", ". ", "0000000000000000000000000000000a ", "\n", "-", "first-use",
    ];
    bolero::check!(name = "logged").for_each(|input: &[u8]| {
        let data = spell_text(input, WORDS);
        if let Some((logged, length)) = Logged::read(data.as_bytes()) {
            assert!(length <= data.len());
            let mut again = Vec::new();
            logged.write(&mut again);
            assert_eq!(Logged::read(&again), Some((logged, again.len())));
        }
        if let Some(record) = Record::read(data.as_bytes()) {
            assert_eq!(record.write(), data.as_bytes());
        }
    });
}
