//! Hostile scripts.

use super::script::{MAX_LINE, Script};
use crate::rules::hostile::spell_text;

#[test]
fn any_script_is_scenes_of_short_lines_or_refused_with_the_number_of_the_line() {
    const WORDS: &[&str] = &[
        "A ",
        "B ",
        "A\t",
        "# ",
        "\n",
        "\n\n",
        "\r\n",
        "88",
        "hello",
        "C ",
        "\u{feff}",
        "A xxxxxxxxxxxxxxxxxxxx\n",
    ];
    let long = "x".repeat(MAX_LINE - 20);
    bolero::check!(name = "script").for_each(|input: &[u8]| {
        // A word that is nearly too long.
        let text = spell_text(input, WORDS).replace('~', &long);
        let lines = text.lines().count();
        match Script::parse(&text).map(Script::with_goodbye) {
            Ok(mut script) => {
                let (mut typed, mut has_goodbye) = (0, false);
                while let Some(scene) = script.next() {
                    let said: Vec<&String> = scene.iter().flatten().collect();
                    assert!(
                        !said.is_empty()
                            && said.iter().all(|line| line.len() <= MAX_LINE && !line.contains('\n'))
                    );
                    has_goodbye |= said.iter().any(|line| *line == "88");
                    typed += said.len();
                }
                assert!(has_goodbye && typed <= lines + 1);
            }
            Err(why) => {
                let why = why.to_string();
                let number = why.strip_prefix("line ").and_then(|why| why.split(':').next()?.parse().ok());
                assert!(number.is_some_and(|number: usize| (1..=lines).contains(&number)), "{why}");
            }
        }
    });
}
