//! What a name may be, and that it cannot imitate another.

use super::*;

const WRONG: &str = "a name has 1 to 32 letters, digits, _ and -";

/// For somebody at the same address.
const BOB_IS_TAKEN: &str = "the name bob is taken; if you were bob, you get it when your old connection has not answered for 10 seconds";

/// Asks for a name. Returns the answer after `* hub: `, which must be the only line.
#[track_caller]
fn asks_for(client: &mut Client, name: &str) -> String {
    client.says(&format!("/name {name}"));
    let heard = client.heard_so_far();
    assert_eq!(heard.len(), 1, "{heard:#?}");
    heard[0].strip_prefix("* hub: ").unwrap().to_owned()
}

#[test]
fn a_name_has_letters_of_any_script_digits_underscores_and_hyphens() {
    let (_hub, port) = hub(&[]);
    let mut alice = Client::joins(port);
    let mut bob = Client::joins_as(port, "bob");
    alice.catches_up();
    // No more than are announced one by one.
    for name in ["a", "Bob_2-b", "-", "कृष्ण", "Ольга", "田中さくら"] {
        let before = bob.name.clone();
        bob = bob.calls_themselves(name);
        alice.hears_next(&format!("* {before} is now {name}"));
    }
    bob.says("hello");
    alice.hears_next(&format!("<{}> hello", bob.name));
}

#[test]
fn a_name_has_at_most_32_characters() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins(port);
    for letter in ["a", "ü", "語"] {
        assert_eq!(asks_for(&mut bob, &letter.repeat(33)), WRONG);
        assert_eq!(asks_for(&mut bob, &letter.repeat(32)), format!("you are now {}", letter.repeat(32)));
    }
    // The length counts after normalization: a ligature is the letters it stands for.
    assert_eq!(asks_for(&mut bob, &"ﬁ".repeat(17)), WRONG);
    assert!(asks_for(&mut bob, &"ﬁ".repeat(16)).starts_with("you are now "));
}

#[test]
fn other_characters_are_refused_with_the_rule() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    let wrong = [
        "b.ob",
        "bob smith",
        "bob>",
        "<bob",
        "[bob",
        "b]",
        "*",
        "* hub",
        "hub:",
        "b/ob",
        "b\tob",
        "bob,alice",
        "b\u{1b}[2Job",
        "@bob",
        "@operator",
        "＠operator",
        "a😀b",
        "b\u{a0}ob",
        "\u{301}",
    ];
    for name in wrong {
        assert_eq!(asks_for(&mut bob, name), WRONG, "{name:?}");
    }
    bob.sends(b"/name b\xffob\n");
    bob.has_heard(&[&from_hub(WRONG)]);
    bob.is_answered("/name", "usage: /name NEW");
    bob.says("still bob");
    alice.hears_next("<bob> still bob");
}

/// Some of them are letters to Unicode.
#[test]
fn invisible_letters_are_refused() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins(port);
    let invisible = [
        '\u{3164}',
        '\u{115f}',
        '\u{1160}',
        '\u{ffa0}',
        '\u{ad}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{202e}',
        '\u{2060}',
        '\u{2800}',
        '\u{feff}',
        '\u{fe0f}',
        '\u{180e}',
        '\u{34f}',
        '\u{17b4}',
        '\u{e0061}',
    ];
    for letter in invisible {
        for name in
            [letter.to_string(), format!("bob{letter}"), format!("{letter}bob"), format!("b{letter}ob")]
        {
            assert_eq!(asks_for(&mut bob, &name), WRONG, "{name:?}");
        }
    }
}

#[test]
fn a_name_is_taken_in_every_spelling() {
    let (_hub, [mut bob, mut other]) = hub_with(&[], ["bob", "other"]);
    let taken = [
        ("bob", &["bob", "Bob", "BOB", "ｂｏｂ", "ＢＯＢ", "𝐛𝐨𝐛"][..]),
        ("Straße", &["straße", "STRASSE", "strasse", "STRAẞE"]),
        ("Ångström", &["ångström", "A\u{30a}ngstro\u{308}m", "Ａ\u{30a}ngström", "\u{212b}ngström"]),
        ("Σίσυφος", &["ΣΊΣΥΦΟΣ", "σίσυφοσ"]),
    ];
    for (name, spellings) in taken {
        if bob.name != name {
            bob = bob.calls_themselves(name);
        }
        other.catches_up();
        for spelling in spellings {
            let answer = asks_for(&mut other, spelling);
            assert!(answer.contains(" is taken"), "{spelling}: {answer}");
        }
    }
    bob.catches_up();
}

#[test]
fn a_name_that_may_be_mistaken_for_another_is_refused_with_the_reason() {
    let (_hub, [mut bob, mut other]) = hub_with(&[], ["bob", "other"]);
    let reasons = [
        ("b0b", "looks like bob, which is taken"),
        ("ВОВ", "looks like bob, which is taken"),
        ("b\u{43e}b", "mixes letters of different scripts"),
        ("hub\u{903}", "mixes letters of different scripts"),
        ("γου", "looks like you, which is reserved"),
        ("OPERAT0R", "looks like operator, which is reserved"),
    ];
    for (name, reason) in reasons {
        assert_eq!(asks_for(&mut other, name), format!("the name {name} {reason}"));
    }
    bob.catches_up();
    other.is_answered("/join l0bby", "no such room: the name l0bby looks like lobby, which exists");
}

#[test]
fn a_taken_name_is_refused_and_free_again_after_its_owner_left() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    alice.is_answered("/name bob", BOB_IS_TAKEN);
    bob = bob.calls_themselves("robert");
    alice = alice.calls_themselves("bob");
    bob.leaves();
    alice.hears("* robert left");
    alice.calls_themselves("robert");
}

#[test]
fn a_member_may_spell_their_own_name_differently() {
    let (_hub, [bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    let _bob = bob.calls_themselves("Bob");
    alice.hears_next("* bob is now Bob");
}

#[test]
fn names_are_unique_across_rooms() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says("/join tea");
    bob.catches_up();
    alice.catches_up();
    alice.is_answered("/name bob", BOB_IS_TAKEN);
}

#[test]
fn hub_operator_and_you_are_reserved() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins(port);
    for name in ["hub", "you", "operator", "Hub", "YOU", "Operator", "OPERATOR", "ｈｕｂ", "ｏｐｅｒａｔｏｒ"]
    {
        let answer = asks_for(&mut bob, name);
        assert!(answer.ends_with(" is reserved"), "{name}: {answer}");
    }
    assert_eq!(asks_for(&mut bob, "you"), "the name you is reserved");
}

#[test]
fn without_an_operator_the_name_is_reserved_as_well() {
    let (_hub, port) = hub(&["--no-operator"]);
    let mut bob = Client::joins(port);
    assert_eq!(asks_for(&mut bob, "operator"), "the name operator is reserved");
    assert_eq!(asks_for(&mut bob, "@operator"), WRONG);
}

#[test]
fn one_of_ten_who_ask_for_a_name_at_once_gets_it() {
    let (_hub, port) = hub(&[]);
    let mut crowd: Vec<_> = (0..10).map(|_| Client::joins(port)).collect();
    crowd.iter_mut().for_each(|client| client.says("/name bob"));
    let answers: Vec<_> = crowd
        .iter_mut()
        .map(|client| {
            let is_answer = |line: &str| line == from_hub(BOB_IS_TAKEN) || line == "* hub: you are now bob";
            client.hears_until_one(is_answer).1
        })
        .collect();
    assert_eq!(
        answers.iter().filter(|answer| answer.ends_with("you are now bob")).count(),
        1,
        "{answers:#?}"
    );
}
