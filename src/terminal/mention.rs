//! Finds the user's name in what others say.

use crate::rules::said::is_name_char;
use memchr::memchr2_iter;
use std::ops::Range;

/// Where a name is, as a whole word and in any case, in `text` from `start` on.
pub(super) fn find(text: &str, start: usize, name: &str) -> Option<Range<usize>> {
    let first = name.chars().next()?;
    let [lower, upper] = [first.to_lowercase().next()?, first.to_uppercase().next()?].map(first_byte);
    memchr2_iter(lower, upper, &text.as_bytes()[start..]).find_map(|at| {
        let at = start + at;
        let end = at + length_ignoring_case(&text[at..], name)?;
        let is_word = is_boundary(text[..at].chars().next_back(), first)
            && is_boundary(text[end..].chars().next(), name.chars().next_back()?);
        is_word.then_some(at..end)
    })
}

fn first_byte(c: char) -> u8 {
    c.encode_utf8(&mut [0; 4]).as_bytes()[0]
}

/// How long `name` is at the beginning of `text`, if it is there.
fn length_ignoring_case(text: &str, name: &str) -> Option<usize> {
    let mut chars = text.chars();
    for wanted in name.chars() {
        let found = chars.next()?;
        if found != wanted && !found.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    Some(text.len() - chars.as_str().len())
}

/// Whether a word ends between two characters, of which `edge` is the name's.
fn is_boundary(neighbour: Option<char>, edge: char) -> bool {
    neighbour
        .is_none_or(|neighbour| !is_name_char(neighbour) || [neighbour, edge].iter().any(|c| is_unspaced(*c)))
}

/// Whether it is of a script that writes words without spaces: Thai, Lao, Burmese, Khmer, Chinese and Japanese.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{9fff}')
        || matches!(c, '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_the_whole_name_in_any_case() {
        for text in ["ann", "hi Ann!", "(ANN)", "ann: hello", "annie, ann", "ann你好"] {
            assert!(find(text, 0, "ann").is_some(), "{text}");
        }
        for text in ["", "annie", "joann", "ann_1", "ann-marie", "a nn", "änn"] {
            assert_eq!(find(text, 0, "ann"), None, "{text}");
        }
        assert_eq!(find("ann and ann", 1, "ann"), Some(8..11));
    }

    #[test]
    fn a_name_may_be_written_in_any_script() {
        assert_eq!(find("привет, ОЛЬГА", 0, "Ольга").map(|at| at.start), Some(14));
        assert!(find("你好小明在吗", 0, "小明").is_some());
        assert!(find("Ärzte und zoë", 0, "Zoë").is_some());
        assert_eq!(find("anything", 0, ""), None);
    }
}
