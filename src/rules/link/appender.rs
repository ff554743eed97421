//! What a hub has to say, into the log: in order, exactly once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::codec::{Answer, number};
use super::connection::{Connection, Heard};
use super::{
    Action, Batch, Event, HubId, LIMIT, LinkError, LinkUrl, Machine, NUMBERS, Order, Settings, Side,
    lines_kept,
};

/// Batches that wait become one up to this size.
const MAX_ENTRY: usize = 1 << 20;
/// When to try again if the slowest hub has too much to read.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// The scripts, by their place in the list.
const SCRIPTS: [&str; 2] = [
    concat!(include_str!("scripts/common.lua"), include_str!("scripts/append.lua")),
    concat!(include_str!("scripts/common.lua"), include_str!("scripts/leave.lua")),
];
const APPEND: usize = 0;
const LEAVE: usize = 1;

/// What an answer is about.
enum Asked {
    Append { hub: HubId, seq: u64 },
    Numbers,
    Leave,
}

/// The machine that adds batches to the log. One batch is under way at a time; what comes meanwhile becomes the next one.
///
/// The owner passes in what happens (`push`, `connected`, `receive`, ...), and after each call sends what
/// [`take_output`](Self::take_output) gives, performs what [`poll_action`](Self::poll_action) gives until there is nothing, and
/// calls [`handle_timeout`](Self::handle_timeout) at the time of [`poll_timeout`](Self::poll_timeout).
pub struct Appender {
    connection: Connection<Asked>,
    settings: Settings,
    /// As which the server knows this hub. None until it is registered.
    hub: Option<HubId>,
    /// The server does not know it any more: it is to be registered again. A server that was restarted may know it, so that this is
    /// asked once on each connection.
    is_fenced: bool,
    /// The number of the last batch that was sent.
    seq: u64,
    /// Sent, or to be sent again; its number is `seq`.
    in_flight: Option<InFlight>,
    waiting: VecDeque<Batch>,
    /// The sizes of all that wait or are in flight.
    size: usize,
    /// When to try again while the log is full.
    full_until: Option<Instant>,
    /// It was said that the log is full.
    told_full: bool,
    numbers: Wish,
    leaving: Wish,
}

/// What is asked for again if the connection ends before the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    None,
    Wanted,
    Asked,
}

impl Wish {
    /// Whether to ask now.
    fn ask(&mut self) -> bool {
        let is_wanted = *self == Self::Wanted;
        if is_wanted {
            *self = Self::Asked;
        }
        is_wanted
    }

    fn ask_again(&mut self) {
        if *self == Self::Asked {
            *self = Self::Wanted;
        }
    }
}

struct InFlight {
    batch: Batch,
    is_sent: bool,
}

impl Machine for Appender {
    fn connected(&mut self, now: Instant) {
        self.connection.connected(now);
    }

    fn disconnected(&mut self, error: LinkError, now: Instant) {
        self.connection.disconnected(error, now);
    }

    fn receive(&mut self, input: &[u8], now: Instant) {
        self.connection.receive(input, now);
        while let Some(heard) = self.connection.next(now) {
            match heard {
                Heard::Opened => self.opened(now),
                Heard::Answer(asked, answer) => self.answered(&asked, &answer, now),
            }
        }
        self.ask(now);
    }

    fn take_output(&mut self, output: &mut Vec<u8>) {
        self.connection.take_output(output);
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.connection.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let full = self.full_until.filter(|_| self.connection.is_open());
        full.into_iter().chain(self.connection.poll_timeout()).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.ask(now);
    }
}

impl Appender {
    /// It asks for a connection at once, and appends after [`registered`](Self::registered).
    #[must_use]
    pub fn new(url: LinkUrl, settings: Settings) -> Self {
        Self {
            connection: Connection::new(Side::Writing, url, &SCRIPTS),
            settings,
            hub: None,
            is_fenced: false,
            seq: 0,
            in_flight: None,
            waiting: VecDeque::new(),
            size: 0,
            full_until: None,
            told_full: false,
            numbers: Wish::None,
            leaving: Wish::None,
        }
    }

    /// Does one of the following.
    pub fn perform(&mut self, order: Order, now: Instant) {
        match order {
            Order::Push(batch) => self.push(batch, now),
            Order::Registered { hub, accepted, first } => self.registered(hub, accepted, first, now),
            Order::AskForNumbers => self.ask_for_numbers(now),
            Order::Leave => self.leave(now),
        }
    }

    /// Whether another batch should be made: what waits is bounded by the members who are not read meanwhile.
    #[must_use]
    pub fn has_capacity(&self) -> bool {
        self.size < LIMIT
    }

    /// Adds a batch behind those that wait.
    pub fn push(&mut self, batch: Batch, now: Instant) {
        if batch.is_empty() {
            return;
        }
        self.size = self.size.saturating_add(batch.size());
        match self.waiting.back_mut() {
            Some(last) if last.size() + batch.size() <= MAX_ENTRY => last.extend(batch),
            _ => self.waiting.push_back(batch),
        }
        self.ask(now);
    }

    /// The follower has registered this hub; `first` goes in front of all that waits. If the hub has a new id, that is the
    /// batch in which its members take their names again.
    pub fn registered(&mut self, hub: HubId, accepted: u64, first: Batch, now: Instant) {
        if self.hub != Some(hub) {
            (self.hub, self.is_fenced) = (Some(hub), false);
            self.full_until = None;
            if let Some(in_flight) = self.in_flight.take() {
                if self.seq <= accepted {
                    self.done(&in_flight.batch);
                } else {
                    self.waiting.push_front(in_flight.batch);
                }
            }
            self.seq = accepted;
        }
        if !first.is_empty() {
            self.size = self.size.saturating_add(first.size());
            self.waiting.push_front(first);
        }
        self.ask(now);
    }

    /// Asks for numbers that no other hub uses: [`Event::Numbers`] follows.
    pub fn ask_for_numbers(&mut self, now: Instant) {
        self.numbers = Wish::Wanted;
        self.ask(now);
    }

    /// Tells the other hubs, behind all batches, that this hub leaves: [`Event::Left`] follows. Keep the follower running until
    /// then, because the other hubs wait for a hub that does not read. The follower asks for nothing more when it finds that this
    /// hub has left.
    pub fn leave(&mut self, now: Instant) {
        self.leaving = Wish::Wanted;
        self.ask(now);
    }

    /// Whether the server owes an answer. If not, a thread may wait for something else than bytes.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.connection.awaits_answer()
    }

    fn opened(&mut self, now: Instant) {
        self.is_fenced = false;
        self.numbers.ask_again();
        self.leaving.ask_again();
        match &mut self.in_flight {
            // Whether the link works is known when this one is answered.
            Some(in_flight) => in_flight.is_sent = false,
            None if self.waiting.is_empty() => self.connection.works(),
            None => {}
        }
        self.ask(now);
    }

    /// Sends what can be sent now.
    fn ask(&mut self, now: Instant) {
        if !self.connection.is_open() {
            return;
        }
        if self.numbers.ask() {
            let key = self.connection.key("state");
            let numbers = NUMBERS.to_string();
            let parts: [&[u8]; 4] = [b"HINCRBY", &key, b"numbers", numbers.as_bytes()];
            self.connection.command(Asked::Numbers, &parts, now);
        }
        let Some(hub) = self.hub.filter(|_| !self.is_fenced) else { return };
        if self.in_flight.is_none()
            && let Some(batch) = self.waiting.pop_front()
        {
            self.seq += 1;
            self.in_flight = Some(InFlight { batch, is_sent: false });
        }
        match &mut self.in_flight {
            Some(in_flight) if !in_flight.is_sent && self.full_until.is_none_or(|until| until <= now) => {
                in_flight.is_sent = true;
                self.full_until = None;
                let fields = [
                    hub.to_string(),
                    self.seq.to_string(),
                    LIMIT.to_string(),
                    lines_kept(self.settings.history).to_string(),
                ];
                let (batch, lines) = (&in_flight.batch, in_flight.batch.lines.to_string());
                let operations = batch.arguments();
                let mut arguments: Vec<&[u8]> = fields.iter().map(String::as_bytes).collect();
                arguments.extend([lines.as_bytes(), &batch.data]);
                arguments.extend(operations.iter().map(Vec::as_slice));
                self.connection.call(APPEND, Asked::Append { hub, seq: self.seq }, &arguments, now);
            }
            None if self.leaving.ask() => {
                self.connection.call(LEAVE, Asked::Leave, &[hub.to_string().as_bytes()], now);
            }
            _ => {}
        }
    }

    fn answered(&mut self, asked: &Asked, answer: &Answer, now: Instant) {
        match asked {
            Asked::Append { hub, seq } => {
                let Answer::BulkString(outcome) = answer else {
                    return self.connection.fail(LinkError::NotRedis, now);
                };
                // An answer that comes after this hub got another id is about what was decided already.
                if self.hub == Some(*hub) && self.seq == *seq {
                    self.appended(outcome, now);
                }
            }
            Asked::Numbers => match number(answer).and_then(first_number) {
                Some(first) => {
                    self.numbers = Wish::None;
                    self.connection.tell(Event::Numbers { first });
                }
                None => self.connection.fail(LinkError::NotRedis, now),
            },
            Asked::Leave => {
                self.leaving = Wish::None;
                self.connection.tell(Event::Left);
            }
        }
    }

    fn appended(&mut self, outcome: &[u8], now: Instant) {
        if !matches!(outcome, b"FULL") {
            self.told_full = false;
        }
        match outcome {
            b"OK" | b"DUP" => {
                if let Some(in_flight) = self.in_flight.take() {
                    self.done(&in_flight.batch);
                }
            }
            b"FULL" => {
                self.full_until = Some(now + FULL_PAUSE);
                if let Some(in_flight) = &mut self.in_flight {
                    in_flight.is_sent = false;
                }
                if !std::mem::replace(&mut self.told_full, true) {
                    self.connection.tell(Event::Hindered(LinkError::Full));
                }
            }
            // The follower finds out, too, and registers this hub again.
            b"FENCED" => {
                self.is_fenced = true;
                self.connection.tell(Event::Hindered(LinkError::Fenced));
            }
            b"GAP" => {
                self.is_fenced = true;
                self.connection.tell(Event::Hindered(LinkError::DataLost));
            }
            _ => return self.connection.fail(LinkError::NotRedis, now),
        }
        self.connection.works();
    }

    fn done(&mut self, batch: &Batch) {
        let bytes = batch.size();
        self.size = self.size.saturating_sub(bytes);
        self.connection.tell(Event::Appended { bytes });
    }
}

/// The first number of the block that ends with this one.
pub(super) fn first_number(last: u64) -> Option<u64> {
    last.checked_add(1)?.checked_sub(NUMBERS)
}
