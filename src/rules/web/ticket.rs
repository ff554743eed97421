//! Who has the link may come in.

use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;

/// 80 random bits, in 16 characters that nobody confuses when they type them.
#[derive(Clone, Eq)]
pub struct Ticket([u8; LENGTH]);

/// In characters, each of which carries 5 bits.
const LENGTH: usize = 16;

/// Base32 in lower case (RFC 4648), which has neither 0 nor 1.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The tickets of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tickets {
    /// For the chat page.
    pub chat: Ticket,
    /// For the projector page.
    pub live: Ticket,
}

impl Ticket {
    /// A new one. None if the system gives no random bytes.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let mut random = [0; LENGTH];
        SystemRandom::new().fill(&mut random).ok()?;
        Some(Self(random.map(|byte| ALPHABET[usize::from(byte % 32)])))
    }

    /// Reads one that a person may have typed: capitals, blanks and hyphens do not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')).take(LENGTH + 1);
        let letters: Vec<u8> = letters.map(|byte| byte.to_ascii_lowercase()).collect();
        let ticket = Self(letters.try_into().ok()?);
        ticket.0.iter().all(|letter| ALPHABET.contains(letter)).then_some(ticket)
    }

    /// What goes into a link.
    #[must_use]
    pub fn reveal(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Comparing takes as long for any other one, so that its time tells nothing.
impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differences, (one, other)| differences | (one ^ other)) == 0
    }
}

impl Tickets {
    /// New ones. None if the system gives no random bytes.
    #[must_use]
    pub fn generate() -> Option<Self> {
        Some(Self { chat: Ticket::generate()?, live: Ticket::generate()? })
    }

    /// Reads what [`Display`](fmt::Display) of this wrote into a file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (chat, live) = (Ticket::parse(lines.next()?)?, Ticket::parse(lines.next()?)?);
        lines.next().is_none().then_some(Self { chat, live })
    }
}

/// For a file: a ticket a line.
impl fmt::Display for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.chat.reveal(), self.live.reveal())
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_ticket_is_understood_as_a_person_types_it_and_nothing_else_is_one() {
        let ticket = Ticket::generate().unwrap();
        let typed = format!(" {}-{}", ticket.reveal()[..8].to_uppercase(), &ticket.reveal()[8..]);
        assert_eq!(ticket, Ticket::parse(&typed).unwrap());
        assert_ne!(ticket, Ticket::generate().unwrap());
        for wrong in ["", "abc", "0000000000000000", "aaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaä"] {
            assert_eq!(Ticket::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{ticket:?}"), "Ticket", "not in a log");
    }

    #[test]
    fn tickets_are_kept_in_a_file() {
        let tickets = Tickets::generate().unwrap();
        assert_eq!(Tickets::parse(&tickets.to_string()), Some(tickets.clone()));
        for wrong in ["", "\n", tickets.chat.reveal(), &format!("{tickets}more\n")] {
            assert_eq!(Tickets::parse(wrong), None, "{wrong:?}");
        }
    }
}
