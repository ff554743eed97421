//! How hubs end, and what the others hear of that.

use super::talk::{Record, Talk};
use super::*;
use rustix::process::Signal;

#[test]
fn the_last_words_of_a_hub_that_ends_arrive_and_its_names_are_free_at_once() {
    for (signal, code) in [(None, 0), (Some(Signal::TERM), 143)] {
        let (_redis, mut hubs) = three_hubs();
        let [mut ada, mut bob, mut carol] = three_members(&hubs);
        (0..100).for_each(|number| ada.says(&format!("line {number}")));
        // They are said before the hub hears that it ends.
        ada.catches_up();
        match signal {
            Some(signal) => hubs[0].program.signal(signal),
            None => hubs[0].program.types("88\n"),
        }
        ada.hears_88();
        hubs[0].program.exits(code);
        let ended = "* hub: the hub east has ended, and 2 members of this room with it";
        for client in [&mut bob, &mut carol] {
            let heard = client.hears_until(ended);
            assert_eq!(heard, (0..100).map(|number| format!("<ada> line {number}")).collect::<Vec<_>>());
        }
        let mut ada = bob.calls_themselves("ada");
        carol.hears_next("* bob is now ada");
        assert_eq!(who(&mut ada).len(), 4);
    }
}

#[test]
fn what_other_hubs_said_last_is_heard_before_a_hub_ends() {
    let (_redis, mut hubs) = three_hubs();
    let [ada, mut bob, carol] = three_members(&hubs);
    bob.says("one more thing");
    bob.sends("88\n");
    hubs[0].program.out.wait_for("* bob left\n");
    hubs[0].program.types("88\n");
    assert_eq!(ada.hears_88(), ["<bob> one more thing", "* bob left"]);
    hubs[0].program.exits(0);
    drop(carol);
}

#[test]
fn a_hub_that_ends_while_redis_is_away_says_that_something_was_not_shown() {
    let (mut redis, mut hubs) = three_hubs();
    let [mut ada, bob, carol] = three_members(&hubs);
    redis.kill();
    ada.hears_until_one(|line| line.starts_with(DOWN));
    ada.says("does anybody hear me?");
    ada.catches_up();
    hubs[0].program.types("88\n");
    ada.hears_88();
    hubs[0].program.exits(1);
    hubs[0].program.err.wait_for("what was said last was not shown");
    drop((bob, carol));
}

#[test]
fn a_hub_that_is_killed_is_announced_once_at_each_other_hub_and_its_names_are_free() {
    let (_redis, mut hubs) = three_hubs();
    let mut talk = Talk::begins(&hubs);
    talk.goes_on(20);
    hubs[0].program.kill();
    let others = talk.talkers.split_off(2);
    let mut record = Record::default();
    for talker in talk.talkers {
        let cut = talker.was_cut_off();
        record.stays.extend(cut.stays);
        record.held.extend(cut.held);
    }
    let mut talk = Talk { talkers: others };
    talk.goes_on(20);
    talk.settles();
    let gone = "* hub: the hub east is gone, and 3 members of this room with it";
    talk.is_told(gone);
    assert!(talk.talkers[0].renames("speaker-east"));
    assert!(talk.talkers[2].renames("listener-east"));
    talk.settles();
    let heard = talk.ends();
    heard.was_told(gone, 1);
    record.stays.extend(heard.stays);
    record.held.extend(heard.held);
    record.is_in_order();
}
