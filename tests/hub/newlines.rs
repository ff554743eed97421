//! Clients with other line ends, or none.

use super::*;

#[test]
fn lines_may_end_like_those_of_telnet() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.sends("hello\r\n");
    alice.hears_next("<bob> hello");
    bob.sends("/name robert\r\n");
    bob.hears_next("* hub: you are now robert");
    alice.hears_next("* bob is now robert");
    bob.sends("88\r\n");
    alice.hears_next("* robert left");
}

#[test]
fn a_client_without_newlines_is_heard_after_a_pause_and_leaves_with_88() {
    let (_hub, port) = hub(&[]);
    let mut alice = Client::joins_as(port, "alice");
    let mut tutorial = Client::calls(port).reads_greeting();
    // Nobody is told of it before it sends something, or a second has passed.
    tutorial.sends(format!("{STAMP}hello"));
    alice.hears_next("* user2 joined");
    alice.hears_next("<user2> hello");
    tutorial.sends(format!("{STAMP}/name bob"));
    alice.hears_next("* user2 is now bob");
    tutorial.sends(format!("{STAMP}88"));
    alice.hears_next("<bob> 88");
    tutorial.sends("88");
    alice.hears_next("* bob left");
    tutorial.hears_the_rest();
}

#[test]
fn half_a_line_of_a_client_with_newlines_waits_for_the_other_half() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.sends("half a ");
    // Longer than the quiet time, which applies only to peers that never send a newline.
    std::thread::sleep(std::time::Duration::from_millis(150));
    alice.has_heard(&[]);
    bob.sends("line\n");
    alice.hears_next("<bob> half a line");
}

#[test]
fn the_unfinished_last_line_comes_before_the_announcement() {
    let (_hub, [mut bob, mut alice]) = hub_with(&[], ["bob", "alice"]);
    bob.sends("one\nlast words");
    bob.ends_without_88();
    alice.hears_next("<bob> one");
    alice.hears_next("<bob> last words");
    alice.hears_next("* bob left without 88");
}
