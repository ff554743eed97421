//! Whose names were seen, for the Tab key.

use std::cmp::Reverse;
use std::collections::HashMap;

/// How many names are remembered.
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
        if self.names.len() >= MAX
            && let Some(oldest) =
                self.names.iter().min_by_key(|(_, seen)| **seen).map(|(name, _)| name.clone())
        {
            self.names.remove(&oldest);
        }
        self.names.insert(name.into(), self.count);
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
        (2..MAX).for_each(|n| seen.see(&format!("user{n}")));
        seen.see("bob");
        seen.see("carol");
        assert_eq!(seen.names().len(), MAX);
        assert_eq!(seen.names()[..2], ["carol", "bob"]);
        assert!(!seen.names().contains(&"ann"));
    }
}
