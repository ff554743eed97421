//! The server that the simulator plays (`tests/simulator/redis.rs`) answers what a real one answers.

use super::model;
use super::redis::Redis;
use fastrand::Rng;
use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

const SCRIPTS: [&str; 4] = [
    concat!(
        include_str!("../../src/rules/link/scripts/common.lua"),
        include_str!("../../src/rules/link/scripts/append.lua")
    ),
    concat!(
        include_str!("../../src/rules/link/scripts/common.lua"),
        include_str!("../../src/rules/link/scripts/leave.lua")
    ),
    concat!(
        include_str!("../../src/rules/link/scripts/common.lua"),
        include_str!("../../src/rules/link/scripts/register.lua")
    ),
    concat!(
        include_str!("../../src/rules/link/scripts/common.lua"),
        include_str!("../../src/rules/link/scripts/read.lua")
    ),
];
const APPEND: usize = 0;
const LEAVE: usize = 1;
const REGISTER: usize = 2;
const READ: usize = 3;

/// Both servers.
struct Both {
    real: UnixStream,
    played: model::Redis,
    session: model::Session,
    digests: [[String; 2]; 4],
    last: String,
}

impl Both {
    fn new(redis: &Redis) -> Self {
        let mut both = Self {
            real: UnixStream::connect(redis.socket()).unwrap(),
            played: model::Redis::default(),
            session: model::Session::default(),
            digests: Default::default(),
            last: "0-0".to_owned(),
        };
        both.ask(&["FLUSHALL"]);
        for (script, digests) in SCRIPTS.iter().zip(0..) {
            let load = ["SCRIPT", "LOAD", script];
            let (real, played) = (both.ask(&load), both.ask_played(&load));
            both.digests[digests] = [real, played].map(|digest| match digest {
                OwnedFrame::BulkString(digest) => String::from_utf8(digest).unwrap(),
                other => panic!("{other:?}"),
            });
        }
        both
    }

    fn ask(&mut self, parts: &[&str]) -> OwnedFrame {
        self.real.write_all(&command(parts)).unwrap();
        let mut answer = Vec::new();
        loop {
            if let Ok(Some((frame, _))) = decode(&answer) {
                return frame;
            }
            let mut bytes = [0; 65536];
            let length = self.real.read(&mut bytes).unwrap();
            answer.extend_from_slice(&bytes[..length]);
        }
    }

    fn ask_played(&mut self, parts: &[&str]) -> OwnedFrame {
        let mut answer = Vec::new();
        self.played.receive(&mut self.session, &command(parts), 1, &mut answer);
        // What it waits for does not come.
        self.played.go_on(&mut self.session, 100, &mut answer);
        decode(&answer).unwrap().unwrap().0
    }

    /// Asks both for the same, and compares the answers.
    fn compare(&mut self, parts: &[&str]) {
        let real = self.ask(parts);
        self.compare_with(parts, real);
    }

    fn call(&mut self, script: usize, arguments: &[&str]) {
        let [real, played] = self.digests[script].clone();
        let parts = |digest| [&["EVALSHA", digest, "1", "tc:{test}:log"], arguments].concat();
        let answer = self.ask(&parts(&real));
        self.compare_with(&parts(&played), answer);
    }

    fn compare_with(&mut self, parts: &[&str], real: OwnedFrame) {
        // The entries that the real server has added have the ids of its clock.
        let after = format!("({}", self.last);
        if let OwnedFrame::Array(entries) = self.ask(&["XRANGE", "tc:{test}:log", &after, "+"]) {
            for entry in entries {
                let OwnedFrame::Array(parts) = entry else { panic!("{entry:?}") };
                let OwnedFrame::BulkString(id) = &parts[0] else { panic!("{parts:?}") };
                self.last = String::from_utf8(id.clone()).unwrap();
                let (ms, number) = self.last.split_once('-').unwrap();
                self.played.ids.push_back((ms.parse().unwrap(), number.parse().unwrap()));
            }
        }
        let played = self.ask_played(parts);
        assert_eq!(sorted(played), sorted(real), "{:?}", &parts[parts.len().min(4)..]);
        assert!(self.played.ids.is_empty(), "an entry that the played server has not added");
    }
}

fn command(parts: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", parts.len());
    parts.iter().for_each(|part| bytes += &format!("${}\r\n{part}\r\n", part.len()));
    bytes.into_bytes()
}

/// Redis has no order in a set: in the answer to `register`, those of the rooms and the bans.
fn sorted(answer: OwnedFrame) -> OwnedFrame {
    let OwnedFrame::Array(mut parts) = answer else { return answer };
    if parts.len() == 11 {
        for part in &mut parts[7..9] {
            if let OwnedFrame::Array(list) = part {
                list.sort_by_key(|item| format!("{item:?}"));
            }
        }
    }
    OwnedFrame::Array(parts)
}

#[test]
fn the_played_server_answers_what_a_real_one_answers() {
    // Each entry is a node of its own, so that `~` trims all that may be trimmed.
    let redis = Redis::start_with(&["--stream-node-max-entries", "1"]);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    for _ in 0..100 {
        let mut both = Both::new(&redis);
        let limit = ["1000", "100000"][rng.usize(..2)];
        for _ in 0..60 {
            step(&mut both, &mut rng, limit);
        }
    }
}

fn step(both: &mut Both, rng: &mut Rng, limit: &str) {
    // Two of one start of a hub, and two others.
    let id = |rng: &mut Rng| format!("{:032x}", [1, 2, 1_u128 << 64, 1 << 65][rng.usize(..4)]);
    let hub = id(rng);
    let position = |both: &Both, rng: &mut Rng| match both.played.all.len() {
        0 => (0, "0-0".to_owned()),
        count => both.played.place(rng.usize(..count)),
    };
    match rng.u8(..20) {
        0..3 => {
            let old = if rng.bool() { hub.clone() } else { id(rng) };
            let (bytes, at) = position(both, rng);
            let at = if rng.bool() { at } else { String::new() };
            let (seq, bytes) = (rng.u8(..3).to_string(), bytes.to_string());
            // In between, it depends on the order of a set.
            let budget = ["0", "1000000"][rng.usize(..2)];
            let name = format!("hub {hub}");
            both.call(REGISTER, &[&hub, &old, &seq, &hub, &bytes, &at, "10000", "64", budget, &name]);
        }
        3..7 => {
            let (bytes, at) = position(both, rng);
            let mut loss = || ["", "one", "two"][rng.usize(..3)];
            both.call(READ, &[&hub, &bytes.to_string(), &at, "10000", loss(), loss()]);
        }
        7 => both.call(LEAVE, &[&hub]),
        8 => {
            both.compare(&["HINCRBY", "tc:{test}:state", "numbers", "64"]);
        }
        9 => {
            // What is there or, with nothing there, nothing.
            let (_, at) = position(both, rng);
            both.compare(&["XREAD", "COUNT", "256", "STREAMS", "tc:{test}:log", &at]);
            both.compare(&["XREAD", "COUNT", "256", "BLOCK", "1", "STREAMS", "tc:{test}:log", "0-0"]);
        }
        10 => {
            // A lease runs out.
            let lease = format!("tc:{{test}}:hub:{hub}");
            both.ask(&["DEL", &lease]);
            both.played.ends_lease(Some(hub.as_bytes()));
        }
        11 if rng.u8(..4) == 0 => {
            both.ask(&["DEL", "tc:{test}:awake"]);
            both.played.ends_lease(None);
        }
        12 => {
            let length = rng.usize(..5);
            both.ask(&["XTRIM", "tc:{test}:log", "MAXLEN", &length.to_string()]);
            both.played.trim(length);
        }
        _ => {
            let known = both.played.data.hubs.iter().find(|known| known.id == hub.as_bytes());
            let seq = known.map_or(1, |known| known.seq + 1);
            let seq = match rng.u8(..12) {
                0 => seq.saturating_sub(1),
                1 => seq + 1,
                _ => seq,
            };
            let data = "x".repeat(rng.usize(..100));
            let mut arguments = vec![hub, seq.to_string(), limit.to_owned(), rng.u8(1..4).to_string()];
            arguments.extend([rng.u8(..3).to_string(), data]);
            (0..rng.usize(..4)).for_each(|_| operation(rng, &mut arguments));
            both.call(APPEND, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

fn operation(rng: &mut Rng, arguments: &mut Vec<String>) {
    let member = rng.u8(..3).to_string();
    let word = |rng: &mut Rng| rng.alphanumeric().to_ascii_lowercase().to_string();
    let list = |rng: &mut Rng| {
        let mut words: Vec<_> = (0..rng.usize(..3)).map(|_| word(rng)).collect();
        words.insert(0, words.len().to_string());
        words
    };
    match rng.u8(..8) {
        0..4 => {
            arguments.extend(["claim".to_owned(), member]);
            arguments.extend(list(rng));
            arguments.extend(list(rng));
            arguments.push(word(rng));
            arguments.push(if rng.bool() { word(rng) } else { String::new() });
        }
        4 => arguments.extend(["record".to_owned(), member, word(rng)]),
        5 => arguments.extend(["forget".to_owned(), member]),
        6 => {
            arguments.extend(["history".to_owned(), word(rng)]);
            arguments.extend(list(rng));
        }
        _ => arguments.extend(["ban".to_owned(), word(rng)]),
    }
}
