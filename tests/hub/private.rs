//! Private messages.

use super::*;

#[test]
fn a_private_message_goes_to_one_member_and_is_not_echoed() {
    let (hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    bob.says("/msg alice between us");
    alice.hears_next("[bob -> you] between us");
    bob.has_heard(&[]);
    carol.has_heard(&[]);
    bob.says("to all");
    hub.out.wait_for("<bob> to all\n");
    assert!(!hub.out.text().contains("between us"));
}

#[test]
fn a_private_message_accepts_every_spelling_of_a_name() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    for name in ["Alice", "ALICE", "ａｌｉｃｅ"] {
        bob.says(&format!("/msg {name} hello"));
        alice.hears_next("[bob -> you] hello");
    }
}

#[test]
fn a_private_message_to_an_unknown_name_is_answered() {
    let (_hub, [bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    alice.is_answered("/msg carol hello", "nobody here is called carol");
    bob.leaves();
    alice.hears_next("* bob left");
    alice.is_answered("/msg bob hello", "nobody here is called bob");
}

#[test]
fn a_reply_goes_to_the_last_sender() {
    let (_hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    alice.is_answered("/reply hello", "nobody has written to you yet");
    bob.says("/msg alice one");
    alice.hears_next("[bob -> you] one");
    alice.says("/reply two");
    bob.hears_next("[alice -> you] two");
    carol.says("/msg alice three");
    alice.hears_next("[carol -> you] three");
    alice.says("/reply four");
    carol.hears_next("[alice -> you] four");
    bob.says("/reply five");
    alice.hears_next("[bob -> you] five");
    bob.has_heard(&[]);
}

/// The new owner of the old name must not get it.
#[test]
fn a_reply_reaches_a_sender_who_has_changed_names() {
    let (_hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    bob.says("/msg alice hello");
    alice.hears_next("[bob -> you] hello");
    bob = bob.calls_themselves("robert");
    carol = carol.calls_themselves("bob");
    alice.catches_up();
    bob.catches_up();
    carol.catches_up();
    alice.says("/reply hello, robert");
    bob.hears_next("[alice -> you] hello, robert");
    carol.has_heard(&[]);
    bob.leaves();
    carol.hears_next("* robert left");
    alice.catches_up();
    alice.says("/reply are you there?");
    let heard = alice.heard_so_far();
    assert!(heard.len() == 1 && heard[0].starts_with("* hub: "), "{heard:?}");
    carol.has_heard(&[]);
}

#[test]
fn the_operator_sends_and_receives_private_messages() {
    let (mut hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    hub.types("/msg bob well done\n");
    bob.hears_next("[@operator -> you] well done");
    bob.says("/reply thank you");
    hub.out.wait_for("[bob -> you] thank you\n");
    alice.has_heard(&[]);
    hub.types("/msg carol hello\n");
    hub.out.wait_for("* hub: nobody here is called carol\n");
}
