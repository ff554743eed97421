//! What the hub sends is understood by those who show it: `rules::said` parses what `rules::hub` formats, and a view of a
//! member's lines knows where the member is.

use super::*;
use threadchat::rules::said::{News, Said};
use threadchat::terminal::{Timestamps, View};

/// Lines of one member, each with what it says in short.
fn understood(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| understand(line)).collect()
}

fn understand(line: &str) -> String {
    let said = Said::parse(line);
    match said {
        Said::Text { from, text } => format!("{from} says {text}"),
        Said::Emote { from, text } => format!("{from} does {text}"),
        Said::Private { from, text } => format!("{from} whispers {text}"),
        Said::Other(line) => unreachable!("no hub sends {line:?}"),
        Said::Answer(_) | Said::Announcement(_) => match said.news() {
            None => "nothing".to_owned(),
            Some(News::Welcome { room, name }) => format!("{name} is in {room}"),
            Some(News::YouAreNow(name)) => format!("I am {name}"),
            Some(News::Joined(name)) => format!("{name} came"),
            Some(News::Left(name)) => format!("{name} went"),
            Some(News::Present(present)) => present.names().collect::<Vec<_>>().join("+"),
            Some(News::Renamed(renamed)) => {
                let pairs: Vec<_> = renamed.names().map(|(old, new)| format!("{old}={new}")).collect();
                pairs.join(" ")
            }
        },
    }
}

impl World {
    /// What somebody understands while this happens.
    fn understands(&mut self, id: Id, happens: impl FnOnce(&mut Self)) -> Vec<String> {
        understood(&self.heard(id, happens))
    }
}

#[test]
fn a_newcomer_learns_the_room_the_own_name_and_who_is_there() {
    let motd = vec!["welcome to the chess club".to_owned()];
    let mut world = World::new(Settings { motd, ..settings() });
    let ann = world.joins();
    world.settles();
    assert_eq!(understood(&world.lines(ann)), ["nothing", "user1 is in lobby", "user1+@operator"]);
    assert_eq!(world.understands(ann, |world| world.says(ann, b"/name Zo\xc3\xab\n")), ["I am Zoë"]);
    let moved = world.understands(ann, |world| world.says(ann, b"/join tea\n"));
    assert_eq!(moved, ["Zoë is in tea", "Zoë"]);
}

#[test]
fn what_others_say_and_do_is_understood() {
    let mut world = World::new(settings());
    let [ann, bob] = world.join_as(["ann", "bob"]);
    let heard = world.understands(ann, |world| {
        world.says(bob, b"* ann left\n/me waves\n/msg ann psst\n/name robert\n");
        world.says(OPERATOR, b"hello\n/name boss\nhello\n");
    });
    let expected = [
        "bob says * ann left",
        "bob does waves",
        "bob whispers psst",
        "bob=robert",
        "@operator says hello",
        "@operator=@boss",
        "@boss says hello",
    ];
    assert_eq!(heard, expected);
}

#[test]
fn every_way_to_come_and_go_is_understood() {
    type Way = fn(&mut World, Id);
    let ways: [Way; 8] = [
        |world, id| world.says(id, b"88\n"),
        |world, id| world.says(id, b"/quit\n"),
        |world, id| world.says(id, b"/join tea\n"),
        |world, id| world.ends(id, Ok(())),
        |world, id| world.ends(id, Err(io::ErrorKind::ConnectionReset.into())),
        |world, _| world.says(OPERATOR, b"/kick carol\n"),
        |world, _| world.says(OPERATOR, b"/ban 10.0.0.9\n"),
        |world, id| {
            let silent =
                PeerState { unconfirmed: 1, silent: Duration::from_secs(60), ..PeerState::default() };
            world.states.insert(id, Some(silent));
            world.passes(Duration::from_secs(60));
        },
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let mut world = World::new(settings());
        let [ann] = world.join_as(["ann"]);
        let heard = world.understands(ann, |world| {
            let id = world.joins_from("10.0.0.9").unwrap();
            world.says(id, b"/name carol\n");
            world.settles();
            way(world, id);
        });
        assert_eq!(heard, ["user2 came", "user2=carol", "carol went"], "way {number}");
    }
}

#[test]
fn somebody_for_whom_the_room_waited_too_long_is_understood_to_have_gone() {
    let mut world = World::new(settings());
    let [ann, bob, _carol] = world.join_as(["ann", "bob", "carol"]);
    world.says(bob, &b"a line of some length, which is said many times\n".repeat(3000));
    for _ in 0..60 {
        world.passes(Duration::from_millis(100));
        world.takes(ann, usize::MAX);
        world.takes(OPERATOR, usize::MAX);
    }
    let mut understood = understood(&world.lines(ann));
    understood.retain(|line| !line.starts_with("bob says"));
    // The room was told for whom it waits.
    assert_eq!(understood[understood.len() - 2..], ["nothing", "carol went"]);
}

#[test]
fn a_crowd_that_comes_is_renamed_and_goes_is_understood() {
    let mut world = World::new(settings());
    let [ann] = world.join_as(["ann"]);
    let mut crowd = Vec::new();
    let heard = world.understands(ann, |world| {
        crowd = world.join_many("127.0.0.1", 12);
        world.says(crowd[10], b"hello\n");
        world.passes(Duration::from_secs(1));
        world.says(crowd[11], b"hello\n");
    });
    let last = ["user12 came", "user12 says hello", "nothing", "user13 came", "user13 says hello"];
    assert_eq!(heard[10..], last);
    let heard = world.understands(ann, |world| {
        for (n, id) in crowd.iter().enumerate() {
            world.says(*id, format!("/name n{n}\n").as_bytes());
        }
        world.passes(Duration::from_secs(1));
    });
    assert_eq!(heard[9..], ["user11=n9", "user12=n10 user13=n11"]);
    let heard = world.understands(ann, |world| {
        crowd.iter().for_each(|id| world.says(*id, b"88\n"));
        world.passes(Duration::from_secs(1));
    });
    assert_eq!(heard[9..], ["n9 went", "nothing"]);
}

#[test]
fn the_answers_to_commands_are_understood() {
    let mut world = World::new(settings());
    let [ann, _bob] = world.join_as(["ann", "bob"]);
    let who = world.understands(ann, |world| world.says(ann, b"/who\n"));
    assert_eq!(who, ["bob+ann+@operator"]);
    // With their addresses.
    let who = world.understands(OPERATOR, |world| world.says(OPERATOR, b"/who\n"));
    assert_eq!(who, ["bob+ann+@operator"]);
    let moved = world.understands(OPERATOR, |world| world.says(OPERATOR, b"/name boss\n/join tea\n"));
    assert_eq!(moved, ["I am @boss", "@boss is in tea", "@boss"]);
    let commands = [
        "/rooms",
        "/help",
        "/name",
        "/name hub",
        "/name bob",
        "/msg nobody hi",
        "/reply hi",
        "/ignore bob",
        "/ignore bob",
        "/ignore ann",
        "/join lobby",
        "/join !",
        "/part",
        "/welcome to x, y",
        "/kick bob",
    ];
    for command in commands {
        world.passes(Duration::from_secs(60));
        let heard = world.understands(ann, |world| world.says(ann, format!("{command}\n").as_bytes()));
        assert!(!heard.is_empty() && heard.iter().all(|line| line == "nothing"), "{command}: {heard:?}");
    }
    for command in ["/behind", "/kick nobody", "/ban nobody", "/ban 10.0.0.9", "/help"] {
        let heard =
            world.understands(OPERATOR, |world| world.says(OPERATOR, format!("{command}\n").as_bytes()));
        assert!(!heard.is_empty() && heard.iter().all(|line| line == "nothing"), "{command}: {heard:?}");
    }
}

#[test]
fn a_caller_who_is_refused_gets_an_answer_of_the_hub() {
    let stamp = Stamp::at(OffsetDateTime::UNIX_EPOCH);
    for refusal in [Refusal::Full(1), Refusal::FullForAddress(1), Refusal::NotAllowed, Refusal::Ending] {
        let line = String::from_utf8(refusal.line(&stamp)).unwrap();
        assert_eq!(understand(line[27..].trim_end()), "nothing");
    }
}

/// The view of somebody who has just got all these lines.
fn view(lines: &[u8]) -> View {
    let mut view = View::new(Timestamps::Short, false, false);
    view.begin("10.0.0.9:21567");
    view.messages(lines, &Stamp::at(OffsetDateTime::UNIX_EPOCH), &mut Vec::new());
    view
}

#[test]
fn the_names_that_can_be_completed_are_those_who_are_there() {
    let mut world = World::new(settings());
    let [ann, bob, carol, dave] = world.join_as(["ann", "bob", "carol", "dave"]);
    world.says(bob, b"hello\n/name robert\n");
    world.says(carol, b"88\n");
    world.says(dave, b"hello\n");
    world.settles();
    let (anns, daves) = (view(&world.sent[&ann]), view(&world.sent[&dave]));
    assert_eq!(anns.prompt(), "lobby ann");
    assert_eq!(anns.names(), ["dave", "robert", "@operator"]);
    assert_eq!(daves.names(), ["robert", "ann", "@operator"]);
    assert!(anns.commands().contains(&"/join") && !anns.commands().contains(&"/kick"));
    let mut operators = View::new(Timestamps::Short, false, false);
    operators.operate("lobby", "@operator");
    operators.messages(&world.sent[&OPERATOR], &Stamp::at(OffsetDateTime::UNIX_EPOCH), &mut Vec::new());
    assert_eq!(operators.prompt(), "lobby @operator");
    assert_eq!(operators.names(), ["dave", "robert", "ann"]);
    assert!(operators.commands().contains(&"/kick"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_happens_every_line_is_understood_and_the_prompt_is_right(
        ops in prop::collection::vec((0..6_usize, 0..9_u8, 0..10_usize), 1..120),
    ) {
        let mut world = World::new(settings());
        let mut present: Vec<Id> = world.join_many("127.0.0.1", 4);
        for (who, op, name) in ops {
            let id = present.get(who).copied().unwrap_or(OPERATOR);
            let name = NAMES[name];
            match op {
                0 => present.push(world.joins()),
                1 if id != OPERATOR => {
                    world.says(id, b"88\n");
                    present.retain(|other| *other != id);
                }
                2 | 3 => world.says(id, format!("/name {name}\n").as_bytes()),
                4 => world.says(id, format!("/join {name}\n").as_bytes()),
                5 => world.says(id, format!("/msg {name} <ann> hi\n/me * hub: you are now x\n/who\n").as_bytes()),
                6 => world.says(id, b"/part\n/nick\n/rooms\n"),
                7 => world.says(id, "* hub: welcome to x, y; 88 leaves, /help lists the commands\n".repeat(30).as_bytes()),
                _ => world.passes(Duration::from_millis(700)),
            }
            world.settles();
        }
        // The rates of some commands are limited.
        for _ in 0..100 {
            world.passes(Duration::from_secs(3));
            world.settles();
        }
        for id in present.iter().copied().chain([OPERATOR]) {
            world.says(id, b"/who\n");
            world.settles();
            let lines = world.lines(id);
            understood(&lines);
            let mut seen = View::new(Timestamps::Short, false, false);
            if id == OPERATOR {
                seen.operate("lobby", "@operator");
            }
            seen.messages(&world.sent[&id], &Stamp::at(OffsetDateTime::UNIX_EPOCH), &mut Vec::new());
            // What the hub itself says: `N are in ROOM: ...`, and who cannot get a private message of this member.
            let room = lines.last().unwrap().split([' ', ':']).nth(6).unwrap();
            let own = world.answer(id, "/msg nobody hi");
            prop_assert_eq!(own, "* hub: nobody here is called nobody");
            let prompt = seen.prompt();
            let (shown_room, name) = prompt.split_once(' ').unwrap();
            prop_assert_eq!(shown_room, room);
            let own = world.answer(id, &format!("/msg {name} it is me"));
            prop_assert_eq!(own, "* hub: you cannot send a private message to yourself");
        }
    }
}
