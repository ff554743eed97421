//! Which names are in use, by what they look like.

use super::name::Name;
use std::collections::HashMap;
use std::sync::Arc;

/// Finds names that look alike without comparing each with each. `T` is whose the name is.
#[derive(Debug)]
pub(super) struct Looks<T>(HashMap<Arc<str>, T>);

impl<T: Clone + PartialEq> Looks<T> {
    /// Whose names look like this one.
    pub(super) fn like(&self, name: &Name) -> impl Iterator<Item = &T> {
        name.looks().iter().filter_map(|look| self.0.get(look))
    }

    pub(super) fn insert(&mut self, name: &Name, owner: &T) {
        self.0.extend(name.looks().iter().map(|look| (Arc::clone(look), owner.clone())));
    }

    /// Forgets that a name has this owner, as far as nobody else has got it.
    pub(super) fn remove(&mut self, name: &Name, owner: &T) {
        for look in name.looks() {
            if self.0.get(look) == Some(owner) {
                self.0.remove(look);
            }
        }
    }
}

impl<T> Default for Looks<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}
