//! The line that a user types at a terminal, with Emacs keys.
//!
//! It is told the bytes that the keyboard sends, and knows the text, the cursor, and the row that shows them. It owns no
//! terminal, so one place tests it for every design and platform.
//!
//! A line has at most [64 KiB](text::LIMIT). A key beyond that is refused with a bell. Pasted text goes on in another line
//! instead, so that nothing of it is lost; the wire splits long lines as well.

mod completion;
mod foreign;
mod history;
mod keys;
mod kill_ring;
mod row;
mod search;
mod text;

pub use row::Row;

use self::completion::Completion;
use self::history::History;
use self::keys::{Key, Keys};
use self::search::Search;
use self::text::Text;
use rustyline::line_buffer::{LineBuffer, WordAction};
use rustyline::{At, Movement, Word};

/// The line being edited, and all that its keys need.
#[derive(Debug)]
pub struct Line {
    keys: Keys,
    text: Text,
    history: History,
    search: Option<Search>,
    last_query: String,
    completion: Option<Completion>,
}

/// What follows from keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The user finished this line: the bytes as typed, without a newline, and never empty.
    Enter(Vec<u8>),
    /// Ctrl-C on an empty line.
    Interrupt,
    /// Ctrl-D on an empty line.
    End,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-\.
    Quit,
    /// Ctrl-L.
    ClearScreen,
    /// The terminal has another size.
    Resized,
    /// A key could not do what it is for.
    Bell,
}

/// What Tab may complete.
#[derive(Clone, Debug, Default)]
pub struct Candidates<'a> {
    /// Commands, for the beginning of the line.
    pub commands: &'a [&'a str],
    /// Names, the last seen first.
    pub names: Vec<&'a str>,
}

const WORD_BACK: Movement = Movement::BackwardWord(1, Word::Emacs);
const SPACED_WORD_BACK: Movement = Movement::BackwardWord(1, Word::Big);
const WORD: Movement = Movement::ForwardWord(1, At::AfterEnd, Word::Emacs);

impl Line {
    /// An empty line. The history is the bytes of earlier lines, in the order in which they were entered.
    #[must_use]
    pub fn new(history: &[Vec<u8>]) -> Self {
        let history = history.iter().map(|line| foreign::to_text(line)).collect();
        Self {
            keys: Keys::default(),
            text: Text::new(),
            history: History::new(history),
            search: None,
            last_query: String::new(),
            completion: None,
        }
    }

    /// Handles what was read from the keyboard, cut anywhere. Returns what follows, in order.
    pub fn handle(&mut self, bytes: &[u8], candidates: &Candidates<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        for key in self.keys.decode(bytes) {
            self.press(key, candidates, &mut commands);
        }
        commands
    }

    /// The text being edited. Bytes that are not UTF-8 are private characters in it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// The lines entered, oldest first.
    pub fn history(&self) -> impl Iterator<Item = &str> {
        self.history.lines()
    }

    /// The row that shows the line: at most `columns - 1` wide, and harmless to a terminal. A longer line is shown around the
    /// cursor.
    #[must_use]
    pub fn row(&self, prompt: &str, columns: usize) -> Row {
        if let Some(search) = &self.search {
            let found = search.found(&self.history);
            let (before, after) = found.map_or(self.text.halves(), |(_, line, place)| line.split_at(place));
            return Row::new(&search.prompt(), before, after, columns);
        }
        let (before, after) = self.text.halves();
        if self.keys.has_unfinished_text() {
            return Row::new(prompt, &format!("{before}\u{fffd}"), after, columns);
        }
        Row::new(prompt, before, after, columns)
    }

    fn press(&mut self, key: Key, candidates: &Candidates<'_>, commands: &mut Vec<Command>) {
        let command = match key {
            Key::Resized => Command::Resized,
            Key::Control('l') => Command::ClearScreen,
            Key::Control('z') => Command::Suspend,
            Key::Control('\\') => Command::Quit,
            key => {
                let key = if let Some(search) = self.search.take() {
                    self.search(search, key, commands)
                } else {
                    Some(key)
                };
                let Some(key) = key else { return };
                return self.edit(key, candidates, commands);
            }
        };
        commands.push(command);
    }

    /// A key while searching. Returns it if it ends the search and has a meaning of its own.
    fn search(&mut self, mut search: Search, key: Key, commands: &mut Vec<Command>) -> Option<Key> {
        let history = &self.history;
        let found = match key {
            Key::Text(text) | Key::Pasted(text) => search.extend(&text, history),
            Key::Backspace => search.shorten(history),
            Key::Control(direction @ ('r' | 's')) => search.next(direction == 'r', &self.last_query, history),
            Key::Control('g' | 'c') => return None,
            key => {
                if let Some((position, line, _)) = search.found(history) {
                    let line = line.to_owned();
                    self.history.go_to(position, self.text.as_str());
                    self.text.replace(&line);
                }
                self.last_query = search.into_query();
                return (key != Key::Enter).then_some(key);
            }
        };
        ring_unless(found, commands);
        self.search = Some(search);
        None
    }

    /// A key that edits the line.
    fn edit(&mut self, key: Key, candidates: &Candidates<'_>, commands: &mut Vec<Command>) {
        let completion = self.completion.take();
        let text = &mut self.text;
        let is_empty = text.as_str().is_empty();
        let done = match key {
            // More than one character at once is a paste without brackets.
            Key::Text(run) => self.insert(&run, run.chars().nth(1).is_some(), commands),
            Key::Pasted(run) => self.paste(&run, commands),
            Key::Enter => return self.finish(commands),
            Key::Control('c') if is_empty => return commands.push(Command::Interrupt),
            Key::Control('c') => {
                self.history.leave();
                text.replace("")
            }
            Key::Control('d') if is_empty => return commands.push(Command::End),
            Key::Control('d') | Key::Delete => text.edit(|buffer, kills| buffer.delete(1, kills)),
            Key::Backspace => text.edit(|buffer, kills| buffer.backspace(1, kills)),
            Key::Control('a') => text.edit(|buffer, _| buffer.move_buffer_start()),
            Key::Control('e') => text.edit(|buffer, _| buffer.move_buffer_end()),
            Key::Control('b') => text.edit(|buffer, _| buffer.move_backward(1)),
            Key::Control('f') => text.edit(|buffer, _| buffer.move_forward(1)),
            Key::Meta('b') => text.edit(|buffer, _| buffer.move_to_prev_word(Word::Emacs, 1)),
            Key::Meta('f') => text.edit(|buffer, _| buffer.move_to_next_word(At::AfterEnd, Word::Emacs, 1)),
            Key::Control('k') => text.kill(&Movement::EndOfBuffer),
            Key::Control('u') => text.kill(&Movement::BeginningOfBuffer),
            Key::Control('w') => text.kill(&SPACED_WORD_BACK),
            Key::Meta('\x7f') => text.kill(&WORD_BACK),
            Key::Meta('d') => text.kill(&WORD),
            Key::Control('y') => text.yank(),
            Key::Meta('y') => text.yank_older(),
            Key::Control('t') => text.edit(LineBuffer::transpose_chars),
            Key::Meta('t') => text.edit(|buffer, kills| buffer.transpose_words(1, kills)),
            Key::Meta('u') => text.edit(|buffer, kills| buffer.edit_word(WordAction::Uppercase, kills)),
            Key::Meta('l') => text.edit(|buffer, kills| buffer.edit_word(WordAction::Lowercase, kills)),
            Key::Meta('c') => text.edit(|buffer, kills| buffer.edit_word(WordAction::Capitalize, kills)),
            Key::Control('_') => text.undo(),
            Key::Control('p') => self.recall(self.history.position().checked_sub(1)),
            Key::Control('n') => self.recall(Some(self.history.position() + 1)),
            Key::Meta('<') => self.recall(Some(0)),
            Key::Meta('>') => self.recall(Some(self.history.end())),
            Key::Control(direction @ ('r' | 's')) => {
                self.search = Some(Search::new(&self.history, direction == 'r'));
                true
            }
            Key::Control('i') => self.complete(completion, candidates),
            Key::Control('g') | Key::Meta(_) => false,
            _ => true,
        };
        ring_unless(done, commands);
    }

    fn paste(&mut self, run: &str, commands: &mut Vec<Command>) -> bool {
        for (n, line) in run.split('\n').enumerate() {
            if n > 0 {
                self.finish(commands);
            }
            self.insert(line, true, commands);
        }
        true
    }

    /// A line that is full refuses a key, but a paste goes on in another line.
    fn insert(&mut self, run: &str, is_paste: bool, commands: &mut Vec<Command>) -> bool {
        let mut rest = self.text.insert(run);
        while is_paste && !rest.is_empty() {
            self.finish(commands);
            rest = self.text.insert(rest);
        }
        rest.is_empty()
    }

    fn finish(&mut self, commands: &mut Vec<Command>) {
        let line = self.text.take();
        if !line.is_empty() {
            commands.push(Command::Enter(foreign::to_bytes(&line)));
            self.history.push(line);
        }
    }

    fn recall(&mut self, position: Option<usize>) -> bool {
        let line = position.and_then(|position| self.history.go_to(position, self.text.as_str()));
        if let Some(line) = line {
            self.text.replace(&line);
        }
        true
    }

    fn complete(&mut self, completion: Option<Completion>, candidates: &Candidates<'_>) -> bool {
        let (before, _) = self.text.halves();
        let mut completion = completion.unwrap_or_else(|| Completion::new(before, candidates));
        let Some(choice) = completion.next() else { return false };
        let done = self.text.replace_from(completion.start, &choice);
        self.completion = Some(completion);
        done
    }
}

/// Once for many keys that come together.
fn ring_unless(done: bool, commands: &mut Vec<Command>) {
    if !done && commands.last() != Some(&Command::Bell) {
        commands.push(Command::Bell);
    }
}

#[cfg(test)]
mod tests;
