//! Hostile input: what the targets for fuzzing share, and the targets of the files of this folder itself.
//!
//! A target is a test that states what holds for any input. `cargo test` runs it with its corpus (in `__fuzz__/` beside it) and some
//! random inputs; `.ci/fuzz` lets a fuzzer look for inputs for as long as one likes. Others are in the files of this
//! name below, in `lab/` and `designs/`, and in `tests/hub_rules/`.
#![allow(clippy::unwrap_used)]

mod spell;

use super::address::Address;
use super::said::{News, Said, is_name};
use super::sanitize::{is_invisible, sanitize};
pub(crate) use spell::spell;

/// What an input says, as a text.
pub(crate) fn spell_text<W: AsRef<[u8]>>(input: &[u8], words: &[W]) -> String {
    String::from_utf8_lossy(&spell(input, words)).into_owned()
}

/// Whether a terminal would obey it, or a person could not see it.
pub(crate) fn is_harmless(text: &str) -> bool {
    !text.contains(char::is_control)
}

#[test]
fn any_address_is_understood_again_as_it_is_shown_or_explained() {
    const WORDS: &[&str] = &[
        "tcp://",
        "http://",
        "[",
        "]",
        "::1",
        "fe80::1",
        "%25",
        "%eth0",
        "%7",
        ":21567",
        ":0",
        "localhost",
        "127.1",
        "0x7f",
        "0177",
        "192.0.2.1",
        "example.org",
        ".",
        "::ffff:127.0.0.1",
        "@",
        "/",
        "müller",
        "\u{202e}",
        "\u{1b}[2J",
        "*",
        "65536",
    ];
    bolero::check!(name = "address").for_each(|input: &[u8]| {
        let text = spell_text(input, WORDS);
        match text.parse::<Address>() {
            Ok(address) => {
                let shown = address.to_string();
                let again: Address = shown.parse().unwrap();
                assert_eq!((again.to_string(), again.known()), (shown.clone(), address.known()), "{text:?}");
                assert!(is_harmless(&shown) && !shown.contains(changes_direction), "{text:?}");
                for known in address.known().unwrap_or_default() {
                    assert_eq!(Address::from(known).known(), Some(vec![known]), "{text:?}");
                }
            }
            Err(why) => assert!(is_harmless(&why), "{text:?}: {why:?}"),
        }
    });
}

/// Whether it turns the text behind it round.
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn any_text_is_shown_without_what_a_terminal_obeys() {
    const WORDS: &[&[u8]] = &[
        b"\x1b[2J",
        b"\x1b]0;owned\x07",
        b"\x9b2J",
        b"\xc2\x9b",
        b"\x7f",
        b"\r",
        b"\t",
        b"\xff",
        b"\xe2\x82",
        b"hello",
        "\u{202e}".as_bytes(),
        "\u{2066}".as_bytes(),
        "\u{200b}".as_bytes(),
        "\u{200d}".as_bytes(),
        "\u{fe0f}".as_bytes(),
        "\u{e0041}".as_bytes(),
        "\u{1f3f4}".as_bytes(),
        "\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}".as_bytes(),
        "\u{301}\u{301}\u{301}\u{301}\u{301}".as_bytes(),
        "\u{1161}".as_bytes(),
        "👩".as_bytes(),
        "नम".as_bytes(),
        "\u{2028}".as_bytes(),
        "#".as_bytes(),
    ];
    let shown = |text: &[u8]| {
        let mut shown = Vec::new();
        sanitize(text, &mut shown);
        String::from_utf8(shown).unwrap()
    };
    bolero::check!(name = "sanitize").for_each(|input: &[u8]| {
        let text = spell(input, WORDS);
        let once = shown(&text);
        assert!(is_harmless(&once.replace('\t', "")), "{once:?}");
        assert!(!once.contains(changes_direction), "{once:?}");
        // What is shown of a hidden text is longer than it, but not by much.
        assert!(once.len() <= 10 * text.len(), "{once:?}");
        assert_eq!(shown(once.as_bytes()), once);
        if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            assert_eq!(once.as_bytes(), text);
        }
        // Nothing invisible stays that has nothing before it.
        assert!(!once.starts_with(|first| first != '\t' && is_invisible(first)), "{once:?}");
    });
}

#[test]
fn any_line_of_a_hub_is_taken_apart_without_a_loss() {
    const WORDS: &[&str] = &[
        "<",
        "> ",
        "<bob> ",
        "* ",
        "* <bob> ",
        "* hub: ",
        "[",
        " -> you] ",
        "[bob -> you] ",
        "bob",
        "@operator",
        "you",
        "hub",
        " joined",
        " left",
        " is now ",
        ", ",
        "welcome to ",
        "; 88 leaves, /help lists the commands",
        "you are now ",
        "2 are here: ",
        "2 are in lobby: ",
        " (",
        ") ",
    ];
    bolero::check!(name = "said").for_each(|input: &[u8]| {
        let line = spell_text(input, WORDS);
        let said = Said::parse(&line);
        let (name, again) = match said {
            Said::Text { from, text } => (Some(from), format!("<{from}> {text}")),
            Said::Emote { from, text } => (Some(from), format!("* <{from}> {text}")),
            Said::Private { from, text } => (Some(from), format!("[{from} -> you] {text}")),
            Said::Answer(text) => (None, format!("* hub: {text}")),
            Said::Announcement(text) => (None, format!("* {text}")),
            Said::Other(text) => (None, text.to_owned()),
        };
        assert_eq!(again, line);
        let mut names: Vec<&str> = name.into_iter().collect();
        match said.news() {
            Some(News::Welcome { room, name }) => names.extend([room, name]),
            Some(News::YouAreNow(name) | News::Joined(name) | News::Left(name)) => names.push(name),
            Some(News::Present(present)) => names.extend(present.names()),
            Some(News::Renamed(renamed)) => names.extend(renamed.names().flat_map(|(old, new)| [old, new])),
            None => {}
        }
        assert!(names.iter().all(|name| is_name(name)), "{line:?}: {names:?}");
    });
}
