//! Names that their holders lose, because their connections are dead.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const TAKEN: &str = "* hub: the name bob is taken; if you were bob, you get it when your old connection has not answered for 10 seconds";

const KEEPS: &str = "* hub: bob is still connected and keeps the name";

/// A bob, and somebody else at the same address.
fn bob_and_another() -> (World, Id, Id) {
    let mut world = World::new(settings());
    let (bob, other) = (world.joins(), world.joins());
    world.answer(bob, "/name bob");
    (world, bob, other)
}

/// The lines that somebody was sent since there were `from`, after they have read everything.
fn since(world: &mut World, id: Id, from: usize) -> Vec<String> {
    while world.takes(id, usize::MAX) > 0 {}
    world.lines(id).split_off(from)
}

#[test]
fn a_name_is_taken_over_at_once_if_its_holder_is_known_not_to_answer() {
    let (mut world, bob, back) = bob_and_another();
    world.states.insert(bob, silent_for(SECOND * 20));
    world.passes(SECOND * 20);
    let from = world.lines(back).len();
    world.says(back, b"/name bob\n");
    assert_eq!(
        since(&mut world, back, from),
        [
            TAKEN,
            "* bob vanished: no answer for 20 s",
            "* hub: the old connection of bob has not answered for 20 s and was disconnected",
            "* hub: you are now bob",
        ]
    );
    // The old connection is told, as far as it accepts it, and closed.
    let told = "* hub: this connection has not answered for 20 s, and somebody at your address has taken the name bob";
    assert_eq!(since(&mut world, bob, 0).pop().unwrap(), told);
    world.passes(SECOND * 2);
    assert!(world.gone.contains(&bob));
}

#[test]
fn a_name_is_taken_over_as_soon_as_it_turns_out_that_its_holder_does_not_answer() {
    let (mut world, bob, back) = bob_and_another();
    world.passes(SECOND * 60);
    // Nothing was sent to it lately, so it is sent a line now.
    assert_eq!(world.answer(back, "/name bob"), TAKEN);
    assert_eq!(world.lines(bob).pop().unwrap(), "* hub: somebody at your address asks for your name");
    let asked = world.now;
    world.states.insert(bob, silent_for(SECOND * 60));
    while world.lines(back).last().unwrap() != "* hub: you are now bob" {
        assert!(world.step(SECOND * 2), "nothing is due");
        while world.takes(back, usize::MAX) > 0 {}
    }
    assert_eq!(world.now - asked, SECOND * 10);
}

#[test]
fn if_two_ask_for_a_name_one_gets_it_and_its_holder_vanishes_once() {
    let (mut world, bob, one) = bob_and_another();
    let (two, witness) = (world.joins(), world.joins());
    world.passes(SECOND * 60);
    let (from, seen) = (world.lines(two).len(), world.lines(witness).len());
    world.says(one, b"/name bob\n");
    world.says(two, b"/name bob\n");
    world.states.insert(bob, silent_for(SECOND * 20));
    while !since(&mut world, one, 0).contains(&"* hub: you are now bob".to_owned()) {
        assert!(world.step(SECOND * 2), "nothing is due");
    }
    world.passes(SECOND * 20);
    let seen = since(&mut world, witness, seen);
    assert_eq!(seen.iter().filter(|line| line.starts_with("* bob vanished")).count(), 1, "{seen:?}");
    let told = since(&mut world, two, from);
    assert_eq!(told.iter().filter(|line| line.contains("was disconnected")).count(), 0, "{told:?}");
    assert_eq!(told.iter().filter(|line| *line == TAKEN).count(), 2, "{told:?}");
    assert_eq!(told.last().unwrap(), KEEPS);
    // The one who has it now is still there.
    assert!(world.gone.contains(&bob) && !world.gone.contains(&one));
}

#[test]
fn a_holder_that_answers_keeps_the_name_and_the_other_is_told() {
    let (mut world, bob, other) = bob_and_another();
    assert_eq!(world.answer(other, "/name bob"), TAKEN);
    world.passes(SECOND);
    assert_eq!(since(&mut world, other, 0).pop().unwrap(), KEEPS);
    // It is not bothered again at once.
    let told = since(&mut world, bob, 0).len();
    assert_eq!(world.answer(other, "/name bob"), KEEPS);
    assert_eq!(since(&mut world, bob, 0).len(), told);
    // And nothing is left to be done.
    while world.step(SECOND * 3600) {}
    assert!(!world.gone.contains(&bob));
}

#[test]
fn a_name_whose_holder_leaves_meanwhile_goes_to_the_one_who_asked_for_it() {
    let (mut world, bob, other) = bob_and_another();
    world.says(other, b"/name bob\n");
    world.says(bob, b"88\n");
    assert_eq!(since(&mut world, other, 0).pop().unwrap(), "* hub: you are now bob");
}

#[test]
fn who_takes_another_name_meanwhile_keeps_that() {
    let (mut world, bob, other) = bob_and_another();
    world.says(other, b"/name bob\n/name robert\n");
    world.says(bob, b"88\n");
    let third = world.joins();
    assert_eq!(world.answer(third, "/name bob"), "* hub: you are now bob");
    assert_eq!(world.answer(other, "/who"), "* hub: 3 are in lobby: bob, robert, @operator");
}

#[test]
fn a_holder_that_is_leaving_holds_nothing() {
    let (mut world, bob, other) = bob_and_another();
    // It has not read what it was sent, and does not close.
    world.says(bob, b"88\n");
    assert!(!world.gone.contains(&bob));
    assert_eq!(world.answer(other, "/name bob"), "* hub: you are now bob");
}

#[test]
fn an_address_of_ipv6_is_its_network_and_a_mapped_one_is_that_of_ipv4() {
    for (one, other) in [("2001:db8::1", "2001:db8::2"), ("::ffff:192.0.2.1", "192.0.2.1")] {
        let mut world = World::new(settings());
        let bob = world.joins_from(one).unwrap();
        world.answer(bob, "/name bob");
        world.states.insert(bob, silent_for(SECOND * 20));
        world.passes(SECOND * 20);
        let back = world.joins_from(other).unwrap();
        assert_eq!(world.answer(back, "/name bob"), "* hub: you are now bob");
    }
}

#[test]
fn many_who_ask_for_a_name_do_not_flood_its_holder() {
    let (mut world, bob, _) = bob_and_another();
    let many = world.join_many("127.0.0.1", 50);
    world.settles();
    let before = world.lines(bob).len();
    for _ in 0..10 {
        many.iter().for_each(|id| world.says(*id, b"/name bob\n"));
        world.passes(SECOND / 10);
    }
    let told = since(&mut world, bob, before);
    assert_eq!(told.iter().filter(|line| line.ends_with("asks for your name")).count(), 1, "{told:?}");
}

#[test]
fn somebody_at_another_address_does_not_get_the_name_of_a_vanished_client() {
    let mut world = World::new(settings());
    let bob = world.joins();
    world.answer(bob, "/name bob");
    world.states.insert(bob, silent_for(Duration::from_secs(20)));
    let other = world.joins_from("127.0.0.2").unwrap();
    for _ in 0..3 {
        assert_eq!(world.answer(other, "/name bob"), "* hub: the name bob is taken");
        world.passes(Duration::from_secs(5));
    }
}
