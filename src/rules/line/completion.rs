//! Completing a command or a name (Tab).

use super::Candidates;
use super::foreign;

/// What repeated Tabs offer, one after another.
#[derive(Debug)]
pub(super) struct Completion {
    /// Where the word begins.
    pub(super) start: usize,
    /// What all choices have in common, if that is more than was typed.
    common: Option<String>,
    choices: Vec<String>,
    next: usize,
}

impl Completion {
    /// For the word before the cursor.
    pub(super) fn new(before: &str, candidates: &Candidates<'_>) -> Self {
        let start = before.trim_end_matches(|character: char| !character.is_whitespace()).len();
        let word = &before[start..];
        let mut choices: Vec<String> = match word.strip_prefix('/') {
            Some(begun) if start == 0 => {
                let commands = candidates.commands.iter().map(|command| command.trim_start_matches('/'));
                commands
                    .filter(|command| begins_with(command, begun))
                    .map(|command| format!("/{command}"))
                    .collect()
            }
            _ => {
                let names = candidates.names.iter().map(|name| foreign::to_text(name.as_bytes()));
                names.filter(|name| begins_with(name, word)).collect()
            }
        };
        let common = common(&choices).filter(|_| choices.len() > 1);
        let common = common.filter(|common| common.chars().count() > word.chars().count());
        let end = if start == 0 && !word.starts_with('/') { ": " } else { " " };
        choices.iter_mut().for_each(|choice| choice.push_str(end));
        Self { start, common, choices, next: 0 }
    }

    /// What to put in place of the word now.
    pub(super) fn next(&mut self) -> Option<String> {
        if self.common.is_some() {
            return self.common.take();
        }
        let choice = self.choices.get(self.next)?.clone();
        self.next = (self.next + 1) % self.choices.len();
        Some(choice)
    }
}

fn begins_with(text: &str, start: &str) -> bool {
    common_length(text, start) == start.chars().count()
}

/// How many characters both begin with, in whatever case.
fn common_length(one: &str, other: &str) -> usize {
    let same = |(one, other): &(char, char)| one.to_lowercase().eq(other.to_lowercase());
    one.chars().zip(other.chars()).take_while(same).count()
}

fn common(choices: &[String]) -> Option<String> {
    let first = choices.first()?;
    let length = choices.iter().map(|choice| common_length(first, choice)).min()?;
    Some(first.chars().take(length).collect())
}
