//! Two people over an encrypted connection.

use super::*;
use crate::rules::secure::{Code, Demand, Identity, Known, Security};
use std::time::SystemTime;

/// A side with a key of its own.
fn security(demand: Demand, is_calling: bool) -> Security {
    Security {
        identity: Identity::generate().unwrap().0,
        known: Known::default(),
        file: "FILE".to_owned(),
        demand,
        server: is_calling.then(|| "example.org".parse().unwrap()),
        time: (Instant::now(), SystemTime::now()),
    }
}

fn code(code: &str) -> Demand {
    Demand::Code(Some(Code::parse(code).unwrap()))
}

const NO_CODE: Demand = Demand::Code(None);

/// The first side serves, the second has called it.
fn pair(securities: [Security; 2], settings: Settings) -> Pair {
    let [called, calling] = securities.map(Some);
    let serve =
        Endpoint::serve(Settings { probe_time: PROBE_TIME, ..settings }, false, vec![peer(9)], true, true);
    let connect = Endpoint::connect(settings, Caller::default(), false);
    let sides = [Side::new(serve.encrypted(called)), Side::new(connect.encrypted(calling))];
    Pair::of(sides, ms(1))
}

fn both(called: Demand, calling: Demand) -> Pair {
    pair([security(called, false), security(calling, true)], settings())
}

/// Runs until nothing is on its way.
fn settle(pair: &mut Pair) {
    loop {
        pair.transmit();
        if pair.links.iter().all(VecDeque::is_empty) || !pair.step() {
            return;
        }
    }
}

fn says(side: &Side, what: &str) -> bool {
    side.log.iter().any(|line| line.contains(what))
}

const RIGHT: &str = "7-velvet-otter";

#[test]
fn two_with_the_same_code_chat_and_know_each_other_from_then_on() {
    let mut pair = both(code(RIGHT), code(RIGHT));
    assert!(says(&pair.sides[0], &format!("code for the next caller: {RIGHT}")));
    settle(&mut pair);
    for side in &pair.sides {
        assert!(
            says(side, "encrypted: it has the code") && says(side, "prompt 127.0.0.1:"),
            "{:?}",
            side.log
        );
    }
    assert!(
        says(&pair.sides[0], "remember caller sha256:")
            && says(&pair.sides[1], "remember server example.org:21567 sha256:")
    );
    pair.sides[0].types("hello\n");
    pair.sides[1].types("who is there?\n88\n");
    pair.drive();
    assert_eq!(text(&pair.sides[1].screen), format!("{STAMP}hello\n"));
    assert_eq!(text(&pair.sides[0].screen), format!("{STAMP}who is there?\n"));
    assert!(says(&pair.sides[0], "they said 88"));
    assert_eq!(pair.exits()[1], Some(Exit::Success));
}

#[test]
fn nothing_that_is_typed_before_the_channel_is_open_goes_out_in_clear_text() {
    let mut pair = both(code(RIGHT), code(RIGHT));
    pair.sides[1].types("a secret\n88\n");
    let mut wire = Vec::new();
    while pair.step() {
        for (_, packet) in pair.links.iter().flatten() {
            if let Packet::Bytes(bytes) = packet {
                wire.extend(bytes);
            }
        }
    }
    assert!(!text(&wire).contains("secret"));
    assert_eq!(text(&pair.sides[0].screen), format!("{STAMP}a secret\n"));
}

#[test]
fn a_wrong_code_is_refused_at_both_ends_and_replaced_after_a_while() {
    let mut pair = both(code(RIGHT), code("8-velvet-otter"));
    settle(&mut pair);
    let [serve, connect] = &mut pair.sides;
    assert!(
        says(serve, "was not admitted: the code was wrong, or somebody is in between"),
        "{:?}",
        serve.log
    );
    assert!(says(connect, "somebody is in between; ask which code is shown there now"), "{:?}", connect.log);
    assert_eq!((serve.exit, connect.exit), (None, Some(Exit::Failed)));
    let codes = |side: &Side| side.log.iter().filter(|line| line.starts_with("code for")).count();
    assert_eq!(codes(serve), 1);
    serve.passes(ms(5000));
    assert_eq!(codes(serve), 2);
    assert!(!serve.log.last().unwrap().contains(RIGHT));
}

#[test]
fn two_who_know_each_other_need_no_code() {
    let [mut called, mut calling] = [security(code(RIGHT), false), security(NO_CODE, true)];
    let _ = called.known.add_caller(calling.identity.fingerprint());
    let _ = calling.known.add_server(&"example.org".parse().unwrap(), peer(9), called.identity.fingerprint());
    let mut pair = pair([called, calling], settings());
    pair.sides[1].types("88\n");
    pair.drive();
    for side in &pair.sides {
        assert!(says(side, "encrypted: it is known") && !says(side, "remember"), "{:?}", side.log);
    }
    assert_eq!(pair.exits(), [Some(Exit::Success); 2]);
}

#[test]
fn another_key_than_the_known_one_is_refused_with_both_and_the_line() {
    let [called, mut calling] = [security(code(RIGHT), false), security(code(RIGHT), true)];
    let other = Identity::generate().unwrap().0.fingerprint();
    let _ = calling.known.add_server(&"example.org".parse().unwrap(), peer(9), other);
    let shown = called.identity.fingerprint();
    let mut pair = pair([called, calling], settings());
    settle(&mut pair);
    let connect = &pair.sides[1];
    assert_eq!(connect.exit, Some(Exit::Failed));
    assert!(says(connect, &shown.to_string()) && says(connect, &other.to_string()), "{:?}", connect.log);
}

#[test]
fn a_line_that_is_cut_is_no_goodbye() {
    for on_eof in [OnEof::Bye, OnEof::Wait] {
        let securities = [security(Demand::FirstUse, false), security(Demand::FirstUse, true)];
        let mut pair = pair(securities, Settings { on_eof, ..settings() });
        settle(&mut pair);
        // Somebody in between ends the connection.
        for side in &mut pair.sides {
            side.receives_all();
        }
        pair.drive();
        assert!(pair.sides.iter().all(|side| says(side, "cut off")), "{:?}", pair.sides[0].log);
        assert_eq!(pair.exits(), [Some(Exit::Failed); 2]);
    }
}

#[test]
fn a_file_goes_both_ways_and_nothing_of_it_is_lost() {
    let mut pair = both(code(RIGHT), code(RIGHT));
    settle(&mut pair);
    let lines: String = (0..40_000).map(|number| format!("line {number}\n")).collect();
    for side in &mut pair.sides {
        side.types(&lines);
        side.handle(Event::InputEnded(Ok(())));
    }
    pair.drive();
    for side in &pair.sides {
        assert!(text(&side.screen).replace(STAMP, "") == lines);
    }
    assert_eq!(pair.exits(), [Some(Exit::Success); 2]);
}

#[test]
fn an_end_without_88_is_announced_by_close_notify_and_the_other_goes_on() {
    let settings = Settings { on_eof: OnEof::Wait, ..settings() };
    let mut pair = pair([security(Demand::FirstUse, false), security(Demand::FirstUse, true)], settings);
    pair.sides[1].types("one\n");
    pair.sides[1].handle(Event::InputEnded(Ok(())));
    settle(&mut pair);
    pair.sides[0].types("two\n");
    pair.sides[0].handle(Event::InputEnded(Ok(())));
    pair.drive();
    assert_eq!(text(&pair.sides[1].screen), format!("{STAMP}two\n"));
    assert_eq!(pair.exits(), [Some(Exit::Success); 2], "{:?}", pair.sides[0].log);
}

#[test]
fn who_speaks_clear_text_is_answered_in_a_sentence_and_closed() {
    for (said, answer) in [("hello\n", "encrypted. To call it"), ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400")] {
        let endpoint = Endpoint::serve(settings(), false, vec![peer(9)], true, false);
        let mut side = Side::new(endpoint.encrypted(Some(security(code(RIGHT), false))));
        side.is_called(1);
        side.receives(said.as_bytes());
        assert!(says(&side, answer) && says(&side, "end our half"), "{:?}", side.log);
        side.delivers();
        side.receives_all();
        assert!(side.screen.is_empty() && says(&side, "close") && side.exit.is_none());
    }
}

#[test]
fn a_probe_leaves_no_trace_and_who_keeps_silent_is_disconnected() {
    let endpoint = Endpoint::serve(settings(), false, vec![peer(9)], true, false);
    let mut side = Side::new(endpoint.encrypted(Some(security(code(RIGHT), false))));
    side.log.clear();
    side.is_called(1);
    side.receives_all();
    side.delivers();
    assert_eq!(side.does(), ["start", "end our half", "close"]);
    side.is_called(2);
    side.passes(ms(6000));
    assert!(says(&side, "disconnect"), "{:?}", side.log);
    side.delivers();
    side.receives_all();
    assert!(says(&side, "took too long"), "{:?}", side.log);
}

#[test]
fn who_calls_waits_longer_than_somebody_who_called_before_may_keep_silent() {
    let endpoint = Endpoint::connect(settings(), Caller::default(), false);
    let mut side = Side::new(endpoint.encrypted(Some(security(code(RIGHT), true))));
    side.reaches();
    side.passes(ms(12_000));
    assert!(!says(&side, "disconnect"), "{:?}", side.log);
    side.passes(ms(4000));
    assert!(says(&side, "disconnect"), "{:?}", side.log);
}

#[test]
fn a_server_that_does_not_encrypt_is_no_server() {
    let endpoint = Endpoint::connect(settings(), Caller::default(), false);
    let mut side = Side::new(endpoint.encrypted(Some(security(code(RIGHT), true))));
    side.reaches();
    side.receives(b"This is a chat in clear text\n");
    side.delivers();
    side.receives_all();
    assert!(says(&side, "does not encrypt") && side.screen.is_empty(), "{:?}", side.log);
    assert_eq!(side.exit, Some(Exit::Failed));
}

#[test]
fn who_does_not_read_our_last_alert_is_disconnected_soon_and_the_failure_is_said_once() {
    let endpoint = Endpoint::connect(settings(), Caller::default(), false);
    let mut side = Side::new(endpoint.encrypted(Some(security(code(RIGHT), true))));
    side.reaches();
    // No handshake of TLS. The alert that says so is never written, and the peer does not close.
    side.receives(&[22, 3, 3, 0, 4, 2, 0, 0, 0]);
    assert!(!says(&side, "disconnect"), "{:?}", side.log);
    side.passes(ms(1000));
    assert!(says(&side, "disconnect"), "{:?}", side.log);
    side.delivers();
    side.receives_all();
    assert_eq!(side.exit, Some(Exit::Failed));
    assert_eq!(side.log.iter().filter(|line| line.contains("cannot talk to")).count(), 1, "{:?}", side.log);
}

#[test]
fn a_server_that_has_forgotten_the_caller_gets_a_code_and_the_user_reads_what_to_type() {
    let [called, mut calling] = [security(code(RIGHT), false), security(NO_CODE, true)];
    let key = called.identity.fingerprint();
    let _ = calling.known.add_server(&"example.org".parse().unwrap(), peer(9), key);
    let mut pair = pair([called, calling], settings());
    settle(&mut pair);
    let command = "to type it, call again: threadchat connect example.org:21567 --code -";
    assert!(says(&pair.sides[1], command), "{:?}", pair.sides[1].log);
    assert!(says(&pair.sides[0], "came without a code"), "{:?}", pair.sides[0].log);
}

#[test]
fn a_signal_while_the_channel_opens_ends_the_program() {
    for is_calling in [false, true] {
        let endpoint = match is_calling {
            true => Endpoint::connect(settings(), Caller::default(), false),
            false => Endpoint::serve(settings(), false, vec![peer(9)], true, false),
        };
        let mut side = Side::new(endpoint.encrypted(Some(security(code(RIGHT), is_calling))));
        if is_calling {
            side.reaches();
        } else {
            side.is_called(1);
        }
        side.handle(Event::Signal(SIGTERM));
        assert!(says(&side, "disconnect"), "{:?}", side.log);
        side.delivers();
        side.receives_all();
        assert_eq!(side.exit, Some(Exit::Signal(SIGTERM)));
    }
}

#[test]
fn the_next_caller_needs_another_code() {
    let endpoint = Endpoint::serve(settings(), false, vec![peer(9)], true, false);
    let connect = || {
        let endpoint = Endpoint::connect(settings(), Caller::default(), false);
        Side::new(endpoint.encrypted(Some(security(code(RIGHT), true))))
    };
    let serve = Side::new(endpoint.encrypted(Some(security(code(RIGHT), false))));
    let mut pair = Pair::of([serve, connect()], ms(1));
    pair.sides[1].types("88\n");
    settle(&mut pair);
    let serve = &pair.sides[0];
    assert!(says(serve, "close cleanly"), "{:?}", serve.log);
    assert!(
        serve.log.last().unwrap().starts_with("prompt waiting") || says(serve, "code for the next caller")
    );
    assert_eq!(serve.log.iter().filter(|line| line.starts_with("code for")).count(), 2);
    assert_eq!(serve.log.iter().filter(|line| line.contains(RIGHT)).count(), 1);
}

#[test]
fn a_line_that_is_cut_after_our_88_is_no_clean_end() {
    for broken in [false, true] {
        let mut pair = both(code(RIGHT), code(RIGHT));
        settle(&mut pair);
        pair.sides[1].types("a line that somebody in between swallows\n88\n");
        let side = &mut pair.sides[1];
        side.sent.clear();
        side.delivers();
        side.handle(Event::ReceivedAll(if broken {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }));
        assert!(says(side, "cut off") && side.exit == Some(Exit::Failed), "{:?}", side.log);
    }
}

#[test]
fn a_code_is_spent_also_by_somebody_who_is_known() {
    let [mut called, calling] = [security(code(RIGHT), false), security(code(RIGHT), true)];
    let _ = called.known.add_caller(calling.identity.fingerprint());
    let serve = Endpoint::serve(settings(), false, vec![peer(9)], true, false).encrypted(Some(called));
    let connect = Endpoint::connect(settings(), Caller::default(), false).encrypted(Some(calling));
    let mut pair = Pair::of([Side::new(serve), Side::new(connect)], ms(1));
    pair.sides[1].types("88\n");
    pair.drive();
    let serve = &pair.sides[0];
    assert!(says(serve, "encrypted: it is known"), "{:?}", serve.log);
    assert_eq!(serve.log.iter().filter(|line| line.starts_with("code for")).count(), 2);
}
