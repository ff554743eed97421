//! What identifies a member.

/// A member. Unlike a name it never changes, and it is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) usize);

/// The person at the hub's own keyboard.
pub const OPERATOR: Id = Id(0);

/// Its number.
impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
