//! What goes wrong: connections, hubs, the server, and what others write into its keys.

use super::driver::{Linked, until, until_redis, until_redis_says};
use super::redis::Redis;
use super::{batch, claim};
use std::time::{Duration, Instant};
use threadchat::rules::link::{Batch, Event, LIMIT, LinkError};

const LOG: &str = "tc:{test}:log";

/// Ends the lease of a hub, as if it had said nothing for 10 s.
fn end_lease(redis: &Redis, hub: &Linked) {
    assert_eq!(redis.command(&["DEL", &format!("tc:{{test}}:hub:{}", hub.id())]), "1");
}

/// A hub whose members take this name again whenever they are unknown.
fn with_member(redis: &Redis, random: u128, name: &str) -> Linked {
    let mut hub = Linked::joins(redis, random);
    hub.rejoin = batch(&format!("[{name}]"), vec![claim(1, &[], &[name])]);
    hub.pushes(hub.rejoin.clone());
    until(&mut [&mut hub], |hubs| !hubs[0].shown.is_empty());
    hub
}

fn registrations(hub: &Linked) -> usize {
    hub.events.iter().filter(|event| matches!(event, Event::Registered(_))).count()
}

#[test]
fn a_batch_whose_answer_was_lost_is_there_once() {
    let redis = Redis::start();
    let mut hub = Linked::joins(&redis, 1);
    for round in 0..5 {
        let length = redis.command(&["XLEN", LOG]).parse::<u64>().unwrap();
        hub.says(&format!("{round} "));
        hub.appender.turn(Duration::from_nanos(1));
        // The other half is: it got lost on its way to the server.
        if round % 2 == 0 {
            until_redis_says(&redis, &["XLEN", LOG], &(length + 1).to_string());
        }
        hub.appender.breaks();
        hub.says("- ");
        until(&mut [&mut hub], |hubs| hubs[0].text().ends_with(&format!("{round} - ")));
    }
    assert_eq!(hub.text(), "0 - 1 - 2 - 3 - 4 - ");
}

#[test]
fn a_reader_that_connects_again_goes_on_where_it_was() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    for round in 0..5 {
        west.follower.breaks();
        east.says(&format!("{round} "));
        until(&mut [&mut east], |hubs| hubs[0].text().ends_with(&format!("{round} ")));
        until(&mut [&mut west], |hubs| hubs[0].text().ends_with(&format!("{round} ")));
    }
    assert_eq!(west.text(), "0 1 2 3 4 ");
    assert_eq!((registrations(&west), west.missing()), (1, vec![]));
    let down = west.events.iter().filter(|event| matches!(event, Event::LinkDown(..))).count();
    let up = west.events.iter().filter(|event| matches!(event, Event::LinkUp(_))).count();
    assert_eq!(up, down + 2, "once for each change, by each machine: {:?}", west.events);
}

#[test]
fn a_paused_hub_is_removed_once_and_comes_back_without_loss() {
    let redis = Redis::start();
    let mut paused = with_member(&redis, 1, "ada");
    let (mut east, mut west) = (Linked::joins(&redis, 2), Linked::joins(&redis, 3));
    let old = paused.id();
    // It has something to say, which it has not sent.
    end_lease(&redis, &paused);
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.gone() == [(old, false)]));
    paused.says("mine ");
    east.says("meanwhile ");
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.text() == "meanwhile "));
    let shown = "[ada]meanwhile [ada]mine ";
    until(&mut [&mut paused, &mut east, &mut west], |hubs| {
        hubs[0].text() == shown && hubs[2].text().ends_with("mine ")
    });
    assert_eq!(west.text(), "meanwhile [ada]mine ");
    assert_ne!(paused.id(), old);
    for hub in [&paused, &east, &west] {
        assert_eq!(hub.gone(), [(old, false)]);
        assert_eq!(hub.missing(), []);
    }
    assert!(paused.is_hindered(&LinkError::Fenced));
    assert_eq!(registrations(&paused), 2);
    assert!(paused.shown.iter().all(|logged| logged.refused.is_empty()), "its name was free");
}

#[test]
fn a_batch_in_flight_while_the_hub_was_removed_is_there_once() {
    for is_accepted in [true, false] {
        let redis = Redis::start();
        let mut paused = Linked::joins(&redis, 1);
        let mut other = Linked::joins(&redis, 2);
        let length = redis.command(&["XLEN", LOG]).parse::<u64>().unwrap();
        paused.says("in flight ");
        if is_accepted {
            paused.appender.turn(Duration::from_nanos(1));
            until_redis_says(&redis, &["XLEN", LOG], &(length + 1).to_string());
        }
        paused.appender.breaks();
        end_lease(&redis, &paused);
        until(&mut [&mut other], |hubs| !hubs[0].gone().is_empty());
        paused.says("behind");
        until(&mut [&mut paused, &mut other], |hubs| hubs.iter().all(|hub| hub.text() == "in flight behind"));
    }
}

#[test]
fn an_emptied_server_is_noticed_and_names_are_taken_anew() {
    let mut redis = Redis::start();
    let (mut east, mut west) = (with_member(&redis, 1, "ada"), with_member(&redis, 2, "bob"));
    until(&mut [&mut east], |hubs| hubs[0].shown.len() == 2);
    for round in 1..=2 {
        let old = [east.id(), west.id()];
        if round == 1 {
            redis.command(&["FLUSHALL"]);
        } else {
            redis.kill();
            until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| is_unreachable(hub)));
            east.says("while it was away ");
            redis.restart();
        }
        until(&mut [&mut east, &mut west], |hubs| {
            hubs.iter().all(|hub| hub.missing().len() == round && registrations(hub) == 1 + round)
        });
        assert_ne!([east.id(), west.id()], old);
        assert_eq!(west.missing(), vec![None; round]);
        east.says("on ");
        until(&mut [&mut east, &mut west], |hubs| {
            let count = |hub: &Linked, word| hub.text().matches(word).count();
            hubs.iter().all(|hub| {
                count(hub, "[ada]") >= round && count(hub, "[bob]") > round && count(hub, "on ") == round
            })
        });
    }
    assert_eq!(west.text().matches("while it was away").count(), 1);
}

/// A connection that breaks says so first, and then that there is no server.
fn is_unreachable(hub: &Linked) -> bool {
    hub.events.iter().any(|event| matches!(event, Event::LinkDown(..)))
}

#[test]
fn a_log_that_was_cut_back_is_noticed_and_nothing_is_shown_twice() {
    let mut redis = Redis::start();
    let (mut east, mut west) = (with_member(&redis, 1, "ada"), Linked::joins(&redis, 2));
    redis.command(&["SAVE"]);
    east.says("lost ");
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.text().ends_with("lost ")));
    redis.kill();
    redis.restart();
    east.says("on ");
    until(&mut [&mut east, &mut west], |hubs| {
        hubs.iter().all(|hub| hub.text().ends_with("on ") && registrations(hub) == 2)
    });
    for hub in [&east, &west] {
        assert!(
            hub.missing().iter().all(Option::is_none) && !hub.missing().is_empty(),
            "{:?}",
            hub.missing()
        );
        assert_eq!(hub.text().matches("lost").count(), 1);
        assert_eq!(hub.text().matches("on ").count(), 1);
    }
}

#[test]
fn a_server_that_has_forgotten_an_accepted_batch_is_found_out_by_its_number() {
    let redis = Redis::start();
    let mut hub = with_member(&redis, 1, "ada");
    redis.command(&["HINCRBY", "tc:{test}:state", &format!("seq:{}", hub.id()), "-1"]);
    hub.says("on");
    until(&mut [&mut hub], |hubs| hubs[0].text() == "[ada][ada]on");
    assert!(hub.is_hindered(&LinkError::DataLost));
    assert_eq!(hub.gone().len(), 1);
}

#[test]
fn lines_that_were_trimmed_are_counted() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), with_member(&redis, 2, "bob"));
    west.follower.breaks();
    for number in 0..3 {
        east.pushes(Batch { data: b"x".into(), lines: 10, operations: Vec::new() });
        until(&mut [&mut east], |hubs| hubs[0].shown.len() == 2 + number);
    }
    redis.command(&["XTRIM", LOG, "MAXLEN", "1"]);
    let old = west.id();
    until(&mut [&mut west], |hubs| registrations(hubs[0]) == 2);
    // So is what is still there: nobody could tell whose it is.
    assert_eq!(west.missing(), [Some(30)]);
    assert_eq!(west.text(), "[bob]");
    assert_ne!(west.id(), old, "what else was in them is unknown: it begins anew");
}

/// As many bytes as the log takes while somebody does not read.
fn fill(hub: &mut Linked) {
    for _ in 0..LIMIT / 65_536 + 2 {
        hub.pushes(Batch { data: vec![b'.'; 65_536], lines: 1, operations: Vec::new() });
        hub.turn();
    }
    hub.says("end");
    until(&mut [hub], |hubs| hubs[0].is_hindered(&LinkError::Full));
}

#[test]
fn everybody_waits_for_a_hub_that_reads_too_slowly_and_nothing_is_lost() {
    let redis = Redis::start();
    let (mut east, mut slow) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    fill(&mut east);
    assert!(!east.text().ends_with("end"));
    until(&mut [&mut east, &mut slow], |hubs| hubs.iter().all(|hub| hub.text().ends_with("end")));
    assert_eq!(east.text().len(), (LIMIT / 65_536 + 2) * 65_536 + 3);
    assert_eq!(east.text(), slow.text());
    assert_eq!(slow.missing(), []);
    assert!(redis.command(&["XLEN", LOG]).parse::<usize>().unwrap() < 40, "what all have read is trimmed");
}

#[test]
fn nobody_waits_for_a_slow_hub_longer_than_for_its_lease() {
    let redis = Redis::start();
    let (mut east, slow) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    fill(&mut east);
    end_lease(&redis, &slow);
    until(&mut [&mut east], |hubs| hubs[0].text().ends_with("end"));
    assert_eq!(east.gone(), [(slow.id(), false)]);
    // It was away for so long that lines are gone.
    let mut slow = slow;
    until(&mut [&mut east, &mut slow], |hubs| registrations(hubs[1]) == 2);
    let missing: u64 = slow.missing().iter().map(|lines| lines.unwrap()).sum();
    let shown: u64 = slow.shown.iter().map(|logged| logged.lines).sum();
    assert_eq!(missing + shown, (LIMIT / 65_536 + 3) as u64);
}

#[test]
fn a_server_out_of_memory_stops_the_link_until_it_has_some() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    east.pushes(batch("waits ", vec![claim(1, &[], &["ada"])]));
    until(&mut [&mut east, &mut west], |hubs| hubs[0].is_down(&LinkError::OutOfMemory));
    assert_eq!(redis.command(&["EXISTS", "tc:{test}:names"]), "0", "nothing was done by halves");
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.text() == "waits "));
    assert_eq!(east.gone(), [], "its lease was renewed meanwhile");
}

#[test]
fn a_key_of_another_type_is_named_and_nothing_is_lost() {
    for key in ["log", "state", "hubs", "names", "bans", "rooms"] {
        let redis = Redis::start();
        let mut hub = with_member(&redis, 1, "ada");
        let key = format!("tc:{{test}}:{key}");
        redis.command(&["RENAMENX", &key, "kept"]);
        redis.command(&["SET", &key, "something else"]);
        hub.says("waits");
        until(&mut [&mut hub], |hubs| hubs[0].is_down(&LinkError::WrongType));
        redis.command(&["DEL", &key]);
        redis.command(&["RENAMENX", "kept", &key]);
        until(&mut [&mut hub], |hubs| hubs[0].text().ends_with("waits"));
        assert_eq!(hub.text().matches("waits").count(), 1, "{key}");
    }
}

#[test]
fn what_others_write_into_the_log_is_skipped_and_said_once() {
    let redis = Redis::start();
    let mut hub = Linked::joins(&redis, 1);
    for fields in [["a", "b"], ["h", "x"], ["s", "gone"]] {
        redis.command(&["XADD", LOG, "*", fields[0], fields[1]]);
        hub.says(".");
        until(&mut [&mut hub], |hubs| hubs[0].text().ends_with('.'));
    }
    until(&mut [&mut hub], |hubs| hubs[0].text() == "...");
    let hindered = hub.events.iter().filter(|event| **event == Event::Hindered(LinkError::Nonsense)).count();
    assert_eq!((hindered, hub.missing()), (1, vec![]));
    // The last possible id: Redis itself takes nothing behind it.
    redis.command(&["XADD", LOG, "18446744073709551615-18446744073709551615", "a", "b"]);
    hub.says("stuck");
    until(&mut [&mut hub], |hubs| hubs[0].events.iter().any(|event| matches!(event, Event::LinkDown(..))));
}

#[test]
fn garbage_in_the_other_keys_stops_no_hub_for_good() {
    let redis = Redis::start();
    let mut hub = with_member(&redis, 1, "ada");
    redis.command(&["HSET", "tc:{test}:hubs", "garbage", "x", "", "y"]);
    redis.command(&["HSET", "tc:{test}:names", "", "garbage"]);
    redis.command(&["HSET", &format!("tc:{{test}}:members:{}", hub.id()), "garbage", "x"]);
    redis.command(&["SADD", "tc:{test}:rooms", "garbage"]);
    redis.command(&["SET", "tc:{test}:room:garbage", "x"]);
    redis.command(&["SADD", "tc:{test}:bans", "\u{1b}[2J"]);
    let mut other = Linked::joins(&redis, 2);
    let known = other.registered.as_ref().unwrap().hubs.iter().find(|known| known.id == hub.id()).unwrap();
    assert_eq!(known.members.len(), 1);
    hub.says("on");
    until(&mut [&mut hub, &mut other], |hubs| hubs.iter().all(|hub| hub.text().ends_with("on")));
    // A number that is none: only a person can repair that.
    redis.command(&["HSET", "tc:{test}:state", "lines", "garbage"]);
    hub.says("waits");
    let is_corrupt = |event: &Event| matches!(event, Event::LinkDown(_, LinkError::Corrupt(_)));
    until(&mut [&mut hub], |hubs| hubs[0].events.iter().any(is_corrupt));
    redis.command(&["HSET", "tc:{test}:state", "lines", "2"]);
    until(&mut [&mut hub, &mut other], |hubs| hubs.iter().all(|hub| hub.text().ends_with("waits")));
}

#[test]
fn a_server_that_has_forgotten_the_scripts_gets_them_again_without_a_word() {
    let redis = Redis::start();
    let mut hub = Linked::joins(&redis, 1);
    redis.command(&["SCRIPT", "FLUSH"]);
    hub.says("on");
    until(&mut [&mut hub], |hubs| hubs[0].text() == "on");
    let is_down = |event: &Event| matches!(event, Event::LinkDown(..));
    assert!(!hub.events.iter().any(is_down), "{:?}", hub.events);
}

#[test]
fn a_server_busy_with_another_script_is_waited_for() {
    let redis = Redis::start();
    let mut hub = Linked::joins(&redis, 1);
    redis.command(&["CONFIG", "SET", "lua-time-limit", "20"]);
    let mut endless = redis.spawn(&["EVAL", "while true do end", "0"]);
    until_redis(&redis, &["PING"], |answer| answer.contains("BUSY"));
    hub.says("waits");
    until(&mut [&mut hub], |hubs| hubs[0].is_down(&LinkError::Busy));
    assert_eq!(redis.command(&["SCRIPT", "KILL"]), "OK");
    until(&mut [&mut hub], |hubs| hubs[0].text() == "waits");
    endless.wait().unwrap();
}

#[test]
fn connections_that_the_server_kills_lose_nothing() {
    let redis = Redis::start();
    let (mut east, mut west) = (Linked::joins(&redis, 1), Linked::joins(&redis, 2));
    for round in 0..5 {
        east.says(&format!("{round} "));
        east.turn();
        redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        until(&mut [&mut east, &mut west], |hubs| {
            hubs.iter().all(|hub| hub.text().ends_with(&format!("{round} ")))
        });
    }
    assert_eq!((east.text(), west.text()), ("0 1 2 3 4 ".to_owned(), "0 1 2 3 4 ".to_owned()));
}

#[test]
fn connections_that_break_within_an_answer_lose_nothing_and_double_nothing() {
    let redis = Redis::start();
    let mut hubs = [Linked::joins(&redis, 1), Linked::joins(&redis, 2)];
    // Any numbers will do that are the same each time.
    let mut random = 12_345_u32;
    let mut chance = |of: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16).is_multiple_of(of)
    };
    for number in 0..200 {
        for (name, hub) in ["e", "w"].iter().zip(&mut hubs) {
            hub.appender.reads_at_most(48);
            hub.follower.reads_at_most(48);
            hub.says(&format!("{name}{number} "));
            hub.turn();
            if chance(16) {
                hub.appender.breaks();
            }
            if chance(16) {
                hub.follower.breaks();
            }
        }
    }
    let [east, west] = &mut hubs;
    until(&mut [east, west], |hubs| hubs.iter().all(|hub| hub.text().split_whitespace().count() == 400));
    assert_eq!(east.text(), west.text());
    for name in ["e", "w"] {
        let own = east
            .text()
            .split_whitespace()
            .filter(|word| word.starts_with(name))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        assert_eq!(own, (0..200).map(|number| format!("{name}{number}")).collect::<Vec<_>>());
    }
    assert_eq!((east.missing(), west.missing(), registrations(west)), (vec![], vec![], 1));
}

#[test]
fn a_password_is_needed_or_wrong_or_right() {
    let redis = Redis::start_with(&["--requirepass", "se%cret"]);
    let start = |credentials: &str| {
        let url = redis.url("test").replace("unix:", &format!("unix://{credentials}"));
        Linked::start(&url, 1)
    };
    for (credentials, error) in [
        ("", LinkError::PasswordMissing),
        (":wrong@", LinkError::PasswordWrong),
        ("eve:se%25cret@", LinkError::PasswordWrong),
    ] {
        let mut hub = start(credentials);
        until(&mut [&mut hub], |hubs| hubs[0].is_down(&error));
        assert!(hub.registered.is_none() && !error.may_pass());
    }
    for credentials in [":se%25cret@", "default:se%25cret@"] {
        let mut hub = start(credentials);
        until(&mut [&mut hub], |hubs| hubs[0].registered.is_some());
    }
}

#[test]
fn hubs_in_another_database_or_group_are_another_chat() {
    let redis = Redis::start();
    let mut hub = Linked::joins(&redis, 1);
    for url in [redis.url("other"), format!("{}&db=1", redis.url("test"))] {
        let mut other = Linked::start(&url, 2);
        until(&mut [&mut other], |hubs| hubs[0].registered.is_some());
        assert_eq!(other.registered.as_ref().unwrap().hubs.len(), 1);
        other.says("elsewhere");
        until(&mut [&mut other], |hubs| hubs[0].text() == "elsewhere");
    }
    let mut lost = Linked::start(&format!("{}&db=99", redis.url("test")), 3);
    until(&mut [&mut lost], |hubs| hubs[0].is_down(&LinkError::Database));
    hub.turn();
    assert_eq!(hub.text(), "");
}

#[test]
fn nobody_is_taken_for_dead_because_the_server_was_away() {
    let redis = Redis::start();
    let (mut east, mut west) = (with_member(&redis, 1, "ada"), with_member(&redis, 2, "bob"));
    // As after a stop of more than 10 s: nothing that has a time-out is left.
    for key in [format!("hub:{}", east.id()), format!("hub:{}", west.id()), "awake".to_owned()] {
        redis.command(&["DEL", &format!("tc:{{test}}:{key}")]);
    }
    east.follower.breaks();
    west.follower.breaks();
    let renewed = format!("tc:{{test}}:hub:{}", west.id());
    let start = Instant::now();
    until(&mut [&mut east], |_| start.elapsed() > Duration::from_secs(1));
    assert_eq!(redis.command(&["EXISTS", &renewed]), "1");
    west.says("on");
    until(&mut [&mut east, &mut west], |hubs| hubs.iter().all(|hub| hub.text().ends_with("on")));
    assert_eq!((east.gone(), west.gone()), (vec![], vec![]));
}

#[test]
fn a_server_that_is_not_there_is_tried_until_it_is() {
    let mut redis = Redis::start();
    redis.kill();
    let mut hub = Linked::start(&redis.url("test"), 1);
    hub.says("early");
    let start = Instant::now();
    until(&mut [&mut hub], |hubs| is_unreachable(hubs[0]) && start.elapsed() > Duration::from_millis(400));
    redis.restart();
    until(&mut [&mut hub], |hubs| hubs[0].text() == "early");
    let down = hub.events.iter().filter(|event| matches!(event, Event::LinkDown(..))).count();
    assert_eq!(down, 2, "once for each machine");
}
