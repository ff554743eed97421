//! What goes wrong while people talk: nothing is lost, nothing comes twice, and what cannot be repaired is told.

use super::proxy::Proxy;
use super::talk::{Record, Talk, Talker};
use super::*;
use rustix::process::{Pid, Signal, kill_process};
use std::thread;
use std::time::Duration;

const LOG: &str = "tc:{test}:log";

/// Every write is on the disk before the hubs know of it.
pub(super) const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

fn signal(redis: &Redis, signal: Signal) {
    kill_process(Pid::from_raw(redis.pid().cast_signed()).unwrap(), signal).unwrap();
}

/// Stops Redis until `pauses` is over, while people talk.
fn stop_redis(redis: &Redis, talk: &mut Talk, pauses: impl FnOnce(&mut Talk)) {
    talk.goes_on(20);
    signal(redis, Signal::STOP);
    talk.goes_on(20);
    pauses(talk);
    talk.goes_on(20);
    signal(redis, Signal::CONT);
    talk.goes_on(20);
}

#[test]
fn nothing_is_lost_while_redis_closes_all_connections_again_and_again() {
    let (redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    for round in 0..10 {
        talk.goes_on(20);
        redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        talk.goes_on(20);
        // Now and then, they have the time to connect again.
        if round % 3 == 2 {
            talk.settles();
        }
    }
    let record = talk.ends();
    record.is_in_order();
    record.was_told(LOST, 0);
    record.was_told(DOWN, 0);
}

#[test]
fn nothing_is_lost_while_redis_stands_still_for_two_seconds() {
    let (redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    stop_redis(&redis, &mut talk, |_| thread::sleep(Duration::from_secs(2)));
    let record = talk.ends();
    record.is_in_order();
    record.was_told(DOWN, 0);
    record.was_told(LOST, 0);
}

#[test]
#[ignore = "slow"]
fn nothing_is_lost_while_redis_stands_still_until_everybody_is_told() {
    let (redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    stop_redis(&redis, &mut talk, |talk| talk.is_told(DOWN));
    // A hub may hear the last lines of the others before its own go on.
    talk.is_told(UP);
    let record = talk.ends();
    record.is_in_order();
    record.was_told(DOWN, 1);
    record.was_told(UP, 1);
    record.was_told(LOST, 0);
}

#[test]
fn nothing_is_lost_while_redis_is_busy_for_a_second() {
    let (redis, hubs) = three_hubs_with(&["--enable-debug-command", "yes"], &[]);
    let mut talk = Talk::begins(&hubs);
    talk.goes_on(20);
    let mut busy = redis.spawn(&["DEBUG", "SLEEP", "1"]);
    talk.goes_on(20);
    busy.wait().unwrap();
    talk.goes_on(20);
    talk.ends().is_in_order();
}

#[test]
fn nothing_is_lost_when_a_redis_that_writes_always_is_killed_and_started_again() {
    let (mut redis, hubs) = three_hubs_with(&ALWAYS, &[]);
    let mut talk = Talk::begins(&hubs);
    for _ in 0..3 {
        talk.goes_on(20);
        redis.kill();
        talk.goes_on(20);
        redis.restart();
        talk.goes_on(20);
    }
    let record = talk.ends();
    record.is_in_order();
    record.was_told(LOST, 0);
}

#[test]
fn what_is_lost_with_a_redis_that_writes_each_second_is_told() {
    let (mut redis, hubs) = three_hubs_with(&["--appendonly", "yes", "--appendfsync", "everysec"], &[]);
    let mut talk = Talk::begins(&hubs);
    talk.goes_on(20);
    redis.kill();
    talk.goes_on(20);
    redis.restart();
    talk.goes_on(20);
    let record = talk.ends();
    record.is_in_order_with_losses();
    // If the system is not gone, too, the file has it all.
    if !record.stays.iter().any(|stay| stay.heard.iter().any(|line| line == LOST)) {
        record.is_in_order();
    }
}

#[test]
fn a_redis_that_has_forgotten_everything_is_noticed_and_the_talk_goes_on() {
    let (mut redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    for round in 0..2 {
        if round == 0 {
            redis.command(&["FLUSHALL"]);
        } else {
            redis.kill();
            talk.goes_on(5);
            redis.restart();
        }
        talk.is_told(LOST);
        // The names belong to those who had them, also where others ask.
        talk.settles();
        for (number, name) in [(2, "speaker-east"), (4, "listener-west"), (0, "listener-north")] {
            assert!(!talk.talkers[number].renames(name), "{name} was free");
        }
        assert_eq!(who(talk.talkers[0].client()).len(), 9);
        talk.settles();
    }
    let record = talk.ends();
    record.is_in_order_with_losses();
    record.was_told(LOST, 2);
}

#[test]
fn people_keep_talking_while_redis_forgets_everything() {
    let (redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    talk.goes_on(50);
    redis.command(&["FLUSHALL"]);
    talk.goes_on(50);
    talk.is_told(LOST);
    talk.settles();
    let record = talk.ends();
    record.is_in_order_with_losses();
    record.was_told(LOST, 1);
}

#[test]
fn the_number_of_lines_that_were_trimmed_before_a_hub_read_them_is_told() {
    let (redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    hubs[1].pauses();
    talk.talkers[0].says();
    (0..5).for_each(|_| talk.talkers[4].says());
    // What Redis has sent to west is on its way: that is not lost.
    for talker in [1, 5] {
        for _ in 0..6 {
            talk.talkers[talker].hears(|line| line.starts_with("<speaker-"));
        }
    }
    assert_ne!(redis.command(&["XTRIM", LOG, "MAXLEN", "0"]), "0");
    hubs[1].goes_on();
    // What is said before west is told is missing there, too.
    for talker in &mut talk.talkers[2..4] {
        talker.hears(|line| line.contains(MISSING));
    }
    talk.goes_on(20);
    let record = talk.ends();
    record.is_in_order();
    for stay in &record.stays {
        let told = stay.heard.iter().filter(|line| line.contains(MISSING)).count();
        assert_eq!(told, usize::from(stay.author.ends_with("-west")), "{stay:?}");
    }
}

#[test]
fn nothing_is_lost_when_connections_are_cut_within_an_answer() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.socket());
    let hubs = NAMES.map(|name| Hub::starts(&proxy.url(), name, &[]));
    for hub in &hubs {
        hub.is_linked();
    }
    let mut talk = Talk::begins(&hubs);
    proxy.cuts(true);
    wait_until("many connections are cut", || {
        talk.goes_on(5);
        thread::sleep(Duration::from_millis(10));
        proxy.count() > 20
    });
    proxy.cuts(false);
    let record = talk.ends();
    record.is_in_order();
    record.was_told(LOST, 0);
}

#[test]
#[ignore = "slow"]
fn a_hub_that_stood_still_for_long_says_so_and_joins_again_under_the_same_names() {
    let (_redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    let mut there = talk.talkers.split_off(2);
    hubs[0].pauses();
    // They wait in the socket of the hub.
    talk.goes_on(5);
    let gone = "* hub: the hub east is gone, and 3 members of this room with it";
    there.iter_mut().for_each(|talker| drop(talker.hears(|line| line == gone)));
    thread::sleep(Duration::from_secs(3));
    hubs[0].goes_on();
    let fenced = "* hub: the other hubs did not hear of this one for a while";
    talk.talkers.iter_mut().for_each(|talker| drop(talker.hears(|line| line.starts_with(fenced))));
    talk.talkers.extend(there);
    talk.settles();
    assert!(!talk.talkers[2].renames("speaker-east"), "it has its name again");
    let record = talk.ends();
    record.is_in_order();
    for stay in &record.stays {
        let told = stay.heard.iter().filter(|line| line.as_str() == gone).count();
        assert_eq!(told, usize::from(!stay.author.ends_with("-east")), "{stay:?}");
    }
}

#[test]
fn a_hub_that_stands_still_holds_nobody_up_and_misses_nothing() {
    let (_redis, hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    hubs[1].pauses();
    talk.goes_on(50);
    for talker in [0, 1, 4, 5] {
        let other = if talker < 2 { "<speaker-north>" } else { "<speaker-east>" };
        for _ in 0..50 {
            talk.talkers[talker].hears(|line| line.starts_with(other));
        }
    }
    hubs[1].goes_on();
    talk.goes_on(20);
    talk.ends().is_in_order();
}

#[test]
fn a_hub_that_comes_into_a_talk_hears_everything_from_then_on() {
    let redis = Redis::start();
    let east = Hub::joins(&redis, "east", &[]);
    let mut talkers = vec![Talker::joins_as(east.port, "ada"), Talker::listens(east.port, "eve")];
    let mut hubs = Vec::new();
    for number in 0..3 {
        (0..20).for_each(|_| talkers.iter_mut().step_by(2).for_each(Talker::says));
        let hub = Hub::joins(&redis, &format!("hub-{number}"), &[]);
        talkers.push(Talker::joins(hub.port, &format!("speaker{number}")));
        talkers.push(Talker::listens(hub.port, &format!("listener{number}")));
        hubs.push(hub);
    }
    Record::default().complete(talkers).is_in_order();
}
