//! What follows the line that tells a caller why nobody talks with them: the goodbye, and the end of the connection.
//!
//! The caller may be a peer without framing, and may send and close whenever it likes. Closing with unread bytes would reset the
//! connection, and the reset can overtake what was sent. So the design reads until [`Next::Close`].

use super::endpoint::CLOSE_WITHIN;
use super::wire::{PAUSE, REPEAT_AFTER};
use memchr::memchr2;
use std::time::Instant;

/// The first byte of a record with an alert (RFC 8446, section 5.1).
const TLS_ALERT: u8 = 21;

/// The farewell to one caller.
#[derive(Debug)]
pub(crate) struct Farewell {
    stage: Stage,
    /// They sent a line end, as programs do that tell the goodbye from the line before it, and terminals, where a person reads
    /// both.
    is_framed: bool,
    /// They send no more.
    has_ended: bool,
    /// How long they may take to close.
    until: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The goodbye is said at this time.
    Line(Instant),
    /// It may have to be said again at this time.
    Said(Instant),
    SaidAgain,
    HalfClosed,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write `88`.
    SayGoodbye,
    /// End our half.
    HalfClose,
    /// Wait until then, or until something can be read.
    Wait(Instant),
    /// Close the connection.
    Close,
}

impl Farewell {
    /// The line is written. If it is an alert of TLS, nobody could read a goodbye behind it.
    pub(crate) fn after(line: &[u8], now: Instant) -> Self {
        let is_alert = line.first() == Some(&TLS_ALERT);
        Self {
            stage: if is_alert { Stage::SaidAgain } else { Stage::Line(now + PAUSE) },
            is_framed: false,
            has_ended: false,
            until: now + CLOSE_WITHIN,
        }
    }

    /// The caller sent this. Nothing, if it has closed its half: then read no more.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        self.is_framed |= memchr2(b'\n', b'\r', bytes).is_some();
        self.has_ended |= bytes.is_empty();
    }

    /// Whether the caller may send more.
    pub(crate) fn reads(&self) -> bool {
        !self.has_ended
    }

    /// What to do next. Ask again when it is done.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let (stage, next) = match self.stage {
            Stage::Line(at) if at <= now => (Stage::Said(now + REPEAT_AFTER), Next::SayGoodbye),
            Stage::Said(_) if self.is_framed || self.has_ended => (Stage::HalfClosed, Next::HalfClose),
            Stage::Said(at) if at <= now => (Stage::SaidAgain, Next::SayGoodbye),
            Stage::SaidAgain => (Stage::HalfClosed, Next::HalfClose),
            Stage::HalfClosed if self.has_ended || self.until <= now => (self.stage, Next::Close),
            Stage::HalfClosed => (self.stage, Next::Wait(self.until)),
            Stage::Line(at) | Stage::Said(at) => (self.stage, Next::Wait(at)),
        };
        self.stage = stage;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What is done, each with the milliseconds since the line, if the caller sends this at that time.
    fn done(sends: &[(u64, &[u8])]) -> Vec<(Next, u128)> {
        done_after(b"the line is busy\n", sends)
    }

    fn done_after(line: &[u8], sends: &[(u64, &[u8])]) -> Vec<(Next, u128)> {
        let began = Instant::now();
        let (mut farewell, mut now, mut done) = (Farewell::after(line, began), began, Vec::new());
        let mut sends =
            sends.iter().map(|(at, bytes)| (began + Duration::from_millis(*at), bytes)).peekable();
        loop {
            match farewell.next(now) {
                Next::Wait(until) => match sends.next_if(|(at, _)| *at < until) {
                    Some((at, bytes)) => {
                        now = at;
                        farewell.received(bytes);
                    }
                    None => now = until,
                },
                next => {
                    done.push((next, (now - began).as_millis()));
                    if next == Close {
                        return done;
                    }
                }
            }
        }
    }

    use Next::{Close, HalfClose, SayGoodbye};

    #[test]
    fn a_caller_who_closes_after_the_goodbye_is_told_once() {
        assert_eq!(done(&[(70, b"")]), [(SayGoodbye, 60), (HalfClose, 70), (Close, 70)]);
        // Also if the caller sends no more from the beginning.
        assert_eq!(done(&[(0, b"hi"), (1, b"")]), [(SayGoodbye, 60), (HalfClose, 60), (Close, 60)]);
    }

    #[test]
    fn a_caller_who_ends_lines_is_told_once_and_has_a_second_to_close() {
        assert_eq!(done(&[(0, b"hi\n")]), [(SayGoodbye, 60), (HalfClose, 60), (Close, 1000)]);
        assert_eq!(done(&[(0, b"hi\r")]), [(SayGoodbye, 60), (HalfClose, 60), (Close, 1000)]);
        assert_eq!(done(&[(0, b"h"), (200, b"i\n")]), [(SayGoodbye, 60), (HalfClose, 200), (Close, 1000)]);
    }

    #[test]
    fn nothing_follows_an_alert_but_the_end() {
        let done = done_after(&[TLS_ALERT, 3, 3, 0, 2, 2, 49], &[(20, b"")]);
        assert_eq!(done.iter().map(|(next, _)| *next).collect::<Vec<_>>(), [HalfClose, Close]);
    }

    #[test]
    fn any_other_caller_who_does_not_close_is_told_again() {
        let twice = [(SayGoodbye, 60), (SayGoodbye, 660), (HalfClose, 660)];
        assert_eq!(done(&[(0, b"hi")]), [&twice[..], &[(Close, 1000)]].concat());
        assert_eq!(done(&[(700, b"")]), [&twice[..], &[(Close, 700)]].concat());
    }
}
