//! What identifies a hub, and an entry of the log.

use std::fmt;

use super::codec::parse;

/// A hub, from its start until it stops or is taken for dead. It is never used again: a hub that registers again has the next one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubId(pub(super) u128);

impl HubId {
    /// Of its form in Redis.
    pub(in crate::rules) fn parse(text: &[u8]) -> Option<Self> {
        let text =
            std::str::from_utf8(text).ok().filter(|text| text.len() == 32 && !text.starts_with('+'))?;
        u128::from_str_radix(text, 16).ok().map(Self)
    }

    /// What all ids of one start of a hub have in common: 96 random bits.
    pub(in crate::rules) fn start(self) -> u128 {
        self.0 >> 32
    }

    /// A number for names that no other hub gives.
    pub(in crate::rules) fn tag(self) -> u32 {
        (self.0 >> 64) as u32
    }
}

impl From<u128> for HubId {
    fn from(id: u128) -> Self {
        Self(id)
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HubId({self})")
    }
}

/// An entry: Redis's clock in ms, and a number among the entries of the same ms. Later entries are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryId {
    /// When Redis got it, in ms since 1970.
    pub ms: u64,
    /// Its number in this ms.
    pub number: u64,
}

impl EntryId {
    /// Of its form in Redis.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let dash = memchr::memchr(b'-', text)?;
        Some(Self { ms: parse(&text[..dash])?, number: parse(&text[dash + 1..])? })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is() {
        let hub = HubId(u128::MAX - 7);
        assert_eq!(HubId::parse(hub.to_string().as_bytes()), Some(hub));
        for text in ["", "0", "+000000000000000000000000000000f", "0000000000000000000000000000000g"] {
            assert_eq!(HubId::parse(text.as_bytes()), None, "{text}");
        }
        let entry = EntryId { ms: u64::MAX, number: 3 };
        assert_eq!(EntryId::parse(entry.to_string().as_bytes()), Some(entry));
        for text in ["", "-", "1-", "-1", "1-2-3", "1-+2", "18446744073709551616-0"] {
            assert_eq!(EntryId::parse(text.as_bytes()), None, "{text}");
        }
        assert!(EntryId::parse(b"9-10").unwrap() < EntryId::parse(b"10-0").unwrap());
    }
}
