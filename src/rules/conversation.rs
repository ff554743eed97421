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
//! Between Leaving and Left, a goodbye may have to be said again (Repeating).
//!
//! A caller is in doubt at first: it may be a probe, or no chat. Nothing is reported or sent before there is reason to believe
//! in it, and one who turns out to be nobody leaves no trace.
//!
//! [`Endpoint`](super::endpoint::Endpoint) owns the conversation, passes on what happens, and gives it the queue of
//! actions to which it appends.

use super::action::{Action, Outgoing};
use super::buffer::Buffer;
use super::event::{Delivery, SILENCE_LIMIT, Status};
use super::input::{Input, Taken};
use super::messages::{Counter, Messages};
use super::notice::Notice;
use super::sanitize::sanitize;
use super::secure::{Channel, ChannelError, Peer};
use super::settings::{OnEof, Settings};
use super::transport::{ANSWER_WITHIN, BEGIN_WITHIN, OPEN_WITHIN, Opening, Transport};
use super::turned_away::{Ends, FirstLine};
use super::wire::{Decoder, Encoder, Foreign, GOODBYE, Heard, REPEAT_AFTER, Stamp};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often to check for progress while closing.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// How often to check whether the peer's system has vanished, while it has something to confirm.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// A peer that asks and does not read gets no further answers when so much waits, so that they do not pile up. What telnet asks
/// when it begins fits: each of the 256 options is refused at most once in each direction, with 3 bytes.
const MAX_REPLY: usize = 2048;

/// How long a foreign caller may take to close without anything moving: the next one waits.
const FOREIGN_PATIENCE: Duration = Duration::from_millis(200);

/// The end of our half, without anything before it.
const HALF_CLOSE: Outgoing = Outgoing::HalfClose { bytes: Vec::new() };

/// What is to be done, in order.
pub(super) type Actions = VecDeque<Action>;

/// Our half. `goodbye` tells whether it ends with `88`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// Lines may be sent.
    Open,
    /// Only the goodbye, or the mere end, is left to be handed out.
    Leaving { goodbye: bool },
    /// The goodbye was handed out, and is said again at this time, which is known when it was written.
    Repeating { at: Option<Instant> },
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
    /// They said `88`, or are no chat: what still arrives is dropped.
    Goodbye,
    /// The encrypted connection was closed, or has failed: what still arrives is dropped.
    Ended,
    /// Nothing more arrives.
    Over { goodbye: bool },
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    peer: SocketAddr,
    settings: Settings,
    transport: Transport,
    encoder: Encoder,
    decoder: Decoder,
    sending: Sending,
    receiving: Receiving,
    /// What a side that we called says first.
    first_line: FirstLine,
    /// What a raw side received.
    ends: Ends,
    /// They called us.
    was_called: bool,
    /// When to believe in a caller that has sent nothing so far. None when we do.
    believe_at: Option<Instant>,
    /// The caller is no chat.
    foreign: Option<Foreign>,
    opening: Opening,
    /// Answers to the peer's program that wait for capacity.
    reply: Vec<u8>,
    /// A goodbye that may be said again was written once.
    goodbye_written: bool,
    /// Numbers the messages that are sent.
    sent: Counter,
    /// We have nothing to say: our input ended without a line, or before this conversation.
    only_listens: bool,
    /// The buffer in which the beginning of a message arrived. If nothing follows, that beginning is shown in it, so
    /// that a stuck screen holds up a peer without newlines like any other.
    unfinished: Option<Buffer>,
    /// How many bytes arrived, but for what follows a goodbye.
    received: u64,
    /// How many bytes followed their goodbye, which are lost.
    beyond: u64,
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
            Self::Repeating { .. } => true,
            Self::Leaving { goodbye } | Self::Left { goodbye } | Self::Over { goodbye, .. } => goodbye,
        }
    }
}

/// How their half ends before the stream does.
enum Parting {
    Goodbye(Notice),
    TurnedAway { reason: String },
    Foreign(Foreign),
}

impl From<Option<String>> for Parting {
    /// They said `88`, perhaps because they do not let us in.
    fn from(reason: Option<String>) -> Self {
        reason.map_or(Self::Goodbye(Notice::TheySaidGoodbye), |reason| Self::TurnedAway { reason })
    }
}

impl Conversation {
    /// A conversation with `peer`, which called us, begins, as far as it is one.
    pub(super) fn with_caller(
        peer: SocketAddr,
        now: Instant,
        settings: Settings,
        only_listens: bool,
    ) -> Self {
        Self {
            decoder: decoder(&settings, Decoder::for_caller),
            first_line: FirstLine::Heard,
            was_called: true,
            believe_at: Some(now + settings.probe_time),
            ..Self::new(peer, now, settings, only_listens)
        }
    }

    /// A conversation with `peer` begins. `only_listens` if our input is over already.
    pub(super) fn new(peer: SocketAddr, now: Instant, settings: Settings, only_listens: bool) -> Self {
        Self {
            peer,
            settings,
            transport: Transport::Clear,
            encoder: Encoder::new(settings.wire),
            decoder: decoder(&settings, Decoder::new),
            sending: Sending::Open,
            receiving: Receiving::Open,
            first_line: FirstLine::Expected,
            ends: Ends::default(),
            was_called: false,
            believe_at: None,
            foreign: None,
            opening: Opening::NotNeeded,
            reply: Vec::new(),
            goodbye_written: false,
            sent: Counter::default(),
            only_listens,
            unfinished: None,
            received: 0,
            beyond: 0,
            trouble: None,
            probe_at: None,
            began: now,
            progress: None,
            disconnected: None,
        }
    }

    /// Lets everything go through this channel. Until it has opened, the peer is in doubt; then `connected` is reported.
    pub(super) fn encrypt(&mut self, channel: Channel, connected: Notice, now: Instant) {
        self.transport = Transport::Encrypted(Box::new(channel));
        self.opening = Opening::Pending { connected };
        self.believe_at = Some(now + if self.is_called() { BEGIN_WITHIN } else { ANSWER_WITHIN });
    }

    /// Whether messages can be sent: an encrypted connection has opened.
    pub(super) fn is_open(&self) -> bool {
        self.transport.is_open()
    }

    /// Who has opened the encrypted connection, once.
    pub(super) fn take_opened(&mut self) -> Option<Arc<Peer>> {
        self.opening.take_peer()
    }

    /// Why the encrypted connection could not open.
    pub(super) fn take_refused(&mut self) -> Option<ChannelError> {
        self.opening.take_refused()
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
                    Taken::Messages(buffer) => _ = self.send(buffer, input, actions),
                    Taken::Goodbye(buffer) => {
                        self.send(buffer, input, actions);
                        self.say_goodbye(Notice::YouSaidGoodbye, actions);
                    }
                    Taken::End { spoke } => {
                        // A file may be empty. A caller without input waits for the other side, which would take it for a probe.
                        let is_file = self.settings.is_raw() && self.was_called;
                        self.input_ended(spoke || input.is_terminal || is_file, actions);
                    }
                    Taken::Nothing => return,
                },
                Sending::Leaving { goodbye } => {
                    let outgoing = match goodbye {
                        true => self.goodbye(),
                        false => HALF_CLOSE,
                    };
                    self.sending = match outgoing {
                        Outgoing::Goodbye { is_last: false, .. } => Sending::Repeating { at: None },
                        _ => Sending::Left { goodbye },
                    };
                    self.hand_out(outgoing, input.take_typed(), actions);
                }
                Sending::Repeating { at } => {
                    let is_due = at.is_some_and(|at| at <= now);
                    if self.may_be_unheard() && !is_due {
                        return;
                    }
                    if self.may_be_unheard() {
                        self.send_control(GOODBYE.to_vec(), actions);
                    }
                    self.sending = Sending::Left { goodbye: true };
                    self.hand_out(HALF_CLOSE, Messages::NONE, actions);
                }
                Sending::Left { .. } | Sending::Over { .. } => return,
            }
        }
        self.probe_at.get_or_insert(now + PROBE_EVERY);
    }

    /// Nothing but time separates our goodbye from a message before it. So a peer without framing may read them as one message.
    fn goodbye(&self) -> Outgoing {
        let has_sent = self.sent.count() > 0;
        let pause = self.encoder.pause_before_goodbye(self.decoder.is_framed()).filter(|_| has_sent);
        Outgoing::Goodbye { bytes: GOODBYE.to_vec(), pause, is_last: !(has_sent && self.may_be_unheard()) }
    }

    /// Whether nothing shows that the peer would tell our goodbye from the message before it, or has: it never sent a newline,
    /// is no terminal, where a person reads both, and has not left.
    fn may_be_unheard(&self) -> bool {
        let is_framed = self.decoder.is_framed() || self.decoder.is_terminal();
        !is_framed && self.receiving == Receiving::Open
    }

    /// Our goodbye, after which our half has not ended, was written.
    pub(super) fn goodbye_written(&mut self, now: Instant) {
        self.goodbye_written = true;
        if let Sending::Repeating { at } = &mut self.sending {
            *at = Some(now + REPEAT_AFTER);
        }
    }

    /// Appends the answer to what the peer's program has asked for, if there is one. Returns its length.
    pub(super) fn send_reply(&mut self, actions: &mut Actions) -> Option<usize> {
        if matches!(self.sending, Sending::Left { .. } | Sending::Over { .. }) {
            return None;
        }
        match std::mem::take(&mut self.reply) {
            reply if reply.is_empty() => self.send_output(actions),
            reply => Some(self.send_control(reply, actions)),
        }
    }

    /// Appends what the transport has to send beside messages. Returns its length.
    fn send_output(&mut self, actions: &mut Actions) -> Option<usize> {
        let output = self.transport.take_output()?;
        let length = output.len();
        let outgoing = Outgoing::Messages(Buffer::control(output));
        actions.push_back(Action::Send { outgoing, typed: Messages::NONE });
        Some(length)
    }

    /// Appends bytes for the peer that are no message. Returns their length on the wire.
    fn send_control(&mut self, bytes: Vec<u8>, actions: &mut Actions) -> usize {
        self.hand_out(Outgoing::Messages(Buffer::control(bytes)), Messages::NONE, actions)
    }

    /// Appends what is to be written. Returns its length on the wire.
    fn hand_out(&mut self, mut outgoing: Outgoing, typed: Messages, actions: &mut Actions) -> usize {
        self.transport.seal(&mut outgoing);
        let length = match &outgoing {
            Outgoing::Messages(buffer) => buffer.wire().len(),
            Outgoing::Goodbye { bytes, .. } | Outgoing::HalfClose { bytes } => bytes.len(),
        };
        actions.push_back(Action::Send { outgoing, typed });
        length
    }

    /// Appends messages that were not typed now: an introduction, or what is sent again. Returns their length on the wire.
    pub(super) fn send_first(
        &mut self,
        buffer: Buffer,
        input: &mut Input,
        now: Instant,
        actions: &mut Actions,
    ) -> usize {
        self.probe_at.get_or_insert(now + PROBE_EVERY);
        self.send(buffer, input, actions)
    }

    /// Encodes these lines for [`send_first`](Self::send_first).
    pub(super) fn encode(&self, lines: impl Iterator<Item = String>, stamp: &Stamp) -> Buffer {
        let mut buffer = Buffer::default();
        lines.for_each(|line| self.encoder.encode(stamp, line.as_bytes(), &mut buffer));
        buffer
    }

    fn send(&mut self, mut buffer: Buffer, input: &mut Input, actions: &mut Actions) -> usize {
        if buffer.output.is_empty() {
            return 0;
        }
        buffer.messages = self.sent.next(buffer.messages.count);
        self.hand_out(Outgoing::Messages(buffer), input.take_typed(), actions)
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
                if self.hears_no_more() {
                    self.leave();
                }
            }
            OnEof::Bye => self.say_goodbye(Notice::InputEndedGoodbye, actions),
            OnEof::Wait => {
                self.leave();
                if !self.hears_no_more() {
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
        let mut parting = None;
        let (mut end, mut foreign) = (None, None);
        if self.receiving == Receiving::Open {
            self.received += buffer.input().len() as u64;
            foreign = self.is_called().then(|| Foreign::in_clear_text(buffer.input()));
            end = self.decrypt(&mut buffer, actions);
            if self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= received_at) {
                parting = self.decode_rest(false, &mut buffer);
            }
            match &parting {
                None => parting = self.decode(&mut buffer, received_at),
                Some(Parting::Goodbye(_)) => self.hear_beyond(buffer.input()),
                Some(_) => {}
            }
        } else if self.they_said_goodbye() && matches!(self.transport, Transport::Clear) {
            self.hear_beyond(buffer.input());
        }
        self.decoded(buffer, parting, actions);
        match end.filter(|_| self.receiving == Receiving::Open) {
            Some(Ok(())) => {
                self.receive_rest(true, actions);
                self.stopped(Ok(()), actions);
            }
            Some(Err(error)) if foreign.is_some() && error.is_clear_text() => {
                // It does not understand an alert.
                self.transport = Transport::Clear;
                self.decoded(Buffer::default(), foreign.map(Parting::Foreign), actions);
            }
            Some(Err(error)) => self.channel_failed(error, actions),
            None => {}
        }
    }

    /// This follows their goodbye, which a chat only says again. A terminal may send what its user did not type.
    fn hear_beyond(&mut self, bytes: &[u8]) {
        let is_said_again = |byte: &u8| GOODBYE.contains(byte) || b"\r\n".contains(byte);
        if !self.decoder.is_terminal() && self.foreign.is_none() && !bytes.iter().all(is_said_again) {
            self.beyond += bytes.len() as u64;
        }
    }

    /// Decrypts what was read into the buffer, if it is encrypted. Returns how the channel has ended, if it has.
    fn decrypt(&mut self, buffer: &mut Buffer, actions: &mut Actions) -> Option<Result<(), ChannelError>> {
        match self.transport.receive(buffer) {
            Ok(received) => {
                if let Some(peer) = received.opened {
                    self.believe_at = None;
                    let peer = Arc::new(peer);
                    actions.extend(self.opening.succeed(Arc::clone(&peer)).map(Action::Report));
                    actions.push_back(Action::Report(Notice::Encrypted(peer)));
                    actions.extend(self.transport.describe().map(Notice::Channel).map(Action::Report));
                    actions.push_back(Action::Prompt(format!("{}, encrypted", self.peer)));
                }
                received.error.map(Err).or(received.is_closed.then_some(Ok(())))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Nothing can be sent or received any more.
    fn channel_failed(&mut self, error: ChannelError, actions: &mut Actions) {
        self.receiving = Receiving::Ended;
        // The alert tells them why.
        self.send_output(actions);
        if self.is_believed() {
            self.trouble.get_or_insert(Notice::ChannelFailed { peer: self.peer, error });
        } else {
            self.opening = Opening::Refused(error);
        }
        self.leave();
    }

    /// Whether they called, over an encrypted connection that has not opened.
    fn is_called(&self) -> bool {
        matches!(self.opening, Opening::Pending { connected: Notice::ConnectedFrom(_) })
    }

    /// What arrived has been decoded into the buffer, and may have ended their half.
    fn decoded(&mut self, buffer: Buffer, parting: Option<Parting>, actions: &mut Actions) {
        self.encoder.adapt_to(&self.decoder);
        if let Some(reply) = self.decoder.take_reply()
            && self.reply.len() < MAX_REPLY
        {
            self.reply.extend(reply);
        }
        let is_genuine = match self.settings.is_raw() {
            true => self.received > 0,
            false => self.decoder.is_genuine(),
        };
        if is_genuine && !matches!(parting, Some(Parting::Foreign(_))) {
            self.believe(actions);
        }
        self.show(buffer, actions);
        match parting {
            Some(Parting::Goodbye(notice)) => actions.push_back(Action::Report(notice)),
            Some(Parting::TurnedAway { reason }) => {
                self.trouble = Some(Notice::NotLetIn { peer: self.peer, reason });
            }
            Some(Parting::Foreign(foreign)) => {
                self.foreign = Some(foreign);
                if self.sending == Sending::Open {
                    self.send_control(foreign.answer(), actions);
                }
            }
            None => return,
        }
        self.receiving = Receiving::Goodbye;
        self.leave();
    }

    /// Decodes what was read into the buffer, up to a goodbye.
    fn decode(&mut self, buffer: &mut Buffer, received_at: Instant) -> Option<Parting> {
        let is_raw = self.settings.is_raw();
        if is_raw {
            self.ends.hear(buffer.input());
            if !self.settings.to_terminal {
                buffer.verbatim = 0..buffer.input().len();
                return None;
            }
        }
        let (input, screen, raw) = buffer.input_and_output();
        let mut bytes = input;
        // Lines that are shown as they came. They need not be copied, unless something else comes after them.
        let mut verbatim = 0..0;
        let parting = loop {
            if !self.settings.to_terminal && self.first_line.is_heard() {
                let start = input.len() - bytes.len();
                let lines = self.decoder.next_lines(&mut bytes, received_at);
                if !lines.is_empty() {
                    screen.extend_from_slice(&input[verbatim]);
                    verbatim = start..start + lines.len();
                }
            }
            match self.decoder.next(&mut bytes, received_at).map(|heard| heard.or_text(is_raw)) {
                Some(Heard::Text(text)) => {
                    screen.extend_from_slice(&input[std::mem::take(&mut verbatim)]);
                    self.first_line.hear(text, |text| append(text, self.settings, screen, raw));
                }
                Some(Heard::Goodbye | Heard::LastWords(_)) => break Some(self.first_line.end().into()),
                Some(Heard::Foreign(foreign)) => break Some(Parting::Foreign(foreign)),
                None => break None,
            }
        };
        if matches!(parting, Some(Parting::Goodbye(_))) {
            self.hear_beyond(bytes);
        }
        buffer.verbatim = verbatim;
        parting
    }

    /// Decodes what has no newline: a message, because nothing follows or the stream has `ended`.
    fn decode_rest(&mut self, ended: bool, buffer: &mut Buffer) -> Option<Parting> {
        while let Some(heard) = if ended { self.decoder.end() } else { self.decoder.quiet() } {
            let heard = heard.or_text(self.settings.is_raw());
            let show = |text: &[u8]| append(text, self.settings, &mut buffer.output, &mut buffer.raw);
            match heard {
                Heard::Text(text) => self.first_line.hear(text, show),
                Heard::Goodbye => return Some(self.first_line.end().into()),
                Heard::LastWords(text) => {
                    self.first_line.hear(text, show);
                    return Some(Parting::Goodbye(Notice::TheirLastWords));
                }
                Heard::Foreign(foreign) => return Some(Parting::Foreign(foreign)),
            }
        }
        if ended {
            let (output, raw) = (&mut buffer.output, &mut buffer.raw);
            self.first_line.release(|text| append(text, self.settings, output, raw));
        }
        None
    }

    fn receive_rest(&mut self, ended: bool, actions: &mut Actions) {
        if self.receiving == Receiving::Open {
            let mut buffer = self.unfinished.take().unwrap_or_default();
            let parting = self.decode_rest(ended, &mut buffer);
            self.decoded(buffer, parting, actions);
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

    /// There is reason to believe that the caller wants to chat.
    pub(super) fn believe(&mut self, actions: &mut Actions) {
        let may_speak = self.receiving == Receiving::Open && self.transport.is_open();
        if may_speak && self.believe_at.take().is_some() {
            actions.push_back(Action::Report(Notice::ConnectedFrom(self.peer)));
            actions.push_back(Action::Prompt(self.peer.to_string()));
        }
    }

    /// Whether the user has reason to know of this conversation.
    pub(super) fn is_believed(&self) -> bool {
        self.believe_at.is_none()
    }

    /// Believes in a caller that has kept silent for long enough.
    pub(super) fn believe_if_due(&mut self, now: Instant, actions: &mut Actions) {
        if self.is_called() && self.received > 0 {
            // It has begun, and may take its time.
            self.believe_at = Some(self.began + OPEN_WITHIN);
        }
        if self.believe_at.is_some_and(|at| at <= now) {
            match ChannelError::silent().filter(|_| !self.transport.is_open()) {
                Some(error) if self.receiving == Receiving::Open => self.channel_failed(error, actions),
                Some(_) => {}
                None => self.believe(actions),
            }
        }
    }

    /// The caller closed without having sent a byte, and we had no reason to believe in it.
    fn is_probe(&self) -> bool {
        !self.is_believed() && self.has_received_all()
    }

    /// What the caller speaks, if it is no chat.
    pub(super) fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    /// Whether there was nobody who could have chatted, and nothing was said to them.
    pub(super) fn was_nobody(&self) -> bool {
        let is_nobody = self.foreign.is_some() || !self.is_believed();
        is_nobody && self.sent.count() == 0 && !self.sending.goodbye()
    }

    /// The peer sends no more, because it closed its half or because reading failed.
    pub(super) fn received_all(&mut self, result: io::Result<()>, actions: &mut Actions) {
        self.receive_rest(true, actions);
        self.unfinished = None;
        if self.receiving != Receiving::Ended {
            let must_close = self.opening.always_closes() || !self.transport.is_open();
            match self.transport.cut_off().filter(|_| result.is_ok() || must_close) {
                Some(error) if self.receiving == Receiving::Open => self.cut_off(error, actions),
                _ => self.stopped(result, actions),
            }
        }
        self.receiving = Receiving::Over { goodbye: self.receiving == Receiving::Goodbye };
    }

    /// The stream ended where an encrypted one must not: whoever cuts the line must not pass for somebody who leaves.
    fn cut_off(&mut self, error: ChannelError, actions: &mut Actions) {
        // Other programs answer a goodbye in any way.
        let has_left = self.sending.goodbye() && !self.opening.always_closes() && self.is_believed();
        let is_expected = has_left || self.is_disconnected();
        let is_probe = self.is_called() && self.received == 0;
        if !is_expected && !is_probe {
            self.channel_failed(error, actions);
        } else {
            self.leave();
        }
    }

    /// Nothing more is received, which nobody may have announced.
    fn stopped(&mut self, result: io::Result<()>, actions: &mut Actions) {
        let goodbye = self.receiving == Receiving::Goodbye;
        if self.receiving == Receiving::Open {
            self.receiving = Receiving::Ended;
        }
        let is_expected = goodbye || self.sending.goodbye() || self.is_disconnected() || !self.is_believed();
        if self.settings.is_raw() && self.ends.is_chat() {
            let peer = self.peer;
            let reason = self.ends.reason();
            self.trouble =
                Some(reason.map_or(Notice::NotRaw(peer), |reason| Notice::NotLetIn { peer, reason }));
        }
        match result {
            // Where we have said goodbye and they have not, what their system had not confirmed before is lost.
            Err(_) if self.sending.goodbye() && !goodbye && self.is_believed() => self.disconnect(actions),
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
        // What was not said again was said.
        if !self.is_disconnected() && !self.goodbye_written {
            self.broke(error);
        }
    }

    fn stop_sending(&mut self) {
        if !matches!(self.sending, Sending::Over { .. }) {
            self.sending = Sending::Left { goodbye: self.sending.goodbye() };
        }
    }

    /// Our half has ended.
    pub(super) fn delivered(&mut self, mut delivery: Delivery) {
        delivery.complete |= self.goodbye_written;
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
        let believe_at = self.believe_at.filter(|_| self.receiving == Receiving::Open);
        let repeat_at = match self.sending {
            Sending::Repeating { at } => at,
            _ => None,
        };
        [quiet_at, check_at, self.probe_at, believe_at, repeat_at].into_iter().flatten().min()
    }

    /// Checks whether bytes without a newline are a message by now, whether the peer is still there, and when the end
    /// has begun, whether anything still moves.
    pub(super) fn handle_timeout(&mut self, now: Instant, status: Status, actions: &mut Actions) {
        if status.is_quiet && self.decoder.quiet_at().is_some_and(|quiet_at| quiet_at <= now) {
            self.receive_rest(false, actions);
        }
        if status.is_quiet {
            self.believe_if_due(now, actions);
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
            let patience = match self.foreign.is_some() || self.opening.is_refused() {
                true => FOREIGN_PATIENCE.min(self.settings.patience),
                false => self.settings.patience,
            };
            if now >= progress.moved_at + patience {
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

    /// Whether somebody has said goodbye, the connection is lost, or there was nobody: what is left to be sent needs no
    /// capacity.
    pub(super) fn is_ending(&self) -> bool {
        self.they_said_goodbye()
            || self.sending.goodbye()
            || self.trouble.is_some()
            || self.opening.is_refused()
            || self.is_probe()
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
            Some(Notice::ChannelFailed { error, .. }) => error.to_string(),
            Some(Notice::Vanished { silent, .. }) => {
                format!("the other system has not answered for {} s", silent.as_secs())
            }
            Some(_) => "it was closed without 88".to_owned(),
            None => "not everything was delivered".to_owned(),
        })
    }

    /// Why they did not let us in, if they did not.
    pub(super) fn turned_away(&self) -> Option<&str> {
        match &self.trouble {
            Some(Notice::NotLetIn { reason, .. }) => Some(reason),
            _ => None,
        }
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

    fn hears_no_more(&self) -> bool {
        matches!(self.receiving, Receiving::Ended | Receiving::Over { .. })
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
        let beyond = (self.beyond > 0).then_some(Notice::SaidMore { peer: self.peer, bytes: self.beyond });
        let is_clean = trouble.is_none() && beyond.is_none() && self.foreign.is_none();
        actions.extend(trouble.into_iter().chain(beyond).map(Action::Report));
        let delivery = match self.sending {
            Sending::Over { delivery, .. } => delivery,
            _ => Delivery { complete: false, undelivered: 0 },
        };
        if is_clean && self.settings.is_raw() && !delivery.complete {
            actions.push_back(Action::Report(Notice::NotAllDelivered));
            return false;
        }
        let messages = delivery.undelivered + self.disconnected.unwrap_or(0) + not_sent;
        if messages > 0 {
            actions.push_back(Action::Report(match self.settings.is_raw() {
                true => Notice::NotAllDelivered,
                false => Notice::NotDelivered { messages },
            }));
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

/// What decodes what a peer sends. A raw side shows it at a terminal, whatever it is.
fn decoder(settings: &Settings, new: impl FnOnce(usize) -> Decoder) -> Decoder {
    match settings.is_raw() {
        true => Decoder::for_keyboard(settings.max_line),
        false => new(settings.max_line),
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
