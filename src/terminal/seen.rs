//! Whose names were seen, for the Tab key.

use std::cmp::Reverse;
use std::collections::HashMap;

/// How many names are offered. Up to twice as many are kept, so that not every new one in a crowd costs a search for the oldest.
const MAX: usize = 500;

/// Names, and when each was last seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    names: HashMap<Box<str>, u64>,
    count: u64,
}

impl Seen {
    /// Somebody with this name is here.
    pub(super) fn see(&mut self, name: &str) {
        self.count += 1;
        if let Some(seen) = self.names.get_mut(name) {
            *seen = self.count;
            return;
        }
        if self.names.len() >= 2 * MAX {
            self.forget_older_half();
        }
        self.names.insert(name.into(), self.count);
    }

    fn forget_older_half(&mut self) {
        let mut seen: Vec<u64> = self.names.values().copied().collect();
        seen.sort_unstable();
        let oldest = seen[seen.len() - MAX];
        self.names.retain(|_, seen| *seen >= oldest);
    }

    /// Somebody is not here any more.
    pub(super) fn forget(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub(super) fn clear(&mut self) {
        self.names.clear();
    }

    /// The names, the last seen first.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.names.iter().map(|(name, seen)| (Reverse(*seen), &**name)).collect();
        names.sort_unstable();
        names.truncate(MAX);
        names.into_iter().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seen_come_first_and_the_oldest_are_forgotten() {
        let mut seen = Seen::default();
        ["ann", "bob", "ann"].iter().for_each(|name| seen.see(name));
        assert_eq!(seen.names(), ["ann", "bob"]);
        for n in 0..5 * MAX {
            seen.see(&format!("user{n}"));
            seen.see("bob");
        }
        assert_eq!(seen.names().len(), MAX);
        assert_eq!(seen.names()[..2], ["bob", &format!("user{}", 5 * MAX - 1)]);
        assert!(seen.names.len() <= 2 * MAX && !seen.names().contains(&"ann"));
    }
}
