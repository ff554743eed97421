//! What is said at one hub is heard at all of them.

use super::talk::{Record, Talker};
use super::*;
use serde_json::Value;
use std::thread;

#[test]
fn a_line_is_heard_at_every_hub_and_not_echoed() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    ada.says("hello");
    ada.says("/me waves");
    bob.hears_next("<ada> hello");
    bob.hears_next("* <ada> waves");
    bob.says("hello, east");
    ada.hears_next("<bob> hello, east");
    let heard = hear_everything(&mut [&mut carol, &mut ada, &mut bob]);
    assert_eq!(heard[0], ["<ada> hello", "* <ada> waves", "<bob> hello, east"]);
    assert_eq!(heard[1], [""; 0]);
    hubs[2].program.out.wait_for("<bob> hello, east\n");
}

#[test]
fn all_who_speak_at_once_are_heard_in_one_order_at_all_hubs() {
    let (_redis, hubs) = three_hubs();
    let speakers = hubs.each_ref().map(|hub| Talker::joins(hub.port, &format!("speaker{}", hub.port)));
    let listeners = hubs.each_ref().map(|hub| Talker::listens(hub.port, &format!("listener{}", hub.port)));
    let mut talkers: Vec<_> = thread::scope(|scope| {
        let speaking = speakers.map(|mut speaker| {
            scope.spawn(move || {
                (0..300).for_each(|_| speaker.says());
                speaker
            })
        });
        speaking.map(|speaking| speaking.join().unwrap()).into()
    });
    talkers.extend(listeners);
    Record::default().complete(talkers).is_in_order();
}

#[test]
fn who_tells_at_which_hub_each_member_is() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, bob, carol] = three_members(&hubs);
    assert_eq!(
        who(&mut ada),
        set([
            "ada (on east)",
            "bob (on west)",
            "carol (on north)",
            "@operator/east (on east)",
            "@operator/west (on west)",
            "@operator/north (on north)",
        ])
    );
    drop((bob, carol));
}

#[test]
fn a_room_is_the_same_one_at_all_hubs() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    ada.says("/join tea");
    ada.hears("* hub: welcome to tea, ada; 88 leaves, /help lists the commands");
    ada.hears_next("* hub: 1 is here: ada (on east)");
    ada.says("is the tea ready?");
    bob.hears_next("* ada left for tea");
    carol.hears_next("* ada left for tea");
    bob.says("/join tea");
    bob.hears_next("* hub: welcome to tea, bob; 88 leaves, /help lists the commands");
    bob.hears_next("* hub: 2 are here: bob (on west), ada (on east)");
    bob.hears_next("<ada> is the tea ready?");
    ada.hears_next("* bob joined");
    bob.says("it is");
    ada.hears_next("<bob> it is");
    carol.hears_next("* bob left for tea");
    carol.is_answered("/rooms", "2 rooms: lobby (4), tea (2)");
    bob.says("/part");
    ada.hears_next("* bob left for lobby");
    carol.hears_next("* bob joined");
    carol.says("/who");
    let (before, _) = carol.hears_until_one(|line| present(line).is_some());
    assert_eq!(before, [""; 0], "nothing of the other room");
}

#[test]
fn what_follows_a_change_of_rooms_is_said_in_the_new_room() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    carol.says("/join tea");
    ada.hears("* carol left for tea");
    bob.hears("* carol left for tea");
    ada.sends("in the lobby\n/join tea\nin the tea room\n/name adam\nas adam\n");
    bob.hears_next("<ada> in the lobby");
    bob.hears_next("* ada left for tea");
    carol.hears("* ada joined");
    carol.hears_next("<ada> in the tea room");
    carol.hears_next("* ada is now adam");
    carol.hears_next("<adam> as adam");
}

#[test]
fn joining_leaving_and_new_names_are_announced_once_at_each_hub() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    let dan = Client::joins(hubs[0].port);
    let newcomer = dan.name.clone();
    let dan = dan.calls_themselves("dan");
    dan.leaves();
    let erin = hubs[0].member("erin");
    erin.ends_without_88();
    let expected =
        [format!("* {newcomer} joined"), format!("* {newcomer} is now dan"), "* dan left".to_owned()];
    bob.hears("* erin left without 88");
    for heard in hear_everything(&mut [&mut ada, &mut carol, &mut bob]) {
        assert_eq!(heard[..3], expected);
        let erin = &heard[3..];
        assert!(erin[0].ends_with(" joined") && erin[1].ends_with(" is now erin"), "{erin:?}");
        assert_eq!(erin[2..], ["* erin left without 88"]);
    }
}

#[test]
fn a_newcomer_sees_what_was_said_before_at_other_hubs() {
    let redis = Redis::start();
    let east = Hub::joins(&redis, "east", &[]);
    let west = Hub::joins(&redis, "west", &[]);
    let (mut ada, mut bob) = (east.member("ada"), west.member("bob"));
    catch_up(&mut [&mut bob, &mut ada]);
    ada.says("one");
    bob.hears_next("<ada> one");
    bob.says("two");
    ada.hears_next("<bob> two");
    ada.sends("/me counts\n/join tea\nin another room\n");
    bob.hears("* ada left for tea");
    let shown = |hub: &Hub| {
        let history = Client::joins(hub.port).heard_so_far();
        let said: Vec<_> = history.into_iter().filter(|line| !line.contains("quiet now")).collect();
        said.into_iter()
            .filter(|line| line.contains('<') && !line.contains("that was all"))
            .collect::<Vec<_>>()
    };
    let expected = ["<ada> one", "<bob> two", "* <ada> counts"];
    assert_eq!(shown(&west), expected, "at a hub that was there");
    let north = Hub::joins(&redis, "north", &[]);
    assert_eq!(shown(&north), expected, "at a hub that came later");
    let mut carol = Client::joins(north.port);
    carol.says("/join tea");
    carol.hears("<ada> in another room");
}

#[test]
fn a_private_message_and_the_reply_cross_from_hub_to_hub() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    ada.says("/msg bob between us");
    bob.hears_next("[ada -> you] between us");
    bob.says("/reply only you");
    ada.hears_next("[bob -> you] only you");
    carol.says("/join tea");
    ada.hears_next("* carol left for tea");
    ada.says("/msg carol in another room");
    carol.hears("[ada -> you] in another room");
    carol.is_answered("/msg dan hello", "nobody here is called dan");
    carol.leaves();
    wait_until("east knows that carol has left", || {
        ada.says("/msg carol are you there?");
        let (_, answer) = ada.hears_until_one(|line| line.starts_with("* hub: "));
        answer == "* hub: nobody here is called carol"
    });
    bob.has_heard(&["* carol left for tea"]);
}

#[test]
fn who_is_ignored_is_not_heard_from_another_hub() {
    let (_redis, hubs) = three_hubs();
    let [mut ada, mut bob, mut carol] = three_members(&hubs);
    bob.is_answered("/ignore ada", "you now ignore ada");
    ada.says("can bob hear me?");
    ada.says("/msg bob can you hear me?");
    ada.hears_next("* hub: bob ignores you");
    carol.hears_next("<ada> can bob hear me?");
    carol.says("bob can hear me");
    bob.hears_next("<carol> bob can hear me");
}

#[test]
fn a_transcript_has_what_was_said_at_another_hub_and_no_private_messages() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("transcript");
    let redis = Redis::start();
    let east = Hub::joins(&redis, "east", &[]);
    let mut west = Hub::joins(&redis, "west", &["--transcript", file.to_str().unwrap()]);
    let (mut ada, mut bob) = (east.member("ada"), west.member("bob"));
    ada.says("/msg bob secret");
    ada.says("for all");
    bob.hears("<ada> for all");
    bob.says("also");
    ada.hears("<bob> also");
    west.program.types("88\n");
    bob.hears_88();
    west.program.exits(0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let said: Vec<_> = entries.filter(|entry| entry["event"] == "said").collect();
    let said: Vec<_> = said.iter().map(|entry| [&entry["name"], &entry["room"], &entry["text"]]).collect();
    assert_eq!(said, [["ada", "lobby", "for all"], ["bob", "lobby", "also"]]);
}
