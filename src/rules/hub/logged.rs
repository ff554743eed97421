//! How the log has what members do: in lines that a person can read with `redis-cli`.
//!
//! ```text
//! says 17 12
//! hello
//! anyone?
//! ```
//!
//! A word, the number of the member at its hub, perhaps whom it is about (hub and number; `.` is the same hub), and how many bytes
//! of text follow, with the newline behind them.

use crate::rules::link::HubId;
use std::io::Write;

/// The most characters of a name, a room or a reason that are taken from the log.
pub(super) const MAX_TEXT: usize = 512;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// The hub of these members is called so.
    Named,
    /// The text is a [`Record`].
    Joins,
    /// Each line is one that it says.
    Says,
    /// The same for `/me`.
    Emotes,
    Tells,
    Renames,
    Enters,
    Leaves,
    Expels,
    Bans,
    /// The hub answers somebody of another hub.
    Answers,
}

const WORDS: [(Verb, &str); 11] = [
    (Verb::Named, "named"),
    (Verb::Joins, "joins"),
    (Verb::Says, "says"),
    (Verb::Emotes, "emotes"),
    (Verb::Tells, "tells"),
    (Verb::Renames, "renames"),
    (Verb::Enters, "enters"),
    (Verb::Leaves, "leaves"),
    (Verb::Expels, "expels"),
    (Verb::Bans, "bans"),
    (Verb::Answers, "answers"),
];

/// A member of this hub or of the one that is named, and its number there.
pub(super) type About = (Option<HubId>, u64);

/// What a member does, as the log has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Logged<'a> {
    pub(super) verb: Verb,
    pub(super) member: u64,
    pub(super) about: Option<About>,
    pub(super) text: &'a [u8],
}

impl Verb {
    /// Whether it comes with a claim, which can be refused.
    pub(super) fn claims(self) -> bool {
        matches!(self, Self::Joins | Self::Renames)
    }

    /// Whether somebody hears it, who must not hear it twice. All else may be done again.
    pub(super) fn is_heard(self) -> bool {
        matches!(self, Self::Says | Self::Emotes | Self::Tells | Self::Answers | Self::Expels)
    }

    fn word(self) -> &'static str {
        WORDS.iter().find(|(verb, _)| *verb == self).map_or("", |(_, word)| word)
    }
}

impl<'a> Logged<'a> {
    /// Appends it.
    pub(super) fn write(&self, data: &mut Vec<u8>) {
        let Self { verb, member, about, text } = self;
        // Writing to memory does not fail.
        let _ = match about {
            Some((None, number)) => writeln!(data, "{} {member} . {number} {}", verb.word(), text.len()),
            Some((Some(hub), number)) => {
                writeln!(data, "{} {member} {hub} {number} {}", verb.word(), text.len())
            }
            None => writeln!(data, "{} {member} {}", verb.word(), text.len()),
        };
        data.extend_from_slice(text);
        data.push(b'\n');
    }

    /// The first one, and how many bytes it takes. None if it makes no sense.
    pub(super) fn read(data: &'a [u8]) -> Option<(Self, usize)> {
        let end = memchr::memchr(b'\n', &data[..data.len().min(MAX_TEXT)])?;
        let mut words = std::str::from_utf8(&data[..end]).ok()?.split(' ');
        let verb = words.next()?;
        let (verb, _) = *WORDS.iter().find(|(_, word)| *word == verb)?;
        let member = words.next()?.parse().ok()?;
        let rest: Vec<_> = words.take(4).collect();
        let (about, length) = match rest[..] {
            [length] => (None, length),
            [".", number, length] => (Some((None, number.parse().ok()?)), length),
            [hub, number, length] => {
                (Some((Some(HubId::parse(hub.as_bytes())?), number.parse().ok()?)), length)
            }
            _ => return None,
        };
        let start = end + 1;
        let end = start.checked_add(length.parse().ok()?)?;
        let text = data.get(start..end).filter(|_| data.get(end) == Some(&b'\n'))?;
        Some((Self { verb, member, about, text }, end + 1))
    }
}

/// What Redis keeps of a member, for hubs that come later.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) name: &'a str,
    pub(super) room: &'a str,
    /// How its connection is encrypted and it is known. Empty in clear text.
    pub(super) secured: &'a str,
    /// Its name if somebody else has the other one. Nobody asks for such a name, so it needs no claim.
    pub(super) otherwise: &'a str,
}

impl<'a> Record<'a> {
    pub(super) fn write(&self) -> Vec<u8> {
        [self.name, self.room, self.secured, self.otherwise].join("\n").into()
    }

    /// None if it makes no sense.
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_TEXT)?;
        let mut lines = text.split('\n');
        let (name, room, secured, otherwise) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let is_word = secured.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        (lines.next().is_none() && is_word).then_some(Self { name, room, secured, otherwise })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let hub = HubId::parse(b"0000000000000000000000000000000a").unwrap();
        let all = [
            Logged { verb: Verb::Says, member: 17, about: None, text: b"hello\nsays 3 5\n" },
            Logged { verb: Verb::Tells, member: 3, about: Some((Some(hub), u64::MAX)), text: b"psst" },
            Logged { verb: Verb::Tells, member: 3, about: Some((None, 4)), text: b"psst" },
            Logged { verb: Verb::Leaves, member: 0, about: None, text: b"" },
        ];
        let mut data = Vec::new();
        all.iter().for_each(|logged| logged.write(&mut data));
        assert!(data.starts_with(b"says 17 15\nhello\nsays 3 5\n\ntells 3 0000"), "{data:?}");
        let mut rest = &data[..];
        for logged in &all {
            let (read, length) = Logged::read(rest).unwrap();
            assert_eq!(read, *logged);
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
        let record = Record { name: "bob", room: "lobby", secured: "first-use", otherwise: "user1-7" };
        assert_eq!(Record::read(&record.write()), Some(record));
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        for data in [
            "",
            "says",
            "says 1 5\nhello",
            "says 1 5\nhello!",
            "says x 0\n\n",
            "shouts 1 0\n\n",
            "says 1 2 0\n\n",
        ] {
            assert_eq!(Logged::read(data.as_bytes()), None, "{data:?}");
        }
        assert_eq!(Logged::read(b"says 1 18446744073709551615\nhello\n"), None);
        for record in ["bob", "bob\nlobby\n", "bob\nlobby\nA b\nx", "bob\nlobby\n\nx\n"] {
            assert_eq!(Record::read(record.as_bytes()), None, "{record:?}");
        }
    }
}
