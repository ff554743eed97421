//! Redis is away, or does not take what it is given: members can do what needs no other hub, and nothing is lost.

use super::faults::ALWAYS;
use super::talk::Talk;
use super::*;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[test]
fn without_redis_members_are_told_once_and_can_list_ask_and_leave() {
    let (mut redis, hubs) = three_hubs_with(&ALWAYS, &[]);
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    redis.kill();
    for client in [&mut ada, &mut bob, &mut carol] {
        client.hears_until_one(|line| line.starts_with(DOWN));
    }
    hubs[0].program.err.wait_for("the link to the other hubs does not work: ");
    ada.says("this waits");
    assert_eq!(who(&mut ada).len(), 6, "also those of whom there are no news");
    ada.says("/help");
    ada.hears_until_one(|line| line.contains("/join"));
    let newcomer = Client::joins(hubs[0].port);
    assert!(newcomer.greeting.iter().any(|line| line.starts_with(DOWN)), "{:?}", newcomer.greeting);
    newcomer.leaves();
    carol.says("last words");
    carol.leaves();
    bob.has_heard(&[]);
    redis.restart();
    let mut due = BTreeSet::from(["<ada> this waits", "<carol> last words", "* carol left", UP]);
    let mut heard = Vec::new();
    while !due.is_empty() {
        heard.push(bob.hears_a_line());
        due.remove(&**heard.last().unwrap());
    }
    assert!(!heard.iter().any(|line| line.starts_with(DOWN)), "{heard:?}");
}

#[test]
fn what_is_said_while_redis_is_away_comes_when_it_is_back_in_order_to_everybody() {
    let (mut redis, hubs) = three_hubs_with(&ALWAYS, &[]);
    let mut talk = Talk::begins(&hubs);
    redis.kill();
    talk.goes_on(50);
    for talker in &mut talk.talkers {
        talker.hears(|line| line.starts_with(DOWN));
        talker.client().has_heard(&[]);
    }
    talk.goes_on(50);
    redis.restart();
    talk.is_told(UP);
    let record = talk.ends();
    record.is_in_order();
    record.was_told(DOWN, 1);
    record.was_told(UP, 1);
    record.was_told(LOST, 0);
}

/// Says so many long lines, as fast as they are accepted, and counts them.
fn floods(mut voice: TcpStream, lines: usize, said: &AtomicUsize) {
    voice.set_write_timeout(Some(LIMIT)).unwrap();
    for number in 0..lines {
        voice.write_all(format!("{number} {}\n", "x".repeat(1000)).as_bytes()).unwrap();
        said.fetch_add(1, Ordering::Relaxed);
    }
}

/// Somebody hears all lines of ada's flood, in order.
fn hears_the_flood(client: &mut Client, lines: usize) {
    let end = "x".repeat(1000);
    for number in 0..lines {
        let (_, line) = client.hears_until_one(|line| line.starts_with("<ada> "));
        assert!(line == format!("<ada> {number} {end}"), "{number} was to come: {line:.20}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn who_says_more_than_can_wait_is_not_read_and_loses_nothing() {
    /// More than the buffers of the system hold.
    const LINES: usize = 12_000;
    let (mut redis, hubs) = three_hubs_with(&ALWAYS, &["--outbox", "65536"]);
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    redis.kill();
    ada.hears_until_one(|line| line.starts_with(DOWN));
    let said = &AtomicUsize::new(0);
    thread::scope(|scope| {
        let voice = ada.voice();
        scope.spawn(move || floods(voice, LINES, said));
        let taken = wait_until_stable("nothing more is taken", || said.load(Ordering::Relaxed));
        assert!(taken < LINES, "the hub took everything");
        redis.restart();
        scope.spawn(|| hears_the_flood(&mut carol, LINES));
        hears_the_flood(&mut bob, LINES);
    });
    for hub in &hubs {
        assert!(hub.program.peak_memory() < 64 << 20, "{} bytes", hub.program.peak_memory());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_member_who_does_not_read_is_disconnected_and_nobody_at_any_hub_loses_a_line() {
    /// More than the buffers of the system hold.
    const LINES: usize = 12_000;
    let (_redis, hubs) = three_hubs_with(&[], &["--outbox", "65536", "--stall", "1"]);
    let [ada, mut bob, mut carol] = three_members(&hubs);
    let stalled = Client::on(client::call_from([127, 0, 0, 1], hubs[1].port, Some(4096))).greeted();
    bob.hears(&format!("* {} joined", stalled.name));
    thread::scope(|scope| {
        scope.spawn(|| floods(ada.voice(), LINES, &AtomicUsize::new(0)));
        scope.spawn(|| hears_the_flood(&mut carol, LINES));
        hears_the_flood(&mut bob, LINES);
    });
    let disconnected = format!("* {} was disconnected: ", stalled.name);
    wait_until("the member is gone", || {
        bob.says("/who");
        let (_, line) = bob.hears_until_one(|line| present(line).is_some());
        !line.contains(&stalled.name)
    });
    hubs[2].program.out.wait_for(&disconnected);
    for hub in &hubs {
        assert!(hub.program.peak_memory() < 64 << 20, "{} bytes", hub.program.peak_memory());
    }
}

/// A talk goes on while something is wrong, and nothing is lost when that is repaired. `told` is a part of what the hub reports.
#[track_caller]
fn survives(redis: &Redis, hubs: &[Hub; 3], spoil: &[&str], told: &str, repair: &[&str]) {
    let mut talk = Talk::begins(hubs);
    talk.goes_on(20);
    redis.command(spoil);
    talk.goes_on(20);
    hubs[0].program.err.wait_for(told);
    talk.goes_on(20);
    redis.command(repair);
    let record = talk.ends();
    record.is_in_order();
    record.was_told(LOST, 0);
}

#[test]
fn a_redis_that_is_full_is_reported_and_nothing_is_lost_when_it_has_space_again() {
    let (redis, hubs) = three_hubs();
    let (full, space) = (["CONFIG", "SET", "maxmemory", "1mb"], ["CONFIG", "SET", "maxmemory", "0"]);
    survives(&redis, &hubs, &full, "Redis has no memory left: raise its maxmemory", &space);
}

#[test]
fn a_key_of_another_type_is_reported_and_nothing_is_lost_when_it_is_gone() {
    let (redis, hubs) = three_hubs();
    let bans = "tc:{test}:bans";
    survives(
        &redis,
        &hubs,
        &["SET", bans, "x"],
        "a key of the link in Redis has another type",
        &["DEL", bans],
    );
}

#[test]
fn a_password_that_is_missing_is_reported_and_the_hub_is_linked_when_none_is_needed() {
    let redis = Redis::start_with(&["--requirepass", "secret"]);
    let east = Hub::starts(&redis.url("test"), "east", &[]);
    let said = east.program.err.wait_for("set THREADCHAT_LINK_PASSWORD");
    assert!(!said.contains("linked with"), "{said}");
    let mut ada = Client::joins(east.port);
    ada.says("hello?");
    redis.command(&["-a", "secret", "CONFIG", "SET", "requirepass", ""]);
    east.is_linked();
    let mut bob = Client::joins(east.port);
    bob.hears(&format!("<{}> hello?", ada.name));
}

#[test]
fn the_password_comes_from_the_environment_or_a_file_and_is_shown_nowhere() {
    let redis = Redis::start_with(&["--requirepass", "secret-word"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret-word\n").unwrap();
    let url = redis.url("test");
    let mut command = threadchat(&["hub", "0", "--link", &url, "--name-of-hub", "east"]);
    command.env("THREADCHAT_LINK_PASSWORD", "secret-word");
    let east = Hub::with(Program::start(command));
    let west = Hub::starts(&url, "west", &["--link-password", file.to_str().unwrap()]);
    for hub in [&east, &west] {
        let said = hub.is_linked();
        assert!(!said.contains("secret-word"), "{said}");
    }
    let north = Hub::starts(&url.replace("unix:", "unix://:wrong-word@"), "north", &[]);
    let said = north.program.err.wait_for("Redis does not accept the user or the password of the link");
    assert!(!said.contains("wrong-word"), "{said}");
    let (mut ada, mut bob) = (east.member("ada"), west.member("bob"));
    ada.says("hello");
    bob.hears("<ada> hello");
}
