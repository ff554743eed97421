//! Commands without a file of their own.

use super::*;

#[test]
fn who_lists_the_members_of_the_room() {
    let (_hub, [mut bob, _alice]) = hub_with(&[], ["bob", "alice"]);
    bob.is_answered("/who", "3 are in lobby: alice, bob, @operator");
}

#[test]
fn an_unknown_command_is_answered_with_a_hint() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.is_answered("/foo", "unknown command /foo; /help lists the commands, //foo says /foo");
    bob.is_answered("/foo and more", "unknown command /foo; /help lists the commands, //foo says /foo");
    alice.has_heard(&[]);
}

#[test]
fn a_double_slash_begins_a_text() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says("//who is it?");
    alice.hears_next("<bob> /who is it?");
    bob.says("///");
    alice.hears_next("<bob> //");
    bob.says(" /who");
    alice.hears_next("<bob>  /who");
    bob.has_heard(&[]);
}

#[test]
fn help_lists_each_command_and_the_operators_only_to_the_operator() {
    let (mut hub, port) = hub(&[]);
    let mut bob = Client::joins(port);
    bob.says("/help");
    let help = bob.heard_so_far();
    assert!(help.iter().all(|line| line.starts_with("* hub: ")), "{help:#?}");
    let help = help.join("\n");
    let everyones = [
        "/name", "/nick", "/who", "/msg", "/reply", "/me", "/join", "/part", "/rooms", "/ignore", "/help",
        "//", "88", "/quit",
    ];
    for command in everyones {
        assert!(help.contains(command), "{command} in {help}");
    }
    assert!(!help.contains("/kick") && !help.contains("/ban"), "{help}");
    hub.types("/help\n/end\n");
    let help = hub.out.wait_for(&no_such_command("end"));
    for command in everyones.into_iter().chain(["/kick", "/ban"]) {
        assert!(help.contains(command), "{command} in {help}");
    }
}

#[test]
fn a_command_without_its_argument_is_answered_to_its_sender_alone() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    for command in ["/msg", "/msg alice", "/reply", "/join", "/ignore", "/ignore nobody"] {
        bob.says(command);
        let heard = bob.heard_so_far();
        assert!(
            !heard.is_empty() && heard.iter().all(|line| line.starts_with("* hub: ")),
            "{command}: {heard:?}"
        );
    }
    alice.has_heard(&[]);
}

#[test]
fn somebody_ignored_is_not_heard_until_they_are_ignored_again() {
    let (_hub, [mut bob, mut alice, mut carol]) = hub_with(&[], ["bob", "alice", "carol"]);
    alice.says("/ignore bob");
    assert_eq!(alice.heard_so_far().len(), 1);
    bob.says("can you hear me?");
    bob.says("/me waves");
    bob.says("/msg alice can you hear me?");
    bob.has_heard(&["* hub: alice ignores you"]);
    carol.says("no");
    carol.has_heard(&["<bob> can you hear me?", "* <bob> waves"]);
    alice.has_heard(&["<carol> no"]);
    bob.has_heard(&["<carol> no"]);
    alice.says("/ignore BOB");
    assert_eq!(alice.heard_so_far().len(), 1);
    bob.says("and now?");
    alice.hears_next("<bob> and now?");
    bob.says("/msg alice and here?");
    alice.hears_next("[bob -> you] and here?");
}

#[test]
fn only_the_operator_can_kick_and_ban() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.says("/kick alice");
    bob.says("/ban 127.0.0.1");
    let heard = bob.heard_so_far();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard.iter().all(|line| line.starts_with("* hub: ")), "{heard:?}");
    alice.has_heard(&[]);
    bob.says("still here?");
    alice.hears_next("<bob> still here?");
}
