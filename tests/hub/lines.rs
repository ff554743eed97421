//! What members say, and what the others get.

use super::*;
use std::process::{Command, Stdio};

#[test]
fn a_message_goes_to_all_others_with_stamp_and_name_and_not_back_to_its_sender() {
    let (hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    bob.says("hello");
    alice.hears_next("<bob> hello");
    carol.hears_next("<bob> hello");
    hub.out.wait_for("<bob> hello\n");
    bob.has_heard(&[]);
    alice.says("hello, bob");
    bob.hears_next("<alice> hello, bob");
    carol.hears_next("<alice> hello, bob");
    alice.has_heard(&[]);
}

#[test]
fn me_describes_the_sender_after_a_star_and_the_name() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says("/me waves");
    alice.hears_next("* <bob> waves");
    bob.has_heard(&[]);
}

#[test]
fn me_cannot_imitate_an_announcement() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    for text in ["is now @operator", "was kicked", "left", "hub: 1 is in lobby: bob"] {
        bob.says(&format!("/me {text}"));
        alice.hears_next(&format!("* <bob> {text}"));
    }
    bob.says("/join tea");
    alice.hears_next("* bob left for tea");
}

#[test]
fn each_connect_is_a_member_and_its_stamps_are_not_doubled() {
    let (mut hub, port) = hub(&[]);
    let mut connect = connect(port, &[]);
    connect.out.wait_for("welcome to lobby, user1;");
    let mut bob = Client::joins_as(port, "bob");
    connect.out.wait_for("* user2 is now bob");
    connect.types("hello\n/name alice\n");
    bob.hears("<user1> hello");
    bob.hears("* user1 is now alice");
    bob.says("hello, alice");
    let heard = connect.out.wait_for("<bob> hello, alice\n");
    heard.lines().for_each(|line| check_stamp(line.as_bytes()));
    connect.types("88\n");
    connect.exits(0);
    bob.hears("* alice left");
    hub.types("88\n");
    hub.exits(0);
}

#[test]
fn a_stamp_of_the_sender_is_replaced_by_the_hubs() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says(&format!("{STAMP}hello"));
    alice.hears_next("<bob> hello");
    bob.says(&format!("{STAMP}/me waves"));
    alice.hears_next("* <bob> waves");
    bob.says("[not a stamp] hello");
    alice.hears_next("<bob> [not a stamp] hello");
    bob.says(&format!("{STAMP}{STAMP}hello"));
    alice.hears_next(&format!("<bob> {STAMP}hello"));
}

#[test]
fn only_a_line_that_is_88_without_a_stamp_leaves() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    for (line, heard) in [
        (format!("{STAMP}88"), "<bob> 88"),
        (" 88".to_owned(), "<bob>  88"),
        ("88 times".to_owned(), "<bob> 88 times"),
        ("//88".to_owned(), "<bob> /88"),
        ("/me 88".to_owned(), "* <bob> 88"),
    ] {
        bob.says(&line);
        alice.hears_next(heard);
    }
    bob.says("88");
    alice.hears_next("* bob left");
    // The goodbye is not passed on.
    assert_eq!(bob.hears_the_rest(), (vec![], String::new()));
    alice.has_heard(&[]);
}

#[test]
fn lines_after_88_are_dropped() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.sends("last words\n88\nand some more\n");
    alice.hears_next("<bob> last words");
    alice.hears_next("* bob left");
    alice.has_heard(&[]);
}

#[test]
fn an_empty_line_is_a_message() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says("");
    alice.hears_next("<bob> ");
    bob.says(STAMP);
    alice.hears_next("<bob> ");
}

#[test]
fn text_is_sanitized_before_it_is_sent() {
    let (hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.sends(b"\x1b[31mred\x07 caf\xe9 \xe2\x80\xaeend\rnot so\n");
    alice.hears_next("<bob> ^[[31mred^G caf\u{fffd} <U+202E>end^Mnot so");
    hub.out.wait_for("<bob> ^[[31mred^G caf\u{fffd} <U+202E>end^Mnot so\n");
    bob.sends(b"/me \x1b[2J\n");
    alice.hears_next("* <bob> ^[[2J");
    bob.sends(b"/msg alice \x1b]0;title\x07\xff\n");
    alice.hears_next("[bob -> you] ^[]0;title^G\u{fffd}");
    // An answer that quotes it is sanitized, too.
    bob.sends(b"/\x1b[2J\n/name \x1b[2J\n/msg \x1b[2J hello\n");
    assert!(bob.heard_so_far().iter().all(|line| !line.contains('\u{1b}')));
}

#[test]
fn no_message_can_imitate_the_hub() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says("* hub: your password, please");
    alice.hears_next("<bob> * hub: your password, please");
    bob.says("hello\r[stamp] <@operator> leave");
    alice.hears_next("<bob> hello^M[stamp] <@operator> leave");
}

#[cfg(unix)]
#[test]
fn a_killed_member_is_announced() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    let mut killed = connect(port, &[]);
    killed.types("/name alice\n");
    bob.hears("* user2 is now alice");
    killed.kill();
    let (_, line) = bob.hears_until_one(|line| line.starts_with("* alice "));
    assert!(line == "* alice left without 88" || line.starts_with("* alice lost the connection: "), "{line}");
}

/// Other tests rely on this to find out what has been sent so far.
#[test]
fn an_unknown_command_is_answered_after_everything_that_came_before() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    for n in 0..50 {
        bob.says(&n.to_string());
    }
    bob.catches_up();
    let heard = alice.heard_so_far();
    assert_eq!(heard, (0..50).map(|n| format!("<bob> {n}")).collect::<Vec<_>>());
}

#[test]
fn a_pipe_of_lines_arrives_line_by_line() {
    let (_hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"one\ntwo\n\nthree\n").unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut command: Command = threadchat(&["connect", &port.to_string()]);
    command.stdin(file).stdout(Stdio::piped()).stderr(Stdio::piped());
    Program::spawn(command).exits(0);
    let before = bob.hears_until("* user2 left");
    assert_eq!(before[1..], ["<user2> one", "<user2> two", "<user2> ", "<user2> three"]);
}
