//! The rules of the hub without a network: whatever is joined, left, renamed and said, in whatever order it is read and written.

#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use threadchat::designs::clock::Clock;
use threadchat::rules::buffer::{Buffer, Home};
use threadchat::rules::hub::{Action, Door, Hub, Id, Moment, Name, OPERATOR, Rules};
use threadchat::rules::wire::PAUSE;

/// The smallest there is, so that it is often full.
const OUTBOX: usize = 64 * 1024;

fn rules() -> Rules {
    Rules {
        operator: true,
        max_line: 1000,
        history: 20,
        rate: None,
        outbox: OUTBOX,
        stall: Duration::from_secs(5),
        motd: Vec::new(),
        door: Door::default(),
        transcribed: false,
    }
}

/// Somebody who reads, and whether their buffer is back.
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

/// A hub, and what everybody was sent.
struct World {
    hub: Hub,
    now: Instant,
    clock: Clock,
    /// Everybody who ever joined, in order.
    clients: Vec<Id>,
    gone: HashSet<Id>,
    sent: HashMap<Id, Vec<u8>>,
    /// Who read what they said.
    said: HashMap<Id, Vec<Arc<Reader>>>,
}

impl World {
    fn new(rules: Rules) -> Self {
        let now = Instant::now();
        let hub = Hub::new(rules, now);
        Self {
            hub,
            now,
            clock: Clock::new(),
            clients: Vec::new(),
            gone: HashSet::new(),
            sent: HashMap::new(),
            said: HashMap::new(),
        }
    }

    fn at(&mut self) -> Moment {
        Moment { now: self.now, stamp: self.clock.stamp() }
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        let at = self.at();
        self.hub.tick(at);
        self.act();
    }

    fn joins(&mut self) -> Id {
        let (id, at) = (self.hub.new_id(), self.at());
        let port = 1000 + u16::try_from(self.clients.len()).unwrap();
        self.hub.join(id, SocketAddr::from(([127, 0, 0, 1], port)), at);
        self.clients.push(id);
        self.act();
        id
    }

    fn says(&mut self, id: Id, bytes: &[u8]) {
        let at = self.at();
        let reader = Arc::new(Reader::default());
        self.said.entry(id).or_default().push(Arc::clone(&reader));
        self.hub.heard(id, Buffer::with_input(bytes).lend(reader), at);
        self.act();
    }

    /// Whether the hub still has something this member said, so that no more would be read.
    fn waits(&self, id: Id) -> bool {
        self.said[&id].iter().any(|reader| !reader.has_buffer.load(Ordering::Relaxed))
    }

    fn ends(&mut self, id: Id, result: io::Result<()>) {
        let at = self.at();
        self.hub.heard_all(id, result, at);
        self.act();
    }

    /// This member takes so many bytes at most. How many it took.
    fn takes(&mut self, id: Id, most: usize) -> usize {
        let at = self.at();
        let queue = self.hub.outbox(id).and_then(|outbox| outbox.queue());
        let bytes = queue.map_or_else(Vec::new, |queue| queue.copy(most));
        self.hub.wrote(id, bytes.len(), at);
        self.sent.entry(id).or_default().extend_from_slice(&bytes);
        self.act();
        bytes.len()
    }

    fn act(&mut self) {
        let at = self.at();
        self.hub.tick(at);
        while let Some(action) = self.hub.next_action() {
            if let Action::HangUp(id) = action {
                self.gone.insert(id);
            }
        }
    }

    /// Everybody takes all there is.
    fn settles(&mut self) {
        let everybody: Vec<_> = self.clients.iter().copied().chain([OPERATOR]).collect();
        while everybody.iter().map(|id| self.takes(*id, usize::MAX)).sum::<usize>() > 0 {}
    }

    /// The whole lines that somebody was sent, without their stamps. The goodbye, which ends it, is none.
    fn lines(&self, id: Id) -> Vec<String> {
        let sent = self.sent.get(&id).map_or(&[][..], |sent| sent);
        let end = sent.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let sent = String::from_utf8(sent[..end].to_vec()).unwrap();
        sent.lines().map(|line| line[27..].to_owned()).collect()
    }

    /// What they were told last by the hub alone.
    fn answer(&mut self, id: Id, line: &str) -> String {
        self.settles();
        self.says(id, format!("{line}\n").as_bytes());
        self.settles();
        self.lines(id).pop().unwrap()
    }
}

#[derive(Debug, Clone)]
enum Op {
    Join,
    Leave(usize),
    Vanish(usize),
    Rename(usize, u8),
    ChangeRoom(usize, u8),
    /// So many numbered lines of so many bytes.
    Say(usize, u8, u8),
    OperatorSays,
    Take(usize, usize),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..100_usize;
    prop_oneof![
        2 => Just(Op::Join),
        1 => who.clone().prop_map(Op::Leave),
        1 => who.clone().prop_map(Op::Vanish),
        2 => (who.clone(), 0..8_u8).prop_map(|(who, name)| Op::Rename(who, name)),
        1 => (who.clone(), 0..3_u8).prop_map(|(who, room)| Op::ChangeRoom(who, room)),
        10 => (who.clone(), 1..200_u8, any::<u8>()).prop_map(|(who, count, size)| Op::Say(who, count, size)),
        1 => Just(Op::OperatorSays),
        10 => (who, 0..100_000_usize).prop_map(|(who, bytes)| Op::Take(who, bytes)),
        2 => (0..2_500_u64).prop_map(Op::Pass),
    ]
}

/// Names that are the same to the hub are among them.
const NAMES: [&str; 8] = ["bob", "BOB", "ｂｏｂ", "Straße", "STRASSE", "zoë", "zoe\u{308}", "x-1"];

/// The numbers of the data lines that somebody was sent, by sender, and in which order they came.
fn data(lines: &[String]) -> Vec<(u64, u64)> {
    let number = |line: &String| {
        let (sender, number) = line.split_once("data ")?.1.split_once(' ')?;
        Some((sender.parse().ok()?, number.split(' ').next()?.parse().ok()?))
    };
    lines.iter().filter_map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn everybody_sees_the_same_order_and_nothing_is_lost_and_names_stay_unique(
        ops in prop::collection::vec(op(), 1..120)
    ) {
        let mut world = World::new(rules());
        // These stay where they are, and speak.
        let stayers: Vec<Id> = (0..3).map(|_| world.joins()).collect();
        // Since when nothing was taken out of an outbox that had something.
        let mut said: BTreeMap<u64, u64> = BTreeMap::new();
        let mut movers = HashSet::new();
        for op in ops {
            let among = |world: &World, who: usize| world.clients[who % world.clients.len()];
            match op {
                Op::Join => drop(world.joins()),
                Op::Leave(who) if who % world.clients.len() >= 3 => {
                    let who = among(&world, who);
                    world.says(who, b"88\n");
                    world.ends(who, Ok(()));
                }
                Op::Vanish(who) if who % world.clients.len() >= 3 => {
                    let who = among(&world, who);
                    world.ends(who, Err(io::ErrorKind::ConnectionReset.into()));
                }
                Op::Leave(_) | Op::Vanish(_) => {}
                Op::Rename(who, name) => {
                    let who = among(&world, who);
                    world.says(who, format!("/name {}\n", NAMES[usize::from(name)]).as_bytes());
                }
                Op::ChangeRoom(who, room) => {
                    let who = among(&world, who);
                    if !stayers.contains(&who) {
                        movers.insert(who);
                        world.says(who, format!("/join {}\n", ["lobby", "tea", "Tea"][usize::from(room)]).as_bytes());
                    }
                }
                Op::Say(who, count, size) => {
                    let index = who % world.clients.len();
                    let id = among(&world, who);
                    let number = said.entry(index as u64).or_default();
                    let mut lines = String::new();
                    for _ in 0..count {
                        *number += 1;
                        lines += &format!("data {index} {number} {}\n", "x".repeat(size.into()));
                    }
                    world.says(id, lines.as_bytes());
                }
                Op::OperatorSays => world.says(OPERATOR, b"the operator's own\n"),
                Op::Take(who, bytes) => {
                    let who = among(&world, who);
                    world.takes(who, bytes);
                }
                Op::Pass(milliseconds) => {
                    // Nobody is to be cut off in this test: they take a byte before it comes to that.
                    for id in world.clients.clone() {
                        world.takes(id, 1);
                    }
                    world.passes(Duration::from_millis(milliseconds));
                }
            }
        }
        // The names, as everybody sees them.
        let who = world.answer(stayers[0], "/who");
        let names: Vec<_> = who.split_once(": ").unwrap().1.split_once(": ").unwrap().1.split(", ").collect();
        let keys: HashSet<_> = names.iter().map(|name| {
            Name::parse(name.trim_start_matches('@')).map_or_else(|_| (*name).to_owned(), |name| name.key().to_string())
        }).collect();
        prop_assert_eq!(keys.len(), names.len(), "{}", who);
        world.settles();

        let seen: HashMap<Id, Vec<(u64, u64)>> =
            world.clients.iter().map(|id| (*id, data(&world.lines(*id)))).collect();
        // Nothing twice, and each sender's lines in order.
        for (id, seen) in &seen {
            let mut last = HashMap::new();
            for (sender, number) in seen {
                // The history of a room is told again to whoever comes back.
                let is_own = world.clients[usize::try_from(*sender).unwrap()] == *id;
                prop_assert!(!is_own || movers.contains(id), "an echo");
                let before = last.insert(*sender, *number);
                prop_assert!(before.is_none_or(|before| before < *number) || movers.contains(id));
            }
        }
        // Nothing is lost: of those who stayed, everybody has all lines of the others who stayed.
        for receiver in &stayers {
            for (index, sender) in stayers.iter().enumerate().filter(|(_, sender)| *sender != receiver) {
                let index = index as u64;
                let got = seen[receiver].iter().filter(|(sender, _)| *sender == index).count() as u64;
                prop_assert_eq!(got, said.get(&index).copied().unwrap_or(0), "{:?} of {:?}", receiver, sender);
            }
        }
        // The same order for everybody: of any two, what both have comes in the same order.
        let sets: HashMap<Id, HashSet<_>> =
            seen.iter().map(|(id, seen)| (*id, seen.iter().copied().collect())).collect();
        for one in &stayers {
            for other in world.clients.iter().filter(|id| !movers.contains(*id) && *id != one) {
                let order = |of: &Id, both: &Id| {
                    seen[of].iter().filter(|line| sets[both].contains(line)).collect::<Vec<_>>()
                };
                prop_assert_eq!(order(one, other), order(other, one));
            }
        }
    }
}

#[test]
fn whose_outbox_is_full_holds_the_others_up_until_half_of_it_is_taken() {
    let mut world = World::new(rules());
    let (speaker, slow) = (world.joins(), world.joins());
    let line = [&[b'x'; 499][..], b"\n"].concat();
    world.says(speaker, &line.repeat(1000));
    assert!(world.waits(speaker));
    let waiting = world.hub.outbox(slow).unwrap().waiting();
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
fn who_takes_nothing_with_a_full_outbox_is_cut_off_and_the_others_go_on() {
    let mut world = World::new(rules());
    let (speaker, stalled, other) = (world.joins(), world.joins(), world.joins());
    world.settles();
    world.says(speaker, &b"a line of some length, which is said many times\n".repeat(3000));
    for _ in 0..49 {
        world.passes(Duration::from_millis(100));
        world.takes(other, usize::MAX);
        world.takes(OPERATOR, usize::MAX);
    }
    assert!(!world.gone.contains(&stalled) && world.waits(speaker));
    world.passes(Duration::from_millis(100));
    assert!(world.gone.contains(&stalled));
    world.settles();
    let lines = world.lines(other);
    assert_eq!(lines.iter().filter(|line| line.starts_with("<user1> a line")).count(), 3000);
    assert!(lines.contains(&"* user2 was cut off: took nothing for 5 s".to_owned()));
}

#[test]
fn a_room_waits_for_nobody_in_another() {
    let mut world = World::new(rules());
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
fn the_operators_commands_pass_by_his_texts_that_wait() {
    let mut world = World::new(rules());
    let (speaker, stalled) = (world.joins(), world.joins());
    world.settles();
    world.says(speaker, &b"some line or other\n".repeat(5000));
    while world.takes(OPERATOR, usize::MAX) > 0 {}
    world.says(OPERATOR, b"what is the matter?\n/kick user2\n");
    world.settles();
    assert!(!world.waits(speaker));
    let lines = world.lines(speaker);
    assert_eq!(lines[lines.len() - 2..], ["* user2 was kicked", "<@operator> what is the matter?"]);
    // The goodbye comes after a pause.
    world.passes(PAUSE);
    world.settles();
    assert!(world.sent[&stalled].ends_with(b"* hub: you were kicked\n88"));
    world.ends(stalled, Ok(()));
    assert!(world.gone.contains(&stalled));
}

#[test]
fn a_screen_that_takes_nothing_holds_the_room_up_once_and_is_told_what_it_missed() {
    let mut world = World::new(rules());
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
    let mut world = World::new(Rules { rate: Some(10.0), ..rules() });
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
    let mut world = World::new(rules());
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
    let mut world = World::new(Rules { rate: Some(1.0), ..rules() });
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
