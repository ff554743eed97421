//! The rules of two people talking. No I/O: it owns no socket, thread or clock.
//!
//! The threads around it tell it what happened and ask it what to send next. Both sides speak at any time;
//! the goodbye `88` of either one ends it, and then nothing is cut short that still moves:
//!
//! ```text
//!            says 88, or its input ends                      everything was written
//!   Open  ──────────────────────────────▶  Leaving  ──▶ Left ──────────────────────▶ over, when the
//!     │    hears 88, or the connection ends   ▲                                      peer has left too
//!     └───────────────────────────────────────┘
//! ```

use crate::observe::Decision;
use crate::rules::buffer::Buffer;
use crate::rules::input::{Input, Taken};
use crate::rules::messages::{Counter, Messages};
use crate::rules::notice::Notice;
use crate::rules::sanitize::sanitize;
use crate::rules::settings::{OnEof, Settings};
use crate::rules::wire::{Decoder, Encoder, Heard, Stamp};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long nothing may move on the socket once somebody has said goodbye.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether something moves, then.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often it is looked whether the peer's system has vanished, while it has something to answer.
const ANSWER_EVERY: Duration = Duration::from_secs(5);

/// After how much silence of a peer's system the connection counts as lost: well within a minute.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(50);

/// What the system knows about the other end of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeerState {
    /// How many bytes the peer's system has confirmed.
    pub confirmed: u64,
    /// How many bytes were written and are not confirmed.
    pub unconfirmed: usize,
    /// For how long the peer's system has left unanswered what it was sent. Zero while nothing is
    /// unanswered, and also while it answers but its program does not read.
    pub silent: Duration,
}

/// What goes to the peer next, in this order and none before the one before it has been written.
#[derive(Debug)]
pub enum Outgoing {
    /// Messages, which are never empty.
    Messages(Buffer),
    /// `88`, after a pause where the peer might not tell it from the message before, and then the end of
    /// the writing half.
    Goodbye {
        /// How long to wait before it.
        pause: Option<Duration>,
    },
    /// The end of the writing half.
    HalfClose,
}

impl Outgoing {
    /// What was decided with it. Its messages get their numbers.
    pub fn decided(&mut self, sent: &mut Counter) -> (Decision, Messages) {
        match self {
            Self::Messages(buffer) => {
                buffer.messages = sent.next(buffer.messages.count);
                (Decision::Send, buffer.messages)
            }
            Self::Goodbye { .. } => (Decision::Leave, Messages::NONE),
            Self::HalfClose => (Decision::Finish, Messages::NONE),
        }
    }

    /// How many of its messages are not written to their end.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        match self {
            Self::Messages(buffer) => buffer.messages_after(buffer.written),
            Self::Goodbye { .. } | Self::HalfClose => 0,
        }
    }
}

/// Where our half of the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// Lines may be sent.
    Open,
    /// Only the goodbye (or the mere end) is left to be sent.
    Leaving { goodbye: bool },
    /// Nothing more will be sent.
    Left,
}

/// How our half ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Whether all was written, the goodbye included.
    pub complete: bool,
    /// How many messages were not written to their end.
    pub undelivered: usize,
}

/// One conversation, from the connection to its end.
#[derive(Debug)]
pub struct Conversation {
    peer: SocketAddr,
    began: Instant,
    settings: Settings,
    encoder: Encoder,
    decoder: Decoder,
    sending: Sending,
    /// Something was sent, from which the goodbye must be told apart.
    spoke: bool,
    /// We have nothing to say: our input ended without a line, or before this conversation.
    only_listens: bool,
    said_goodbye: bool,
    heard_goodbye: bool,
    /// The peer will send no more.
    heard_all: bool,
    /// Went wrong, and was not yet told.
    trouble: Option<Notice>,
    delivery: Option<Delivery>,
    /// How many messages were written, but not confirmed by the peer's system, when it was cut.
    unconfirmed: usize,
    patience: Option<Patience>,
    /// How many bytes were heard, but for what follows a goodbye.
    heard: u64,
    /// When to look whether the peer's system still answers.
    answer_at: Option<Instant>,
    /// It took too long: both halves are to be ended by force.
    cut: bool,
    notices: Vec<Notice>,
}

/// Waiting for the end of what still moves.
#[derive(Debug)]
struct Patience {
    /// How many bytes had moved when it was last looked.
    moved: u64,
    moved_at: Instant,
    look_at: Instant,
}

impl Conversation {
    /// A conversation with `peer` begins. `only_listens` if our input is over already.
    #[must_use]
    pub fn new(peer: SocketAddr, began: Instant, settings: Settings, only_listens: bool) -> Self {
        Self {
            peer,
            began,
            settings,
            encoder: Encoder::new(settings.wire),
            decoder: Decoder::new(settings.max_line),
            sending: Sending::Open,
            spoke: false,
            only_listens,
            said_goodbye: false,
            heard_goodbye: false,
            heard_all: false,
            trouble: None,
            delivery: None,
            unconfirmed: 0,
            patience: None,
            heard: 0,
            answer_at: None,
            cut: false,
            notices: Vec::new(),
        }
    }

    /// What to send next, if anything. `stamp` is put in front of every line. After their goodbye nothing, before the
    /// [notices](Self::notices) have been taken.
    pub fn next_outgoing(&mut self, input: &mut Input, now: Instant, stamp: &Stamp) -> Option<Outgoing> {
        let outgoing = self.take_outgoing(input, stamp)?;
        self.answer_at.get_or_insert(now + ANSWER_EVERY);
        Some(outgoing)
    }

    fn take_outgoing(&mut self, input: &mut Input, stamp: &Stamp) -> Option<Outgoing> {
        loop {
            let buffer = match self.sending {
                Sending::Open => match input.take(&self.encoder, stamp) {
                    Taken::Messages(buffer) => buffer,
                    Taken::Goodbye(buffer) => {
                        self.say_goodbye(Notice::YouSaidGoodbye);
                        buffer
                    }
                    Taken::End { spoke } => {
                        self.input_ended(spoke || input.is_terminal);
                        continue;
                    }
                    Taken::Nothing => return None,
                },
                // What has been heard is told before what it leads to is decided.
                Sending::Leaving { .. } if self.heard_goodbye && !self.notices.is_empty() => return None,
                Sending::Leaving { goodbye } => {
                    self.sending = Sending::Left;
                    let pause = self.encoder.pause_before_goodbye(self.decoder.is_framed());
                    return Some(match goodbye {
                        true => Outgoing::Goodbye { pause: pause.filter(|_| self.spoke) },
                        false => Outgoing::HalfClose,
                    });
                }
                Sending::Left => return None,
            };
            if !buffer.output.is_empty() {
                self.spoke = true;
                return Some(Outgoing::Messages(buffer));
            }
        }
    }

    /// The goodbye is to be said as soon as what was taken has been sent. `notice` tells why.
    pub fn say_goodbye(&mut self, notice: impl Into<Option<Notice>>) {
        if self.sending == Sending::Open {
            self.sending = Sending::Leaving { goodbye: true };
            self.said_goodbye = true;
            self.notices.extend(notice.into());
        }
    }

    /// Our input has ended; `spoke` if it was not just nothing.
    fn input_ended(&mut self, spoke: bool) {
        match self.settings.on_eof {
            _ if !spoke => {
                self.only_listens = true;
                if self.heard_all {
                    self.leave();
                }
            }
            OnEof::Bye => self.say_goodbye(Notice::InputEndedGoodbye),
            OnEof::Wait => {
                self.leave();
                if !self.heard_all {
                    self.notices.push(Notice::InputEndedListening);
                }
            }
        }
    }

    /// Ends our half without a goodbye, when what was taken has been sent.
    fn leave(&mut self) {
        if self.sending == Sending::Open {
            self.sending = Sending::Leaving { goodbye: false };
        }
    }

    /// What was read into the buffer arrived at that moment. What is to be shown for it is put there, too.
    pub fn hear(&mut self, buffer: &mut Buffer, at: Instant) {
        let (input, screen, raw) = buffer.input_and_output();
        if !self.heard_goodbye {
            self.heard += input.len() as u64;
        }
        if self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= at) {
            self.hear_rest(false, screen, raw);
        }
        let mut bytes = input;
        // Lines that are shown as they came. They need not be copied, unless something else comes after them.
        let mut verbatim = 0..0;
        while !self.heard_goodbye {
            if !self.settings.to_terminal {
                let start = input.len() - bytes.len();
                let lines = self.decoder.next_lines(&mut bytes, at);
                if !lines.is_empty() {
                    screen.extend_from_slice(&input[verbatim]);
                    verbatim = start..start + lines.len();
                }
            }
            match self.decoder.next(&mut bytes, at) {
                Some(Heard::Text(text)) => {
                    screen.extend_from_slice(&input[std::mem::take(&mut verbatim)]);
                    show(text, self.settings, screen, raw);
                }
                Some(Heard::Goodbye | Heard::LastWords(_)) => self.hear_goodbye(Notice::TheySaidGoodbye),
                None => break,
            }
        }
        buffer.verbatim = verbatim;
    }

    /// Nothing has arrived until `now`: bytes without a newline may be a message.
    pub fn quiet(&mut self, now: Instant, buffer: &mut Buffer) {
        if self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= now) {
            self.hear_rest(false, &mut buffer.output, &mut buffer.raw);
        }
    }

    /// It is time to look whether the peer is still there, and when the end has begun, whether anything still moves.
    ///
    /// `written` counts the bytes that were written to the socket; `screen_is_behind` says that nothing can
    /// move because the screen (or a transcript) does not take what was received.
    pub fn tick(&mut self, now: Instant, written: u64, peer: PeerState, screen_is_behind: bool) {
        if peer.silent >= SILENCE_LIMIT {
            self.trouble = Some(Notice::Vanished { peer: self.peer, silent: peer.silent });
            return self.cut_now();
        }
        if self.answer_at.is_some_and(|answer_at| answer_at <= now) {
            self.answer_at = (peer.unconfirmed > 0).then(|| now + ANSWER_EVERY);
        }
        if self.is_ending() {
            let moved = self.heard + written + peer.confirmed;
            let patience = self.patience.get_or_insert(Patience { moved, moved_at: now, look_at: now });
            if patience.moved != moved || screen_is_behind {
                (patience.moved, patience.moved_at) = (moved, now);
            }
            patience.look_at = now + LOOK_EVERY;
            if now >= patience.moved_at + self.settings.patience {
                self.cut_now();
            }
        }
    }

    /// When [`quiet`](Self::quiet) and [`tick`](Self::tick) are to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let quiet_at = self.decoder.quiet_at().filter(|_| !self.heard_goodbye);
        // When the end has just begun: at once.
        let look_at = self.patience.as_ref().map_or(self.began, |patience| patience.look_at);
        let look_at = Some(look_at).filter(|_| self.is_ending() && !self.cut);
        quiet_at.into_iter().chain(look_at).chain(self.answer_at).min()
    }

    /// The peer will send no more, because it closed its half or because reading failed.
    pub fn heard_all(&mut self, result: io::Result<()>, buffer: &mut Buffer) {
        self.hear_rest(true, &mut buffer.output, &mut buffer.raw);
        self.heard_all = true;
        let in_order = self.heard_goodbye || self.said_goodbye || self.cut;
        match result {
            Err(error) if !in_order => self.broke(error),
            _ if in_order => {}
            Ok(()) if self.settings.on_eof == OnEof::Bye => {
                self.trouble.get_or_insert(Notice::ClosedWithoutGoodbye(self.peer));
            }
            _ => {
                // With `wait` the end of their half is no goodbye, and no error: we go on.
                if !self.only_listens {
                    if self.sending == Sending::Open {
                        self.notices.push(Notice::TheyFinished);
                    }
                    return;
                }
            }
        }
        self.leave();
    }

    /// Writing failed. What has arrived, and what still arrives, is heard nevertheless.
    pub fn write_failed(&mut self, error: io::Error) {
        self.sending = Sending::Left;
        if !self.cut {
            self.broke(error);
        }
    }

    /// The connection is being cut while the peer's system has not confirmed so many messages that were written.
    pub fn unconfirmed(&mut self, messages: usize) {
        self.unconfirmed = messages;
    }

    /// Our half has ended.
    pub fn delivered(&mut self, delivery: Delivery) {
        self.sending = Sending::Left;
        self.delivery = Some(delivery);
    }

    /// Both halves are to be ended by force.
    pub fn cut_now(&mut self) {
        self.sending = Sending::Left;
        self.answer_at = None;
        self.cut = true;
    }

    /// Whether both halves are to be ended by force, because nothing moves.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether somebody has said goodbye, or the connection is lost.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.said_goodbye || self.heard_goodbye || self.trouble.is_some()
    }

    /// Whether both halves have ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.heard_all && self.delivery.is_some()
    }

    /// Whether we said goodbye.
    #[must_use]
    pub fn said_goodbye(&self) -> bool {
        self.said_goodbye
    }

    /// Whether they said goodbye. What they send afterwards is thrown away.
    #[must_use]
    pub fn heard_goodbye(&self) -> bool {
        self.heard_goodbye
    }

    /// What to tell the user, in order.
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> + use<> {
        std::mem::take(&mut self.notices).into_iter()
    }

    /// Ends the account of a conversation that [is over](Self::is_over): whether it ended in good order. What did
    /// not is among the [notices](Self::notices).
    pub fn conclude(&mut self) -> bool {
        let delivery = self.delivery.unwrap_or(Delivery { complete: false, undelivered: 0 });
        let trouble = self.trouble.take().filter(|trouble| match trouble {
            // They left as announced; that they did not read what we said is told below.
            Notice::Broke { .. } => !self.heard_goodbye,
            _ => true,
        });
        let in_order = trouble.is_none();
        self.notices.extend(trouble);
        let messages = delivery.undelivered + self.unconfirmed;
        if messages > 0 {
            self.notices.push(Notice::NotDelivered { messages });
            return false;
        }
        if in_order && self.said_goodbye && !self.heard_goodbye && !delivery.complete {
            self.notices.push(Notice::GoodbyeNotDelivered);
            return false;
        }
        in_order
    }

    fn hear_rest(&mut self, ended: bool, screen: &mut Vec<u8>, raw: &mut Vec<u8>) {
        while !self.heard_goodbye {
            match if ended { self.decoder.end() } else { self.decoder.quiet() } {
                Some(Heard::Text(text)) => show(text, self.settings, screen, raw),
                Some(Heard::Goodbye) => self.hear_goodbye(Notice::TheySaidGoodbye),
                Some(Heard::LastWords(text)) => {
                    show(text, self.settings, screen, raw);
                    self.hear_goodbye(Notice::TheirLastWords);
                }
                None => return,
            }
        }
    }

    fn hear_goodbye(&mut self, notice: Notice) {
        self.heard_goodbye = true;
        self.notices.push(notice);
        self.leave();
    }

    fn broke(&mut self, error: io::Error) {
        self.trouble.get_or_insert(Notice::Broke { peer: self.peer, error });
    }
}

/// A message, one line.
fn show(text: &[u8], settings: Settings, screen: &mut Vec<u8>, raw: &mut Vec<u8>) {
    if settings.to_terminal {
        sanitize(text, screen);
        if settings.transcribed {
            raw.extend_from_slice(text);
            raw.push(b'\n');
        }
    } else {
        screen.extend_from_slice(text);
    }
    screen.push(b'\n');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::rules::wire::Wire;
    use time::macros::datetime;

    /// A conversation, its input, and what is on its screen.
    struct Side {
        conversation: Conversation,
        input: Input,
        screen: Vec<u8>,
        told: Vec<String>,
        now: Instant,
    }

    impl Side {
        fn new(on_eof: OnEof) -> Self {
            let settings = Settings {
                wire: Wire::Lines,
                max_line: 1000,
                on_eof,
                to_terminal: false,
                transcribed: false,
                patience: PATIENCE,
            };
            let now = Instant::now();
            Self {
                conversation: Conversation::new(([127, 0, 0, 1], 9).into(), now, settings, false),
                input: Input::new(false, 1000),
                screen: Vec::new(),
                told: Vec::new(),
                now,
            }
        }

        fn types(&mut self, text: &str) {
            self.input.push(Buffer::with_input(text.as_bytes()));
        }

        fn hears(&mut self, bytes: &[u8]) {
            let mut buffer = Buffer::with_input(bytes);
            self.conversation.hear(&mut buffer, self.now);
            self.screen.extend(buffer.shown().concat());
        }

        fn heard_all(&mut self, result: io::Result<()>) {
            let mut buffer = Buffer::default();
            self.conversation.heard_all(result, &mut buffer);
            self.screen.extend(buffer.shown().concat());
        }

        /// What is to be told now has been.
        fn tells(&mut self) {
            self.told.extend(self.conversation.notices().map(|notice| notice.to_string()));
        }

        /// All that is to be sent when what is to be told has been, in words.
        fn sends(&mut self) -> Vec<String> {
            self.tells();
            let stamp = Stamp::at(datetime!(2026-11-09 06:18:34 UTC));
            let next = || self.conversation.next_outgoing(&mut self.input, self.now, &stamp);
            std::iter::from_fn(next)
                .map(|outgoing| match outgoing {
                    Outgoing::Messages(buffer) => String::from_utf8(buffer.output.clone()).unwrap(),
                    Outgoing::Goodbye { pause: None } => "88".to_owned(),
                    Outgoing::Goodbye { pause: Some(_) } => "pause, 88".to_owned(),
                    Outgoing::HalfClose => "end".to_owned(),
                })
                .collect()
        }

        fn delivered(&mut self) {
            self.conversation.delivered(Delivery { complete: true, undelivered: 0 });
        }

        /// Concludes: whether it ended in order, and what was told.
        fn concludes(&mut self) -> (bool, String) {
            assert!(self.conversation.is_over());
            let in_order = self.conversation.conclude();
            self.tells();
            (in_order, self.told.join("\n"))
        }
    }

    #[test]
    fn a_typed_88_is_sent_after_what_was_typed_before_it_and_ends_our_half() {
        let mut side = Side::new(OnEof::Bye);
        side.types("one\ntwo\n88\nthree\n");
        let expected = "[Mon Nov  9 06:18:34 2026] one\n[Mon Nov  9 06:18:34 2026] two\n";
        assert_eq!(side.sends(), [expected, "pause, 88"]);
        assert_eq!(side.input.waiting(), "three\n".len());
        side.delivered();
        side.heard_all(Ok(()));
        assert!(side.concludes().0);
    }

    #[test]
    fn a_goodbye_needs_no_pause_for_a_peer_that_sends_newlines_or_was_told_nothing() {
        let mut side = Side::new(OnEof::Bye);
        side.types("one\n88\n");
        side.hears(b"hello\n");
        assert_eq!(side.sends()[1], "88");
        let mut side = Side::new(OnEof::Bye);
        side.types("88\n");
        assert_eq!(side.sends(), ["88"]);
    }

    #[test]
    fn their_88_ends_both_halves_when_what_was_taken_is_sent() {
        let mut side = Side::new(OnEof::Bye);
        side.types("one\n");
        assert_eq!(side.sends().len(), 1);
        side.hears(b"bye\n88\nafterwards\n");
        side.types("two\n");
        assert_eq!(side.sends(), ["end"]);
        assert_eq!(side.screen, b"bye\n");
        side.delivered();
        side.heard_all(Ok(()));
        assert_eq!(side.concludes(), (true, "they said 88".to_owned()));
    }

    #[test]
    fn the_end_of_the_input_says_88_or_with_wait_ends_our_half_only() {
        let mut side = Side::new(OnEof::Bye);
        side.types("one");
        side.input.end();
        assert_eq!(side.sends()[1], "pause, 88");

        let mut side = Side::new(OnEof::Wait);
        side.types("one");
        side.input.end();
        assert_eq!(side.sends()[1], "end");
        assert!(!side.conversation.is_ending());
        side.hears(b"still there\n");
        side.delivered();
        side.heard_all(Ok(()));
        assert!(side.concludes().0);
        assert_eq!(side.screen, b"still there\n");
    }

    #[test]
    fn with_wait_we_go_on_after_their_end_until_ours() {
        let mut side = Side::new(OnEof::Wait);
        side.heard_all(Ok(()));
        side.types("one\n");
        assert_eq!(side.sends().len(), 1);
        side.input.end();
        assert_eq!(side.sends(), ["end"]);
        side.delivered();
        assert!(side.concludes().0);
    }

    #[test]
    fn an_input_without_a_line_only_listens() {
        for on_eof in [OnEof::Bye, OnEof::Wait] {
            let mut side = Side::new(on_eof);
            side.input.end();
            assert!(side.sends().is_empty());
            side.hears(b"88");
            side.heard_all(Ok(()));
            assert_eq!(side.sends(), ["end"]);
            side.delivered();
            assert!(side.concludes().0);
        }
    }

    #[test]
    fn an_end_without_88_is_told_and_not_in_order() {
        let mut side = Side::new(OnEof::Bye);
        side.heard_all(Ok(()));
        assert_eq!(side.sends(), ["end"]);
        side.delivered();
        let (in_order, told) = side.concludes();
        assert!(!in_order && told.contains("closed the connection without 88"), "{told}");
    }

    #[test]
    fn a_write_that_fails_does_not_stop_us_from_hearing() {
        let mut side = Side::new(OnEof::Bye);
        side.conversation.write_failed(io::ErrorKind::BrokenPipe.into());
        side.conversation.delivered(Delivery { complete: false, undelivered: 3 });
        side.hears(b"hello\n88");
        side.heard_all(Ok(()));
        assert_eq!(side.screen, b"hello\n");
        assert_eq!(
            side.concludes(),
            (false, "they said 88\nthreadchat: 3 lines were not delivered".to_owned())
        );
    }

    #[test]
    fn after_a_goodbye_it_ends_when_nothing_moves_for_two_seconds_and_not_before() {
        let mut side = Side::new(OnEof::Bye);
        side.types("88\n");
        side.sends();
        let mut moved = 0;
        for tenths in 1..=100 {
            let now = side.now + Duration::from_millis(100 * tenths);
            // It moves once a second, for 5 s.
            moved += u64::from(tenths <= 50 && tenths % 10 == 0);
            side.conversation.tick(now, moved, PeerState::default(), false);
            assert_eq!(side.conversation.is_cut(), tenths >= 70, "after {tenths} tenths of a second");
        }
    }

    #[test]
    fn a_screen_that_is_behind_stops_that_clock() {
        let mut side = Side::new(OnEof::Bye);
        side.types("88\n");
        side.sends();
        for seconds in 0..100 {
            let now = side.now + Duration::from_secs(seconds);
            side.conversation.tick(now, 0, PeerState::default(), true);
        }
        assert!(!side.conversation.is_cut());
    }

    #[test]
    fn what_a_terminal_shows_altered_is_kept_as_it_came_for_a_transcript_only() {
        for transcribed in [false, true] {
            let mut side = Side::new(OnEof::Bye);
            (side.conversation.settings.to_terminal, side.conversation.settings.transcribed) =
                (true, transcribed);
            let mut buffer = Buffer::with_input(b"\x1bc\r\nlast 88");
            side.conversation.hear(&mut buffer, side.now);
            side.conversation.heard_all(Ok(()), &mut buffer);
            assert_eq!(buffer.output, b"^[c\nlast 88\n");
            assert_eq!(buffer.raw, if transcribed { &b"\x1bc\nlast 88\n"[..] } else { b"" });
        }
    }

    #[test]
    fn bytes_that_came_after_a_pause_are_another_message() {
        let mut side = Side::new(OnEof::Bye);
        side.hears(b"one");
        side.now += crate::rules::wire::PAUSE;
        side.hears(b"88");
        side.heard_all(Ok(()));
        assert_eq!(side.screen, b"one\n");
        assert!(side.conversation.is_ending());
    }
}
