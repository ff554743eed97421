//! What nobody can do to others, and that nobody waits for ever.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A line of this many bytes, of which each is an x.
fn line(bytes: usize) -> Vec<u8> {
    [&vec![b'x'; bytes - 1][..], b"\n"].concat()
}

impl World {
    /// Whether somebody who reads everything was sent a line with this text.
    fn hears(&mut self, id: Id, text: &str) -> bool {
        while self.takes(id, usize::MAX) > 0 {}
        self.lines(id).iter().any(|line| line.contains(text))
    }

    fn pending(&mut self, id: Id) -> usize {
        self.hub.outbox(id).map_or(0, |outbox| outbox.pending())
    }

    /// Everybody reads everything, and nobody remembers it: it may be a gigabyte.
    fn discards_everything(&mut self) {
        let everybody: Vec<_> = self.clients.iter().copied().chain([OPERATOR]).collect();
        let mut discards = |id: &Id| {
            let taken = self.takes(*id, usize::MAX);
            self.sent.remove(id);
            taken
        };
        while everybody.iter().map(&mut discards).sum::<usize>() > 0 {}
    }

    /// All these say this in one batch. Returns when the hub next looks for new events.
    fn say_in_one_batch(&mut self, said: &[(Id, Vec<u8>)]) {
        for (id, said) in said {
            self.hub.handle(Event::Read(*id, Buffer::with_input(said)), self.moment());
        }
        self.hub.handle_timeout(self.moment());
    }
}

#[test]
fn a_slow_reader_who_was_the_first_to_speak_beside_another_slow_reader_is_disconnected_too() {
    let mut world = World::new(Settings { operator: false, ..settings() });
    let [speaker, first, second] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|a| world.joins_from(a).unwrap());
    // Both outboxes are full afterwards, and nobody waits yet.
    world.says(speaker, &line(500).repeat(140));
    assert!(!world.waits(speaker));
    world.says(first, &line(500));
    while world.takes(speaker, usize::MAX) > 0 {}
    world.says(speaker, &line(500).repeat(200));
    for _ in 0..60 {
        for id in [speaker, second] {
            while world.takes(id, usize::MAX) > 0 {}
        }
        world.passes(SECOND / 10);
    }
    assert!(world.has_stalled(speaker, "user2") && !world.waits(speaker));
}

#[test]
fn answers_to_all_commands_wait_for_capacity() {
    for command in ["/name hub", "/name a\n/name b", "/join hub", "/join lobby", "/help", "/msg nobody hello"]
    {
        let mut world = World::new(settings());
        let client = world.joins();
        for _ in 0..20 {
            if !world.said.contains_key(&client) || !world.waits(client) {
                world.says(client, format!("{command}\n").repeat(1000).as_bytes());
            }
        }
        assert!(world.pending(client) < 256 * 1024, "{command}: {}", world.pending(client));
        world.settles();
        assert!(!world.waits(client), "{command}");
    }
}

#[test]
fn nobody_waits_for_ever_to_answer_somebody_who_leaves_without_reading() {
    let mut world = World::new(settings());
    let (alice, bob) = (world.joins(), world.joins());
    world.settles();
    world.says(bob, b"/msg user1 hello\n");
    world.says(alice, &b"/reply ".iter().copied().chain(line(900)).collect::<Vec<_>>().repeat(200));
    assert!(world.waits(alice));
    world.says(bob, b"88\n");
    world.takes(alice, usize::MAX);
    assert!(!world.waits(alice));
    for _ in 0..20 {
        world.takes(alice, usize::MAX);
        world.passes(SECOND);
    }
    assert!(world.gone.contains(&bob) && !world.waits(alice));
    world.settles();
    let lines = world.lines(alice);
    assert_eq!(lines.iter().filter(|line| line.starts_with("* user2 ")).count(), 2, "joined and left");
}

#[test]
fn private_messages_to_the_operator_go_on_when_the_screen_accepts_nothing() {
    let mut world = World::new(settings());
    let alice = world.joins();
    world.says(alice, &[&b"/msg operator "[..], &line(900)].concat().repeat(400));
    assert!(world.waits(alice));
    for _ in 0..6 {
        world.passes(SECOND);
    }
    assert!(!world.waits(alice));
    world.settles();
    let lines = world.lines(OPERATOR);
    let missed = lines.iter().find(|line| line.contains("lines were not shown")).unwrap();
    let missed: usize = missed.split(' ').nth(2).unwrap().parse().unwrap();
    let seen = lines.iter().filter(|line| line.starts_with("[user1 -> you] ")).count();
    assert_eq!(seen + missed, 400 + usize::from(!lines.iter().any(|line| line == "* user1 joined")));
}

#[test]
fn one_line_does_not_wait_until_all_clients_of_another_address_have_had_their_turn() {
    let mut world = World::new(Settings { outbox: 1 << 30, ..settings() });
    let [alice, heavy, bob] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|a| world.joins_from(a).unwrap());
    let others = world.join_many("10.6.6.6", 300);
    world.says(heavy, &line(500).repeat(100));
    for (who, said) in [(alice, "from alice"), (heavy, "from another"), (OPERATOR, "/kick user300")] {
        world.discards_everything();
        world.passes(SECOND * 6);
        world.says(heavy, &line(500).repeat(100));
        world.discards_everything();
        let mut batch: Vec<_> = others[..290].iter().map(|id| (*id, line(500).repeat(25))).collect();
        batch.push((who, format!("{said}\n").into()));
        world.say_in_one_batch(&batch);
        let outbox = world.hub.outbox(bob).unwrap().queue().unwrap().copy(usize::MAX);
        let outbox = String::from_utf8(outbox).unwrap();
        assert!(outbox.contains(said.strip_prefix("/kick ").unwrap_or(said)), "{said}");
        world.act();
    }
}

#[test]
fn new_names_that_are_announced_together_fill_a_full_outbox_no_faster_than_what_is_said() {
    let mut world = World::new(Settings { operator: false, ..settings() });
    let [alice, slow] = ["10.0.0.1", "10.0.0.2"].map(|a| world.joins_from(a).unwrap());
    let many = world.join_many("10.6.6.6", 1200);
    let reads = |world: &mut World| {
        for id in many.iter().chain([&alice]) {
            while world.takes(*id, usize::MAX) > 0 {}
        }
        world.sent.clear();
    };
    world.passes(SECOND * 60);
    while world.takes(slow, usize::MAX) > 0 {}
    world.says(alice, &line(500).repeat(140));
    reads(&mut world);
    let before = world.pending(slow);
    assert!(before > OUTBOX);
    for round in 0..4 {
        for (n, id) in many.iter().enumerate() {
            if !world.said.contains_key(id) || !world.waits(*id) {
                let letter = ["a", "b", "c", "d"][round];
                world.says(*id, format!("/name {}{n:04}\n", letter.repeat(28)).as_bytes());
            }
        }
        world.passes(SECOND);
        reads(&mut world);
    }
    let added = world.pending(slow) - before;
    assert!(!world.gone.contains(&slow) && added < 300 * 1024, "{added}");
}

#[test]
fn a_private_message_does_not_wait_because_clients_of_another_address_have_sent_so_many() {
    let mut world = World::new(settings());
    let [alice, bob] = ["10.0.0.1", "10.0.0.2"].map(|a| world.joins_from(a).unwrap());
    let many = world.join_many("10.6.6.6", 60);
    world.passes(SECOND * 60);
    world.settles();
    for id in &many {
        world.says(*id, &[&b"/msg user3 "[..], &line(900)].concat().repeat(100));
    }
    world.says(alice, &[&b"/msg user3 "[..], &line(900)].concat());
    world.says(alice, b"can you hear me?\n");
    assert!(world.hears(bob, "can you hear me?"));
}

#[test]
fn who_floods_with_commands_leaves_memory_for_what_others_say() {
    let mut world = World::new(Settings { operator: false, outbox: 1 << 20, ..settings() });
    let [alice, paused] = ["10.0.0.1", "10.0.0.2"].map(|a| world.joins_from(a).unwrap());
    let many = world.join_many("10.6.6.6", 700);
    world.passes(SECOND * 60);
    while world.takes(paused, usize::MAX) > 0 {}
    many.iter().for_each(|id| world.says(*id, &b"/help\n".repeat(200)));
    for _ in 0..20 {
        world.says(alice, b"a line now and then\n");
        world.passes(SECOND);
    }
    assert!(!world.gone.contains(&paused));
    assert!(world.hears(paused, "a line now and then"));
}

#[test]
fn who_reads_nothing_in_many_rooms_of_their_own_takes_the_memory_only_for_a_moment() {
    let mut world = World::new(Settings { operator: false, outbox: 1 << 20, ..settings() });
    let [alice, paused] = ["10.0.0.1", "10.0.0.2"].map(|a| world.joins_from(a).unwrap());
    let many = world.join_many("10.6.6.6", 120);
    for (n, id) in many.iter().enumerate() {
        world.says(*id, format!("/join room{}\n", n / 2).as_bytes());
    }
    world.passes(SECOND * 60);
    world.settles();
    for pair in many.chunks(2) {
        world.says(pair[0], &line(500).repeat(1800));
    }
    for _ in 0..20 {
        world.says(alice, b"a line now and then\n");
        while world.takes(alice, usize::MAX) > 0 {}
        world.passes(SECOND);
    }
    assert!(!world.gone.contains(&paused));
    // Somebody who pastes much has all of an outbox again.
    world.says(alice, &line(500).repeat(1500));
    assert!(!world.waits(alice));
}

#[test]
fn who_says_much_is_heard_within_some_seconds_although_somebody_elses_outbox_is_full_all_the_time() {
    let mut world = World::new(Settings { operator: false, ..settings() });
    let [heavy, bob] = ["10.0.0.1", "10.0.0.2"].map(|a| world.joins_from(a).unwrap());
    // These fill the outboxes of the others, who read enough to owe nothing, and never all of them at the same time.
    let fillers = world.join_many("10.6.6.6", 20);
    let readers = world.join_many("10.6.6.6", 8);
    world.passes(SECOND * 60);
    world.settles();
    world.says(heavy, &line(500).repeat(2000));
    for (n, id) in readers.iter().enumerate() {
        let pending = world.pending(*id);
        world.takes(*id, pending.saturating_sub(if n == 0 { 100_000 } else { 30_000 + 8_000 * n }));
    }
    for tenths in 0..300 {
        let filler = fillers[tenths % 10 * 2];
        if !world.said.contains_key(&filler) || !world.waits(filler) {
            world.says(filler, &line(970).repeat(3));
        }
        for id in &readers {
            let pending = world.pending(*id);
            if pending > OUTBOX + 24 * 1024 {
                world.takes(*id, pending - OUTBOX / 2 + 4096);
            }
        }
        for id in fillers.iter().chain([&heavy, &bob]) {
            while world.takes(*id, usize::MAX) > 0 {}
        }
        if tenths % 100 == 0 {
            world.sent.clear();
        }
        if !world.waits(heavy) {
            world.says(heavy, &line(500).repeat(2000));
        }
        world.passes(SECOND / 10);
        if tenths % 100 == 99 {
            assert!(world.hears(bob, "<user1> x"), "{tenths}");
        }
    }
}

#[test]
fn a_client_to_whom_nothing_can_be_written_holds_nobody_up_even_when_memory_is_short() {
    let mut world = World::new(Settings { operator: false, outbox: 1 << 20, ..settings() });
    let speakers = world.join_many("10.0.0.1", 40);
    let readers = world.join_many("10.6.6.6", 40);
    let [alice, broken] = ["10.0.0.2", "10.0.0.3"].map(|a| world.joins_from(a).unwrap());
    world.handle(Event::WriteFailed(broken, io::ErrorKind::BrokenPipe.into()));
    world.passes(SECOND * 60);
    for n in 0..40 {
        for id in [speakers[n], readers[n]] {
            world.says(id, format!("/join room{n}\n").as_bytes());
        }
    }
    world.settles();
    speakers.iter().for_each(|id| world.says(*id, &line(500).repeat(3000)));
    world.says(alice, &line(500).repeat(200));
    assert!(!world.waits(alice));
}

#[test]
fn a_room_is_not_told_of_many_slow_readers_at_once() {
    let mut world = World::new(Settings { operator: false, ..settings() });
    let alice = world.joins_from("10.0.0.1").unwrap();
    world.join_many("10.6.6.6", 100);
    world.passes(SECOND * 60);
    world.says(alice, &line(500).repeat(300));
    for _ in 0..30 {
        while world.takes(alice, usize::MAX) > 0 {}
        world.passes(SECOND / 10);
    }
    let told = world.lines(alice).iter().filter(|line| line.contains("the room waits for")).count();
    assert!((1..=4).contains(&told), "{told}");
}

#[test]
fn an_operator_who_changes_rooms_while_lines_wait_waits_only_for_the_new_room() {
    let mut world = World::new(settings());
    let [one, _slow, other, slow_too] = [(); 4].map(|()| world.joins());
    for id in [other, slow_too] {
        world.says(id, b"/join tea\n");
    }
    world.passes(SECOND * 60);
    world.settles();
    for id in [one, other] {
        world.says(id, &line(500).repeat(140));
    }
    while world.takes(OPERATOR, usize::MAX) > 0 {}
    world.says(OPERATOR, &[&line(500).repeat(200)[..], b"/join tea\n"].concat());
    for id in [other, slow_too, OPERATOR].repeat(5) {
        while world.takes(id, usize::MAX) > 0 {}
    }
    assert!(world.lines(other).iter().filter(|line| line.starts_with("<@operator> x")).count() > 100);
}

#[test]
fn what_the_operator_pipes_in_is_bounded_too() {
    for command in ["/kick nobody", "/ban nothing", "/who", "/name x\n/name y"] {
        let mut world = World::new(settings());
        world.joins();
        (0..10).for_each(|_| world.says(OPERATOR, format!("{command}\n").repeat(1000).as_bytes()));
        assert!(world.pending(OPERATOR) < 256 * 1024, "{command}: {}", world.pending(OPERATOR));
    }
    let mut world = World::new(Settings { transcribed: true, ..settings() });
    world.handle(Event::TranscriptBehind(true));
    world.says(OPERATOR, &b"/join a\n/join b\n/name x\n/name y\n".repeat(1000));
    world.settles();
    assert!(world.recorded.len() < 10, "{}", world.recorded.len());
    world.handle(Event::TranscriptBehind(false));
    world.settles();
    assert!(!world.waits(OPERATOR));
}

#[test]
fn the_end_of_a_long_line_without_a_newline_is_not_lost_with_the_connection() {
    let mut world = World::new(Settings { max_line: 64 * 1024, ..settings() });
    let (alice, bob) = (world.joins(), world.joins());
    world.settles();
    let said = vec![b'x'; 64 * 1024 + 1];
    world.says(alice, &said[..10]);
    world.hub.handle(Event::Read(alice, Buffer::with_input(&said[10..])), world.moment());
    world.ends(alice, Ok(()));
    world.settles();
    let heard: usize = world.lines(bob).iter().map(|line| line.matches('x').count()).sum();
    assert_eq!(heard, said.len());
}

#[test]
fn long_lines_to_full_outboxes_hold_up_nobody_who_says_little() {
    let mut world = World::new(Settings { max_line: 1 << 20, outbox: 1 << 20, ..settings() });
    let [alice, bob] = ["10.0.0.1", "10.0.0.2"].map(|a| world.joins_from(a).unwrap());
    let many = world.join_many("10.6.6.6", 20);
    world.passes(SECOND * 60);
    world.settles();
    for id in &many[1..] {
        world.says(*id, &line((1 << 20) - 100));
        while world.takes(bob, usize::MAX) > 0 {}
    }
    world.says(alice, b"can you hear me?\n");
    assert!(world.hears(bob, "can you hear me?"));
}
