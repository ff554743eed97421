//! The rules of the hub without a network and with simulated time: members join, leave, change their names and speak, and
//! everything is read and written in any order.

#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "hub_rules/arrival.rs"]
mod arrival;
#[path = "hub_rules/bounds.rs"]
mod bounds;
#[cfg(feature = "web")]
#[path = "hub_rules/hostile.rs"]
mod hostile;
#[path = "hub_rules/irc.rs"]
mod irc;
#[path = "hub_rules/leaving.rs"]
mod leaving;
#[cfg(feature = "link")]
#[path = "hub_rules/linked.rs"]
mod linked;
#[path = "hub_rules/rooms.rs"]
mod rooms;
#[path = "hub_rules/said.rs"]
mod said;
#[path = "hub_rules/slow.rs"]
mod slow;
#[cfg(feature = "web")]
#[path = "../src/rules/hostile/spell.rs"]
mod spell;
#[path = "hub_rules/takeover.rs"]
mod takeover;
#[cfg(feature = "web")]
#[path = "hub_rules/web.rs"]
mod web;

use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use threadchat::rules::buffer::{Buffer, Home};
use threadchat::rules::event::PeerState;
use threadchat::rules::exit::Exit;
use threadchat::rules::hub::{Action, AdmissionPolicy, Event, Hub, Id, OPERATOR, Port, Refusal, Settings};
use threadchat::rules::moment::Moment;
use threadchat::rules::record::What;
use threadchat::rules::settings::PROBE_TIME;
use threadchat::rules::signal::Signal;
use threadchat::rules::wire::{PAUSE, Stamp};
use time::OffsetDateTime;

/// After this long a client that sends nothing is greeted.
const GREETING_HOLD: Duration = Duration::from_millis(20);

/// The smallest there is, so that it is often full.
const OUTBOX: usize = 64 * 1024;

fn settings() -> Settings {
    Settings {
        operator: true,
        max_line: 1000,
        history: 20,
        rate: None,
        outbox: OUTBOX,
        stall: Duration::from_secs(5),
        motd: Vec::new(),
        admission: AdmissionPolicy::default(),
        transcribed: false,
    }
}

/// A reader, and whether its buffer is back.
#[derive(Debug, Default)]
struct Reader {
    has_buffer: AtomicBool,
}

impl Home for Reader {
    fn sizes(&self) -> RangeInclusive<usize> {
        0..=0
    }

    fn take_back(&self, _buffer: Buffer) {
        self.has_buffer.store(true, Ordering::Relaxed);
    }
}

/// A hub, its time, and what everybody was sent.
struct World {
    hub: Hub,
    now: Instant,
    /// Everybody who ever joined, in order.
    clients: Vec<Id>,
    gone: HashSet<Id>,
    exit: Option<Exit>,
    recorded: Vec<(Option<SocketAddr>, What)>,
    reported: Vec<String>,
    trims: usize,
    /// Whether steps are recorded.
    #[cfg(feature = "web")]
    is_watched: bool,
    /// What is to be done to the log that linked hubs share.
    #[cfg(feature = "link")]
    orders: std::collections::VecDeque<threadchat::rules::link::Order>,
    /// It takes until the test says so until our half of a connection is closed.
    is_slow_to_close: bool,
    /// What the system knows of them; of others, that they have confirmed everything.
    states: HashMap<Id, Option<PeerState>>,
    sent: HashMap<Id, Vec<u8>>,
    /// The readers of what they said.
    said: HashMap<Id, Vec<Arc<Reader>>>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let hub = Hub::new(settings, false, now);
        Self {
            hub,
            now,
            clients: Vec::new(),
            gone: HashSet::new(),
            exit: None,
            recorded: Vec::new(),
            reported: Vec::new(),
            trims: 0,
            #[cfg(feature = "web")]
            is_watched: false,
            #[cfg(feature = "link")]
            orders: std::collections::VecDeque::new(),
            is_slow_to_close: false,
            states: HashMap::new(),
            sent: HashMap::new(),
            said: HashMap::new(),
        }
    }

    fn moment(&self) -> Moment {
        Moment { instant: self.now, stamp: Stamp::at(OffsetDateTime::UNIX_EPOCH) }
    }

    fn handle(&mut self, event: Event) {
        self.hub.handle(event, self.moment());
        self.act();
    }

    /// Lets the time jump to the next time-out, unless there is none within `limit`.
    fn step(&mut self, limit: Duration) -> bool {
        let Some(due) = self.hub.poll_timeout().filter(|due| *due <= self.now + limit) else { return false };
        self.now = self.now.max(due);
        self.act();
        true
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        self.act();
    }

    fn joins(&mut self) -> Id {
        self.joins_from("127.0.0.1").unwrap()
    }

    /// Somebody joins, and stays long enough that the others are told.
    fn joins_from(&mut self, address: &str) -> Result<Id, Refusal> {
        let id = self.connects_from(address)?;
        self.passes(PROBE_TIME);
        Ok(id)
    }

    /// The same for many at once.
    fn join_many(&mut self, address: &str, count: usize) -> Vec<Id> {
        let ids = (0..count).map(|_| self.connects_from(address).unwrap()).collect();
        self.passes(PROBE_TIME);
        ids
    }

    fn connects_from(&mut self, address: &str) -> Result<Id, Refusal> {
        self.calls_from(address, Port::Chat)
    }

    fn calls_from(&mut self, address: &str, called: Port) -> Result<Id, Refusal> {
        let port = 1000 + u16::try_from(self.clients.len()).unwrap();
        let peer = SocketAddr::new(address.parse().unwrap(), port);
        let id = self.hub.admit(peer, called)?;
        self.clients.push(id);
        self.handle(Event::arrived(id, peer, called));
        Ok(id)
    }

    /// These clients say 88 and do not close. Returns which of them are still connected.
    fn leave(&mut self, clients: &[Id]) -> Vec<Id> {
        clients.iter().for_each(|id| self.says(*id, b"88\n"));
        clients.iter().filter(|id| !self.gone.contains(id)).copied().collect()
    }

    fn says(&mut self, id: Id, bytes: &[u8]) {
        let reader = Arc::new(Reader::default());
        self.said.entry(id).or_default().push(Arc::clone(&reader));
        self.handle(Event::Read(id, Buffer::with_input(bytes).lend(reader)));
    }

    /// Whether the hub still has something this member said, so that no more would be read.
    fn waits(&self, id: Id) -> bool {
        self.said[&id].iter().any(|reader| !reader.has_buffer.load(Ordering::Relaxed))
    }

    fn ends(&mut self, id: Id, result: io::Result<()>) {
        self.handle(Event::ReadEnded(id, result));
    }

    /// This member accepts `max` bytes at most. Returns how many it accepted.
    fn takes(&mut self, id: Id, max: usize) -> usize {
        let queue = self.hub.outbox(id).and_then(|outbox| outbox.queue());
        let bytes = queue.map_or_else(Vec::new, |queue| queue.copy(max));
        self.sent.entry(id).or_default().extend_from_slice(&bytes);
        if !bytes.is_empty() {
            self.handle(Event::Written(id, bytes.len()));
        }
        bytes.len()
    }

    fn act(&mut self) {
        // As often as a design would, and no more often than the work needs.
        for calls in 0.. {
            assert!(calls < 100_000, "the hub has something to do for ever");
            self.hub.handle_timeout(self.moment());
            while let Some(action) = self.hub.poll_action() {
                match action {
                    Action::HalfClose(id) if !self.is_slow_to_close => {
                        self.hub.handle(Event::HalfClosed(id), self.moment());
                    }
                    Action::Disconnect(id) => drop(self.gone.insert(id)),
                    Action::Record { peer, what } => self.recorded.push((peer, what)),
                    Action::Probe(id) => {
                        let state = self.states.get(&id).copied().unwrap_or(Some(PeerState::default()));
                        self.hub.handle(Event::PeerState(id, state), self.moment());
                    }
                    Action::Report(notice) => self.reported.push(notice.to_string()),
                    Action::TrimMemory => self.trims += 1,
                    #[cfg(feature = "web")]
                    Action::Watch(is_watched) => self.is_watched = is_watched,
                    #[cfg(feature = "web")]
                    Action::TakeSteps(ids) => {
                        let steps = format!("steps of {ids:?}\n").into_bytes();
                        self.hub.handle(Event::Steps(steps), self.moment());
                    }
                    #[cfg(feature = "link")]
                    Action::Log(order) => self.orders.push_back(order),
                    Action::End(exit) => self.exit = Some(exit),
                    _ => {}
                }
            }
            if self.hub.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
        }
    }

    /// Everybody accepts everything.
    fn settles(&mut self) {
        let everybody: Vec<_> = self.clients.iter().copied().chain([OPERATOR]).collect();
        while everybody.iter().map(|id| self.takes(*id, usize::MAX)).sum::<usize>() > 0 {}
    }

    /// The lines that somebody was sent, without their stamps and without the goodbye.
    fn lines(&self, id: Id) -> Vec<String> {
        let sent = self.sent.get(&id).map_or(&[][..], |sent| sent);
        let end = sent.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let sent = String::from_utf8(sent[..end].to_vec()).unwrap();
        sent.lines().map(|line| line[27..].to_owned()).collect()
    }

    /// Whether somebody was told that a member was disconnected because the room waited for it.
    fn has_stalled(&self, hearer: Id, name: &str) -> bool {
        self.lines(hearer)
            .iter()
            .any(|line| line.starts_with(&format!("* {name} was disconnected: the room waited")))
    }

    /// The last line that they were sent after saying this.
    fn answer(&mut self, id: Id, line: &str) -> String {
        self.settles();
        self.says(id, format!("{line}\n").as_bytes());
        self.settles();
        self.lines(id).pop().unwrap()
    }
}

/// Names that are the same to the hub are among them.
const NAMES: [&str; 10] =
    ["bob", "BOB", "ｂｏｂ", "b0b", "ВОВ", "Straße", "STRASSE", "zoë", "zoe\u{308}", "user1"];

/// What somebody does who wants to keep others from talking.
#[derive(Debug, Clone)]
enum Trick {
    /// Comes back, if they left.
    Return,
    Say(u8, u16),
    /// Many lines of one byte each, which become long.
    Newlines(u16),
    Command(u8, u16),
    Whisper(usize, u16),
    /// How many bytes they read now.
    Read(usize),
    /// How many bytes they read per second from now on.
    Pace(usize),
    Leave,
    Vanish,
    /// Nothing can be written to it any more.
    Break,
}

fn trick() -> impl Strategy<Value = Trick> {
    prop_oneof![
        2 => Just(Trick::Return),
        6 => (1..200_u8, 0..900_u16).prop_map(|(lines, bytes)| Trick::Say(lines, bytes)),
        2 => (0..60_000_u16).prop_map(Trick::Newlines),
        4 => (0..14_u8, 1..3_000_u16).prop_map(|(command, times)| Trick::Command(command, times)),
        2 => (0..20_usize, 1..60_000_u16).prop_map(|(to, bytes)| Trick::Whisper(to, bytes)),
        2 => (0..2_000_000_usize).prop_map(Trick::Read),
        2 => prop_oneof![Just(0), Just(30_000), Just(65_536), Just(70_000), Just(10_000_000)].prop_map(Trick::Pace),
        1 => Just(Trick::Leave),
        1 => Just(Trick::Vanish),
        1 => Just(Trick::Break),
    ]
}

/// A client of the one who does this, and how many bytes it reads per second.
struct Trickster {
    id: Id,
    pace: usize,
}

impl Trickster {
    fn does(&mut self, trick: &Trick, world: &mut World) {
        if matches!(trick, Trick::Return)
            && world.gone.contains(&self.id)
            && let Ok(id) = world.connects_from("10.6.6.6")
        {
            self.id = id;
        }
        if world.gone.contains(&self.id) {
            return;
        }
        let says = |world: &mut World, said: Vec<u8>| {
            // A design reads no more while the hub has all of a client's buffers.
            if !world.said.contains_key(&self.id) || !world.waits(self.id) {
                world.says(self.id, &said);
            }
        };
        match trick {
            Trick::Return => {}
            Trick::Say(lines, bytes) => {
                let line = [&vec![b'x'; usize::from(*bytes)][..], b"\n"].concat();
                says(world, line.repeat(usize::from(*lines)));
            }
            Trick::Newlines(count) => says(world, vec![b'\n'; usize::from(*count)]),
            Trick::Command(command, times) => {
                let commands = [
                    "/help",
                    "/who",
                    "/rooms",
                    "/name a",
                    "/name b",
                    "/join lobby",
                    "/join tea",
                    "/ignore user1",
                    "/me waves",
                    "/reply hello",
                    "/msg operator hello",
                    "/msg user1 hello",
                    "/name hub",
                    "/join hub",
                ];
                let command = format!("{}\n", commands[usize::from(*command)]);
                says(world, command.as_bytes().repeat(usize::from(*times)));
            }
            Trick::Whisper(to, bytes) => {
                let text = "x".repeat(usize::from(*bytes));
                says(world, format!("/msg user{} {text}\n", to + 1).into_bytes());
            }
            Trick::Read(bytes) => drop(world.takes(self.id, *bytes)),
            Trick::Pace(pace) => self.pace = *pace,
            Trick::Leave => says(world, b"88\n".to_vec()),
            Trick::Vanish => world.ends(self.id, Err(io::ErrorKind::ConnectionReset.into())),
            Trick::Break => world.handle(Event::WriteFailed(self.id, io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Reads what it reads in a tenth of a second.
    fn reads(&self, world: &mut World) {
        if self.pace > 0 && !world.gone.contains(&self.id) {
            world.takes(self.id, self.pace.div_ceil(10));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The promise of docs/hub.md: whatever any number of clients from one address do, a line of somebody who says little is
    /// not held up, and who reads gets all of them.
    #[test]
    fn whatever_the_clients_of_one_address_do_two_others_talk_without_delay(
        tricks in prop::collection::vec((0..20_usize, trick()), 1..400),
        tricks_per_tick in 1..12_usize,
        outbox in prop_oneof![Just(OUTBOX), Just(1 << 20)],
    ) {
        const TICK: Duration = Duration::from_millis(100);
        let mut world = World::new(Settings { outbox, ..settings() });
        let (alice, bob) = (world.joins_from("10.0.0.1").unwrap(), world.joins_from("10.0.0.2").unwrap());
        let mut tricksters: Vec<_> =
            (0..20).map(|_| Trickster { id: world.joins_from("10.6.6.6").unwrap(), pace: 0 }).collect();
        let reads = |world: &mut World| {
            for id in [alice, bob, OPERATOR] {
                while world.takes(id, usize::MAX) > 0 {}
            }
        };
        let mut said = 0;
        let mut tricks = tricks.iter();
        loop {
            let mut is_over = true;
            for (who, trick) in tricks.by_ref().take(tricks_per_tick) {
                tricksters[*who].does(trick, &mut world);
                reads(&mut world);
                is_over = false;
            }
            tricksters.iter().for_each(|trickster| trickster.reads(&mut world));
            reads(&mut world);
            said += 1;
            let line = format!("this is line {said}");
            world.says(alice, format!("{line}\n").as_bytes());
            reads(&mut world);
            let heard = world.lines(bob);
            prop_assert_eq!(
                heard.iter().filter(|heard| heard.contains("> this is line")).count(), said,
                "line {} is not there in time", said
            );
            prop_assert!(!world.gone.contains(&alice) && !world.gone.contains(&bob));
            world.sent.values_mut().for_each(Vec::clear);
            said = 0;
            world.passes(TICK);
            if is_over {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn who_reads_64_kib_a_second_is_never_disconnected_whatever_others_do(
        tricks in prop::collection::vec((0..8_usize, trick()), 1..300),
        tricks_per_tick in 1..6_usize,
        outbox in prop_oneof![Just(OUTBOX), Just(1 << 20)],
    ) {
        let mut world = World::new(Settings { outbox, ..settings() });
        let reader = Trickster { id: world.joins_from("10.0.0.1").unwrap(), pace: 64 * 1024 };
        let mut tricksters: Vec<_> = (0..8)
            .map(|n| Trickster { id: world.joins_from(&format!("10.6.6.{n}")).unwrap(), pace: 0 })
            .collect();
        for tricks in tricks.chunks(tricks_per_tick) {
            for (who, trick) in tricks {
                tricksters[*who].does(trick, &mut world);
                world.takes(OPERATOR, usize::MAX);
            }
            // It says something, too: that is another reason to wait for others.
            if !world.said.contains_key(&reader.id) || !world.waits(reader.id) {
                world.says(reader.id, b"hello\n");
            }
            tricksters.iter().chain([&reader]).for_each(|reader| reader.reads(&mut world));
            world.passes(Duration::from_millis(100));
            prop_assert!(!world.gone.contains(&reader.id));
            world.sent.clear();
        }
    }

    #[test]
    fn when_everybody_reads_nobody_waits_whatever_they_did_before(
        tricks in prop::collection::vec((0..9_usize, trick()), 1..300),
        tricks_per_tick in 1..12_usize,
        addresses in 1..8_usize,
        transcribed in any::<bool>(),
    ) {
        let mut world = World::new(Settings { transcribed, ..settings() });
        let mut tricksters: Vec<_> = (0..8)
            .map(|n| Trickster { id: world.joins_from(&format!("10.6.6.{}", n % addresses)).unwrap(), pace: 0 })
            .collect();
        // The operator, who neither leaves nor loses the screen.
        tricksters.push(Trickster { id: OPERATOR, pace: 0 });
        for (tick, tricks) in tricks.chunks(tricks_per_tick).enumerate() {
            if transcribed {
                world.handle(Event::TranscriptBehind(tick % 4 == 1));
            }
            for (who, trick) in tricks {
                let is_end = matches!(trick, Trick::Return | Trick::Leave | Trick::Vanish | Trick::Break);
                if tricksters[*who].id != OPERATOR || !is_end {
                    tricksters[*who].does(trick, &mut world);
                }
            }
            tricksters.iter().for_each(|trickster| trickster.reads(&mut world));
            world.passes(Duration::from_millis(100));
        }
        world.handle(Event::TranscriptBehind(false));
        // The rates of some commands are limited.
        let mut ticks = 0;
        let waits = |world: &World, id: &Id| {
            !world.gone.contains(id) && world.said.contains_key(id) && world.waits(*id)
        };
        while tricksters.iter().any(|trickster| waits(&world, &trickster.id)) {
            world.settles();
            world.sent.clear();
            world.passes(Duration::from_secs(3));
            ticks += 1;
            prop_assert!(ticks < 20_000, "somebody waits for ever");
        }
        world.settles();
        // Only what is due at some time is left, such as asking who has vanished.
        while world.step(Duration::from_secs(3600)) {
            ticks += 1;
            prop_assert!(ticks < 21_000, "the hub is busy for ever");
            world.settles();
        }
        // And all of it works as before.
        let (alice, bob) = (world.joins_from("10.0.0.1").unwrap(), world.joins_from("10.0.0.2").unwrap());
        world.settles();
        world.says(alice, &b"can you hear me?\n".repeat(10_000));
        world.settles();
        let heard = world.lines(bob);
        prop_assert_eq!(heard.iter().filter(|line| line.ends_with("> can you hear me?")).count(), 10_000);
    }
}

#[test]
fn a_full_outbox_holds_the_others_up_until_half_of_it_is_written() {
    let mut world = World::new(settings());
    let (speaker, slow) = (world.joins(), world.joins());
    let line = [&[b'x'; 499][..], b"\n"].concat();
    world.says(speaker, &line.repeat(1000));
    assert!(world.waits(speaker));
    let waiting = world.hub.outbox(slow).unwrap().pending();
    assert!((OUTBOX..2 * OUTBOX).contains(&waiting), "{waiting}");
    // The operator's screen is behind, too.
    while world.takes(OPERATOR, usize::MAX) > 0 {}
    world.takes(slow, waiting - OUTBOX / 2 - 1);
    assert!(world.waits(speaker));
    world.takes(slow, 1);
    world.settles();
    assert!(!world.waits(speaker));
    assert_eq!(world.lines(slow).iter().filter(|line| line.starts_with("<user1> xxx")).count(), 1000);
}

#[test]
fn a_client_that_accepts_nothing_with_a_full_outbox_is_disconnected_and_the_others_go_on() {
    let mut world = World::new(settings());
    let (speaker, stalled, other) = (world.joins(), world.joins(), world.joins());
    world.settles();
    world.says(speaker, &b"a line of some length, which is said many times\n".repeat(3000));
    for _ in 0..49 {
        world.passes(Duration::from_millis(100));
        world.takes(other, usize::MAX);
        world.takes(OPERATOR, usize::MAX);
    }
    assert!(!world.has_stalled(other, "user2") && world.waits(speaker));
    world.passes(Duration::from_millis(100));
    while world.takes(other, usize::MAX) + world.takes(OPERATOR, usize::MAX) > 0 {}
    assert!(world.has_stalled(other, "user2") && !world.waits(speaker));
    // If it accepts nothing any more, its connection is closed.
    world.passes(Duration::from_secs(5));
    assert!(world.gone.contains(&stalled));
    let lines = world.lines(other);
    assert_eq!(lines.iter().filter(|line| line.starts_with("<user1> a line")).count(), 3000);
    assert!(lines.contains(&"* user2 was disconnected: the room waited 5 s for it".to_owned()));
}

#[test]
fn a_room_waits_for_nobody_in_another() {
    let mut world = World::new(settings());
    let (speaker, stalled, other) = (world.joins(), world.joins(), world.joins());
    world.settles();
    world.says(speaker, &b"some line or other\n".repeat(5000));
    assert!(world.waits(speaker));
    let _ = stalled;
    world.takes(OPERATOR, usize::MAX);
    world.takes(other, usize::MAX);
    world.says(other, b"/join tea\n");
    let last = world.joins();
    world.says(last, b"/join tea\n");
    world.takes(last, usize::MAX);
    world.says(other, b"we can talk\n");
    world.takes(last, usize::MAX);
    assert_eq!(world.lines(last).last().unwrap(), "<user3> we can talk");
}

#[test]
fn a_name_is_refused_while_somebody_has_one_that_looks_like_it() {
    let mut world = World::new(settings());
    let (bob, other) = (world.joins(), world.joins());
    world.answer(bob, "/name bob");
    for name in ["b0b", "B0B", "ВОВ"] {
        let refused = format!("* hub: the name {name} looks like bob, which is taken");
        assert_eq!(world.answer(other, &format!("/name {name}")), refused);
        // It is nobody's name.
        let nobody = format!("* hub: nobody here is called {name}");
        assert_eq!(world.answer(other, &format!("/msg {name} hello")), nobody);
    }
    assert_eq!(world.answer(bob, "/name b0b"), "* hub: you are now b0b");
    assert_eq!(world.answer(other, "/name bob"), "* hub: the name bob looks like b0b, which is taken");
    world.says(bob, b"88\n");
    assert_eq!(world.answer(other, "/name bob"), "* hub: you are now bob");
    world.answer(OPERATOR, "/name alice");
    assert_eq!(world.answer(other, "/name aIice"), "* hub: the name aIice looks like @alice, which is taken");
}

#[test]
fn a_newcomer_gets_no_name_that_looks_like_one_that_is_present() {
    let mut world = World::new(settings());
    let first = world.joins();
    assert_eq!(world.answer(first, "/name userlO"), "* hub: you are now userlO");
    let last = (2..=10).map(|_| world.joins()).last().unwrap();
    world.settles();
    assert!(world.lines(last)[0].starts_with("* hub: welcome to lobby, user11; "));
}

#[test]
fn a_room_is_not_created_while_there_is_one_whose_name_looks_like_it() {
    let mut world = World::new(settings());
    let (one, other) = (world.joins(), world.joins());
    world.answer(one, "/join modern");
    for (room, exists) in [("rnodern", "modern"), ("l0bby", "lobby")] {
        let refused = format!("* hub: no such room: the name {room} looks like {exists}, which exists");
        assert_eq!(world.answer(other, &format!("/join {room}")), refused);
    }
    assert_eq!(world.answer(other, "/join MODERN"), "* hub: 2 are here: user2, user1");
    world.answer(one, "/join lobby");
    world.answer(other, "/join lobby");
    assert_eq!(world.answer(other, "/join rnodern"), "* hub: 1 is here: user2");
}

#[test]
fn the_operators_commands_overtake_texts_that_wait() {
    let mut world = World::new(settings());
    let (speaker, stalled) = (world.joins(), world.joins());
    world.settles();
    world.says(speaker, &b"some line or other\n".repeat(5000));
    while world.takes(OPERATOR, usize::MAX) > 0 {}
    // More than a person types, so that it waits like everybody's.
    world.says(OPERATOR, &[&b"what is the matter?\n".repeat(1000)[..], b"/kick user2\n"].concat());
    world.settles();
    assert!(!world.waits(speaker));
    let lines = world.lines(speaker);
    assert_eq!(lines.iter().filter(|line| line.contains("what is the matter?")).count(), 1000);
    assert_eq!(lines.last().unwrap(), "<@operator> what is the matter?");
    assert!(lines.contains(&"* user2 was kicked".to_owned()));
    // The goodbye comes after a pause.
    world.passes(PAUSE);
    world.settles();
    assert!(world.sent[&stalled].ends_with(b"* hub: you were kicked\n88"));
    world.ends(stalled, Ok(()));
    assert!(world.gone.contains(&stalled));
}

#[test]
fn a_screen_that_accepts_nothing_holds_the_room_up_once_and_gets_the_number_of_lines_it_missed() {
    let mut world = World::new(settings());
    let (speaker, other) = (world.joins(), world.joins());
    world.settles();
    let said = b"some line or other\n".repeat(5000);
    world.says(speaker, &said);
    for _ in 0..60 {
        world.takes(other, usize::MAX);
        world.passes(Duration::from_millis(100));
    }
    assert!(!world.waits(speaker));
    while world.takes(other, usize::MAX) > 0 {}
    assert_eq!(world.lines(other).iter().filter(|line| line.starts_with("<user1> some")).count(), 5000);
    // Now it goes on.
    world.says(speaker, b"one more\n");
    world.settles();
    world.says(speaker, b"and another\n");
    world.settles();
    let lines = world.lines(OPERATOR);
    let missed = lines.iter().find(|line| line.contains("lines were not shown")).unwrap();
    let missed: usize = missed.split(' ').nth(2).unwrap().parse().unwrap();
    let seen = lines.iter().filter(|line| line.starts_with("<user1> some")).count();
    assert_eq!(seen + missed, 5001);
    assert_eq!(lines.last().unwrap(), "<user1> and another");
}

#[test]
fn a_rate_delays_lines_and_loses_none() {
    let mut world = World::new(Settings { rate: Some(10.0), ..settings() });
    let (speaker, other) = (world.joins(), world.joins());
    world.settles();
    world.says(speaker, &b"hello\n".repeat(5));
    let heard = |world: &mut World| {
        world.settles();
        world.lines(other).iter().filter(|line| *line == "<user1> hello").count()
    };
    assert_eq!(heard(&mut world), 1);
    for expected in 2..=5 {
        world.passes(Duration::from_millis(99));
        assert_eq!(heard(&mut world), expected - 1);
        world.passes(Duration::from_millis(1));
        assert_eq!(heard(&mut world), expected);
    }
}

#[test]
fn at_the_end_everybody_gets_what_is_queued_and_then_88() {
    let mut world = World::new(settings());
    let (speaker, other) = (world.joins(), world.joins());
    world.says(speaker, b"last words\n");
    world.says(OPERATOR, b"good night\n88\n");
    world.settles();
    world.passes(PAUSE);
    world.settles();
    for id in [speaker, other] {
        assert!(world.sent[&id].ends_with(b"<@operator> good night\n88"), "{:?}", world.lines(id));
        world.ends(id, Ok(()));
        assert!(world.gone.contains(&id));
    }
    assert!(world.lines(other).contains(&"<user1> last words".to_owned()));
}

#[test]
fn messages_without_newlines_that_had_to_wait_stay_apart_and_the_88_behind_them_is_one() {
    let mut world = World::new(Settings { rate: Some(1.0), ..settings() });
    let (speaker, other) = (world.joins(), world.joins());
    world.settles();
    for said in ["one", "two", "three", "88"] {
        world.says(speaker, said.as_bytes());
        world.passes(Duration::from_millis(100));
    }
    for _ in 0..40 {
        world.passes(Duration::from_millis(100));
        world.settles();
    }
    let lines = world.lines(other);
    assert_eq!(lines[lines.len() - 4..], ["<user1> one", "<user1> two", "<user1> three", "* user1 left"]);
}

#[test]
fn a_second_signal_does_not_wait_for_those_who_are_still_to_read() {
    let mut world = World::new(settings());
    let (one, other) = (world.joins(), world.joins());
    let signal = Signal { name: "SIGTERM", number: 15 };
    world.handle(Event::Signal(signal));
    assert_eq!((world.gone.len(), world.exit), (0, None));
    let late = world.hub.admit(SocketAddr::from(([127, 0, 0, 1], 99)), Port::Chat);
    assert_eq!(late, Err(Refusal::Ending));
    world.handle(Event::Signal(signal));
    assert_eq!(world.gone, HashSet::from([one, other]));
    assert_eq!(world.exit, Some(Exit::Signal(signal)));
}

#[test]
fn refused_callers_are_reported_once_a_second_and_without_an_operator_once_a_minute() {
    for (operator, seconds) in [(true, 1), (false, 60)] {
        let admission = AdmissionPolicy { max_clients: Some(0), ..AdmissionPolicy::default() };
        let mut world = World::new(Settings { operator, admission, ..settings() });
        for port in 1..=3 {
            let peer = SocketAddr::from(([127, 0, 0, 1], port));
            let refusal = world.hub.admit(peer, Port::Chat).unwrap_err();
            world.handle(Event::Refused(peer, refusal));
        }
        assert_eq!(world.reported.len(), 1);
        let began = world.now;
        assert!(world.step(Duration::from_secs(100)));
        assert_eq!(world.now - began, Duration::from_secs(seconds));
        assert!(world.reported[1].starts_with("2 more callers were turned away"), "{:?}", world.reported);
        // And nothing more is due.
        assert!(!world.step(Duration::from_secs(100)));
    }
}

#[test]
fn of_the_clients_of_one_address_that_leave_without_closing_eight_stay_connected() {
    let mut world = World::new(settings());
    let mut join = |addresses: [&str; 2], count: usize| -> Vec<Id> {
        (0..count).map(|n| world.joins_from(addresses[n % 2]).unwrap()).collect()
    };
    // A network of IPv6 counts as one address.
    let home = join(["2001:db8::1", "2001:db8::2"], 10);
    let away = join(["2001:db8:0:1::1", "2001:db8:0:1::2"], 8);
    world.settles();
    assert_eq!(world.leave(&home), home[2..]);
    assert_eq!(world.leave(&away), away);
}

#[test]
fn a_client_that_has_left_and_not_got_everything_is_disconnected_only_if_no_other_of_its_address_has() {
    let mut world = World::new(settings());
    // Ten leave in this second, so the hub only counts the next ones and sends nobody a line about them.
    let earlier = world.join_many("10.0.0.1", 10);
    let clients = world.join_many("127.0.0.1", 20);
    world.leave(&earlier);
    // The first nine have not read their greeting.
    let (behind, done) = clients.split_at(9);
    done.iter().for_each(|id| while world.takes(*id, usize::MAX) > 0 {});
    world.leave(&behind[..4]);
    world.leave(done);
    assert_eq!(world.leave(&behind[..4]), behind[..4]);
    assert_eq!(world.leave(done), done[7..]);
    world.leave(&behind[4..]);
    assert_eq!(world.leave(&clients), behind[1..]);
}

#[test]
fn at_the_end_of_the_hub_all_clients_of_one_address_get_88() {
    let mut world = World::new(settings());
    let clients: Vec<_> = world.join_many("127.0.0.1", 30);
    world.settles();
    // In one batch with the end.
    for id in &clients[..12] {
        world.hub.handle(Event::Read(*id, Buffer::with_input(b"88\n")), world.moment());
    }
    world.says(OPERATOR, b"88\n");
    world.settles();
    world.passes(PAUSE);
    world.settles();
    assert_eq!(world.gone.len(), 0);
    assert!(clients[12..].iter().all(|id| world.sent[id].ends_with(b"88")));
}

#[test]
fn a_client_that_has_left_makes_room_for_the_next_of_its_address() {
    let admission = AdmissionPolicy { max_per_address: Some(1), ..AdmissionPolicy::default() };
    let mut world = World::new(Settings { admission, ..settings() });
    let full = Err(Refusal::FullForAddress(1));
    let first = world.joins();
    assert_eq!(world.joins_from("127.0.0.1"), full);
    // It has not read its greeting.
    world.says(first, b"88\n");
    assert_eq!(world.joins_from("127.0.0.1"), full);
    world.settles();
    assert!(!world.gone.contains(&first));
    let second = world.joins_from("127.0.0.1").unwrap();
    assert!(world.gone.contains(&first));
    assert_eq!(world.joins_from("127.0.0.1"), full);
    world.settles();
    world.says(second, b"88\n");
    world.ends(second, Ok(()));
    assert!(world.joins_from("127.0.0.1").is_ok());
}

#[test]
fn a_caller_for_whom_nothing_can_be_started_does_not_count() {
    let admission =
        AdmissionPolicy { max_clients: Some(1), max_per_address: Some(1), ..AdmissionPolicy::default() };
    let mut world = World::new(Settings { admission, ..settings() });
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    for _ in 0..3 {
        assert!(world.hub.admit(peer, Port::Chat).is_ok());
        world.handle(Event::Refused(peer, Refusal::NoResources));
    }
    assert!(world.joins_from("127.0.0.1").is_ok());
    assert_eq!(world.joins_from("127.0.0.1"), Err(Refusal::Full(1)));
}

#[test]
fn a_client_that_does_not_read_the_goodbye_is_disconnected_when_its_time_is_over() {
    let mut world = World::new(settings());
    let client = world.joins();
    world.says(OPERATOR, b"88\n");
    let began = world.now;
    while world.exit.is_none() {
        assert!(world.step(Duration::from_secs(60)), "nothing is due");
    }
    assert!(world.gone.contains(&client));
    let took = world.now - began;
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&took), "{took:?}");
}

#[test]
fn while_the_transcript_is_behind_nobody_speaks_or_joins_and_nothing_is_lost() {
    let mut world = World::new(Settings { transcribed: true, ..settings() });
    let (speaker, other) = (world.joins(), world.joins());
    world.handle(Event::TranscriptBehind(true));
    world.says(speaker, b"for the record\n");
    world.settles();
    assert!(!world.lines(other).contains(&"<user1> for the record".to_owned()));
    let late = world.hub.admit(SocketAddr::from(([127, 0, 0, 1], 99)), Port::Chat);
    assert_eq!(late, Err(Refusal::Transcript));
    world.handle(Event::TranscriptBehind(false));
    world.settles();
    assert!(world.lines(other).contains(&"<user1> for the record".to_owned()));
    let recorded = |(peer, what): &(Option<SocketAddr>, What)| match what {
        What::Said { name, post, .. } => {
            peer.is_some() && **name == *"user1" && post.texts().eq([&b"for the record"[..]])
        }
        _ => false,
    };
    assert_eq!(world.recorded.iter().filter(|entry| recorded(entry)).count(), 1);
}

#[test]
fn memory_is_returned_when_half_of_many_clients_have_left() {
    let mut world = World::new(settings());
    let clients: Vec<_> = world.join_many("127.0.0.1", 200);
    for (left, client) in clients.into_iter().enumerate() {
        world.settles();
        world.says(client, b"88\n");
        world.ends(client, Ok(()));
        assert_eq!(world.trims > 0, left >= 100, "{left}");
    }
}

/// What the system knows of a client with something to confirm, whose own system has been silent for so long.
fn silent_for(silent: Duration) -> Option<PeerState> {
    Some(PeerState { confirmed: 7, unconfirmed: 1, silent })
}

/// Two members of whom one says a line each second for a minute. Returns after how many lines the other is gone, and the last
/// line that the first was sent.
fn talk_beside(state: impl Fn(Duration) -> Option<PeerState>) -> (Option<u32>, String) {
    let mut world = World::new(settings());
    let (speaker, other) = (world.joins(), world.joins());
    world.settles();
    let vanished_at = world.now;
    let gone_after = (1..=60).find(|_| {
        world.says(speaker, b"are you there?\n");
        world.takes(speaker, usize::MAX);
        world.takes(other, 1);
        let until = world.now + Duration::from_secs(1);
        while !world.gone.contains(&other) && world.step(until - world.now) {
            world.states.insert(other, state(world.now - vanished_at));
        }
        world.now = until;
        world.states.insert(other, state(world.now - vanished_at));
        world.takes(speaker, usize::MAX);
        world.gone.contains(&other)
    });
    (gone_after, world.lines(speaker).pop().unwrap())
}

#[test]
fn a_client_that_has_vanished_from_a_talking_room_is_gone_within_a_minute() {
    let (gone_after, told) = talk_beside(silent_for);
    assert!(gone_after.is_some_and(|seconds| (50..60).contains(&seconds)), "{gone_after:?}");
    assert!(told.starts_with("* user2 vanished: no answer for 5"), "{told}");
}

#[test]
fn a_client_that_answers_and_does_not_read_has_not_vanished() {
    assert_eq!(talk_beside(|_| silent_for(Duration::ZERO)).0, None);
}

#[test]
fn where_the_system_cannot_tell_a_client_that_accepts_nothing_for_50_seconds_has_vanished() {
    let mut world = World::new(settings());
    let (speaker, other) = (world.joins(), world.joins());
    world.states.insert(other, None);
    world.settles();
    world.passes(Duration::from_secs(100));
    world.says(speaker, b"are you there?\n");
    world.takes(speaker, usize::MAX);
    let began = world.now;
    while !world.gone.contains(&other) {
        assert!(world.step(Duration::from_secs(60)), "nothing is due");
    }
    assert_eq!(world.now - began, Duration::from_secs(50));
}

#[test]
fn an_idle_hub_has_nothing_to_wait_for() {
    let mut world = World::new(settings());
    let client = world.joins();
    world.settles();
    while world.step(Duration::from_secs(3600)) {}
    assert!(world.hub.poll_timeout().is_none() && !world.gone.contains(&client));
}
