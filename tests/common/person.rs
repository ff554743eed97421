//! A person who types at random while others talk, and a simple model of what the line then is and what the screen shows.

use super::emulator::Emulator;
use super::terminal::without_time;
use proptest::prelude::*;
use proptest::sample::select;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What happens.
#[derive(Clone, Debug)]
pub enum Step {
    Type(&'static str),
    Key(Key),
    Paste {
        lines: Vec<&'static str>,
        newline: &'static str,
        bracketed: bool,
    },
    /// So many lines up in the history, and down again if nothing is to be sent.
    Recall {
        up: usize,
        send: bool,
    },
    /// The peer says this.
    Hear(Vec<&'static str>),
    /// To so many rows and columns.
    Resize(u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Key {
    Left,
    Right,
    Home,
    End,
    Backspace,
    Delete,
    KillToEnd,
    KillToStart,
    Yank,
    Clear,
    Enter,
}

const KEYS: [(Key, &str); 11] = [
    (Key::Left, "\x1b[D"),
    (Key::Right, "\x1b[C"),
    (Key::Home, "\x1b[H"),
    (Key::End, "\x1b[F"),
    (Key::Backspace, "\x7f"),
    (Key::Delete, "\x1b[3~"),
    (Key::KillToEnd, "\x0b"),
    (Key::KillToStart, "\x15"),
    (Key::Yank, "\x19"),
    (Key::Clear, "\x03"),
    (Key::Enter, "\r"),
];

const TEXTS: [&str; 14] = [
    "a",
    "two words",
    " ",
    "ä",
    "漢字",
    "e\u{301}",
    "\u{301}",
    "👩\u{200d}👩\u{200d}👧",
    "🇩🇪",
    "مرحبا",
    "a longer text, of which a few make more than one row at any width that the terminal may have",
    "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
    "-",
    "end",
];

/// Only within brackets is this text.
const FOREIGN: [&str; 3] = ["a\x1b[2Jb", "\x07", "\u{202e}"];

const MESSAGES: [&str; 5] = [
    "hi",
    "",
    "a message so long that a terminal of eighty columns wraps it, and a narrow one does so more than once: the end",
    "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
    "e\u{301} 👩\u{200d}👩\u{200d}👧",
];

pub fn steps(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    let paste = |texts: Vec<&'static str>, bracketed| {
        (prop::collection::vec(select(texts), 1..5), select(vec!["\r", "\n", "\r\n"]))
            .prop_map(move |(lines, newline)| Step::Paste { lines, newline, bracketed })
    };
    let step = prop_oneof![
        8 => select(&TEXTS[..]).prop_map(Step::Type),
        8 => select(&KEYS[..]).prop_map(|(key, _)| Step::Key(key)),
        1 => paste(TEXTS.to_vec(), false),
        1 => paste([&TEXTS[..], &FOREIGN].concat(), true),
        1 => (1_usize..4, any::<bool>()).prop_map(|(up, send)| Step::Recall { up, send }),
        5 => prop::collection::vec(select(&MESSAGES[..]), 1..4).prop_map(Step::Hear),
        1 => (2_u16..40, 45_u16..140).prop_map(|(rows, columns)| Step::Resize(rows, columns)),
    ];
    prop::collection::vec(step, count)
}

/// What the line is, and what stands above it.
#[derive(Default)]
pub struct Person {
    before: String,
    after: String,
    killed: String,
    /// Whether the last key was one that kills: the next one would add to what was killed.
    kills: bool,
    history: Vec<String>,
    pub sent: Vec<String>,
    pub above: Vec<String>,
    /// How wide the terminal is, and how often that has changed.
    columns: u16,
    resized: usize,
}

impl Person {
    /// At a terminal of this width, where these lines are.
    pub fn new(columns: u16, above: Vec<String>) -> Self {
        Self { columns, above, ..Self::default() }
    }

    /// What is typed in this step, after which the line is as the model says. Nothing, if the step makes no sense now.
    pub fn types(&mut self, step: &Step) -> String {
        let killed_before = std::mem::take(&mut self.kills);
        let typed = self.take(step, killed_before);
        self.kills |= killed_before && typed.is_empty();
        typed
    }

    fn take(&mut self, step: &Step, killed_before: bool) -> String {
        match step {
            Step::Type(text) => {
                self.before.push_str(text);
                (*text).to_owned()
            }
            Step::Key(key @ (Key::KillToEnd | Key::KillToStart)) => {
                let killed = if *key == Key::KillToEnd { &mut self.after } else { &mut self.before };
                if killed.is_empty() || killed_before {
                    return String::new();
                }
                self.killed = std::mem::take(killed);
                self.kills = true;
                bytes(*key)
            }
            Step::Key(Key::Clear) if self.text().is_empty() => String::new(),
            Step::Key(key) => {
                self.press(*key);
                bytes(*key)
            }
            Step::Paste { lines, newline, bracketed } => {
                for (n, line) in lines.iter().enumerate() {
                    if n > 0 {
                        self.press(Key::Enter);
                    }
                    self.before.push_str(line);
                }
                let pasted = lines.join(newline);
                if *bracketed { format!("\x1b[200~{pasted}\x1b[201~") } else { pasted }
            }
            Step::Recall { up, .. } if *up > self.history.len() => String::new(),
            Step::Recall { up, send: true } => {
                self.before = self.history[self.history.len() - up].clone();
                self.after.clear();
                self.press(Key::Enter);
                format!("{}\r", "\x1b[A".repeat(*up))
            }
            Step::Recall { up, send: false } => {
                self.press(Key::End);
                format!("{}{}{}", "\x1b[A".repeat(*up), "\x1b[B".repeat(*up), bytes(Key::End))
            }
            Step::Hear(messages) => {
                self.above
                    .extend(messages.iter().map(|message| format!("< {message}").trim_end().to_owned()));
                String::new()
            }
            Step::Resize(_, columns) => {
                self.resized += usize::from(*columns != self.columns);
                self.columns = *columns;
                String::new()
            }
        }
    }

    fn press(&mut self, key: Key) {
        match key {
            Key::Left => move_cluster(&mut self.before, &mut self.after),
            Key::Right => {
                let first = self.after.graphemes(true).next().unwrap_or_default().to_owned();
                self.after.drain(..first.len());
                self.before.push_str(&first);
            }
            Key::Home => self.after.insert_str(0, &std::mem::take(&mut self.before)),
            Key::End => self.before.push_str(&std::mem::take(&mut self.after)),
            Key::Backspace => move_cluster(&mut self.before, &mut String::new()),
            Key::Delete => {
                let first = self.after.graphemes(true).next().unwrap_or_default().len();
                self.after.drain(..first);
            }
            Key::Yank => self.before.push_str(&self.killed.clone()),
            Key::Clear => self.clear(),
            Key::Enter if self.text().is_empty() => {}
            Key::Enter => {
                let text = self.text();
                self.above.push(format!("> {}", harmless(&text)).trim_end().to_owned());
                if self.history.last() != Some(&text) {
                    self.history.push(text.clone());
                }
                self.sent.push(text);
                self.clear();
            }
            Key::KillToEnd | Key::KillToStart => unreachable!("handled above"),
        }
    }

    fn clear(&mut self) {
        self.before.clear();
        self.after.clear();
    }

    pub fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// Whether the screen shows above the row what was said, each line once and in order.
    pub fn above_is_right(&self, screen: &Emulator, prompt: &str) -> Result<(), String> {
        let (above, copies) = above(screen, prompt);
        if copies > self.resized {
            return Err(format!("{copies} copies of the row: {above:#?}"));
        }
        if above == self.above {
            Ok(())
        } else {
            Err(format!("above is {above:#?} instead of {:#?}", self.above))
        }
    }

    /// Whether the screen shows the line, with the cursor in its place, in a row behind this prompt.
    pub fn row_is_right(&self, screen: &Emulator, prompt: &str) -> Result<(), String> {
        let (before, after) = screen.cursor_row();
        let Some(before) = before.strip_prefix(prompt) else {
            return Err(format!("no prompt: {before:?}{after:?}"));
        };
        let seen = [visible(before), visible(&after).trim_end().to_owned()];
        let line = [&self.before, &self.after].map(|text| visible(&harmless(text)));
        let fits = prompt.width() + line.iter().map(|text| width(text)).sum::<usize>()
            < usize::from(self.columns) - 1;
        let after_matches = if fits { seen[1] == line[1].trim_end() } else { line[1].starts_with(&seen[1]) };
        let before_matches = if fits { seen[0] == line[0] } else { line[0].ends_with(&seen[0]) };
        // Some of what is before the cursor is always seen.
        let sees_some = line[0].is_empty() || !seen[0].is_empty();
        if after_matches && before_matches && sees_some {
            return Ok(());
        }
        Err(format!("the row is {seen:?}, the line {line:?}"))
    }
}

/// The lines above the row, and how many copies of the row's beginning there are: a window that became narrower than the
/// row may keep one, and takes what follows for the rest of the same line, which it lays out anew with the next size.
fn above(screen: &Emulator, prompt: &str) -> (Vec<String>, usize) {
    let (text, prompt) = (screen.text().join("\n"), prompt.trim_end());
    let mut starts: Vec<_> = text.match_indices(prompt).map(|(at, _)| at).collect();
    let is_line = |at: &usize| without_time(&text[*at..]).len() < text.len() - at;
    starts.extend((0..text.len()).filter(|at| text.is_char_boundary(*at)).filter(is_line));
    starts.extend(text.match_indices('\n').map(|(at, _)| at + 1).chain([0]));
    starts.sort_unstable();
    starts.dedup();
    starts.push(text.len());
    let lines = starts.windows(2).map(|ends| text[ends[0]..ends[1]].trim_end());
    let (rows, lines): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with(prompt));
    (lines.into_iter().map(|line| without_time(line).to_owned()).collect(), rows.len() - 1)
}

fn bytes(key: Key) -> String {
    KEYS.iter().find(|(other, _)| *other == key).unwrap().1.to_owned()
}

/// Moves the last cluster of `from` to the beginning of `to`.
fn move_cluster(from: &mut String, to: &mut String) {
    let last = from.graphemes(true).next_back().unwrap_or_default().to_owned();
    from.truncate(from.len() - last.len());
    to.insert_str(0, &last);
}

/// How text is shown that a terminal would obey.
fn harmless(text: &str) -> String {
    text.replace('\x1b', "^[").replace('\x07', "^G").replace('\u{202e}', "<U+202E>")
}

/// The characters that take a column. A terminal that shows a part of a cluster again loses what belongs to it.
fn visible(text: &str) -> String {
    text.chars().filter(|c| c.width() != Some(0)).collect()
}

fn width(text: &str) -> usize {
    text.chars().filter_map(char::width).sum()
}
