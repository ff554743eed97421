//! The connection of a linked hub to Redis, in both designs: how it is made and kept, what keeps it from working, and its end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
#![cfg(all(unix, signals, feature = "link"))]

mod common;

use common::redis::Redis;
use common::*;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// What `common` adds unless a test says otherwise.
const DESIGN: &str = "threads";

const DESIGNS: &[&str] = if cfg!(poll) { &["threads", "select"] } else { &["threads"] };

/// What a hub reports when it works.
const LINKED: &str = "linked";

fn command(design: &str, url: &str, options: &[&str]) -> Command {
    let mut command = threadchat(&[&["hub", "0", "--design", design, "--link", url], options].concat());
    command.env_remove("THREADCHAT_LINK_PASSWORD");
    command
}

fn hub(design: &str, url: &str, options: &[&str]) -> Program {
    serve_with(command(design, url, options)).0
}

/// The names of the hubs of this group.
fn names(redis: &Redis, group: &str) -> String {
    redis.command(&["HVALS", &format!("tc:{{{group}}}:hubs")])
}

/// How long the lease of the only hub of this group lasts, in ms.
fn lease(redis: &Redis, group: &str) -> u64 {
    lease_of(redis, group, &redis.command(&["HKEYS", &format!("tc:{{{group}}}:hubs")]))
}

fn lease_of(redis: &Redis, group: &str, id: &str) -> u64 {
    redis.command(&["PTTL", &format!("tc:{{{group}}}:hub:{id}")]).parse().unwrap()
}

fn signal(redis: &Redis, signal: Signal) {
    kill_process(Pid::from_raw(redis.pid().cast_signed()).unwrap(), signal).unwrap();
}

/// Says 88, or sends a signal, and checks that the hub ends soon.
#[track_caller]
fn ends_soon(mut hub: Program, by_signal: bool) -> Option<i32> {
    let began = Instant::now();
    if by_signal {
        hub.signal(Signal::TERM);
    } else {
        hub.types("88\n");
    }
    let code = hub.status().code();
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    code
}

#[test]
fn a_linked_hub_is_registered_under_its_name_and_keeps_its_lease() {
    let redis = Redis::start();
    for design in DESIGNS {
        let hub = hub(design, &redis.url(design), &["--name-of-hub", "Öst"]);
        hub.err.wait_for(LINKED);
        wait_until("its name is there", || {
            redis.command(&["--raw", "HVALS", &format!("tc:{{{design}}}:hubs")]) == "Öst"
        });
        // Without renewal it becomes shorter by the ms.
        let shortest = lease(&redis, design);
        let began = Instant::now();
        wait_until("the lease is renewed", || {
            began.elapsed() > Duration::from_millis(1500)
                && lease(&redis, design) > shortest.saturating_sub(1000)
        });
    }
}

#[test]
fn a_hub_without_a_name_gets_that_of_its_machine() {
    let redis = Redis::start();
    let hub = hub("threads", &redis.url("test"), &[]);
    hub.err.wait_for(LINKED);
    let name = names(&redis, "test");
    assert!(!name.is_empty() && name.chars().count() <= 32 && !name.contains(['.', ' ']), "{name}");
}

#[test]
fn connections_that_somebody_ends_are_made_again() {
    let redis = Redis::start();
    for design in DESIGNS {
        let hub = hub(design, &redis.url(design), &[]);
        hub.err.wait_for(LINKED);
        let connected = || {
            let list = redis.command(&["CLIENT", "LIST"]);
            list.lines()
                .filter(|client| !client.contains("cmd=client"))
                .map(|client| client.split(' ').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        wait_until("both are there", || connected().len() == 2);
        let before = connected();
        assert_eq!(redis.command(&["CLIENT", "KILL", "TYPE", "normal"]), "2");
        // Also that of the log-writer, although nobody says anything.
        wait_until("both are there again", || {
            let now = connected();
            now.len() == 2 && before.iter().all(|old| !now.contains(old))
        });
        ends_soon(hub, true);
    }
}

#[test]
fn a_hub_whose_member_does_not_read_reads_no_more_of_the_log_and_keeps_its_lease() {
    let redis = Redis::start();
    for design in DESIGNS {
        let url = redis.url(design);
        let (slow, port) = serve_with(command(design, &url, &["--stall", "60"]));
        slow.err.wait_for(LINKED);
        let id = redis.command(&["HKEYS", &format!("tc:{{{design}}}:hubs")]);
        let listener = call(port);
        read_line(&listener);
        let (fast, port) = serve_with(command("threads", &url, &[]));
        fast.err.wait_for("linked with 1 other hub");
        let mut speaker = call(port);
        let lines = [[b'x'; 500].as_slice(), b"\n"].concat().repeat(100);
        let flood = thread::spawn(move || while speaker.write_all(&lines).is_ok() {});
        // Its outbox is full, then its share of the log.
        fast.err.wait_for("a linked hub reads too slowly");
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3) {
            assert!(lease_of(&redis, design, &id) > 8000);
            thread::sleep(Duration::from_millis(100));
        }
        // What waits comes as soon as it reads, and then more.
        let (mut read, mut buffer) = (0, vec![0; 1 << 20]);
        while read < 16 << 20 {
            read += (&listener).read(&mut buffer).unwrap();
        }
        drop((fast, slow));
        flood.join().unwrap();
    }
}

#[test]
fn a_hub_ends_soon_while_redis_answers() {
    let redis = Redis::start();
    for design in DESIGNS {
        for by_signal in [false, true] {
            let hub = hub(design, &redis.url("test"), &[]);
            hub.err.wait_for(LINKED);
            assert_eq!(ends_soon(hub, by_signal), Some(if by_signal { 143 } else { 0 }));
            assert_eq!(names(&redis, "test"), "", "it has taken leave");
        }
    }
}

#[test]
fn a_hub_ends_soon_while_redis_is_stopped() {
    let redis = Redis::start();
    let cases = DESIGNS.iter().flat_map(|design| [false, true].map(|by_signal| (*design, by_signal)));
    let hubs: Vec<_> = cases
        .map(|(design, by_signal)| {
            let hub = hub(design, &redis.url(&format!("{design}-{by_signal}")), &[]);
            hub.err.wait_for(LINKED);
            (hub, by_signal)
        })
        .collect();
    signal(&redis, Signal::STOP);
    thread::scope(|scope| {
        for (hub, by_signal) in hubs {
            scope.spawn(move || ends_soon(hub, by_signal));
        }
    });
}

#[test]
fn a_hub_ends_soon_and_says_what_to_do_while_redis_is_not_there() {
    let nowhere = format!("redis://127.0.0.1:{}/test", free_port());
    for design in DESIGNS {
        for by_signal in [false, true] {
            let hub = hub(design, &nowhere, &[]);
            hub.err.wait_for("start redis-server there, or check the host and the port of the link");
            ends_soon(hub, by_signal);
            // Nobody answers at an address of documentation.
            ends_soon(self::hub(design, "redis://192.0.2.1/test", &[]), by_signal);
            let hub = self::hub(design, "unix:/nowhere/redis.sock?name=test", &[]);
            hub.err.wait_for("cannot connect to /nowhere/redis.sock");
            ends_soon(hub, by_signal);
        }
    }
}

#[test]
fn a_password_comes_from_the_url_a_file_or_the_environment() {
    let port = free_port().to_string();
    let redis = Redis::start_with(&["--port", &port, "--requirepass", "p@ss word"]);
    let (in_url, without) = (format!("redis://:p%40ss%20word@127.0.0.1:{port}/test"), redis.url("test"));
    let right = file_with("p@ss word\r\nanother line\n");
    let (wrong, empty) = (file_with("wrong\n"), file_with(""));
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    for design in DESIGNS {
        for (url, file, variable, answer) in [
            // The URL goes before the file, and the file before the variable.
            (&in_url, Some(&wrong), "wrong", LINKED),
            (&without, Some(&right), "wrong", LINKED),
            (&without, None, "p@ss word", LINKED),
            (&without, Some(&empty), "p@ss word", LINKED),
            (&without, None, "", "Redis wants a password: set THREADCHAT_LINK_PASSWORD"),
            (
                &without,
                Some(&wrong),
                "p@ss word",
                "Redis does not accept the user or the password of the link",
            ),
        ] {
            let file = file.map(path);
            let options: Vec<&str> = file.iter().flat_map(|file| ["--link-password", file]).collect();
            let mut command = command(design, url, &options);
            command.env("THREADCHAT_LINK_PASSWORD", variable);
            let mut hub = serve_with(command).0;
            hub.err.wait_for(answer);
            hub.types("88\n");
            hub.exits(0);
            let said = hub.err.text() + &hub.out.text();
            assert!(!said.contains("p@ss") && !said.contains("wrong"), "{said}");
        }
    }
}

fn file_with(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

/// A server that encrypts, and its port. Its certificate is one of an authority in a file.
#[cfg(feature = "secure")]
fn encrypting_redis() -> (Redis, String) {
    let port = free_port().to_string();
    let tls::Files { certificate, key, .. } = tls::files();
    let options = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        certificate,
        "--tls-key-file",
        key,
        "--tls-auth-clients",
        "no",
    ];
    let redis = Redis::start_with(&options);
    (redis, port)
}

#[cfg(all(feature = "secure", target_os = "linux"))]
#[test]
fn an_encrypted_link_works_with_a_server_for_which_the_system_vouches() {
    let (redis, port) = encrypting_redis();
    for design in DESIGNS {
        for host in ["localhost", "127.0.0.1"] {
            let mut command = command(design, &format!("rediss://{host}:{port}/test"), &[]);
            command.env("SSL_CERT_FILE", &tls::files().authority);
            let hub = serve_with(command).0;
            hub.err.wait_for(LINKED);
            assert!(lease(&redis, "test") > 5000);
            ends_soon(hub, true);
        }
    }
}

#[cfg(all(feature = "secure", target_os = "linux"))]
#[test]
fn an_encrypted_link_is_not_made_to_somebody_else_and_no_password_is_sent() {
    let (_redis, port) = encrypting_redis();
    for design in DESIGNS {
        let hub = hub(design, &format!("rediss://:secret@localhost:{port}/test"), &[]);
        hub.err.wait_for("no authority that this system trusts has issued the certificate of the server");
        ends_soon(hub, true);
    }
}

#[cfg(feature = "secure")]
#[test]
fn a_server_that_does_not_encrypt_is_explained() {
    let port = free_port().to_string();
    let _redis = Redis::start_with(&["--port", &port]);
    let url = format!("rediss://:secret@127.0.0.1:{port}/test");
    let hubs: Vec<_> = DESIGNS.iter().map(|design| hub(design, &url, &[])).collect();
    for hub in hubs {
        hub.err.wait_for("check whether this is the tls-port of Redis");
        ends_soon(hub, true);
    }
}
