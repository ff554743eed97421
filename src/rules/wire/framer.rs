//! Divides bytes that arrive in any pieces into lines of bounded length.

use memchr::{memchr, memmem, memrchr};

/// One line, or a part of one that is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The bytes, without the line end.
    pub text: &'a [u8],
    /// False for the remainder of a line that was split. Such a frame is never a goodbye.
    pub starts_line: bool,
    /// Whether a newline ended it.
    pub ends_line: bool,
}

/// Divides a stream into lines. A line ends at `\n`; a `\r` before it is dropped. A line of more than `limit` bytes is split at
/// a character boundary and continues in the next frame. So nothing is lost, and the framer never holds more than `limit` + 3
/// bytes.
///
/// The frames do not depend on the pieces in which the stream arrives:
///
/// ```
/// # use threadchat::rules::wire::Framer;
/// let mut framer = Framer::new(100);
/// let mut first: &[u8] = b"one\r\ntw";
/// assert_eq!(framer.next(&mut first).map(|frame| frame.text), Some(&b"one"[..]));
/// assert_eq!(framer.next(&mut first), None);
/// let mut second: &[u8] = b"o\n";
/// assert_eq!(framer.next(&mut second).map(|frame| frame.text), Some(&b"two"[..]));
/// ```
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    /// The beginning of a line whose end has not arrived.
    partial: Vec<u8>,
    /// How many bytes of `partial` the last frame borrows. The next call drops them.
    lent: usize,
    /// The line has been split: what comes next is its remainder.
    is_split: bool,
}

impl Framer {
    /// `limit` is in bytes, without the line end. It is at least 4, the length of the longest character.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(4), partial: Vec::new(), lent: 0, is_split: false }
    }

    /// Removes the next frame from the front of `bytes`. `None` when only the beginning of a line is left; the framer keeps it, and
    /// `bytes` is empty.
    #[inline]
    pub fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8]) -> Option<Frame<'a>> {
        self.drop_lent();
        if self.partial.is_empty()
            && !self.is_split
            && let Some(end) = memchr(b'\n', &bytes[..bytes.len().min(self.limit + 1)])
        {
            let line = &bytes[..end];
            *bytes = &bytes[end + 1..];
            let text = line.strip_suffix(b"\r").unwrap_or(line);
            return Some(Frame { text, starts_line: true, ends_line: true });
        }
        self.next_in_pieces(bytes)
    }

    fn next_in_pieces<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8]) -> Option<Frame<'a>> {
        // Enough to hold the longest line with its `\r\n`.
        let window = &bytes[..bytes.len().min((self.limit + 2).saturating_sub(self.partial.len()))];
        let newline = memchr(b'\n', window);
        let piece = &window[..newline.unwrap_or(window.len())];
        let assembled = !self.partial.is_empty();
        if assembled {
            self.partial.extend_from_slice(piece);
        }
        let line: &[u8] = if assembled { &self.partial } else { piece };
        let (len, ends_line, consumed) = match fit(line, self.limit, newline.is_some()) {
            Fit::Whole(len) => (len, true, piece.len() + 1),
            Fit::TooLong(len) => (len, false, if assembled { piece.len() } else { len }),
            Fit::Unfinished => {
                if !assembled {
                    self.partial.extend_from_slice(piece);
                }
                *bytes = &[];
                return None;
            }
        };
        *bytes = &bytes[consumed..];
        let starts_line = !std::mem::replace(&mut self.is_split, !ends_line);
        let text = if assembled {
            self.lent = if ends_line { self.partial.len() } else { len };
            &self.partial[..len]
        } else {
            &piece[..len]
        };
        Some(Frame { text, starts_line, ends_line })
    }

    /// Returns what has no line end, because none will come. Call it until it returns `None`: there may be one byte more than
    /// the limit.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        self.drop_lent();
        if self.partial.is_empty() {
            self.is_split = false;
            return None;
        }
        let starts_line = !self.is_split;
        self.lent = match fit(&self.partial, self.limit, false) {
            Fit::TooLong(len) => len,
            _ if self.partial.len() > self.limit => boundary(&self.partial, self.limit),
            _ => self.partial.len(),
        };
        self.is_split = true;
        Some(Frame { text: &self.partial[..self.lent], starts_line, ends_line: false })
    }

    /// Adds bytes to the line that is not yet ended. `false` if it is too long now: call [`next`](Self::next).
    pub(super) fn keep(&mut self, bytes: &[u8]) -> bool {
        self.drop_lent();
        self.partial.extend_from_slice(bytes);
        self.partial.len() <= self.limit
    }

    /// Whether the line that is not yet ended is too long. Then [`finish`](Self::finish) returns a part of it.
    pub(super) fn is_full(&self) -> bool {
        self.partial().len() > self.limit
    }

    /// Whether the line that is not yet ended is too long with these bytes, in which there is no newline. Then
    /// [`next`](Self::next) returns a frame for them.
    pub(super) fn is_too_long(&self, more: &[u8]) -> bool {
        let last = more.last().or(self.partial().last());
        self.partial().len() + more.len() - usize::from(last == Some(&b'\r')) > self.limit
    }

    /// Removes the last character of the line that is not yet ended.
    pub(super) fn erase_character(&mut self) {
        self.drop_lent();
        let is_first = |byte: &u8| *byte & 0b1100_0000 != 0b1000_0000;
        let last = self.partial.iter().rposition(is_first).unwrap_or(0);
        self.partial.truncate(last);
    }

    /// Removes the line that is not yet ended.
    pub(super) fn erase_line(&mut self) {
        self.partial.clear();
        (self.lent, self.is_split) = (0, false);
    }

    /// How much of `bytes` the next frame takes at most.
    pub(super) fn window<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let max = &bytes[..bytes.len().min(self.limit + 2)];
        &max[..memchr(b'\n', max).map_or(max.len(), |newline| newline + 1)]
    }

    fn drop_lent(&mut self) {
        if self.lent > 0 {
            self.partial.drain(..std::mem::take(&mut self.lent));
        }
    }

    /// The beginning of a line that has arrived so far.
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        &self.partial[self.lent..]
    }

    /// Removes all lines from the front of `bytes` that need no decision: whole, within the limit, ended by `\n` alone, and none
    /// of them the goodbye. There may be none; call [`next`](Self::next) for what follows. A few searches over many lines
    /// cost a fraction of examining each line.
    pub fn next_lines<'b>(&self, bytes: &mut &'b [u8]) -> &'b [u8] {
        let starts = &bytes[..bytes.len().min(self.limit + 1)];
        if self.is_split || !self.partial().is_empty() || memchr(b'\n', starts).is_none() {
            return &[];
        }
        let plain = &bytes[..memchr(b'\r', bytes).unwrap_or(bytes.len())];
        let goodbye = match plain.starts_with(b"88\n") {
            true => Some(0),
            false => memmem::find(plain, b"\n88\n").map(|newline| newline + 1),
        };
        let lines = self.whole_lines(&plain[..goodbye.unwrap_or(plain.len())]);
        *bytes = &bytes[lines.len()..];
        lines
    }

    /// The longest beginning of `bytes` that consists of whole lines within the limit.
    fn whole_lines<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let mut end = 0;
        while let Some(newline) = memrchr(b'\n', &bytes[end..bytes.len().min(end + self.limit + 1)]) {
            end += newline + 1;
        }
        &bytes[..end]
    }

    /// Whether the next frame is the remainder of a line that was split.
    #[must_use]
    pub fn is_within_line(&self) -> bool {
        self.is_split
    }
}

/// What the beginning of a line amounts to.
enum Fit {
    /// A line of this many bytes.
    Whole(usize),
    /// More than the limit: this many bytes are the next frame.
    TooLong(usize),
    /// Its end has not arrived.
    Unfinished,
}

fn fit(line: &[u8], limit: usize, ended: bool) -> Fit {
    let without_cr = line.strip_suffix(b"\r").unwrap_or(line).len();
    if without_cr > limit {
        Fit::TooLong(boundary(line, limit))
    } else if ended {
        Fit::Whole(without_cr)
    } else {
        Fit::Unfinished
    }
}

/// The last character boundary at or before `limit`. Where there is none (not UTF-8), `limit` itself.
fn boundary(bytes: &[u8], limit: usize) -> usize {
    let is_boundary = |&at: &usize| bytes[at] & 0b1100_0000 != 0b1000_0000;
    (limit - 3..=limit).rev().find(is_boundary).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The frames of a stream that arrives in these pieces, as (text, starts_line, ends_line).
    fn frames(limit: usize, pieces: &[&[u8]]) -> Vec<(String, bool, bool)> {
        let mut framer = Framer::new(limit);
        let mut seen = Vec::new();
        let own = |frame: Frame<'_>| {
            (String::from_utf8_lossy(frame.text).into_owned(), frame.starts_line, frame.ends_line)
        };
        for mut piece in pieces.iter().copied() {
            while let Some(frame) = framer.next(&mut piece) {
                seen.push(own(frame));
            }
            assert!(piece.is_empty());
        }
        while let Some(frame) = framer.finish() {
            seen.push(own(frame));
        }
        seen
    }

    fn line(text: &str) -> (String, bool, bool) {
        (text.to_owned(), true, true)
    }

    #[test]
    fn a_line_may_arrive_in_any_pieces() {
        let whole = frames(8, &[b"one\r\n\ntwo\n"]);
        assert_eq!(whole, [line("one"), line(""), line("two")]);
        assert_eq!(frames(8, &[b"o", b"ne\r", b"\n", b"\ntw", b"o\n"]), whole);
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_whole_with_either_line_end() {
        assert_eq!(frames(8, &[b"12345678\n12345678\r\n"]), [line("12345678"), line("12345678")]);
        assert_eq!(frames(8, &[b"1234", b"5678\r", b"\n"]), [line("12345678")]);
    }

    #[test]
    fn a_longer_line_is_split_and_its_remainder_is_marked() {
        let expected = [("12345678".to_owned(), true, false), ("88".to_owned(), false, true), line("88")];
        assert_eq!(frames(8, &[b"1234567888\n88\n"]), expected);
        assert_eq!(frames(8, &[b"12345", b"67888", b"\n8", b"8\n"]), expected);
    }

    #[test]
    fn a_line_is_split_between_characters() {
        let split = frames(8, &["1234567ä9\n".as_bytes()]);
        assert_eq!(split, [("1234567".to_owned(), true, false), ("ä9".to_owned(), false, true)]);
        let bytes = [0x80; 9];
        assert_eq!(Framer::new(8).next(&mut &bytes[..]).unwrap().text.len(), 8);
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(frames(8, &[b"one\ntwo"]), [line("one"), ("two".to_owned(), true, false)]);
        let expected = [("12345678".to_owned(), true, false), ("\r".to_owned(), false, false)];
        assert_eq!(frames(8, &[b"12345678\r"]), expected);
    }
}
