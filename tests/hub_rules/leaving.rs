//! The ways out: what somebody who has to leave is told, and a goodbye that is said again.

use super::*;
use threadchat::rules::wire::REPEAT_AFTER;

const REASON: &str = "* hub: you were disconnected: you read too slowly, and the room waited 5 s for you";

/// A speaker, and a client that was disconnected because it read only this many bytes. The operator is in another room.
fn stalled(read: usize) -> (World, Id, Id) {
    let mut world = World::new(settings());
    let (speaker, stalled) = (world.joins_from("10.0.0.1").unwrap(), world.joins_from("10.0.0.2").unwrap());
    world.settles();
    world.answer(OPERATOR, "/join tea");
    world.says(speaker, &b"a line of some length, which is said many times\n".repeat(3000));
    world.takes(stalled, read);
    for _ in 0..51 {
        world.takes(speaker, usize::MAX);
        world.takes(OPERATOR, usize::MAX);
        world.passes(Duration::from_millis(100));
    }
    while world.takes(speaker, usize::MAX) + world.takes(OPERATOR, usize::MAX) > 0 {}
    assert!(world.has_stalled(speaker, "user2") && !world.waits(speaker));
    (world, speaker, stalled)
}

#[test]
fn who_is_disconnected_for_a_stall_is_told_why_after_what_is_partly_written() {
    for read in [0, 10, 1000] {
        let (mut world, _, stalled) = stalled(read);
        let before = world.lines(stalled).len();
        while world.takes(stalled, 100) > 0 {}
        let lines = world.lines(stalled);
        assert_eq!(lines.last().unwrap(), REASON);
        // What nothing was written of is dropped, and nothing is cut in the middle.
        assert_eq!(lines.len() - before > 1, read > 0, "{read}");
        assert!(world.sent[&stalled].len() < 48 * 1024);
        assert!(
            lines
                .iter()
                .all(|line| line.starts_with("* ") || line.starts_with("<user1> a line of some length"))
        );
        world.ends(stalled, Ok(()));
        assert!(world.gone.contains(&stalled));
    }
}

#[test]
fn the_operator_sees_who_was_disconnected_for_a_stall_in_whatever_room() {
    let (world, ..) = stalled(0);
    assert_eq!(
        world.lines(OPERATOR).last().unwrap(),
        "* hub: user2 was disconnected: the room waited 5 s for it"
    );
}

#[test]
fn who_was_disconnected_for_a_stall_and_accepts_nothing_holds_up_nobody_and_is_gone_soon() {
    let (mut world, speaker, stalled) = stalled(10);
    world.says(speaker, &b"a line of some length, which is said many times\n".repeat(3000));
    assert!(!world.waits(speaker));
    world.passes(Duration::from_secs(5));
    assert!(world.gone.contains(&stalled));
}

/// Says goodbye to a client that has said this. Returns after how many milliseconds each 88 came, and when its half was closed.
fn farewell(said: &[u8]) -> Vec<u128> {
    let mut world = World::new(settings());
    let client = world.joins();
    world.says(client, said);
    world.passes(Duration::from_secs(1));
    world.settles();
    world.says(OPERATOR, b"88\n");
    let (began, mut times) = (world.now, Vec::new());
    while world.exit.is_none() {
        if world.takes(client, usize::MAX) > 0 && world.sent[&client].ends_with(b"88") {
            times.push((world.now - began).as_millis());
        }
        assert!(world.step(Duration::from_secs(60)), "nothing is due");
    }
    times
}

#[test]
fn the_goodbye_is_said_again_to_a_client_that_has_never_sent_a_newline() {
    let (pause, again) = (PAUSE.as_millis(), (PAUSE + REPEAT_AFTER).as_millis());
    assert_eq!(farewell(b""), [pause, again]);
    assert_eq!(farewell(b"[Mon Nov  9 06:18:34 2026] hello"), [pause, again]);
    assert_eq!(farewell(b"hello\n").len(), 1);
    // A terminal shows what it gets, and somebody reads it.
    assert_eq!(farewell(b"\xff\xfb\x1f").len(), 1);
}

#[test]
fn the_goodbye_is_not_said_again_to_a_client_that_closes() {
    let mut world = World::new(settings());
    let client = world.joins();
    world.says(OPERATOR, b"/kick user1\n");
    world.settles();
    world.passes(PAUSE);
    world.settles();
    assert!(world.sent[&client].ends_with(b"\n88"));
    world.ends(client, Ok(()));
    assert!(world.gone.contains(&client));
}

#[test]
fn a_script_for_the_operator_that_goes_on_after_88_fails_and_says_so() {
    let rest = |said: &[&[u8]]| {
        let mut world = World::new(settings());
        said.iter().for_each(|said| world.says(OPERATOR, said));
        (world.exit, world.reported)
    };
    let told = vec!["threadchat: your input continued after that: the rest was not sent".to_owned()];
    for said in
        [&[&b"hello\n88\nand more\n"[..]][..], &[b"/quit\nand more\n"], &[b"88\nand", b" more\n", b"still\n"]]
    {
        assert_eq!(rest(said), (Some(Exit::Failed), told.clone()), "{said:?}");
    }
    for said in [&[&b"hello\n88\n"[..]][..], &[b"88"], &[b"8", b"8\n"]] {
        let (exit, reported) = rest(said);
        assert!(matches!(exit, Some(Exit::Success) | None) && reported.is_empty(), "{said:?}");
    }
}

#[test]
fn who_has_left_is_not_disconnected_before_the_end_of_our_half_is_written() {
    let mut world = World::new(settings());
    world.is_slow_to_close = true;
    let [slow, broken, silent] = [0; 3].map(|_| world.joins());
    world.settles();
    for id in [slow, broken, silent] {
        world.says(id, b"88\n");
        world.ends(id, Ok(()));
    }
    world.settles();
    assert!(world.gone.is_empty());
    world.handle(Event::HalfClosed(slow));
    assert_eq!(world.gone, HashSet::from([slow]));
    world.handle(Event::WriteFailed(broken, io::ErrorKind::BrokenPipe.into()));
    assert_eq!(world.gone, HashSet::from([slow, broken]));
    // Who does not take it is not waited for.
    world.passes(Duration::from_secs(2));
    assert!(world.gone.contains(&silent));
}

#[test]
fn a_line_that_breaks_off_within_its_stamp_says_nothing() {
    let mut world = World::new(settings());
    let (speaker, listener) = (world.joins(), world.joins());
    world.says(speaker, b"[Mon Nov  9 06:18:34 2026] hello\n[Mon Nov");
    world.ends(speaker, Err(io::ErrorKind::ConnectionReset.into()));
    world.settles();
    let said: Vec<_> = world.lines(listener).into_iter().filter(|line| line.starts_with('<')).collect();
    assert_eq!(said, ["<user1> hello"]);
}
