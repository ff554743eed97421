//! How a caller hears that it is not let in: because the line is busy, or by a hub.
//!
//! It gets one line that says why, and `88`. A person who reads them at a netcat knows what is meant. A caller of ours
//! recognises them by their place: nothing else was said before the `88`.

use super::said::{News, Said};
use super::sanitize::sanitize;
use super::wire::{GOODBYE, Stamp};

/// What a caller gets while others talk.
const BUSY: &str = "the line is busy: others are talking here; please call again later";

/// How much of the reason is reported, in characters.
const MAX_REASON: usize = 200;

/// How long a line that turns a caller away can be at most, with what follows it.
const MAX_FAREWELL: usize = 512;

/// The line for a caller while others talk.
pub(super) fn busy(stamp: &Stamp) -> Vec<u8> {
    [stamp.as_bytes(), BUSY.as_bytes(), b"\n"].concat()
}

/// What the other side says first, as far as that may be why it does not let us in.
#[derive(Debug)]
pub(crate) enum FirstLine {
    /// It has said nothing so far.
    Expected,
    /// This is why, if `88` follows. Otherwise it is a message.
    Held(Vec<u8>),
    /// It talks with us.
    Heard,
}

impl FirstLine {
    /// Passes on what is a message: this text, and the line that was held before it. What may be the reason is held.
    pub(crate) fn hear(&mut self, text: &[u8], mut pass_on: impl FnMut(&[u8])) {
        if matches!(self, Self::Expected) && reason(text).is_some() {
            *self = Self::Held(text.to_vec());
            return;
        }
        self.release(&mut pass_on);
        pass_on(text);
    }

    /// It is a message after all, if a line was held.
    pub(crate) fn release(&mut self, mut pass_on: impl FnMut(&[u8])) {
        if let Self::Held(line) = std::mem::replace(self, Self::Heard) {
            pass_on(&line);
        }
    }

    /// The other side says `88`. Returns why it does not let us in, if that is so.
    pub(crate) fn end(&mut self) -> Option<String> {
        match std::mem::replace(self, Self::Heard) {
            Self::Held(line) => reason(&line),
            Self::Expected | Self::Heard => None,
        }
    }

    /// Whether the other side talks with us.
    pub(crate) fn is_heard(&self) -> bool {
        matches!(self, Self::Heard)
    }
}

/// The first and the last bytes of what a raw side received: enough to find out that the other side was not raw, but chatted.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    first: Vec<u8>,
    last: [u8; GOODBYE.len()],
    length: usize,
}

impl Ends {
    /// This was received.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        let missing = MAX_FAREWELL - self.first.len();
        self.first.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        for byte in &bytes[bytes.len().saturating_sub(GOODBYE.len())..] {
            self.last = [self.last[1], *byte];
        }
        self.length += bytes.len();
    }

    /// Whether it begins with a stamp and ends with `88`, as what a chat sends does.
    pub(crate) fn is_chat(&self) -> bool {
        Stamp::parse(&self.first).is_some() && self.last == GOODBYE
    }

    /// Why the caller is not let in, if nothing but that was said.
    pub(crate) fn reason(&self) -> Option<String> {
        let end = self.first.iter().position(|byte| *byte == b'\n')?;
        let is_all =
            self.length == self.first.len() && self.first[end + 1..].chunks(2).all(|part| part == GOODBYE);
        reason(&self.first[..end]).filter(|_| is_all)
    }
}

/// Why a caller is not let in, if this line says that.
fn reason(line: &[u8]) -> Option<String> {
    Stamp::parse(line)?;
    let mut text = Vec::new();
    sanitize(Stamp::strip(line), &mut text);
    let text = String::from_utf8_lossy(&text);
    let said = Said::parse(&text);
    let reason = match said {
        // A hub that ends says nothing else to a newcomer than the welcome.
        Said::Answer(reason) if !matches!(said.news(), Some(News::Welcome { .. })) => reason,
        _ if text == BUSY => BUSY,
        _ => return None,
    };
    Some(reason.chars().take(MAX_REASON).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "[Mon Nov  9 06:18:34 2026] ";

    /// What is passed on of these lines, and why the caller is not let in.
    fn hear(lines: &[&str]) -> (Vec<String>, Option<String>) {
        let (mut first, mut passed) = (FirstLine::Expected, Vec::new());
        for line in lines {
            first.hear(line.as_bytes(), |text| passed.push(String::from_utf8_lossy(text).into_owned()));
        }
        (passed, first.end())
    }

    #[test]
    fn one_line_of_this_form_and_nothing_else_is_a_reason() {
        for (line, reason) in [(BUSY, BUSY), ("* hub: the hub is full", "the hub is full")] {
            assert_eq!(hear(&[&format!("{STAMP}{line}")]), (Vec::new(), Some(reason.to_owned())));
            // Without a stamp anybody could have written it into a file.
            assert_eq!(hear(&[line]), (vec![line.to_owned()], None));
        }
        let welcome = "* hub: welcome to lobby, user1; 88 leaves, /help lists the commands";
        for text in ["hello", "* ann waves", "the line is busy", "* hub:", welcome] {
            let line = format!("{STAMP}{text}");
            assert_eq!(hear(&[&line]), (vec![line.clone()], None));
        }
        assert_eq!(hear(&[]), (Vec::new(), None));
    }

    #[test]
    fn a_line_that_another_one_follows_or_that_follows_one_is_a_message() {
        let [busy, hello] = [BUSY, "hello"].map(|text| format!("{STAMP}{text}"));
        for lines in [[&busy, &hello], [&hello, &busy], [&busy, &busy]] {
            let lines = lines.map(String::as_str);
            assert_eq!(hear(&lines), (lines.map(str::to_owned).to_vec(), None));
        }
    }

    #[test]
    fn a_reason_does_nothing_to_a_screen_and_is_short() {
        let reason = hear(&[&format!("{STAMP}* hub: \x1b[2J{}", "ä".repeat(999))]).1.unwrap_or_default();
        assert!(reason.starts_with("^[[2Jää") && reason.chars().count() == MAX_REASON, "{reason:?}");
    }
}
