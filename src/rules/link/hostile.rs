//! Hostile answers of the server, which any of its users can cause, and hostile URLs.
#![allow(clippy::unwrap_used)]

use super::codec::{Answer, append_command, bytes, first_answer, list};
use super::{Action, Appender, Batch, Event, Follower, HubId, LinkUrl, Machine, Settings};
use crate::rules::hostile::{is_harmless, spell, spell_text};
use std::time::{Duration, Instant};

const SECRET: &str = "sesame";

/// Answers and parts of them.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "+OK\r\n", "$22\r\nredis_version:7.0.15\r\n\r\n", "$40\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "*1\r\n",
    "*2\r\n", "*3\r\n", "*5\r\n", "*9\r\n", "*16\r\n", ":0\r\n", ":1\r\n", ":2\r\n", ":64\r\n", ":-1\r\n", "$0\r\n\r\n", "$3\r\n5-1\r\n", "$3\r\n9-0\r\n",
    "$6\r\nFENCED\r\n", "$4\r\nFULL\r\n", "$2\r\nOK\r\n", "$3\r\nGAP\r\n", "$3\r\nDUP\r\n", "-ERR x\r\n", "-NOSCRIPT x\r\n", "-LOADING x\r\n",
    "$32\r\n0000000000000000000000000000000a\r\n", "$32\r\n00000000000000000000000000000001\r\n",
    "*9\r\n$1\r\ne\r\n$3\r\n0-0\r\n:0\r\n:0\r\n:0\r\n:64\r\n*0\r\n*0\r\n*0\r\n", "*5\r\n:1\r\n$1\r\ne\r\n$3\r\n0-0\r\n:0\r\n:0\r\n",
    "*1\r\n*2\r\n$3\r\nlog\r\n*1\r\n*2\r\n$3\r\n5-1\r\n*16\r\n$1\r\nh\r\n$32\r\n0000000000000000000000000000000a\r\n$1\r\ns\r\n:1\r\n$1\r\nn\r\n:1\r\n$1\r\np\r\n$3\r\n0-0\r\n$1\r\ng\r\n:0\r\n$1\r\nb\r\n:9\r\n$1\r\nd\r\n$2\r\nhi\r\n$1\r\nr\r\n$0\r\n\r\n",
    "*1\r\n*2\r\n$3\r\nlog\r\n*1\r\n*2\r\n$3\r\n5-1\r\n*16\r\n$1\r\nh\r\n$32\r\n0000000000000000000000000000000a\r\n$1\r\ns\r\n$1\r\n1\r\n$1\r\nn\r\n$1\r\n1\r\n$1\r\np\r\n$3\r\n0-0\r\n$1\r\ng\r\n$1\r\n0\r\n$1\r\nb\r\n$1\r\n9\r\n$1\r\nd\r\n$2\r\nhi\r\n$1\r\nr\r\n$0\r\n\r\n",
    "$1\r\nh\r\n", "$4\r\ngone\r\n", "$4\r\nleft\r\n", "$99999999999\r\n", "*1048577\r\n", "\r\n",
];

#[test]
fn any_answer_is_the_same_however_it_arrives_and_any_command_is_one_list() {
    bolero::check!(name = "answer").for_each(|input: &[u8]| {
        let [piece, input @ ..] = input else { return };
        let read = spell(input, WORDS);
        let whole = first_answer(&read);
        let mut ends = (0..read.len()).step_by(usize::from(*piece % 64) + 1);
        match ends.find_map(|end| first_answer(&read[..end]).transpose()) {
            Some(Ok(answer)) => assert_eq!(whole, Ok(Some(answer))),
            Some(Err(_)) => assert!(whole.is_err()),
            None => {}
        }
        let parts: Vec<&[u8]> = read.split(|byte| *byte == b' ').collect();
        let mut command = Vec::new();
        append_command(&parts, &mut command);
        let (answer, length) = first_answer(&command).unwrap().unwrap();
        assert_eq!(length, command.len());
        let read: Vec<_> =
            list(answer).unwrap().into_iter().map(|part: Answer| bytes(part).unwrap()).collect();
        assert_eq!(read, parts);
    });
}

/// What a server that is well answers to a greeting.
const WELL: &[u8] = &[0x80, 0x81, 0x82, 0x82];

/// Lets the machine do what it wants to, and says what it tells.
fn acts(machine: &mut dyn Machine, now: Instant, told: &mut Vec<Event>) {
    while let Some(action) = machine.poll_action() {
        match action {
            Action::Connect => machine.connected(now),
            Action::Disconnect => {}
            Action::Tell(event) => told.push(event),
        }
    }
}

#[test]
fn whatever_the_server_answers_the_machines_go_on_and_stay_small() {
    bolero::check!(name = "machines").for_each(|input: &[u8]| {
        let [which, input @ ..] = input else { return };
        let url: LinkUrl = format!("redis://:{SECRET}@host/test").parse().unwrap();
        let mut follower = Follower::new(url.clone(), Settings::default(), 1);
        let mut appender = Appender::new(url, Settings::default());
        let (mut now, mut told, mut received, mut sent) = (Instant::now(), Vec::new(), 0, 0);
        let machine: &mut dyn Machine = if which % 2 == 0 {
            &mut follower
        } else {
            appender.push(Batch { data: b"hello".to_vec(), lines: 1, ..Batch::default() }, now);
            appender.registered(HubId::from(1), 0, Batch::default(), now);
            appender.ask_for_numbers(now);
            appender.leave(now);
            &mut appender
        };
        acts(machine, now, &mut told);
        // As a server does, to begin with.
        if which & 2 != 0 {
            machine.receive(&spell(WELL, WORDS), now);
        }
        for answer in input.split(|byte| *byte == b'\n') {
            let answer = spell(answer, WORDS);
            received += answer.len();
            // Or it is silent.
            if !answer.is_empty() {
                machine.receive(&answer, now);
            }
            acts(machine, now, &mut told);
            now += Duration::from_millis(700);
            machine.handle_timeout(now);
            acts(machine, now, &mut told);
            assert!(machine.poll_timeout().is_none_or(|due| due > now), "it is never done");
            let mut output = Vec::new();
            machine.take_output(&mut output);
            sent += output.len();
        }
        // Each answer leads to a question at most, and each connection to the scripts.
        let answers = input.len() + 8;
        assert!(told.len() <= 8 * answers && sent <= 20_000 * answers, "{} {sent} {received}", told.len());
        assert!(!format!("{told:?}").contains(SECRET));
        // It still connects and registers with a server that is well.
        machine.disconnected(super::LinkError::Silent, now);
        acts(machine, now, &mut told);
        now += Duration::from_secs(60);
        machine.handle_timeout(now);
        acts(machine, now, &mut told);
        let mut output = Vec::new();
        machine.take_output(&mut output);
        assert!(String::from_utf8_lossy(&output).contains("AUTH"));
        machine.receive(&spell(WELL, WORDS), now);
        assert_ne!(machine.poll_action(), Some(Action::Disconnect));
        // A follower may know already that it has left.
        if which % 2 == 0 && !told.iter().any(|event| matches!(event, Event::Registered(_))) {
            machine.take_output(&mut output);
            assert!(String::from_utf8_lossy(&output).contains("EVALSHA"));
        }
    });
}

#[test]
fn any_url_is_understood_again_as_it_is_shown_and_its_password_is_not() {
    #[rustfmt::skip]
    const PARTS: &[&str] = &[
        "redis://", "rediss://", "unix:", "unix://", "redis://hub:", SECRET, "@", "host", ":", "6379", "/", "a", "school", "?name=", "?db=", "&db=",
        "&name=", "15", "%40", "%", "[::1]", "/run/redis.sock", "localhost", "é", "\u{1b}[2J", "b",
    ];
    bolero::check!(name = "url").for_each(|input: &[u8]| {
        let text = spell_text(input, PARTS);
        let said = match text.parse::<LinkUrl>() {
            Ok(url) => {
                let shown = url.to_string();
                let again: LinkUrl = shown.parse().unwrap();
                assert_eq!(again.to_string(), shown);
                assert_eq!((again.transport(), again.database()), (url.transport(), url.database()));
                format!("{shown} {url:?}")
            }
            Err(why) => {
                assert!(is_harmless(&why), "{text:?}: {why:?}");
                why
            }
        };
        // What stands in front of an @ may be the password.
        let is_password = text.rsplit_once('@').is_some_and(|(_, behind)| !behind.contains(SECRET));
        let is_path = text.to_ascii_lowercase().starts_with("unix:");
        assert!(!is_password || is_path || !said.contains(SECRET), "{text:?}: {said:?}");
    });
}
