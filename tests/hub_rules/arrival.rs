//! The first second of a client: people, browsers, telnet and probes.

use super::*;

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n/name mallory\nhello\n";

impl World {
    /// Calls, and sends nothing yet.
    fn connects(&mut self) -> Id {
        self.connects_from("127.0.0.1").unwrap()
    }

    /// Everything that a client was sent, as far as it accepts it now.
    fn bytes(&mut self, id: Id) -> String {
        while self.takes(id, usize::MAX) > 0 {}
        String::from_utf8_lossy(self.sent.get(&id).map_or(&[], |sent| sent)).into_owned()
    }
}

#[test]
fn a_client_that_sends_nothing_is_greeted_after_a_moment() {
    let mut world = World::new(settings());
    let client = world.connects();
    world.passes(GREETING_HOLD - Duration::from_nanos(1));
    assert_eq!(world.bytes(client), "");
    world.passes(Duration::from_nanos(1));
    assert!(world.bytes(client).contains("* hub: welcome to lobby, user1; "));
}

#[test]
fn a_client_that_sends_something_is_greeted_at_once() {
    for said in [&b"/name bob\n"[..], b"h", b"hello", b"\xff\xfb\x1f", b"GETTING"] {
        let mut world = World::new(settings());
        let client = world.connects();
        world.says(client, said);
        assert!(world.bytes(client).contains("* hub: welcome to lobby, user1; "), "{said:?}");
    }
}

#[test]
fn who_sends_nothing_is_announced_when_the_room_would_have_to_wait() {
    let mut world = World::new(settings());
    let [speaker, other] = world.join_as(["speaker", "other"]);
    let newcomer = world.connects();
    world.says(speaker, "this fills an outbox soon\n".repeat(3000).as_bytes());
    assert!(!world.bytes(other).contains("user3 joined") && world.waits(speaker));
    world.passes(GREETING_HOLD);
    assert!(world.bytes(newcomer).contains("<speaker> this"));
    assert!(world.bytes(other).contains("user3 joined"));
}

#[test]
fn what_is_said_before_the_greeting_comes_after_it_once() {
    for history in [0, 20] {
        let mut world = World::new(Settings { history, ..settings() });
        let bob = world.joins();
        world.says(bob, b"before\n");
        let client = world.connects();
        world.says(bob, b"meanwhile\n");
        world.passes(GREETING_HOLD);
        world.says(bob, b"after\n");
        // Nobody can listen who was not announced.
        assert_eq!(world.bytes(client).lines().count(), 1);
        world.passes(PROBE_TIME);
        let sent = world.bytes(client);
        let lines: Vec<_> = sent.lines().map(|line| line[27..].to_owned()).collect();
        assert!(lines[0].starts_with("* hub: welcome"), "{lines:?}");
        assert_eq!(lines[lines.len() - 2..], ["<user1> meanwhile", "<user1> after"]);
        assert_eq!(lines.iter().filter(|line| line.contains("meanwhile")).count(), 1);
    }
}

#[test]
fn a_browser_gets_an_http_answer_as_the_first_bytes_and_leaves_no_trace() {
    let mut world = World::new(Settings { transcribed: true, ..settings() });
    let bob = world.joins();
    let before = (world.bytes(bob), world.recorded.len());
    let client = world.connects();
    // However the request is cut.
    for part in REQUEST.chunks(7) {
        world.says(client, part);
    }
    let answer = world.bytes(client);
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(!answer.contains("welcome"), "{answer}");
    assert!(!world.gone.contains(&client));
    world.ends(client, Ok(()));
    assert!(world.gone.contains(&client));
    assert_eq!((world.bytes(bob), world.recorded.len()), before);
    assert_eq!(world.reported.len(), 1);
    assert!(world.reported[0].contains("sent an HTTP request"), "{:?}", world.reported);
    // Its name is free.
    let next = world.joins();
    assert!(world.bytes(next).contains(", user2; "));
}

#[test]
fn a_browser_whose_request_comes_late_gets_the_answer_all_the_same() {
    let mut world = World::new(settings());
    let (bob, client) = (world.joins(), world.joins());
    // A part of the greeting has been written.
    world.takes(client, 10);
    world.says(client, REQUEST);
    let sent = world.bytes(client);
    let (greeting, answer) = sent.split_once('\n').unwrap();
    assert!(greeting.contains("* hub: welcome"), "{sent}");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{sent}");
    let last = world.bytes(bob);
    assert!(last.ends_with("* user2 was disconnected: it does not chat\n"), "{last}");
    assert!(!last.contains("hello") && !last.contains("mallory"));
}

#[test]
fn who_speaks_tls_is_told_and_many_such_callers_are_counted() {
    let mut world = World::new(settings());
    for _ in 0..5 {
        let client = world.connects();
        world.says(client, b"\x16\x03\x01\x02\x00\x01");
        assert!(world.bytes(client).starts_with("This is threadchat, a chat in clear text"));
    }
    world.passes(Duration::from_secs(1));
    assert_eq!(world.reported.len(), 2);
    assert!(world.reported[1].starts_with("4 more callers were turned away"), "{:?}", world.reported);
}

#[test]
fn a_client_that_sends_nothing_is_announced_after_a_second() {
    let mut world = World::new(Settings { transcribed: true, ..settings() });
    let bob = world.joins();
    let joined = |world: &mut World| {
        (
            world.bytes(bob).contains("* user2 joined"),
            world
                .recorded
                .iter()
                .any(|(_, what)| matches!(what, What::Joined { name, .. } if **name == *"user2")),
        )
    };
    world.connects();
    world.passes(PROBE_TIME - Duration::from_nanos(1));
    assert_eq!(joined(&mut world), (false, false));
    // It gets what is said, so it is in the list.
    assert!(world.answer(bob, "/who").contains(": user2, user1, "));
    world.passes(Duration::from_nanos(1));
    assert_eq!(joined(&mut world), (true, true));
}

#[test]
fn a_probe_leaves_no_trace() {
    let mut world = World::new(Settings { transcribed: true, ..settings() });
    let bob = world.joins();
    let before = (world.bytes(bob), world.recorded.len());
    for after in [Duration::ZERO, GREETING_HOLD, PROBE_TIME - Duration::from_nanos(1)] {
        for result in [Ok(()), Err(io::ErrorKind::ConnectionReset.into())] {
            let probe = world.connects();
            world.passes(after);
            world.ends(probe, result);
            while world.takes(probe, usize::MAX) > 0 {}
            assert!(world.gone.contains(&probe));
        }
    }
    assert_eq!((world.bytes(bob), world.recorded.len(), world.reported.len()), (before.0, before.1, 0));
    let next = world.joins();
    assert!(world.bytes(next).contains(", user2; "));
}

#[test]
fn a_probe_that_stays_for_a_second_is_somebody() {
    let mut world = World::new(settings());
    let (bob, probe) = (world.joins(), world.joins());
    world.ends(probe, Ok(()));
    let lines = world.bytes(bob);
    assert!(lines.contains("* user2 joined") && lines.ends_with("* user2 left without 88\n"), "{lines}");
}

#[test]
fn a_probe_that_the_operator_kicks_is_announced_first() {
    let mut world = World::new(settings());
    let bob = world.joins();
    world.connects();
    world.says(OPERATOR, b"/kick user2\n");
    world.settles();
    let lines = world.lines(bob);
    assert_eq!(lines[lines.len() - 2..], ["* user2 joined", "* user2 was kicked"]);
}

#[test]
fn what_is_announced_of_a_client_is_announced_before_its_first_line() {
    let mut world = World::new(settings());
    let bob = world.joins();
    let client = world.connects();
    world.says(client, b"hello\n");
    world.settles();
    let lines = world.lines(bob);
    assert_eq!(lines[lines.len() - 2..], ["* user2 joined", "<user2> hello"]);
}

/// A client that speaks telnet from the beginning, and has said this.
fn telnet(world: &mut World, said: &[u8]) -> Id {
    let client = world.connects();
    world.says(client, b"\xff\xfb\x1f");
    world.says(client, said);
    client
}

#[test]
fn lines_for_a_telnet_client_end_in_a_carriage_return_and_a_newline() {
    let mut world = World::new(Settings { motd: vec!["hello".into()], ..settings() });
    let bob = world.joins();
    let client = telnet(&mut world, b"/who\r\n");
    world.says(bob, b"one\ntwo\n");
    world.says(OPERATOR, b"/kick user2\n");
    let sent = |world: &World, id| String::from_utf8_lossy(&world.sent[&id]).into_owned();
    world.settles();
    // All of it, with the greeting.
    let to_telnet = sent(&world, client);
    let lines: Vec<_> = to_telnet.strip_suffix("88").unwrap_or(&to_telnet).split_inclusive('\n').collect();
    assert!(lines.len() > 6 && lines.iter().all(|line| line.ends_with("\r\n")), "{to_telnet:?}");
    assert_eq!(to_telnet.matches("\r\r").count(), 0);
    assert!(!sent(&world, bob).contains('\r'));
    // The answer to what it asked comes as it is.
    assert_eq!(world.sent[&client].windows(3).filter(|bytes| bytes == b"\xff\xfe\x1f").count(), 1);
    assert_eq!(world.sent[&client].iter().filter(|byte| **byte == 255).count(), 1);
}

#[test]
fn a_client_that_sends_each_key_is_one_speaker_and_gets_lines_for_a_terminal() {
    let mut world = World::new(settings());
    let bob = world.joins();
    let client = world.connects();
    for key in b"hello\r" {
        world.says(client, &[*key]);
        world.passes(Duration::from_millis(100));
    }
    world.says(bob, b"welcome\n");
    world.settles();
    assert!(world.lines(bob).contains(&"<user2> hello".to_owned()));
    assert!(world.sent[&client].ends_with(b"<user1> welcome\r\n"));
}

#[test]
fn a_telnet_client_that_asks_and_does_not_read_waits() {
    for asked in [&b"\xff\xf6x\n"[..], b"\xff\xfd\x06"] {
        let mut world = World::new(settings());
        let client = telnet(&mut world, b"");
        for _ in 0..100 {
            if !world.waits(client) {
                world.says(client, &asked.repeat(20_000));
            }
        }
        world.passes(Duration::from_secs(1));
        assert!(world.waits(client) || asked.contains(&b'\n'));
        let pending = world.hub.outbox(client).unwrap().pending();
        assert!(pending < 256 * 1024, "{pending}");
        world.settles();
        assert!(!world.waits(client));
    }
}

#[test]
fn the_copy_of_a_post_for_terminals_is_counted_and_shared() {
    let mut world = World::new(Settings { operator: false, outbox: 1 << 20, ..settings() });
    let speaker = world.joins_from("10.0.0.1").unwrap();
    for _ in 0..50 {
        telnet(&mut world, b"");
    }
    world.settles();
    // Without sharing, 50 outboxes would take more memory than there is, and the speaker would wait.
    world.says(speaker, &[&vec![b'x'; 499][..], b"\n"].concat().repeat(1500));
    assert!(!world.waits(speaker));
}
