//! What was typed and no conversation has taken yet.

use crate::rules::buffer::Buffer;
use crate::rules::byte_order_mark;
use crate::rules::messages::{Messages, Stream};
use crate::rules::wire::{Encoder, Framer, GOODBYE, Stamp};
use std::collections::VecDeque;

/// How many bytes typed at a terminal may wait, for a caller or for a peer that is slow to read. A pipe
/// needs no such limit: its reader waits while all its buffers are on their way.
pub const CAPACITY: usize = 1024 * 1024;

/// How many bytes of input are encoded in one step. They may be empty lines, which grow 28-fold when they are stamped.
const STEP: usize = 32 * 1024;
/// From how many bytes of output on a batch is full.
const FULL: usize = 512 * 1024;

/// The lines of standard input, from the moment they were read until a conversation takes them. It outlives
/// the conversations of a `serve`: what one does not take is kept for the next.
#[derive(Debug)]
pub struct Input {
    /// A person types here; otherwise it is a pipe or a file.
    pub is_terminal: bool,
    /// No line is a goodbye.
    literal: bool,
    /// What is typed is passed on as it is.
    is_raw: bool,
    queue: VecDeque<Buffer>,
    /// How much of the first buffer in the queue has been taken.
    taken: usize,
    /// How many bytes in the queue have not.
    waiting: usize,
    framer: Framer,
    /// How many lines have been taken, and how many of them [`take_typed`](Self::take_typed) has returned.
    lines: u64,
    returned: u64,
    /// Whether there has ever been a line.
    spoke: bool,
    ended: bool,
    /// A conversation knows of the end.
    end_taken: bool,
}

/// Whether this line, with or without its end, is the goodbye.
#[must_use]
pub fn is_goodbye(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line) == GOODBYE
}

/// What a conversation gets out of the input.
#[derive(Debug)]
pub enum Taken {
    /// Messages, ready to be written. There may be none in it: the buffer returns to its reader all the same.
    Messages(Buffer),
    /// The line `88`, and the messages in front of it.
    Goodbye(Buffer),
    /// The input has ended. `spoke` is false if there has never been a line.
    End {
        /// Whether there has ever been a line.
        spoke: bool,
    },
    /// Nothing, for now.
    Nothing,
}

impl Input {
    /// `max_line` is the longest message in bytes; a longer line becomes several. With `literal`, a line `88` is a message,
    /// too.
    #[must_use]
    pub fn new(is_terminal: bool, max_line: usize, literal: bool) -> Self {
        Self {
            is_terminal,
            literal,
            is_raw: false,
            queue: VecDeque::new(),
            taken: 0,
            waiting: 0,
            framer: Framer::new(Encoder::text_limit(max_line)),
            lines: 0,
            returned: 0,
            spoke: false,
            ended: false,
            end_taken: false,
        }
    }

    /// The bytes of the input as they are.
    #[must_use]
    pub fn raw(is_terminal: bool) -> Self {
        Self { is_raw: true, ..Self::new(is_terminal, 0, true) }
    }

    /// A read returned this. At a terminal it is copied, so that the buffer returns at once and typing is
    /// always read.
    pub fn push(&mut self, buffer: Buffer) {
        let is_beginning = !self.spoke && self.waiting() == 0 && self.queue.is_empty();
        self.waiting += buffer.input().len();
        if is_beginning && !self.is_terminal && !self.is_raw {
            self.taken = buffer.input().len() - byte_order_mark::strip(buffer.input()).len();
            self.waiting -= self.taken;
        }
        if !self.is_terminal {
            self.queue.push_back(buffer);
        } else if let Some(last) = self.queue.back_mut() {
            last.append_input(buffer.input());
        } else {
            self.queue.push_back(Buffer::with_input(buffer.input()));
        }
    }

    /// Standard input has ended.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Takes a batch of messages: what one read returned, or as many of them as make a batch full, or those up to
    /// and including a line `88`.
    pub fn take(&mut self, encoder: &Encoder, stamp: &Stamp) -> Taken {
        let Some(mut front) = self.queue.pop_front() else { return self.take_end(encoder, stamp) };
        if self.is_raw {
            return Taken::Messages(self.take_bytes(front));
        }
        let mut out = Buffer::default();
        out.swap_output(&mut front);
        out.messages = Messages::NONE;
        let mut goodbye = false;
        while !goodbye && self.taken < front.input().len() && out.output.len() < FULL {
            let rest = &front.input()[self.taken..];
            let step = &rest[..rest.len().min(STEP)];
            let left = self.take_step(step, encoder, stamp, &mut out, &mut goodbye);
            self.taken += step.len() - left;
            self.waiting -= step.len() - left;
        }
        if self.taken < front.input().len() {
            self.queue.push_front(front);
        } else {
            self.taken = 0;
            if !goodbye {
                // All of it was taken, and the buffer goes with it.
                front.swap_output(&mut out);
                return Taken::Messages(front);
            }
        }
        if goodbye { Taken::Goodbye(out) } else { Taken::Messages(out) }
    }

    /// Passes on what a read returned. For an observer, its lines are its messages.
    fn take_bytes(&mut self, mut buffer: Buffer) -> Buffer {
        let (input, output, _) = buffer.input_and_output();
        output.extend_from_slice(input);
        self.waiting -= output.len();
        self.spoke |= !output.is_empty();
        let lines = bytecount::count(output, b'\n') as u64;
        self.lines += lines;
        buffer.messages = Messages { count: lines, ..Messages::NONE };
        buffer
    }

    /// Encodes the lines of a step, up to a goodbye. Returns how many of its bytes are left.
    fn take_step(
        &mut self,
        mut step: &[u8],
        encoder: &Encoder,
        stamp: &Stamp,
        out: &mut Buffer,
        goodbye: &mut bool,
    ) -> usize {
        loop {
            let lines = self.framer.next_lines(&mut step);
            let before = out.messages.count;
            encoder.encode_lines(stamp, lines, out);
            self.lines += out.messages.count - before;
            self.spoke |= !lines.is_empty();
            let Some(frame) = self.framer.next(&mut step) else { return 0 };
            self.spoke = true;
            self.lines += u64::from(frame.ends_line);
            if !self.literal && frame.starts_line && frame.ends_line && frame.text == GOODBYE {
                *goodbye = true;
                return step.len();
            }
            encoder.encode(stamp, frame.text, out);
        }
    }

    /// What is left when everything that was read has been taken.
    fn take_end(&mut self, encoder: &Encoder, stamp: &Stamp) -> Taken {
        if !self.ended || self.end_taken {
            return Taken::Nothing;
        }
        let mut out = Buffer::default();
        while let Some(frame) = self.framer.finish() {
            self.spoke = true;
            self.lines += u64::from(frame.starts_line);
            if !self.literal && frame.starts_line && frame.text == GOODBYE {
                return Taken::Goodbye(out);
            }
            encoder.encode(stamp, frame.text, &mut out);
        }
        if !out.output.is_empty() {
            return Taken::Messages(out);
        }
        self.end_taken = true;
        Taken::End { spoke: self.spoke }
    }

    /// The lines that have been taken since the last call.
    pub fn take_typed(&mut self) -> Messages {
        let first = self.returned + 1;
        let count = self.lines - std::mem::replace(&mut self.returned, self.lines);
        Messages { stream: Stream::KEYBOARD, first, count }
    }

    /// How many bytes wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.framer.partial().len() + self.waiting
    }

    /// Whether this line of the input, with or without its end, is the goodbye.
    #[must_use]
    pub fn is_goodbye(&self, line: &[u8]) -> bool {
        !self.literal && is_goodbye(line)
    }

    /// If the first line that waits is the goodbye, how many bytes wait behind it.
    #[must_use]
    pub fn behind_goodbye(&self) -> Option<usize> {
        let mut line = self.beginning();
        if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            line.truncate(end + 1);
        } else if !self.ended {
            return None;
        }
        let is_goodbye = !self.framer.is_within_line() && self.is_goodbye(&line);
        is_goodbye.then(|| self.waiting() - line.len())
    }

    /// The first bytes that wait, as many as a goodbye can have.
    fn beginning(&self) -> Vec<u8> {
        let queued = self.queue.iter().flat_map(Buffer::input).skip(self.taken);
        self.framer.partial().iter().chain(queued).copied().take(GOODBYE.len() + 2).collect()
    }

    /// Whether text waits: something else than the goodbye, or the beginning of it.
    #[must_use]
    pub fn has_text(&self) -> bool {
        match self.behind_goodbye() {
            Some(rest) => rest > 0,
            None => self.waiting() > 0 && !GOODBYE.starts_with(&self.beginning()),
        }
    }

    /// How many lines wait in front of one with which the user leaves, and whether there is such a one.
    pub fn waiting_lines(&self, leaves: impl Fn(&[u8]) -> bool) -> (usize, bool) {
        let queued = self.queue.iter().flat_map(Buffer::input).skip(self.taken);
        let waiting: Vec<u8> = self.framer.partial().iter().chain(queued).copied().collect();
        let lines: Vec<_> = waiting.split_inclusive(|byte| *byte == b'\n').collect();
        let is_whole = |(number, line): (usize, &&[u8])| {
            (number > 0 || !self.framer.is_within_line()) && (line.ends_with(b"\n") || self.ended)
        };
        let leaving = lines.iter().enumerate().position(|line| is_whole(line) && leaves(line.1));
        (leaving.unwrap_or(lines.len()), leaving.is_some())
    }

    /// The conversation goes on over another connection: it learns of an end that the last one knew already.
    pub fn continue_conversation(&mut self) {
        self.end_taken = false;
    }

    /// A conversation begins. An end of the input behind which nothing waits was the end of what was said
    /// before: this one only listens.
    pub fn begin_conversation(&mut self) {
        self.end_taken |= self.ended && self.waiting() == 0;
    }

    /// Whether everything has been taken, the end of the input included.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.end_taken
    }

    /// Whether there has ever been a line.
    #[must_use]
    pub fn spoke(&self) -> bool {
        self.spoke
    }

    /// Whether standard input has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::wire::Wire;
    use time::macros::datetime;

    const NOW: time::OffsetDateTime = datetime!(2026-11-09 06:18:34 UTC);

    #[test]
    fn only_88_with_or_without_a_line_end_is_a_goodbye() {
        for line in ["88", "88\n", "88\r\n"] {
            assert!(is_goodbye(line.as_bytes()), "{line:?}");
        }
        for line in ["88 \n", " 88\n", "888\n", "\n"] {
            assert!(!is_goodbye(line.as_bytes()), "{line:?}");
        }
    }

    #[test]
    fn the_byte_order_mark_of_a_file_is_not_sent_and_a_terminal_has_none() {
        let sent = |is_terminal, reads: &[&str]| {
            let mut input = Input::new(is_terminal, 1000, false);
            for read in reads {
                input.push(Buffer::with_input(read.as_bytes()));
            }
            let (mut sent, stamp) = (Vec::new(), Stamp::at(NOW));
            while let Taken::Messages(messages) = input.take(&Encoder::new(Wire::Lines), &stamp) {
                sent.extend_from_slice(&messages.output);
            }
            assert_eq!(input.waiting(), 0);
            String::from_utf8(sent).unwrap().replace(&*String::from_utf8_lossy(stamp.as_bytes()), "")
        };
        assert_eq!(sent(false, &["\u{feff}one\n", "\u{feff}two\n"]), "one\n\u{feff}two\n");
        assert_eq!(sent(false, &["\u{feff}", "one\n"]), "one\n");
        assert_eq!(sent(true, &["\u{feff}one\n"]), "\u{feff}one\n");
    }

    #[test]
    fn a_goodbye_behind_a_byte_order_mark_is_one() {
        let mut input = Input::new(false, 1000, false);
        input.push(Buffer::with_input("\u{feff}88\n".as_bytes()));
        assert_eq!(input.behind_goodbye(), Some(0));
        assert!(matches!(input.take(&Encoder::new(Wire::Lines), &Stamp::at(NOW)), Taken::Goodbye(_)));
    }
}
