//! The code that two people tell each other, such as `7-velvet-otter`.

use std::fmt;

use ring::rand::SecureRandom;
use zeroize::Zeroizing;

/// Words that are told apart when spoken: no two differ by one letter. Their number is a power of two, so that nine random
/// bits choose one of them without a bias.
const WORDS: &str = include_str!("words.txt");
const BITS_OF_A_WORD: u32 = 9;
const MAX_NUMBER: u8 = 99;

/// What a person may type for a code. The longest code with three words has 26 bytes.
const MAX_TYPED: usize = 200;

/// How many words a code for two people has: 24 bits with the number. A guess costs a connection and there is only one, so a
/// guesser succeeds once in 25 million codes.
pub const WORDS_FOR_TWO: usize = 2;

/// How many words a hub's code has: 33 bits with the number. It outlives wrong tries, which the hub limits.
pub const WORDS_FOR_A_HUB: usize = 3;

/// A number and two or three words. It is wiped when dropped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// A new code with this number of words, or None if the system gives no random bytes.
    pub fn generate(words: usize, random: &dyn SecureRandom) -> Option<Self> {
        let mut number = [0];
        // Bytes from 198 on would make small numbers more likely.
        while number[0] == 0 || number[0] > 2 * MAX_NUMBER {
            random.fill(&mut number).ok()?;
        }
        let mut code = Zeroizing::new(String::with_capacity(MAX_TYPED));
        code.push_str(&(1 + (number[0] - 1) % MAX_NUMBER).to_string());
        for _ in 0..words {
            let mut index = [0; 2];
            random.fill(&mut index).ok()?;
            let index = u16::from_le_bytes(index) & ((1 << BITS_OF_A_WORD) - 1);
            code.push('-');
            code.push_str(WORDS.split_ascii_whitespace().nth(index.into())?);
        }
        Some(Self(code))
    }

    /// The code in what a person typed: in any case, with spaces or hyphens or neither between the number and the first word.
    ///
    /// # Errors
    /// A sentence for the user that names what is not understood.
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        let typed = typed.trim();
        if typed.len() > MAX_TYPED {
            return Err(CodeError::Shape);
        }
        let end_of_number = typed.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(typed.len());
        let (number, rest) = typed.split_at(end_of_number);
        let number: u8 = number.parse().map_err(|_| CodeError::Shape)?;
        let mut code = Zeroizing::new(String::with_capacity(MAX_TYPED + 1));
        code.push_str(&number.to_string());
        let mut words = 0;
        let between = |c: char| c.is_whitespace() || "-‐‑‒–—_.,".contains(c);
        for typed in rest.split(between).filter(|word| !word.is_empty()) {
            let known = WORDS.split_ascii_whitespace().find(|word| word.eq_ignore_ascii_case(typed));
            code.push('-');
            code.push_str(known.ok_or_else(|| CodeError::unknown(typed))?);
            words += 1;
        }
        let is_code =
            (1..=MAX_NUMBER).contains(&number) && (WORDS_FOR_TWO..=WORDS_FOR_A_HUB).contains(&words);
        if is_code { Ok(Self(code)) } else { Err(CodeError::Shape) }
    }

    /// The code as it is told and as the proof uses it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// Why a text is not a code.
#[derive(Clone, PartialEq, Eq)]
pub enum CodeError {
    /// It is not a number and two or three words.
    Shape,
    /// A word that no code has, and the nearest word that codes have.
    UnknownWord {
        /// As it was typed.
        typed: String,
        /// None: no word is near.
        nearest: Option<&'static str>,
    },
}

impl CodeError {
    fn unknown(typed: &str) -> Self {
        // The longest word has seven letters.
        let short: String = typed.chars().take(12).collect();
        let distances =
            WORDS.split_ascii_whitespace().map(|word| (distance(word, &short.to_lowercase()), word));
        let nearest = distances.min().filter(|(distance, _)| *distance <= 2).map(|(_, word)| word);
        Self::UnknownWord { typed: short, nearest }
    }
}

impl CodeError {
    /// What to show to the person who has just typed it. It repeats a word: in an error, it could end up in a log.
    #[must_use]
    pub fn to_typist(&self) -> String {
        match self {
            Self::Shape => self.to_string(),
            Self::UnknownWord { typed, nearest: Some(word) } => {
                format!("no code has the word {typed:?}; is it {word}?")
            }
            Self::UnknownWord { typed, nearest: None } => format!("no code has the word {typed:?}"),
        }
    }
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "a code is a number and two or three words, such as 7-velvet-otter",
            Self::UnknownWord { .. } => "it has a word that is in no code: check its spelling",
        })
    }
}

impl fmt::Debug for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CodeError {}

/// How many letters must be changed, added or left out to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, c) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, d) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ring::rand::SystemRandom;
    use std::collections::BTreeSet;

    fn parsed(text: &str) -> String {
        Code::parse(text).unwrap().reveal().to_owned()
    }

    #[test]
    fn the_words_are_told_apart() {
        let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
        assert_eq!(words.len(), 1 << BITS_OF_A_WORD);
        for (i, word) in words.iter().enumerate() {
            assert!((4..=7).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
            for other in &words[..i] {
                assert!(distance(word, other) > 1, "{word} {other}");
            }
        }
    }

    #[test]
    fn a_code_that_was_made_is_understood() {
        for words in [WORDS_FOR_TWO, WORDS_FOR_A_HUB] {
            let codes: Vec<Code> =
                (0..200).map(|_| Code::generate(words, &SystemRandom::new()).unwrap()).collect();
            for code in &codes {
                assert_eq!(code.reveal().split('-').count(), words + 1);
                assert_eq!(Code::parse(code.reveal()).unwrap(), *code);
            }
            let different: BTreeSet<&str> = codes.iter().map(Code::reveal).collect();
            assert!(different.len() > 190);
        }
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        for typed in [
            "7-velvet-otter",
            " 7 velvet otter\n",
            "7-Velvet-OTTER",
            "7--velvet- otter-",
            "7velvet otter",
            "07-velvet–otter",
            "7, velvet, otter.",
        ] {
            assert_eq!(parsed(typed), "7-velvet-otter", "{typed}");
        }
        assert_eq!(parsed("99 velvet otter acorn"), "99-velvet-otter-acorn");
    }

    #[test]
    fn what_is_not_a_code_is_explained() {
        for typed in ["", "7", "7-velvet", "velvet-otter", "0-velvet-otter", "100-velvet-otter", "7-a-b-c-d"]
        {
            assert!(Code::parse(typed).is_err(), "{typed}");
        }
        let error = |typed| Code::parse(typed).unwrap_err().to_typist();
        assert_eq!(error("7-velvet-oter"), "no code has the word \"oter\"; is it otter?");
        assert_eq!(error("7-vlevet-otter"), "no code has the word \"vlevet\"; is it velvet?");
        assert_eq!(error("7-qqqqqqq-otter"), "no code has the word \"qqqqqqq\"");
        assert_eq!(error("7-velvet"), "a code is a number and two or three words, such as 7-velvet-otter");
        assert!(error(&format!("7-{}", "x".repeat(150))).len() < 60);
        assert!(Code::parse(&"7-velvet-otter ".repeat(1000)).is_err());
    }

    #[test]
    fn an_error_that_may_be_logged_repeats_no_word() {
        let error = Code::parse("7-velvet-oter").unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("spelling") && !shown.contains("ter") && !shown.contains("velvet"), "{shown}");
    }

    #[test]
    fn debug_does_not_show_a_code() {
        assert_eq!(format!("{:?}", Code::parse("7-velvet-otter").unwrap()), "Code(..)");
    }
}
