//! The rules of two people talking, from the connection to its end.
//!
//! Both sides speak at any time. The goodbye `88` of either one ends the conversation, and then nothing is cut short
//! that still moves. Each half has its own state; the conversation is over when both halves are:
//!
//! ```text
//!  Sending      Open ───▶ Leaving ───▶ Left ───▶ Over     Receiving    Open ───▶ Goodbye ───▶ Over
//!                 │          │           │                               │                      ▲
//!  we say 88, our │ handed   │ written   │                  they say 88  │    the stream ends   │
//!  input ends, or │ out      │           │                               └──────────────────────┘
//!  they left      ▼          ▼           ▼                                    the stream ends
//! ```
//!
//! [`Endpoint`](super::endpoint::Endpoint) owns the conversation, passes on what happens, and gives it the queue of
//! actions to which it appends.

use super::action::{Action, Outgoing};
use super::buffer::Buffer;
use super::event::{Delivery, SILENCE_LIMIT, Status};
use super::input::{Input, Taken};
use super::messages::Counter;
use super::notice::Notice;
use super::sanitize::sanitize;
use super::settings::{OnEof, Settings};
use super::wire::{Decoder, Encoder, Heard, Stamp};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How often to check for progress while closing.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// How often to check whether the peer's system has vanished, while it has something to confirm.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// What is to be done, in order.
pub(super) type Actions = VecDeque<Action>;

/// Our half. `goodbye` tells whether it ends with `88`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// Lines may be sent.
    Open,
    /// Only the goodbye, or the mere end, is left to be handed out.
    Leaving { goodbye: bool },
    /// Everything was handed out, or nothing more can be written.
    Left { goodbye: bool },
    /// Everything was written that could be.
    Over { goodbye: bool, delivery: Delivery },
}

/// Their half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiving {
    /// Messages may arrive.
    Open,
    /// They said `88`: what still arrives is dropped.
    Goodbye,
    /// Nothing more arrives.
    Over { goodbye: bool },
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    peer: SocketAddr,
    settings: Settings,
    encoder: Encoder,
    decoder: Decoder,
    sending: Sending,
    receiving: Receiving,
    /// Numbers the messages that are sent.
    sent: Counter,
    /// We have nothing to say: our input ended without a line, or before this conversation.
    only_listens: bool,
    /// The buffer in which the beginning of a message arrived. If nothing follows, that beginning is shown in it, so
    /// that a stuck screen holds up a peer without newlines like any other.
    unfinished: Option<Buffer>,
    /// How many bytes arrived, but for what follows a goodbye.
    received: u64,
    /// What went wrong, until it is reported at the end.
    trouble: Option<Notice>,
    /// When to check whether the peer's system still answers. None while it has nothing to confirm.
    probe_at: Option<Instant>,
    began: Instant,
    /// What moved, from the first check after the end has begun.
    progress: Option<Progress>,
    /// The connection was ended by force, and this many messages had not been confirmed by then.
    disconnected: Option<usize>,
}

/// Whether anything still moves while the conversation ends.
#[derive(Debug)]
struct Progress {
    /// How many bytes had moved at the last check.
    moved: u64,
    moved_at: Instant,
    check_at: Instant,
}

impl Sending {
    fn goodbye(self) -> bool {
        match self {
            Self::Open => false,
            Self::Leaving { goodbye } | Self::Left { goodbye } | Self::Over { goodbye, .. } => goodbye,
        }
    }
}

impl Conversation {
    /// A conversation with `peer` begins. `only_listens` if our input is over already.
    pub(super) fn new(peer: SocketAddr, now: Instant, settings: Settings, only_listens: bool) -> Self {
        Self {
            peer,
            settings,
            encoder: Encoder::new(settings.wire),
            decoder: Decoder::new(settings.max_line),
            sending: Sending::Open,
            receiving: Receiving::Open,
            sent: Counter::default(),
            only_listens,
            unfinished: None,
            received: 0,
            trouble: None,
            probe_at: None,
            began: now,
            progress: None,
            disconnected: None,
        }
    }

    /// Appends what to send next, if there is anything. Every line gets the stamp.
    pub(super) fn send_next(
        &mut self,
        input: &mut Input,
        now: Instant,
        stamp: &Stamp,
        actions: &mut Actions,
    ) {
        let before = actions.len();
        while actions.len() == before {
            match self.sending {
                Sending::Open => match input.take(&self.encoder, stamp) {
                    Taken::Messages(buffer) => self.send(buffer, input, actions),
                    Taken::Goodbye(buffer) => {
                        self.send(buffer, input, actions);
                        self.say_goodbye(Notice::YouSaidGoodbye, actions);
                    }
                    Taken::End { spoke } => self.input_ended(spoke || input.is_terminal, actions),
                    Taken::Nothing => return,
                },
                Sending::Leaving { goodbye } => {
                    self.sending = Sending::Left { goodbye };
                    let pause = self.encoder.pause_before_goodbye(self.decoder.is_framed());
                    let outgoing = match goodbye {
                        true => Outgoing::Goodbye { pause: pause.filter(|_| self.sent.count() > 0) },
                        false => Outgoing::HalfClose,
                    };
                    actions.push_back(Action::Send { outgoing, typed: input.take_typed() });
                }
                Sending::Left { .. } | Sending::Over { .. } => return,
            }
        }
        self.probe_at.get_or_insert(now + PROBE_EVERY);
    }

    /// Appends messages that were not typed now: an introduction, or what is sent again.
    pub(super) fn send_first(
        &mut self,
        buffer: Buffer,
        input: &mut Input,
        now: Instant,
        actions: &mut Actions,
    ) {
        self.send(buffer, input, actions);
        self.probe_at.get_or_insert(now + PROBE_EVERY);
    }

    /// Encodes these lines for [`send_first`](Self::send_first).
    pub(super) fn encode(&self, lines: impl Iterator<Item = String>, stamp: &Stamp) -> Buffer {
        let mut buffer = Buffer::default();
        lines.for_each(|line| self.encoder.encode(stamp, line.as_bytes(), &mut buffer));
        buffer
    }

    fn send(&mut self, mut buffer: Buffer, input: &mut Input, actions: &mut Actions) {
        if !buffer.output.is_empty() {
            buffer.messages = self.sent.next(buffer.messages.count);
            let outgoing = Outgoing::Messages(buffer);
            actions.push_back(Action::Send { outgoing, typed: input.take_typed() });
        }
    }

    /// Says goodbye as soon as what was taken has been sent. `notice` tells why.
    pub(super) fn say_goodbye(&mut self, notice: impl Into<Option<Notice>>, actions: &mut Actions) {
        if self.sending == Sending::Open {
            self.sending = Sending::Leaving { goodbye: true };
            actions.extend(notice.into().map(Action::Report));
        }
    }

    /// Our input has ended; `spoke` unless there was nothing in it.
    fn input_ended(&mut self, spoke: bool, actions: &mut Actions) {
        match self.settings.on_eof {
            _ if !spoke => {
                self.only_listens = true;
                if self.has_received_all() {
                    self.leave();
                }
            }
            OnEof::Bye => self.say_goodbye(Notice::InputEndedGoodbye, actions),
            OnEof::Wait => {
                self.leave();
                if !self.has_received_all() {
                    actions.push_back(Action::Report(Notice::InputEndedListening));
                }
            }
        }
    }

    /// Ends our half without a goodbye, as soon as what was taken has been sent.
    fn leave(&mut self) {
        if self.sending == Sending::Open {
            self.sending = Sending::Leaving { goodbye: false };
        }
    }

    /// What was read into the buffer arrived at `received_at`. The messages in it are put there, too.
    pub(super) fn receive(&mut self, mut buffer: Buffer, received_at: Instant, actions: &mut Actions) {
        let mut goodbye = None;
        if self.receiving == Receiving::Open {
            self.received += buffer.input().len() as u64;
            if self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= received_at) {
                goodbye = self.decode_rest(false, &mut buffer);
            }
            if goodbye.is_none() {
                goodbye = self.decode(&mut buffer, received_at);
            }
        }
        self.show(buffer, actions);
        self.receive_goodbye(goodbye, actions);
    }

    /// Decodes what was read into the buffer, up to a goodbye.
    fn decode(&mut self, buffer: &mut Buffer, received_at: Instant) -> Option<Notice> {
        let (input, screen, raw) = buffer.input_and_output();
        let mut bytes = input;
        // Lines that are shown as they came. They need not be copied, unless something else comes after them.
        let mut verbatim = 0..0;
        let goodbye = loop {
            if !self.settings.to_terminal {
                let start = input.len() - bytes.len();
                let lines = self.decoder.next_lines(&mut bytes, received_at);
                if !lines.is_empty() {
                    screen.extend_from_slice(&input[verbatim]);
                    verbatim = start..start + lines.len();
                }
            }
            match self.decoder.next(&mut bytes, received_at) {
                Some(Heard::Text(text)) => {
                    screen.extend_from_slice(&input[std::mem::take(&mut verbatim)]);
                    append(text, self.settings, screen, raw);
                }
                Some(Heard::Goodbye | Heard::LastWords(_) | Heard::Foreign(_)) => {
                    break Some(Notice::TheySaidGoodbye);
                }
                None => break None,
            }
        };
        buffer.verbatim = verbatim;
        goodbye
    }

    /// Decodes what has no newline: a message, because nothing follows or the stream has `ended`.
    fn decode_rest(&mut self, ended: bool, buffer: &mut Buffer) -> Option<Notice> {
        while let Some(heard) = if ended { self.decoder.end() } else { self.decoder.quiet() } {
            match heard {
                Heard::Text(text) => append(text, self.settings, &mut buffer.output, &mut buffer.raw),
                Heard::Goodbye | Heard::Foreign(_) => return Some(Notice::TheySaidGoodbye),
                Heard::LastWords(text) => {
                    append(text, self.settings, &mut buffer.output, &mut buffer.raw);
                    return Some(Notice::TheirLastWords);
                }
            }
        }
        None
    }

    fn receive_rest(&mut self, ended: bool, actions: &mut Actions) {
        if self.receiving == Receiving::Open {
            let mut buffer = self.unfinished.take().unwrap_or_default();
            let goodbye = self.decode_rest(ended, &mut buffer);
            self.show(buffer, actions);
            self.receive_goodbye(goodbye, actions);
        }
    }

    /// Shows the messages in the buffer. If there is none, the buffer is kept for the message that begins in it.
    fn show(&mut self, buffer: Buffer, actions: &mut Actions) {
        if buffer.shows_nothing() {
            self.unfinished = Some(buffer);
        } else {
            self.unfinished = None;
            actions.push_back(Action::Show(buffer));
        }
    }

    fn receive_goodbye(&mut self, goodbye: Option<Notice>, actions: &mut Actions) {
        if let Some(notice) = goodbye {
            self.receiving = Receiving::Goodbye;
            actions.push_back(Action::Report(notice));
            self.leave();
        }
    }

    /// The peer sends no more, because it closed its half or because reading failed.
    pub(super) fn received_all(&mut self, result: io::Result<()>, actions: &mut Actions) {
        self.receive_rest(true, actions);
        self.unfinished = None;
        let goodbye = self.receiving == Receiving::Goodbye;
        self.receiving = Receiving::Over { goodbye };
        let is_expected = goodbye || self.sending.goodbye() || self.is_disconnected();
        match result {
            _ if is_expected => {}
            Err(error) => self.broke(error),
            Ok(()) if self.settings.on_eof == OnEof::Bye => {
                self.trouble.get_or_insert(Notice::ClosedWithoutGoodbye(self.peer));
            }
            // With `wait` the end of their half is neither a goodbye nor an error: we go on.
            Ok(()) if !self.only_listens => {
                if self.sending == Sending::Open {
                    actions.push_back(Action::Report(Notice::TheyFinished));
                }
                return;
            }
            Ok(()) => {}
        }
        self.leave();
    }

    /// Writing failed. What has arrived, and what still arrives, is received all the same.
    pub(super) fn write_failed(&mut self, error: io::Error) {
        self.stop_sending();
        if !self.is_disconnected() {
            self.broke(error);
        }
    }

    fn stop_sending(&mut self) {
        if !matches!(self.sending, Sending::Over { .. }) {
            self.sending = Sending::Left { goodbye: self.sending.goodbye() };
        }
    }

    /// Our half has ended.
    pub(super) fn delivered(&mut self, delivery: Delivery) {
        self.sending = Sending::Over { goodbye: self.sending.goodbye(), delivery };
    }

    /// Ends both halves by force.
    pub(super) fn disconnect(&mut self, actions: &mut Actions) {
        if !self.is_disconnected() {
            self.disconnected = Some(0);
            self.probe_at = None;
            self.stop_sending();
            actions.push_back(Action::Disconnect);
        }
    }

    /// The connection was ended by force while the peer's system had not confirmed this many messages.
    pub(super) fn disconnected(&mut self, unconfirmed: usize) {
        self.disconnected = Some(unconfirmed);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let quiet_at = self.decoder.quiet_at().filter(|_| self.receiving == Receiving::Open);
        // When the end has just begun: at once.
        let check_at = self.progress.as_ref().map_or(self.began, |progress| progress.check_at);
        let check_at = Some(check_at).filter(|_| self.is_ending() && !self.is_disconnected());
        quiet_at.into_iter().chain(check_at).chain(self.probe_at).min()
    }

    /// Checks whether bytes without a newline are a message by now, whether the peer is still there, and when the end
    /// has begun, whether anything still moves.
    pub(super) fn handle_timeout(&mut self, now: Instant, status: Status, actions: &mut Actions) {
        if status.is_quiet && self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= now) {
            self.receive_rest(false, actions);
        }
        if status.peer.silent >= SILENCE_LIMIT {
            self.trouble = Some(Notice::Vanished { peer: self.peer, silent: status.peer.silent });
            return self.disconnect(actions);
        }
        if self.probe_at.is_some_and(|probe_at| probe_at <= now) {
            self.probe_at = (status.peer.unconfirmed > 0).then(|| now + PROBE_EVERY);
        }
        if self.is_ending() {
            let moved = self.received + status.written + status.peer.confirmed;
            let progress = self.progress.get_or_insert(Progress { moved, moved_at: now, check_at: now });
            if progress.moved != moved || status.output_is_behind {
                (progress.moved, progress.moved_at) = (moved, now);
            }
            progress.check_at = now + CHECK_EVERY;
            if now >= progress.moved_at + self.settings.patience {
                self.disconnect(actions);
            }
        }
    }

    /// Whom it is with.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether both halves were ended by force.
    pub(super) fn is_disconnected(&self) -> bool {
        self.disconnected.is_some()
    }

    /// Whether somebody has said goodbye, or the connection is lost: what is left to be sent needs no capacity.
    pub(super) fn is_ending(&self) -> bool {
        self.they_said_goodbye() || self.sending.goodbye() || self.trouble.is_some()
    }

    /// Whether messages that were not typed now may still be sent: nobody has left, and if we are about to, they come before
    /// our goodbye.
    pub(super) fn takes_messages(&self) -> bool {
        let is_open = matches!(self.sending, Sending::Open | Sending::Leaving { goodbye: true });
        is_open && !self.they_said_goodbye() && self.trouble.is_none()
    }

    fn they_said_goodbye(&self) -> bool {
        matches!(self.receiving, Receiving::Goodbye | Receiving::Over { goodbye: true })
    }

    /// Why the conversation, which [is over](Self::is_over), is to continue over another connection, if that is so: the
    /// connection broke, and nobody has said goodbye; or if we `must_deliver`, our goodbye or what was in front of it did
    /// not arrive.
    pub(super) fn broke_off(&self, must_deliver: bool) -> Option<String> {
        let Sending::Over { goodbye, delivery } = self.sending else { return None };
        let is_undelivered = !delivery.complete || self.disconnected.is_some_and(|messages| messages > 0);
        let is_broken = if goodbye { must_deliver && is_undelivered } else { self.trouble.is_some() };
        (is_broken && !self.they_said_goodbye()).then(|| match &self.trouble {
            Some(Notice::Broke { error, .. }) => error.to_string(),
            Some(Notice::Vanished { silent, .. }) => {
                format!("the other system has not answered for {} s", silent.as_secs())
            }
            Some(_) => "it was closed without 88".to_owned(),
            None => "not everything was delivered".to_owned(),
        })
    }

    /// When it began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Whether something went wrong, so that it will soon be over.
    pub(super) fn has_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    /// Whether both halves have ended.
    pub(super) fn is_over(&self) -> bool {
        self.has_received_all() && matches!(self.sending, Sending::Over { .. })
    }

    fn has_received_all(&self) -> bool {
        matches!(self.receiving, Receiving::Over { .. })
    }

    /// Whether we said goodbye.
    pub(super) fn said_goodbye(&self) -> bool {
        self.sending.goodbye()
    }

    /// Reports how a conversation ended that [is over](Self::is_over), in which that many messages were `not_sent` again.
    /// True if it ended cleanly.
    pub(super) fn conclude(self, not_sent: usize, actions: &mut Actions) -> bool {
        let they_said_goodbye = self.they_said_goodbye();
        let trouble = self.trouble.filter(|trouble| match trouble {
            // They left as announced. That they did not read what we said is reported below.
            Notice::Broke { .. } => !they_said_goodbye,
            _ => true,
        });
        let is_clean = trouble.is_none();
        actions.extend(trouble.map(Action::Report));
        let delivery = match self.sending {
            Sending::Over { delivery, .. } => delivery,
            _ => Delivery { complete: false, undelivered: 0 },
        };
        let messages = delivery.undelivered + self.disconnected.unwrap_or(0) + not_sent;
        if messages > 0 {
            actions.push_back(Action::Report(Notice::NotDelivered { messages }));
            return false;
        }
        if is_clean && self.sending.goodbye() && !they_said_goodbye && !delivery.complete {
            actions.push_back(Action::Report(Notice::GoodbyeNotDelivered));
            return false;
        }
        is_clean
    }

    fn broke(&mut self, error: io::Error) {
        self.trouble.get_or_insert(Notice::Broke { peer: self.peer, error });
    }
}

/// Appends a message to what is shown, and where a terminal shows it altered and there is a transcript, as it came to
/// `raw`.
fn append(text: &[u8], settings: Settings, screen: &mut Vec<u8>, raw: &mut Vec<u8>) {
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
