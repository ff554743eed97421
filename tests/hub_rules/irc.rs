//! What people type who are used to IRC.

use super::*;

#[test]
fn nick_changes_the_name() {
    let mut world = World::new(settings());
    let [bob] = world.join_as(["bob"]);
    assert_eq!(world.answer(bob, "/nick robert"), "* hub: you are now robert");
    assert_eq!(world.answer(bob, "/nick"), "* hub: usage: /name NEW");
}

#[test]
fn quit_is_a_goodbye_that_the_hub_answers() {
    let mut world = World::new(settings());
    let [bob, ann] = world.join_as(["bob", "ann"]);
    let heard = world.heard(ann, |world| world.says(bob, b"/quit\nnot said any more\n"));
    assert_eq!(heard, ["* bob left"]);
    world.passes(PAUSE);
    world.settles();
    assert!(world.sent[&bob].ends_with(b"88"));
    world.ends(bob, Ok(()));
    assert!(world.gone.contains(&bob));
}

#[test]
fn the_text_of_quit_is_said_first() {
    let mut world = World::new(settings());
    let [bob, ann] = world.join_as(["bob", "ann"]);
    let heard = world.heard(ann, |world| world.says(bob, b"well\n/quit so long, * ann left\n"));
    assert_eq!(heard, ["<bob> well", "<bob> so long, * ann left", "* bob left"]);
}

#[test]
fn the_text_of_quit_waits_for_a_full_outbox_as_any_other() {
    let mut world = World::new(settings());
    let [speaker, other, _stalled] = world.join_as(["speaker", "other", "stalled"]);
    // Who says little need not wait.
    world.says(speaker, &b"some line or other\n".repeat(500));
    world.says(other, &b"some line or other\n".repeat(5000));
    assert!(!world.waits(speaker) && world.waits(other));
    world.says(speaker, b"/quit so long\n");
    let is_gone = |world: &World| world.lines(other).contains(&"* speaker left".to_owned());
    world.takes(other, usize::MAX);
    assert!(!is_gone(&world));
    world.settles();
    assert!(is_gone(&world) && world.lines(other).contains(&"<speaker> so long".to_owned()));
}

#[test]
fn the_connections_of_those_who_quit_are_bounded_like_those_of_all_who_leave() {
    let mut world = World::new(settings());
    let many: Vec<_> = world.join_many("127.0.0.1", 30);
    world.settles();
    many.iter().for_each(|id| world.says(*id, b"/quit\n"));
    world.passes(PAUSE);
    world.settles();
    assert_eq!(many.iter().filter(|id| !world.gone.contains(id)).count(), 8);
}

#[test]
fn quit_of_the_operator_ends_the_hub_after_everything_said_before() {
    let mut world = World::new(settings());
    let [bob] = world.join_as(["bob"]);
    world.says(OPERATOR, b"hello\n/quit so long\n");
    world.passes(PAUSE);
    world.settles();
    let lines = world.lines(bob);
    assert_eq!(lines[lines.len() - 2..], ["<@operator> hello", "<@operator> so long"]);
    assert!(world.sent[&bob].ends_with(b"88"));
    world.ends(bob, Ok(()));
    assert_eq!(world.exit, Some(Exit::Success));
}

#[test]
fn quit_of_the_operator_does_not_wait_for_a_full_outbox() {
    let mut world = World::new(settings());
    let [bob, _stalled] = world.join_as(["bob", "stalled"]);
    world.says(OPERATOR, &b"some line or other\n".repeat(10_000));
    world.says(OPERATOR, b"/quit so long\n");
    world.takes(bob, usize::MAX);
    world.passes(PAUSE);
    world.takes(bob, usize::MAX);
    assert!(world.sent[&bob].ends_with(b"88"));
    assert_eq!(world.lines(bob).last().unwrap(), "<@operator> so long");
    assert_eq!(world.lines(bob).iter().filter(|line| line.ends_with("some line or other")).count(), 10_000);
}

#[test]
fn part_goes_back_to_the_lobby_or_says_how_to_leave() {
    let mut world = World::new(settings());
    let [bob, ann] = world.join_as(["bob", "ann"]);
    world.answer(bob, "/join tea");
    assert_eq!(world.answer(bob, "/part coffee"), "* hub: you are not in coffee");
    let heard = world.heard(ann, |world| world.says(bob, b"/part TEA see you\n"));
    assert_eq!(heard, ["* bob joined"]);
    let lines = world.lines(bob);
    assert!(lines.contains(&"* hub: welcome to lobby, bob; 88 leaves, /help lists the commands".to_owned()));
    for command in ["/part", "/part lobby"] {
        assert_eq!(
            world.answer(bob, command),
            "* hub: you are in lobby, where everybody begins; 88 leaves the hub"
        );
    }
    assert_eq!(world.answer(bob, "/part tea"), "* hub: you are not in tea");
}

#[test]
fn part_is_a_change_of_room_that_waits_like_join() {
    let mut world = World::new(settings());
    let [bob] = world.join_as(["bob"]);
    let welcome = |room| format!("* hub: welcome to {room}, bob; 88 leaves, /help lists the commands");
    let heard = world.heard(bob, |world| world.says(bob, &b"/join tea\n/part\n".repeat(2)));
    let welcomes =
        |heard: Vec<String>| heard.into_iter().filter(|line| line.contains("welcome")).collect::<Vec<_>>();
    assert_eq!(welcomes(heard), ["tea", "lobby", "tea"].map(welcome));
    let heard = world.heard(bob, |world| world.passes(Duration::from_secs(60)));
    assert_eq!(welcomes(heard), [welcome("lobby")]);
}
