//! Several hubs on one Redis server, seen from outside. The tests are the same for each design.

mod away;
mod checker;
mod churn;
#[path = "../hub/client.rs"]
#[allow(dead_code, reason = "the tests of one hub use the rest")]
mod client;
mod ends;
mod faults;
mod names;
mod operators;
mod proxy;
mod said;
mod talk;

use crate::common::redis::Redis;
use crate::common::*;
use client::{Client, present};
use std::collections::BTreeSet;

/// The names of the hubs of a test.
const NAMES: [&str; 3] = ["east", "west", "north"];

/// What members are told while the link is down, and when it works again. The first is how it begins.
const DOWN: &str = "* hub: the link to the other hubs is down: ";
const UP: &str = "* hub: the link to the other hubs works again";

/// What members are told when Redis has lost what it had accepted.
const LOST: &str = "* hub: lines may be missing here: Redis has lost some";

/// And when it threw lines away before their hub read them.
const MISSING: &str = "missing here: this hub could not read";

/// A hub that is linked to others.
pub struct Hub {
    pub program: Program,
    pub port: u16,
}

impl Hub {
    /// Starts one, with more options. It may not be linked yet.
    pub fn starts(url: &str, name: &str, args: &[&str]) -> Self {
        Self::with(Program::start(threadchat(
            &[&["hub", "0", "--link", url, "--name-of-hub", name], args].concat(),
        )))
    }

    fn with(program: Program) -> Self {
        let (program, port) = program.with_port();
        Self { program, port }
    }

    /// Starts one that is linked.
    pub fn joins(redis: &Redis, name: &str, args: &[&str]) -> Self {
        let hub = Self::starts(&redis.url("test"), name, args);
        hub.is_linked();
        hub
    }

    /// Waits until it is linked. Returns what it has said by then.
    #[track_caller]
    pub fn is_linked(&self) -> String {
        let says = |said: &[u8]| {
            let said = String::from_utf8_lossy(said);
            ["linked; ", "linked with "].iter().any(|linked| said.contains(linked))
        };
        String::from_utf8(self.program.err.wait_until("that it is linked", says)).unwrap()
    }

    /// Stops it. It goes on at [`goes_on`](Self::goes_on).
    pub fn pauses(&self) {
        self.program.signal(rustix::process::Signal::STOP);
        // Its threads run until one of them has got the signal.
        #[cfg(target_os = "linux")]
        wait_until("it is stopped", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.program.id())).unwrap();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        });
    }

    pub fn goes_on(&self) {
        self.program.signal(rustix::process::Signal::CONT);
    }

    /// A member with this name.
    #[track_caller]
    pub fn member(&self, name: &str) -> Client {
        Client::joins_as(self.port, name)
    }
}

/// A Redis server and three hubs.
pub fn three_hubs() -> (Redis, [Hub; 3]) {
    three_hubs_with(&[], &[])
}

/// The same with options for the server and for the hubs.
pub fn three_hubs_with(server: &[&str], hubs: &[&str]) -> (Redis, [Hub; 3]) {
    let redis = Redis::start_with(server);
    let url = redis.url("test");
    let hubs = NAMES.map(|name| Hub::starts(&url, name, hubs));
    for hub in &hubs {
        hub.is_linked();
    }
    (redis, hubs)
}

/// Ada at the first hub, bob at the second and carol at the third, who all have read everything so far.
pub fn three_members(hubs: &[Hub; 3]) -> [Client; 3] {
    let mut number = 0;
    let mut members = ["ada", "bob", "carol"].map(|name| {
        number += 1;
        hubs[number - 1].member(name)
    });
    catch_up(&mut members.each_mut());
    members
}

/// All of them read until the last one says that it is quiet: what was logged before is read, too, at every hub.
#[track_caller]
pub fn catch_up(members: &mut [&mut Client]) {
    for line in hear_everything(members) {
        drop(line);
    }
}

/// The same, and returns what each has heard except the last one.
#[track_caller]
pub fn hear_everything(members: &mut [&mut Client]) -> Vec<Vec<String>> {
    let (last, others) = members.split_last_mut().unwrap();
    // Everything that the others have said is known at the hub of the last one before the last one speaks.
    for (number, other) in others.iter_mut().enumerate() {
        other.says(&format!("that was all of {number}"));
        let end = format!("<{}> that was all of {number}", other.name);
        last.hears(&end);
    }
    last.says("it is quiet now");
    let end = format!("<{}> it is quiet now", last.name);
    others
        .iter_mut()
        .map(|other| {
            let heard = other.hears_until(&end);
            heard.into_iter().filter(|line| !line.contains("> that was all of ")).collect()
        })
        .collect()
}

/// What `/who` lists, in no order.
#[track_caller]
pub fn who(client: &mut Client) -> BTreeSet<String> {
    client.says("/who");
    let (_, line) = client.hears_until_one(|line| present(line).is_some());
    present(&line).unwrap().names.into_iter().collect()
}

pub fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}
