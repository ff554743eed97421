//! From bytes to turns: what one side says, a message at a time.

use crate::observe::{For, Observer, Place, Step};
use crate::rules::messages::{Counter, Stream};
use crate::rules::wire::{Decoder, GOODBYE, Heard};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::iter::from_fn;
use std::time::Instant;

/// What somebody says in one turn.
#[derive(Debug)]
pub(super) enum Said {
    Text(Vec<u8>),
    Goodbye,
    /// See [`Heard::LastWords`].
    LastWords(Vec<u8>),
    /// They say no more.
    End(io::Result<()>),
}

impl From<Heard<'_>> for Said {
    fn from(heard: Heard<'_>) -> Self {
        match heard {
            Heard::Text(text) => Self::Text(text.to_vec()),
            Heard::LastWords(text) => Self::LastWords(text.to_vec()),
            // Only a decoder for a caller hears what is foreign: see `Side::new`.
            Heard::Goodbye | Heard::Foreign(_) => Self::Goodbye,
        }
    }
}

impl Said {
    /// The last bytes of the stream. Who waits for our turn in vain says goodbye again, and both are read together.
    fn last(heard: Heard<'_>) -> Self {
        match heard {
            Heard::Text(text) | Heard::LastWords(text) if text == GOODBYE.repeat(2) => Self::Goodbye,
            heard => heard.into(),
        }
    }
}

/// What one of the two says, a message at a time.
pub(super) struct Side {
    place: Place,
    counter: Counter,
    observer: Observer,
    pub(super) decoder: Decoder,
    /// What a read returned beyond one message waits here for its turn.
    pub(super) said: VecDeque<Said>,
}

impl Side {
    /// All that comes is text, also from the peer: telnet needs answers at once, and it may be our turn for long.
    pub(super) fn new(place: Place, stream: Stream, max_line: usize, observer: Observer) -> Self {
        let counter = Counter::new(stream);
        Self { place, counter, observer, decoder: Decoder::for_keyboard(max_line), said: VecDeque::new() }
    }

    /// Whether it has said more, as far as that was read.
    pub(super) fn has_more(&mut self) -> bool {
        self.said.iter().any(|said| !matches!(said, Said::End(_))) || self.decoder.quiet().is_some()
    }

    /// Reads once. If it `may_time_out`, a time-out means that the message at hand is complete.
    pub(super) fn read(&mut self, from: &mut impl Read, may_time_out: bool) {
        let mut space = [0; 8192];
        self.observer.emit(|| Step::Waits(For::Input(self.place)));
        let read = from.read(&mut space);
        let now = Instant::now();
        match read {
            Ok(read @ 1..) => {
                let mut bytes = &space[..read];
                let messages = self.observer.count(&mut self.counter, bytes);
                self.observer.emit(|| Step::Read { from: self.place, bytes: read, messages });
                self.said.extend(from_fn(|| self.decoder.next(&mut bytes, now).map(Said::from)));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error)
                if may_time_out && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                self.said.extend(from_fn(|| self.decoder.quiet().map(Said::from)));
            }
            ended => {
                self.said.extend(from_fn(|| self.decoder.end().map(Said::last)));
                self.said.push_back(Said::End(ended.map(drop)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side() -> Side {
        Side::new(Place::Peer, Stream(1), 99, Observer::default())
    }

    /// What a side says in these bytes, in words.
    fn says(side: &mut Side, mut bytes: &[u8]) -> Vec<String> {
        while !matches!(side.said.back(), Some(Said::End(_))) {
            side.read(&mut bytes, false);
        }
        let words = |said| match said {
            Said::Text(text) => String::from_utf8_lossy(&text).into_owned(),
            Said::LastWords(text) => format!("{}, goodbye", String::from_utf8_lossy(&text)),
            Said::Goodbye => "goodbye".to_owned(),
            Said::End(_) => "end".to_owned(),
        };
        side.said.drain(..).map(words).collect()
    }

    #[test]
    fn what_comes_in_one_read_waits_for_its_turn() {
        let mut side = side();
        assert_eq!(says(&mut side, b"one\ntwo\r\n88\nthree"), ["one", "two", "goodbye", "three", "end"]);
    }

    #[test]
    fn last_words_may_be_a_goodbye() {
        assert_eq!(says(&mut side(), b"hello88"), ["hello88, goodbye", "end"]);
    }

    #[test]
    fn what_looks_like_telnet_is_text() {
        let mut side = side();
        side.read(&mut &b"caf\xff\xf4x\xff\xfd\x06\r\n"[..], false);
        let said = side.said.pop_front();
        assert!(matches!(&said, Some(Said::Text(text)) if text == b"caf\xff\xf4x\xff\xfd\x06"), "{said:?}");
    }

    #[test]
    fn a_goodbye_that_was_said_again_before_our_turn_is_one() {
        assert_eq!(says(&mut side(), b"hello\n8888"), ["hello", "goodbye", "end"]);
        assert_eq!(says(&mut side(), b"8888"), ["goodbye", "end"]);
        assert_eq!(says(&mut side(), b"8888\n"), ["8888", "end"]);
    }

    #[test]
    fn a_read_that_times_out_means_that_a_message_without_a_newline_is_whole() {
        struct TimedOut;
        impl Read for TimedOut {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::WouldBlock.into())
            }
        }
        let mut side = side();
        side.read(&mut &b"88"[..], true);
        assert!(side.said.is_empty());
        side.read(&mut TimedOut, true);
        assert!(matches!(side.said.pop_front(), Some(Said::Goodbye)));
        // The next message is not taken for the rest of this one.
        side.read(&mut &b"88\n"[..], true);
        assert!(matches!(side.said.pop_front(), Some(Said::Goodbye)));
    }
}
