//! The two sides of the demo.

use std::fmt::{self, Display, Formatter};
use std::ops::{Index, IndexMut};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// On the left: it serves.
    A,
    /// On the right: it connects.
    B,
}

impl Side {
    /// From left to right.
    pub(super) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// A value for each side.
#[derive(Debug, Clone, Default)]
pub(super) struct Each<T>([T; 2]);

impl<T> Each<T> {
    pub(super) fn of(a: T, b: T) -> Self {
        Self([a, b])
    }

    /// A's value, then B's.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(super) fn into_both(self) -> [T; 2] {
        self.0
    }
}

impl<T> Index<Side> for Each<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        let [a, b] = &self.0;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }
}

impl<T> IndexMut<Side> for Each<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        let [a, b] = &mut self.0;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }
}
