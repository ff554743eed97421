//! Both machines against a server that is played: what a real one cannot be made to do quickly.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::*;

const SECRET: &str = "correct horse";

fn url() -> LinkUrl {
    format!("redis://hub:{}@host/test", SECRET.replace(' ', "%20")).parse().unwrap()
}

fn follower() -> Follower {
    Follower::new(url(), Settings::default(), 1)
}

fn appender() -> Appender {
    Appender::new(url(), Settings::default())
}

/// What a follower did, in short.
fn actions(follower: &mut Follower) -> Vec<Action> {
    std::iter::from_fn(|| follower.poll_action()).collect()
}

fn down(error: LinkError) -> Action {
    Action::Tell(Event::LinkDown(Side::Reading, error))
}

/// What a server of this version answers to the greeting.
fn greeting(version: &str) -> Vec<u8> {
    let info = format!("redis_version:{version}\r\n");
    let digest = format!("$40\r\n{}\r\n", "a".repeat(40));
    format!("+OK\r\n${}\r\n{info}\r\n{digest}{digest}", info.len()).into_bytes()
}

/// A follower that has connected to a server of this version.
fn greeted(version: &str, now: Instant) -> Follower {
    let mut follower = follower();
    assert_eq!(actions(&mut follower), [Action::Connect]);
    follower.connected(now);
    follower.receive(&greeting(version), now);
    follower
}

#[test]
fn the_greeting_says_who_it_is_and_asks_which_server_answers() {
    let mut follower = follower();
    follower.connected(Instant::now());
    let mut output = Vec::new();
    follower.take_output(&mut output);
    let text = String::from_utf8(output).unwrap();
    assert!(
        text.starts_with("*3\r\n$4\r\nAUTH\r\n$3\r\nhub\r\n$13\r\ncorrect horse\r\n*2\r\n$4\r\nINFO\r\n"),
        "{text}"
    );
    assert!(text.len() < 16 * 1024, "a longer user and password must fit, too: {}", text.len());
    let mut again = Vec::new();
    follower.take_output(&mut again);
    assert_eq!(again, b"");
}

#[test]
fn an_old_server_is_refused_before_anything_is_registered() {
    let now = Instant::now();
    let mut follower = greeted("6.0.16", now);
    assert_eq!(actions(&mut follower), [Action::Disconnect, down(LinkError::TooOld("6.0.16".to_owned()))]);
    let mut output = Vec::new();
    follower.take_output(&mut output);
    assert_eq!(output, b"");
}

#[test]
fn another_program_on_the_port_is_found_out() {
    let now = Instant::now();
    for answer in
        ["HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n+PONG\r\n", "+OK\r\n*0\r\n", "220 smtp ESMTP\r\n"]
    {
        let mut follower = follower();
        follower.connected(now);
        follower.receive(answer.as_bytes(), now);
        assert_eq!(
            actions(&mut follower),
            [Action::Connect, Action::Disconnect, down(LinkError::NotRedis)],
            "{answer}"
        );
    }
}

#[test]
fn a_server_that_is_silent_for_5_s_is_left_and_tried_again_ever_more_rarely() {
    let mut now = Instant::now();
    let mut follower = follower();
    let mut pauses = Vec::new();
    for round in 0..7 {
        assert_eq!(actions(&mut follower), [Action::Connect]);
        follower.connected(now);
        let silent = follower.poll_timeout().unwrap();
        assert_eq!(silent - now, Duration::from_secs(5));
        follower.handle_timeout(silent);
        let said = if round == 0 {
            vec![Action::Disconnect, down(LinkError::Silent)]
        } else {
            vec![Action::Disconnect]
        };
        assert_eq!(actions(&mut follower), said);
        now = follower.poll_timeout().unwrap();
        pauses.push((now - silent).as_millis());
        follower.handle_timeout(now);
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
}

#[test]
fn a_server_that_answers_in_small_parts_is_not_silent() {
    let start = Instant::now();
    let mut follower = follower();
    actions(&mut follower);
    follower.connected(start);
    let greeting = greeting("7.0.15");
    let mut now = start;
    for byte in &greeting[..20] {
        now += Duration::from_secs(3);
        follower.handle_timeout(now);
        follower.receive(&[*byte], now);
    }
    assert_eq!(actions(&mut follower), []);
    assert_eq!(follower.poll_timeout(), Some(now + Duration::from_secs(5)));
}

#[test]
fn answers_that_make_no_sense_end_the_connection_and_nothing_else() {
    let now = Instant::now();
    for answer in [
        "+OK\r\n",
        "*0\r\n",
        "*9\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "$-1\r\n",
        ":5\r\n",
    ] {
        let mut follower = greeted("7.0.15", now);
        assert_eq!(actions(&mut follower), []);
        follower.receive(answer.as_bytes(), now);
        let actions = actions(&mut follower);
        assert!(
            matches!(
                &actions[..],
                [Action::Disconnect, Action::Tell(Event::LinkDown(_, LinkError::Corrupt(_)))]
            ),
            "{actions:?}"
        );
    }
    let mut appender = appender();
    appender.connected(now);
    appender.receive(&greeting("7.0.15"), now);
    appender.registered(HubId(1), 0, Batch { data: b"x".to_vec(), ..Batch::default() }, now);
    appender.receive(b"*0\r\n", now);
    let actions: Vec<_> = std::iter::from_fn(|| appender.poll_action()).collect();
    assert!(actions.contains(&Action::Disconnect), "{actions:?}");
}

#[test]
fn a_late_answer_to_a_connection_that_was_left_is_ignored() {
    let now = Instant::now();
    let mut follower = follower();
    follower.disconnected(LinkError::Closed, now);
    actions(&mut follower);
    follower.receive(&greeting("7.0.15"), now);
    follower.disconnected(LinkError::Closed, now);
    assert_eq!(actions(&mut follower), []);
}

#[test]
fn what_waits_is_bounded_by_its_owner() {
    let now = Instant::now();
    let mut appender = appender();
    let batch = Batch { data: vec![b'x'; LIMIT / 4], lines: 1, operations: Vec::new() };
    let pushed =
        std::iter::from_fn(|| appender.has_capacity().then(|| appender.push(batch.clone(), now))).count();
    assert_eq!(pushed, 4);
}

#[test]
fn an_answer_to_the_hub_that_this_one_was_is_ignored() {
    let now = Instant::now();
    let mut appender = appender();
    appender.connected(now);
    appender.receive(&greeting("7.0.15"), now);
    appender.take_output(&mut Vec::new());
    let batch = |text: &str| Batch { data: text.into(), lines: 1, operations: Vec::new() };
    appender.registered(HubId(1), 0, Batch::default(), now);
    appender.push(batch("old"), now);
    // The follower was told before the answer came.
    appender.registered(HubId(2), 0, batch("first"), now);
    appender.receive(b"$6\r\nFENCED\r\n", now);
    appender.receive(b"$2\r\nOK\r\n", now);
    let appended: Vec<_> = std::iter::from_fn(|| appender.poll_action())
        .filter(|action| matches!(action, Action::Tell(Event::Appended { .. } | Event::Hindered(_))))
        .collect();
    assert_eq!(appended, [Action::Tell(Event::Appended { bytes: 5 })]);
    let mut output = Vec::new();
    appender.take_output(&mut output);
    let output = String::from_utf8(output).unwrap();
    let places =
        ["old", "first"].map(|text| output.match_indices(text).map(|(at, _)| at).collect::<Vec<_>>());
    assert_eq!(places.each_ref().map(Vec::len), [2, 1]);
    assert!(places[0][0] < places[1][0] && places[1][0] < places[0][1], "{places:?}");
}
