//! The row on the screen that shows the line.

use super::foreign;
use super::text::floor;
use crate::rules::sanitize::sanitize;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What to show: one row, harmless to a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// In front of the line.
    pub prompt: String,
    /// The line up to the cursor, as far as it fits.
    pub before: String,
    /// The line from the cursor on, as far as it fits.
    pub after: String,
}

/// How many columns a terminal has that does not know its size, as at a serial line or in a container, or says something
/// absurd.
const UNKNOWN: usize = 80;
const MAX_COLUMNS: usize = 1000;
/// The number of columns after the cursor that a row shows at least, unless the line ends before.
const CONTEXT: usize = 10;
/// How many columns the prompt leaves to the line, unless that is more than half of the row.
const FOR_LINE: usize = 20;
/// How many bytes are considered for each column. More of them, as in a letter with hundreds of accents, are not shown.
const BYTES_FOR_COLUMN: usize = 64;

impl Row {
    /// The part of the line around the cursor, in `columns - 1`: in the last column, terminals differ.
    pub(super) fn new(prompt: &str, before: &str, after: &str, columns: usize) -> Self {
        let columns = if (1..=MAX_COLUMNS).contains(&columns) { columns } else { UNKNOWN } - 1;
        let prompt = harmless(prompt);
        // Its end says more than its beginning.
        let (prompt, used) = last(&prompt, columns - columns.div_ceil(2).min(FOR_LINE));
        let columns = columns - used;

        let most = columns * BYTES_FOR_COLUMN;
        let begin = floor(before, before.len().saturating_sub(most));
        // The cut may have split a cluster.
        let cut = if begin == 0 { 0 } else { before[begin..].graphemes(true).next().map_or(0, str::len) };
        let before = harmless(&before[begin + cut..]);
        let after = harmless(&after[..floor(after, most)]);
        let (_, context) = first(&after, CONTEXT.min(columns / 4));
        let (before, used) = last(&before, columns - context);
        let (after, _) = first(&after, columns - used);
        Self { prompt: prompt.to_owned(), before: before.to_owned(), after: after.to_owned() }
    }
}

/// What is shown for a part of the line: a tab in caret form, so that its width is known, and U+FFFD for a foreign byte.
fn harmless(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => visible.push_str("^I"),
            _ if foreign::is_foreign(character) => visible.push(char::REPLACEMENT_CHARACTER),
            _ => visible.push(character),
        }
    }
    let mut shown = Vec::new();
    sanitize(visible.as_bytes(), &mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

/// The first clusters that fit, and their width.
fn first(text: &str, columns: usize) -> (&str, usize) {
    let (length, width) = fitting(text.graphemes(true), columns);
    (&text[..length], width)
}

/// The last clusters that fit, and their width.
fn last(text: &str, columns: usize) -> (&str, usize) {
    let (length, width) = fitting(text.graphemes(true).rev(), columns);
    (&text[text.len() - length..], width)
}

fn fitting<'a>(clusters: impl Iterator<Item = &'a str>, columns: usize) -> (usize, usize) {
    let (mut length, mut used) = (0, 0);
    for cluster in clusters {
        let width = width(cluster);
        if used + width > columns {
            break;
        }
        (length, used) = (length + cluster.len(), used + width);
    }
    (length, used)
}

/// How many columns a cluster takes at most: terminals differ, and too wide a guess only shows less.
fn width(cluster: &str) -> usize {
    cluster.width().max(cluster.chars().map(|character| character.width().unwrap_or(0)).sum())
}
