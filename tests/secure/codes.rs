//! Codes: right, wrong, burnt, used a second time, and none.

use super::*;
use std::io::Write;
use std::time::{Duration, Instant};

#[test]
fn who_has_the_code_is_admitted_and_known_from_then_on() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, first) = anna.serves(&[]);
    let mut connect = ben.calls(port, &first, &[]);
    talk(&mut serve, &mut connect);
    assert!(connect.err.text().contains("encrypted: it has the code"), "{}", connect.err.text());
    assert!(connect.err.text().contains(&anna.key()), "{}", connect.err.text());
    assert!(serve.err.text().contains(&ben.key()), "{}", serve.err.text());
    // Neither a code nor an option is needed any more.
    let mut connect = ben.calls(port, "", &[]);
    talk(&mut serve, &mut connect);
    assert!(connect.err.text().contains("encrypted: it is known"), "{}", connect.err.text());
    serve.types("88\n");
    serve.exits(0);
}

#[test]
fn a_code_is_good_for_one_conversation() {
    let (anna, ben, eve) = (User::new(), User::new(), User::new());
    let (mut serve, port, first) = anna.serves(&[]);
    talk(&mut serve, &mut ben.calls(port, &first, &[]));
    let second = code(&serve, 2);
    assert_ne!(first, second);
    fails(&mut eve.calls(port, &first, &[]), WRONG_CODE);
}

#[test]
fn a_wrong_code_is_refused_at_both_ends_and_burns_the_right_one() {
    let (anna, ben, eve) = (User::new(), User::new(), User::new());
    let (mut serve, port, first) = anna.serves(&[]);
    let mut connect = eve.calls(port, &wrong(&first), &[]);
    connect.types("is anybody there?\n");
    fails(&mut connect, WRONG_CODE);
    serve.err.wait_for(&format!("was not admitted: {WRONG_CODE}"));
    // The right one, at once: there is no code for a moment.
    fails(&mut ben.calls(port, &first, &[]), "accepts no code at the moment");
    let second = code(&serve, 2);
    assert_ne!(first, second);
    assert_eq!(serve.out.text(), "");
    talk(&mut serve, &mut ben.calls(port, &second, &[]));
    assert!(!eve.file("known_hosts").exists(), "who was refused is not remembered");
}

#[test]
fn a_caller_without_a_code_is_refused_and_the_code_stays_good() {
    let (anna, ben, eve) = (User::new(), User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&[]);
    let mut connect = eve.calls(port, "", &["--trust-first"]);
    fails(
        &mut connect,
        "asks for the code that it shows; to type it, call again: threadchat connect 127.0.0.1:",
    );
    serve.err.wait_for("was not admitted: the other side is not known here, and came without a code");
    talk(&mut serve, &mut ben.calls(port, &code, &[]));
}

#[test]
fn who_trusts_first_needs_no_code_and_knows_the_other_afterwards() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port) = serve_with(anna.command(&["serve", "0", "--trust-first"]));
    talk(&mut serve, &mut ben.calls(port, "", &["--trust-first"]));
    let mut connect = ben.calls(port, "", &[]);
    talk(&mut serve, &mut connect);
    assert!(connect.err.text().contains("encrypted: it is known"), "{}", connect.err.text());
}

/// A caller need not type a code to be believed, but a program that never goes on must not keep others out.
#[test]
fn a_caller_that_stops_in_the_middle_of_its_hello_makes_way_after_five_seconds() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&[]);
    let mut hello = Vec::new();
    tls::files().client(true).write_tls(&mut hello).unwrap();
    let began = Instant::now();
    let mut half = call(port);
    half.write_all(&hello[..hello.len() / 2]).unwrap();
    talk(&mut serve, &mut ben.calls(port, &code, &[]));
    assert!(began.elapsed() > Duration::from_secs(4) && began.elapsed() < Duration::from_secs(20));
    assert!(serve.err.text().contains("took too long"), "{}", serve.err.text());
}

/// As one that stops in the middle of the proof.
#[test]
fn a_caller_that_stops_after_the_handshake_makes_way_and_the_code_stays_good() {
    let (anna, ben) = (User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&[]);
    let _silent = tls::encrypt(call(port), tls::files().client(true));
    talk(&mut serve, &mut ben.calls(port, &code, &[]));
}

#[test]
fn a_caller_hears_that_the_line_is_busy_while_others_talk() {
    let (anna, ben, eve) = (User::new(), User::new(), User::new());
    let (mut serve, port, code) = anna.serves(&[]);
    let mut connect = ben.calls(port, &code, &[]);
    connect.err.wait_for("encrypted: ");
    fails(&mut eve.calls(port, &code, &[]), "the line may be busy");
    serve.err.wait_for("was told that the line is busy");
    talk(&mut serve, &mut connect);
}
