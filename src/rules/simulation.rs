//! Tests of an endpoint with simulated time: one side by itself, and two sides against each other over a link with
//! latency. No thread runs and nothing waits: the clock jumps to the next time-out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use super::action::{Action, Outgoing};
use super::buffer::Buffer;
use super::endpoint::{CALLERS, Endpoint};
use super::event::{Capacity, ConnectionId, Delivery, Event, SILENCE_LIMIT, Status};
use super::exit::Exit;
use super::input;
use super::moment::Moment;
use super::settings::{Caller, OnEof, PATIENCE, PROBE_TIME, Reconnect, Settings};
use super::signal::Signal;
use super::wire::{PAUSE, QUIET_TIME, REPEAT_AFTER, Stamp, Wire};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use time::macros::datetime;

const STAMP: &str = "[Mon Nov  9 06:18:34 2026] ";
const SIGTERM: Signal = Signal { name: "SIGTERM", number: 15 };

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn settings() -> Settings {
    Settings {
        wire: Wire::Lines,
        max_line: 1000,
        on_eof: OnEof::Bye,
        to_terminal: false,
        literal: false,
        transcribed: false,
        // The endpoint believes in a caller at once.
        probe_time: Duration::ZERO,
        patience: PATIENCE,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is on its way to the other side.
#[derive(Debug, Clone)]
enum Packet {
    Bytes(Vec<u8>),
    End,
}

/// One endpoint, and what became of its actions.
struct Side {
    endpoint: Endpoint,
    now: Instant,
    capacity: Capacity,
    status: Status,
    /// Each action in words, in order.
    log: Vec<String>,
    screen: Vec<u8>,
    /// What the transcript gets of what a terminal shows altered.
    raw: Vec<u8>,
    sent: VecDeque<Packet>,
    /// The peer does not take our goodbye.
    is_stuck: bool,
    unconfirmed: usize,
    connections: u64,
    exit: Option<Exit>,
}

impl Side {
    fn new(endpoint: Endpoint) -> Self {
        let mut side = Self {
            endpoint,
            now: Instant::now(),
            capacity: Capacity::FREE,
            status: Status { is_quiet: true, ..Status::default() },
            log: Vec::new(),
            screen: Vec::new(),
            raw: Vec::new(),
            sent: VecDeque::new(),
            is_stuck: false,
            unconfirmed: 0,
            connections: 0,
            exit: None,
        };
        side.act();
        side
    }

    fn serving(settings: Settings, at_terminal: bool, once: bool) -> Self {
        Self::new(Endpoint::serve(settings, at_terminal, vec![peer(9)], true, once))
    }

    fn connecting(settings: Settings) -> Self {
        Self::new(Endpoint::connect(settings, Caller::default(), false))
    }

    /// One that has reached its peer, with an empty log.
    fn connected(settings: Settings) -> Self {
        let mut side = Self::connecting(settings);
        side.reaches();
        side.log.clear();
        side
    }

    /// One that calls again when the connection breaks, and has reached its peer, with an empty log.
    fn reconnecting(at_terminal: bool, reconnect: Reconnect) -> Self {
        let settings = Settings { to_terminal: at_terminal, ..settings() };
        let mut side = Self::new(Endpoint::connect(settings, Caller { name: None, reconnect }, at_terminal));
        // As on Linux, the system confirms the beginning of the connection.
        side.status.peer.confirmed = 1;
        side.reaches();
        side.log.clear();
        side
    }

    /// The peer closes without 88.
    fn breaks(&mut self) {
        self.receives_all();
        self.delivers();
        // Of the next connection.
        self.status.written = 0;
    }

    /// The system writes all that was handed out, and the peer's system confirms it.
    fn confirms(&mut self) {
        let bytes = self.sent.drain(..).map(|packet| match packet {
            Packet::Bytes(bytes) => bytes.len() as u64,
            Packet::End => 0,
        });
        self.status.written += bytes.sum::<u64>();
    }

    fn reaches(&mut self) {
        self.connections += 1;
        self.handle(Event::Connected(Ok((ConnectionId(self.connections), peer(9)))));
    }

    fn is_called(&mut self, port: u16) {
        self.connections += 1;
        let id = ConnectionId(self.connections);
        self.handle(Event::Called { id, peer: peer(port), being_turned_away: 0 });
    }

    fn types(&mut self, text: &str) {
        self.handle(Event::Typed(Buffer::with_input(text.as_bytes())));
    }

    fn receives(&mut self, bytes: &[u8]) {
        self.handle(Event::Received(Buffer::with_input(bytes), self.now));
    }

    fn receives_all(&mut self) {
        self.handle(Event::ReceivedAll(Ok(())));
    }

    fn delivers(&mut self) {
        self.handle(Event::Delivered(Delivery { complete: true, undelivered: 0 }));
    }

    fn handle(&mut self, event: Event) {
        self.endpoint.handle(event, self.now);
        self.act();
    }

    fn act(&mut self) {
        loop {
            let stamp = Stamp::at(datetime!(2026-11-09 06:18:34 UTC));
            let now = Moment { instant: self.now, stamp };
            let Some(action) = self.endpoint.poll_action(now, self.capacity) else { return };
            let words = match action {
                Action::Report(notice) => notice.to_string(),
                Action::Prompt(state) => format!("prompt {state}"),
                Action::Call => "call".to_owned(),
                Action::Start { .. } => "start".to_owned(),
                Action::Send { outgoing, .. } => self.send(outgoing),
                Action::Show(buffer) => {
                    let shown = buffer.shown().concat();
                    self.screen.extend(&shown);
                    self.raw.extend(&buffer.raw);
                    format!("show {}", String::from_utf8_lossy(&shown).trim_end())
                }
                Action::Disconnect => {
                    let unconfirmed = self.unconfirmed;
                    self.endpoint.handle(Event::Disconnected { unconfirmed }, self.now);
                    "disconnect".to_owned()
                }
                Action::Close { cleanly } => format!("close{}", if cleanly { " cleanly" } else { "" }),
                Action::TurnAway { peer, .. } => {
                    self.endpoint.handle(Event::TurnedAway(peer, Ok(())), self.now);
                    continue;
                }
                Action::Remember(text) => format!("remember {text}"),
                Action::Drop(id) => format!("drop {}", id.0),
                Action::End(ending) => {
                    self.exit = Some(ending.exit);
                    return;
                }
            };
            self.log.push(words);
        }
    }

    fn send(&mut self, outgoing: Outgoing) -> String {
        match outgoing {
            Outgoing::Messages(buffer) => {
                let text = text(&buffer.output);
                self.sent.push_back(Packet::Bytes(buffer.wire().to_vec()));
                let what = if buffer.is_control { "control " } else { "" };
                format!("send {what}{}", text.replace(STAMP, "").trim_end().replace('\n', ", "))
            }
            Outgoing::Goodbye { bytes, pause, is_last } => {
                self.sent.push_back(Packet::Bytes(bytes));
                if is_last {
                    self.sent.push_back(Packet::End);
                } else if !self.is_stuck {
                    self.endpoint.handle(Event::GoodbyeWritten(self.now), self.now);
                }
                let end = if is_last { "" } else { ", wait" };
                format!("{}send 88{end}", if pause.is_some() { "pause, " } else { "" })
            }
            Outgoing::HalfClose { bytes } => {
                if !bytes.is_empty() {
                    self.sent.push_back(Packet::Bytes(bytes));
                }
                self.sent.push_back(Packet::End);
                "end our half".to_owned()
            }
        }
    }

    /// Time passes, and each time-out is handled when it is due.
    fn passes(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.endpoint.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.endpoint.handle_timeout(self.now, self.status);
            self.act();
        }
        self.now = until;
    }

    /// What has been logged since the last call.
    fn does(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

/// Two endpoints, each the other's peer.
struct Pair {
    sides: [Side; 2],
    latency: Duration,
    /// What is on its way to each of them, and when it arrives.
    links: [VecDeque<(Instant, Packet)>; 2],
}

impl Pair {
    /// The first side serves once, the second has called it.
    fn new(settings: [Settings; 2], latency: Duration) -> Self {
        let serving = Settings { probe_time: PROBE_TIME, ..settings[0] };
        Self::of([Side::serving(serving, false, true), Side::connecting(settings[1])], latency)
    }

    /// The second side has called the first.
    fn of(mut sides: [Side; 2], latency: Duration) -> Self {
        sides[1].now = sides[0].now;
        sides[0].is_called(1);
        sides[1].reaches();
        Self { sides, latency, links: [VecDeque::new(), VecDeque::new()] }
    }

    /// Moves what was sent onto the links. A link takes everything at once.
    fn transmit(&mut self) {
        for from in 0..2 {
            while let Some(packet) = self.sides[from].sent.pop_front() {
                let side = &mut self.sides[from];
                match &packet {
                    Packet::Bytes(bytes) => side.status.written += bytes.len() as u64,
                    Packet::End => side.delivers(),
                }
                self.links[1 - from].push_back((side.now + self.latency, packet));
            }
        }
    }

    /// The next thing happens, whenever that is. False if nothing will.
    fn step(&mut self) -> bool {
        self.transmit();
        let arrives = |link: &VecDeque<(Instant, Packet)>| link.front().map(|(at, _)| *at);
        let next = |pair: &Self, to: usize| {
            let side = &pair.sides[to];
            let due = side.endpoint.poll_timeout().filter(|_| side.exit.is_none());
            arrives(&pair.links[to]).into_iter().chain(due).min()
        };
        let Some((now, to)) = (0..2).filter_map(|to| Some((next(self, to)?, to))).min() else { return false };
        let now = now.max(self.sides[0].now);
        self.sides.iter_mut().for_each(|side| side.now = now);
        let has_arrived = arrives(&self.links[to]).is_some_and(|at| at <= now);
        let arrived = if has_arrived { self.links[to].pop_front() } else { None };
        let side = &mut self.sides[to];
        match arrived {
            Some((_, Packet::Bytes(bytes))) => side.receives(&bytes),
            Some((_, Packet::End)) => side.receives_all(),
            None => {
                side.endpoint.handle_timeout(now, side.status);
                side.act();
            }
        }
        true
    }

    /// Goes on until nothing will happen any more.
    fn drive(&mut self) {
        for _ in 0..10_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn exits(&self) -> [Option<Exit>; 2] {
        [self.sides[0].exit, self.sides[1].exit]
    }
}

#[cfg(feature = "secure")]
mod encrypted;

mod conversation {
    use super::*;

    #[test]
    fn a_typed_88_is_sent_after_what_was_typed_before_it_and_ends_our_half() {
        let mut side = Side::connected(settings());
        side.types("one\ntwo\n88\nthree\n");
        assert_eq!(side.does(), ["send one, two", "you said 88", "pause, send 88, wait"]);
        side.receives_all();
        assert_eq!(side.does(), ["end our half"]);
        side.delivers();
        assert_eq!(side.exit, Some(Exit::Failed));
        let rest_not_sent = side.does();
        assert_eq!(rest_not_sent.len(), 2, "{rest_not_sent:?}");
        assert_eq!(rest_not_sent[1], "close cleanly");
    }

    #[test]
    fn a_goodbye_needs_no_pause_for_a_peer_that_sends_newlines_or_was_sent_nothing() {
        let mut side = Side::connected(settings());
        side.receives(b"hello\n");
        side.types("one\n88\n");
        assert_eq!(side.does(), ["show hello", "send one", "you said 88", "send 88"]);
        let mut side = Side::connected(settings());
        side.types("88\n");
        assert_eq!(side.does(), ["you said 88", "send 88"]);
        side.delivers();
        side.receives_all();
        assert_eq!(side.does(), ["close cleanly"]);
    }

    #[test]
    fn what_was_received_is_shown_before_it_is_reported_and_reported_before_we_act_on_it() {
        let mut side = Side::connected(settings());
        side.receives(b"bye\n88\nafterwards\n");
        side.types("two\n");
        assert_eq!(side.does(), ["show bye", "they said 88", "end our half"]);
        side.receives(b"still more\n");
        side.delivers();
        side.receives_all();
        assert!(side.does().iter().any(|done| done.contains("sent 22 bytes more after 88")));
        assert_eq!(side.exit, Some(Exit::Failed));
        assert_eq!(side.screen, b"bye\n");
        // Also where only the end of the stream completes the message.
        let mut side = Side::connected(settings());
        side.receives(b"hello88");
        side.receives_all();
        let done = side.does();
        assert!(done[0] == "show hello88" && done[1].starts_with("they left"), "{done:?}");
        assert_eq!(done[2..], ["end our half"]);
    }

    #[test]
    fn the_end_of_the_input_says_88_or_with_wait_ends_our_half_only() {
        let mut side = Side::connected(settings());
        side.types("one");
        side.handle(Event::InputEnded(Ok(())));
        assert!(side.does().ends_with(&["pause, send 88, wait".to_owned()]));

        let mut side = Side::connected(Settings { on_eof: OnEof::Wait, ..settings() });
        side.types("one");
        side.handle(Event::InputEnded(Ok(())));
        assert!(side.does().ends_with(&["end our half".to_owned()]));
        side.receives(b"still there\n");
        side.delivers();
        assert_eq!(side.exit, None);
        side.receives_all();
        assert_eq!((side.exit, &side.screen[..]), (Some(Exit::Success), &b"still there\n"[..]));
    }

    #[test]
    fn with_wait_we_go_on_after_their_end_until_ours() {
        let mut side = Side::connected(Settings { on_eof: OnEof::Wait, ..settings() });
        side.receives_all();
        side.does();
        side.types("one\n");
        assert_eq!(side.does(), ["send one"]);
        side.handle(Event::InputEnded(Ok(())));
        assert_eq!(side.does(), ["end our half"]);
        side.delivers();
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn an_input_without_a_line_only_listens() {
        for on_eof in [OnEof::Bye, OnEof::Wait] {
            let mut side = Side::connected(Settings { on_eof, ..settings() });
            side.handle(Event::InputEnded(Ok(())));
            assert!(side.does().is_empty());
            side.receives(b"88");
            side.receives_all();
            assert_eq!(side.does(), ["they said 88", "end our half"]);
            side.delivers();
            assert_eq!(side.exit, Some(Exit::Success));
        }
    }

    #[test]
    fn with_wait_one_who_has_nothing_to_say_leaves_when_they_have_finished() {
        for input_ends_first in [true, false] {
            let mut side = Side::connected(Settings { on_eof: OnEof::Wait, ..settings() });
            if input_ends_first {
                side.handle(Event::InputEnded(Ok(())));
                side.receives_all();
            } else {
                side.receives_all();
                side.handle(Event::InputEnded(Ok(())));
            }
            assert!(side.does().ends_with(&["end our half".to_owned()]));
            side.delivers();
            assert_eq!(side.exit, Some(Exit::Success));
        }
    }

    #[test]
    fn an_end_without_88_is_reported_and_not_clean() {
        let mut side = Side::connected(settings());
        side.receives_all();
        side.delivers();
        let done = side.does();
        assert!(done.iter().any(|line| line.contains("without 88")), "{done:?}");
        assert_eq!((side.exit, done.last().unwrap().as_str()), (Some(Exit::Failed), "close"));
    }

    #[test]
    fn a_write_that_fails_does_not_stop_us_from_receiving() {
        let mut side = Side::connected(settings());
        side.handle(Event::WriteFailed(io::ErrorKind::BrokenPipe.into()));
        side.handle(Event::Delivered(Delivery { complete: false, undelivered: 3 }));
        side.receives(b"hello\n88");
        side.receives_all();
        let expected = ["show hello", "they said 88", "threadchat: 3 lines were not delivered", "close"];
        assert_eq!((side.does(), side.exit), (expected.map(str::to_owned).to_vec(), Some(Exit::Failed)));
    }

    #[test]
    fn a_write_that_fails_ends_it_when_nothing_moves_for_two_seconds() {
        let mut side = Side::connected(settings());
        side.handle(Event::WriteFailed(io::ErrorKind::BrokenPipe.into()));
        side.passes(ms(1999));
        assert!(side.does().is_empty());
        side.passes(ms(101));
        assert_eq!(side.does(), ["disconnect"]);
    }

    #[test]
    fn after_a_goodbye_it_ends_when_nothing_moves_for_two_seconds_and_not_before() {
        let moves: [fn(&mut Side); 3] = [
            |side| side.status.written += 1,
            |side| side.status.peer.confirmed += 1,
            |side| side.receives(b"more\n"),
        ];
        for moves in moves {
            let mut side = Side::connected(settings());
            side.types("88\n");
            // It moves once a second, for 5 s.
            for _ in 0..5 {
                side.passes(ms(1000));
                moves(&mut side);
            }
            side.does();
            side.passes(ms(1999));
            assert!(side.does().is_empty());
            side.passes(ms(101));
            assert_eq!(side.does(), ["disconnect"]);
            side.handle(Event::Delivered(Delivery { complete: false, undelivered: 0 }));
            side.receives_all();
            assert_eq!(side.does(), ["threadchat: the goodbye was not delivered", "close"]);
            assert_eq!(side.exit, Some(Exit::Failed));
        }
    }

    #[test]
    fn a_read_that_fails_because_we_disconnected_is_not_reported() {
        let mut side = Side::connected(Settings { on_eof: OnEof::Wait, ..settings() });
        side.types("one\n");
        side.handle(Event::InputEnded(Ok(())));
        side.does();
        side.handle(Event::Signal(SIGTERM));
        side.handle(Event::Signal(SIGTERM));
        side.handle(Event::ReceivedAll(Err(io::ErrorKind::ConnectionReset.into())));
        side.delivers();
        assert_eq!(side.does(), ["disconnect", "close cleanly"]);
    }

    #[test]
    fn an_output_that_is_behind_stops_that_clock() {
        let mut side = Side::connected(settings());
        side.types("88\n");
        side.does();
        side.status.output_is_behind = true;
        side.passes(Duration::from_secs(100));
        assert!(side.does().is_empty());
    }

    #[test]
    fn messages_that_the_peer_has_not_confirmed_when_it_is_disconnected_were_not_delivered() {
        let mut side = Side::connected(settings());
        side.types("one\n88\n");
        side.unconfirmed = 1;
        side.passes(Duration::from_secs(10));
        side.handle(Event::Delivered(Delivery { complete: false, undelivered: 0 }));
        side.receives_all();
        let done = side.does();
        assert!(done.contains(&"threadchat: 1 line was not delivered".to_owned()), "{done:?}");
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn what_the_peer_has_not_confirmed_when_it_resets_the_connection_after_our_goodbye_was_not_delivered() {
        for (unconfirmed, exit) in [(2, Exit::Failed), (0, Exit::Success)] {
            let mut side = Side::connected(settings());
            side.types("one\ntwo\n88\n");
            side.delivers();
            side.unconfirmed = unconfirmed;
            side.handle(Event::ReceivedAll(Err(io::ErrorKind::ConnectionReset.into())));
            let done = side.does();
            let told = done.contains(&"threadchat: 2 lines were not delivered".to_owned());
            assert_eq!((told, side.exit), (unconfirmed > 0, Some(exit)), "{done:?}");
        }
    }

    #[test]
    fn what_a_terminal_shows_altered_is_kept_as_it_came_for_a_transcript_only() {
        for transcribed in [false, true] {
            let mut side = Side::connected(Settings { to_terminal: true, transcribed, ..settings() });
            side.receives(b"\x1bc\r\nlast 88");
            side.receives_all();
            assert_eq!(side.screen, b"^[c\nlast 88\n");
            assert_eq!(side.raw, if transcribed { &b"\x1bc\nlast 88\n"[..] } else { b"" });
        }
    }

    #[test]
    fn bytes_that_came_after_a_pause_are_another_message() {
        let mut side = Side::connected(settings());
        side.receives(b"one");
        // The thread that read them was slow: no time-out was handled in between.
        side.now += PAUSE;
        side.receives(b"88");
        side.receives_all();
        assert_eq!(side.does(), ["show one", "they said 88", "end our half"]);
    }

    #[test]
    fn bytes_without_a_newline_are_shown_after_the_quiet_time_unless_more_waits_to_be_handled() {
        let mut side = Side::connected(settings());
        side.receives(b"one");
        side.passes(QUIET_TIME - ms(1));
        assert!(side.screen.is_empty());
        side.passes(ms(1));
        assert_eq!(side.screen, b"one\n");

        let mut side = Side::connected(settings());
        side.receives(b"on");
        side.now += QUIET_TIME;
        side.endpoint.handle_timeout(side.now, Status::default());
        side.act();
        assert!(side.screen.is_empty());
    }

    #[test]
    fn a_peer_whose_system_is_silent_for_50_seconds_has_vanished() {
        let mut side = Side::connected(settings());
        side.types("one\n");
        side.does();
        side.status.peer.unconfirmed = 31;
        for silent in [5, 20, 49] {
            side.status.peer.silent = Duration::from_secs(silent);
            side.passes(ms(5000));
            assert!(side.does().is_empty(), "after {silent} s");
        }
        side.status.peer.silent = SILENCE_LIMIT;
        side.passes(ms(5000));
        side.types("too late\n");
        assert_eq!(side.does(), ["disconnect"]);
        side.delivers();
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn a_peer_that_has_confirmed_everything_costs_no_wake_up() {
        let mut side = Side::connected(settings());
        side.types("one\n");
        side.passes(ms(5000));
        assert_eq!(side.endpoint.poll_timeout(), None);
    }
}

mod endpoint {
    use super::*;

    #[test]
    fn what_is_typed_before_a_call_is_kept_reported_once_and_sent_to_the_first_caller() {
        let mut side = Side::serving(settings(), true, false);
        side.does();
        side.types("one\n");
        side.types("two\n");
        assert_eq!(side.does().len(), 1);
        side.is_called(1);
        let done = side.does();
        assert_eq!(done[1..], ["prompt 127.0.0.1:1", "start", "send one, two"]);
        side.receives(b"88\n");
        side.delivers();
        side.receives_all();
        side.does();
        side.types("three\n");
        assert_eq!(side.does().len(), 1);
    }

    #[test]
    fn what_is_typed_is_sent_only_when_nothing_else_is_left_to_be_done() {
        let mut side = Side::serving(settings(), true, false);
        side.types("one\n");
        let called = Event::Called { id: ConnectionId(1), peer: peer(1), being_turned_away: 0 };
        side.endpoint.handle(called, side.now);
        let now = Moment { instant: side.now, stamp: Stamp::at(datetime!(2026-11-09 06:18:34 UTC)) };
        for _ in 0..2 {
            assert!(side.endpoint.poll_action(now, Capacity::FREE).is_some());
        }
        side.does();
        // The start has used up the capacity.
        side.capacity.peer = false;
        side.act();
        assert_eq!(side.does(), ["start"]);
    }

    #[test]
    fn a_pipe_that_begins_with_88_still_waits_for_the_connection() {
        let mut side = Side::connecting(settings());
        side.types("88\n");
        assert_eq!(side.exit, None);
        side.does();
        side.reaches();
        assert!(side.does().ends_with(&["you said 88".to_owned(), "send 88".to_owned()]));
    }

    #[test]
    fn an_input_that_is_cut_short_is_reported_unless_it_is_a_terminal() {
        for at_terminal in [false, true] {
            let mut side = Side::serving(settings(), at_terminal, true);
            side.is_called(1);
            side.types("one\n");
            side.receives(b"88\n");
            side.delivers();
            side.receives_all();
            assert_eq!(side.does().iter().any(|done| done.contains("cut short")), !at_terminal);
        }
    }

    #[test]
    fn lines_that_a_goodbye_cuts_off_are_reported_once_and_are_a_failure_of_a_script() {
        for (at_terminal, are_kept) in [(false, false), (false, true), (true, true)] {
            let mut side = Side::serving(settings(), at_terminal, true);
            side.capacity.peer = false;
            if are_kept {
                side.types("one\n");
            }
            side.is_called(1);
            if !are_kept {
                side.types("one\n");
            }
            side.receives(b"hello\n88\n");
            side.delivers();
            side.receives_all();
            let (exit, reported) = match at_terminal {
                false => (Exit::Failed, "your input was cut short"),
                true => (Exit::Success, "1 line was not delivered"),
            };
            let done = side.does();
            let errors: Vec<_> = done.iter().filter(|done| done.starts_with("threadchat: ")).collect();
            assert!(errors.len() == 1 && errors[0].contains(reported), "{done:?}");
            assert_eq!(side.exit, Some(exit), "{done:?}");
        }
    }

    #[test]
    fn an_input_that_cannot_be_read_ends_like_any_other_but_the_program_has_failed() {
        let mut side = Side::connected(settings());
        side.handle(Event::InputEnded(Err(io::ErrorKind::Other.into())));
        side.receives(b"88\n");
        side.delivers();
        side.receives_all();
        assert_eq!((side.does().last().unwrap().as_str(), side.exit), ("close cleanly", Some(Exit::Failed)));
    }

    #[test]
    fn a_server_whose_terminal_has_ended_leaves_after_the_conversation() {
        let mut side = Side::serving(settings(), true, false);
        side.is_called(1);
        side.handle(Event::InputEnded(Ok(())));
        assert_eq!(side.exit, None);
        side.delivers();
        side.receives(b"88\n");
        side.receives_all();
        assert_eq!((side.does().last().unwrap().as_str(), side.exit), ("close cleanly", Some(Exit::Success)));
    }

    #[test]
    fn a_line_88_while_nobody_is_connected_ends_the_program() {
        let mut side = Side::serving(settings(), true, false);
        side.types("88\n");
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn a_caller_is_held_for_200_ms_while_others_talk_and_then_turned_away() {
        let mut side = Side::serving(settings(), true, false);
        side.is_called(1);
        side.is_called(2);
        side.does();
        side.passes(ms(199));
        assert!(side.does().is_empty());
        side.passes(ms(1));
        assert!(side.does()[0].starts_with("127.0.0.1:2 called"));
    }

    #[test]
    fn who_calls_while_a_conversation_is_ending_is_the_next() {
        let mut side = Side::serving(settings(), true, false);
        side.is_called(1);
        side.receives(b"88\n");
        side.is_called(2);
        side.does();
        side.passes(2 * PATIENCE);
        side.delivers();
        side.receives_all();
        let done = side.does();
        assert!(done.ends_with(&["prompt 127.0.0.1:2".to_owned(), "start".to_owned()]), "{done:?}");
    }

    #[test]
    fn a_conversation_that_does_not_come_to_its_end_holds_a_caller_for_twice_the_patience() {
        let mut side = Side::serving(settings(), true, false);
        side.is_called(1);
        side.receives(b"88\n");
        side.is_called(2);
        side.does();
        side.status.output_is_behind = true;
        side.passes(2 * PATIENCE + ms(199));
        assert!(side.does().is_empty());
        side.passes(ms(1));
        assert!(side.does()[0].starts_with("127.0.0.1:2 called"));
    }

    #[test]
    fn more_callers_than_can_be_dealt_with_are_dropped() {
        let mut side = Side::serving(settings(), true, false);
        for port in 0..=CALLERS {
            side.is_called(u16::try_from(port).unwrap());
        }
        assert!(!side.does().iter().any(|done| done.starts_with("drop")));
        side.is_called(99);
        assert!(side.does()[0].starts_with("drop"));
        // Those that are being turned away count, too.
        let mut side = Side::serving(settings(), true, false);
        side.handle(Event::Called { id: ConnectionId(1), peer: peer(1), being_turned_away: CALLERS });
        assert!(side.does().contains(&"drop 1".to_owned()));
    }

    #[test]
    fn callers_beyond_the_first_are_reported_once_a_second_and_the_rest_at_the_end() {
        let mut side = Side::serving(settings(), true, false);
        side.is_called(1);
        side.does();
        let calls = |side: &mut Side, count: u16| {
            (0..count).for_each(|_| side.is_called(2));
            side.passes(ms(1500));
            side.does()
                .into_iter()
                .filter(|done| done.contains("turned away") || done.contains("busy"))
                .collect()
        };
        let reported: Vec<String> = calls(&mut side, 4);
        assert_eq!(
            reported,
            [
                "127.0.0.1:2 called and was told that the line is busy",
                "3 more callers were turned away; the last one: 127.0.0.1:2 called and was told that the line is busy"
            ]
        );
        let reported: Vec<String> = calls(&mut side, 1);
        assert_eq!(reported, ["127.0.0.1:2 called and was told that the line is busy"]);
        // A conversation that ends does not hide the count, and neither does the end of the program.
        (0..2).for_each(|_| side.is_called(2));
        side.passes(ms(200));
        side.types("88\n88\n");
        side.delivers();
        side.receives_all();
        assert!(side.exit.is_some());
        let done = side.does();
        assert_eq!(done.iter().filter(|done| done.ends_with("line is busy")).count(), 2, "{done:?}");
    }

    #[test]
    fn without_capacity_nothing_is_sent_and_what_is_typed_at_a_terminal_is_refused_but_a_goodbye() {
        for capacity in
            [Capacity { peer: false, ..Capacity::FREE }, Capacity { transcript: false, ..Capacity::FREE }]
        {
            let mut side = Side::serving(settings(), true, false);
            side.is_called(1);
            side.capacity = capacity;
            side.act();
            side.does();
            side.types("one\n");
            let done = side.does();
            assert!(done.len() == 1 && done[0].contains("refused"), "{done:?}");
            side.types("88\n");
            assert_eq!(side.does(), ["you said 88", "send 88"]);
        }
    }

    #[test]
    fn a_pipe_is_not_refused_and_goes_on_when_there_is_capacity_again() {
        let mut side = Side::connected(settings());
        side.capacity.peer = false;
        side.act();
        side.types("one\n");
        assert!(side.does().is_empty());
        side.capacity.peer = true;
        side.act();
        assert_eq!(side.does(), ["send one"]);
    }

    #[test]
    fn no_more_than_a_limit_is_kept_of_what_is_typed_at_a_terminal() {
        let mut side = Side::serving(settings(), true, false);
        side.types(&"x".repeat(input::CAPACITY));
        side.does();
        side.types("one more\n");
        assert!(side.does()[0].contains("refused"));
        side.types("88\n");
        assert!(side.does().is_empty());
        assert_eq!(side.exit, None);
    }

    #[test]
    fn a_signal_says_goodbye_and_disconnects_shortly_before_two_seconds_are_over() {
        let mut side = Side::connected(settings());
        side.handle(Event::Signal(SIGTERM));
        let done = side.does();
        assert!(done[0].contains("SIGTERM") && done[1] == "send 88", "{done:?}");
        // Something moves, so that only the signal ends it.
        for _ in 0..17 {
            side.status.written += 1;
            side.passes(ms(100));
        }
        assert!(side.does().is_empty());
        side.status.written += 1;
        side.passes(ms(100));
        assert_eq!(side.does(), ["disconnect"]);
        side.delivers();
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Signal(SIGTERM)));
    }

    #[test]
    fn a_second_signal_disconnects_at_once() {
        let mut side = Side::connected(settings());
        side.handle(Event::Signal(SIGTERM));
        side.does();
        side.handle(Event::Signal(SIGTERM));
        assert_eq!(side.does(), ["disconnect"]);
    }

    #[test]
    fn a_signal_while_nobody_is_connected_ends_the_program_at_once() {
        let mut side = Side::serving(settings(), true, false);
        side.handle(Event::Signal(SIGTERM));
        assert_eq!(side.exit, Some(Exit::Signal(SIGTERM)));
    }

    #[test]
    fn a_server_waits_for_the_next_caller_unless_it_serves_once() {
        for once in [false, true] {
            let mut side = Side::serving(settings(), true, once);
            side.is_called(1);
            side.receives(b"88\n");
            side.does();
            side.delivers();
            side.receives_all();
            assert_eq!(side.exit.is_some(), once);
            assert_eq!(side.does().contains(&"prompt waiting".to_owned()), !once);
        }
    }

    #[test]
    fn a_transcript_that_is_behind_holds_up_the_next_conversation() {
        let mut side = Side::serving(settings(), true, false);
        side.capacity.transcript = false;
        side.act();
        side.does();
        side.is_called(1);
        assert!(side.does().is_empty());
        side.capacity.transcript = true;
        side.act();
        assert_eq!(side.does()[2], "start");
    }

    #[test]
    fn a_session_that_cannot_start_is_reported_and_the_next_caller_is_waited_for() {
        let mut side = Side::serving(settings(), true, false);
        side.is_called(1);
        side.does();
        side.handle(Event::CannotStart(io::ErrorKind::OutOfMemory.into()));
        let done = side.does();
        assert_eq!((done[1].as_str(), done[3].as_str()), ("close", "prompt waiting"));
        let mut side = Side::connected(settings());
        side.handle(Event::CannotStart(io::ErrorKind::OutOfMemory.into()));
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn a_call_that_nobody_answers_fails() {
        let mut side = Side::connecting(settings());
        side.handle(Event::Connected(Err("nobody is there".into())));
        assert_eq!(side.exit, Some(Exit::Failed));
        assert!(side.does().contains(&"threadchat: nobody is there".to_owned()));
    }

    #[test]
    fn an_output_that_nobody_reads_says_goodbye_quietly_and_one_that_fails_is_an_error() {
        for (error, exit, reports) in
            [(io::ErrorKind::BrokenPipe, Exit::Success, 0), (io::ErrorKind::StorageFull, Exit::Failed, 2)]
        {
            let mut side = Side::connected(settings());
            side.handle(Event::ScreenFailed(error.into()));
            let done = side.does();
            assert_eq!((done.len(), done.last().unwrap().as_str()), (reports + 1, "send 88"));
            // The cause comes before what follows from it.
            assert!(
                reports == 0 || done[0].contains("cannot write") && done[1].contains("said 88"),
                "{done:?}"
            );
            side.delivers();
            side.receives(b"88");
            side.receives_all();
            assert_eq!(side.exit, Some(exit));
        }
    }
}

mod goodbye {
    use super::*;

    /// One that has sent a line and the goodbye, and the peer has sent this before.
    fn leaving(received: &[u8]) -> Side {
        let mut side = Side::connected(settings());
        side.receives(received);
        side.passes(QUIET_TIME);
        side.types("one\n88\n");
        side.log.drain(..side.log.len() - 1);
        side
    }

    #[test]
    fn to_a_peer_without_newlines_that_does_not_answer_it_is_said_again_alone_a_while_later() {
        let mut side = leaving(b"no newline");
        assert_eq!(side.does(), ["pause, send 88, wait"]);
        side.passes(REPEAT_AFTER - ms(1));
        assert!(side.does().is_empty());
        side.passes(ms(1));
        assert_eq!(side.does(), ["send control 88", "end our half"]);
        side.delivers();
        side.receives_all();
        assert_eq!((side.does(), side.exit), (vec!["close cleanly".to_owned()], Some(Exit::Success)));
    }

    #[test]
    fn that_while_begins_when_it_was_written() {
        let mut side = Side::connected(settings());
        side.is_stuck = true;
        side.types("one\n88\n");
        side.does();
        side.passes(ms(1000));
        side.handle(Event::GoodbyeWritten(side.now));
        side.passes(REPEAT_AFTER - ms(1));
        assert!(side.does().is_empty());
        side.passes(ms(1));
        assert_eq!(side.does(), ["send control 88", "end our half"]);
    }

    #[test]
    fn a_peer_that_leaves_or_sends_a_newline_is_told_once() {
        let answers: [fn(&mut Side); 3] =
            [|side| side.receives(b"88"), Side::receives_all, |side| side.receives(b"wait\n")];
        for answers in answers {
            let mut side = leaving(b"");
            side.passes(ms(100));
            answers(&mut side);
            side.passes(ms(1000));
            let done = side.does();
            assert_eq!(done.last().unwrap(), "end our half", "{done:?}");
            assert!(!done.contains(&"send control 88".to_owned()), "{done:?}");
        }
        assert_eq!(leaving(b"I send newlines\n").does(), ["send 88"]);
    }

    #[test]
    fn a_peer_that_was_sent_nothing_else_is_told_once() {
        let mut side = Side::connected(settings());
        side.types("88\n");
        assert_eq!(side.does(), ["you said 88", "send 88"]);
    }

    #[test]
    fn it_is_no_failure_if_it_cannot_be_said_again() {
        let mut side = leaving(b"");
        side.passes(REPEAT_AFTER);
        side.handle(Event::WriteFailed(io::ErrorKind::BrokenPipe.into()));
        side.handle(Event::Delivered(Delivery { complete: false, undelivered: 0 }));
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn a_peer_that_vanishes_before_it_is_said_again_ends_it_by_force() {
        let mut side = leaving(b"");
        side.does();
        side.passes(REPEAT_AFTER + PATIENCE + ms(100));
        assert_eq!(side.does(), ["send control 88", "end our half", "disconnect"]);
    }
}

/// A caller that has sent nothing so far may be a probe.
mod probes {
    use super::*;

    /// Somebody has called. Only the start is logged.
    fn called(at_terminal: bool, once: bool) -> Side {
        let mut side = Side::serving(Settings { probe_time: PROBE_TIME, ..settings() }, at_terminal, once);
        side.does();
        side.is_called(1);
        assert_eq!(side.does(), ["start"]);
        side
    }

    const ANNOUNCED: [&str; 2] = ["...connected from: 127.0.0.1:1", "prompt 127.0.0.1:1"];

    #[test]
    fn a_caller_is_announced_when_it_speaks_and_one_that_keeps_silent_after_a_second() {
        let mut side = called(true, false);
        side.receives(b"hello\n");
        assert_eq!(side.does(), [ANNOUNCED[0], ANNOUNCED[1], "show hello"]);

        let mut side = called(true, false);
        side.passes(PROBE_TIME - ms(1));
        assert!(side.does().is_empty());
        side.passes(ms(1));
        assert_eq!(side.does(), ANNOUNCED);
        side.passes(Duration::from_secs(100));
        assert!(side.does().is_empty());
    }

    #[test]
    fn a_connection_that_closes_or_breaks_within_a_second_and_without_a_byte_leaves_no_trace() {
        for once in [false, true] {
            let mut side = called(false, once);
            side.types("kept\n");
            for (port, result) in [(2, Ok(())), (3, Err(io::ErrorKind::ConnectionReset.into())), (4, Ok(()))]
            {
                side.passes(ms(500));
                side.handle(Event::ReceivedAll(result));
                assert_eq!(side.does(), ["end our half"]);
                side.delivers();
                let mut done = side.does();
                assert_eq!(done.remove(0), "close");
                // Said once, however many probes come.
                assert_eq!(done.iter().any(|notice| notice.contains("is kept")), port == 2, "{done:?}");
                assert!(done.len() <= 1, "{done:?}");
                side.is_called(port);
                assert_eq!(side.does(), ["start"]);
            }
            side.receives(b"hello\n");
            assert_eq!(side.does()[2..], ["show hello", "send kept"]);
            side.receives(b"88\n");
            side.delivers();
            side.receives_all();
            assert_eq!(side.exit, once.then_some(Exit::Success));
        }
    }

    #[test]
    fn who_waits_for_a_second_may_close_like_any_caller() {
        let mut side = called(true, true);
        side.passes(PROBE_TIME);
        side.receives_all();
        side.delivers();
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn a_goodbye_at_once_is_a_caller() {
        for (bytes, ends) in [(&b"88\n"[..], false), (b"88", true)] {
            let mut side = called(true, true);
            side.receives(bytes);
            if ends {
                side.receives_all();
            }
            assert_eq!(side.does(), [ANNOUNCED[0], ANNOUNCED[1], "they said 88", "end our half"]);
            side.delivers();
            side.receives_all();
            assert_eq!(side.exit, Some(Exit::Success));
        }
    }

    #[test]
    fn what_is_typed_waits_as_if_nobody_were_connected() {
        let mut side = called(true, false);
        side.types("one\n");
        side.types("88\n");
        assert!(side.does().is_empty());
        side.passes(PROBE_TIME);
        assert_eq!(side.does()[2..], ["send one", "you said 88", "pause, send 88, wait"]);

        let mut side = called(true, false);
        side.types("88\n");
        side.receives_all();
        side.delivers();
        assert_eq!(side.does(), ["end our half", "close", "you said 88"]);
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn others_who_call_meanwhile_are_held_and_not_turned_away() {
        let mut side = called(true, false);
        side.is_called(2);
        side.passes(ms(900));
        assert!(side.does().is_empty());
        side.receives_all();
        side.delivers();
        assert_eq!(side.does(), ["end our half", "close", "start"]);
        side.receives(b"hello\n");
        assert_eq!(side.does()[0], "...connected from: 127.0.0.1:2");

        let mut side = called(true, false);
        side.is_called(2);
        side.passes(PROBE_TIME);
        let done = side.does();
        assert!(done[2].starts_with("127.0.0.1:2 called and was told"), "{done:?}");
    }

    #[test]
    fn a_signal_says_goodbye_also_to_a_caller_that_has_been_silent() {
        let mut side = called(true, false);
        side.handle(Event::Signal(SIGTERM));
        assert_eq!(side.does(), [ANNOUNCED[0], ANNOUNCED[1], "SIGTERM: said 88 for you", "send 88"]);
        side.delivers();
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Signal(SIGTERM)));
    }
}

/// Callers that are no chat.
mod foreign {
    use super::*;

    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n/name mallory\nhello\n88\n";
    const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

    fn called(kept: &str) -> Side {
        let mut side = Side::serving(Settings { probe_time: PROBE_TIME, ..settings() }, false, true);
        side.types(kept);
        side.does();
        side.is_called(1);
        side.does();
        side
    }

    /// The caller sends no more, and everything was written.
    fn goes(side: &mut Side) -> Vec<String> {
        side.receives_all();
        side.delivers();
        side.does()
    }

    #[test]
    fn they_are_answered_and_leave_no_trace_but_a_notice() {
        for (bytes, answer, notice) in [
            (REQUEST, "send control HTTP/1.1 400 Bad Request", "127.0.0.1:1 sent an HTTP request"),
            (HELLO, "send control This is threadchat", "127.0.0.1:1 wants to speak TLS"),
        ] {
            let mut side = called("kept\n");
            side.receives(bytes);
            side.receives(b"more\n");
            let done = side.does();
            assert!(done.len() == 2 && done[0].starts_with(answer) && done[1] == "end our half", "{done:?}");
            let done = goes(&mut side);
            assert!(done.len() == 2 && done[0].starts_with(notice) && done[1] == "close", "{done:?}");
            assert!(side.screen.is_empty());
            assert_eq!(side.exit, None);
            side.is_called(2);
            side.receives(b"hello\n");
            assert_eq!(
                side.does(),
                ["start", "...connected from: 127.0.0.1:2", "prompt 127.0.0.1:2", "show hello", "send kept"]
            );
        }
    }

    #[test]
    fn one_that_keeps_the_connection_is_disconnected_when_nothing_moves() {
        let mut side = called("");
        side.receives(REQUEST);
        side.does();
        // The next one waits, so it has less time than after a goodbye.
        for _ in 0..2 {
            assert!(side.does().is_empty());
            side.receives(b"more\n");
            side.passes(ms(100));
        }
        assert_eq!(side.does(), ["disconnect"]);
    }

    #[test]
    fn many_are_reported_once_a_second() {
        let mut side = called("");
        let mut done = Vec::new();
        for port in 2..=4 {
            side.receives(REQUEST);
            done.extend(goes(&mut side));
            side.is_called(port);
        }
        side.passes(ms(999));
        done.extend(side.does());
        assert_eq!(done.iter().filter(|done| done.contains("HTTP request")).count(), 1, "{done:?}");
        side.passes(ms(1));
        let done = side.does().join("; ");
        assert!(done.contains("2 more callers were turned away"), "{done}");
    }

    #[test]
    fn one_that_was_silent_for_a_second_uses_up_the_conversation_only_if_something_was_sent_to_it() {
        for kept in ["", "kept\n"] {
            let mut side = called(kept);
            side.passes(PROBE_TIME);
            side.receives(REQUEST);
            side.does();
            let done = goes(&mut side);
            assert!(done[0].contains("HTTP request"), "{done:?}");
            assert_eq!(side.exit, (!kept.is_empty()).then_some(Exit::Failed));
            assert_eq!(done.ends_with(&["prompt waiting".to_owned()]), kept.is_empty(), "{done:?}");
        }
    }
}

/// A peer that speaks telnet.
mod telnet {
    use super::*;

    const DO_TIMING_MARK: &[u8] = &[255, 253, 6];
    const WILL_TIMING_MARK: &[u8] = &[255, 251, 6];

    /// What was sent since the last call.
    fn sent(side: &mut Side) -> Vec<u8> {
        let bytes = side.sent.drain(..).map(|packet| match packet {
            Packet::Bytes(bytes) => bytes,
            Packet::End => Vec::new(),
        });
        bytes.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_request_is_answered_at_once_and_lines_end_as_a_terminal_needs_it() {
        let mut side = Side::serving(Settings { probe_time: PROBE_TIME, ..settings() }, false, true);
        side.is_called(1);
        side.capacity.transcript = false;
        side.act();
        side.receives(DO_TIMING_MARK);
        assert_eq!(sent(&mut side), WILL_TIMING_MARK);
        side.capacity.transcript = true;
        side.types("one\n");
        assert_eq!(text(&sent(&mut side)), format!("{STAMP}one\r\n"));
        side.types("88\n");
        side.receives_all();
        side.delivers();
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn a_peer_that_asks_and_does_not_read_makes_no_answers_pile_up() {
        let mut side = Side::connected(settings());
        side.capacity.peer = false;
        side.act();
        for _ in 0..1000 {
            side.receives(DO_TIMING_MARK);
        }
        assert!(side.does().is_empty());
        side.capacity.peer = true;
        side.act();
        let sent = sent(&mut side);
        assert!(sent.chunks(3).all(|answer| answer == WILL_TIMING_MARK));
        assert!((2048..2060).contains(&sent.len()), "{}", sent.len());
    }

    #[test]
    fn a_peer_that_does_not_read_for_a_while_gets_all_its_answers_then() {
        let mut side = Side::connected(settings());
        side.capacity.peer = false;
        side.act();
        for request in [&[255, 253, 1], &[255, 251, 31], DO_TIMING_MARK] {
            side.receives(request);
        }
        side.capacity.peer = true;
        side.act();
        assert_eq!(sent(&mut side), [&[255, 252, 1], &[255, 254, 31], WILL_TIMING_MARK].concat());
    }

    #[test]
    fn after_our_goodbye_nothing_is_answered() {
        let mut side = Side::connected(settings());
        side.types("88\n");
        side.does();
        side.receives(DO_TIMING_MARK);
        assert!(side.does().is_empty());
    }

    #[test]
    fn an_answer_is_no_part_of_a_message_that_may_have_to_be_sent_again() {
        let mut side = Side::reconnecting(false, Reconnect::Always);
        side.receives(DO_TIMING_MARK);
        side.types("one\n");
        // Of all but the last byte.
        side.status.written = sent(&mut side).len() as u64 - 1;
        side.passes(ms(5000));
        side.breaks();
        side.passes(ms(1000));
        side.does();
        side.reaches();
        assert_eq!(side.does()[3..], ["send one"]);
    }
}

/// A line `88` in an input that is a file.
mod files {
    use super::*;

    const REST: &str = "threadchat: your input continued after that: the rest was not sent";

    /// The exit code and the last notice of a side that says goodbye after `input`.
    fn ends(mut side: Side, input: &str) -> (Option<Exit>, bool) {
        side.types(input);
        side.receives_all();
        side.delivers();
        (side.exit, side.does().contains(&REST.to_owned()))
    }

    #[test]
    fn one_that_goes_on_behind_a_line_88_was_not_delivered() {
        let failed = (Some(Exit::Failed), true);
        assert_eq!(ends(Side::connected(settings()), "87\n88\n89\n"), failed);
        assert_eq!(ends(Side::connected(settings()), "87\n88\n89"), failed);
        assert_eq!(ends(Side::connected(settings()), "87\n88\n"), (Some(Exit::Success), false));
        // A person may change their mind.
        for input in ["88\n89\n", "88\n"] {
            let mut side = Side::serving(settings(), true, true);
            side.is_called(1);
            assert_eq!(ends(side, input).0, Some(Exit::Success));
        }
    }

    #[test]
    fn so_it_is_if_nobody_has_called_yet() {
        assert_eq!(ends(Side::serving(settings(), false, false), "88\n89\n"), (Some(Exit::Failed), true));
        assert_eq!(ends(Side::serving(settings(), false, false), "88\r\n"), (Some(Exit::Success), false));
        assert_eq!(ends(Side::serving(settings(), true, false), "88\n89\n").0, Some(Exit::Success));
    }

    #[test]
    fn the_rest_is_for_the_next_caller_if_there_may_be_one() {
        let mut side = Side::serving(settings(), false, false);
        side.is_called(1);
        assert_eq!(ends(side, "88\n89\n"), (None, false));
    }

    #[test]
    fn a_literal_88_is_a_message_and_only_the_end_of_the_input_a_goodbye() {
        let literal = Settings { literal: true, ..settings() };
        for input in ["87\n88\n89\n88\n", "87\n88\n89\n88"] {
            let mut side = Side::connected(literal);
            side.types(input);
            side.handle(Event::InputEnded(Ok(())));
            let sent = side.sent.iter().filter_map(|packet| match packet {
                Packet::Bytes(bytes) => Some(&bytes[..]),
                Packet::End => None,
            });
            let expected =
                ["87\n", "88\n", "89\n", "88\n"].map(|line| format!("{STAMP}{line}")).concat() + "88";
            assert_eq!(text(&sent.collect::<Vec<_>>().concat()), expected);
            assert!(side.does().contains(&"end of input: said 88 for you".to_owned()));
            side.receives_all();
            side.delivers();
            assert_eq!(side.exit, Some(Exit::Success));
        }
    }

    #[test]
    fn a_literal_88_ends_nothing_while_nobody_is_connected() {
        let literal = Settings { literal: true, ..settings() };
        let mut side = Side::serving(literal, true, false);
        side.types("88\n");
        assert_eq!(side.exit, None);
        let settings = Settings { to_terminal: true, ..literal };
        let caller = Caller { name: None, reconnect: Reconnect::Always };
        let mut side = Side::new(Endpoint::connect(settings, caller, true));
        side.reaches();
        side.breaks();
        side.types("88\n");
        assert_eq!(side.exit, None);
        // Nor does it overtake what waits for capacity.
        let mut side = Side::connected(literal);
        side.capacity.peer = false;
        side.act();
        side.types("88\n");
        assert!(side.does().is_empty());
    }
}

mod pair {
    use super::*;

    #[test]
    fn a_goodbye_that_is_said_again_over_a_slow_link_is_understood_as_one() {
        let mut pair = Pair::new([settings(); 2], ms(400));
        pair.sides[1].types("hello\n88\n");
        pair.drive();
        assert!(pair.sides[1].log.contains(&"send control 88".to_owned()));
        assert_eq!(pair.exits(), [Some(Exit::Success); 2]);
        assert_eq!(text(&pair.sides[0].screen), format!("{STAMP}hello\n"));
    }

    #[test]
    fn both_sides_end_cleanly_when_either_says_88() {
        for who in [0, 1] {
            let mut pair = Pair::new([settings(); 2], ms(100));
            pair.sides[0].types("hello\n");
            pair.sides[1].types("hi\n");
            pair.sides[who].types("88\n");
            pair.drive();
            assert_eq!(pair.exits(), [Some(Exit::Success); 2]);
            assert_eq!(pair.sides[0].screen, format!("{STAMP}hi\n").as_bytes());
            assert_eq!(pair.sides[1].screen, format!("{STAMP}hello\n").as_bytes());
        }
    }

    #[test]
    fn two_goodbyes_that_cross_on_the_way_are_clean() {
        let mut pair = Pair::new([settings(); 2], ms(500));
        pair.sides.iter_mut().for_each(|side| side.types("88\n"));
        pair.drive();
        assert_eq!(pair.exits(), [Some(Exit::Success); 2]);
    }

    #[test]
    fn a_link_slower_than_the_patience_ends_by_force() {
        let mut pair = Pair::new([settings(); 2], 2 * PATIENCE);
        pair.sides[0].types("88\n");
        while !pair.sides[0].log.contains(&"disconnect".to_owned()) {
            assert!(pair.step());
        }
    }

    #[test]
    fn the_unframed_wire_is_understood_by_a_peer_that_sends_lines() {
        let unframed = Settings { wire: Wire::Unframed, ..settings() };
        let mut pair = Pair::new([unframed, settings()], ms(1));
        pair.sides[0].types("one\n");
        pair.drive();
        pair.sides[0].types("88\n");
        pair.drive();
        assert_eq!(pair.sides[1].screen, format!("{STAMP}one\n").as_bytes());
        assert_eq!(pair.exits(), [Some(Exit::Success); 2]);
    }

    proptest! {
        /// Whatever is typed on both sides, in whatever pieces and order, and either says goodbye: every line that was
        /// typed before the end arrives once and in order, and both sides end.
        #[test]
        fn nothing_that_was_sent_is_lost(
            typed in prop::collection::vec((0..2_usize, "[a-z]{0,8}", 0..300_u64), 0..30),
            latency in 0..1500_u64,
            who in 0..2_usize,
        ) {
            let mut pair = Pair::new([settings(); 2], ms(latency));
            let mut said = [String::new(), String::new()];
            for (from, text, pause) in typed {
                pair.sides[from].types(&format!("{text}\n"));
                said[from] += &format!("{STAMP}{text}\n");
                pair.transmit();
                pair.sides.iter_mut().for_each(|side| side.passes(ms(pause)));
            }
            pair.sides[who].types("88\n");
            pair.drive();
            prop_assert_eq!(pair.exits(), [Some(Exit::Success); 2]);
            prop_assert_eq!(&pair.sides[0].screen, said[1].as_bytes());
            prop_assert_eq!(&pair.sides[1].screen, said[0].as_bytes());
        }
    }
}

mod reconnection {
    use super::*;

    const WELCOME: &[u8] =
        b"[Mon Nov  9 06:18:34 2026] * hub: welcome to lobby, user1; 88 leaves, /help lists the commands\n";
    const LOST: &str =
        "threadchat: the connection with 127.0.0.1:9 is lost: it was closed without 88; calling again";

    /// Answers a call with a failure.
    fn fails(side: &mut Side, reason: &str) {
        side.handle(Event::Connected(Err(reason.into())));
    }

    /// How many seconds pass until it calls.
    fn pause(side: &mut Side) -> u64 {
        side.log.clear();
        for seconds in 1..100 {
            side.passes(ms(1000));
            if side.log.contains(&"call".to_owned()) {
                return seconds;
            }
        }
        panic!("it does not call");
    }

    #[test]
    fn a_name_is_said_first_over_each_connection_whatever_becomes_of_it() {
        for reconnect in [Reconnect::Never, Reconnect::Always] {
            let caller = Caller { name: Some("ann".into()), reconnect };
            let mut side = Side::new(Endpoint::connect(settings(), caller, false));
            side.types("hello\n");
            side.does();
            side.reaches();
            assert_eq!(side.does()[3..], ["send /name ann", "send hello"]);
        }
    }

    #[test]
    fn a_connection_that_breaks_is_called_again_and_what_is_typed_meanwhile_is_sent_then() {
        let mut side = Side::reconnecting(false, Reconnect::Always);
        side.breaks();
        assert_eq!(side.does(), ["end our half", LOST, "close", "prompt connection lost, calling again"]);
        side.types("one\n");
        side.passes(ms(999));
        side.types("two\n");
        assert_eq!(side.does(), [""; 0]);
        side.passes(ms(1));
        assert_eq!(side.does(), ["call"]);
        side.reaches();
        assert_eq!(
            side.does(),
            ["...connected to: 127.0.0.1:9", "prompt 127.0.0.1:9", "start", "send one", "send two"]
        );
        side.receives(b"88\n");
        side.delivers();
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn without_reconnect_a_connection_that_breaks_ends_the_program_and_nothing_is_kept() {
        for (at_terminal, reconnect) in
            [(false, Reconnect::Never), (true, Reconnect::Never), (false, Reconnect::Hub)]
        {
            let mut side = Side::reconnecting(at_terminal, reconnect);
            side.receives(WELCOME);
            side.types("one\n");
            side.passes(ms(5000));
            assert_eq!(side.endpoint.poll_timeout(), None, "it costs no wake-up");
            side.breaks();
            assert_eq!(side.exit, Some(Exit::Failed));
        }
    }

    #[test]
    fn at_a_terminal_a_hub_is_called_again_and_nobody_else() {
        for (heard, is_again) in [(WELCOME, true), (b"hello\n", false), (b"", false)] {
            let mut side = Side::reconnecting(true, Reconnect::Hub);
            side.receives(heard);
            side.breaks();
            assert_eq!(side.exit.is_none(), is_again, "{}", String::from_utf8_lossy(heard));
        }
    }

    #[test]
    fn a_goodbye_of_either_side_ends_the_program_as_ever() {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.receives(b"88\n");
        side.breaks();
        assert_eq!(side.exit, Some(Exit::Success));
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.types("88\n");
        side.handle(Event::WriteFailed(io::ErrorKind::BrokenPipe.into()));
        side.handle(Event::Delivered(Delivery { complete: false, undelivered: 0 }));
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    const BUSY: &[u8] =
        b"[Mon Nov  9 06:18:34 2026] the line is busy: others are talking here; please call again later\n";

    /// One that calls a busy line and waits for 10 s at most, if it `waits`, and is turned away.
    fn turned_away(waits: bool) -> Side {
        let mut side = Side::new(Endpoint::connect(settings(), Caller::default(), false));
        side.endpoint = side.endpoint.waiting(waits.then(|| side.now + ms(10_000)));
        side.types("one\n");
        side.reaches();
        side.receives(BUSY);
        is_turned_away(&mut side);
        side
    }

    fn is_turned_away(side: &mut Side) {
        side.receives(b"88");
        side.passes(QUIET_TIME);
        side.receives_all();
        side.delivers();
    }

    #[test]
    fn a_caller_that_is_not_let_in_fails_and_the_reason_is_no_message() {
        let mut side = turned_away(false);
        assert_eq!(side.exit, Some(Exit::Failed));
        let does = side.does();
        let reason = "threadchat: 127.0.0.1:9 did not let us in: the line is busy: others are talking here; please call again later";
        assert!(
            does.contains(&reason.to_owned()) && !does.iter().any(|did| did.starts_with("show")),
            "{does:?}"
        );
    }

    #[test]
    fn with_wait_it_calls_again_and_sends_everything_again() {
        let mut side = turned_away(true);
        assert_eq!(pause(&mut side), 1);
        side.reaches();
        assert!(side.does().contains(&"send one".to_owned()));
        side.receives(BUSY);
        side.receives(b"[Mon Nov  9 06:18:34 2026] hello\n");
        let does = side.does();
        let at = |what| does.iter().position(|did| did.contains(what));
        assert!(at("hello") == at("the line is busy") && at("connected to") < at("hello"), "{does:?}");
        side.receives(b"88\n");
        side.delivers();
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn who_waits_for_long_reads_the_reason_once_and_then_that_the_line_is_free() {
        let mut side = turned_away(true);
        let mut said = side.does();
        for _ in 0..3 {
            pause(&mut side);
            side.reaches();
            side.receives(BUSY);
            is_turned_away(&mut side);
            said.extend(side.does());
        }
        let count = |said: &[String], what| said.iter().filter(|did| did.contains(what)).count();
        assert_eq!((count(&said, "connected to"), count(&said, "did not let us in")), (1, 1), "{said:?}");
        // They say nothing, which nobody does who turns away.
        pause(&mut side);
        side.reaches();
        side.passes(ms(1_000));
        let said = side.does();
        assert_eq!((count(&said, "connected to"), count(&said, "did not let us in")), (1, 0), "{said:?}");
        side.receives(b"[Mon Nov  9 06:18:34 2026] hello\n");
        side.receives(b"[Mon Nov  9 06:18:34 2026] hello\n");
        assert_eq!(count(&side.does(), "connected to"), 0);
    }

    #[test]
    fn it_calls_no_longer_when_the_time_is_up() {
        let mut side = turned_away(true);
        let mut calls = 0;
        while side.exit.is_none() {
            pause(&mut side);
            calls += 1;
            side.reaches();
            side.receives(BUSY);
            is_turned_away(&mut side);
        }
        // After 1, 2 and 4 s, and at the end of the time.
        assert_eq!((calls, side.exit), (4, Some(Exit::Failed)));
        let mut side = turned_away(true);
        side.passes(ms(9_900));
        fails(&mut side, "nobody is there");
        assert_eq!(side.exit, None);
        side.passes(ms(100));
        fails(&mut side, "nobody is there");
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn a_first_call_that_nobody_answers_fails() {
        let caller = Caller { name: None, reconnect: Reconnect::Always };
        let mut side = Side::new(Endpoint::connect(settings(), caller, false));
        fails(&mut side, "nobody is there");
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn the_pauses_grow_to_30_seconds_and_a_reason_is_reported_when_it_changes() {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.breaks();
        let mut reported = Vec::new();
        let mut pauses = Vec::new();
        for reason in
            ["refused", "refused", "refused", "unreachable", "unreachable", "unreachable", "refused"]
        {
            pauses.push(pause(&mut side));
            side.does();
            fails(&mut side, reason);
            reported.extend(side.does());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        let reasons = ["refused; still calling", "unreachable; still calling", "refused; still calling"];
        assert_eq!(reported, reasons);
    }

    #[test]
    fn a_connection_that_holds_for_less_than_10_seconds_counts_as_a_call_that_failed() {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        for (holds, expected) in [(0, 1), (9, 2), (0, 4), (10, 1), (0, 2)] {
            side.passes(ms(holds * 1000));
            side.breaks();
            assert_eq!(pause(&mut side), expected);
            side.reaches();
        }
    }

    #[test]
    fn a_line_88_ends_the_calls_at_a_terminal_also_behind_other_lines_and_so_do_a_signal_and_the_end_of_the_input()
     {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.breaks();
        side.types("one\n");
        side.does();
        side.types("88\n");
        assert_eq!(side.does(), ["you said 88", "threadchat: 1 line may not have been delivered"]);
        assert_eq!(side.exit, Some(Exit::Failed));

        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.receives(WELCOME);
        side.breaks();
        side.types("/who\n/quit\n");
        assert_eq!(side.exit, Some(Exit::Failed));

        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.breaks();
        side.handle(Event::Signal(SIGTERM));
        assert_eq!(side.exit, Some(Exit::Signal(SIGTERM)));

        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.breaks();
        side.handle(Event::InputEnded(Ok(())));
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn a_pipe_is_sent_to_its_end_over_as_many_connections_as_that_takes() {
        let mut side = Side::reconnecting(false, Reconnect::Always);
        side.is_stuck = true;
        side.types("one\n88\n");
        assert_eq!(side.does(), ["send one", "you said 88", "pause, send 88, wait"]);
        side.is_stuck = false;
        side.handle(Event::WriteFailed(io::ErrorKind::BrokenPipe.into()));
        side.handle(Event::Delivered(Delivery { complete: false, undelivered: 1 }));
        side.receives_all();
        side.handle(Event::InputEnded(Ok(())));
        side.passes(ms(1000));
        side.does();
        side.reaches();
        assert_eq!(side.does()[3..], ["send one", "pause, send 88, wait"]);
        side.receives_all();
        side.delivers();
        assert_eq!(side.exit, Some(Exit::Success));
    }

    #[test]
    fn a_pipe_without_a_line_only_listens_over_the_next_connection_too() {
        let mut side = Side::reconnecting(false, Reconnect::Always);
        side.handle(Event::InputEnded(Ok(())));
        side.breaks();
        side.passes(ms(1000));
        side.reaches();
        side.does();
        side.receives(b"hello\n");
        assert_eq!(side.does(), ["show hello"]);
    }

    #[test]
    fn a_line_is_sent_again_unless_it_was_confirmed_a_second_before_the_connection_broke() {
        for (confirmed_for, is_again) in [(0, true), (1000, true), (2000, false)] {
            let mut side = Side::reconnecting(true, Reconnect::Always);
            side.types("one\n");
            side.confirms();
            side.passes(ms(confirmed_for));
            side.types("two\n");
            side.breaks();
            side.passes(ms(1000));
            side.does();
            side.reaches();
            let expected: &[&str] = if is_again { &["send one", "send two"] } else { &["send two"] };
            assert_eq!(side.does()[3..], *expected, "confirmed for {confirmed_for} ms");
        }
    }

    #[test]
    fn while_something_is_unconfirmed_nothing_counts_as_arrived() {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.types("one\n");
        side.confirms();
        side.types("two\n");
        side.confirms();
        side.status.peer.unconfirmed = 1;
        side.passes(ms(10_000));
        side.breaks();
        side.passes(ms(1000));
        side.does();
        side.reaches();
        assert_eq!(side.does()[3..], ["send one", "send two"]);
    }

    #[test]
    fn where_the_system_cannot_tell_what_was_confirmed_a_line_is_kept_for_a_minute() {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.status.peer.confirmed = 0;
        side.types("one\n");
        side.passes(ms(1000));
        side.types("two\n");
        side.confirms();
        side.passes(ms(59_000));
        side.breaks();
        side.passes(ms(1000));
        side.does();
        side.reaches();
        assert_eq!(side.does()[3..], ["send two"]);
    }

    #[test]
    fn a_line_whose_arrival_is_known_costs_no_more_wake_ups() {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.types("one\n");
        side.confirms();
        side.passes(ms(5000));
        assert_eq!(side.endpoint.poll_timeout(), None);
    }

    #[test]
    fn what_is_sent_again_is_said_to_the_same_room_under_the_same_name() {
        let mut side = Side::reconnecting(true, Reconnect::Hub);
        side.receives(WELCOME);
        let hub = |side: &mut Side, text: &str| side.receives(format!("{STAMP}* hub: {text}\n").as_bytes());
        hub(&mut side, "you are now bea");
        side.types("to the lobby\n");
        side.types("/join team\n");
        hub(&mut side, "welcome to team, bea; 88 leaves, /help lists the commands");
        side.types("to the team\n");
        side.breaks();
        side.passes(ms(1000));
        side.does();
        side.reaches();
        side.receives(WELCOME);
        hub(&mut side, "welcome to team, bea; 88 leaves, /help lists the commands");
        let done = side.does();
        let sent: Vec<_> = done.iter().filter_map(|done| done.strip_prefix("send ")).collect();
        assert_eq!(sent, ["/name bea", "to the lobby", "/join team", "to the team"]);
        side.confirms();
        side.passes(ms(5000));
        side.breaks();
        side.passes(ms(2000));
        side.does();
        side.reaches();
        assert_eq!(side.does()[3..], ["send /name bea, /join team"]);
    }

    #[test]
    fn what_could_not_be_sent_again_before_they_left_was_not_delivered() {
        let mut side = Side::reconnecting(true, Reconnect::Always);
        side.types("one\ntwo\n");
        side.breaks();
        side.passes(ms(1000));
        side.capacity.peer = false;
        side.reaches();
        side.does();
        side.receives(b"88\n");
        side.delivers();
        side.receives_all();
        assert!(side.does().contains(&"threadchat: 2 lines were not delivered".to_owned()));
        assert_eq!(side.exit, Some(Exit::Failed));
    }

    #[test]
    fn no_more_is_sent_than_can_be_kept_until_it_is_confirmed() {
        let mut side = Side::reconnecting(false, Reconnect::Always);
        let line = format!("{}\n", "x".repeat(900)).repeat(300);
        for _ in 0..100 {
            side.types(&line);
        }
        side.passes(ms(5000));
        let sent = |side: &Side| side.log.iter().filter(|done| done.starts_with("send")).count();
        let first = sent(&side);
        assert!((40..100).contains(&first), "{first} batches");
        for _ in 0..20 {
            side.confirms();
            side.passes(ms(20));
        }
        assert_eq!(sent(&side), 100);
    }

    proptest! {
        /// Whatever is typed, whenever the connection breaks and whatever part of it has arrived by then: over all
        /// connections together every line arrives, and in order, if one that arrives twice counts once.
        #[test]
        fn nothing_that_was_typed_is_lost(
            steps in prop::collection::vec((0..4_u8, 1..4_usize, 0..3000_u64, 0..120_usize), 1..60),
        ) {
            let mut side = Side::reconnecting(true, Reconnect::Always);
            let (mut typed, mut arrived) = (Vec::new(), Vec::new());
            // What was handed out over this connection, and how much of it has arrived.
            let (mut stream, mut confirmed) = (Vec::new(), 0);
            let mut is_connected = true;
            for (what, lines, time, bytes) in steps.into_iter().chain([(2, 1, 0, 0), (2, 1, 60_000, 0)]) {
                match what {
                    0 | 1 => for _ in 0..lines {
                        // The number alone could be 88.
                        side.types(&format!("#{}\n", typed.len()));
                        typed.push(typed.len());
                    },
                    2 if is_connected => {}
                    _ if is_connected => {
                        side.breaks();
                        is_connected = false;
                    }
                    _ => {
                        if !side.log.contains(&"call".to_owned()) {
                            side.passes(ms(30_000));
                        }
                        side.log.clear();
                        side.reaches();
                        is_connected = true;
                    }
                }
                stream.extend(side.sent.drain(..).filter_map(|packet| match packet {
                    Packet::Bytes(bytes) => Some(bytes),
                    Packet::End => None,
                }).flatten());
                if !is_connected {
                    arrived.push(stream[..confirmed].to_vec());
                    (stream, confirmed) = (Vec::new(), 0);
                } else {
                    // The last connection holds.
                    confirmed = if time == 60_000 { stream.len() } else { stream.len().min(confirmed + bytes) };
                }
                side.status.written = stream.len() as u64;
                side.status.peer.unconfirmed = stream.len() - confirmed;
                side.passes(ms(time % 60_000));
            }
            arrived.push(stream[..confirmed].to_vec());
            let mut seen = Vec::new();
            for connection in arrived {
                for line in String::from_utf8(connection).unwrap().split_inclusive('\n') {
                    let number = line.strip_suffix('\n').map(|line| line[STAMP.len() + 1..].parse::<usize>().unwrap());
                    seen.extend(number.filter(|number| !seen.contains(number)));
                }
            }
            prop_assert_eq!(seen, typed);
        }
    }
}
