//! People at three hubs talk, take names from each other, change rooms, leave and come, all at once.

use super::talk::{Record, Talker};
use super::*;
use std::thread;

/// How often each of them does something.
const DEEDS: usize = 60;

/// Names for six people: some have to wait.
const WANTED: [&str; 5] = ["ada", "Ada", "bob", "carol", "dan"];

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

fn lives(mut talker: Talker, ports: [u16; 3], mut random: Random) -> Talker {
    // A hub lets nobody change rooms more often than this at once.
    let mut moves = 0;
    let mut is_in_lobby = true;
    for _ in 0..DEEDS {
        match random.below(20) {
            0..4 => drop(talker.renames(WANTED[random.below(WANTED.len())])),
            4..6 if moves < 3 => {
                moves += 1;
                talker.moves(if is_in_lobby { "tea" } else { "lobby" });
                is_in_lobby = !is_in_lobby;
            }
            6 => {
                talker = talker.leaves_and_joins(ports[random.below(3)]);
                (moves, is_in_lobby) = (0, true);
            }
            _ => (0..=random.below(4)).for_each(|_| talker.says()),
        }
    }
    talker
}

#[test]
fn everybody_hears_everything_once_in_one_order_whatever_others_do() {
    let (_redis, hubs) = three_hubs();
    let mut talkers = Vec::new();
    for (number, hub) in hubs.iter().enumerate() {
        talkers.push(Talker::listens(hub.port, &format!("lobby-{number}")));
        let mut in_tea = Talker::listens(hub.port, &format!("tea-{number}"));
        in_tea.moves("tea");
        talkers.push(in_tea);
    }
    let living: Vec<_> = thread::scope(|scope| {
        let ports = hubs.each_ref().map(|hub| hub.port);
        let living: Vec<_> = (0..6)
            .map(|number| {
                scope.spawn(move || {
                    let talker = Talker::joins(ports[number % 3], &format!("person{number}"));
                    lives(talker, ports, Random(number as u64))
                })
            })
            .collect();
        living.into_iter().map(|living| living.join().unwrap()).collect()
    });
    talkers.extend(living);
    let record = Record::default().complete(talkers);
    record.is_in_order();
    assert!(record.stays.len() > 12, "somebody changed rooms");
}
