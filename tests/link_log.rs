//! The log that hubs share, with a real Redis server: what holds whatever happens.
#![cfg(all(unix, feature = "link"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs
)]

#[path = "link_log/driver.rs"]
mod driver;
#[path = "link_log/faults.rs"]
mod faults;
#[path = "link_log/measure.rs"]
mod measure;
#[path = "simulator/redis.rs"]
#[allow(dead_code, reason = "the simulator uses the rest")]
mod model;
#[path = "link_log/model.rs"]
mod played;
#[path = "common/redis.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod redis;

use driver::{Linked, until};
use redis::Redis;
use std::time::{Duration, Instant};
use threadchat::rules::link::{Batch, Claim, Event, HISTORY, Operation};

/// A batch whose data is its own name, so that a test sees where it went.
fn batch(data: &str, operations: Vec<Operation>) -> Batch {
    Batch { data: data.into(), lines: 1, operations }
}

fn claim(member: u64, release: &[&str], take: &[&str]) -> Operation {
    let forms = |forms: &[&str]| forms.iter().map(|form| form.as_bytes().to_vec()).collect();
    let record = format!("record {member}").into_bytes();
    Operation::Claim(Claim { member, release: forms(release), take: forms(take), record, ..Claim::default() })
}

/// The members of all hubs, as a newcomer is told.
fn members(redis: &Redis) -> Vec<String> {
    let mut newcomer = Linked::joins(redis, 99);
    let registered = newcomer.registered.take().unwrap();
    let of_hub = |hub: &threadchat::rules::link::LinkedHub| {
        let name = String::from_utf8(hub.name.clone()).unwrap();
        let member = |(member, record): &(u64, Vec<u8>)| {
            format!("{name}: {member} {}", String::from_utf8_lossy(record))
        };
        hub.members.iter().map(member).collect::<Vec<_>>()
    };
    let mut members: Vec<_> = registered.hubs.iter().flat_map(of_hub).collect();
    members.sort();
    leave(&mut newcomer);
    members
}

fn leave(hub: &mut Linked) {
    hub.appender.machine.leave(Instant::now());
    while !hub.events.contains(&Event::Left) {
        hub.turn();
    }
}

#[test]
fn all_hubs_see_one_order_and_everything_once() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    for number in 0..100 {
        east.says(&format!("e{number} "));
        west.says(&format!("w{number} "));
        east.turn();
        west.turn();
    }
    let count = |hub: &Linked| hub.text().split(' ').count();
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| count(hub) == 201));
    assert_eq!(east.shown, west.shown);
    for name in ["e", "w"] {
        let text = east.text();
        let own: Vec<_> = text.split_whitespace().filter(|word| word.starts_with(name)).collect();
        let said: Vec<_> = (0..100).map(|number| format!("{name}{number}")).collect();
        assert_eq!(own, said);
    }
    assert_eq!(east.shown.iter().map(|logged| logged.lines).sum::<u64>(), 200);
    assert!(east.shown.is_sorted_by(|one, next| one.id < next.id));
    assert_eq!(east.missing(), []);
}

#[test]
fn what_waits_becomes_one_entry() {
    let redis = Redis::start();
    let mut hub = Linked::joins(&redis, 1);
    for number in 0..1000 {
        hub.says(&format!("{number} "));
    }
    until(&mut [&mut hub], |hubs| hubs[0].text().split(' ').count() == 1001);
    assert!(hub.shown.len() <= 3, "{} entries", hub.shown.len());
    let appended = |event: &Event| if let Event::Appended { bytes } = event { *bytes } else { 0 };
    let bytes = hub.text().len();
    until(&mut [&mut hub], |hubs| hubs[0].events.iter().map(appended).sum::<usize>() == bytes);
}

#[test]
fn a_name_that_another_member_has_is_refused_for_all_to_see() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    east.pushes(batch(
        "east ",
        vec![claim(1, &[], &["ada", "bob"]), claim(2, &[], &["bob"]), claim(3, &[], &["eve"])],
    ));
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.shown.len() == 1));
    west.pushes(batch("west ", vec![claim(1, &[], &["cy", "ada"]), claim(1, &[], &["cy"])]));
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.shown.len() == 2));
    for hub in [&east, &west] {
        let refused: Vec<_> = hub.shown.iter().map(|logged| logged.refused.as_slice()).collect();
        assert_eq!(refused, [[1], [0]]);
    }
    assert_eq!(members(&redis), ["hub 1: 1 record 1", "hub 1: 3 record 3", "hub 2: 1 record 1"]);

    // Whoever takes another name gives the old one back, and whoever leaves gives all of them back.
    east.pushes(batch("rename ", vec![claim(1, &["ada", "bob", "eve"], &["dan"]), Operation::Forget(3)]));
    west.pushes(batch("west ", vec![]));
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.text().contains("rename")));
    west.pushes(batch(
        "again",
        vec![claim(1, &["cy"], &["ada", "eve"]), claim(2, &[], &["cy"]), claim(3, &[], &["dan"])],
    ));
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.text().contains("again")));
    assert_eq!(west.shown.last().unwrap().refused, [2]);
    assert_eq!(members(&redis), ["hub 1: 1 record 1", "hub 2: 1 record 1", "hub 2: 2 record 2"]);
}

#[test]
fn a_new_member_whose_name_is_taken_is_there_under_another_one_and_once() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    let joins = |form: &str| {
        let Operation::Claim(claim) = claim(1, &[], &[form]) else { unreachable!() };
        Operation::Claim(Claim { otherwise: b"somebody else".to_vec(), ..claim })
    };
    east.pushes(batch("east ", vec![claim(1, &[], &["ada"])]));
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.shown.len() == 1));
    west.pushes(batch("west ", vec![joins("ada"), joins("bob"), joins("ada")]));
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.shown.len() == 2));
    assert_eq!(east.shown.last().unwrap().refused, [0], "the others change nothing");
    assert_eq!(members(&redis), ["hub 1: 1 record 1", "hub 2: 1 somebody else"]);
    // Who has left is not there again because something is stored.
    west.pushes(batch("left ", vec![Operation::Forget(1), Operation::Record(1, b"a ghost".to_vec())]));
    until(&mut [&mut west], |hubs| hubs[0].shown.len() == 3);
    assert_eq!(members(&redis), ["hub 1: 1 record 1"]);
}

#[test]
fn a_member_that_claims_its_own_name_again_has_it() {
    let redis = Redis::start();
    let mut hub = Linked::joins(&redis, 1);
    hub.pushes(batch(
        "1",
        vec![claim(1, &[], &["ada"]), claim(1, &["ada"], &["ada"]), claim(2, &[], &["ada"])],
    ));
    until(&mut [&mut hub], |hubs| hubs[0].shown.len() == 1);
    assert_eq!(hub.shown[0].refused, [2]);
}

#[test]
fn a_newcomer_is_told_the_state_of_the_chat() {
    let redis = Redis::start();
    let mut east = Linked::joins(&redis, 1);
    let lines = |lines: &[&str]| lines.iter().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>();
    east.pushes(batch(
        "state",
        vec![
            claim(7, &[], &["ada"]),
            Operation::Record(7, b"somebody\nin the garden".to_vec()),
            Operation::History(b"lobby".to_vec(), lines(&["1", "2"])),
            Operation::History(b"garden".to_vec(), lines(&["g"])),
            Operation::History(b"lobby".to_vec(), lines(&["3"; HISTORY - 1])),
            Operation::Ban(b"192.0.2.1".to_vec()),
        ],
    ));
    until(&mut [&mut east], |hubs| hubs[0].shown.len() == 1);
    let west = Linked::joins(&redis, 2);
    let mut state = west.registered.clone().unwrap();
    state.histories.sort();
    let lobby = [&["2"][..], &["3"; HISTORY - 1]].concat();
    assert_eq!(state.histories, [(b"garden".to_vec(), lines(&["g"])), (b"lobby".to_vec(), lines(&lobby))]);
    assert_eq!(state.bans, [b"192.0.2.1"]);
    let hub = state.hubs.iter().find(|hub| hub.id == east.id()).unwrap();
    assert_eq!(
        (hub.name.as_slice(), &hub.members),
        (b"hub 1".as_slice(), &vec![(7, b"record 7\nin the garden".to_vec())]),
        "a name is what was claimed"
    );
    assert_eq!(west.shown, [], "what was before is in the state");
    let remaining = redis.command(&["PTTL", "tc:{test}:room:lobby"]).parse::<u64>().unwrap();
    assert!(remaining > 80_000_000, "a history is forgotten after 24 h: {remaining}");
}

#[test]
fn a_hub_that_leaves_has_said_everything_and_is_gone_at_once() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    east.pushes(batch("last words", vec![claim(1, &[], &["ada"])]));
    let id = east.id();
    leave(&mut east);
    until(&mut [&mut west, &mut east], |hubs| hubs.iter().all(|hub| hub.gone() == [(id, true)]));
    east.follower.breaks();
    let start = Instant::now();
    until(&mut [&mut east], |_| start.elapsed() > Duration::from_millis(300));
    assert_eq!(redis.command(&["HLEN", "tc:{test}:hubs"]), "1", "it does not come back by itself");
    assert_eq!(west.text(), "last words");
    west.pushes(batch("", vec![claim(1, &[], &["ada"])]));
    until(&mut [&mut west], |hubs| hubs[0].shown.len() == 2);
    assert!(west.shown[1].refused.is_empty(), "its names are free");
}

#[test]
fn numbers_for_names_are_never_given_twice() {
    let redis = Redis::start();
    let (mut east, west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    let mut numbers = vec![0, 0];
    for (number, hub) in numbers.iter_mut().zip([&east, &west]) {
        *number = hub.registered.as_ref().unwrap().first_number;
    }
    east.appender.machine.ask_for_numbers(Instant::now());
    until(&mut [&mut east], |hubs| matches!(hubs[0].events.last(), Some(Event::Numbers { .. })));
    let Some(Event::Numbers { first }) = east.events.last() else { return };
    numbers.push(*first);
    assert_eq!(numbers, [1, 65, 129]);
}
