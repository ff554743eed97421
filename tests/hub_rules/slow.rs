//! Who waits for slow readers, and what it costs those.

use super::*;

const LINE: &[u8] = b"a line of some length, which is said many times\n";

/// Everybody but these reads everything, for this long.
fn passes_while_others_read(world: &mut World, slow: &[Id], time: Duration) {
    let step = Duration::from_millis(100);
    for _ in 0..time.as_millis() / step.as_millis() {
        world.passes(step);
        for id in world.clients.clone().into_iter().chain([OPERATOR]).filter(|id| !slow.contains(id)) {
            while world.takes(id, usize::MAX) > 0 {}
        }
    }
}

#[test]
fn answers_to_ones_own_commands_make_nobody_wait_but_oneself() {
    let mut world = World::new(settings());
    let [asker, speaker, other] = world.join_as(["asker", "speaker", "other"]);
    world.says(asker, &b"/help\n".repeat(10_000));
    assert!(world.waits(asker));
    world.says(speaker, &LINE.repeat(500));
    while world.takes(other, usize::MAX) > 0 {}
    assert!(!world.waits(speaker));
    assert_eq!(world.lines(other).iter().filter(|line| line.starts_with("<speaker> a line")).count(), 500);
    // And none of the answers is lost.
    world.settles();
    assert!(!world.waits(asker));
    assert_eq!(world.lines(asker).iter().filter(|line| line.contains("show this list")).count(), 10_000);
}

#[test]
fn those_who_waited_take_turns_whoever_filled_the_outbox() {
    let mut world = World::new(settings());
    let [slow, one, two, three] = world.join_as(["slow", "one", "two", "three"]);
    for speaker in [one, two, three] {
        world.says(speaker, &LINE.repeat(3000));
    }
    for _ in 0..20 {
        world.takes(slow, OUTBOX / 2);
        passes_while_others_read(&mut world, &[slow], Duration::from_millis(100));
        let lines = world.lines(slow);
        let heard =
            ["<one>", "<two>", "<three>"].map(|by| lines.iter().filter(|line| line.starts_with(by)).count());
        // None gets further ahead of the others than it was when the outbox became full.
        let (most, least) = (heard.iter().max().unwrap(), heard.iter().min().unwrap());
        assert!(most - least < 2000, "{heard:?}");
    }
}

#[test]
fn a_private_message_to_somebody_who_does_not_read_delays_nothing_else() {
    let mut world = World::new(settings());
    let [deaf, writer, other] = world.join_as(["deaf", "writer", "other"]);
    for n in 0..100 {
        world.says(writer, format!("/msg deaf this is message {n}\nthis is line {n}\n").as_bytes());
        while world.takes(other, usize::MAX) > 0 {}
        assert_eq!(world.lines(other).last().unwrap(), &format!("<writer> this is line {n}"));
    }
    // Who sends it very much waits, but nobody else does.
    world.says(writer, format!("/msg deaf {}\n", "x".repeat(900)).repeat(200).as_bytes());
    assert!(world.waits(writer));
    let elsewhere = world.joins_from("192.0.2.1").unwrap();
    world.says(elsewhere, b"/msg deaf are you there?\nI am\n");
    assert!(!world.waits(elsewhere));
    passes_while_others_read(&mut world, &[deaf], Duration::from_secs(6));
    assert!(world.has_stalled(other, "deaf") && !world.waits(writer));
}

#[test]
fn coming_back_does_not_wipe_the_account() {
    let mut world = World::new(settings());
    let [speaker, _] = world.join_as(["speaker", "listener"]);
    let mut held = Vec::new();
    for n in 3..15 {
        let deaf = world.joins_from("10.6.6.6").unwrap();
        let began = world.now;
        while !world.has_stalled(speaker, &format!("user{n}")) {
            if !world.said.contains_key(&speaker) || !world.waits(speaker) {
                world.says(speaker, &LINE.repeat(1000));
            }
            passes_while_others_read(&mut world, &[deaf], Duration::from_millis(100));
        }
        held.push((world.now - began).as_secs_f64());
    }
    // Five seconds each until the address owes more than ten, and then half a second.
    assert!(held[..2].iter().all(|held| (4.9..5.3).contains(held)), "{held:?}");
    assert!(held[4..].iter().all(|held| (0.5..0.8).contains(held)), "{held:?}");
    // Who comes now and reads is not to suffer for it.
    let reader = world.joins_from("10.6.6.6").unwrap();
    for _ in 0..100 {
        if !world.said.contains_key(&speaker) || !world.waits(speaker) {
            world.says(speaker, &LINE.repeat(1000));
        }
        world.takes(reader, 64 * 1024 / 10);
        passes_while_others_read(&mut world, &[reader], Duration::from_millis(100));
        assert!(!world.gone.contains(&reader));
    }
}

#[test]
fn who_reads_64_kib_a_second_is_never_disconnected() {
    let mut world = World::new(Settings { outbox: 1 << 20, ..settings() });
    let [speaker, slow] = world.join_as(["speaker", "slow"]);
    for tenths in 0..6000_usize {
        if !world.said.contains_key(&speaker) || !world.waits(speaker) {
            world.says(speaker, &LINE.repeat(1000));
        }
        // In steps of two seconds, and later of six, as TCP reports it.
        let step = if tenths < 100 { 2 } else { 6 };
        if tenths % (10 * step) == 10 * step - 1 {
            world.takes(slow, step * 64 * 1024);
        }
        passes_while_others_read(&mut world, &[slow], Duration::from_millis(100));
        assert!(!world.gone.contains(&slow), "after {tenths} tenths of a second");
    }
}

#[test]
fn who_reads_half_of_that_is_disconnected_all_the_same() {
    let mut world = World::new(settings());
    let [speaker, slow] = world.join_as(["speaker", "slow"]);
    let began = world.now;
    while !world.has_stalled(speaker, "slow") {
        if !world.said.contains_key(&speaker) || !world.waits(speaker) {
            world.says(speaker, &LINE.repeat(1000));
        }
        world.takes(slow, 32 * 1024 / 10);
        passes_while_others_read(&mut world, &[slow], Duration::from_millis(100));
    }
    let took = (world.now - began).as_secs_f64();
    assert!((9.0..18.0).contains(&took), "{took}");
}

#[test]
fn the_room_and_the_operator_are_told_who_reads_slowly() {
    let mut world = World::new(settings());
    let [slow, speaker, other] = world.join_as(["slow", "speaker", "other"]);
    assert_eq!(world.answer(OPERATOR, "/behind"), "* hub: nobody is behind");
    world.says(speaker, &LINE.repeat(3000));
    passes_while_others_read(&mut world, &[slow], Duration::from_secs(2));
    let told = "* hub: the room waits for slow, who reads slowly".to_owned();
    assert_eq!(world.lines(other).iter().filter(|line| **line == told).count(), 1);
    for (command, before) in [("/behind", "1 behind: slow ("), ("/who", "4 are in lobby: ")] {
        world.says(OPERATOR, format!("{command}\n").as_bytes());
        while world.takes(OPERATOR, usize::MAX) > 0 {}
        let answer = world.lines(OPERATOR).pop().unwrap();
        assert!(answer.starts_with(&format!("* hub: {before}")), "{answer}");
        assert_eq!(answer.matches(" KiB behind, cost 2.0 s").count(), 1, "{answer}");
    }
}

#[test]
fn with_a_rate_a_long_line_counts_as_several() {
    let mut world = World::new(Settings { rate: Some(10.0), max_line: 100_000, ..settings() });
    let [speaker, other] = world.join_as(["speaker", "other"]);
    world.passes(Duration::from_secs(10));
    world.says(speaker, format!("{}\nafter it\n", "x".repeat(5000)).as_bytes());
    let heard = |world: &mut World| {
        world.settles();
        world.lines(other).contains(&"<speaker> after it".to_owned())
    };
    // 5,000 bytes begin ten times 512.
    world.passes(Duration::from_millis(980));
    assert!(!heard(&mut world));
    world.passes(Duration::from_millis(20));
    assert!(heard(&mut world));
}

#[test]
fn a_transcript_gets_no_more_at_once_than_it_can_keep() {
    let mut world = World::new(Settings { transcribed: true, ..settings() });
    let speakers: Vec<_> = world.join_many("127.0.0.1", 50);
    for (n, id) in speakers.iter().enumerate() {
        world.says(*id, format!("/join room{n}\n").as_bytes());
    }
    world.settles();
    world.recorded.clear();
    for id in &speakers {
        // Handled in one batch: nothing is recorded meanwhile.
        let buffer = Buffer::with_input(&[b'\n'; 60_000]);
        world.hub.handle(Event::Read(*id, buffer), world.moment());
    }
    world.hub.handle_timeout(world.moment());
    let mut bytes = 0;
    while let Some(action) = world.hub.poll_action() {
        if let Action::Record { what: What::Said { post, .. }, .. } = action {
            bytes += post.lines.len();
        }
    }
    assert!(bytes < 512 * 1024, "{bytes}");
}
